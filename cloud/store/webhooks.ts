// Webhooks: who is told of what, and each message with what came of it.

import type { Sealed } from '../compliance/secrets.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** What somebody can be told of. */
export const WEBHOOK_EVENTS = ['readings', 'incidents', 'slots', 'receipts'] as const

/** One of them. */
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** How many there may be of a client, or of the installation. */
export const WEBHOOKS_MAX = 50

/** A webhook, as it is shown. */
export interface WebhookRow {
  id: number
  /** null: of the installation. */
  client: string | null
  url: string
  events: WebhookEvent[]
  disabledReason: string | null
  formerUntil: number | null
  version: number
  changedAt: number
  changedBy: string
}

const WEBHOOK = `select w.id, c.slug as client, w.url, w.events, w.disabled_reason as "disabledReason",
  w.former_until as "formerUntil", w.version, w.changed_at as "changedAt", w.changed_by as "changedBy"
from webhooks w left join clients c on c.id = w.client_id
where w.deleted_at is null and ($1::int[] is null or w.client_id = any($1))`

/** Those of clients, after an id. */
export function selectWebhooks(
  sql: Sql,
  clientIds: ClientIds,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<WebhookRow[]> {
  return sql.query<WebhookRow>(`${WEBHOOK} and w.id > $2::bigint order by w.id limit $3`, [
    clientIds,
    afterId,
    limit,
  ])
}

/** One of them; in a transaction nobody else changes it. */
export async function lockWebhook(
  tx: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<WebhookRow | undefined> {
  const [row] = await tx.query<WebhookRow>(`${WEBHOOK} and w.id = $2::bigint for update of w`, [
    clientIds,
    id,
  ])
  return row
}

/** Who changes one, and when. */
export interface WebhookAct {
  by: string
  now: number
}

/** Makes one, without a secret: that is sealed with its id. `undefined` when there are too many. */
export async function insertWebhook(
  tx: Sql,
  {
    clientId,
    url,
    events,
    by,
    now,
  }: { clientId: number | null; url: string; events: readonly string[] } & WebhookAct,
): Promise<number | undefined> {
  const [row] = await tx.query<{ id: number }>(
    `insert into webhooks (client_id, url, events, changed_at, changed_by)
     select $1::int, $2, $3::text[], to_timestamp($5::float8 / 1000), $4
     where (select count(*) from webhooks where deleted_at is null and client_id is not distinct from $1::int) < $6
     returning id`,
    [clientId, url, events, by, now, WEBHOOKS_MAX],
  )
  return row?.id
}

/** Gives one a secret; the one that it had signs too until `formerUntil`. */
export async function saveWebhookSecret(
  tx: Sql,
  id: number,
  { keyId, bytes, formerUntil, by, now }: Sealed & { formerUntil: number | null } & WebhookAct,
): Promise<void> {
  await tx.query(
    `update webhooks set former_secret_key_id = secret_key_id, former_secret = secret,
       former_until = to_timestamp($4::float8 / 1000), secret_key_id = $2, secret = $3, version = version + 1,
       changed_by = $5, changed_at = to_timestamp($6::float8 / 1000)
     where id = $1::bigint`,
    [id, keyId, bytes, formerUntil, by, now],
  )
}

/** Stops one for a reason, or goes on with it when there is none. */
export async function disableWebhook(
  tx: Sql,
  id: number,
  { reason, by, now }: { reason: string | null } & WebhookAct,
): Promise<void> {
  await tx.query(
    `update webhooks set disabled_reason = $2, version = version + 1, changed_by = $3, changed_at = to_timestamp($4::float8 / 1000)
     where id = $1::bigint`,
    [id, reason, by, now],
  )
}

/** Removes one; what waits is not sent any more. */
export async function deleteWebhook(tx: Sql, id: number, { by, now }: WebhookAct): Promise<void> {
  await tx.query(
    `update webhooks set deleted_at = to_timestamp($3::float8 / 1000), version = version + 1, changed_at = to_timestamp($3::float8 / 1000), changed_by = $2
     where id = $1::bigint`,
    [id, by, now],
  )
  await tx.query(`delete from webhook_messages where webhook_id = $1::bigint`, [id])
}

/** What has become of a message. */
export type MessageState = 'pending' | 'delivered' | 'failed'

/** A message, as it is shown. */
export interface MessageRow {
  id: number
  type: string
  at: number
  state: MessageState
  attempts: number
  dueAt: number | null
  stateAt: number
  answer: string | null
}

/** Messages of a webhook, newest first, before an id. */
export function selectMessages(
  sql: Sql,
  webhookId: number,
  { beforeId, limit }: { beforeId: number; limit: number },
): Promise<MessageRow[]> {
  return sql.query<MessageRow>(
    `select id, type, at, state, attempts, due_at as "dueAt", state_at as "stateAt", answer
     from webhook_messages where webhook_id = $1::bigint and id < $2::bigint order by id desc limit $3`,
    [webhookId, beforeId, limit],
  )
}

/** Has a message sent again, under the same id. Returns whether there is such a message. */
export async function replayMessage(
  tx: Sql,
  { webhookId, id, by, now }: { webhookId: number; id: number } & WebhookAct,
): Promise<boolean> {
  const rows = await tx.query(
    `update webhook_messages set state = 'pending', attempts = 0, due_at = to_timestamp($3::float8 / 1000),
       state_at = to_timestamp($3::float8 / 1000)
     where webhook_id = $1::bigint and id = $2::bigint returning id`,
    [webhookId, id, now],
  )
  if (rows.length === 0) return false
  await tx.query(
    `update webhooks set version = version + 1, changed_by = $2, changed_at = to_timestamp($3::float8 / 1000) where id = $1::bigint`,
    [webhookId, by, now],
  )
  return true
}

/** A message that is to be sent. */
export interface DueMessage {
  id: number
  webhookId: number
  url: string
  type: string
  data: Record<string, unknown>
  at: number
  body: string | null
  attempts: number
  secret: Sealed
  former: Sealed | null
}

/**
 * Takes a message that is due of each of some webhooks. Nobody else gets them before `leaseUntil`. One at a time of each:
 * an address that is slow holds up its own messages alone.
 */
export function takeMessages(
  sql: Sql,
  { now, leaseUntil, limit }: { now: number; leaseUntil: number; limit: number },
): Promise<DueMessage[]> {
  return sql
    .query<DueMessage>(
      `with due as (
       select m.id from webhooks w, lateral (
         select id, due_at from webhook_messages
         where webhook_id = w.id and state = 'pending' and (due_at is null or due_at <= to_timestamp($1::float8 / 1000))
         order by due_at nulls first, id limit 1 for update skip locked
       ) m
       where w.deleted_at is null and w.disabled_reason is null and w.secret is not null order by m.due_at nulls first limit $3
     )
     update webhook_messages m set attempts = m.attempts + 1, due_at = to_timestamp($2::float8 / 1000)
     from webhooks w, due where m.id = due.id and w.id = m.webhook_id
     returning m.id, m.webhook_id as "webhookId", w.url, m.type, m.data, m.at, m.body, m.attempts,
       jsonb_build_object('keyId', w.secret_key_id, 'hex', encode(w.secret, 'hex')) as secret,
       case when w.former_until > to_timestamp($1::float8 / 1000)
         then jsonb_build_object('keyId', w.former_secret_key_id, 'hex', encode(w.former_secret, 'hex')) end as former`,
      [now, leaseUntil, limit],
    )
    .then(rows =>
      rows.map(row => ({ ...row, secret: toSealed(row.secret), former: row.former && toSealed(row.former) })),
    )
}

function toSealed(given: unknown): Sealed {
  const { keyId, hex } = given as { keyId: string; hex: string }
  return { keyId, bytes: new Uint8Array(Buffer.from(hex, 'hex')) }
}

/** Keeps what is sent, so that it is the same each time. */
export async function saveBody(sql: Sql, id: number, body: string): Promise<void> {
  await sql.query(`update webhook_messages set body = $2 where id = $1::bigint`, [id, body])
}

/** Notes what came of an attempt. */
export async function finishMessage(
  sql: Sql,
  id: number,
  { state, answer, dueAt, now }: { state: MessageState; answer: string; dueAt: number; now: number },
): Promise<void> {
  await sql.query(
    `update webhook_messages set state = $2, answer = $3, due_at = to_timestamp($4::float8 / 1000),
       state_at = to_timestamp($5::float8 / 1000)
     where id = $1::bigint and state = 'pending'`,
    [id, state, answer, dueAt, now],
  )
}

/** Forgets messages that were settled before an instant, some at a time. */
export async function forgetMessages(sql: Sql, before: number, limit: number): Promise<void> {
  await sql.query(
    `delete from webhook_messages where id in (
       select id from webhook_messages where state <> 'pending' and state_at < to_timestamp($1::float8 / 1000) limit $2)`,
    [before, limit],
  )
}

/** Webhooks that were stopped because nobody took what they were sent. */
export function selectStopped(sql: Sql): Promise<{ id: number; url: string; reason: string }[]> {
  return sql.query(
    `select id, url, disabled_reason as reason from webhooks where disabled_reason is not null and deleted_at is null limit 1000`,
  )
}

/** A reading of a batch. */
export interface BatchReading {
  point: string
  variable: number
  at: number
  value: number | null
  quality: number
}

/** The readings of a batch, in the order of time. */
export function selectBatchReadings(
  sql: Sql,
  {
    batch,
    projectId,
    from,
    to,
    limit,
  }: { batch: number; projectId: number; from: string; to: string; limit: number },
): Promise<BatchReading[]> {
  return sql.query<BatchReading>(
    `select c.slug || '.' || pr.slug || '.' || p.slug as point, s.variable, r.at, r.value, r.quality
     from projects pr join clients c on c.id = pr.client_id join points p on p.project_id = pr.id
     join series s on s.point_id = p.id
     join readings r on r.series_id = s.id and r.at between $3::timestamptz and $4::timestamptz and r.batch_id = $1::bigint
     where pr.id = $2 order by r.at, s.id limit $5`,
    [batch, projectId, from, to, limit],
  )
}
