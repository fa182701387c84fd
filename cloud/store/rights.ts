// What a point may take: the rights of the obligations that are in force. The one place that knows where they are.

import type { Sql } from './database.ts'

/** A right to water. */
export interface Right {
  pointId: number
  workCode: string
  flowLps: number
  yearlyM3: number | null
}

/** The rights of points at an instant. */
export function selectRights(
  sql: Sql,
  { pointIds, at }: { pointIds: readonly number[]; at: number },
): Promise<Right[]> {
  return sql.query<Right>(
    `select o.point_id as "pointId", o.work_code as "workCode", (r->>'flowLps')::float8 as "flowLps",
            (r->>'yearlyM3')::float8 as "yearlyM3"
     from (select distinct on (work_code) * from obligations
           where work_code in (select work_code from obligations where point_id = any($1))
             and valid_from <= to_timestamp($2::float8 / 1000)
           order by work_code, valid_from desc) o,
       jsonb_array_elements(o.terms->'rights') with ordinality as given(r, place)
     where o.point_id = any($1) and (o.valid_to is null or o.valid_to > to_timestamp($2::float8 / 1000))
     order by o.point_id, o.work_code, place`,
    [pointIds, at],
  )
}
