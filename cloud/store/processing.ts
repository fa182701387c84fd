// The processor's line: which batches wait, who takes them, what becomes of them.
//
// Locks are PostgreSQL's advisory ones and end with their transaction: of a gateway, so that one processor at a time takes
// its batches in order; of a point, so that one at a time computes it. The line tries both and leaves alone what somebody
// has: who has a point for long, to preview a year of it, holds up the gateways that read it and no other. Who must have
// points waits for them in order, so nobody waits in a circle.

import type { MeterEvent } from '../processor/rules/meter-event.ts'
import type { Rule } from '../processor/rules/parameters.ts'
import type { Sql } from './database.ts'

const GATEWAY_LOCK = 7_201_417
const POINT_LOCK = 7_201_418

/** A batch that waits. */
export interface WaitingBatch {
  id: number
  gatewayId: number
  receivedAt: number
}

/**
 * Gateways with batches that wait, longest first, that nobody else is at, other than `except`. They are ours until the
 * transaction ends.
 */
export async function claimGateways(tx: Sql, max: number, except: readonly number[] = []): Promise<number[]> {
  const rows = await tx.query<{ id: number }>(
    `with recursive waiting as (
       (select gateway_id, id from batches where processed_at is null order by gateway_id, lane, id limit 1)
       union all
       select b.gateway_id, b.id from waiting, lateral (
         select gateway_id, id from batches
         where processed_at is null and gateway_id > waiting.gateway_id order by gateway_id, lane, id limit 1) b
     ), oldest as materialized (select gateway_id from waiting order by id limit 1000),
     free as (select gateway_id from oldest
              where gateway_id <> all($2::int[]) and pg_try_advisory_xact_lock(${GATEWAY_LOCK}, gateway_id) limit $1)
     select gateway_id as id from free`,
    [max, except],
  )
  return rows.map(({ id }) => id)
}

/** The batches of these gateways that wait: of each the live ones first, then in order. */
export function selectWaiting(
  tx: Sql,
  gatewayIds: readonly number[],
  maxEach: number,
): Promise<WaitingBatch[]> {
  return tx.query<WaitingBatch>(
    `select b.id, g.id as "gatewayId", b.received_at as "receivedAt" from unnest($1::int[]) as g(id), lateral (
       select id, received_at from batches where processed_at is null and gateway_id = g.id
       order by lane, id limit $2) b`,
    [gatewayIds, maxEach],
  )
}

/** A reading that a batch brought. */
export interface BroughtReading {
  gatewayId: number
  pointId: number
  seriesId: number
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  receivedAt: number
}

/** The readings that these batches brought, and that were not there before them. */
export function selectBrought(tx: Sql, batchIds: readonly number[]): Promise<BroughtReading[]> {
  return tx.query<BroughtReading>(
    `select b.gateway_id as "gatewayId", s.point_id as "pointId", s.id as "seriesId", s.variable, r.at, r.value, r.quality,
            r.time_quality as "timeQuality", b.received_at as "receivedAt"
     from batches b
     join gateways g on g.id = b.gateway_id
     join points p on p.project_id = g.project_id
     join series s on s.point_id = p.id
     join readings r on r.series_id = s.id and r.batch_id = b.id and r.at >= b.oldest_at and r.at <= b.newest_at
     where b.id = any($1) and s.variable < 64`,
    [batchIds],
  )
}

/** So long one waits for a point; a recomputation that somebody asked for may have it longer. */
const LOCK_WAIT = '10s'

/** Waits until these points are ours, until the transaction ends. Throws Unavailable when somebody keeps one. */
export async function lockPoints(tx: Sql, pointIds: readonly number[]): Promise<void> {
  await tx.query(`select set_config('lock_timeout', '${LOCK_WAIT}', true)`, [])
  await tx.query(
    `select pg_advisory_xact_lock(${POINT_LOCK}, id) from (select unnest($1::int[]) as id order by 1) as points`,
    [pointIds],
  )
}

/** Takes those of these points that nobody else has, until the transaction ends. Returns the others. */
export async function tryPoints(tx: Sql, pointIds: readonly number[]): Promise<number[]> {
  const rows = await tx.query<{ id: number; taken: boolean }>(
    `select id, pg_try_advisory_xact_lock(${POINT_LOCK}, id) as taken from unnest($1::int[]) as p(id)`,
    [pointIds],
  )
  return rows.filter(({ taken }) => !taken).map(({ id }) => id)
}

/** Notes that everything that follows from these batches is written. */
export async function markProcessed(tx: Sql, batchIds: readonly number[], now: number): Promise<void> {
  await tx.query('update batches set processed_at = to_timestamp($2::float8 / 1000) where id = any($1)', [
    batchIds,
    now,
  ])
}

/** How far behind the line is: how many wait, since when the first one has, and how many reasons there are why something was set aside. */
export async function selectBacklog(
  sql: Sql,
): Promise<{ waiting: number; oldestAt: number | null; setAside: number }> {
  const [row] = await sql.query<{ waiting: number; oldestAt: number | null; setAside: number }>(
    `select count(*) as waiting, min(received_at) as "oldestAt",
            (select count(*) from processing_failures) as "setAside"
     from batches where processed_at is null`,
  )
  return row ?? { waiting: 0, oldestAt: null, setAside: 0 }
}

/** What could not be processed, and why. The same again is counted. */
export interface ProcessingFailure {
  batchId: number | null
  pointId: number | null
  reason: string
}

const REASON_MAX = 500

/** Keeps failures for a person to look at. */
export async function saveFailures(
  sql: Sql,
  failures: readonly ProcessingFailure[],
  now: number,
): Promise<void> {
  for (const { batchId, pointId, reason } of failures) {
    await sql.query(
      `insert into processing_failures as f (batch_id, point_id, reason, failed_at)
       values ($1, $2, $3, to_timestamp($4::float8 / 1000))
       on conflict (batch_id, point_id, reason) do update set times = f.times + 1, failed_at = excluded.failed_at`,
      [batchId, pointId, reason.slice(0, REASON_MAX), now],
    )
  }
}

/** A row of the table `calibrations`. */
export interface CalibrationRow {
  id: number
  pointId: number
  rule: Rule
  /** The code of the variable that the rule is for, if it does not say that itself. */
  variable: number | null
  params: unknown
  validFrom: number
}

/** The calibrations of points, in time's order. */
export function selectCalibrations(sql: Sql, pointIds: readonly number[]): Promise<CalibrationRow[]> {
  return sql.query<CalibrationRow>(
    `select id, point_id as "pointId", rule, variable, params, valid_from as "validFrom" from calibrations
     where point_id = any($1) order by valid_from, id`,
    [pointIds],
  )
}

/** Meter events that stand, of points, in time's order. */
export function selectMeterEvents(
  sql: Sql,
  pointIds: readonly number[],
): Promise<(MeterEvent & { pointId: number })[]> {
  return sql.query<MeterEvent & { pointId: number }>(
    `select point_id as "pointId", at, kind, before_count as "beforeCount", after_count as "afterCount"
     from meter_events where point_id = any($1) and withdrawn_at is null order by at`,
    [pointIds],
  )
}

/** The measured series of a point. */
export function selectMeasuredSeries(
  sql: Sql,
  pointId: number,
): Promise<{ seriesId: number; variable: number }[]> {
  return sql.query<{ seriesId: number; variable: number }>(
    'select id as "seriesId", variable from series where point_id = $1 and variable < 64 order by variable',
    [pointId],
  )
}

/** The hours of a stretch that have readings, for each measured series of a point. Hours whose readings are gone are not among them. */
export function selectMeasuredHours(
  tx: Sql,
  { pointId, from, to }: { pointId: number; from: number; to: number },
): Promise<{ seriesId: number; at: number }[]> {
  return tx.query<{ seriesId: number; at: number }>(
    `select distinct s.id as "seriesId", date_trunc('hour', r.at) as at
     from series s join readings r on r.series_id = s.id
     where s.point_id = $1 and s.variable < 64
       and r.at >= to_timestamp($2::float8 / 1000) and r.at < to_timestamp($3::float8 / 1000)`,
    [pointId, from, to],
  )
}

/**
 * A point whose recomputation goes on, and from when; both are ours until the transaction ends. That with the least to do
 * goes first: a long one, which takes many steps, holds up no other. One that somebody else has waits.
 */
export async function takeRecomputation(tx: Sql): Promise<{ pointId: number; from: number } | undefined> {
  const [row] = await tx.query<{ pointId: number; from: number }>(
    `with due as materialized (
       select point_id from recomputations_due order by from_at desc, point_id limit 1000
     ), free as (
       select point_id from due where pg_try_advisory_xact_lock(${POINT_LOCK}, point_id) limit 1
     )
     delete from recomputations_due d using free where d.point_id = free.point_id
     returning d.point_id as "pointId", d.from_at as "from"`,
  )
  return row
}

/** Leaves the rest of a recomputation for later. */
export async function leaveRecomputation(tx: Sql, pointId: number, from: number): Promise<void> {
  await tx.query(
    `insert into recomputations_due as d (point_id, from_at) values ($1, to_timestamp($2::float8 / 1000))
     on conflict (point_id) do update set from_at = least(d.from_at, excluded.from_at)`,
    [pointId, from],
  )
}

/** From when on the readings of a point are all kept; `undefined` when none was ever dropped. The point is ours. */
export async function findRetainedFrom(tx: Sql, pointId: number): Promise<number | undefined> {
  const [row] = await tx.query<{ at: number }>('select at from retained_from where point_id = $1', [pointId])
  return row?.at
}
