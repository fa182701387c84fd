// Anomalies as people hear of them: days in a row of which the same was found are one, from the first to the last.
//
// What is computed again comes out the same, and keeps its number: an anomaly that late data moves, joins or makes longer is
// the one that it overlaps. One that is not there any more is withdrawn, not deleted: somebody may have been told of it.

import type { Anomaly, StoredAnomaly } from '../store/analyses.ts'
import { ANOMALY_KINDS, type AnomalyKind, type Verdicts } from './judge.ts'

/** What was judged of a day. */
export interface JudgedDay {
  day: string
  isWhole: boolean
  verdicts: Verdicts
}

/** Days in a row, with what they found; of days in order. */
export function episodesOf(days: readonly JudgedDay[]): Anomaly[] {
  return ANOMALY_KINDS.flatMap(kind => episodesOfKind(kind, days))
}

function episodesOfKind(kind: AnomalyKind, days: readonly JudgedDay[]): Anomaly[] {
  const episodes: Anomaly[] = []
  let current: Anomaly | undefined
  for (const { day, isWhole, verdicts } of days) {
    const verdict = verdicts[kind]
    // A day that could not be judged neither ends an anomaly nor makes it longer.
    if (verdict === undefined) continue
    if (!verdict.isFound) {
      if (current !== undefined && isWhole) {
        current.state = 'closed'
        current = undefined
      }
      continue
    }
    const { score, evidence } = verdict
    if (current === undefined) {
      const begun = { kind, firstDay: day, lastDay: day, days: 0, state: 'open' as const }
      current = { ...begun, worstDay: day, score, evidence }
      episodes.push(current)
    }
    current.lastDay = day
    current.days += 1
    if (score > current.score) Object.assign(current, { worstDay: day, score, evidence })
  }
  return episodes
}

/** What is to be written so that what is stored says what was found. */
export interface AnomalyChanges {
  insert: Anomaly[]
  update: { id: number; was: StoredAnomaly['state']; anomaly: Anomaly }[]
  withdraw: number[]
}

/** Compares what was found with what is stored of the same days. Both of one point. */
export function reconcile(stored: readonly StoredAnomaly[], found: readonly Anomaly[]): AnomalyChanges {
  const changes: AnomalyChanges = { insert: [], update: [], withdraw: [] }
  const taken = new Set<number>()
  for (const anomaly of found) {
    const match = stored.find(one => !taken.has(one.id) && overlap(one, anomaly))
    if (match === undefined) {
      changes.insert.push(anomaly)
      continue
    }
    taken.add(match.id)
    if (!isSame(match, anomaly)) changes.update.push({ id: match.id, was: match.state, anomaly })
  }
  for (const { id, state } of stored) {
    if (!taken.has(id) && state !== 'withdrawn') changes.withdraw.push(id)
  }
  return changes
}

/** Whether two anomalies of a point are of one kind and have a day in common. */
export function overlap(one: Anomaly, other: Anomaly): boolean {
  return one.kind === other.kind && one.firstDay <= other.lastDay && other.firstDay <= one.lastDay
}

const FIELDS = ['firstDay', 'lastDay', 'days', 'state', 'worstDay', 'score'] as const

const isSame = (one: Anomaly, other: Anomaly): boolean =>
  FIELDS.every(field => one[field] === other[field]) &&
  Object.entries(other.evidence).every(([name, value]) => one.evidence[name] === value)
