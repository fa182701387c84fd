// Secrets at rest, wherever they are, put into another envelope: one table after another, one row after another, while services run.

import type { Database } from './database.ts'

/** Where sealed secrets stand: the columns of the key and of the bytes, and the column by which a secret is somebody's. */
const PLACES = [
  { table: 'informants', owner: 'rut', key: 'secret_key_id', bytes: 'secret' },
  { table: 'sma_holders', owner: 'user_name', key: 'secret_key_id', bytes: 'secret' },
  { table: 'alert_channels', owner: 'id', key: 'secret_key_id', bytes: 'secret' },
  { table: 'webhooks', owner: 'id', key: 'secret_key_id', bytes: 'secret' },
  { table: 'webhooks', owner: 'id', key: 'former_secret_key_id', bytes: 'former_secret' },
] as const

/** A table that holds secrets. */
export type SealedTable = (typeof PLACES)[number]['table']

/** A secret of a row, and whose it is: a RUT, a user name, or the row's number. */
export interface SealedRow {
  table: SealedTable
  owner: string
  keyId: string
  bytes: Uint8Array
}

/**
 * Puts another envelope in the place of each with another key than the current one. Returns how many, and how many are left;
 * `rewrap` is called with the row locked, and one that it gives nothing for stays as it is.
 */
export async function rewrapRows(
  db: Database,
  currentKeyId: string,
  rewrap: (row: SealedRow) => { keyId: string; bytes: Uint8Array } | undefined,
): Promise<{ rewrapped: number; left: number }> {
  let [found, rewrapped] = [0, 0]
  for (const { table, owner, key, bytes } of PLACES) {
    const stale = `${bytes} is not null and ${key} <> $1`
    const rows = await db.query<{ id: number }>(`select id from ${table} where ${stale} order by id`, [
      currentKeyId,
    ])
    found += rows.length
    for (const { id } of rows) {
      await db.transaction(async tx => {
        const [row] = await tx.query<Omit<SealedRow, 'table'>>(
          `select ${owner}::text as owner, ${key} as "keyId", ${bytes} as bytes from ${table}
           where ${stale} and id = $2::bigint for update`,
          [currentKeyId, id],
        )
        const sealed = row === undefined ? undefined : rewrap({ table, ...row })
        if (sealed === undefined) return
        await tx.query(`update ${table} set ${key} = $2, ${bytes} = $3 where id = $1::bigint`, [
          ...[id, sealed.keyId, sealed.bytes],
        ])
        rewrapped += 1
      })
    }
  }
  return { rewrapped, left: found - rewrapped }
}
