// What a rule says of a stretch of values: pure, so that a rule that watches and a rule that is tried on history are one.
//
// Promises:
//   A1. Evaluating a stretch in pieces says the same as evaluating it at once, however it is cut.
//   A2. A value that is absent or doubted neither begins nor ends anything; it is no data.
//   A3. Outside its schedule, and during maintenance, a rule says nothing, and what it said ends.

import { type Finding, find } from './find.ts'
import { type AlertCondition, type AlertRule, durationMs } from './rule.ts'
import { isWithin } from './schedule.ts'

/** A value of a point that can be relied on. */
export interface Sample {
  at: number
  value: number
}

/** A time that is not looked at; `to` is not included. */
export interface Pause {
  from: number
  to: number
}

/** A rule at one of its points: a condition over values, and when nobody looks. */
export type WatchedRule = Pick<AlertRule, 'schedule' | 'quietFor' | 'clearFor'> & {
  condition: ValueCondition
  pauses?: readonly Pause[]
}

/** What can be found in values alone. What is granted, late or lost is made values of before. */
export type ValueCondition = Extract<
  AlertCondition,
  { kind: 'threshold' | 'rate' | 'duration' | 'stuck' | 'no_data' | 'counter_event' }
>

/** How far a rule has come at a point. */
export interface Progress extends Finding {
  /** Everything up to here was looked at. */
  through: number
  lastAt: number | null
  lastValue: number | null
  /** Since when the condition is there, also while it has not lasted long enough. */
  since: number | null
  firingSince: number | null
  endedAt: number | null
  /** The how many-th it is, or was, within one incident. */
  firings: number
  /** Since when it is well again, while it has not been so for long enough. */
  clearSince?: number | null
}

/** A time that a rule fired. */
export interface Firing {
  from: number
  /** null: it lasts. */
  to: number | null
  /** 1: an incident begins with it. */
  number: number
  value: number | null
}

/** Where a rule begins that knows nothing. */
export function beginAt(through: number): Progress {
  const nothing = { lastAt: null, lastValue: null, since: null, firingSince: null, endedAt: null }
  return { through, ...nothing, firings: 0 }
}

/** How far before `through` samples must reach back for a rule to judge what comes after. */
export function contextMs(condition: AlertCondition): number {
  return condition.kind === 'rate' ? durationMs(condition.over) : 0
}

/** How far before the newest value a rule that begins must look to know what it says of it. */
export function lookBackMs(condition: AlertCondition): number {
  if (condition.kind === 'no_data') return 0
  if (condition.kind === 'duration') return durationMs(condition.within)
  return contextMs(condition) + lastingMs(condition)
}

/** How long a condition must last. */
export const lastingMs = (condition: AlertCondition): number =>
  'for' in condition && condition.for !== undefined ? durationMs(condition.for) : 0

/** A schedule is looked at so often where there is no value to look at. */
const TICK_MS = 5 * 60_000

/** Of a longer silence the last so much is looked at: points that were given up years ago must not hold up the rest. */
const TICKS_MAX = 35 * 24 * 12

/**
 * Goes on from `before` over `samples`, in order, up to `until`. Samples that were looked at already are context. Returns
 * how far it has come, and each firing that began or lasted within the stretch.
 */
export function evaluate(
  rule: WatchedRule,
  before: Progress,
  samples: readonly Sample[],
  until: number,
): { progress: Progress; firings: Firing[] } {
  const watch = watchOf(rule, before)
  const recent: Sample[] = []
  for (const sample of samples) {
    if (sample.at > until) break
    if (sample.at > before.through) {
      watch.pass(sample.at)
      watch.see(sample, recent)
    }
    if (rule.condition.kind !== 'rate') continue
    recent.push(sample)
    const oldest = sample.at - durationMs(rule.condition.over)
    while (recent[0] !== undefined && recent[0].at < oldest) recent.shift()
  }
  watch.pass(until)
  return { progress: watch.progress, firings: watch.firings }
}

function watchOf(rule: WatchedRule, before: Progress) {
  const { condition, schedule, pauses = [] } = rule
  const progress = { ...before }
  const isAlways = schedule.length === 0 && pauses.length === 0
  const isLooking = (at: number): boolean =>
    isWithin(schedule, at) && !pauses.some(({ from, to }) => at >= from && at < to)
  const lastsMs = lastingMs(condition)
  const clearMs = rule.clearFor === undefined ? 0 : durationMs(rule.clearFor)
  const { firings, fire, end } = openFirings(progress, durationMs(rule.quietFor))
  /** What time alone does: silence, the end of the hours of a schedule, and of an event. */
  const tick = (at: number) => {
    const { lastAt } = progress
    if (!isLooking(at)) return end(at)
    if (lastAt === null) return
    if (condition.kind === 'counter_event' && progress.firingSince !== null) {
      const over = lastAt + durationMs(rule.quietFor)
      if (at >= over) end(over)
    } else if (condition.kind === 'no_data' && progress.firingSince === null && at - lastAt >= lastsMs) {
      progress.since = lastAt
      fire(isAlways ? lastAt + lastsMs : at)
    }
  }
  /** A value that does not have the condition; who waits until it is well for long enough waits here. */
  const clear = (at: number) => {
    if (progress.firingSince !== null && clearMs > 0) {
      progress.clearSince ??= at
      if (at - progress.clearSince < clearMs) return
    }
    end(at)
  }

  return {
    progress,
    firings,
    /** Lets time go by; a schedule is looked at on a grid, so that it does not matter how often somebody asks. */
    pass(until: number) {
      if (isAlways) tick(until)
      const next = Math.floor(progress.through / TICK_MS) + 1
      const first = Math.max(next, Math.floor(until / TICK_MS) - TICKS_MAX) * TICK_MS
      for (let at = first; !isAlways && at <= until; at += TICK_MS) tick(at)
      progress.through = Math.max(progress.through, until)
    },
    see(sample: Sample, recent: readonly Sample[]) {
      tick(sample.at)
      const { isThere, since } = find(condition, progress, sample, recent)
      progress.lastAt = sample.at
      progress.lastValue = sample.value
      if (condition.kind === 'no_data') return end(sample.at)
      if (!isLooking(sample.at)) return
      if (condition.kind === 'counter_event') {
        end(sample.at)
        return fire(sample.at)
      }
      if (!isThere) return clear(sample.at)
      progress.clearSince = null
      progress.since ??= since ?? sample.at
      if (progress.firingSince === null && sample.at - progress.since >= lastsMs) fire(sample.at)
    },
  }
}

/** The firings of a stretch: one that lasts from before is the first of them. */
function openFirings(progress: Progress, quietMs: number) {
  const firings: Firing[] = []
  if (progress.firingSince !== null) {
    firings.push({
      from: progress.firingSince,
      to: null,
      number: progress.firings,
      value: progress.lastValue,
    })
  }
  return {
    firings,
    fire(at: number) {
      const isSame = progress.endedAt !== null && at - progress.endedAt <= quietMs
      progress.firings = isSame ? progress.firings + 1 : 1
      progress.firingSince = at
      firings.push({ from: at, to: null, number: progress.firings, value: progress.lastValue })
    },
    end(at: number) {
      progress.since = null
      progress.clearSince = null
      if (progress.firingSince === null) return
      progress.firingSince = null
      progress.endedAt = at
      const last = firings.at(-1)
      if (last !== undefined) last.to = at
    },
  }
}

/** What would be one message: firings that come back within the rule's `quietFor`. */
export interface Episode {
  from: number
  to: number | null
  firings: number
  value: number | null
}

/** Firings put together as incidents. */
export function toEpisodes(firings: readonly Firing[]): Episode[] {
  const episodes: Episode[] = []
  for (const { from, to, number, value } of firings) {
    const last = episodes.at(-1)
    if (last === undefined || number === 1) episodes.push({ from, to, firings: 1, value })
    else Object.assign(last, { to, firings: last.firings + 1 })
  }
  return episodes
}
