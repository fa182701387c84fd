// What informants declare with, as it is sealed: for those who check it and who seal it anew.

import type { Database, Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** An informant's sealed password, and whether DGA has refused it. */
export interface SealedInformant {
  id: number
  client: string
  rut: string
  secretKeyId: string
  secret: Uint8Array
  /** What DGA said when it refused them; null while it does not. */
  refusedBecause: string | null
}

const COLUMNS = `i.id, c.slug as client, i.rut, i.secret_key_id as "secretKeyId", i.secret,
  case when i.status = 'blocked' then coalesce(i.reason, '') end as "refusedBecause"`

/** Every informant, at most `limit` after one. */
export function selectInformants(sql: Sql, afterId: number, limit: number): Promise<SealedInformant[]> {
  return sql.query(
    `select ${COLUMNS} from informants i join clients c on c.id = i.client_id
     where i.id > $1 order by i.id limit $2`,
    [afterId, limit],
  )
}

/** Who may declare, by name, of the clients that may be seen. */
export function selectInformantNames(
  sql: Sql,
  clientIds: ClientIds,
): Promise<{ client: string; rut: string; name: string }[]> {
  return sql.query(
    `select c.slug as client, i.rut, i.name from informants i join clients c on c.id = i.client_id
     where $1::int[] is null or c.id = any($1) order by c.slug, i.name, i.rut`,
    [clientIds],
  )
}

/**
 * Puts another envelope in the place of the one with this key, one informant after another. Returns how many; `rewrap` is
 * called with the row locked, and one that it throws for stays as it is.
 */
export async function rewrapInformants(
  db: Database,
  currentKeyId: string,
  rewrap: (informant: SealedInformant) => { keyId: string; bytes: Uint8Array } | undefined,
): Promise<{ rewrapped: number; left: number }> {
  const rows = await db.query<{ id: number }>(
    'select id from informants where secret_key_id <> $1 order by id',
    [currentKeyId],
  )
  let rewrapped = 0
  for (const { id } of rows) {
    await db.transaction(async tx => {
      const [informant] = await tx.query<SealedInformant>(
        `select ${COLUMNS} from informants i join clients c on c.id = i.client_id
         where i.id = $1 and i.secret_key_id <> $2 for update of i`,
        [id, currentKeyId],
      )
      const sealed = informant === undefined ? undefined : rewrap(informant)
      if (sealed === undefined) return
      await tx.query('update informants set secret_key_id = $2, secret = $3 where id = $1', [
        id,
        sealed.keyId,
        sealed.bytes,
      ])
      rewrapped += 1
    })
  }
  return { rewrapped, left: rows.length - rewrapped }
}
