// Incidents as they are shown, with their story, and what people do about them. Who acts has locked the incident before.

import type { Sql } from './database.ts'
import { type IncidentEventKind, insertIncidentEvent } from './incidents.ts'
import type { ClientIds } from './queries.ts'

/** An incident, and whose it is; of the installation where both are null. */
export interface IncidentRow {
  id: number
  kind: string
  subject: string
  gateway: string | null
  client: string | null
  /** `client.project.point`. */
  point: string | null
  openedAt: number
  lastSeenAt: number
  count: number
  reopened: number
  closedAt: number | null
  details: unknown
  acknowledgedAt: number | null
  acknowledgedBy: string | null
  version: number
  assignedTo: string | null
  snoozedUntil: number | null
  escalated: number
  /** How many steps of escalation there are. */
  steps: number
  /** The incident that explains this one. */
  parentId: number | null
}

const INCIDENT = `select i.id, i.kind, i.subject, g.slug as gateway, c.slug as client, i.opened_at as "openedAt",
  c.slug || '.' || pr.slug || '.' || p.slug as point, i.last_seen_at as "lastSeenAt", i.count, i.reopened,
  i.closed_at as "closedAt", i.details, i.acknowledged_at as "acknowledgedAt", i.acknowledged_by as "acknowledgedBy",
  i.version, i.assigned_to as "assignedTo", i.snoozed_until as "snoozedUntil", i.escalated, i.steps, i.parent_id as "parentId"
from incidents i left join gateways g on g.id = i.gateway_id left join points p on p.id = i.point_id
left join projects pr on pr.id = coalesce(g.project_id, p.project_id) left join clients c on c.id = pr.client_id`

/** Which incidents are wanted. */
export interface IncidentFilter {
  kind?: string | undefined
  gateway?: string | undefined
  client?: string | undefined
  pointId?: number | undefined
  severity?: string | undefined
  assignedTo?: string | undefined
  acknowledged?: boolean | undefined
  /** Whether another incident explains it. */
  silenced?: boolean | undefined
  open?: boolean | undefined
}

/** Incidents that may be seen, newest first; those of the installation only by who may see everything. */
export function selectIncidents(
  sql: Sql,
  clientIds: ClientIds,
  { beforeId, limit, ...filter }: IncidentFilter & { beforeId: number; limit: number },
): Promise<IncidentRow[]> {
  const { kind, gateway, client, pointId, severity, assignedTo, acknowledged, silenced, open } = filter
  return sql.query<IncidentRow>(
    `${INCIDENT}
     where i.id < $2::bigint and ($1::int[] is null or c.id = any($1)) and ($4::text is null or i.kind = $4)
       and ($5::text is null or g.slug = $5) and ($6::boolean is null or (i.closed_at is null) = $6)
       and ($7::text is null or c.slug = $7) and ($8::int is null or i.point_id = $8)
       and ($9::text is null or i.details->>'severity' = $9) and ($10::text is null or i.assigned_to = $10)
       and ($11::boolean is null or (i.acknowledged_at is not null) = $11)
       and ($12::boolean is null or (i.parent_id is not null) = $12)
     order by i.id desc limit $3`,
    [
      ...[clientIds, beforeId, limit, kind ?? null, gateway ?? null, open ?? null, client ?? null],
      ...[pointId ?? null, severity ?? null, assignedTo ?? null, acknowledged ?? null, silenced ?? null],
    ],
  )
}

/** An incident that may be seen. */
export async function selectIncident(
  sql: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<IncidentRow | undefined> {
  const [row] = await sql.query<IncidentRow>(
    `${INCIDENT} where i.id = $2::bigint and ($1::int[] is null or c.id = any($1))`,
    [clientIds, id],
  )
  return row
}

/** The same; in a transaction nobody else changes it. */
export async function lockIncident(
  tx: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<IncidentRow | undefined> {
  const [row] = await tx.query<IncidentRow>(
    `${INCIDENT} where i.id = $2::bigint and ($1::int[] is null or c.id = any($1)) for update of i`,
    [clientIds, id],
  )
  return row
}

/** Who does something, and when. */
export interface Act {
  by: string
  now: number
}

/** Notes who has seen an incident that was locked; the first stands. Returns whether it is this one. */
export async function acknowledgeIncident(tx: Sql, id: number, { by, now }: Act): Promise<boolean> {
  const changed = await tx.query(
    `update incidents set acknowledged_at = to_timestamp($3::float8 / 1000), acknowledged_by = $2, version = version + 1
     where id = $1::bigint and acknowledged_at is null returning id`,
    [id, by, now],
  )
  if (changed.length > 0) await insertIncidentEvent(tx, id, { kind: 'acknowledged', by, now })
  return changed.length > 0
}

/** Says whose an incident is that was locked; null: nobody's. */
export async function assignIncident(
  tx: Sql,
  id: number,
  to: string | null,
  { by, now }: Act,
): Promise<void> {
  await tx.query('update incidents set assigned_to = $2, version = version + 1 where id = $1::bigint', [
    id,
    to,
  ])
  await insertIncidentEvent(tx, id, { kind: 'assigned', by, details: { to }, now })
}

/** Has nobody told more of an incident that was locked until then; null: from now on again. */
export async function snoozeIncident(
  tx: Sql,
  id: number,
  until: number | null,
  { by, now }: Act,
): Promise<void> {
  await tx.query(
    `update incidents set snoozed_until = to_timestamp($2::float8 / 1000), version = version + 1 where id = $1::bigint`,
    [id, until],
  )
  const details = { until: until === null ? null : new Date(until).toISOString() }
  await insertIncidentEvent(tx, id, { kind: 'snoozed', by, details, now })
}

/** Adds what somebody has to say of an incident. It is no change of it: two may speak at once. */
export async function commentIncident(tx: Sql, id: number, text: string, { by, now }: Act): Promise<void> {
  await insertIncidentEvent(tx, id, { kind: 'commented', by, details: { text }, now })
}

/** Takes the next step of escalation of an incident that was locked. */
export async function escalateIncident(tx: Sql, id: number, step: number, { by, now }: Act): Promise<void> {
  await tx.query('update incidents set escalated = $2, version = version + 1 where id = $1::bigint', [
    id,
    step,
  ])
  await insertIncidentEvent(tx, id, { kind: 'escalated', by, details: { step }, now })
}

/** One thing of an incident's story. */
export interface IncidentEventRow {
  id: number
  at: number
  by: string | null
  kind: IncidentEventKind
  details: object
}

/** The story of an incident, newest first. Whoever asks has found the incident before. */
export function selectIncidentEvents(
  sql: Sql,
  incidentId: number,
  { beforeId, limit }: { beforeId: number; limit: number },
): Promise<IncidentEventRow[]> {
  return sql.query<IncidentEventRow>(
    `select id, at, by, kind, details from incident_events
     where incident_id = $1::bigint and id < $2::bigint order by id desc limit $3`,
    [incidentId, beforeId, limit],
  )
}

/** Somebody who may be given an incident, or told of it. */
export interface PersonRow {
  email: string
  name: string
}

const ACTING = `array['administrator', 'operator', 'client_manager', 'client_reader']`

/** Who may see what is of a client, by name; `null`: who may see everything. */
export function selectPeople(sql: Sql, client: string | null, limit: number): Promise<PersonRow[]> {
  return sql.query<PersonRow>(
    `select distinct u.email, u.name from auth.users u join auth.grants g on g.user_id = u.id
     left join clients c on c.id = g.client_id
     where g.role = any(${ACTING}) and (g.client_id is null or c.slug = $1) order by u.name, u.email limit $2`,
    [client, limit],
  )
}
