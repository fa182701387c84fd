// Looks at rules at their points: reads the values that are new, and says what has become of each.

import { COUNTER_EVENT_KINDS } from '../processor/rules/counter.ts'
import { type AlertTarget, type SampleStretch, selectEventSamples, selectSamples } from '../store/alerts.ts'
import type { Database } from '../store/database.ts'
import type { Condition } from '../store/incidents.ts'
import type { Right } from '../store/rights.ts'
import {
  beginAt,
  contextMs,
  evaluate,
  lastingMs,
  lookBackMs,
  type Pause,
  type Progress,
  type Sample,
  type ValueCondition,
  type WatchedRule,
} from './evaluate.ts'
import { type AlertCondition, AlertRule, durationMs } from './rule.ts'
import { isWithin } from './schedule.ts'
import { type Granted, isSignal, signalAt, toValueCondition } from './signals.ts'

/** What was seen of a rule at a point. */
export interface Seen {
  ruleId: number
  version: number
  clientId: number
  pointId: number
  rule: AlertRule
  progress: Progress
  /** Of which incidents its people are told: its own, or one that is another's too. */
  tells: Pick<Told, 'kind' | 'subject'>[]
  /** Absent: what the rule looks for is not so, or is an incident already. */
  condition?: Condition
}

interface Told {
  kind: 'alert' | 'gateway_lost' | 'declaration_late'
  subject: string
}

/** What looking works with. */
export interface LookDeps {
  db: Database
  granted: Granted
  /** When nobody looks at a point. */
  pausesOf: (target: { clientId: number; pointId: number }) => Pause[]
}

/** More than the longest window of a rate holds, read each second. */
const SAMPLES_MAX = 25_000

/** What is made of balances changes slowly, and costs more than to read a value. */
const SIGNAL_EVERY_MS = 15 * 60_000

/** A target, and what it says over values; absent where nothing is granted, or it is no matter of values. */
type Watched = Omit<AlertTarget, 'rule' | 'progress'> & {
  rule: AlertRule
  progress: Progress
  rights: readonly Right[]
  watched: WatchedRule | undefined
}

/** Looks at targets once. */
export async function look(deps: LookDeps, targets: readonly AlertTarget[], now: number): Promise<Seen[]> {
  const all: Watched[] = []
  for (const target of targets) all.push(await toWatched(deps, target, now))
  const samples = await samplesOf(deps.db, all, now)
  return all.map((one, index) => judge(one, samples[index] ?? [], deps.pausesOf(one), now))
}

async function toWatched(
  { db, granted, pausesOf }: LookDeps,
  target: AlertTarget,
  now: number,
): Promise<Watched> {
  const rule = AlertRule.parse(target.rule)
  const { condition, schedule, quietFor, clearFor } = rule
  const isOfRight = condition.kind === 'over_right' || condition.kind === 'forecast'
  const rights = isOfRight ? await granted.of(db, target.pointId, now) : []
  const progress = target.progress ?? beginning(target, condition, now)
  const base = { ...target, rule, progress, rights }
  if (condition.kind === 'dga_late' || condition.kind === 'gateway_lost')
    return { ...base, watched: undefined }
  const value = toValueCondition(condition, rights)
  if (value === undefined) return { ...base, watched: undefined }
  const watched = {
    condition: value,
    schedule,
    quietFor,
    pauses: pausesOf(target),
    ...(clearFor === undefined ? {} : { clearFor }),
  }
  return { ...base, watched }
}

/** A rule that begins looks at what is there already: the newest value, and what it needs before it. */
function beginning({ goodAt, changedAt }: AlertTarget, condition: AlertCondition, now: number): Progress {
  if (isSignal(condition)) return beginAt(now - SIGNAL_EVERY_MS)
  if (condition.kind === 'counter_event') return beginAt(changedAt)
  if (goodAt === null) return { ...beginAt(changedAt), lastAt: changedAt }
  const start = Math.min(goodAt, now) - lookBackMs(condition) - 1
  return { ...beginAt(start), lastAt: start }
}

async function samplesOf(db: Database, all: readonly Watched[], now: number): Promise<Sample[][]> {
  const stretches = all.map(({ rule, watched, ...target }) =>
    watched === undefined || isSignal(rule.condition) || rule.condition.kind === 'counter_event'
      ? { seriesIds: [], from: now, to: now }
      : stretchOf(target, watched.condition, now),
  )
  const read = Map.groupBy(await selectSamples(db, stretches, SAMPLES_MAX), ({ index }) => index)
  const samples: Sample[][] = []
  for (const [index, one] of all.entries()) {
    samples.push((await otherSamplesOf(db, one, now)) ?? read.get(index + 1) ?? [])
  }
  return samples
}

function stretchOf(
  { seriesIds, progress, goodAt }: Pick<Watched, 'seriesIds' | 'progress' | 'goodAt'>,
  condition: ValueCondition,
  now: number,
): SampleStretch {
  const from = progress.through - contextMs(condition)
  // Where nothing is new there is nothing to read again.
  return { seriesIds, from, to: goodAt !== null && goodAt > progress.through ? now : from }
}

/** The kinds of events that a rule looks for, unless it names others: those that want somebody at the meter. */
const EVENTS_OF_INTEREST = COUNTER_EVENT_KINDS.filter(
  kind => kind !== 'gap' && kind !== 'readmitted' && kind !== 'returned' && kind !== 'entered',
)

/** What counters did. */
export const eventKindsOf = ({
  events,
}: Extract<AlertCondition, { kind: 'counter_event' }>): readonly string[] => events ?? EVENTS_OF_INTEREST

/** Values that were not measured: of counters' events, and of what is granted. `undefined`: they were measured. */
async function otherSamplesOf(db: Database, one: Watched, now: number): Promise<Sample[] | undefined> {
  const { rule, watched, progress, pointId, seriesIds, rights } = one
  if (watched === undefined) return []
  if (rule.condition.kind === 'counter_event') {
    const stretch = { seriesIds, from: progress.through, to: now, kinds: eventKindsOf(rule.condition) }
    return selectEventSamples(db, stretch, SAMPLES_MAX)
  }
  if (!isSignal(rule.condition)) return undefined
  if (now - progress.through < SIGNAL_EVERY_MS) return []
  const value = await signalAt(db, rule.condition, { pointId, rights, at: now })
  return value === undefined ? [] : [{ at: now, value }]
}

function judge(target: Watched, samples: readonly Sample[], pauses: readonly Pause[], now: number): Seen {
  const { ruleId, version, clientId, pointId, rule, progress: before, watched } = target
  const seen: Seen = { ruleId, version, clientId, pointId, rule, progress: before, tells: [] }
  if (watched === undefined) return { ...seen, tells: tellsOfOthers(target, pauses, now) }
  const through = Math.max(before.through, samples.at(-1)?.at ?? before.through)
  const data = evaluate(watched, before, samples, through)
  const verdict = evaluate(watched, data.progress, [], now)
  const isThere = verdict.progress.firingSince !== null
  const wasThere = data.firings.some(({ from }) => from > before.through)
  if (!isThere && !wasThere) return { ...seen, progress: data.progress }
  const last = verdict.firings.at(-1) ?? data.firings.at(-1)
  const condition = conditionOf(target, last?.from ?? now, last?.number ?? 1, verdict.progress)
  const isExplained = rule.condition.kind === 'no_data' && target.lostGateway !== null
  const lost =
    isExplained && target.lostGateway !== null
      ? [{ kind: 'gateway_lost', subject: target.lostGateway } as const]
      : []
  return {
    ...{ ...seen, progress: data.progress, condition: { ...condition, explainedBy: lost[0] } },
    // Who would be told of silence that a lost gateway explains is told of the gateway.
    tells: [...lost, { kind: 'alert', subject: condition.subject }],
  }
}

/** What is an incident already, whoever looks for it: a rule only says who is told of it, and when. */
function tellsOfOthers(
  { rule: { condition, schedule }, lostGateway, lostSince, lateWork, lateSince }: Watched,
  pauses: readonly Pause[],
  now: number,
): Seen['tells'] {
  const isPaused = !isWithin(schedule, now) || pauses.some(({ from, to }) => now >= from && now < to)
  const lastsMs = lastingMs(condition)
  const lasts = (since: number | null) => lastsMs === 0 || (since !== null && now - since >= lastsMs)
  if (isPaused) return []
  if (condition.kind === 'gateway_lost' && lostGateway !== null && lasts(lostSince)) {
    return [{ kind: 'gateway_lost', subject: lostGateway }]
  }
  if (condition.kind !== 'dga_late' || lateWork === null || !lasts(lateSince)) return []
  // A gateway that is lost explains that nothing is declared.
  return lostGateway === null
    ? [{ kind: 'declaration_late', subject: lateWork }]
    : [{ kind: 'gateway_lost', subject: lostGateway }]
}

function conditionOf(
  { ruleId, pointId, point, rule }: Watched,
  since: number,
  firings: number,
  { lastAt, lastValue }: Progress,
): Condition {
  return {
    ...{ subject: `${point} (rule ${ruleId})`, pointId, reopenWithinMs: durationMs(rule.quietFor) },
    details: {
      ...{ ruleId, rule: rule.name, severity: rule.severity, point, condition: rule.condition },
      ...{ since: new Date(since).toISOString(), firings, value: lastValue },
      valueAt: lastAt === null || lastValue === null ? null : new Date(lastAt).toISOString(),
    },
  }
}
