// Incidents: what is wrong and lasts. One condition is one incident, however often it is seen.
//
// Whoever looks for a condition says each time all subjects that have it now (settleIncidents). What is new is opened,
// what is seen again is counted, what is not seen any more is closed; a condition that comes back soon opens the same
// incident again, so that one which comes and goes is one line to read.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** What kinds of incidents there are. */
export const INCIDENT_KINDS = [
  'ledger_difference',
  'declaration_late',
  'informant_cannot_declare',
  'sensor_fault_expired',
  'gateway_lost',
  'alert',
] as const

/** A kind of incident. */
export type IncidentKind = (typeof INCIDENT_KINDS)[number]

/** A condition that is there now. */
export interface Condition {
  /** What has it, within the kind: a gateway's name, a point's. */
  subject: string
  gatewayId?: number
  pointId?: number
  details: object
  /** Where it is not REOPEN_WITHIN_MS. */
  reopenWithinMs?: number
}

/** What has become of the incidents of a kind. */
export interface Settled {
  opened: string[]
  closed: string[]
}

/** So soon after it was closed an incident is opened again, instead of a new one. */
export const REOPEN_WITHIN_MS = 60 * 60_000

const LOCK = 7_201_421

/**
 * Brings the incidents of a kind to what is so now: `conditions` are all there are. In a transaction; two that settle the
 * same kind at the same time take turns.
 */
export async function settleIncidents(
  tx: Sql,
  kind: IncidentKind,
  conditions: readonly Condition[],
  now: number,
): Promise<Settled> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK}, hashtext($1))`, [kind])
  const closed = await tx.query<{ subject: string }>(
    `update incidents set closed_at = to_timestamp($3::float8 / 1000)
     where kind = $1 and closed_at is null and subject <> all($2::text[]) returning subject`,
    [kind, conditions.map(({ subject }) => subject), now],
  )
  const opened: string[] = []
  for (const condition of conditions) {
    if (await raise(tx, kind, condition, now)) opened.push(condition.subject)
  }
  return { opened, closed: closed.map(({ subject }) => subject) }
}

/** Counts an incident that is open, opens one again, or opens a new one. Returns whether it was not open before. */
async function raise(
  tx: Sql,
  kind: IncidentKind,
  { subject, gatewayId, pointId, details, reopenWithinMs = REOPEN_WITHIN_MS }: Condition,
  now: number,
): Promise<boolean> {
  const [before] = await tx.query<{ id: number; isOpen: boolean }>(
    `select id, closed_at is null as "isOpen" from incidents
     where kind = $1 and subject = $2 and (closed_at is null or closed_at >= to_timestamp($3::float8 / 1000))
     order by closed_at desc nulls first limit 1`,
    [kind, subject, now - reopenWithinMs],
  )
  if (before === undefined) {
    await tx.query(
      `insert into incidents (kind, subject, gateway_id, point_id, opened_at, last_seen_at, details)
       values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), to_timestamp($5::float8 / 1000), $6::jsonb)`,
      [kind, subject, gatewayId ?? null, pointId ?? null, now, JSON.stringify(details)],
    )
    return true
  }
  await tx.query(
    `update incidents set last_seen_at = to_timestamp($2::float8 / 1000), count = count + 1, details = $3::jsonb,
       reopened = reopened + (closed_at is not null)::int, closed_at = null
     where id = $1`,
    [before.id, now, JSON.stringify(details)],
  )
  return !before.isOpen
}

/** An incident, and whose it is; of the installation where both are null. */
export interface IncidentRow {
  id: number
  kind: string
  subject: string
  gateway: string | null
  client: string | null
  openedAt: number
  lastSeenAt: number
  count: number
  reopened: number
  closedAt: number | null
  details: unknown
  acknowledgedAt: number | null
  acknowledgedBy: string | null
}

const INCIDENT = `select i.id, i.kind, i.subject, g.slug as gateway, c.slug as client, i.opened_at as "openedAt",
  i.last_seen_at as "lastSeenAt", i.count, i.reopened, i.closed_at as "closedAt", i.details,
  i.acknowledged_at as "acknowledgedAt", i.acknowledged_by as "acknowledgedBy"
from incidents i left join gateways g on g.id = i.gateway_id left join points p on p.id = i.point_id
left join projects pr on pr.id = coalesce(g.project_id, p.project_id) left join clients c on c.id = pr.client_id`

/** Incidents that may be seen, newest first; those of the installation only by who may see everything. */
export function selectIncidents(
  sql: Sql,
  clientIds: ClientIds,
  {
    beforeId,
    limit,
    kind,
    gateway,
    open,
  }: {
    beforeId: number
    limit: number
    kind?: string | undefined
    gateway?: string | undefined
    open?: boolean | undefined
  },
): Promise<IncidentRow[]> {
  return sql.query<IncidentRow>(
    `${INCIDENT}
     where i.id < $2::bigint and ($1::int[] is null or c.id = any($1)) and ($4::text is null or i.kind = $4)
       and ($5::text is null or g.slug = $5) and ($6::boolean is null or (i.closed_at is null) = $6)
     order by i.id desc limit $3`,
    [clientIds, beforeId, limit, kind ?? null, gateway ?? null, open ?? null],
  )
}

/** Notes who has seen an incident; the first stands. `undefined` when there is none that may be seen. */
export async function acknowledgeIncident(
  sql: Sql,
  clientIds: ClientIds,
  { id, by, now }: { id: number; by: string; now: number },
): Promise<IncidentRow | undefined> {
  await sql.query(
    `update incidents i set acknowledged_at = to_timestamp($4::float8 / 1000), acknowledged_by = $3
     where i.id = $2 and i.acknowledged_at is null
       and ($1::int[] is null or exists (
         select from projects pr where pr.client_id = any($1) and pr.id = coalesce(
           (select project_id from gateways where id = i.gateway_id), (select project_id from points where id = i.point_id))))`,
    [clientIds, id, by, now],
  )
  const [row] = await sql.query<IncidentRow>(
    `${INCIDENT} where i.id = $2 and ($1::int[] is null or c.id = any($1))`,
    [clientIds, id],
  )
  return row
}
