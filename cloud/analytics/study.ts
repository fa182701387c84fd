// Studies the days whose rollups have changed: their facts, the judgement of them and of the days that they are the
// pattern of, and the anomalies that follow.
//
// Invariants:
//   N1. What is found of a day depends on its hours and on those of the eight weeks before it, and on nothing else: studied
//       again, or in another order, it comes out the same.
//   N2. One service at a time has a point, and writes all that follows from what it took, or nothing.
//   N3. A point that was quiet costs nothing; one with new readings is studied at most once in each SETTLE_MS.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { addDays, dateOf, daySpan } from '../processor/civil-time.ts'
import {
  insertAnomaly,
  type KeptDay,
  lockAnalyses,
  selectAnomaliesFrom,
  selectDays,
  selectHalfDays,
  selectHours,
  takeAnalysesDue,
  updateAnomaly,
  withdrawAnomalies,
  writeDays,
} from '../store/analyses.ts'
import type { PointDay } from '../store/balances.ts'
import type { Database, Sql } from '../store/database.ts'
import { episodesOf, overlap, reconcile } from './episodes.ts'
import { type DayFacts, factsOf } from './facts.ts'
import { judge, PATTERN_DAYS } from './judge.ts'

/** Bounds of a round. */
export interface StudyLimits {
  /** How long a day that has changed is left alone, so that what comes with it comes in one. */
  settleMs: number
  pointsMax: number
  daysMax: number
}

/** What is usual. */
export const STUDY_LIMITS: StudyLimits = { settleMs: 5 * 60_000, pointsMax: 50, daysMax: 400 }

/** What a round did. */
export interface StudyOutcome {
  days: number
  opened: number
  closed: number
  withdrawn: number
}

/** Studies some of the days that wait, in one transaction. */
export function studyDue(
  { db, clock }: { db: Database; clock: Clock },
  limits: StudyLimits = STUDY_LIMITS,
): Promise<StudyOutcome> {
  const outcome: StudyOutcome = { days: 0, opened: 0, closed: 0, withdrawn: 0 }
  return db.transaction(async tx => {
    const now = clock.now()
    const today = dateOf(now)
    const due = await takeAnalysesDue(tx, limits)
    if (due.length === 0) {
      // A day that was over when nothing came any more is judged as one that is over.
      const half = await selectHalfDays(tx, { before: today, limit: limits.daysMax })
      if (half.length === 0) return outcome
      due.push(...half)
    }
    await lockAnalyses(
      tx,
      due.map(({ pointId }) => pointId),
    )
    const facts = await factsOfDays(tx, due)
    for (const [pointId, days] of Map.groupBy(due, one => one.pointId)) {
      await studyPoint(tx, { pointId, days, facts, now, today }, outcome)
    }
    return outcome
  })
}

async function factsOfDays(tx: Sql, due: readonly PointDay[]): Promise<Map<string, DayFacts>> {
  const spans = due.map(({ pointId, day }) => ({ pointId, day, ...daySpan(day) }))
  const hours = Map.groupBy(await selectHours(tx, spans), ({ pointId }) => pointId)
  const facts = new Map<string, DayFacts>()
  for (const { pointId, day, from, to } of spans) {
    const ofDay = (hours.get(pointId) ?? []).filter(({ at }) => at >= from && at < to)
    if (ofDay.length > 0) facts.set(`${pointId}/${day}`, factsOf(day, ofDay))
  }
  return facts
}

async function studyPoint(
  tx: Sql,
  {
    pointId,
    days,
    facts,
    now,
    today,
  }: {
    pointId: number
    days: readonly PointDay[]
    facts: ReadonlyMap<string, DayFacts>
    now: number
    today: string
  },
  outcome: StudyOutcome,
): Promise<void> {
  const due = days.map(({ day }) => day).sort()
  const first = due[0] ?? today
  const last = due.at(-1) ?? today
  const kept = new Map(
    (
      await selectDays(tx, {
        pointId,
        from: addDays(first, -PATTERN_DAYS),
        to: addDays(last, PATTERN_DAYS),
      })
    ).map(one => [one.day, one]),
  )
  const gone: string[] = []
  for (const day of due) {
    const found = facts.get(`${pointId}/${day}`)
    if (found === undefined) {
      if (kept.delete(day)) gone.push(day)
    } else kept.set(day, { day, facts: found, verdicts: {}, isWhole: day < today })
  }
  const judged = judgeAgain(kept, due)
  await writeDays(tx, { pointId, days: judged, gone, now })
  outcome.days += due.length
  await settleAnomalies(tx, { pointId, from: first, now }, outcome)
}

/** The changed days and those that they are the pattern of, judged. */
function judgeAgain(kept: ReadonlyMap<string, KeptDay>, changed: readonly string[]): KeptDay[] {
  const inOrder = [...kept.values()].sort((a, b) => (a.day < b.day ? -1 : 1))
  return inOrder.flatMap((one, index) => {
    const since = addDays(one.day, -PATTERN_DAYS)
    if (!changed.some(day => since <= day && day <= one.day)) return []
    const before = inOrder.slice(Math.max(0, index - PATTERN_DAYS), index).filter(({ day }) => day >= since)
    const verdicts = judge(
      one.facts,
      before.map(({ facts }) => facts),
      { isOver: one.isWhole },
    )
    return [{ ...one, verdicts }]
  })
}

/** So far back an anomaly is looked for that goes on: longer ones are known by what is stored of them. */
const EPISODE_REACH_DAYS = 60

async function settleAnomalies(
  tx: Sql,
  { pointId, from, now }: { pointId: number; from: string; now: number },
  outcome: StudyOutcome,
): Promise<void> {
  const reach = addDays(from, -EPISODE_REACH_DAYS)
  const touched = await selectAnomaliesFrom(tx, { pointId, from: reach })
  // From the first day of the first that is touched, so that each is seen whole.
  const [since = reach] = [reach, ...touched.map(({ firstDay }) => firstDay)].sort()
  const stored = since === reach ? touched : await selectAnomaliesFrom(tx, { pointId, from: since })
  const found = episodesOf(await selectDays(tx, { pointId, from: since, to: '9999-12-31' }))
  // What began earlier ended before anything that has changed.
  const earlier = stored.filter(({ firstDay }) => firstDay < since)
  const { insert, update, withdraw } = reconcile(
    stored.filter(one => !earlier.includes(one)),
    found.filter(one => !earlier.some(other => overlap(one, other))),
  )
  for (const anomaly of insert) await insertAnomaly(tx, pointId, anomaly, now)
  for (const { id, anomaly } of update) await updateAnomaly(tx, id, anomaly, now)
  if (withdraw.length > 0) await withdrawAnomalies(tx, withdraw, now)
  outcome.opened += insert.length
  outcome.closed += update.filter(({ was, anomaly }) => was === 'open' && anomaly.state === 'closed').length
  outcome.withdrawn += withdraw.length
}
