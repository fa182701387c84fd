// Meter events: what people did to a meter, and saw it show before and after.
//
// The volume goes on through one. What the old count rose by until `beforeCount` passed before the event, what the new
// one rises by from `afterCount` on passes after it, and both are counted at the next reading. What was not written
// down is not known and not counted.

import type { Meter } from './calibration.ts'
import {
  type CounterEvent,
  type CounterState,
  isPlausible,
  recalibrate,
  type Step,
  takeBack,
  toM3,
  volumeOf,
  wholeMl,
} from './counter.ts'

/** What kinds there are. */
export const METER_EVENT_KINDS = ['replacement', 'reset', 'rollover'] as const

/** What kinds there are. */
export type MeterEventKind = (typeof METER_EVENT_KINDS)[number]

/** What somebody did to a meter, or saw it do, at an instant. Counts are in the unit that is counted. */
export interface MeterEvent {
  at: number
  kind: MeterEventKind
  /** What it showed last; null: nobody wrote it down. A counter that rolls over: the count at which it begins again. */
  beforeCount: number | null
  /** What it, or the new one, showed first. */
  afterCount: number
}

/** Takes an event into account. Before the first reading there is nothing that it could change. */
export function applyMeterEvent(
  state: CounterState | undefined,
  event: MeterEvent,
  meter: Meter,
): Omit<Step, 'state'> & { state: CounterState | undefined } {
  if (state === undefined || state.source !== meter.source) return { state, counted: [], events: [] }
  const { former, ...standing } =
    state.calibrationId === meter.calibrationId ? state : recalibrate(state, meter)
  const last = event.beforeCount ?? (event.kind === 'rollover' ? (meter.modulus ?? null) : null)
  if (former !== undefined && last !== null && risenTo(last, event.at, standing, meter) === undefined) {
    const { baseline, offsetM3, since } = former
    const before = { ...standing, baseline, offsetM3, suspects: [] }
    // What fell was the new meter already: somebody wrote down a time that is later than its first reading.
    if (risenTo(last, event.at, before, meter) !== undefined) {
      const entered = enter(before, event, last, meter)
      const back = takeBack(before, since ?? [])
      const undoneFrom = since?.[0] === undefined ? {} : { undoneFrom: since[0].at }
      return { ...entered, ...undoneFrom, counted: back.counted, events: [...back.events, ...entered.events] }
    }
  }
  return { ...enter(standing, event, last, meter), counted: [] }
}

/** How far a counter has risen to a count, if it can have; it may have rolled over. */
function risenTo(count: number, at: number, { baseline }: CounterState, meter: Meter): number | undefined {
  const risen = count - baseline.count + (count < baseline.count ? (meter.modulus ?? 0) : 0)
  return isPlausible(meter, baseline, { at, count }, risen) ? risen : undefined
}

function enter(
  state: CounterState,
  { at, afterCount }: MeterEvent,
  last: number | null,
  meter: Meter,
): { state: CounterState; events: CounterEvent[] } {
  const { baseline } = state
  const risen = last === null ? 0 : risenTo(last, at, state, meter)
  const consumedM3 = toM3(meter, risen ?? 0)
  const volumeM3 = wholeMl(volumeOf(state, baseline) + consumedM3)
  const counted = state.counted ?? { at: baseline.at, volumeM3: volumeOf(state, baseline) }
  const next: CounterState = {
    ...state,
    ...{ baseline: { at, count: afterCount }, confirmed: true, suspects: [], counted },
    offsetM3: wholeMl(volumeM3 - state.baseM3 - toM3(meter, afterCount)),
  }
  const event: CounterEvent = {
    ...{ at, kind: risen === undefined ? 'entered_mismatch' : 'entered' },
    ...{ count: afterCount, baselineCount: baseline.count },
    amountM3: last === null ? null : consumedM3,
  }
  return { state: next, events: [event] }
}
