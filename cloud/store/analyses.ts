// Days of points and what was found of them: what the analytics work on, and what they write.

import { VARIABLES } from '../../protocol/variables.ts'
import type { DayFacts, HourOfPoint } from '../analytics/facts.ts'
import type { AnomalyKind, Verdicts } from '../analytics/judge.ts'
import type { PointDay } from './balances.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'
import type { BucketSpan } from './rollups.ts'

/** The variables that a day is judged by. */
const JUDGED: readonly number[] = [
  VARIABLES.volume.code,
  VARIABLES.flow.code,
  VARIABLES.level.code,
  VARIABLES.water_table.code,
]

/**
 * Notes days of series whose rollups have changed. A day that is noted already is locked, so that nobody takes it before
 * what changed it is committed; it keeps its place in the line.
 */
export async function insertAnalysesDue(
  tx: Sql,
  days: readonly (BucketSpan & { day: string })[],
): Promise<void> {
  if (days.length === 0) return
  await tx.query(
    `insert into analyses_due as d (point_id, day)
     select distinct s.point_id, t.day::date
     from unnest($1::int[], $2::text[]) as t(series_id, day) join series s on s.id = t.series_id
     where s.variable = any($3) order by 1, 2
     on conflict (point_id, day) do update set day = excluded.day where false`,
    [literal(days, ({ seriesId }) => seriesId), days.map(({ day }) => day), JUDGED],
  )
}

/**
 * Takes days of some points that have been due for `settleMs`, longest first, and all that is due of those points with them. Nobody
 * else gets them unless this transaction is undone.
 */
export function takeAnalysesDue(
  tx: Sql,
  { settleMs, pointsMax, daysMax }: { settleMs: number; pointsMax: number; daysMax: number },
): Promise<PointDay[]> {
  return tx.query<PointDay>(
    `with chosen as (
       select point_id, min(since) as since from analyses_due
       where since <= now() - make_interval(secs => $1::float8 / 1000)
       group by point_id order by 2, 1 limit $2
     ), taken as (
       select d.point_id, d.day from analyses_due d join chosen using (point_id)
       order by d.point_id, d.day limit $3 for update of d skip locked
     )
     delete from analyses_due d using taken t where d.point_id = t.point_id and d.day = t.day
     returning d.point_id as "pointId", d.day::text`,
    [settleMs, pointsMax, daysMax],
  )
}

/** How many days wait to be looked at. */
export async function countAnalysesDue(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ due: number }>('select count(*)::int as due from analyses_due')
  return row?.due ?? 0
}

/** Notes days again: those after a changed one, which are judged by it, and a day that was judged before it was over. */
export async function noteDays(tx: Sql, days: readonly PointDay[]): Promise<void> {
  if (days.length === 0) return
  await tx.query(
    `insert into analyses_due (point_id, day)
     select distinct point_id, day::date from unnest($1::int[], $2::text[]) as t(point_id, day) order by 1, 2
     on conflict (point_id, day) do update set day = excluded.day where false`,
    [literal(days, ({ pointId }) => pointId), days.map(({ day }) => day)],
  )
}

/** Days that were judged before they were over, and are over now. */
export function selectHalfDays(
  tx: Sql,
  { before, limit }: { before: string; limit: number },
): Promise<PointDay[]> {
  return tx.query<PointDay>(
    `select point_id as "pointId", day::text from point_days where not is_whole and day < $1::date
     order by day, point_id limit $2`,
    [before, limit],
  )
}

const ANALYSIS_LOCK = 7_201_423

/** Waits until these points are ours to analyse, until the transaction ends. */
export async function lockAnalyses(tx: Sql, pointIds: readonly number[]): Promise<void> {
  await tx.query(
    `select pg_advisory_xact_lock(${ANALYSIS_LOCK}, id) from (select distinct unnest($1::int[]) as id order by 1) as points`,
    [pointIds],
  )
}

/** The hours of some days, by point and in order. Of each: when it begins and ends. */
export function selectHours(
  tx: Sql,
  days: readonly { pointId: number; from: number; to: number }[],
): Promise<(HourOfPoint & { pointId: number })[]> {
  return tx.query<HourOfPoint & { pointId: number }>(
    `select s.point_id as "pointId", h.at,
       max(h.consumption) filter (where s.variable = $4) as "consumptionM3",
       max(h.gap_consumption) filter (where s.variable = $4) as "gapM3",
       coalesce(max(h.minutes) filter (where s.variable = $4), 0) as "counterMinutes",
       max(h.mean) filter (where s.variable = $5) as "flowMeanLps",
       max(h.max) filter (where s.variable = $5) as "flowMaxLps",
       coalesce(max(h.valid) filter (where s.variable = $5), 0) as "flowCount",
       coalesce(max(h.min) filter (where s.variable = $7), -max(h.max) filter (where s.variable = $6)) as "depthMinM",
       coalesce(max(h.max) filter (where s.variable = $7), -max(h.min) filter (where s.variable = $6)) as "depthMaxM"
     from unnest($1::int[], $2::float8[], $3::float8[]) as t(point_id, from_ms, to_ms)
     join series s on s.point_id = t.point_id and s.variable = any(array[$4, $5, $6, $7]::int2[])
     join rollups_hour h on h.series_id = s.id
       and h.at >= to_timestamp(t.from_ms / 1000) and h.at < to_timestamp(t.to_ms / 1000)
     group by s.point_id, h.at order by s.point_id, h.at`,
    [
      literal(days, ({ pointId }) => pointId),
      literal(days, ({ from }) => from),
      literal(days, ({ to }) => to),
      ...JUDGED,
    ],
  )
}

/** A day as it is kept. */
export interface KeptDay {
  day: string
  facts: DayFacts
  verdicts: Verdicts
  isWhole: boolean
}

/** The days of a point, both ends included, in order. */
export function selectDays(
  sql: Sql,
  { pointId, from, to }: { pointId: number; from: string; to: string },
): Promise<KeptDay[]> {
  return sql.query<KeptDay>(
    `select day::text, facts, verdicts, is_whole as "isWhole" from point_days
     where point_id = $1 and day between $2::date and $3::date order by day`,
    [pointId, from, to],
  )
}

/** Writes days of a point; one without facts goes. */
export async function writeDays(
  tx: Sql,
  {
    pointId,
    days,
    gone,
    now,
  }: { pointId: number; days: readonly KeptDay[]; gone: readonly string[]; now: number },
): Promise<void> {
  await tx.query('delete from point_days where point_id = $1 and day = any($2::text[]::date[])', [
    pointId,
    gone,
  ])
  await tx.query(
    `insert into point_days as d (point_id, day, facts, verdicts, is_whole, computed_at)
     select $1, day::date, facts::jsonb, verdicts::jsonb, is_whole, to_timestamp($6::float8 / 1000)
     from unnest($2::text[], $3::text[], $4::text[], $5::bool[]) as t(day, facts, verdicts, is_whole) order by 2
     on conflict (point_id, day) do update set facts = excluded.facts, verdicts = excluded.verdicts,
       is_whole = excluded.is_whole, computed_at = excluded.computed_at
     where (d.facts, d.verdicts, d.is_whole) is distinct from (excluded.facts, excluded.verdicts, excluded.is_whole)`,
    [
      pointId,
      days.map(({ day }) => day),
      days.map(({ facts }) => JSON.stringify(facts)),
      days.map(({ verdicts }) => JSON.stringify(verdicts)),
      days.map(({ isWhole }) => isWhole),
      now,
    ],
  )
}

/** An anomaly: days in a row of which the same was found. */
export interface Anomaly {
  kind: AnomalyKind
  firstDay: string
  lastDay: string
  days: number
  state: 'open' | 'closed' | 'withdrawn'
  worstDay: string
  score: number
  evidence: Record<string, number>
}

/** An anomaly that is stored. */
export interface StoredAnomaly extends Anomaly {
  id: number
  pointId: number
  openedAt: number
  stateAt: number
}

const ANOMALY = `select id, point_id as "pointId", kind, first_day::text as "firstDay", last_day::text as "lastDay", days,
  state, worst_day::text as "worstDay", score, evidence, opened_at as "openedAt", state_at as "stateAt" from anomalies`

/** The anomalies of a point that have a day from here on, oldest first. */
export function selectAnomaliesFrom(
  tx: Sql,
  { pointId, from }: { pointId: number; from: string },
): Promise<StoredAnomaly[]> {
  return tx.query<StoredAnomaly>(
    `${ANOMALY} where point_id = $1 and last_day >= $2::date order by first_day, id`,
    [pointId, from],
  )
}

/** Writes an anomaly that was found. */
export async function insertAnomaly(tx: Sql, pointId: number, anomaly: Anomaly, now: number): Promise<void> {
  await tx.query(
    `insert into anomalies (point_id, kind, first_day, last_day, days, state, worst_day, score, evidence, opened_at, state_at)
     values ($1, $2, $3::date, $4::date, $5, $6, $7::date, $8, $9::jsonb, to_timestamp($10::float8 / 1000),
             to_timestamp($10::float8 / 1000))`,
    [pointId, anomaly.kind, ...columnsOf(anomaly), now],
  )
}

/** Writes what has become of an anomaly. */
export async function updateAnomaly(tx: Sql, id: number, anomaly: Anomaly, now: number): Promise<void> {
  await tx.query(
    `update anomalies set first_day = $2::date, last_day = $3::date, days = $4, worst_day = $6::date, score = $7,
       evidence = $8::jsonb, state_at = case when state = $5 then state_at else to_timestamp($9::float8 / 1000) end,
       state = $5
     where id = $1`,
    [id, ...columnsOf(anomaly), now],
  )
}

/** Notes that there are no such anomalies. */
export async function withdrawAnomalies(tx: Sql, ids: readonly number[], now: number): Promise<void> {
  await tx.query(
    `update anomalies set state = 'withdrawn', state_at = to_timestamp($2::float8 / 1000) where id = any($1::bigint[])`,
    [ids, now],
  )
}

const columnsOf = ({ firstDay, lastDay, days, state, worstDay, score, evidence }: Anomaly) =>
  [firstDay, lastDay, days, state, worstDay, score, JSON.stringify(evidence)] as const

/** The anomalies of a point before a given id, newest first. */
export function selectAnomalies(
  sql: Sql,
  {
    pointId,
    kind,
    state,
    beforeId,
    limit,
  }: {
    pointId: number
    kind?: string | undefined
    state?: string | undefined
    beforeId: number
    limit: number
  },
): Promise<StoredAnomaly[]> {
  return sql.query<StoredAnomaly>(
    `${ANOMALY} where point_id = $1 and ($2::text is null or kind = $2) and ($3::text is null or state = $3)
       and id < $4::bigint order by id desc limit $5`,
    [pointId, kind ?? null, state ?? null, beforeId, limit],
  )
}

/** How many anomalies are open, by kind. */
export function countOpenAnomalies(sql: Sql): Promise<{ kind: AnomalyKind; open: number }[]> {
  return sql.query<{ kind: AnomalyKind; open: number }>(
    `select kind, count(*)::int as open from anomalies where state = 'open' group by kind`,
  )
}
