// What is known of a point that an import of its history should be held against.

import type { Sql } from './database.ts'

/** What is known of a point. Instants are epoch milliseconds; null: never. */
export interface PreviewFacts {
  /** When its calibrations begin to be valid, by rule. */
  calibrations: { rule: string; from: number }[]
  /** From when on its raw readings are all there. */
  retainedFrom: number | null
  /** When an obligation of it begins. */
  obligedFrom: number | null
}

/** Reads what an import of a point's history should be held against. */
export async function selectPreviewFacts(sql: Sql, pointId: number): Promise<PreviewFacts> {
  const [row] = await sql.query<PreviewFacts>(
    `select coalesce((select jsonb_agg(jsonb_build_object('rule', c.rule, 'from', c.first)) from (
         select rule, extract(epoch from min(valid_from)) * 1000 as first from calibrations
         where point_id = $1 group by rule) c), '[]') as calibrations,
       (select at from retained_from where point_id = $1) as "retainedFrom",
       (select min(valid_from) from obligations where point_id = $1) as "obligedFrom"`,
    [pointId],
  )
  return row ?? { calibrations: [], retainedFrom: null, obligedFrom: null }
}
