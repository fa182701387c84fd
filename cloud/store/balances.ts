// Daily balances: what a point has taken on each civil day, kept from the rollups of its volume.

import { VARIABLES } from '../../protocol/variables.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** A civil day of a point, `2026-01-15`. */
export interface PointDay {
  pointId: number
  day: string
}

/** A day to compute: when it begins and ends, and when the week up to it began. */
export interface DayToBalance extends PointDay {
  from: number
  to: number
  weekFrom: number
}

/** What a point has taken on a day. */
export interface BalanceRow {
  day: string
  consumptionM3: number | null
  gapConsumptionM3: number | null
  minutes: number
  expectedPerHour: number
  worstQuality: number
}

/** Takes days whose rollups have changed. Nobody else gets them unless this transaction is undone. */
export function takeBalancesDue(tx: Sql, max: number): Promise<PointDay[]> {
  return tx.query<PointDay>(
    `with taken as (
       select point_id, day from balances_due order by day, point_id limit $1 for update skip locked
     )
     delete from balances_due d using taken t where d.point_id = t.point_id and d.day = t.day
     returning d.point_id as "pointId", d.day::text`,
    [max],
  )
}

/** Any number will do, so long as nobody else locks the same. */
const BALANCE_LOCK = 7_201_419

/**
 * Waits until the balances of these points are ours, until the transaction ends: of two who compute the same day, the
 * one who writes last has then also read last.
 */
export async function lockBalances(tx: Sql, pointIds: readonly number[]): Promise<void> {
  await tx.query(
    `select pg_advisory_xact_lock(${BALANCE_LOCK}, id) from (select distinct unnest($1::int[]) as id order by 1) as points`,
    [pointIds],
  )
}

/** How many days are due. */
export async function countBalancesDue(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ due: number }>('select count(*) as due from balances_due')
  return row?.due ?? 0
}

const DAYS = `unnest($1::int[], $2::text[], $3::float8[], $4::float8[], $5::float8[])
  as t(point_id, day, from_ms, to_ms, week_from_ms)`

/** Computes the balances of days from the rollups; a day without one has none. In order, so that two cannot block. */
export async function writeBalances(tx: Sql, days: readonly DayToBalance[], now: number): Promise<void> {
  const sorted = days.toSorted((a, b) => a.pointId - b.pointId || a.from - b.from)
  await tx.query(
    `with wanted as materialized (
       select t.point_id, t.day::date as day, d.consumption, d.gap_consumption, d.minutes, e.busiest, d.worst_quality
       from ${DAYS}
       left join series s on s.point_id = t.point_id and s.variable = $6
       left join rollups_day d on d.series_id = s.id and d.at = to_timestamp(t.from_ms / 1000)
       left join lateral (
         select max(h.minutes) as busiest from rollups_hour h
         where h.series_id = s.id and h.at >= to_timestamp(t.week_from_ms / 1000) and h.at < to_timestamp(t.to_ms / 1000)
       ) e on true
     ), gone as (
       delete from balances b using wanted w where w.minutes is null and b.point_id = w.point_id and b.day = w.day
     )
     insert into balances as b (point_id, day, consumption_m3, gap_consumption_m3, minutes, expected_per_hour,
                                worst_quality, computed_at)
     select point_id, day, consumption, gap_consumption, minutes, coalesce(busiest, 0), worst_quality,
            to_timestamp($7::float8 / 1000)
     from wanted where minutes is not null order by point_id, day
     on conflict (point_id, day) do update set
       consumption_m3 = excluded.consumption_m3, gap_consumption_m3 = excluded.gap_consumption_m3,
       minutes = excluded.minutes, expected_per_hour = excluded.expected_per_hour,
       worst_quality = excluded.worst_quality, computed_at = excluded.computed_at`,
    [
      literal(sorted, ({ pointId }) => pointId),
      sorted.map(({ day }) => day),
      literal(sorted, ({ from }) => from),
      literal(sorted, ({ to }) => to),
      literal(sorted, ({ weekFrom }) => weekFrom),
      VARIABLES.volume.code,
      now,
    ],
  )
}

/** The balances of a point, both days included, in order. */
export function selectBalances(
  sql: Sql,
  { pointId, from, to }: { pointId: number; from: string; to: string },
): Promise<BalanceRow[]> {
  return sql.query<BalanceRow>(
    `select day::text, consumption_m3 as "consumptionM3", gap_consumption_m3 as "gapConsumptionM3", minutes,
            expected_per_hour as "expectedPerHour", worst_quality as "worstQuality"
     from balances where point_id = $1 and day between $2::date and $3::date order by day`,
    [pointId, from, to],
  )
}

/** What a point, or a project, has taken in a civil month, `2026-01`. */
export interface MonthRow {
  month: string
  consumptionM3: number | null
  gapConsumptionM3: number | null
  /** Days of which something is known, of all points. */
  daysKnown: number
}

const MONTHS = `to_char(day, 'YYYY-MM') as month, sum(consumption_m3 order by day) as "consumptionM3",
  sum(gap_consumption_m3 order by day) as "gapConsumptionM3", count(consumption_m3)::int as "daysKnown"`

/** The months of a point, both days included, in order. */
export function selectMonths(
  sql: Sql,
  { pointId, from, to }: { pointId: number; from: string; to: string },
): Promise<MonthRow[]> {
  return sql.query<MonthRow>(
    `select ${MONTHS} from balances where point_id = $1 and day between $2::date and $3::date group by 1 order by 1`,
    [pointId, from, to],
  )
}

/** What a project has taken on a day or in a month: the sum of its points. */
export interface ProjectRow {
  period: string
  consumptionM3: number | null
  gapConsumptionM3: number | null
  /** Points of which something is known. */
  pointsKnown: number
}

/** The days or months of a project, both days included, in order. */
export function selectProjectBalances(
  sql: Sql,
  { projectId, by, from, to }: { projectId: number; by: 'day' | 'month'; from: string; to: string },
): Promise<ProjectRow[]> {
  const period = by === 'day' ? 'b.day::text' : `to_char(b.day, 'YYYY-MM')`
  return sql.query<ProjectRow>(
    `select ${period} as period, sum(b.consumption_m3) as "consumptionM3",
            sum(b.gap_consumption_m3) as "gapConsumptionM3",
            count(distinct b.point_id) filter (where b.consumption_m3 is not null)::int as "pointsKnown"
     from balances b join points p on p.id = b.point_id
     where p.project_id = $1 and b.day between $2::date and $3::date group by 1 order by 1`,
    [projectId, from, to],
  )
}

/** What each point of a project has taken, both days included; points of which nothing is known among them. */
export function selectProjectPoints(
  sql: Sql,
  { projectId, from, to, limit }: { projectId: number; from: string; to: string; limit: number },
): Promise<{ point: string; consumptionM3: number | null; daysKnown: number }[]> {
  return sql.query(
    `select p.slug as point, sum(b.consumption_m3 order by b.day) as "consumptionM3",
            count(b.consumption_m3)::int as "daysKnown"
     from points p left join balances b on b.point_id = p.id and b.day between $2::date and $3::date
     where p.project_id = $1 group by p.id, p.slug order by p.slug limit $4`,
    [projectId, from, to, limit],
  )
}

/** What points have taken together, both days included; null when nothing is known of any. */
export async function sumTaken(
  sql: Sql,
  { pointIds, from, to }: { pointIds: readonly number[]; from: string; to: string },
): Promise<number | null> {
  const [row] = await sql.query<{ m3: number | null }>(
    `select sum(consumption_m3 order by point_id, day) as m3 from balances
     where point_id = any($1) and day between $2::date and $3::date`,
    [pointIds, from, to],
  )
  return row?.m3 ?? null
}
