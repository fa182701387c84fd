// Counter readings to volumes: readings in time's order through the counter, and what is to be kept of it.
//
// Pure. Goes on until the readings end, or until the state at a checkpoint from before is met again: everything after
// is then as it was (N4 of rules/counter.ts).

import { isDeepStrictEqual } from 'node:util'
import { QUALITIES } from '../../protocol/reading.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { DOUBT } from '../flags.ts'
import type { Checkpoint, SourceReading } from '../store/derived.ts'
import type { CalibrationRow } from '../store/processing.ts'
import { hourOf } from './civil-time.ts'
import { type Dated, inForce, type Meter, metersOf, seriesRulesOf } from './rules/calibration.ts'
import { isUnsound, rulesAt, type SeriesRules, screen } from './rules/checks.ts'
import { type CounterEvent, type CounterState, type Step, stepCounter } from './rules/counter.ts'
import { applyMeterEvent, type MeterEvent } from './rules/meter-event.ts'

/** A derived value as it is stored. */
export interface DerivedValue {
  at: number
  value: number | null
  quality: number
  consumed: number | null
  timeQuality: number
  flags: number
  /** The quality and the flags of the reading it was computed from. */
  sourceQuality: number
  sourceFlags: number
}

/** What a counter is counted by. */
export interface CounterRules {
  meters: readonly Dated<Meter>[]
  /** What people did to the meter, in time's order. */
  meterEvents: readonly MeterEvent[]
  /** How the counts of each variable are screened, by its code. */
  screens: ReadonlyMap<number, SeriesRules>
}

/** What a point's counter is counted by. Throws ZodError when a rule's parameters are not those of the rule. */
export function counterRulesOf(
  calibrations: readonly CalibrationRow[],
  meterEvents: readonly MeterEvent[],
): CounterRules {
  const screens = (['pulses', 'total'] as const).map(
    variable => [VARIABLES[variable].code, seriesRulesOf(calibrations, variable)] as const,
  )
  return { meters: metersOf(calibrations), meterEvents, screens: new Map(screens) }
}

/** What came of a run. */
export interface VolumeRun {
  values: Map<number, DerivedValue>
  events: CounterEvent[]
  /** One an hour at most, by the beginning of the hour. */
  checkpoints: Map<number, Checkpoint<CounterState>>
  state: CounterState | undefined
  /** Meter events up to here are in the state. */
  takenUntil: number
  /** The instant of the last reading that was taken. */
  endAt: number | undefined
  /** Whether a checkpoint from before was met again. */
  agreed: boolean
}

/** Begins a run after a checkpoint; undefined: from nothing. */
export function beginRun(checkpoint: Checkpoint<CounterState> | undefined): VolumeRun {
  return {
    ...{ values: new Map(), events: [], checkpoints: new Map(), state: checkpoint?.state },
    ...{ takenUntil: checkpoint?.at ?? -1, endAt: undefined, agreed: false },
  }
}

/** Whether a checkpoint is what the rules of today would have led to. */
export function isSoundCheckpoint(
  { at, state }: Checkpoint<CounterState>,
  { meters, screens }: CounterRules,
): boolean {
  const meter = inForce(meters, at)
  return (
    meter?.calibrationId === state.calibrationId && screenedBy(screens, state.source, at) === state.screenedBy
  )
}

/**
 * Takes readings, in time's order, until they end or the run agrees. `before` are checkpoints of earlier runs by their
 * instant; those up to `dirtyUntil` say nothing, for what they were computed from has changed.
 */
export function continueRun(
  run: VolumeRun,
  readings: readonly SourceReading[],
  {
    before,
    dirtyUntil,
    ...rules
  }: CounterRules & { before: ReadonlyMap<number, CounterState>; dirtyUntil: number },
): void {
  for (const reading of readings) {
    const meter = inForce(rules.meters, reading.at)
    if (meter === undefined || meter.source !== reading.variable) continue
    takeMeterEvents(run, reading.at, rules)
    takeReading(run, reading, meter, rules.screens)
    run.endAt = reading.at
    const { state } = run
    if (state === undefined || state.suspects.length > 0 || isOnTrial(state)) continue
    run.checkpoints.set(hourOf(reading.at), { at: reading.at, state })
    if (reading.at >= dirtyUntil && isDeepStrictEqual(before.get(reading.at), state)) {
      run.agreed = true
      return
    }
  }
}

/** Whether what was counted may still be taken back: a run that began here could not. */
const isOnTrial = ({ former }: CounterState): boolean => former !== undefined && former.since !== null

function takeMeterEvents(run: VolumeRun, until: number, { meters, meterEvents }: CounterRules): void {
  for (const event of meterEvents) {
    const meter = inForce(meters, event.at)
    if (event.at <= run.takenUntil || event.at > until || meter === undefined) continue
    const applied = applyMeterEvent(run.state, event, meter)
    run.state = applied.state
    putStep(run, applied, undefined)
  }
  run.takenUntil = until
}

/** The rules that screen a variable's counts at an instant; undefined where there are none. */
function screenedBy(
  screens: ReadonlyMap<number, SeriesRules>,
  variable: number,
  at: number,
): string | undefined {
  const rules = screens.get(variable)
  const made = rules === undefined ? '-/-' : rulesAt(rules, at)
  return made === '-/-' ? undefined : made
}

function takeReading(
  run: VolumeRun,
  reading: SourceReading,
  meter: Meter,
  screens: ReadonlyMap<number, SeriesRules>,
): void {
  const { at, quality: sourceQuality, timeQuality, flags: judged } = reading
  const rules = screens.get(reading.variable)
  // When it arrived is not asked again here: whether its clock ran ahead is judged already.
  const screened =
    rules === undefined ? { ...reading, flags: 0 } : screen({ ...reading, receivedAt: null }, rules)
  const sourceFlags = judged | screened.flags
  const source = { timeQuality, sourceQuality, sourceFlags }
  const { value } = screened
  if (value === null || value < 0 || isUnsound(sourceFlags)) {
    // A negative count is a code of the logger's, not a count.
    const quality = value === null ? sourceQuality : QUALITIES.sensor_code.code
    run.values.set(at, { at, value: null, quality, consumed: null, flags: sourceFlags, ...source })
    return
  }
  const step = stepCounter(run.state, { at, count: value }, meter)
  const { screenedBy: _, ...state } = step.state
  const made = screenedBy(screens, reading.variable, at)
  run.state = made === undefined ? state : { ...state, screenedBy: made }
  putStep(run, step, source)
}

/** Where a value comes from. */
type Source = Pick<DerivedValue, 'timeQuality' | 'sourceQuality' | 'sourceFlags'>

/** Keeps what came of a step. `source` is that of the reading it took, if it took one: the others are in the run already. */
function putStep(
  run: VolumeRun,
  { counted, events, undoneFrom }: Pick<Step, 'counted' | 'events' | 'undoneFrom'>,
  source: Source | undefined,
): void {
  if (undoneFrom !== undefined) run.events = run.events.filter(event => event.at < undoneFrom)
  run.events.push(...events)
  for (const { at, volumeM3, consumedM3, flags } of counted) {
    // Nothing that may still be taken back or readmitted lies before a run: it begins where nothing was set aside.
    const of = run.values.get(at) ?? source
    if (of === undefined) throw new Error(`No reading of ${at} was taken in this run`)
    const { timeQuality, sourceQuality, sourceFlags } = of
    const quality = (flags & DOUBT) === 0 ? sourceQuality : QUALITIES.uncertain.code
    run.values.set(at, {
      ...{ at, value: volumeM3, quality, consumed: consumedM3, flags: sourceFlags | flags },
      ...{ timeQuality, sourceQuality, sourceFlags },
    })
  }
}
