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
  { at, kind, beforeCount, afterCount }: MeterEvent,
  meter: Meter,
): { state: CounterState | undefined; events: CounterEvent[] } {
  if (state === undefined || state.source !== meter.source) return { state, events: [] }
  const { former: _, ...current } =
    state.calibrationId === meter.calibrationId ? state : recalibrate(state, meter)
  const { baseline } = current
  const last = beforeCount ?? (kind === 'rollover' ? (meter.modulus ?? null) : null)
  const fell = last !== null && last < baseline.count
  // It may have rolled over since it was read.
  const risen = last === null ? 0 : last - baseline.count + (fell ? (meter.modulus ?? 0) : 0)
  const isBelievable = isPlausible(meter, baseline, { at, count: last ?? 0 }, risen)
  const consumedM3 = isBelievable ? toM3(meter, risen) : 0
  const volumeM3 = wholeMl(volumeOf(current, baseline) + consumedM3)
  const counted = current.counted ?? { at: baseline.at, volumeM3: volumeOf(current, baseline) }
  const next: CounterState = {
    ...current,
    ...{ baseline: { at, count: afterCount }, confirmed: true, suspects: [], counted },
    offsetM3: wholeMl(volumeM3 - current.baseM3 - toM3(meter, afterCount)),
  }
  const event: CounterEvent = {
    ...{ at, kind: isBelievable ? 'entered' : 'entered_mismatch' },
    ...{ count: afterCount, baselineCount: baseline.count },
    amountM3: last === null ? null : consumedM3,
  }
  return { state: next, events: [event] }
}
