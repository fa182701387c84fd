// What follows from a point's readings: its water table and its volume, written beside what was measured.
//
// Runs in a transaction that holds the point (lockPoints), so that nobody else computes it meanwhile.

import { QUALITIES, TIME_MAX } from '../../protocol/reading.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { flagsOf } from '../flags.ts'
import type { Sql } from '../store/database.ts'
import {
  areSourcesGone,
  type Checkpoint,
  type DerivedRow,
  ensureDerivedSeries,
  findCheckpoint,
  replaceCheckpoints,
  replaceCounterEvents,
  selectCheckpoints,
  selectSources,
  valuesOf,
} from '../store/derived.ts'
import { type Dated, type FlowRule, inForce, type Probe } from './rules/calibration.ts'
import type { CounterState } from './rules/counter.ts'
import { flowReachMs, meanFlows } from './rules/mean-flow.ts'
import { waterTable } from './rules/water-table.ts'
import { beginRun, type CounterRules, continueRun, isSoundCheckpoint, type VolumeRun } from './volume.ts'

/** The codes of the variables that counters give. */
export const COUNTER_VARIABLES: readonly number[] = [VARIABLES.pulses.code, VARIABLES.total.code]

/** A level as it was judged: the value in force. */
export interface JudgedLevel {
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  flags: number
}

/** Readings of one point, to be computed. */
export interface PointReadings {
  pointId: number
  readings: readonly JudgedLevel[]
}

/** The water tables of level readings. Before the first calibration there is none. */
export async function deriveWaterTables(
  tx: Sql,
  { pointId, readings }: PointReadings,
  probes: readonly Dated<Probe>[],
): Promise<DerivedRow[]> {
  const values = readings.flatMap(reading => {
    if (reading.variable !== VARIABLES.level.code) return []
    const probe = inForce(probes, reading.at)
    if (probe === undefined) return []
    const { at, timeQuality, flags } = reading
    return [{ at, timeQuality, flags, consumed: null, ...waterTable(soundLevel(reading), probe) }]
  })
  if (values.length === 0) return []
  const seriesId = await derivedSeries(tx, pointId, VARIABLES.water_table.code)
  return values.map(value => ({ seriesId, ...value }))
}

/** A number that stands for no level gives no water table; one that is in doubt gives one that is in doubt as well. */
function soundLevel({ value, quality, flags }: JudgedLevel): { value: number | null; quality: number } {
  if (value === null || (flags & flagsOf('sentinel')) === 0) return { value, quality }
  return { value: null, quality: QUALITIES.sensor_code.code }
}

/** A stretch of a point's counter whose readings are new, or are to be computed again. Both ends included. */
export interface CounterStretch {
  pointId: number
  from: number
  until: number
  /** Begin where the calibrations of today would have led, not where the counter stood. */
  fromSound: boolean
  readingsMax: number
}

/** What was computed of a counter, and how far. */
export interface VolumeOutcome {
  seriesId: number
  rows: DerivedRow[]
  /** The readings that were taken, both ends included; undefined when there were none. */
  span: { from: number; to: number } | undefined
  /** Where to go on, when there were more readings than `readingsMax`. */
  leftFrom: number | undefined
}

/**
 * The volumes of a counter's stretch, and of everything after it that comes out differently. Writes where the counter
 * stood and what happened to it; the values are the caller's to write. Throws Rejected when the readings of that time
 * are no longer kept: what they gave stands.
 */
export async function deriveVolumes(
  tx: Sql,
  stretch: CounterStretch,
  rules: CounterRules,
): Promise<VolumeOutcome | undefined> {
  const [firstMeter] = rules.meters
  if (firstMeter === undefined) return undefined
  const seriesId = await derivedSeries(tx, stretch.pointId, VARIABLES.volume.code)
  if (await areSourcesGone(tx, seriesId, stretch.from)) {
    throw new Rejected('The readings of that time are no longer kept: their volumes stand as they are')
  }
  const isUsable = (one: Checkpoint<CounterState>) => !stretch.fromSound || isSoundCheckpoint(one, rules)
  const checkpoint = await findCheckpoint<CounterState>(tx, seriesId, stretch.from, isUsable)
  const beginAt = checkpoint === undefined ? Math.max(0, firstMeter.validFrom) : checkpoint.at + 1
  const run = beginRun(checkpoint)
  const leftFrom = await runForward(tx, run, { ...stretch, seriesId, beginAt }, rules)
  if (run.endAt === undefined) return { seriesId, rows: [], span: undefined, leftFrom }
  const span = { from: beginAt, to: run.endAt }
  await replaceCheckpoints(tx, seriesId, span, run.checkpoints)
  await replaceCounterEvents(tx, seriesId, span, run.events)
  const rows = [...run.values.values()].map(({ sourceQuality: _, sourceFlags: __, ...value }) => ({
    seriesId,
    ...value,
  }))
  return { seriesId, rows, span, leftFrom }
}

const FIRST_SLICE = 1_000
const SLICE = 10_000

/** Takes readings slice by slice. Returns where to go on when there are more than may be taken at once. */
async function runForward(
  tx: Sql,
  run: VolumeRun,
  { pointId, seriesId, beginAt, until, readingsMax }: CounterStretch & { seriesId: number; beginAt: number },
  rules: CounterRules,
): Promise<number | undefined> {
  let from = beginAt
  let limit = FIRST_SLICE
  for (let taken = 0; taken < readingsMax; ) {
    const rows = await selectSources(tx, { pointId, variables: COUNTER_VARIABLES, from, to: TIME_MAX, limit })
    const full = rows.length === limit
    const lastAt = rows.at(-1)?.at
    if (lastAt === undefined) return undefined
    // Two variables may have the same instant: a full slice may have cut between them, so its last instant waits.
    const slice = full ? rows.filter(({ at }) => at < lastAt) : rows
    const before = await selectCheckpoints<CounterState>(tx, seriesId, {
      from: Math.max(from, until),
      to: lastAt,
    })
    continueRun(run, slice, { ...rules, before, dirtyUntil: until })
    if (run.agreed || !full) return undefined
    taken += slice.length
    from = lastAt
    limit = Math.min(SLICE, Math.max(FIRST_SLICE, readingsMax - taken))
  }
  return from
}

/** A stretch of a point's volume that has changed, both ends included. */
export interface VolumeStretch {
  pointId: number
  from: number
  until: number
}

/** Most volumes that flows are made of at once; a longer stretch goes in slices. */
const VOLUMES_MAX = 50_000

/** The mean flows of a stretch of volumes, and of those after it that it reaches. Reads the volumes as they are written. */
export async function deriveFlows(
  tx: Sql,
  { pointId, from, until }: VolumeStretch,
  rules: readonly Dated<FlowRule>[],
): Promise<DerivedRow[]> {
  if (rules.length === 0) return []
  const seriesId = await derivedSeries(tx, pointId, VARIABLES.mean_flow.code)
  const reachMs = flowReachMs(rules)
  const rows: DerivedRow[] = []
  const end = Math.min(TIME_MAX, until + reachMs)
  for (let begin = from; begin <= end; ) {
    const volumes = await valuesOf(tx, {
      ...{ pointId, variable: 'volume', from: Math.max(0, begin - reachMs), to: end + 1, limit: VOLUMES_MAX },
    })
    const flows = meanFlows(volumes, rules).filter(({ at }) => at >= begin)
    rows.push(...flows.map(flow => ({ seriesId, consumed: null, ...flow })))
    const lastAt = volumes.at(-1)?.at
    if (volumes.length < VOLUMES_MAX || lastAt === undefined || lastAt < begin) break
    begin = lastAt + 1
  }
  return rows
}

async function derivedSeries(tx: Sql, pointId: number, variable: number): Promise<number> {
  const series = await ensureDerivedSeries(tx, [{ pointId, variable }])
  const id = series.get(`${pointId}/${variable}`)
  if (id === undefined) throw new Error(`No series for variable ${variable} of point ${pointId}`)
  return id
}
