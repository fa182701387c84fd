// One round of the processor: some batches that wait, everything that follows from them, in one transaction.
//
// Invariants:
//   P1. A batch is marked in the transaction that writes what follows from it: a round that dies has not happened.
//   P2. One processor at a time has a gateway, and one a point: two share the work and double nothing.
//   P3. What cannot be processed is set aside with its reason, a series or a point alone, and the line moves on.

import { ZodError } from 'zod'
import { reasonsOf } from '../../protocol/mistakes.ts'
import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Database, Sql } from '../store/database.ts'
import { type DerivedRow, refreshLatest, writeDerived } from '../store/derived.ts'
import {
  type BroughtReading,
  type CalibrationRow,
  claimGateways,
  leaveRecomputation,
  lockPoints,
  markProcessed,
  type ProcessingFailure,
  saveFailures,
  selectBrought,
  selectCalibrations,
  selectWaiting,
  takeRecomputation,
} from '../store/processing.ts'
import { rollUp, type Touched } from './buckets.ts'
import { COUNTER_VARIABLES, deriveVolumes, deriveWaterTables, type VolumeOutcome } from './derive.ts'
import { type Dated, type Meter, metersOf, probesOf } from './rules/calibration.ts'

/** Bounds of a round. */
export interface RoundLimits {
  gatewaysMax: number
  batchesEachMax: number
  /** Most readings of one counter that are computed in one transaction; the rest goes on in a later one. */
  readingsMax: number
}

/** What a round did. */
export interface RoundOutcome {
  batches: number
  readings: number
  derived: number
  failures: ProcessingFailure[]
}

const NOTHING: RoundOutcome = { batches: 0, readings: 0, derived: 0, failures: [] }

/** Processes some of the batches that wait. Throws what the database throws; then nothing has happened. */
export function processRound(
  { db, clock }: { db: Database; clock: Clock },
  limits: RoundLimits,
): Promise<RoundOutcome> {
  return db.transaction(async tx => {
    const batchIds = await claimBatches(tx, limits)
    if (batchIds.length === 0) return NOTHING
    const outcome = await processBatches({ tx, clock }, batchIds, limits)
    await saveFailures(tx, outcome.failures, clock.now())
    await markProcessed(tx, batchIds, clock.now())
    return outcome
  })
}

/**
 * Processes one batch point by point, and each point's series one by one; what fails is set aside alone, with the reason.
 * Throws Unavailable alone.
 */
export function processCarefully(
  { db, clock }: { db: Database; clock: Clock },
  limits: RoundLimits,
): Promise<RoundOutcome> {
  return db.transaction(async tx => {
    const [batchId] = await claimBatches(tx, { ...limits, gatewaysMax: 1, batchesEachMax: 1 })
    if (batchId === undefined) return NOTHING
    const outcome = await attempt(tx, { batchId, pointId: null }, () =>
      processPoints({ tx, clock }, batchId, limits),
    )
    await saveFailures(tx, outcome.failures, clock.now())
    await markProcessed(tx, [batchId], clock.now())
    return { ...outcome, batches: 1 }
  })
}

/**
 * Goes on with a recomputation that was too long for one transaction; one that fails is set aside with the reason.
 * `undefined` when there is none. Throws Unavailable alone.
 */
export function continueRecomputation(
  { db, clock }: { db: Database; clock: Clock },
  { readingsMax }: RoundLimits,
): Promise<RoundOutcome | undefined> {
  return db.transaction(async tx => {
    const due = await takeRecomputation(tx)
    if (due === undefined) return undefined
    const { pointId, from } = due
    const outcome = await attempt(tx, { batchId: null, pointId }, async () => {
      await lockPoints(tx, [pointId])
      const calibrations = await selectCalibrations(tx, [pointId])
      const work = openWork()
      await volumesInto(work, tx, { pointId, from, until: from, readingsMax }, calibrations)
      return { ...NOTHING, derived: await finish({ tx, clock }, work, []), failures: work.failures }
    })
    await saveFailures(tx, outcome.failures, clock.now())
    return outcome
  })
}

async function claimBatches(tx: Sql, { gatewaysMax, batchesEachMax }: RoundLimits): Promise<number[]> {
  const gateways = await claimGateways(tx, gatewaysMax)
  if (gateways.length === 0) return []
  return (await selectWaiting(tx, gateways, batchesEachMax)).map(({ id }) => id)
}

/** Does the work, or undoes it and says why it could not be done. */
async function attempt(
  tx: Sql,
  what: { batchId: number | null; pointId: number | null },
  work: () => Promise<RoundOutcome>,
): Promise<RoundOutcome> {
  await tx.query('savepoint attempt')
  try {
    const outcome = await work()
    await tx.query('release savepoint attempt')
    return outcome
  } catch (error) {
    if (error instanceof Unavailable) throw error
    await tx.query('rollback to savepoint attempt')
    await tx.query('release savepoint attempt')
    const { batchId, pointId } = what
    return { ...NOTHING, failures: [{ batchId, pointId, reason: reasonOf(error) }] }
  }
}

const add = (one: RoundOutcome, other: RoundOutcome): RoundOutcome => ({
  batches: one.batches + other.batches,
  readings: one.readings + other.readings,
  derived: one.derived + other.derived,
  failures: [...one.failures, ...other.failures],
})

async function processPoints(
  { tx, clock }: { tx: Sql; clock: Clock },
  batchId: number,
  { readingsMax }: RoundLimits,
): Promise<RoundOutcome> {
  const byPoint = Map.groupBy(await selectBrought(tx, [batchId]), ({ pointId }) => pointId)
  const pointIds = [...byPoint.keys()].sort((a, b) => a - b)
  await lockPoints(tx, pointIds)
  const calibrations = Map.groupBy(await selectCalibrations(tx, pointIds), ({ pointId }) => pointId)
  let outcome = NOTHING
  for (const pointId of pointIds) {
    const readings = byPoint.get(pointId) ?? []
    const point = { batchId, pointId, readings, readingsMax }
    outcome = add(outcome, await processPoint({ tx, clock }, point, calibrations.get(pointId) ?? []))
  }
  return outcome
}

/** What follows from a batch at one point; then the rollups of each of its series, whatever became of the others. */
async function processPoint(
  { tx, clock }: { tx: Sql; clock: Clock },
  point: { batchId: number; pointId: number; readings: BroughtReading[]; readingsMax: number },
  calibrations: readonly CalibrationRow[],
): Promise<RoundOutcome> {
  const { readings } = point
  const work = openWork()
  let changed: Touched[] = []
  let outcome = await attempt(tx, point, async () => {
    await pointInto(work, tx, point, calibrations)
    changed = await write({ tx, clock }, work)
    return { ...NOTHING, readings: readings.length, derived: changed.length, failures: work.failures }
  })
  for (const seriesId of new Set([...readings, ...changed].map(touched => touched.seriesId))) {
    const ofIt = (touched: Touched) => touched.seriesId === seriesId
    const rolledUp = await attempt(tx, point, async () => {
      await rollUp(tx, { measured: readings.filter(ofIt), derived: changed.filter(ofIt) }, work.volumes)
      return NOTHING
    })
    outcome = add(outcome, rolledUp)
  }
  return outcome
}

async function processBatches(
  { tx, clock }: { tx: Sql; clock: Clock },
  batchIds: readonly number[],
  { readingsMax }: RoundLimits,
): Promise<RoundOutcome> {
  const brought = await selectBrought(tx, batchIds)
  const byPoint = Map.groupBy(brought, ({ pointId }) => pointId)
  const pointIds = [...byPoint.keys()].sort((a, b) => a - b)
  await lockPoints(tx, pointIds)
  const calibrations = Map.groupBy(await selectCalibrations(tx, pointIds), ({ pointId }) => pointId)
  const work = openWork()
  for (const pointId of pointIds) {
    const readings = byPoint.get(pointId) ?? []
    await pointInto(work, tx, { pointId, readings, readingsMax }, calibrations.get(pointId) ?? [])
  }
  const derived = await finish({ tx, clock }, work, brought)
  return { batches: batchIds.length, readings: brought.length, derived, failures: work.failures }
}

/** What a round has computed and not yet written. */
interface Work {
  rows: DerivedRow[]
  volumes: Map<number, number>
  failures: ProcessingFailure[]
}

const openWork = (): Work => ({ rows: [], volumes: new Map(), failures: [] })

async function pointInto(
  work: Work,
  tx: Sql,
  { pointId, readings, readingsMax }: { pointId: number; readings: BroughtReading[]; readingsMax: number },
  calibrations: readonly CalibrationRow[],
): Promise<void> {
  const probes = usable(work, pointId, () => probesOf(calibrations))
  if (probes !== undefined) work.rows.push(...(await deriveWaterTables(tx, { pointId, readings }, probes)))
  const counts = readings.filter(({ variable }) => COUNTER_VARIABLES.includes(variable)).map(({ at }) => at)
  if (counts.length === 0) return
  const from = counts.reduce((a, b) => Math.min(a, b))
  const until = counts.reduce((a, b) => Math.max(a, b))
  await volumesInto(work, tx, { pointId, from, until, readingsMax }, calibrations)
}

async function volumesInto(
  work: Work,
  tx: Sql,
  stretch: { pointId: number; from: number; until: number; readingsMax: number },
  calibrations: readonly CalibrationRow[],
): Promise<void> {
  const { pointId } = stretch
  const meters = usable(work, pointId, () => metersOf(calibrations))
  if (meters === undefined) return
  const volumes = await volumesUnlessGone(work, tx, stretch, meters)
  if (volumes === undefined) return
  work.rows.push(...volumes.rows)
  work.volumes.set(volumes.seriesId, pointId)
  if (volumes.leftFrom !== undefined) await leaveRecomputation(tx, pointId, volumes.leftFrom)
}

async function volumesUnlessGone(
  work: Work,
  tx: Sql,
  stretch: { pointId: number; from: number; until: number; readingsMax: number },
  meters: readonly Dated<Meter>[],
): Promise<VolumeOutcome | undefined> {
  try {
    return await deriveVolumes(tx, { ...stretch, fromSound: false }, meters)
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    work.failures.push({ batchId: null, pointId: stretch.pointId, reason: error.message })
    return undefined
  }
}

/** A point whose calibrations nobody can use has no derived values; its reason is kept, and the others go on. */
function usable<T>(work: Work, pointId: number, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    work.failures.push({ batchId: null, pointId, reason: `Cannot use calibration: ${reasonsOf(error)}` })
    return undefined
  }
}

/** Writes values, latest and rollups. Returns how many values are new or have changed. */
async function finish(
  deps: { tx: Sql; clock: Clock },
  work: Work,
  measured: readonly Touched[],
): Promise<number> {
  const changed = await write(deps, work)
  await rollUp(deps.tx, { measured, derived: changed }, work.volumes)
  return changed.length
}

/** Writes values and latest. Returns the values that are new or have changed. */
async function write({ tx, clock }: { tx: Sql; clock: Clock }, { rows }: Work): Promise<Touched[]> {
  const changed = await writeDerived(tx, rows)
  await refreshLatest(tx, rows, clock.now() + AHEAD_MAX_MS)
  return changed
}
