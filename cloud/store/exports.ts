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

/** Measured and computed values of series within a slice, in the order of time. */
export function selectSlice(
  sql: Sql,
  seriesIds: readonly number[],
  { from, to }: { from: number; to: number },
): Promise<ExportedRow[]> {
  const within = `series_id = any($1) and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)`
  return sql.query<ExportedRow>(
    `select at, series_id as "seriesId", value, quality from readings where ${within}
     union all
     select at, series_id, value, quality from derived where ${within}
     order by 1`,
    [seriesIds, from, to],
  )
}
