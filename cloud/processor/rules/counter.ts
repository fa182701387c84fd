// The counter: from what a meter's counter shows to the volume that has passed.
//
// Invariants:
//   N1. Consumption is never negative, and never more than `maxM3PerHour` allows for the time it took.
//   N2. What cannot be water is set aside, uncertain and not counted. It is not a baseline.
//   N3. Nothing is set aside for ever: AGREEING readings that follow from each other become the new baseline, and
//       after SUSPECTS_MAX readings without such a run the newest does.
//   N4. The state after a reading follows from the readings up to it alone. Where two ways of getting there end in equal
//       states, everything after is equal: late data is recomputed until then and no further.
//
//   N5. What is counted adds up to what the volume rose by, to the millilitre: volumes are whole millilitres, and what
//       passed is the difference of two of them.
//
// A volume is `baseM3 + offsetM3 + count · litresPerCount / 1000`. What the meter does to itself (starting again at zero,
// rolling over, being replaced) moves the offset, never the volume.

import { flagsOf } from '../../flags.ts'
import type { Meter } from './calibration.ts'

/** So many readings in a row that follow from each other make a new baseline. */
export const AGREEING = 3

/** After so many readings that do not, the newest is the baseline all the same. */
export const SUSPECTS_MAX = 12

/** An increment over a longer time says how much, but not when: 2 h, as the field has used. */
export const GAP_MS = 2 * 3_600_000

/** A counter that falls by less trembles: two counts, or a thousandth where that is less. */
const TREMBLE_COUNTS = 2
const TREMBLE_PART = 0.001

/** What quantisation may add to an increment. */
const SLACK_COUNTS = 2

/** What a counter showed. */
export interface Count {
  at: number
  count: number
}

/** Where a counter stands. */
export interface CounterState {
  calibrationId: number
  source: number
  baseM3: number
  litresPerCount: number
  offsetM3: number
  baseline: Count
  /** Whether anything was counted from a baseline yet. The very first reading may itself be the wrong one. */
  confirmed: boolean
  /** Readings that are set aside, newest last. */
  suspects: readonly Count[]
  /** What the counter seems to have left by falling, while it may still come back to it. */
  former?: Former
  /** The last reading that was counted, where the baseline is not one: it was entered by a person. */
  counted?: { at: number; volumeM3: number }
  /** The rules by which the counts were screened, where there are any. */
  screenedBy?: string
}

/** Where a counter stood before it fell. */
export interface Former {
  baseline: Count
  offsetM3: number
  /** What was counted since, to be taken back if it was a glitch; null: it has stood at zero. */
  since: readonly Count[] | null
}

/** Why a reading was set aside. */
export type Suspicion = 'zero' | 'truncated' | 'drop' | 'jump'

/** What a counter did besides counting. */
export const COUNTER_EVENT_KINDS = [
  ...(['reset', 'rollover', 'gap', 'zero', 'truncated', 'drop', 'jump'] as const),
  ...(['readmitted', 'given_up', 'returned', 'entered', 'entered_mismatch'] as const),
] as const

/** What a counter's reading turned out to be, worth keeping. `amountM3` is what was counted, or could not be. */
export interface CounterEvent {
  at: number
  kind: (typeof COUNTER_EVENT_KINDS)[number]
  count: number
  baselineCount: number
  amountM3: number | null
}

/** The volume at an instant. `consumed` is what passed since the reading before that was counted; null: not known. */
export interface Counted {
  at: number
  volumeM3: number
  consumedM3: number | null
  /** The bits of cloud/flags.ts. */
  flags: number
}

/** What follows from one reading. `counted` ends with the reading itself; before it, suspects that were readmitted. */
export interface Step {
  state: CounterState
  counted: Counted[]
  events: CounterEvent[]
  /** From when on what was counted, and what happened, is taken back. */
  undoneFrom?: number
}

/** Takes one more reading, later than all before. `state` is undefined for the first. */
export function stepCounter(state: CounterState | undefined, reading: Count, meter: Meter): Step {
  if (state === undefined) return begin(reading, meter)
  if (state.source !== meter.source) return changeSource(state, reading, meter)
  const current = state.calibrationId === meter.calibrationId ? state : recalibrate(state, meter)
  const verdict = hasReturned(current, reading, meter) ? RETURNED : judge(current, reading, meter)
  switch (verdict.kind) {
    case 'counted':
      return accept(current, reading, { movedM3: 0 })
    case 'rollover':
      return accept(current, reading, verdict, 'rollover')
    case 'reset':
      return accept(current, reading, verdict, 'reset')
    case 'tremble':
      return {
        state: { ...current, suspects: [] },
        counted: [doubtful(current, reading, flagsOf('jitter'))],
        events: [],
      }
    case 'returned':
      return comeBack(current, reading, meter)
    case 'suspect':
      return setAside(current, reading, meter, verdict.suspicion)
  }
}

type Verdict =
  | { kind: 'counted' }
  | { kind: 'rollover' | 'reset'; movedM3: number }
  | { kind: 'tremble' }
  | { kind: 'returned' }
  | { kind: 'suspect'; suspicion: Suspicion }

const RETURNED: Verdict = { kind: 'returned' }

const SUSPICION_FLAGS: Readonly<Record<Suspicion, number>> = {
  zero: flagsOf('zero'),
  truncated: flagsOf('truncated'),
  drop: flagsOf('dropped'),
  jump: flagsOf('jumped'),
}

function begin(reading: Count, meter: Meter): Step {
  const { calibrationId, source, baseM3, litresPerCount } = meter
  const rule = { calibrationId, source, baseM3, litresPerCount }
  const state = { ...rule, offsetM3: 0, baseline: reading, confirmed: false, suspects: [] }
  return { state, counted: [certain(state, reading, null)], events: [] }
}

/** Another counter: its first reading continues the volume, and what passed between the two is not known. */
function changeSource(state: CounterState, reading: Count, meter: Meter): Step {
  const { state: begun } = begin(reading, meter)
  const offsetM3 = wholeMl(volumeOf(state, state.baseline) - volumeOf(begun, reading))
  const next = { ...begun, offsetM3, confirmed: true }
  return { state: next, counted: [certain(next, reading, null)], events: [] }
}

/** From here on with another factor. What was counted stays; a change of `baseM3` alone moves the volume. */
export function recalibrate({ former: _, ...state }: CounterState, meter: Meter): CounterState {
  const { calibrationId, baseM3, litresPerCount } = meter
  const movedM3 = toM3(state, state.baseline.count) - toM3(meter, state.baseline.count)
  return { ...state, calibrationId, baseM3, litresPerCount, offsetM3: wholeMl(state.offsetM3 + movedM3) }
}

function judge(state: CounterState, reading: Count, meter: Meter): Verdict {
  const { baseline } = state
  const risen = reading.count - baseline.count
  if (risen >= 0) {
    return isPlausible(meter, baseline, reading, risen)
      ? { kind: 'counted' }
      : { kind: 'suspect', suspicion: 'jump' }
  }
  const { modulus } = meter
  // A counter that rolls over stands at exactly 0 for once in as many times as it has counts, one that boots always does.
  if (
    reading.count !== 0 &&
    modulus !== undefined &&
    isPlausible(meter, baseline, reading, risen + modulus)
  ) {
    return { kind: 'rollover', movedM3: toM3(meter, modulus) }
  }
  if (-risen <= Math.min(TREMBLE_COUNTS, baseline.count * TREMBLE_PART)) return { kind: 'tremble' }
  if (reading.count === 0) return { kind: 'suspect', suspicion: 'zero' }
  if (isTruncated(baseline.count, reading.count)) return { kind: 'suspect', suspicion: 'truncated' }
  const mayHaveRestarted = state.confirmed && state.suspects.length === 0
  if (!mayHaveRestarted || !isPlausible(meter, baseline, reading, reading.count)) {
    return { kind: 'suspect', suspicion: 'drop' }
  }
  return { kind: 'reset', movedM3: toM3(meter, baseline.count) }
}

/** Whether so many counts can have passed between two readings. */
export function isPlausible(meter: Meter, from: Count, to: Count, counts: number): boolean {
  if (counts < 0) return false
  const allowedM3 = (meter.maxM3PerHour * (to.at - from.at)) / 3_600_000 + toM3(meter, SLACK_COUNTS)
  return toM3(meter, counts) <= allowedM3
}

/** Whether a count is the one before with its last digits cut off: 91755 → 9175. */
function isTruncated(before: number, count: number): boolean {
  const whole = Math.floor(count)
  for (let power = 10; power <= before && whole > 0; power *= 10) {
    if (whole === Math.floor(before / power) || whole === Math.floor((before + SLACK_COUNTS) / power))
      return true
  }
  return false
}

/** Whether a counter that fell shows what it would have shown without falling, and, if it has counted since, nothing else. */
function hasReturned({ former, baseline }: CounterState, reading: Count, meter: Meter): boolean {
  if (former === undefined || reading.count <= baseline.count) return false
  const goesOn = isPlausible(meter, baseline, reading, reading.count - baseline.count)
  if (goesOn && former.since !== null) return false
  const risen = reading.count - former.baseline.count + rolledCounts(former, reading, meter)
  return isPlausible(meter, former.baseline, reading, risen)
}

/** What a counter went through that has rolled over since it fell. */
function rolledCounts({ baseline }: Former, { count }: Count, { modulus = 0 }: Meter): number {
  return count < baseline.count ? modulus : 0
}

/** The counter goes on from where it stood before it fell; what was counted of a glitch is taken back. */
function comeBack({ former, ...state }: CounterState, reading: Count, meter: Meter): Step {
  if (former === undefined) throw new Error('A counter that did not fall cannot come back')
  const { baseline, since } = former
  const offsetM3 = wholeMl(former.offsetM3 + toM3(meter, rolledCounts(former, reading, meter)))
  const before = { ...state, offsetM3: former.offsetM3, baseline, suspects: [] }
  const next = { ...before, offsetM3, baseline: reading, confirmed: true }
  // What stood at zero has counted nothing: the volume is still that of before the fall.
  const consumedM3 = wholeMl(volumeOf(next, reading) - volumeOf(before, baseline))
  const event = { at: reading.at, count: reading.count, baselineCount: baseline.count, amountM3: consumedM3 }
  const back = takeBack(before, since ?? [])
  return {
    state: next,
    counted: [...back.counted, certain(next, reading, consumedM3)],
    events: [...back.events, { ...event, kind: 'returned' }],
    ...(since?.[0] === undefined ? {} : { undoneFrom: since[0].at }),
  }
}

/** Counts that were a glitch after all are set aside. `before` is how the counter stood before them. */
export function takeBack(before: CounterState, glitches: readonly Count[]): Pick<Step, 'counted' | 'events'> {
  const baselineCount = before.baseline.count
  return {
    counted: glitches.map(glitch => doubtful(before, glitch, SUSPICION_FLAGS.drop)),
    events: glitches.map(({ at, count }) => ({ at, count, baselineCount, amountM3: null, kind: 'drop' })),
  }
}

function accept(
  { former, counted: entered, ...state }: CounterState,
  reading: Count,
  { movedM3 }: { movedM3: number },
  kind?: 'reset' | 'rollover',
): Step {
  const { baseline } = state
  const offsetM3 = wholeMl(state.offsetM3 + movedM3)
  const next: CounterState = { ...state, offsetM3, baseline: reading, confirmed: true, suspects: [] }
  const fell =
    kind === undefined
      ? stillFormer(former, baseline, reading)
      : { baseline, offsetM3: state.offsetM3, since: [reading] }
  if (fell !== undefined) next.former = fell
  const last = entered ?? { at: baseline.at, volumeM3: volumeOf(state, baseline) }
  const consumedM3 = wholeMl(volumeOf(next, reading) - last.volumeM3)
  const event = { at: reading.at, count: reading.count, baselineCount: baseline.count, amountM3: consumedM3 }
  const events: CounterEvent[] = kind === undefined ? [] : [{ ...event, kind }]
  const isGap = reading.at - last.at > GAP_MS
  if (isGap) events.push({ ...event, kind: 'gap' })
  const flags =
    (kind === undefined ? 0 : flagsOf(kind)) |
    (isGap ? flagsOf('gap') : 0) |
    (entered === undefined ? 0 : flagsOf('meter_event'))
  return { state: next, counted: [{ ...certain(next, reading, consumedM3), flags }], events }
}

/** A fall is believed after AGREEING readings; one to zero, when the counter counts again. */
function stillFormer(former: Former | undefined, baseline: Count, reading: Count): Former | undefined {
  if (former === undefined) return undefined
  if (former.since === null) return reading.count === baseline.count ? former : undefined
  const since = [...former.since, reading]
  return since.length < AGREEING ? { ...former, since } : undefined
}

function setAside(state: CounterState, reading: Count, meter: Meter, suspicion: Suspicion): Step {
  const suspects = [...state.suspects, reading]
  const run = agreeingTail(suspects, meter)
  if (run.length >= AGREEING) return readmit(state, run, meter)
  const { baseline } = state
  const event = { at: reading.at, count: reading.count, baselineCount: baseline.count, amountM3: null }
  const flags = SUSPICION_FLAGS[suspicion]
  if (suspects.length < SUSPECTS_MAX) {
    const next = { ...state, suspects }
    return {
      state: next,
      counted: [doubtful(state, reading, flags)],
      events: [{ ...event, kind: suspicion }],
    }
  }
  const { former: _, ...rest } = state
  const next = { ...rest, offsetM3: continued(state, reading), baseline: reading, suspects: [] }
  return {
    state: next,
    counted: [doubtful(next, reading, flags | flagsOf('readmitted'))],
    events: [{ ...event, kind: 'given_up' }],
  }
}

/** The last of `suspects` that follow from each other. */
function agreeingTail(suspects: readonly Count[], meter: Meter): Count[] {
  const tail: Count[] = []
  for (const suspect of suspects.toReversed()) {
    const next = tail[0]
    if (next !== undefined && !isPlausible(meter, suspect, next, next.count - suspect.count)) break
    tail.unshift(suspect)
  }
  return tail
}

/**
 * A run of suspects becomes the truth. Where its first count can have passed since the baseline, the counter had started
 * again at zero and all of it is counted; otherwise the volume goes on from the baseline, and what passed in between
 * is not known. A baseline that nothing was ever counted from was wrong itself, and the run begins the series.
 */
function readmit(
  { former: _, counted: entered, ...state }: CounterState,
  run: readonly Count[],
  meter: Meter,
): Step {
  const [first, ...rest] = run as [Count, ...Count[]]
  const { baseline } = state
  const last = run.at(-1) ?? first
  const restarted =
    state.confirmed && first.count < baseline.count && isPlausible(meter, baseline, first, first.count)
  const offsetM3 = restarted ? wholeMl(state.offsetM3 + toM3(state, baseline.count)) : continued(state, first)
  const next: CounterState = {
    ...state,
    offsetM3: state.confirmed ? offsetM3 : 0,
    baseline: last,
    suspects: [],
  }
  next.confirmed = true
  if (restarted && last.count === 0) next.former = { baseline, offsetM3: state.offsetM3, since: null }
  const countedM3 = entered?.volumeM3 ?? volumeOf(state, baseline)
  const firstM3 = restarted || entered !== undefined ? wholeMl(volumeOf(next, first) - countedM3) : null
  const kind = restarted ? 'reset' : 'readmitted'
  const counted = [{ ...certain(next, first, firstM3), flags: flagsOf(kind) }]
  let before = first
  for (const count of rest) {
    counted.push(certain(next, count, wholeMl(volumeOf(next, count) - volumeOf(next, before))))
    before = count
  }
  const event = { at: first.at, count: first.count, baselineCount: baseline.count, amountM3: firstM3 }
  return { state: next, counted, events: [{ ...event, kind }] }
}

/** The offset with which the volume at `count` is the volume at the baseline. */
function continued(state: CounterState, { count }: Count): number {
  return wholeMl(state.offsetM3 + toM3(state, state.baseline.count) - toM3(state, count))
}

/** Counts as m³. */
export const toM3 = ({ litresPerCount }: { litresPerCount: number }, counts: number): number =>
  (counts * litresPerCount) / 1000

/** The volume at a count. */
export const volumeOf = (state: CounterState, { count }: Count): number =>
  wholeMl(state.baseM3 + state.offsetM3 + toM3(state, count))

/** Whole millilitres. Beyond them is what binary fractions leave; up to 10⁹ m³ sums of them are exact in decimals. */
export const wholeMl = (m3: number): number => Math.round(m3 * 1e6) / 1e6

function certain(state: CounterState, reading: Count, consumedM3: number | null): Counted {
  return { at: reading.at, volumeM3: volumeOf(state, reading), consumedM3, flags: 0 }
}

function doubtful(state: CounterState, reading: Count, flags: number): Counted {
  return { at: reading.at, volumeM3: volumeOf(state, reading), consumedM3: null, flags }
}
