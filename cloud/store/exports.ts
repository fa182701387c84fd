// Readings of several series side by side, for export: a slice of time after the other, so that nothing large is ever held.

import type { Sql } from './database.ts'

/** A series of a point. */
export interface ExportedSeries {
  id: number
  variable: number
}

/** The series of a point, by variable. */
export function selectSeries(sql: Sql, pointId: number): Promise<ExportedSeries[]> {
  return sql.query<ExportedSeries>(`select id, variable from series where point_id = $1 order by variable`, [
    pointId,
  ])
}

/** One value of an instant. */
export interface ExportedRow {
  at: number
  seriesId: number
  value: number | null
  quality: number
}

const WITHIN = `series_id = any($1) and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)`
const VALUES = `select at, series_id, value, quality from readings where ${WITHIN}
  union all select at, series_id, value, quality from derived where ${WITHIN}`

/** Measured and computed values of series within a slice, in the order of time. */
export function selectSlice(
  sql: Sql,
  seriesIds: readonly number[],
  { from, to }: { from: number; to: number },
): Promise<ExportedRow[]> {
  return sql.query<ExportedRow>(
    `select at, series_id as "seriesId", value, quality from (${VALUES}) v order by at, series_id`,
    [seriesIds, from, to],
  )
}

/** How many values a slice has, and a number that is another one when any of them is. */
export interface SlicePrint {
  /** How many slices since the epoch. */
  slice: number
  count: number
  print: string
}

/** The prints of slices that have values, in their order. */
export function selectPrints(
  sql: Sql,
  seriesIds: readonly number[],
  { from, to, sliceMs }: { from: number; to: number; sliceMs: number },
): Promise<SlicePrint[]> {
  return sql.query<SlicePrint>(
    `select floor(extract(epoch from at) * 1000 / $4::float8)::int as slice, count(*)::int as count,
       bit_xor(hash_record_extended(v, 0))::text as print
     from (${VALUES}) v group by 1 order by 1`,
    [seriesIds, from, to, sliceMs],
  )
}
