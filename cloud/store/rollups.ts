// Rollups: the buckets of hours, civil days and months, computed anew whenever something in them changed.
//
// An hour is computed from the values in it, a day from its hours, a month from its days; so hours add up to days and
// days to months, whatever came late.

import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** How long a bucket is. */
export type BucketSize = 'hour' | 'day' | 'month'

/** A bucket to compute: `from` included, `to` not. */
export interface BucketSpan {
  seriesId: number
  from: number
  to: number
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
}

const COLUMNS = `count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption, worst_quality`

/** Over good values; consumption over all that was counted. */
const FROM_VALUES = `count(*)::int as count,
  count(*) filter (where v.quality = 0)::int as valid,
  count(distinct date_trunc('minute', v.at)) filter (where v.quality = 0)::int as minutes,
  min(v.value) filter (where v.quality = 0) as min,
  max(v.value) filter (where v.quality = 0) as max,
  avg(v.value) filter (where v.quality = 0) as mean,
  (array_agg(v.value order by v.at desc) filter (where v.quality = 0))[1] as last,
  max(v.at) filter (where v.quality = 0) as last_at`

const FROM_BUCKETS = `sum(b.count)::int as count,
  sum(b.valid)::int as valid,
  sum(b.minutes)::int as minutes,
  min(b.min) as min,
  max(b.max) as max,
  sum(b.mean * b.valid) / nullif(sum(b.valid), 0) as mean,
  (array_agg(b.last order by b.at desc) filter (where b.valid > 0))[1] as last,
  max(b.last_at) as last_at,
  sum(b.consumption order by b.at) as consumption,
  sum(b.gap_consumption order by b.at) as gap_consumption,
  max(b.worst_quality)::smallint as worst_quality`

const WITHIN = (alias: string) =>
  `${alias}.series_id = t.series_id and ${alias}.at >= to_timestamp(t.from_ms / 1000) and ${alias}.at < to_timestamp(t.to_ms / 1000)`

const SOURCES = {
  measured: `select ${FROM_VALUES}, null::float8 as consumption, null::float8 as gap_consumption,
      max(v.quality) as worst_quality
    from readings v where ${WITHIN('v')} and v.at >= to_timestamp($4::float8 / 1000) and v.at < to_timestamp($5::float8 / 1000)`,
  derived: `select ${FROM_VALUES}, sum(v.consumed order by v.at) as consumption,
      (select sum(e.amount_m3 order by e.at) from counter_events e where ${WITHIN('e')} and e.kind = 'gap') as gap_consumption,
      max(v.quality) as worst_quality
    from derived v where ${WITHIN('v')} and v.at >= to_timestamp($4::float8 / 1000) and v.at < to_timestamp($5::float8 / 1000)`,
}

/**
 * Computes hours from the values in them. Readings are never taken back, so where fewer are found than were counted
 * before they are no longer kept, and what was computed from all of them stands.
 */
export function rollUpHours(
  tx: Sql,
  origin: 'measured' | 'derived',
  hours: readonly BucketSpan[],
): Promise<BucketSpan[]> {
  return rollUp(tx, 'hour', SOURCES[origin], hours, origin === 'measured')
}

/** Computes days from hours, or months from days. Returns those that have changed. */
export function rollUpBuckets(
  tx: Sql,
  size: 'day' | 'month',
  spans: readonly BucketSpan[],
): Promise<BucketSpan[]> {
  const finer = size === 'day' ? 'hour' : 'day'
  const source = `select ${FROM_BUCKETS} from rollups_${finer} b
    where ${WITHIN('b')} and b.at >= to_timestamp($4::float8 / 1000) and b.at < to_timestamp($5::float8 / 1000)`
  return rollUp(tx, size, source, spans)
}

const SPANS_MAX = 2_000

async function rollUp(
  tx: Sql,
  size: BucketSize,
  source: string,
  spans: readonly BucketSpan[],
  onlyGrows = false,
): Promise<BucketSpan[]> {
  const sorted = spans.toSorted((a, b) => a.seriesId - b.seriesId || a.from - b.from)
  const changed: BucketSpan[] = []
  for (let start = 0; start < sorted.length; start += SPANS_MAX) {
    const some = sorted.slice(start, start + SPANS_MAX)
    const rows = await tx.query<{ seriesId: number; at: number }>(rollUpStatement(size, source, onlyGrows), [
      literal(some, ({ seriesId }) => seriesId),
      literal(some, ({ from }) => from),
      literal(some, ({ to }) => to),
      some.reduce((least, { from }) => Math.min(least, from), Number.MAX_SAFE_INTEGER),
      some.reduce((most, { to }) => Math.max(most, to), 0),
    ])
    const keys = new Set(rows.map(({ seriesId, at }) => `${seriesId}/${at}`))
    changed.push(...some.filter(({ seriesId, from }) => keys.has(`${seriesId}/${from}`)))
  }
  return changed
}

/** A bucket that has nothing in it any more goes; one that comes out the same is not written. */
function rollUpStatement(size: BucketSize, source: string, onlyGrows: boolean): string {
  const table = `rollups_${size}`
  return `with computed as materialized (
      select t.series_id, to_timestamp(t.from_ms / 1000) as at, a.*
      from unnest($1::int[], $2::float8[], $3::float8[]) as t(series_id, from_ms, to_ms), lateral (${source}) a
    ), emptied as (
      delete from ${table} r using computed c
      where ${onlyGrows ? 'false' : 'coalesce(c.count, 0) = 0'} and r.series_id = c.series_id and r.at = c.at
      returning r.series_id, r.at
    ), written as (
      insert into ${table} as r (series_id, at, ${COLUMNS})
      select series_id, at, ${COLUMNS} from computed where count > 0
      on conflict (series_id, at) do update set (${COLUMNS}) = row(${excluded('excluded')})
      where (${excluded('r')}) is distinct from (${excluded('excluded')})${onlyGrows ? ' and excluded.count >= r.count' : ''}
      returning series_id, at
    )
    select series_id as "seriesId", at from written union all select series_id, at from emptied`
}

const excluded = (alias: string): string =>
  COLUMNS.split(', ')
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
            gap_consumption as "gapConsumption", worst_quality as "worstQuality"
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
