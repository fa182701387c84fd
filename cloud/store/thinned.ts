// A series thinned to what a screen can show: the least, the greatest and the last of each step, and what is missing.
//
// Steps are counted from the epoch, so that two questions of the same step cut time at the same instants.

import { DOUBT } from '../flags.ts'
import type { Sql } from './database.ts'

/** One step of a thinned series; a step in which nothing was read has none. */
export interface ThinnedRow {
  /** Which step: its beginning divided by its length. */
  step: number
  min: number | null
  max: number | null
  mean: number | null
  last: number | null
  count: number
  /** How many are good. */
  valid: number
  worstQuality: number
}

/** A question: `from` included, `to` not. */
export interface Thinning {
  seriesId: number
  from: number
  to: number
  stepMs: number
}

const WITHIN = `series_id = $1 and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)`
const STEP = `floor(extract(epoch from at) * 1000 / $4::float8)::float8`

/** From the values that are in force, uncertain ones among them; a doubtful one is not good. */
export function thinValues(
  sql: Sql,
  origin: 'measured' | 'derived',
  { seriesId, from, to, stepMs }: Thinning,
): Promise<ThinnedRow[]> {
  return sql.query<ThinnedRow>(
    `select ${STEP} as step, min(value) as min, max(value) as max, avg(value) as mean,
       (array_agg(value order by at desc) filter (where value is not null))[1] as last,
       count(*)::int as count, count(*) filter (where quality = 0 and flags & $5 = 0)::int as valid,
       max(quality) as "worstQuality"
     from (${origin === 'measured' ? JUDGED : COMPUTED}) as v group by 1 order by 1`,
    [seriesId, from, to, stepMs, DOUBT],
  )
}

const COMPUTED = `select at, value, quality, flags from derived where ${WITHIN}`

/** A judgement has the key of its reading. Both are cut out before they meet: few readings have one. */
const JUDGED = `
  select r.at, coalesce(j.adjusted, r.value) as value, r.quality, coalesce(j.flags, 0) as flags
  from (select at, value, quality from readings where ${WITHIN}) as r
  left join (select at, flags, adjusted from judgements where ${WITHIN}) as j on j.at = r.at`

/** From the rollups of hours: over good values only. A step must be whole hours. */
export function thinHours(sql: Sql, { seriesId, from, to, stepMs }: Thinning): Promise<ThinnedRow[]> {
  return sql.query<ThinnedRow>(
    `select ${STEP} as step, min(min) as min, max(max) as max,
       sum(mean * valid) / nullif(sum(valid), 0) as mean,
       (array_agg(last order by at desc) filter (where valid > 0))[1] as last,
       sum(count)::int as count, sum(valid)::int as valid, max(worst_quality) as "worstQuality"
     from rollups_hour where ${WITHIN} group by 1 order by 1`,
    [seriesId, from, to, stepMs],
  )
}
