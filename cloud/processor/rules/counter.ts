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
// A volume is `baseM3 + offsetM3 + count · litresPerCount / 1000`. What the meter does to itself (starting again at zero,
// rolling over, being replaced) moves the offset, never the volume.

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
}

/** Where a counter stood after the reading at `at`. */
export interface Checkpoint {
  at: number
  state: CounterState
}

/** Why a reading was set aside. */
export type Suspicion = 'zero' | 'truncated' | 'drop' | 'jump'

/** What a counter's reading turned out to be, worth keeping. `amountM3` is what was counted, or could not be. */
export interface CounterEvent {
  at: number
  kind: 'reset' | 'rollover' | 'gap' | Suspicion | 'readmitted' | 'given_up'
  count: number
  baselineCount: number
  amountM3: number | null
}

/** The volume at an instant. `consumed` is what passed since the reading before that was counted; null: not known. */
export interface Counted {
  at: number
  volumeM3: number
  doubtful: boolean
  consumedM3: number | null
}

/** What follows from one reading. `counted` ends with the reading itself; before it, suspects that were readmitted. */
export interface Step {
  state: CounterState
  counted: Counted[]
  events: CounterEvent[]
}

/** Takes one more reading, later than all before. `state` is undefined for the first. */
export function stepCounter(state: CounterState | undefined, reading: Count, meter: Meter): Step {
  if (state === undefined) return begin(reading, meter)
  if (state.source !== meter.source) return changeSource(state, reading, meter)
  const current = state.calibrationId === meter.calibrationId ? state : recalibrate(state, meter)
  const verdict = judge(current, reading, meter)
  switch (verdict.kind) {
    case 'counted':
      return accept(current, reading, { consumedM3: verdict.consumedM3, movedM3: 0 })
    case 'rollover':
      return accept(current, reading, verdict, 'rollover')
    case 'reset':
      return accept(current, reading, verdict, 'reset')
    case 'tremble':
      return { state: { ...current, suspects: [] }, counted: [doubtful(current, reading)], events: [] }
    case 'suspect':
      return setAside(current, reading, meter, verdict.suspicion)
  }
}

type Verdict =
  | { kind: 'counted'; consumedM3: number }
  | { kind: 'rollover' | 'reset'; consumedM3: number; movedM3: number }
  | { kind: 'tremble' }
  | { kind: 'suspect'; suspicion: Suspicion }

function begin(reading: Count, meter: Meter): Step {
  const { calibrationId, source, baseM3, litresPerCount } = meter
  const rule = { calibrationId, source, baseM3, litresPerCount }
  const state = { ...rule, offsetM3: 0, baseline: reading, confirmed: false, suspects: [] }
  return { state, counted: [certain(state, reading, null)], events: [] }
}

/** Another counter: its first reading continues the volume, and what passed between the two is not known. */
function changeSource(state: CounterState, reading: Count, meter: Meter): Step {
  const { state: begun } = begin(reading, meter)
  const offsetM3 = volumeOf(state, state.baseline) - volumeOf(begun, reading)
  const next = { ...begun, offsetM3, confirmed: true }
  return { state: next, counted: [certain(next, reading, null)], events: [] }
}

/** From here on with another factor. What was counted stays; a change of `baseM3` alone moves the volume. */
function recalibrate(state: CounterState, meter: Meter): CounterState {
  const { calibrationId, baseM3, litresPerCount } = meter
  const offsetM3 = state.offsetM3 + toM3(state, state.baseline.count) - toM3(meter, state.baseline.count)
  return { ...state, calibrationId, baseM3, litresPerCount, offsetM3 }
}

function judge(state: CounterState, reading: Count, meter: Meter): Verdict {
  const { baseline } = state
  const risen = reading.count - baseline.count
  if (risen >= 0) {
    return isPlausible(meter, baseline, reading, risen)
      ? { kind: 'counted', consumedM3: toM3(meter, risen) }
      : { kind: 'suspect', suspicion: 'jump' }
  }
  const { modulus } = meter
  if (modulus !== undefined && isPlausible(meter, baseline, reading, risen + modulus)) {
    return { kind: 'rollover', consumedM3: toM3(meter, risen + modulus), movedM3: toM3(meter, modulus) }
  }
  if (-risen <= Math.min(TREMBLE_COUNTS, baseline.count * TREMBLE_PART)) return { kind: 'tremble' }
  if (reading.count === 0) return { kind: 'suspect', suspicion: 'zero' }
  if (isTruncated(baseline.count, reading.count)) return { kind: 'suspect', suspicion: 'truncated' }
  const mayHaveRestarted = state.confirmed && state.suspects.length === 0
  if (!mayHaveRestarted || !isPlausible(meter, baseline, reading, reading.count)) {
    return { kind: 'suspect', suspicion: 'drop' }
  }
  return { kind: 'reset', consumedM3: toM3(meter, reading.count), movedM3: toM3(meter, baseline.count) }
}

/** Whether so many counts can have passed between two readings. */
function isPlausible(meter: Meter, from: Count, to: Count, counts: number): boolean {
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

function accept(
  state: CounterState,
  reading: Count,
  { consumedM3, movedM3 }: { consumedM3: number; movedM3: number },
  kind?: 'reset' | 'rollover',
): Step {
  const next = {
    ...state,
    offsetM3: state.offsetM3 + movedM3,
    baseline: reading,
    confirmed: true,
    suspects: [],
  }
  const event = {
    at: reading.at,
    count: reading.count,
    baselineCount: state.baseline.count,
    amountM3: consumedM3,
  }
  const events: CounterEvent[] = kind === undefined ? [] : [{ ...event, kind }]
  if (reading.at - state.baseline.at > GAP_MS) events.push({ ...event, kind: 'gap' })
  return { state: next, counted: [certain(next, reading, consumedM3)], events }
}

function setAside(state: CounterState, reading: Count, meter: Meter, suspicion: Suspicion): Step {
  const suspects = [...state.suspects, reading]
  const run = agreeingTail(suspects, meter)
  if (run.length >= AGREEING) return readmit(state, run, meter)
  const { baseline } = state
  const event = { at: reading.at, count: reading.count, baselineCount: baseline.count, amountM3: null }
  if (suspects.length < SUSPECTS_MAX) {
    const next = { ...state, suspects }
    return { state: next, counted: [doubtful(state, reading)], events: [{ ...event, kind: suspicion }] }
  }
  const next = { ...state, offsetM3: continued(state, reading), baseline: reading, suspects: [] }
  return { state: next, counted: [doubtful(next, reading)], events: [{ ...event, kind: 'given_up' }] }
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
function readmit(state: CounterState, run: readonly Count[], meter: Meter): Step {
  const [first, ...rest] = run as [Count, ...Count[]]
  const { baseline } = state
  const restarted =
    state.confirmed && first.count < baseline.count && isPlausible(meter, baseline, first, first.count)
  const firstM3 = restarted ? toM3(meter, first.count) : null
  const moved = restarted
    ? { ...state, offsetM3: state.offsetM3 + toM3(state, baseline.count) }
    : { ...state, offsetM3: state.confirmed ? continued(state, first) : 0 }
  const last = run.at(-1) ?? first
  const next = { ...moved, baseline: last, confirmed: true, suspects: [] }
  const counted = [certain(next, first, firstM3)]
  let before = first
  for (const count of rest) {
    counted.push(certain(next, count, toM3(meter, count.count - before.count)))
    before = count
  }
  const kind = restarted ? 'reset' : 'readmitted'
  const event = {
    at: first.at,
    kind,
    count: first.count,
    baselineCount: baseline.count,
    amountM3: firstM3,
  } as const
  return { state: next, counted, events: [event] }
}

/** The offset with which the volume at `count` is the volume at the baseline. */
function continued(state: CounterState, { count }: Count): number {
  return state.offsetM3 + toM3(state, state.baseline.count) - toM3(state, count)
}

const toM3 = ({ litresPerCount }: { litresPerCount: number }, counts: number): number =>
  (counts * litresPerCount) / 1000

const volumeOf = (state: CounterState, { count }: Count): number =>
  state.baseM3 + state.offsetM3 + toM3(state, count)

function certain(state: CounterState, reading: Count, consumedM3: number | null): Counted {
  return { at: reading.at, volumeM3: volumeOf(state, reading), doubtful: false, consumedM3 }
}

function doubtful(state: CounterState, reading: Count): Counted {
  return { at: reading.at, volumeM3: volumeOf(state, reading), doubtful: true, consumedM3: null }
}
