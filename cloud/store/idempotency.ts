// What a POST with an `Idempotency-Key` did: kept in the transaction of what it did.

import type { Sql } from './database.ts'

/** A key, of whom. */
export interface KeyOf {
  /** The user or the token. */
  owner: string
  keyHash: Uint8Array
}

/** What was asked with a key, and the sealed answer. */
export interface KeptAnswer {
  requestHash: Uint8Array
  answer: Uint8Array
}

/** Keeps the key for this transaction; false while another one has it. */
export async function holdKey(tx: Sql, { owner, keyHash }: KeyOf): Promise<boolean> {
  const [row] = await tx.query<{ held: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended($1 || encode($2::bytea, 'hex'), 7201430)) as held`,
    [owner, keyHash],
  )
  return row?.held === true
}

/** What was answered to a key since `after`. */
export async function selectAnswer(
  sql: Sql,
  { owner, keyHash }: KeyOf,
  after: number,
): Promise<KeptAnswer | undefined> {
  const [row] = await sql.query<KeptAnswer>(
    `select request_hash as "requestHash", answer from idempotency_keys
     where owner = $1 and key_hash = $2 and at >= to_timestamp($3::float8 / 1000)`,
    [owner, keyHash, after],
  )
  return row
}

const SWEPT_MAX = 100

/** Keeps what was answered to a key, and forgets some that are older than `after`. */
export async function insertAnswer(
  tx: Sql,
  { owner, keyHash, requestHash, answer }: KeyOf & KeptAnswer,
  { now, after }: { now: number; after: number },
): Promise<void> {
  await tx.query(
    `delete from idempotency_keys where (owner, key_hash) in
       (select owner, key_hash from idempotency_keys where at < to_timestamp($1::float8 / 1000)
        order by at limit ${SWEPT_MAX} for update skip locked)`,
    [after],
  )
  await tx.query(
    `insert into idempotency_keys (owner, key_hash, request_hash, answer, at)
     values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))
     on conflict (owner, key_hash) do update
       set request_hash = excluded.request_hash, answer = excluded.answer, at = excluded.at`,
    [owner, keyHash, requestHash, answer, now],
  )
}
