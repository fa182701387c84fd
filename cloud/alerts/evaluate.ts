// What a rule says of a stretch of values: pure, so that a rule that watches and a rule that is tried on history are one.
//
// Promises:
//   A1. Evaluating a stretch in pieces says the same as evaluating it at once, however it is cut.
//   A2. A value that is absent or doubted neither begins nor ends anything; it is no data.
//   A3. Outside its schedule a rule says nothing, and what it said ends.

import { type AlertRule, durationMs } from './rule.ts'
import { isWithin } from './schedule.ts'

/** A value of a point that can be relied on. */
export interface Sample {
  at: number
  value: number
}

/** How far a rule has come at a point. */
export interface Progress {
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
export function contextMs({ condition }: Pick<AlertRule, 'condition'>): number {
  return condition.kind === 'rate' ? durationMs(condition.over) : 0
}

/** A schedule is looked at so often where there is no value to look at. */
const TICK_MS = 5 * 60_000

/** Of a longer silence the last so much is looked at: points that were given up years ago must not hold up the rest. */
const TICKS_MAX = 35 * 24 * 12

/**
 * Goes on from `before` over `samples`, in order, up to `until`. Samples that were looked at already are context. Returns
 * how far it has come, and each firing that began or lasted within the stretch.
 */
export function evaluate(
  rule: AlertRule,
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

function watchOf(rule: AlertRule, before: Progress) {
  const { condition, schedule } = rule
  const progress = { ...before }
  const firings: Firing[] = []
  const quietMs = durationMs(rule.quietFor)
  const lastsMs = condition.for === undefined ? 0 : durationMs(condition.for)
  if (progress.firingSince !== null) {
    firings.push({
      from: progress.firingSince,
      to: null,
      number: progress.firings,
      value: progress.lastValue,
    })
  }

  const fire = (at: number) => {
    const isSame = progress.endedAt !== null && at - progress.endedAt <= quietMs
    progress.firings = isSame ? progress.firings + 1 : 1
    progress.firingSince = at
    firings.push({ from: at, to: null, number: progress.firings, value: progress.lastValue })
  }
  const end = (at: number) => {
    progress.since = null
    if (progress.firingSince === null) return
    progress.firingSince = null
    progress.endedAt = at
    const last = firings.at(-1)
    if (last !== undefined) last.to = at
  }
  /** What time alone does: silence, and the end of the hours of a schedule. */
  const tick = (at: number) => {
    if (!isWithin(schedule, at)) end(at)
    else if (condition.kind === 'no_data' && progress.lastAt !== null && progress.firingSince === null) {
      if (at - progress.lastAt < lastsMs) return
      progress.since = progress.lastAt
      fire(schedule.length === 0 ? progress.lastAt + lastsMs : at)
    }
  }

  return {
    progress,
    firings,
    /** Lets time go by; a schedule is looked at on a grid, so that it does not matter how often somebody asks. */
    pass(until: number) {
      if (schedule.length === 0) tick(until)
      const next = Math.floor(progress.through / TICK_MS) + 1
      const first = Math.max(next, Math.floor(until / TICK_MS) - TICKS_MAX) * TICK_MS
      for (let at = first; schedule.length > 0 && at <= until; at += TICK_MS) tick(at)
      progress.through = Math.max(progress.through, until)
    },
    see(sample: Sample, recent: readonly Sample[]) {
      tick(sample.at)
      progress.lastAt = sample.at
      progress.lastValue = sample.value
      if (condition.kind === 'no_data') return end(sample.at)
      if (!isWithin(schedule, sample.at)) return
      if (!isThere(condition, sample, recent, progress.since !== null)) return end(sample.at)
      progress.since ??= sample.at
      if (progress.firingSince === null && sample.at - progress.since >= lastsMs) fire(sample.at)
    },
  }
}

/** Whether a value has the condition. Who had it before must come back further to have it no more. */
function isThere(
  condition: Exclude<AlertRule['condition'], { kind: 'no_data' }>,
  { at, value }: Sample,
  recent: readonly Sample[],
  had: boolean,
): boolean {
  if (condition.kind === 'threshold') {
    const beyond = condition.is === 'above' ? value - condition.limit : condition.limit - value
    return had ? beyond > -condition.hysteresis : beyond > 0
  }
  const oldest = recent.find(one => one.at >= at - durationMs(condition.over))
  if (oldest === undefined || oldest.at === at) return false
  const perHour = ((value - oldest.value) * 3_600_000) / (at - oldest.at)
  return (condition.is === 'rising' ? perHour : -perHour) > condition.perHour
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
