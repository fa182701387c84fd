// Rollups: the buckets of hours, civil days and months, computed anew whenever something in them changed.
//
// Invariants:
//   S1. An hour is computed from the values in it, a day from its hours, a month from its days; so hours add up to days and
//       days to months, whatever came late. What was counted is whole millilitres and is added up in decimals: the sum
//       is the same in whichever steps it is made.
//   S2. An hour is never computed from a part of its readings: where those that it was computed from are no longer all
//       there, it stands, and what came late is counted beside it. Nobody can tell then whether that is new.

import { DOUBT } from '../flags.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** How long a bucket is. */
export type BucketSize = 'hour' | 'day' | 'month'

/** A bucket to compute: `from` included, `to` not. */
export interface BucketSpan {
  seriesId: number
  from: number
  to: number
  /** How many readings are new in it. */
  brought?: number
  /** Whether readings were taken back from it on purpose. */
  withdrawn?: boolean
}

/** A bucket that has changed; with `stands`, in nothing but the count of what came too late for it. */
export interface ChangedBucket extends BucketSpan {
  stands: boolean
}

/** A bucket. */
export interface Bucket {
  at: number
  count: number
  valid: number
  minutes: number
  min: number | null
  max: number | null
  mean: number | null
  last: number | null
  lastAt: number | null
  consumption: number | null
  gapConsumption: number | null
  worstQuality: number
  /** How many values have each quality that is not good, by its code; null when all are good. */
  qualities: Record<string, number> | null
  /** How many values have each flag, by its bit (cloud/flags.ts); null when none has one. */
  flags: Record<string, number> | null
  firstAt: number | null
  throughAt: number | null
  /** Readings that came when the others were no longer kept, and are not in these figures. */
  late: number
}

/** What is computed; `late` is counted. */
const COLUMNS = `count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption, worst_quality,
  qualities, flags, first_at, through_at`

/** Over good values without doubt; consumption over all that was counted. */
const FROM_VALUES = `count(*)::int as count,
  count(*) filter (where v.good)::int as valid,
  count(distinct date_trunc('minute', v.at)) filter (where v.good)::int as minutes,
  min(v.value) filter (where v.good) as min,
  max(v.value) filter (where v.good) as max,
  avg(v.value) filter (where v.good) as mean,
  (array_agg(v.value order by v.at desc) filter (where v.good))[1] as last,
  max(v.at) filter (where v.good) as last_at,
  max(v.quality) as worst_quality,
  tally(array_agg(v.quality::int) filter (where v.quality <> 0)) as qualities,
  tally_bits(array_agg(v.flags) filter (where v.flags <> 0)) as flags,
  min(v.at) as first_at,
  max(v.at) as through_at,
  count(*) filter (where v.at = b.first_at or v.at = b.through_at) as edges`

const FROM_BUCKETS = `sum(f.count)::int as count,
  sum(f.valid)::int as valid,
  sum(f.minutes)::int as minutes,
  min(f.min) as min,
  max(f.max) as max,
  sum(f.mean * f.valid) / nullif(sum(f.valid), 0) as mean,
  (array_agg(f.last order by f.at desc) filter (where f.valid > 0))[1] as last,
  max(f.last_at) as last_at,
  sum(f.consumption::numeric)::float8 as consumption,
  sum(f.gap_consumption::numeric)::float8 as gap_consumption,
  max(f.worst_quality)::smallint as worst_quality,
  sum_tallies(array_agg(f.qualities) filter (where f.qualities is not null)) as qualities,
  sum_tallies(array_agg(f.flags) filter (where f.flags is not null)) as flags,
  min(f.first_at) as first_at,
  max(f.through_at) as through_at,
  sum(f.late)::int as late`

const WITHIN = (alias: string) =>
  `${alias}.series_id = t.series_id and ${alias}.at >= to_timestamp(t.from_ms / 1000) and ${alias}.at < to_timestamp(t.to_ms / 1000)`

/** TimescaleDB leaves chunks out by what stands beside the table alone, and not by what comes of a join. */
const BETWEEN = (alias: string) =>
  `${alias}.at >= to_timestamp($4::float8 / 1000) and ${alias}.at < to_timestamp($5::float8 / 1000)`

const SOURCES = {
  measured: `select ${FROM_VALUES}, null::float8 as consumption, null::float8 as gap_consumption
    from (select r.at, coalesce(j.adjusted, r.value) as value, r.quality, coalesce(j.flags, 0) as flags,
                 r.quality = 0 and coalesce(j.flags, 0) & ${DOUBT} = 0 as good
          from readings r left join judgements j on j.series_id = r.series_id and j.at = r.at
          where ${WITHIN('r')} and ${BETWEEN('r')}) v`,
  derived: `select ${FROM_VALUES}, sum(v.consumed::numeric)::float8 as consumption,
      (select sum(e.amount_m3::numeric)::float8 from counter_events e where ${WITHIN('e')} and e.kind = 'gap') as gap_consumption
    from (select d.at, d.value, d.quality, d.flags, d.quality = 0 and d.flags & ${DOUBT} = 0 as good, d.consumed
          from derived d where ${WITHIN('d')} and ${BETWEEN('d')}) v`,
}

/**
 * Whether all readings that an hour was computed from are among those found: as many at least, its first and its last. A
 * bucket of a version that did not write those two is believed where nothing was dropped on purpose.
 */
const IS_WHOLE = `a.count > 0 and (b.count is null
  or a.count >= b.count and (a.edges = 2 or a.edges = 1 and b.first_at = b.through_at
                             or b.first_at is null and KEPT)
  or t.withdrawn and KEPT)
  or coalesce(a.count, 0) = 0 and t.withdrawn and KEPT`.replaceAll(
  'KEPT',
  `not exists (select from series s join retained_from f on f.point_id = s.point_id
               where s.id = t.series_id and f.at > to_timestamp(t.from_ms / 1000))`,
)

/** Computes hours from the values in them (S2). Returns those that have changed. */
export function rollUpHours(
  tx: Sql,
  origin: 'measured' | 'derived',
  hours: readonly BucketSpan[],
): Promise<ChangedBucket[]> {
  return rollUp(
    tx,
    { size: 'hour', source: SOURCES[origin], isWhole: origin === 'measured' ? IS_WHOLE : 'true' },
    hours,
  )
}

/** Computes days from hours, or months from days. Returns those that have changed. */
export function rollUpBuckets(
  tx: Sql,
  size: 'day' | 'month',
  spans: readonly BucketSpan[],
): Promise<ChangedBucket[]> {
  const finer = size === 'day' ? 'hour' : 'day'
  const source = `select ${FROM_BUCKETS} from rollups_${finer} f where ${WITHIN('f')} and ${BETWEEN('f')}`
  return rollUp(tx, { size, source, isWhole: 'true' }, spans)
}

const SPANS_MAX = 2_000

/** How buckets of a size are computed. */
interface RollUp {
  size: BucketSize
  source: string
  /** Whether the source gives all that is to be in the bucket. */
  isWhole: string
}

async function rollUp(tx: Sql, how: RollUp, spans: readonly BucketSpan[]): Promise<ChangedBucket[]> {
  const sorted = spans.toSorted((a, b) => a.seriesId - b.seriesId || a.from - b.from)
  const changed: ChangedBucket[] = []
  for (let start = 0; start < sorted.length; start += SPANS_MAX) {
    const some = sorted.slice(start, start + SPANS_MAX)
    const rows = await tx.query<{ seriesId: number; at: number; stands: boolean }>(rollUpStatement(how), [
      literal(some, ({ seriesId }) => seriesId),
      literal(some, ({ from }) => from),
      literal(some, ({ to }) => to),
      some.reduce((least, { from }) => Math.min(least, from), Number.MAX_SAFE_INTEGER),
      some.reduce((most, { to }) => Math.max(most, to), 0),
      literal(some, ({ brought = 0 }) => brought),
      some.map(({ withdrawn = false }) => withdrawn),
    ])
    const stands = new Map(rows.map(row => [`${row.seriesId}/${row.at}`, row.stands]))
    for (const span of some) {
      const found = stands.get(`${span.seriesId}/${span.from}`)
      if (found !== undefined) changed.push({ ...span, stands: found })
    }
  }
  return changed
}

/** A bucket that has nothing in it any more goes; one that comes out the same is not written. */
function rollUpStatement({ size, source, isWhole }: RollUp): string {
  const table = `rollups_${size}`
  const columns = `${COLUMNS}${size === 'hour' ? '' : ', late'}`
  return `with computed as materialized (
      select t.series_id, to_timestamp(t.from_ms / 1000) as at, t.brought, ${isWhole} as is_whole, a.*
      from unnest($1::int[], $2::float8[], $3::float8[], $6::int[], $7::bool[])
             as t(series_id, from_ms, to_ms, brought, withdrawn)
      left join ${table} b on b.series_id = t.series_id and b.at = to_timestamp(t.from_ms / 1000),
        lateral (${source}) a
    ), emptied as (
      delete from ${table} r using computed c
      where c.is_whole and coalesce(c.count, 0) = 0 and r.series_id = c.series_id and r.at = c.at
      returning r.series_id, r.at
    ), stood as (
      update ${table} r set late = r.late + c.brought from computed c
      where not c.is_whole and c.brought > 0 and r.series_id = c.series_id and r.at = c.at
      returning r.series_id, r.at
    ), written as (
      insert into ${table} as r (series_id, at, ${columns})
      select series_id, at, ${columns} from computed where is_whole and count > 0
      on conflict (series_id, at) do update set (${columns}) = row(${of('excluded', columns)})
      where (${of('r', columns)}) is distinct from (${of('excluded', columns)})
      returning series_id, at
    )
    select series_id as "seriesId", at, false as stands from written
    union all select series_id, at, false from emptied
    union all select series_id, at, true from stood`
}

const of = (alias: string, columns: string): string =>
  columns
    .split(/,\s*/)
    .map(column => `${alias}.${column}`)
    .join(', ')

/** The buckets of one variable of a point, `from` included and `to` not, in time's order. */
export function selectBuckets(
  sql: Sql,
  size: BucketSize,
  {
    pointId,
    variable,
    from,
    to,
    limit,
  }: { pointId: number; variable: number; from: number; to: number; limit: number },
): Promise<Bucket[]> {
  return sql.query<Bucket>(
    `select at, count, valid, minutes, min, max, mean, last, last_at as "lastAt", consumption,
            gap_consumption as "gapConsumption", worst_quality as "worstQuality", qualities, flags,
            first_at as "firstAt", through_at as "throughAt", late
     from rollups_${size}
     where series_id = (select id from series where point_id = $1 and variable = $2)
       and at >= to_timestamp($3::float8 / 1000) and at < to_timestamp($4::float8 / 1000)
     order by at limit $5`,
    [pointId, variable, from, to, limit],
  )
}

/**
 * Civil days of points whose balance is to be computed again. A day that is due already is locked, so that nobody takes
 * it before what made it due is committed.
 */
export async function insertBalancesDue(
  tx: Sql,
  days: readonly { pointId: number; day: string }[],
): Promise<void> {
  if (days.length === 0) return
  await tx.query(
    `insert into balances_due (point_id, day)
     select distinct point_id, day::date from unnest($1::int[], $2::text[]) as t(point_id, day)
     order by 1, 2 on conflict (point_id, day) do update set day = excluded.day`,
    [literal(days, ({ pointId }) => pointId), days.map(({ day }) => day)],
  )
}
