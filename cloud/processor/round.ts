// One round of the processor: some batches that wait, everything that follows from them, in one transaction.
//
// Invariants:
//   P1. A batch is marked in the transaction that writes what follows from it: a round that dies has not happened.
//   P2. One processor at a time has a gateway, and one a point: two share the work and double nothing.
//   P3. What cannot be processed is set aside with its reason, a series or a point alone, and the line moves on.

import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  type BroughtReading,
  claimGateways,
  markProcessed,
  type ProcessingFailure,
  saveFailures,
  selectBrought,
  selectWaiting,
  takeRecomputation,
  tryPoints,
} from '../store/processing.ts'
import { rollUp, type Touched, type TouchedValues } from './buckets.ts'
import { type Followed, followAgain, followNew } from './follow.ts'

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
    const claimed = await claimBatches(tx, limits)
    if (claimed.batchIds.length === 0) return NOTHING
    const outcome = await processBatches({ tx, clock }, claimed, limits)
    await saveFailures(tx, outcome.failures, clock.now())
    await markProcessed(tx, claimed.batchIds, clock.now())
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
    const { batchIds, points } = await claimBatches(tx, { ...limits, gatewaysMax: 1, batchesEachMax: 1 })
    const [batchId] = batchIds
    if (batchId === undefined) return NOTHING
    const outcome = await attempt(tx, { batchId, pointId: null }, () =>
      processPoints({ tx, clock }, { batchId, points }, limits),
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
      const followed = await followAgain(tx, { pointId, from }, limitsOf(clock, readingsMax))
      await rollUp(tx, followed, followed.volumes)
      return { ...NOTHING, derived: followed.derived.length, failures: followed.failures }
    })
    await saveFailures(tx, outcome.failures, clock.now())
    return outcome
  })
}

/** Batches that are ours until the transaction ends, and what they brought; so are the points that it is of. */
interface Claimed {
  batchIds: number[]
  points: BroughtPoint[]
}

interface BroughtPoint {
  pointId: number
  readings: BroughtReading[]
}

/** Takes batches of some gateways. One that reads a point which somebody else has is left alone, and others are taken. */
async function claimBatches(tx: Sql, { gatewaysMax, batchesEachMax }: RoundLimits): Promise<Claimed> {
  const left = new Set<number>()
  for (;;) {
    const gateways = await claimGateways(tx, gatewaysMax, [...left])
    if (gateways.length === 0) return { batchIds: [], points: [] }
    const waiting = await selectWaiting(tx, gateways, batchesEachMax)
    const brought = await selectBrought(
      tx,
      waiting.map(({ id }) => id),
    )
    const pointIds = [...new Set(brought.map(({ pointId }) => pointId))].sort((a, b) => a - b)
    const taken = new Set(await tryPoints(tx, pointIds))
    for (const { gatewayId, pointId } of brought) if (taken.has(pointId)) left.add(gatewayId)
    const ours = waiting.filter(({ gatewayId }) => !left.has(gatewayId))
    if (ours.length === 0) continue
    const byPoint = Map.groupBy(
      brought.filter(({ gatewayId }) => !left.has(gatewayId)),
      ({ pointId }) => pointId,
    )
    return {
      batchIds: ours.map(({ id }) => id),
      points: [...byPoint].map(([pointId, readings]) => ({ pointId, readings })),
    }
  }
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

const limitsOf = (clock: Clock, readingsMax: number) => ({ readingsMax, horizon: clock.now() + AHEAD_MAX_MS })

async function processPoints(
  { tx, clock }: { tx: Sql; clock: Clock },
  { batchId, points }: { batchId: number; points: readonly BroughtPoint[] },
  { readingsMax }: RoundLimits,
): Promise<RoundOutcome> {
  let outcome = NOTHING
  for (const point of points) {
    outcome = add(outcome, await processPoint(tx, { batchId, ...point }, limitsOf(clock, readingsMax)))
  }
  return outcome
}

/** What follows from a batch at one point; then the rollups of each of its series, whatever became of the others. */
async function processPoint(
  tx: Sql,
  point: { batchId: number; pointId: number; readings: BroughtReading[] },
  limits: { readingsMax: number; horizon: number },
): Promise<RoundOutcome> {
  const { readings } = point
  const done: { followed?: Followed } = {}
  let outcome = await attempt(tx, point, async () => {
    const followed = await followNew(tx, [point], limits)
    done.followed = followed
    return {
      ...{ batches: 0, readings: readings.length },
      ...{ derived: followed.derived.length, failures: followed.failures },
    }
  })
  const { derived = [], measured = [], volumes = new Map() } = done.followed ?? {}
  const touched = [...readings, ...measured]
  for (const seriesId of new Set([...touched, ...derived].map(one => one.seriesId))) {
    const ofIt = (one: Touched) => one.seriesId === seriesId
    const rolledUp = await attempt(tx, point, async () => {
      const brought = readings.filter(ofIt)
      const some = { brought, measured: measured.filter(ofIt), derived: derived.filter(ofIt) }
      return { ...NOTHING, failures: await rollUpBrought(tx, some, volumes) }
    })
    outcome = add(outcome, rolledUp)
  }
  return outcome
}

async function processBatches(
  { tx, clock }: { tx: Sql; clock: Clock },
  { batchIds, points }: Claimed,
  { readingsMax }: RoundLimits,
): Promise<RoundOutcome> {
  const brought = points.flatMap(({ readings }) => readings)
  const { measured, derived, volumes, failures } = await followNew(tx, points, limitsOf(clock, readingsMax))
  const tooLate = await rollUpBrought(tx, { brought, measured, derived }, volumes)
  return {
    ...{ batches: batchIds.length, readings: brought.length, derived: derived.length },
    failures: [...failures, ...tooLate],
  }
}

const TOO_LATE =
  'Readings came for hours whose others are no longer kept: what is known of those hours stands as it is'

/** Rollups of what is new and what was touched by it. A point of which something came too late is told once. */
async function rollUpBrought(
  tx: Sql,
  { brought, measured, derived }: Omit<TouchedValues, 'brought'> & { brought: readonly BroughtReading[] },
  volumes: ReadonlyMap<number, number>,
): Promise<ProcessingFailure[]> {
  const touched = { brought, measured: [...brought, ...measured], derived }
  const { tooLate } = await rollUp(tx, touched, volumes)
  const late = brought.filter(({ seriesId }) => tooLate.has(seriesId)).map(({ pointId }) => pointId)
  return [...new Set(late)].map(pointId => ({ batchId: null, pointId, reason: TOO_LATE }))
}
