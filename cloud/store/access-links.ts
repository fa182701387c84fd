// Links that let somebody choose a password, challenges that must come back, codes that were used: each good once.

import type { Sql } from './database.ts'

/** What a link is for. */
export type LinkKind = 'invitation' | 'recovery'

/** Whose a link is. */
export interface LinkRow {
  userId: string
  email: string
  name: string
  expiresAt: number
}

/** Adds a link; earlier ones of the kind for the same user are of no use any more. */
export async function insertLink(
  sql: Sql,
  link: {
    hash: Uint8Array
    kind: LinkKind
    userId: string
    createdBy: string
    now: number
    expiresAt: number
  },
): Promise<void> {
  await sql.query(`delete from auth.links where user_id = $1 and kind = $2 and used_at is null`, [
    link.userId,
    link.kind,
  ])
  await sql.query(
    `insert into auth.links (hash, kind, user_id, created_by, created_at, expires_at)
     values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), to_timestamp($6::float8 / 1000))`,
    [link.hash, link.kind, link.userId, link.createdBy, link.now, link.expiresAt],
  )
}

/** Whose a link is that can still be used. */
export async function selectLink(
  sql: Sql,
  { hash, kind, now }: { hash: Uint8Array; kind: LinkKind; now: number },
): Promise<LinkRow | undefined> {
  const [row] = await sql.query<LinkRow>(
    `select l.user_id as "userId", u.email, u.name, l.expires_at as "expiresAt"
     from auth.links l join auth.users u on u.id = l.user_id
     where l.hash = $1 and l.kind = $2 and l.used_at is null and l.expires_at > to_timestamp($3::float8 / 1000)
       and u.disabled_at is null`,
    [hash, kind, now],
  )
  return row
}

/** Uses a link up. False when somebody was faster, or it is over. All others of the user are of no use any more. */
export async function useLink(
  tx: Sql,
  { hash, kind, now }: { hash: Uint8Array; kind: LinkKind; now: number },
): Promise<boolean> {
  const [used] = await tx.query<{ userId: string }>(
    `update auth.links set used_at = to_timestamp($3::float8 / 1000)
     where hash = $1 and kind = $2 and used_at is null and expires_at > to_timestamp($3::float8 / 1000)
     returning user_id as "userId"`,
    [hash, kind, now],
  )
  if (used === undefined) return false
  await tx.query(`delete from auth.links where user_id = $1 and used_at is null`, [used.userId])
  return true
}

/** Keeps what must come back. */
export async function insertChallenge(
  sql: Sql,
  challenge: { hash: Uint8Array; kind: string; value: object; now: number; expiresAt: number },
): Promise<void> {
  const { hash, kind, value, now, expiresAt } = challenge
  await sql.query(
    `delete from auth.challenges where hash in (
       select hash from auth.challenges where expires_at < to_timestamp($1::float8 / 1000) limit 1000
       for update skip locked)`,
    [now],
  )
  await sql.query(
    `insert into auth.challenges (hash, kind, value, expires_at)
     values ($1, $2, $3::jsonb, to_timestamp($4::float8 / 1000))`,
    [hash, kind, JSON.stringify(value), expiresAt],
  )
}

/** Takes a challenge that has come back, so that it does so once; `undefined` when there is none any more. */
export async function takeChallenge(
  sql: Sql,
  { hash, kind, now }: { hash: Uint8Array; kind: string; now: number },
): Promise<unknown> {
  const [row] = await sql.query<{ value: unknown; expiresAt: number }>(
    `delete from auth.challenges where hash = $1 and kind = $2 returning value, expires_at as "expiresAt"`,
    [hash, kind],
  )
  return row === undefined || row.expiresAt <= now ? undefined : row.value
}

/** Takes note of a code that somebody has signed in with. False when they had done so before. */
export async function useCode(
  sql: Sql,
  { userId, code, now, keepMs }: { userId: string; code: string; now: number; keepMs: number },
): Promise<boolean> {
  await sql.query(`delete from auth.used_codes where used_at < to_timestamp($1::float8 / 1000)`, [
    now - keepMs,
  ])
  const rows = await sql.query(
    `insert into auth.used_codes (user_id, code, used_at) values ($1, $2, to_timestamp($3::float8 / 1000))
     on conflict do nothing returning code`,
    [userId, code, now],
  )
  return rows.length > 0
}
