// What changed lately: which batches came or were processed, and the points that they are about.

import type { Sql } from './database.ts'

/** A batch, as far as it tells that something may have changed. */
export interface SeenBatch {
  id: number
  projectId: number
  processed: boolean
}

/** Batches after a number, the newest first. */
export function selectBatchesAfter(sql: Sql, afterId: number, limit: number): Promise<SeenBatch[]> {
  return sql.query<SeenBatch>(
    `select b.id, g.project_id as "projectId", b.processed_at is not null as processed
     from batches b join gateways g on g.id = b.gateway_id where b.id > $1::bigint order by b.id desc limit $2`,
    [afterId, limit],
  )
}

/** Those of these batches that are processed. */
export async function selectProcessed(sql: Sql, batchIds: readonly number[]): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    `select id from batches where id = any($1::bigint[]) and processed_at is not null`,
    [batchIds],
  )
  return rows.map(({ id }) => id)
}

/** The newest batch; 0 when there is none. */
export async function selectNewestBatch(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ id: number }>(`select coalesce(max(id), 0) as id from batches`)
  return row?.id ?? 0
}

/** A point, and whose it is. */
export interface OwnedPoint {
  id: number
  clientId: number
  client: string
  project: string
  point: string
}

/** The points of projects after an id, in its order. */
export function selectPointsOf(
  sql: Sql,
  projectIds: readonly number[],
  { afterId, limit }: { afterId: number; limit: number },
): Promise<OwnedPoint[]> {
  return sql.query<OwnedPoint>(
    `select p.id, c.id as "clientId", c.slug as client, pr.slug as project, p.slug as point
     from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where pr.id = any($1) and p.id > $2 order by p.id limit $3`,
    [projectIds, afterId, limit],
  )
}
