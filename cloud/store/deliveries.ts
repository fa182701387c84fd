// Deliveries: who is to be told of an incident, by which channel, and what came of it.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** Somebody who is to be told of the open incident of a subject. */
export interface Addressee {
  kind: 'alert' | 'gateway_lost'
  subject: string
  channel: 'email'
  recipient: string
}

/** Notes who is to be told. Who was told of an incident before, or is about to be, is not told again. */
export async function insertDeliveries(
  tx: Sql,
  addressees: readonly Addressee[],
  now: number,
): Promise<void> {
  if (addressees.length === 0) return
  await tx.query(
    `insert into deliveries (incident_id, channel, recipient, created_at, due_at, state_at)
     select i.id, t.channel, t.recipient, n.at, n.at, n.at
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as t(kind, subject, channel, recipient, place)
     join incidents i on i.kind = t.kind and i.subject = t.subject and i.closed_at is null
     cross join (select to_timestamp($5::float8 / 1000)) as n(at) order by place
     on conflict (incident_id, channel, recipient) do nothing`,
    [
      addressees.map(({ kind }) => kind),
      addressees.map(({ subject }) => subject),
      addressees.map(({ channel }) => channel),
      addressees.map(({ recipient }) => recipient),
      now,
    ],
  )
}

/** A message that is to be sent. */
export interface DueDelivery {
  id: number
  recipient: string
  /** How often it was tried, this time included. */
  attempts: number
  incidentId: number
  kind: string
  subject: string
  openedAt: number
  details: unknown
}

/**
 * Takes messages that are due, longest waiting first. Nobody else gets them before `leaseUntil`; who dies while sending one
 * leaves it to be sent again then.
 */
export function takeDeliveries(
  sql: Sql,
  { now, leaseUntil, limit }: { now: number; leaseUntil: number; limit: number },
): Promise<DueDelivery[]> {
  return sql.query<DueDelivery>(
    `update deliveries d set attempts = d.attempts + 1, due_at = to_timestamp($2::float8 / 1000)
     from incidents i
     where i.id = d.incident_id and d.id in (
       select id from deliveries where state = 'pending' and due_at <= to_timestamp($1::float8 / 1000)
       order by due_at, id limit $3 for update skip locked
     )
     returning d.id, d.recipient, d.attempts, i.id as "incidentId", i.kind, i.subject, i.opened_at as "openedAt", i.details`,
    [now, leaseUntil, limit],
  )
}

/** Notes what came of an attempt. A message that stays pending is due again at `dueAt`. */
export async function finishDelivery(
  sql: Sql,
  id: number,
  { state, answer, dueAt, now }: { state: DeliveryState; answer: string; dueAt: number; now: number },
): Promise<void> {
  await sql.query(
    `update deliveries set state = $2, answer = $3, due_at = to_timestamp($4::float8 / 1000),
       state_at = to_timestamp($5::float8 / 1000)
     where id = $1::bigint and state = 'pending'`,
    [id, state, answer, dueAt, now],
  )
}

/** What has become of a message. */
export type DeliveryState = 'pending' | 'notified' | 'failed'

/** A message as it is shown. */
export interface DeliveryRow {
  channel: 'email'
  recipient: string
  state: DeliveryState
  attempts: number
  createdAt: number
  stateAt: number
  answer: string | null
}

/** Who was told of an incident that may be seen, first the first; `undefined` when there is no such incident. */
export async function selectDeliveries(
  sql: Sql,
  clientIds: ClientIds,
  incidentId: number,
  limit: number,
): Promise<DeliveryRow[] | undefined> {
  const [seen] = await sql.query(
    `select from incidents i left join gateways g on g.id = i.gateway_id left join points p on p.id = i.point_id
     left join projects pr on pr.id = coalesce(g.project_id, p.project_id)
     where i.id = $2::bigint and ($1::int[] is null or pr.client_id = any($1))`,
    [clientIds, incidentId],
  )
  if (seen === undefined) return undefined
  return sql.query<DeliveryRow>(
    `select channel, recipient, state, attempts, created_at as "createdAt", state_at as "stateAt", answer
     from deliveries where incident_id = $1::bigint order by id limit $2`,
    [incidentId, limit],
  )
}

/** How many messages wait, and how many will never arrive. */
export async function countDeliveries(sql: Sql): Promise<{ pending: number; failed: number }> {
  const [row] = await sql.query<{ pending: number; failed: number }>(
    `select count(*) filter (where state = 'pending')::int as pending,
       count(*) filter (where state = 'failed')::int as failed from deliveries`,
    [],
  )
  return row ?? { pending: 0, failed: 0 }
}
