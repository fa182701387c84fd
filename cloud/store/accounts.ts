// Users and what they may, tokens of programs, failed sign-ins: schema `auth`.

import type { Database, Sql } from './database.ts'

/** What somebody may be. */
export const ROLES = [
  'administrator',
  'operator',
  'client_manager',
  'client_reader',
  'regulator_reader',
] as const

/** What somebody may be. */
export type Role = (typeof ROLES)[number]

/** A role, for everything or for one client. */
export interface Grant {
  role: Role
  clientId: number | null
  /** The client's name for people and topics; null with `clientId`. */
  client: string | null
}

/** The grants of a user; none of who is kept out. */
export function selectGrants(sql: Sql, userId: string): Promise<Grant[]> {
  return sql.query<Grant>(
    `select g.role, g.client_id as "clientId", c.slug as client
     from auth.grants g join auth.users u on u.id = g.user_id left join clients c on c.id = g.client_id
     where g.user_id = $1 and u.disabled_at is null order by g.id limit 1000`,
    [userId],
  )
}

/** A user to be: mail address in lower case, password already hashed. */
export interface NewUser {
  id: string
  email: string
  name: string
  passwordHash: string
  role: Role
  /** Needed for the roles that are for one client. */
  client?: string
}

/** Adds a user with one grant. False when a user with this address exists. The client must exist. */
export async function insertUser(sql: Sql, user: NewUser): Promise<boolean> {
  const rows = await sql.query(
    `with added as (
       insert into auth.users (id, name, email, email_verified) values ($1, $2, $3, true)
       on conflict (email) do nothing returning id
     ), credential as (
       insert into auth.accounts (id, user_id, account_id, provider_id, password)
       select id, id, id, 'credential', $4 from added
     ), allowed as (
       insert into auth.grants (user_id, role, client_id)
       select id, $5, (select c.id from clients c where c.slug = $6) from added
     )
     select id from added`,
    [user.id, user.name, user.email, user.passwordHash, user.role, user.client ?? null],
  )
  return rows.length > 0
}

/** Gives a user another password and ends their sessions. Returns the id; `undefined` when there is no such user. */
export async function replacePassword(
  sql: Sql,
  email: string,
  passwordHash: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ userId: string }>(
    `with changed as (
       update auth.accounts a set password = $2, updated_at = now()
       from auth.users u
       where u.email = $1 and a.user_id = u.id and a.provider_id = 'credential' returning a.user_id
     ), ended as (
       delete from auth.sessions s using changed where s.user_id = changed.user_id
     )
     select user_id as "userId" from changed`,
    [email, passwordHash],
  )
  return row?.userId
}

/** Whether there is an administrator who can sign in. Holds others off until the transaction ends. */
export async function hasAdministrator(tx: Sql): Promise<boolean> {
  await tx.query(`lock table auth.grants in share row exclusive mode`)
  const rows = await tx.query(`select 1 from auth.grants where role = 'administrator' limit 1`)
  return rows.length > 0
}

/** The id of a client; `undefined` when there is none. */
export async function clientIdOf(sql: Sql, client: string): Promise<number | undefined> {
  const rows = await sql.query<{ id: number }>(`select id from clients where slug = $1`, [client])
  return rows[0]?.id
}

/** What a token may be used for. */
export const SCOPES = ['read', 'write', 'subscribe'] as const

/** What a token may be used for. */
export type ApiScope = (typeof SCOPES)[number]

/** A token to be. */
export interface NewToken {
  name: string
  hash: Uint8Array
  role: Role
  client?: string
  scopes: readonly ApiScope[]
  /** Epoch milliseconds; absent: until it is revoked. */
  expiresAt?: number
  createdBy: string
  /** Whose own it is; absent: the installation's. */
  userId?: string
  requestsPerMinute?: number
}

/** How often a token may ask where nobody said otherwise. */
export const REQUESTS_PER_MINUTE = 6_000

/** Adds a token. False when the name is taken by one that is not revoked; a revoked one makes way. */
export async function insertToken(sql: Sql, token: NewToken): Promise<boolean> {
  const rows = await sql.query(
    `insert into auth.api_tokens (name, hash, role, client_id, scopes, expires_at, created_by, user_id,
       requests_per_minute)
     values ($1, $2, $3, (select c.id from clients c where c.slug = $4), $5::text[],
       to_timestamp($6::float8 / 1000), $7, $8, $9)
     on conflict (coalesce(user_id, ''), name) do update set hash = excluded.hash, role = excluded.role, client_id = excluded.client_id,
       scopes = excluded.scopes, expires_at = excluded.expires_at, created_by = excluded.created_by,
       created_at = now(), revoked_at = null, last_used_at = null, requests_per_minute = excluded.requests_per_minute
     where auth.api_tokens.revoked_at is not null
     returning id`,
    [
      token.name,
      token.hash,
      token.role,
      token.client ?? null,
      token.scopes,
      token.expiresAt ?? null,
      token.createdBy,
      token.userId ?? null,
      token.requestsPerMinute ?? REQUESTS_PER_MINUTE,
    ],
  )
  return rows.length > 0
}

/** A token that is in force. */
export interface TokenRow extends Grant {
  id: number
  name: string
  scopes: ApiScope[]
  requestsPerMinute: number
}

/**
 * The token with this hash, if it is in force at `now`; somebody's own only while they have the role themselves. Notes that
 * it was used, at most once a minute.
 */
export async function useToken(sql: Sql, hash: Uint8Array, now: number): Promise<TokenRow | undefined> {
  const rows = await sql.query<TokenRow>(
    `with used as (
       update auth.api_tokens set last_used_at = to_timestamp($2::float8 / 1000)
       where hash = $1 and revoked_at is null
         and (expires_at is null or expires_at > to_timestamp($2::float8 / 1000))
         and (last_used_at is null or last_used_at < to_timestamp($2::float8 / 1000) - interval '1 minute')
     )
     select t.id, t.name, t.role, t.client_id as "clientId", c.slug as client, t.scopes,
       t.requests_per_minute as "requestsPerMinute"
     from auth.api_tokens t left join clients c on c.id = t.client_id
     where t.hash = $1 and t.revoked_at is null
       and (t.expires_at is null or t.expires_at > to_timestamp($2::float8 / 1000))
       and (t.user_id is null or exists (
         select from auth.grants g join auth.users u on u.id = g.user_id
         where g.user_id = t.user_id and u.disabled_at is null
           and g.role = t.role and g.client_id is not distinct from t.client_id))`,
    [hash, now],
  )
  return rows[0]
}

/** Tokens that may subscribe and are in force at `now`: their names, and their clients; without one, all clients. */
export async function listSubscribers(sql: Sql, now: number): Promise<{ name: string; client?: string }[]> {
  const rows = await sql.query<{ name: string; client: string | null }>(
    `select t.name, c.slug as client from auth.api_tokens t left join clients c on c.id = t.client_id
     where 'subscribe' = any(t.scopes) and t.user_id is null and t.revoked_at is null
       and (t.expires_at is null or t.expires_at > to_timestamp($1::float8 / 1000))
     order by t.name`,
    [now],
  )
  return rows.map(({ name, client }) => (client === null ? { name } : { name, client }))
}

/** Ends a token of the installation. False when none of this name was in force. */
export async function revokeToken(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql.query(
    `update auth.api_tokens set revoked_at = now() where name = $1 and user_id is null and revoked_at is null
     returning id`,
    [name],
  )
  return rows.length > 0
}

/** How often a sign-in may fail for a key in one window. */
export interface SignInLimit {
  key: string
  failuresMax: number
}

/**
 * Counts a sign-in as failed before it is tried, for every key or, where one has reached its limit, for none: however
 * many are tried at once, no more are let through. Returns 0, or how long none is let through.
 */
export async function beginSignIn(
  db: Database,
  limits: readonly SignInLimit[],
  { now, windowMs }: { now: number; windowMs: number },
): Promise<number> {
  await deleteClosedWindows(db, now - windowMs)
  const keys = limits.map(({ key }) => key)
  return db.transaction(async tx => {
    const windows = await lockWindows(tx, keys, { now, windowMs })
    const waits = limits.map(({ key, failuresMax }) => {
      const found = windows.find(window => window.key === key)
      if (found === undefined || found.failures < failuresMax) return 0
      return found.windowBeganAt + windowMs - now
    })
    const retryAfterMs = Math.max(...waits)
    if (retryAfterMs > 0) return retryAfterMs
    await tx.query(`update auth.sign_in_failures set failures = failures + 1 where key = any($1)`, [keys])
    return 0
  })
}

/** Somebody signed in: forgets the failures of the user, and takes back what beginSignIn() counted for the address. */
export async function endSignIn(
  sql: Sql,
  { userKey, addressKey }: { userKey: string; addressKey: string },
): Promise<void> {
  await sql.query(
    `update auth.sign_in_failures set failures = failures - 1 where key = $1 and failures > 0`,
    [addressKey],
  )
  await sql.query(`delete from auth.sign_in_failures where key = $1`, [userKey])
}

async function deleteClosedWindows(sql: Sql, openedBefore: number): Promise<void> {
  await sql.query(
    `delete from auth.sign_in_failures where key in (
       select key from auth.sign_in_failures where window_began_at <= to_timestamp($1::float8 / 1000)
       limit 1000 for update skip locked
     )`,
    [openedBefore],
  )
}

/** The windows of keys, opened where none is open, and locked in the order of the keys so that nobody waits in a circle. */
function lockWindows(
  tx: Sql,
  keys: readonly string[],
  { now, windowMs }: { now: number; windowMs: number },
): Promise<{ key: string; failures: number; windowBeganAt: number }[]> {
  return tx.query(
    `insert into auth.sign_in_failures as f (key, failures, window_began_at)
     select key, 0, to_timestamp($2::float8 / 1000) from unnest($1::text[]) as t(key) order by key
     on conflict (key) do update set
       failures = case when f.window_began_at > to_timestamp($3::float8 / 1000) then f.failures else 0 end,
       window_began_at = case when f.window_began_at > to_timestamp($3::float8 / 1000) then f.window_began_at
         else excluded.window_began_at end
     returning key, failures, window_began_at as "windowBeganAt"`,
    [keys, now, now - windowMs],
  )
}
