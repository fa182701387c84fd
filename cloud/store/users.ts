// The users as who administers them sees them, and what is changed of them.

import type { Grant, Role } from './accounts.ts'
import type { Sql } from './database.ts'

/** What has become of a user: invited and not yet come, in, or out. */
export const USER_STATES = ['invited', 'active', 'disabled'] as const

/** What has become of a user. */
export type UserState = (typeof USER_STATES)[number]

/** A user as who administers them sees them. */
export interface UserRow {
  id: string
  /** Where a list goes on. */
  number: number
  email: string
  name: string
  state: UserState
  hasPassword: boolean
  hasSecondFactor: boolean
  passkeys: number
  sessions: number
  lastSeenAt: number | null
  createdAt: number
  grants: Pick<Grant, 'role' | 'client'>[]
}

const USER = `select u.id, u.number, u.email, u.name, u.created_at as "createdAt", u.two_factor_enabled as "hasSecondFactor",
  case when u.disabled_at is not null then 'disabled'
    when exists (select from auth.accounts a where a.user_id = u.id) then 'active' else 'invited' end as state,
  exists (select from auth.accounts a where a.user_id = u.id and a.provider_id = 'credential') as "hasPassword",
  (select count(*)::int from auth.passkeys p where p.user_id = u.id) as passkeys,
  (select count(*)::int from auth.sessions s where s.user_id = u.id and s.expires_at > now()) as sessions,
  (select max(s.updated_at) from auth.sessions s where s.user_id = u.id) as "lastSeenAt",
  (select coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'client', c.slug) order by g.id), '[]')
   from auth.grants g left join clients c on c.id = g.client_id where g.user_id = u.id) as grants
from auth.users u`

/** Users in the order in which they came, after one of them. */
export function selectUsers(
  sql: Sql,
  { after, limit }: { after: number; limit: number },
): Promise<UserRow[]> {
  return sql.query<UserRow>(`${USER} where u.number > $1::bigint order by u.number limit $2`, [after, limit])
}

/** One user; `undefined` when there is none. */
export async function selectUser(sql: Sql, id: string): Promise<UserRow | undefined> {
  const [row] = await sql.query<UserRow>(`${USER} where u.id = $1`, [id])
  return row
}

/** The user of an address in lower case. */
export async function selectUserByEmail(sql: Sql, email: string): Promise<UserRow | undefined> {
  const [row] = await sql.query<UserRow>(`${USER} where u.email = $1`, [email])
  return row
}

/** Adds a user who has nothing to sign in with yet. False when a user with this address exists. */
export async function insertInvited(
  sql: Sql,
  { id, email, name }: { id: string; email: string; name: string },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into auth.users (id, name, email, email_verified) values ($1, $2, $3, true)
     on conflict (email) do nothing returning id`,
    [id, name, email],
  )
  return rows.length > 0
}

/** Lets a user be exactly this. The clients must exist. */
export async function replaceGrants(
  sql: Sql,
  userId: string,
  grants: readonly { role: Role; client: string | null }[],
): Promise<void> {
  const params = [userId, grants.map(({ role }) => role), grants.map(({ client }) => client)] as const
  await sql.query(
    `delete from auth.grants g where g.user_id = $1 and not exists (
       select from unnest($2::text[], $3::text[]) as t(role, client) left join clients c on c.slug = t.client
       where t.role = g.role and c.id is not distinct from g.client_id)`,
    params,
  )
  await sql.query(
    `insert into auth.grants (user_id, role, client_id)
     select $1, t.role, c.id from unnest($2::text[], $3::text[]) as t(role, client) left join clients c on c.slug = t.client
     on conflict (user_id, role, client_id) do nothing`,
    params,
  )
}

/** Gives a user another name. */
export async function renameUser(sql: Sql, userId: string, name: string): Promise<void> {
  await sql.query(`update auth.users set name = $2, updated_at = now() where id = $1`, [userId, name])
}

/** Lets a user in, or keeps them out: then their sessions end too. */
export async function setDisabled(sql: Sql, userId: string, disabledAt: number | null): Promise<void> {
  await sql.query(
    `update auth.users set disabled_at = to_timestamp($2::float8 / 1000), updated_at = now() where id = $1`,
    [userId, disabledAt],
  )
  if (disabledAt !== null) await endSessions(sql, userId)
}

/** Ends every session of a user. Returns how many there were. */
export async function endSessions(sql: Sql, userId: string): Promise<number> {
  const ended = await sql.query(`delete from auth.sessions where user_id = $1 returning id`, [userId])
  return ended.length
}

/** Ends one session. */
export async function endSession(sql: Sql, token: string): Promise<void> {
  await sql.query(`delete from auth.sessions where token = $1`, [token])
}

/** Takes away what a user has besides a password: codes, recovery codes, passkeys. */
export async function removeSecondFactors(sql: Sql, userId: string): Promise<void> {
  await sql.query(`delete from auth.two_factors where user_id = $1`, [userId])
  await sql.query(`delete from auth.passkeys where user_id = $1`, [userId])
  await sql.query(`update auth.users set two_factor_enabled = false where id = $1`, [userId])
}

/** Gives a user a password, their first or another, and ends their sessions. */
export async function setPassword(sql: Sql, userId: string, passwordHash: string): Promise<void> {
  await sql.query(
    `insert into auth.accounts (id, user_id, account_id, provider_id, password) values ($1, $1, $1, 'credential', $2)
     on conflict (provider_id, account_id) do update set password = excluded.password, updated_at = now()`,
    [userId, passwordHash],
  )
  await endSessions(sql, userId)
}

/** How many can administer besides a user. Holds others off until the transaction ends. */
export async function countOtherAdministrators(tx: Sql, userId: string): Promise<number> {
  await tx.query(`lock table auth.grants in share row exclusive mode`)
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::int as count from auth.grants g join auth.users u on u.id = g.user_id
     where g.role = 'administrator' and u.disabled_at is null and u.id <> $1
       and exists (select from auth.accounts a where a.user_id = u.id)`,
    [userId],
  )
  return row?.count ?? 0
}
