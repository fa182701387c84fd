// Counter readings to volumes: readings in time's order through the counter, and what is to be kept of it.
//
// Pure. Goes on until the readings end, or until the state at a checkpoint from before is met again: everything after
// is then as it was (N4 of rules/counter.ts).

import { isDeepStrictEqual } from 'node:util'
import { QUALITIES } from '../../protocol/reading.ts'
import type { SourceReading } from '../store/derived.ts'
import { hourOf } from './civil-time.ts'
import { type Dated, inForce, type Meter } from './rules/calibration.ts'
import { type Checkpoint, type CounterEvent, type CounterState, stepCounter } from './rules/counter.ts'

/** A derived value as it is stored. */
export interface DerivedValue {
  at: number
  value: number | null
  quality: number
  consumed: number | null
  timeQuality: number
  /** The quality of the reading it was computed from. */
  sourceQuality: number
}

/** What came of a run. */
export interface VolumeRun {
  values: Map<number, DerivedValue>
  events: CounterEvent[]
  /** One an hour at most, by the beginning of the hour. */
  checkpoints: Map<number, Checkpoint>
  state: CounterState | undefined
  /** The instant of the last reading that was taken. */
  endAt: number | undefined
  /** Whether a checkpoint from before was met again. */
  agreed: boolean
}

/** Begins a run from a state; undefined: from nothing. */
export function beginRun(state: CounterState | undefined): VolumeRun {
  return { values: new Map(), events: [], checkpoints: new Map(), state, endAt: undefined, agreed: false }
}

/**
 * Takes readings, in time's order, until they end or the run agrees. `before` are checkpoints of earlier runs by their
 * instant; those up to `dirtyUntil` say nothing, for what they were computed from has changed.
 */
export function continueRun(
  run: VolumeRun,
  readings: readonly SourceReading[],
  {
    meters,
    before,
    dirtyUntil,
  }: { meters: readonly Dated<Meter>[]; before: ReadonlyMap<number, CounterState>; dirtyUntil: number },
): void {
  for (const reading of readings) {
    const meter = inForce(meters, reading.at)
    if (meter === undefined || meter.source !== reading.variable) continue
    takeReading(run, reading, meter)
    run.endAt = reading.at
    const { state } = run
    if (state === undefined || state.suspects.length > 0) continue
    run.checkpoints.set(hourOf(reading.at), { at: reading.at, state })
    if (reading.at >= dirtyUntil && isDeepStrictEqual(before.get(reading.at), state)) {
      run.agreed = true
      return
    }
  }
}

function takeReading(run: VolumeRun, reading: SourceReading, meter: Meter): void {
  const { at, value, quality: sourceQuality, timeQuality } = reading
  if (value === null || value < 0) {
    // A negative count is a code of the logger's, not a count.
    const quality = value === null ? sourceQuality : QUALITIES.sensor_code.code
    run.values.set(at, { at, value: null, quality, consumed: null, timeQuality, sourceQuality })
    return
  }
  const { state, counted, events } = stepCounter(run.state, { at, count: value }, meter)
  run.state = state
  run.events.push(...events)
  for (const { at: countedAt, volumeM3, doubtful, consumedM3 } of counted) {
    // A suspect that is readmitted is in the run already: runs begin where nothing was set aside.
    const source = run.values.get(countedAt) ?? { timeQuality, sourceQuality }
    run.values.set(countedAt, {
      at: countedAt,
      value: volumeM3,
      quality: doubtful ? QUALITIES.uncertain.code : source.sourceQuality,
      consumed: consumedM3,
      timeQuality: source.timeQuality,
      sourceQuality: source.sourceQuality,
    })
  }
}
