// Keys that a person's machine holds, and the accounts that an issuer vouches for.

import type { Sql } from './database.ts'

/** A passkey. */
export interface PasskeyRow {
  id: string
  userId: string
  name: string
  publicKey: Uint8Array
  counter: number
  transports: string[]
  createdAt: number
  lastUsedAt: number | null
}

const PASSKEY = `select id, user_id as "userId", name, public_key as "publicKey", counter, transports,
  created_at as "createdAt", last_used_at as "lastUsedAt" from auth.passkeys`

/** How many one may have. */
export const PASSKEYS_MAX = 20

/** The passkeys of a user, the oldest first. */
export function selectPasskeys(sql: Sql, userId: string): Promise<PasskeyRow[]> {
  return sql.query<PasskeyRow>(
    `${PASSKEY} where user_id = $1 order by created_at, id limit ${PASSKEYS_MAX}`,
    [userId],
  )
}

/** The passkey of a credential. */
export async function selectPasskey(sql: Sql, id: string): Promise<PasskeyRow | undefined> {
  const [row] = await sql.query<PasskeyRow>(`${PASSKEY} where id = $1`, [id])
  return row
}

/** Adds a passkey. False when the credential is known, or the user has as many as one may. */
export async function insertPasskey(sql: Sql, key: Omit<PasskeyRow, 'lastUsedAt'>): Promise<boolean> {
  const rows = await sql.query(
    `insert into auth.passkeys (id, user_id, name, public_key, counter, transports, created_at)
     select $1, $2, $3, $4, $5, $6::text[], to_timestamp($7::float8 / 1000)
     where (select count(*) from auth.passkeys where user_id = $2) < ${PASSKEYS_MAX}
     on conflict (id) do nothing returning id`,
    [key.id, key.userId, key.name, key.publicKey, key.counter, key.transports, key.createdAt],
  )
  return rows.length > 0
}

/** Notes that a passkey was used, and how far its counter is. */
export async function usePasskey(
  sql: Sql,
  { id, counter, now }: { id: string; counter: number; now: number },
): Promise<void> {
  await sql.query(
    `update auth.passkeys set counter = $2, last_used_at = to_timestamp($3::float8 / 1000) where id = $1`,
    [id, counter, now],
  )
}

/** Removes a passkey of a user. False when it is not theirs. */
export async function deletePasskey(
  sql: Sql,
  { id, userId }: { id: string; userId: string },
): Promise<boolean> {
  const rows = await sql.query(`delete from auth.passkeys where id = $1 and user_id = $2 returning id`, [
    id,
    userId,
  ])
  return rows.length > 0
}

/** The user whom an issuer has vouched for before by this subject. */
export async function selectVouched(
  sql: Sql,
  { provider, subject }: { provider: string; subject: string },
): Promise<string | undefined> {
  const [row] = await sql.query<{ userId: string }>(
    `select user_id as "userId" from auth.accounts where provider_id = $1 and account_id = $2`,
    [provider, subject],
  )
  return row?.userId
}

/**
 * Ties the user of an address to the subject by which an issuer names them, once: who is tied to another subject of this
 * issuer stays so. Returns whose it is.
 */
export async function insertVouched(
  sql: Sql,
  { id, provider, subject, email }: { id: string; provider: string; subject: string; email: string },
): Promise<string | undefined> {
  const [row] = await sql.query<{ userId: string }>(
    `insert into auth.accounts (id, user_id, account_id, provider_id)
     select $1, u.id, $3, $2 from auth.users u
     where u.email = $4 and u.disabled_at is null
       and not exists (select from auth.accounts a where a.user_id = u.id and a.provider_id = $2)
     on conflict (provider_id, account_id) do nothing returning user_id as "userId"`,
    [id, provider, subject, email],
  )
  return row?.userId
}
