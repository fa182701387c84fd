// Recomputing a stretch of a point: after a calibration was entered for a time that has passed.
//
// Safe to do again: what is right already is not touched. Volumes after the stretch are computed as far as they come out
// differently.

import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { Sql } from '../store/database.ts'
import {
  consumptionOf,
  type DerivedRow,
  refreshLatest,
  removeDerived,
  valuesOf,
  writeDerived,
} from '../store/derived.ts'
import { writeJudgements } from '../store/judgements.ts'
import {
  type CalibrationRow,
  findRetainedFrom,
  lockPoints,
  selectCalibrations,
  selectMeasuredHours,
  selectMeasuredSeries,
  selectMeterEvents,
} from '../store/processing.ts'
import { type ChangedBuckets, rollUp, type Touched } from './buckets.ts'
import { COUNTER_VARIABLES, deriveFlows, deriveVolumes, deriveWaterTables } from './derive.ts'
import { type Judging, judgeAgain } from './judge.ts'
import { flowRulesOf, probesOf } from './rules/calibration.ts'
import { counterRulesOf } from './volume.ts'

/** The longest stretch that may be asked for. */
export const STRETCH_MAX_MS = 366 * 86_400_000

/** Most readings of one variable that are taken in one transaction. */
export const READINGS_MAX = 600_000

/** What is to be computed again: `from` included, `to` not. */
export interface Recomputation {
  pointId: number
  from: number
  to: number
}

/** What came out differently in one variable. */
export interface Difference {
  variable: 'water_table' | 'volume' | 'mean_flow'
  computed: number
  changed: number
  removed: number
  /** The first and the last instant that changed; null when none did. */
  changedFrom: number | null
  changedTo: number | null
}

/** What a recomputation changed, or would change. */
export interface RecomputationOutcome {
  variables: Difference[]
  /** Measured readings that are judged otherwise. */
  judged: number
  /** What passed in the stretch, m³, before and after. */
  consumptionM3: { before: number | null; after: number | null }
  buckets: ChangedBuckets
}

/** What a recomputation does, value by value: to tell whether another one would do the same. */
export interface Trace {
  /** What everything is computed with. */
  rules: string
  changes: { at: number; what: string }[]
}

/**
 * Computes a stretch again, in a transaction. Throws ZodError when the calibrations cannot be used, RangeError when there is
 * too much, Rejected when the readings of that time are no longer kept.
 */
export async function recomputeIn(
  { tx, clock }: { tx: Sql; clock: Clock },
  { pointId, from, to }: Recomputation,
): Promise<{ outcome: RecomputationOutcome; trace: Trace }> {
  await lockPoints(tx, [pointId])
  const keptFrom = await findRetainedFrom(tx, pointId)
  if (keptFrom !== undefined && from < keptFrom) {
    throw new Rejected(`The readings of this point are kept from ${new Date(keptFrom).toISOString()} on`)
  }
  const calibrations = await selectCalibrations(tx, [pointId])
  const stretch = { pointId, from, to, horizon: clock.now() + AHEAD_MAX_MS }
  const before = await consumptionOf(tx, stretch)
  const judged = await judgeStretch(tx, stretch, calibrations)
  const waterTables = await recomputeWaterTables(tx, stretch, calibrations, judged.judging)
  const volumes = await recomputeVolumes(tx, stretch, calibrations, judged.judging)
  const flows = volumes === undefined ? undefined : await recomputeFlows(tx, stretch, calibrations, volumes)
  const computed = [waterTables, volumes, flows].filter(one => one !== undefined)
  const { tooLate: _, ...buckets } = await rollUp(
    tx,
    {
      measured: [...(await selectMeasuredHours(tx, stretch)), ...judged.changed],
      derived: computed.flatMap(({ touched }) => touched),
    },
    new Map(volumes === undefined ? [] : [[volumes.seriesId, pointId]]),
  )
  const outcome = {
    variables: computed.map(({ difference }) => difference),
    judged: judged.changed.length,
    consumptionM3: { before, after: await consumptionOf(tx, stretch) },
    buckets,
  }
  const rules = JSON.stringify([calibrations, await selectMeterEvents(tx, [pointId])])
  return { outcome, trace: { rules, changes: [...judged.trace, ...computed.flatMap(({ trace }) => trace)] } }
}

interface Recomputed {
  seriesId: number
  difference: Difference
  touched: Touched[]
  trace: Trace['changes']
}

interface Stretch {
  pointId: number
  from: number
  to: number
  /** Nothing later is taken for the newest. */
  horizon: number
}

/** Judges the readings of the stretch, and those after it whose checks come out differently. */
async function judgeStretch(
  tx: Sql,
  { pointId, from, to }: Stretch,
  calibrations: readonly CalibrationRow[],
): Promise<{ judging: Judging; changed: Touched[]; trace: Trace['changes'] }> {
  const judging: Judging = { judged: [], judgements: [], leftFrom: undefined }
  for (const series of await selectMeasuredSeries(tx, pointId)) {
    const stretch = { ...series, from, until: to - 1, fromSound: true, readingsMax: READINGS_MAX }
    await judgeAgain(tx, judging, stretch, calibrations)
  }
  if (judging.leftFrom !== undefined) throw tooMuch()
  const changed = await writeJudgements(tx, judging.judgements)
  return { judging, changed, trace: traceOf(changed, judging.judgements) }
}

async function recomputeWaterTables(
  tx: Sql,
  { pointId, from, to, horizon }: Stretch,
  calibrations: readonly CalibrationRow[],
  { judged }: Judging,
): Promise<Recomputed | undefined> {
  const values = await valuesOf(tx, { pointId, variable: 'level', from, to, limit: READINGS_MAX + 1 })
  if (values.length > READINGS_MAX) throw tooMuch()
  const variable = VARIABLES.level.code
  const levels = values.map(value => ({ ...value, variable }))
  const probes = probesOf(calibrations)
  const rows = await deriveWaterTables(tx, { pointId, readings: levels }, probes)
  const later = judged.filter(({ at }) => at >= to)
  const after = await deriveWaterTables(tx, { pointId, readings: later }, probes)
  return replaceValues(tx, 'water_table', { rows, after }, { from, to: to - 1, horizon })
}

async function recomputeVolumes(
  tx: Sql,
  { pointId, from, to, horizon }: Stretch,
  calibrations: readonly CalibrationRow[],
  { judged }: Judging,
): Promise<Recomputed | undefined> {
  const until = judged
    .filter(({ variable }) => COUNTER_VARIABLES.includes(variable))
    .reduce((most, { at }) => Math.max(most, at), to - 1)
  const volumes = await deriveVolumes(
    tx,
    { pointId, from, until, fromSound: true, readingsMax: READINGS_MAX },
    counterRulesOf(calibrations, await selectMeterEvents(tx, [pointId])),
  )
  if (volumes?.leftFrom !== undefined) throw tooMuch()
  const [first] = volumes?.rows ?? []
  if (volumes?.span === undefined || first === undefined) return undefined
  // The run began at a checkpoint: before its first value nothing of it may be taken away.
  const span = { from: first.at, to: volumes.span.to, horizon }
  return replaceValues(tx, 'volume', { rows: volumes.rows, after: [] }, span)
}

/** The flows of the stretch, and of the volumes that have changed. */
async function recomputeFlows(
  tx: Sql,
  { pointId, from, to, horizon }: Stretch,
  calibrations: readonly CalibrationRow[],
  { touched }: Recomputed,
): Promise<Recomputed | undefined> {
  const span = {
    from: touched.reduce((least, { at }) => Math.min(least, at), from),
    until: touched.reduce((most, { at }) => Math.max(most, at), to - 1),
  }
  const rows = await deriveFlows(tx, { pointId, ...span }, flowRulesOf(calibrations))
  const last = rows.at(-1)?.at ?? span.until
  return replaceValues(tx, 'mean_flow', { rows, after: [] }, { from: span.from, to: last, horizon })
}

/** Writes what was computed, and takes away what no source gives any more. */
async function replaceValues(
  tx: Sql,
  variable: Difference['variable'],
  { rows, after }: { rows: readonly DerivedRow[]; after: readonly DerivedRow[] },
  { from, to, horizon }: { from: number; to: number; horizon: number },
): Promise<Recomputed | undefined> {
  const [first] = [...rows, ...after]
  if (first === undefined) return undefined
  const { seriesId } = first
  const kept = rows.map(({ at }) => at)
  const removed = await removeDerived(tx, seriesId, { from, to, kept })
  const changed = await writeDerived(tx, [...rows, ...after])
  await refreshLatest(tx, [...rows, ...after], horizon)
  const instants = [...removed, ...changed.map(({ at }) => at)]
  const edge = (choose: (a: number, b: number) => number) =>
    instants.length === 0 ? null : instants.reduce((a, b) => choose(a, b))
  const difference = {
    variable,
    computed: rows.length,
    changed: changed.length,
    removed: removed.length,
    changedFrom: edge(Math.min),
    changedTo: edge(Math.max),
  }
  const trace = [
    ...removed.map(at => ({ at, what: `${seriesId} ${at} removed` })),
    ...traceOf(changed, [...rows, ...after]),
  ]
  return { seriesId, difference, touched: instants.map(at => ({ seriesId, at })), trace }
}

/** Those of the rows that have changed, in words. */
function traceOf(changed: readonly Touched[], rows: readonly Touched[]): Trace['changes'] {
  const keys = new Set(changed.map(({ seriesId, at }) => `${seriesId}/${at}`))
  return rows
    .filter(({ seriesId, at }) => keys.has(`${seriesId}/${at}`))
    .map(row => ({ at: row.at, what: JSON.stringify(row) }))
}

const tooMuch = (): RangeError =>
  new RangeError(`Cannot recompute more than ${READINGS_MAX} readings at once: ask for a shorter stretch`)
