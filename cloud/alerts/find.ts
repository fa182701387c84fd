// Whether a value has the condition of a rule, by what came before it.

import type { Progress, Sample, ValueCondition } from './evaluate.ts'
import { durationMs } from './rule.ts'

/** What finding remembers from value to value. */
export interface Finding {
  /** From where a value that stands still is measured, and since when it does. */
  still?: { value: number; since: number } | null
  /** Whether the last value was beyond the limit, and for how long values were, by buckets of the time looked at. */
  beyond?: { last: boolean; buckets: [index: number, ms: number][] } | null
}

/** Values further apart than this say nothing of the time between them. */
const APART_MAX_MS = 3_600_000

/** Into so many parts the time is divided of which it is known how long a value was beyond its limit. */
const BUCKETS = 96

/**
 * Whether a value has the condition, and since when where that is not since itself. Notes in `progress` what the next value
 * is found by. `progress.lastAt` is that of the value before. Who had the condition must come back further to have it no more.
 */
export function find(
  condition: ValueCondition,
  progress: Progress,
  sample: Sample,
  recent: readonly Sample[],
): { isThere: boolean; since?: number } {
  const had = progress.since !== null
  switch (condition.kind) {
    case 'threshold':
      return { isThere: beyondBy(condition, sample.value) > (had ? -condition.hysteresis : 0) }
    case 'rate':
      return { isThere: changes(condition, sample, recent, had) }
    case 'duration':
      return { isThere: beyondMs(condition, progress, sample) >= durationMs(condition.total) }
    case 'stuck': {
      const still = progress.still ?? null
      if (sample.value === 0 && !condition.zero) {
        progress.still = null
        return { isThere: false }
      }
      if (still === null || Math.abs(sample.value - still.value) > condition.tolerance) {
        progress.still = { value: sample.value, since: sample.at }
        return { isThere: false }
      }
      return { isThere: true, since: still.since }
    }
    default:
      return { isThere: false }
  }
}

const beyondBy = ({ is, limit }: { is: 'above' | 'below'; limit: number }, value: number): number =>
  is === 'above' ? value - limit : limit - value

function changes(
  condition: Extract<ValueCondition, { kind: 'rate' }>,
  { at, value }: Sample,
  recent: readonly Sample[],
  had: boolean,
): boolean {
  const oldest = recent.find(one => one.at >= at - durationMs(condition.over))
  if (oldest === undefined || oldest.at === at) return false
  const perHour = ((value - oldest.value) * 3_600_000) / (at - oldest.at)
  const over = (condition.is === 'rising' ? perHour : -perHour) - condition.perHour
  return over > (had ? -condition.hysteresis : 0)
}

/** For how long values were beyond the limit within the time looked at: between two that were, not too far apart. */
function beyondMs(
  condition: Extract<ValueCondition, { kind: 'duration' }>,
  progress: Progress,
  { at, value }: Sample,
): number {
  const withinMs = durationMs(condition.within)
  const bucketMs = withinMs / BUCKETS
  const before = progress.beyond ?? { last: false, buckets: [] }
  const isBeyond = beyondBy(condition, value) > (before.last ? -condition.hysteresis : 0)
  const passed = progress.lastAt === null ? Number.POSITIVE_INFINITY : at - progress.lastAt
  const index = Math.floor(at / bucketMs)
  const buckets = before.buckets.filter(([one]) => one > Math.floor((at - withinMs) / bucketMs))
  if (before.last && isBeyond && passed <= APART_MAX_MS) {
    const last = buckets.at(-1)
    if (last?.[0] === index) buckets[buckets.length - 1] = [index, last[1] + passed]
    else buckets.push([index, passed])
  }
  progress.beyond = { last: isBeyond, buckets }
  return buckets.reduce((sum, [, ms]) => sum + ms, 0)
}
