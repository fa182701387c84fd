// What the SensorThings façade knows of points and series: all that may be seen, in one statement, up to a bound.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A point as a Thing. */
export interface ThingRow {
  id: number
  client: string
  project: string
  point: string
  name: string
  kind: string
  latitude: number | null
  longitude: number | null
  wellDepthM: number | null
  pumpDepthM: number | null
  sensorDepthM: number | null
  /** Its series, by variable: pairs of id and code. */
  series: readonly { id: number; variable: number }[]
}

/** Points that may be seen, by id, with their series. */
export function selectThings(sql: Sql, clientIds: ClientIds, limit: number): Promise<ThingRow[]> {
  return sql.query<ThingRow>(
    `select p.id, c.slug as client, pr.slug as project, p.slug as point, p.name, p.kind, p.latitude, p.longitude,
       p.well_depth_m as "wellDepthM", p.pump_depth_m as "pumpDepthM", p.sensor_depth_m as "sensorDepthM",
       coalesce((select jsonb_agg(jsonb_build_object('id', s.id, 'variable', s.variable) order by s.variable)
                 from series s where s.point_id = p.id), '[]') as series
     from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where $1::int[] is null or c.id = any($1)
     order by p.id limit $2`,
    [clientIds, limit],
  )
}

/** How many values series have. */
export async function countValues(sql: Sql, seriesIds: readonly number[]): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `select (select count(*) from readings where series_id = any($1)) + (select count(*) from derived where series_id = any($1))
       as count`,
    [seriesIds],
  )
  return row?.count ?? 0
}
