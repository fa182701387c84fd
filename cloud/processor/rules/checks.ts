// Checks: what is found out about a reading of one series, from it and the ones before it.
//
// Invariants:
//   C1. A judgement follows from the readings up to it, in time's order; late readings are judged again with all that
//       come after, until the states are equal, and nothing depends on the order in which they arrived.
//   C2. What is not a value (a sentinel, beyond the range, from a clock that runs ahead) is no baseline for others.
//   C3. Nothing is rejected for ever: AGREEING readings that follow from each other are the new baseline, and a baseline
//       is forgotten after a day.

import { TIME_QUALITIES } from '../../../protocol/reading.ts'
import { toVariableUnit, type Unit, type Variable } from '../../../protocol/variables.ts'
import { flagsOf } from '../../flags.ts'
import { type Dated, inForce } from './calibration.ts'

/** A reading as it came; `receivedAt` is when, null where nobody knows. */
export interface ReadingToJudge {
  at: number
  value: number | null
  timeQuality: number
  receivedAt: number | null
}

/** What is checked of a series. */
export interface Checks {
  calibrationId: number
  range?: { min?: number | undefined; max?: number | undefined } | undefined
  rate?: { maxPerMinute: number } | undefined
  stuck?: { afterMinutes: number; within: number; except: readonly number[] } | undefined
  sentinels: readonly number[]
  clockAheadS: number
}

/** How what an instrument gives becomes the variable's unit. */
export interface Conversion {
  calibrationId: number
  unit?: Unit | undefined
  factor?: number | undefined
  offset?: number | undefined
}

/** The rules of one series, each in time's order. */
export interface SeriesRules {
  variable: Variable
  conversions: readonly Dated<Conversion>[]
  checks: readonly Dated<Checks>[]
  cutOffs: readonly Dated<{ belowLps: number }>[]
}

/** A value at an instant. */
interface Sound {
  at: number
  value: number
}

/** What the readings up to one leave behind for the next. */
export interface CheckState {
  /** The calibrations it was made by. Others begin anew: their values may be in another unit. */
  madeBy: string
  /** The last value that another may be compared with, and those since that changed too fast, newest last. */
  baseline: Sound | null
  suspects: readonly Sound[]
  /** Since when the value has not moved, between which bounds, and when it was last seen. */
  still: { since: number; min: number; max: number; lastAt: number } | null
}

/** What came of judging a reading. `value` is the one in force. */
export interface Judged {
  state: CheckState
  flags: number
  value: number | null
}

/** So many readings in a row that follow from each other are believed, however fast they came to be there. */
export const AGREEING = 3

/** A baseline that is older says nothing any more. */
export const BASELINE_MAX_MS = 24 * 3_600_000

const MINUTE_MS = 60_000
const CLOCK_AHEAD_S = 300
const UNSOUND = flagsOf('sentinel', 'out_of_range', 'clock_ahead')

/** Judges one more reading, later than all before. `state` is undefined for the first. */
export function judgeReading(
  state: CheckState | undefined,
  reading: ReadingToJudge,
  rules: SeriesRules,
): Judged {
  const checks = inForce(rules.checks, reading.at)
  const madeBy = rulesAt(rules, reading.at)
  const before = state?.madeBy === madeBy ? state : { madeBy, baseline: null, suspects: [], still: null }
  const { value, flags } = screen(reading, rules)
  if (value === null || isUnsound(flags)) return { state: before, flags, value }
  const cut = cutOff(reading.at, value, rules)
  if (checks === undefined) return { state: before, flags: flags | cut.flags, value: cut.value }
  const sound = { at: reading.at, value }
  const rate = checkRate(before, sound, checks)
  const still = checkStill(before, sound, checks)
  return {
    state: { madeBy, ...rate.state, still: still.still },
    flags:
      flags | (rate.tooFast ? flagsOf('too_fast') : 0) | (still.stuck ? flagsOf('stuck') : 0) | cut.flags,
    value: cut.value,
  }
}

/** Names the rules that make a value and its checks at an instant. */
export function rulesAt({ checks, conversions }: SeriesRules, at: number): string {
  const of = (one: { calibrationId: number } | undefined) => one?.calibrationId ?? '-'
  return `${of(inForce(checks, at))}/${of(inForce(conversions, at))}`
}

/** Whether what came before a reading matters to any of a series' checks. */
export function looksBack({ checks }: SeriesRules): boolean {
  return checks.some(({ value: { rate, stuck } }) => rate !== undefined || stuck !== undefined)
}

/** Whether a value stands for nothing that was measured, so that nothing may be computed from it. */
export function isUnsound(flags: number): boolean {
  return (flags & UNSOUND) !== 0
}

/** The value in the variable's unit, and what can be said of it alone. */
export function screen(
  { at, value: measured, timeQuality, receivedAt }: ReadingToJudge,
  rules: SeriesRules,
): { value: number | null; flags: number } {
  const checks = inForce(rules.checks, at)
  let flags = timeQuality === TIME_QUALITIES.unsynced ? flagsOf('clock_unsynced') : 0
  const aheadMs = (checks?.clockAheadS ?? CLOCK_AHEAD_S) * 1000
  if (receivedAt !== null && at > receivedAt + aheadMs) flags |= flagsOf('clock_ahead')
  if (measured === null) return { value: null, flags }
  if (checks?.sentinels.includes(measured)) return { value: measured, flags: flags | flagsOf('sentinel') }
  const value = convert(measured, inForce(rules.conversions, at), rules.variable)
  const { min, max } = checks?.range ?? {}
  if ((min !== undefined && value < min) || (max !== undefined && value > max))
    flags |= flagsOf('out_of_range')
  return { value, flags }
}

function convert(value: number, conversion: Conversion | undefined, variable: Variable): number {
  if (conversion === undefined) return value
  const { unit, factor = 1, offset = 0 } = conversion
  return unit === undefined ? value * factor + offset : toVariableUnit(value, unit, variable)
}

function cutOff(at: number, value: number, { cutOffs }: SeriesRules): { value: number; flags: number } {
  const below = inForce(cutOffs, at)?.belowLps
  const isCut = below !== undefined && value !== 0 && Math.abs(value) < below
  return isCut ? { value: 0, flags: flagsOf('cut_off') } : { value, flags: 0 }
}

function checkRate(
  { baseline, suspects }: CheckState,
  sound: Sound,
  { rate }: Checks,
): { state: Pick<CheckState, 'baseline' | 'suspects'>; tooFast: boolean } {
  if (rate === undefined) return { state: { baseline: null, suspects: [] }, tooFast: false }
  const follows = (from: Sound, to: Sound): boolean =>
    Math.abs(to.value - from.value) <= (rate.maxPerMinute * Math.max(to.at - from.at, MINUTE_MS)) / MINUTE_MS
  const isForgotten = baseline === null || sound.at - baseline.at > BASELINE_MAX_MS
  if (isForgotten || follows(baseline, sound)) {
    return { state: { baseline: sound, suspects: [] }, tooFast: false }
  }
  const last = suspects.at(-1)
  const agreeing = last !== undefined && follows(last, sound) ? [...suspects, sound] : [sound]
  if (agreeing.length >= AGREEING) return { state: { baseline: sound, suspects: [] }, tooFast: false }
  return { state: { baseline, suspects: agreeing }, tooFast: true }
}

function checkStill(
  { still }: CheckState,
  { at, value }: Sound,
  { stuck }: Checks,
): { still: CheckState['still']; stuck: boolean } {
  if (stuck === undefined || stuck.except.includes(value)) return { still: null, stuck: false }
  const afterMs = stuck.afterMinutes * MINUTE_MS
  const [min, max] = [Math.min(value, still?.min ?? value), Math.max(value, still?.max ?? value)]
  const goesOn = still !== null && at - still.lastAt <= afterMs && max - min <= stuck.within
  if (!goesOn) return { still: { since: at, min: value, max: value, lastAt: at }, stuck: false }
  return { still: { since: still.since, min, max, lastAt: at }, stuck: at - still.since >= afterMs }
}
