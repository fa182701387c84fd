// What the newest samples of a key mean, given what was read before. A pure function of both.

import { AHEAD_MAX_MS, type Quality, TIME_MAX } from '../../protocol/reading.ts'
import type { Mark } from './marks.ts'
import { newestOf, type Outcome, type Sample, timeText } from './provider.ts'

/** What a poll makes of a key. */
export interface Judgement {
  /** The newest sample, when it is new. */
  sample?: Sample
  /** What the answer held of the gap before it. */
  found: readonly Sample[]
  /** Why there is a reading without a value. */
  absent?: Quality
  /** What is wrong, for whoever must mend it. */
  problem?: string
  /** Where reading has come to; absent when nobody answered. */
  mark?: Mark
}

/** Loggers that lost their clock count from 1970 or 1980; seconds taken for milliseconds are in 1970 too. */
const TIME_MIN = Date.parse('2000-01-01T00:00:00Z')
/** Nobody keeps more than 30 to 90 days. */
const HISTORY_MAX_MS = 30 * 86_400_000
/** So long after its newest sample a device is taken to be silent. */
const SILENT_AFTER_MS = 86_400_000

/** Judges. `now` is absent when our own clock was never set. */
export function judgeLatest(
  outcome: Outcome,
  before: Mark | undefined,
  { now, everyMs }: { now: number | undefined; everyMs: number },
): Judgement {
  if (outcome.kind === 'no_data') {
    return { found: [], absent: 'no_data', problem: outcome.reason ?? 'the provider has nothing' }
  }
  if (outcome.kind !== 'ok') return { found: [], absent: outcome.kind, problem: outcome.reason }
  const latestMax = now === undefined ? TIME_MAX : now + AHEAD_MAX_MS
  const isPossible = (at: number) => at >= TIME_MIN && at <= latestMax
  const newest = newestOf(outcome.samples.filter(({ at }) => isPossible(at)))
  if (newest === undefined) {
    const at = newestOf(outcome.samples)?.at ?? 0
    return { found: [], absent: 'bad_answer', problem: `the device’s time cannot be: ${timeText(at)}` }
  }
  // What was believed of a clock that was not set, ours or the device's, is not held against what comes now.
  const known = before !== undefined && isPossible(before.newest) ? before : undefined
  if (known === undefined || newest.at > known.newest) {
    const mark = markAfter(newest.at, known, everyMs)
    const { gap } = mark
    const found = outcome.samples.filter(({ at }) => gap !== undefined && at >= gap.from && at <= gap.to)
    return { sample: newest, found, mark, ...problemOf(newest) }
  }
  if (now !== undefined && now - known.newest > SILENT_AFTER_MS) {
    const problem = `nothing new since ${timeText(known.newest)}`
    return { found: [], absent: 'no_data', problem, mark: known }
  }
  return { found: [], mark: known, ...problemOf(newest) }
}

/** A gap that is still open when the next one opens becomes one with it. */
function markAfter(at: number, known: Mark | undefined, everyMs: number): Mark {
  if (known === undefined) return { newest: at }
  if (at - known.newest <= 1.5 * everyMs) return { ...known, newest: at }
  const from = Math.max(at - HISTORY_MAX_MS, known.gap?.from ?? known.newest + 1)
  return from < at ? { newest: at, gap: { from, to: at - 1, tries: 0 } } : { newest: at }
}

function problemOf({ given }: Sample): { problem?: string } {
  if (given.kind === 'sensor_code')
    return { problem: `the device gave a code instead of a value: ${given.text}` }
  return given.kind === 'not_a_number' ? { problem: 'the device gave what is no number' } : {}
}
