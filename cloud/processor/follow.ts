// What follows from readings: they are judged, then come water tables, volumes and flows. All of it is written here;
// the rollups are the caller's.
//
// Runs in a transaction that holds the points (lockPoints). A point whose rules nobody can use has no derived values; the
// reason is told, and the others go on.

import { ZodError } from 'zod'
import { reasonsOf } from '../../protocol/mistakes.ts'
import { TIME_MAX } from '../../protocol/reading.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Sql } from '../store/database.ts'
import { type DerivedRow, refreshLatest, writeDerived } from '../store/derived.ts'
import { writeJudgements } from '../store/judgements.ts'
import {
  type CalibrationRow,
  leaveRecomputation,
  type ProcessingFailure,
  selectCalibrations,
  selectMeasuredSeries,
  selectMeterEvents,
} from '../store/processing.ts'
import type { Touched } from './buckets.ts'
import {
  COUNTER_VARIABLES,
  deriveFlows,
  deriveVolumes,
  deriveWaterTables,
  type VolumeOutcome,
} from './derive.ts'
import { type Judging, judgeAgain, judgeNew, type NewReading } from './judge.ts'
import { flowRulesOf, probesOf } from './rules/calibration.ts'
import type { MeterEvent } from './rules/meter-event.ts'
import { type CounterRules, counterRulesOf } from './volume.ts'

/** What is new or has changed. */
export interface Followed {
  /** Measured readings that are judged otherwise than before. */
  measured: Touched[]
  derived: Touched[]
  /** The points of volume series. */
  volumes: Map<number, number>
  failures: ProcessingFailure[]
}

/** Bounds: how many readings of one series at once, and after when nothing is taken for the newest. */
export interface FollowLimits {
  readingsMax: number
  horizon: number
}

/** What follows from new readings of points. */
export async function followNew(
  tx: Sql,
  points: readonly { pointId: number; readings: readonly NewReading[] }[],
  limits: FollowLimits,
): Promise<Followed> {
  const work = await openWork(
    tx,
    points.map(({ pointId }) => pointId),
    limits,
  )
  const judged: JudgedPoint[] = []
  for (const { pointId, readings } of points) {
    const { readingsMax } = limits
    const calibrations = work.calibrations.get(pointId) ?? []
    const judging = await usable(work, pointId, () => judgeNew(tx, { readings, readingsMax }, calibrations))
    if (judging !== undefined) judged.push({ pointId, judging, from: undefined })
  }
  return followJudged(tx, work, judged)
}

/** Goes on with a point from an instant on, as far as anything comes out differently. */
export async function followAgain(
  tx: Sql,
  { pointId, from }: { pointId: number; from: number },
  limits: FollowLimits,
): Promise<Followed> {
  const work = await openWork(tx, [pointId], limits)
  const judging: Judging = { judged: [], judgements: [], leftFrom: undefined }
  const calibrations = work.calibrations.get(pointId) ?? []
  const done = await usable(work, pointId, async () => {
    for (const series of await selectMeasuredSeries(tx, pointId)) {
      const stretch = { ...series, from, until: from, fromSound: false, readingsMax: limits.readingsMax }
      await judgeAgain(tx, judging, stretch, calibrations)
    }
    return true
  })
  return followJudged(tx, work, done ? [{ pointId, judging, from }] : [])
}

/** What is being computed. */
interface Work {
  limits: FollowLimits
  calibrations: ReadonlyMap<number, CalibrationRow[]>
  meterEvents: ReadonlyMap<number, MeterEvent[]>
  rows: DerivedRow[]
  volumes: Map<number, number>
  failures: ProcessingFailure[]
}

/** A point whose readings are judged; `from` is where its counter is to be counted again in any case. */
interface JudgedPoint {
  pointId: number
  judging: Judging
  from: number | undefined
}

async function openWork(tx: Sql, pointIds: readonly number[], limits: FollowLimits): Promise<Work> {
  const ofPoint = ({ pointId }: { pointId: number }) => pointId
  return {
    limits,
    calibrations: Map.groupBy(await selectCalibrations(tx, pointIds), ofPoint),
    meterEvents: Map.groupBy(await selectMeterEvents(tx, pointIds), ofPoint),
    ...{ rows: [], volumes: new Map(), failures: [] },
  }
}

async function followJudged(tx: Sql, work: Work, points: readonly JudgedPoint[]): Promise<Followed> {
  const measured = await writeJudgements(
    tx,
    points.flatMap(({ judging }) => judging.judgements),
  )
  for (const point of points) await deriveInto(work, tx, point)
  const derived = await writeDerived(tx, work.rows)
  await refreshLatest(tx, work.rows, work.limits.horizon)
  const flows = await flowsOf(work, tx, derived)
  derived.push(...(await writeDerived(tx, flows)))
  await refreshLatest(tx, flows, work.limits.horizon)
  return { measured, derived, volumes: work.volumes, failures: work.failures }
}

async function deriveInto(work: Work, tx: Sql, { pointId, judging, from }: JudgedPoint): Promise<void> {
  const calibrations = work.calibrations.get(pointId) ?? []
  const probes = await usable(work, pointId, async () => probesOf(calibrations))
  if (probes !== undefined) {
    work.rows.push(...(await deriveWaterTables(tx, { pointId, readings: judging.judged }, probes)))
  }
  const counts = judging.judged.filter(({ variable }) => COUNTER_VARIABLES.includes(variable))
  if (counts.length > 0 || from !== undefined) {
    const begin = counts.reduce((least, { at }) => Math.min(least, at), from ?? TIME_MAX)
    const until = counts.reduce((most, { at }) => Math.max(most, at), from ?? 0)
    await volumesInto(work, tx, { pointId, from: begin, until })
  }
  if (judging.leftFrom !== undefined) await leaveRecomputation(tx, pointId, judging.leftFrom)
}

async function volumesInto(
  work: Work,
  tx: Sql,
  stretch: { pointId: number; from: number; until: number },
): Promise<void> {
  const { pointId } = stretch
  const rules = await usable(work, pointId, async () =>
    counterRulesOf(work.calibrations.get(pointId) ?? [], work.meterEvents.get(pointId) ?? []),
  )
  if (rules === undefined) return
  const volumes = await volumesUnlessGone(work, tx, stretch, rules)
  if (volumes === undefined) return
  work.rows.push(...volumes.rows)
  work.volumes.set(volumes.seriesId, pointId)
  if (volumes.leftFrom !== undefined) await leaveRecomputation(tx, pointId, volumes.leftFrom)
}

async function volumesUnlessGone(
  work: Work,
  tx: Sql,
  stretch: { pointId: number; from: number; until: number },
  rules: CounterRules,
): Promise<VolumeOutcome | undefined> {
  try {
    const { readingsMax } = work.limits
    return await deriveVolumes(tx, { ...stretch, readingsMax, fromSound: false }, rules)
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    work.failures.push({ batchId: null, pointId: stretch.pointId, reason: error.message })
    return undefined
  }
}

/** The flows of volumes that have changed, and of those after them that they reach. */
async function flowsOf(work: Work, tx: Sql, changed: readonly Touched[]): Promise<DerivedRow[]> {
  const flows: DerivedRow[] = []
  for (const [volumeId, ofIt] of Map.groupBy(changed, ({ seriesId }) => seriesId)) {
    const pointId = work.volumes.get(volumeId)
    if (pointId === undefined) continue
    const rules = await usable(work, pointId, async () => flowRulesOf(work.calibrations.get(pointId) ?? []))
    const from = ofIt.reduce((least, { at }) => Math.min(least, at), TIME_MAX)
    const until = ofIt.reduce((most, { at }) => Math.max(most, at), 0)
    flows.push(...(await deriveFlows(tx, { pointId, from, until }, rules ?? [])))
  }
  return flows
}

/** What comes of reading rules; undefined when nobody can use them. */
async function usable<T>(work: Work, pointId: number, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    const reason = `Cannot use calibration: ${reasonsOf(error)}`
    if (!work.failures.some(one => one.pointId === pointId && one.reason === reason)) {
      work.failures.push({ batchId: null, pointId, reason })
    }
    return undefined
  }
}
