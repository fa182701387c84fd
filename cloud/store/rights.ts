// What a point may take: the rights of the works that it is part of, by the obligations that are in force. The one place
// that knows where they are.

import type { Sql } from './database.ts'

/** A right to water. */
export interface Right {
  workCode: string
  /** The points of the work: what they take together is held against its rights. */
  pointIds: number[]
  flowLps: number
  yearlyM3: number | null
}

/** The rights of the works that a point is part of, at an instant. */
export function selectRights(sql: Sql, { pointId, at }: { pointId: number; at: number }): Promise<Right[]> {
  return sql.query<Right>(
    `with mine as (
       select distinct work_code from obligations
       where point_id = $1 or terms->'alsoPointIds' @> to_jsonb($1::int)
     ), valid as (
       select distinct on (o.work_code) o.* from obligations o join mine using (work_code)
       where o.valid_from <= to_timestamp($2::float8 / 1000)
       order by o.work_code, o.valid_from desc
     )
     select o.work_code as "workCode",
       o.point_id || array(select jsonb_array_elements_text(coalesce(o.terms->'alsoPointIds', '[]'))::int) as "pointIds",
       (r->>'flowLps')::float8 as "flowLps", (r->>'yearlyM3')::float8 as "yearlyM3"
     from valid o, jsonb_array_elements(o.terms->'rights') with ordinality as given(r, place)
     where (o.point_id = $1 or o.terms->'alsoPointIds' @> to_jsonb($1::int))
       and (o.valid_to is null or o.valid_to > to_timestamp($2::float8 / 1000))
     order by o.work_code, place`,
    [pointId, at],
  )
}
