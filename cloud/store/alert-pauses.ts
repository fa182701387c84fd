// Maintenance: times in which the rules of some points say nothing.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A time of maintenance. */
export interface PauseRow {
  id: number
  client: string
  clientId: number
  /** `client.project.point`; null: every point of the client. */
  point: string | null
  pointId: number | null
  from: number
  /** Not included. */
  to: number
  reason: string
  createdAt: number
  createdBy: string
  /** Who has ended it before its time. */
  endedBy: string | null
}

const PAUSE = `select w.id, c.slug as client, w.client_id as "clientId", c.slug || '.' || pr.slug || '.' || p.slug as point,
  w.point_id as "pointId", w.starts_at as "from", w.ends_at as "to", w.reason, w.created_at as "createdAt",
  w.created_by as "createdBy", w.ended_by as "endedBy"
from alert_pauses w join clients c on c.id = w.client_id left join points p on p.id = w.point_id
left join projects pr on pr.id = p.project_id`

/** Maintenance that may be seen, newest first; that of a point is also that of its client. */
export function selectPauses(
  sql: Sql,
  clientIds: ClientIds,
  { beforeId, limit, endsAfter }: { beforeId: number; limit: number; endsAfter?: number | undefined },
): Promise<PauseRow[]> {
  return sql.query<PauseRow>(
    `${PAUSE} where ($1::int[] is null or w.client_id = any($1)) and w.id < $2::bigint
       and ($4::float8 is null or w.ends_at > to_timestamp($4::float8 / 1000)) order by w.id desc limit $3`,
    [clientIds, beforeId, limit, endsAfter ?? null],
  )
}

/** One of them; in a transaction nobody else changes it. */
export async function lockPause(tx: Sql, clientIds: ClientIds, id: number): Promise<PauseRow | undefined> {
  const [row] = await tx.query<PauseRow>(
    `${PAUSE} where ($1::int[] is null or w.client_id = any($1)) and w.id = $2::bigint for update of w`,
    [clientIds, id],
  )
  return row
}

/** Makes one. */
export async function insertPause(
  tx: Sql,
  pause: Pick<PauseRow, 'clientId' | 'pointId' | 'from' | 'to' | 'reason'> & { by: string; now: number },
): Promise<number> {
  const [made] = await tx.query<{ id: number }>(
    `insert into alert_pauses (client_id, point_id, starts_at, ends_at, reason, created_by, created_at)
     values ($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), $5, $6, to_timestamp($7::float8 / 1000))
     returning id`,
    [pause.clientId, pause.pointId, pause.from, pause.to, pause.reason, pause.by, pause.now],
  )
  if (made === undefined) throw new Error('A pause that was inserted came back without its id')
  return made.id
}

/** Ends one that was locked now; one that has not begun is over before it does. */
export async function endPause(tx: Sql, id: number, { by, now }: { by: string; now: number }): Promise<void> {
  await tx.query(
    `update alert_pauses set ends_at = greatest(starts_at, to_timestamp($3::float8 / 1000)), ended_by = $2
     where id = $1::bigint and ends_at > to_timestamp($3::float8 / 1000)`,
    [id, by, now],
  )
}

/** A time of maintenance, as rules are held against it. */
export interface PauseOfRules {
  clientId: number
  pointId: number | null
  from: number
  to: number
}

const PAUSES_MAX = 10_000

/** Maintenance that ends after an instant. */
export function selectPausesOfRules(sql: Sql, endsAfter: number): Promise<PauseOfRules[]> {
  return sql.query<PauseOfRules>(
    `select client_id as "clientId", point_id as "pointId", starts_at as "from", ends_at as "to" from alert_pauses
     where ends_at > to_timestamp($1::float8 / 1000) order by id desc limit ${PAUSES_MAX}`,
    [endsAfter],
  )
}
