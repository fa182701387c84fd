// Reading the audit. Nobody writes it but the triggers of its migration.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A change of something, and who made it. */
export interface AuditRow {
  id: number
  at: number
  entity: string
  entityId: string
  subject: string
  client: string | null
  action: 'created' | 'changed' | 'deleted'
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  actorKind: 'user' | 'token' | 'nobody' | 'command' | 'service'
  actorId: string
  actorName: string
  session: string | null
  address: string | null
  requestId: string | null
  route: string | null
}

/** Which changes are asked for; what is null is not asked. */
export interface AuditFilter {
  entity: string | null
  entityId: string | null
  subject: string | null
  actor: string | null
  client: string | null
  pointId: number | null
  /** Included, and not. */
  from: number | null
  to: number | null
}

/** Changes that may be seen, newest first, before a given one. */
export function selectAudit(
  sql: Sql,
  clientIds: ClientIds,
  { beforeId, limit, ...asked }: AuditFilter & { beforeId: number; limit: number },
): Promise<AuditRow[]> {
  const { entity, entityId, subject, actor, client, pointId, from, to } = asked
  return sql.query<AuditRow>(
    `select a.id, a.at, a.entity, a.entity_id as "entityId", a.subject, c.slug as client, a.action, a.before, a.after,
       a.actor_kind as "actorKind", a.actor_id as "actorId", a.actor_name as "actorName", a.session, a.address,
       a.request_id as "requestId", a.route
     from audit a left join clients c on c.id = a.client_id
     where a.id < $2::bigint and ($1::int[] is null or a.client_id = any($1))
       and ($4::text is null or a.entity = $4) and ($5::text is null or a.entity_id = $5)
       and ($6::text is null or a.subject = $6) and ($7::text is null or a.actor_name = $7)
       and ($8::text is null or c.slug = $8) and ($9::int is null or a.point_id = $9)
       and ($10::float8 is null or a.at >= to_timestamp($10::float8 / 1000))
       and ($11::float8 is null or a.at < to_timestamp($11::float8 / 1000))
     order by a.id desc limit $3`,
    [clientIds, beforeId, limit, entity, entityId, subject, actor, client, pointId, from, to],
  )
}
