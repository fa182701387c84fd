// Recomputing a stretch of a point because somebody asked: after a calibration was entered for a time that has passed.
//
// Safe to ask again: what is right already is not touched. What it would change can be asked first (`dryRun`): the
// same work is done and undone. Volumes after the stretch are computed as far as they come out differently.

import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { Database, Sql } from '../store/database.ts'
import { consumptionOf, refreshLatest, removeDerived, selectSources, writeDerived } from '../store/derived.ts'
import {
  type CalibrationRow,
  lockPoints,
  recordRecomputation,
  selectCalibrations,
  selectMeasuredHours,
} from '../store/processing.ts'
import { type ChangedBuckets, rollUp, type Touched } from './buckets.ts'
import { deriveVolumes, deriveWaterTables } from './derive.ts'
import { metersOf, probesOf } from './rules/calibration.ts'

/** The longest stretch that may be asked for. */
export const STRETCH_MAX_MS = 366 * 86_400_000

/** Most readings of one variable that are taken in one transaction. */
export const READINGS_MAX = 600_000

/** What is to be computed again: `from` included, `to` not. */
export interface Recomputation {
  pointId: number
  from: number
  to: number
  askedBy: string
  dryRun: boolean
}

/** What came out differently in one variable. */
export interface Difference {
  variable: 'water_table' | 'volume'
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
  /** What passed in the stretch, m³, before and after. */
  consumptionM3: { before: number | null; after: number | null }
  buckets: ChangedBuckets
}

/**
 * Computes a stretch again. Throws ZodError when the calibrations cannot be used, RangeError when there is too much,
 * Rejected when the readings of that time are no longer kept.
 */
export async function recompute(
  { db, clock }: { db: Database; clock: Clock },
  asked: Recomputation,
): Promise<RecomputationOutcome> {
  const preview: { outcome?: RecomputationOutcome } = {}
  try {
    return await db.transaction(async tx => {
      const outcome = await recomputeIn({ tx, clock }, asked)
      if (asked.dryRun) {
        preview.outcome = outcome
        throw new Undo()
      }
      await recordRecomputation(tx, { ...asked, askedAt: clock.now(), outcome })
      return outcome
    })
  } catch (error) {
    if (error instanceof Undo && preview.outcome !== undefined) return preview.outcome
    throw error
  }
}

/** Ends a transaction whose work was only to be seen. */
class Undo extends Error {}

async function recomputeIn(
  { tx, clock }: { tx: Sql; clock: Clock },
  { pointId, from, to }: Recomputation,
): Promise<RecomputationOutcome> {
  await lockPoints(tx, [pointId])
  const calibrations = await selectCalibrations(tx, [pointId])
  const stretch = { pointId, from, to, horizon: clock.now() + AHEAD_MAX_MS }
  const before = await consumptionOf(tx, stretch)
  const waterTables = await recomputeWaterTables(tx, stretch, calibrations)
  const volumes = await recomputeVolumes(tx, stretch, calibrations)
  const buckets = await rollUp(
    tx,
    {
      measured: await selectMeasuredHours(tx, stretch),
      derived: [...(waterTables?.touched ?? []), ...(volumes?.touched ?? [])],
    },
    new Map(volumes === undefined ? [] : [[volumes.seriesId, pointId]]),
  )
  return {
    variables: [waterTables?.difference, volumes?.difference].filter(one => one !== undefined),
    consumptionM3: { before, after: await consumptionOf(tx, stretch) },
    buckets,
  }
}

interface Recomputed {
  seriesId: number
  difference: Difference
  touched: Touched[]
}

interface Stretch {
  pointId: number
  from: number
  to: number
  /** Nothing later is taken for the newest. */
  horizon: number
}

async function recomputeWaterTables(
  tx: Sql,
  { pointId, from, to, horizon }: Stretch,
  calibrations: readonly CalibrationRow[],
): Promise<Recomputed | undefined> {
  const variables = [VARIABLES.level.code]
  const limit = READINGS_MAX + 1
  const readings = await selectSources(tx, { pointId, variables, from, to: to - 1, limit })
  if (readings.length > READINGS_MAX) throw tooMuch()
  const rows = await deriveWaterTables(tx, { pointId, readings }, probesOf(calibrations))
  return replaceValues(tx, 'water_table', rows, { from, to: to - 1, horizon })
}

async function recomputeVolumes(
  tx: Sql,
  { pointId, from, to, horizon }: Stretch,
  calibrations: readonly CalibrationRow[],
): Promise<Recomputed | undefined> {
  const volumes = await deriveVolumes(
    tx,
    { pointId, from, until: to - 1, fromSound: true, readingsMax: READINGS_MAX },
    metersOf(calibrations),
  )
  if (volumes?.leftFrom !== undefined) throw tooMuch()
  const first = volumes?.rows[0]
  if (volumes?.span === undefined || first === undefined) return undefined
  return replaceValues(tx, 'volume', volumes.rows, { from: first.at, to: volumes.span.to, horizon })
}

/** Writes what was computed, and takes away what no source gives any more. */
async function replaceValues(
  tx: Sql,
  variable: Difference['variable'],
  rows: Parameters<typeof writeDerived>[1],
  { from, to, horizon }: { from: number; to: number; horizon: number },
): Promise<Recomputed | undefined> {
  const [first] = rows
  if (first === undefined) return undefined
  const { seriesId } = first
  const kept = rows.map(({ at }) => at)
  const removed = await removeDerived(tx, seriesId, { from, to, kept })
  const changed = await writeDerived(tx, rows)
  await refreshLatest(tx, rows, horizon)
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
  return { seriesId, difference, touched: instants.map(at => ({ seriesId, at })) }
}

const tooMuch = (): RangeError =>
  new RangeError(`Cannot recompute more than ${READINGS_MAX} readings at once: ask for a shorter stretch`)
