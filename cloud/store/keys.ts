// Keys of programs as who keeps them sees them: never the key, only what it may and when it was last used.

import type { ApiScope, Role } from './accounts.ts'
import type { Sql } from './database.ts'

/** A key as who keeps it sees it. */
export interface KeyRow {
  id: number
  name: string
  role: Role
  client: string | null
  scopes: ApiScope[]
  requestsPerMinute: number
  /** The address of whose own it is; null: the installation's. */
  owner: string | null
  createdBy: string
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
  lastUsedAt: number | null
}

const KEY = `select t.id, t.name, t.role, c.slug as client, t.scopes, t.requests_per_minute as "requestsPerMinute",
  u.email as owner, t.created_by as "createdBy", t.created_at as "createdAt", t.expires_at as "expiresAt",
  t.revoked_at as "revokedAt", t.last_used_at as "lastUsedAt"
from auth.api_tokens t left join clients c on c.id = t.client_id left join auth.users u on u.id = t.user_id`

/** Keys, the newest first; `userId`: only their own. */
export function selectKeys(
  sql: Sql,
  { userId, beforeId, limit }: { userId: string | null; beforeId: number; limit: number },
): Promise<KeyRow[]> {
  return sql.query<KeyRow>(
    `${KEY} where t.id < $2::bigint and ($1::text is null or t.user_id = $1) order by t.id desc limit $3`,
    [userId, beforeId, limit],
  )
}

/** A key by its number; `userId`: only if it is theirs. */
export async function selectKey(
  sql: Sql,
  { id, userId }: { id: number; userId: string | null },
): Promise<KeyRow | undefined> {
  const [row] = await sql.query<KeyRow>(
    `${KEY} where t.id = $1::bigint and ($2::text is null or t.user_id = $2)`,
    [id, userId],
  )
  return row
}

/** The key of a name, of somebody or of the installation. */
export async function selectKeyNamed(
  sql: Sql,
  { name, userId }: { name: string; userId: string | null },
): Promise<KeyRow | undefined> {
  const [row] = await sql.query<KeyRow>(
    `${KEY} where t.name = $1 and t.user_id is not distinct from $2::text`,
    [name, userId],
  )
  return row
}

/** Ends a key. False when it had ended. */
export async function revokeKey(sql: Sql, { id, now }: { id: number; now: number }): Promise<boolean> {
  const rows = await sql.query(
    `update auth.api_tokens set revoked_at = to_timestamp($2::float8 / 1000)
     where id = $1::bigint and revoked_at is null returning id`,
    [id, now],
  )
  return rows.length > 0
}
