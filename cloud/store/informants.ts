// What informants declare with, as it is sealed: for those who check it.

import type { Sql } from './database.ts'
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
