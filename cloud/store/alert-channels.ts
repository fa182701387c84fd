// Channels, what people have asked for of messages to them, and maintenance.

import type { ChannelSettings } from '../alerts/channel.ts'
import type { Preferences } from '../alerts/preferences.ts'
import type { Sealed } from '../compliance/secrets.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A way to people, as it is kept. */
export interface ChannelRow {
  id: number
  /** null: of the installation. */
  client: string | null
  clientId: number | null
  name: string
  settings: ChannelSettings
  hasSecret: boolean
  version: number
  changedAt: number
  changedBy: string
}

const CHANNEL = `select h.id, c.slug as client, h.client_id as "clientId", h.name, h.settings,
  h.secret is not null as "hasSecret", h.version, h.changed_at as "changedAt", h.changed_by as "changedBy"
from alert_channels h left join clients c on c.id = h.client_id where h.deleted_at is null`

/** The most channels there may be. */
export const CHANNELS_MAX = 1000

/** Channels that the rules of some clients may use: theirs, and the installation's. */
export function selectChannels(sql: Sql, clientIds: ClientIds): Promise<ChannelRow[]> {
  return sql.query<ChannelRow>(
    `${CHANNEL} and ($1::int[] is null or h.client_id is null or h.client_id = any($1)) order by h.name, h.id limit $2`,
    [clientIds, CHANNELS_MAX],
  )
}

/** One of them; in a transaction nobody else changes it. */
export async function lockChannel(
  tx: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<ChannelRow | undefined> {
  const [row] = await tx.query<ChannelRow>(
    `${CHANNEL} and ($1::int[] is null or h.client_id is null or h.client_id = any($1)) and h.id = $2::bigint
     for update of h`,
    [clientIds, id],
  )
  return row
}

/** What a channel is to be. */
export interface ChannelChange {
  name: string
  settings: ChannelSettings
  by: string
  now: number
}

/** Makes a channel; its secret is sealed with its id, so that comes after. `undefined` when there are too many. */
export async function insertChannel(
  tx: Sql,
  { clientId, name, settings, by, now }: ChannelChange & { clientId: number | null },
): Promise<number | undefined> {
  const [made] = await tx.query<{ id: number }>(
    `insert into alert_channels (client_id, name, settings, changed_at, changed_by)
     select $1, $2, $3::jsonb, to_timestamp($5::float8 / 1000), $4
     where (select count(*) from alert_channels where deleted_at is null) < $6 returning id`,
    [clientId, name, JSON.stringify(settings), by, now, CHANNELS_MAX],
  )
  return made?.id
}

/** Changes a channel that was locked. */
export async function updateChannel(
  tx: Sql,
  id: number,
  { name, settings, by, now }: ChannelChange,
): Promise<void> {
  await tx.query(
    `update alert_channels set name = $2, settings = $3::jsonb, version = version + 1, changed_by = $4,
       changed_at = to_timestamp($5::float8 / 1000) where id = $1::bigint`,
    [id, name, JSON.stringify(settings), by, now],
  )
}

/** Gives a channel its secret, or takes it away. */
export async function saveChannelSecret(tx: Sql, id: number, sealed: Sealed | null): Promise<void> {
  await tx.query('update alert_channels set secret_key_id = $2, secret = $3 where id = $1::bigint', [
    id,
    sealed?.keyId ?? null,
    sealed?.bytes ?? null,
  ])
}

/** Deletes a channel that was locked: rules that name it tell nobody by it. */
export async function deleteChannel(
  tx: Sql,
  id: number,
  { by, now }: { by: string; now: number },
): Promise<void> {
  await tx.query(
    `update alert_channels set deleted_at = to_timestamp($3::float8 / 1000), changed_by = $2, secret = null,
       secret_key_id = null where id = $1::bigint`,
    [id, by, now],
  )
}

/** What it takes to send by a channel. */
export interface SendingChannel {
  id: number
  settings: ChannelSettings
  sealed: Sealed | null
}

/** What it takes to send by a channel; `undefined` when it is gone. */
export async function selectSendingChannel(sql: Sql, id: number): Promise<SendingChannel | undefined> {
  const [row] = await sql.query<{
    settings: ChannelSettings
    keyId: string | null
    secret: Uint8Array | null
  }>(
    `select settings, secret_key_id as "keyId", secret from alert_channels where id = $1::bigint and deleted_at is null`,
    [id],
  )
  if (row === undefined) return undefined
  const { settings, keyId, secret } = row
  return { id, settings, sealed: keyId === null || secret === null ? null : { keyId, bytes: secret } }
}

/** What people have asked for, by mail address in lower case: of these. */
export function selectPreferences(
  sql: Sql,
  emails: readonly string[],
): Promise<{ email: string; preferences: Preferences }[]> {
  return sql.query<{ email: string; preferences: Preferences }>(
    `select lower(u.email) as email, n.preferences from auth.users u join notification_preferences n on n.user_id = u.id
     where lower(u.email) = any($1::text[])`,
    [emails],
  )
}

/** What a user has asked for; `undefined`: nothing yet. */
export async function selectOwnPreferences(
  sql: Sql,
  userId: string,
): Promise<{ preferences: Preferences; version: number } | undefined> {
  const [row] = await sql.query<{ preferences: Preferences; version: number }>(
    'select preferences, version from notification_preferences where user_id = $1',
    [userId],
  )
  return row
}

/** Keeps what a user asks for, where they have seen the version before it: 0 where there was none. Returns whether so. */
export async function savePreferences(
  sql: Sql,
  userId: string,
  { preferences, version, now }: { preferences: Preferences; version: number; now: number },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into notification_preferences (user_id, preferences, changed_at)
     select $1, $2::jsonb, to_timestamp($4::float8 / 1000) where $3::int = 0
       or exists (select from notification_preferences where user_id = $1)
     on conflict (user_id) do update set preferences = excluded.preferences, changed_at = excluded.changed_at,
       version = notification_preferences.version + 1 where notification_preferences.version = $3
     returning user_id`,
    [userId, JSON.stringify(preferences), version, now],
  )
  return rows.length > 0
}
