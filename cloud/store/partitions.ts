// Which collector has which partition: leases, by the database's clock.

import type { Database, Sql } from './database.ts'

/** What a replica has. */
export interface Share {
  /** Partitions that are this replica's until the lease ends. */
  held: number[]
  /** More than its part of them: to be given up, one by one. */
  surplus: number
}

/**
 * Says that a replica is there, renews its leases and takes what is free, up to its part. Leases of a replica that does not
 * come back end after `leaseMs`.
 */
export async function renewPartitions(
  db: Database,
  replica: string,
  { partitions, leaseMs }: { partitions: number; leaseMs: number },
): Promise<Share> {
  return db.transaction(async tx => {
    const share = Math.ceil(partitions / (await countReplicas(tx, replica, leaseMs)))
    await tx.query(
      `insert into collector_partitions (partition) select generate_series(0, $1::int - 1) on conflict do nothing`,
      [partitions],
    )
    const renewed = await tx.query<{ partition: number }>(
      `update collector_partitions set held_until = now() + $2 * interval '1 ms' where holder = $1 returning partition`,
      [replica, leaseMs],
    )
    const taken = await tx.query<{ partition: number }>(
      `update collector_partitions set holder = $1, held_until = now() + $2 * interval '1 ms'
       where partition in (select partition from collector_partitions
                           where held_until < now() and partition < $3
                           order by partition limit $4 for update skip locked)
       returning partition`,
      [replica, leaseMs, partitions, Math.max(0, share - renewed.length)],
    )
    const held = [...renewed, ...taken].map(({ partition }) => partition).sort((a, b) => a - b)
    return { held, surplus: Math.max(0, held.length - share) }
  })
}

async function countReplicas(tx: Sql, replica: string, leaseMs: number): Promise<number> {
  await tx.query(
    `insert into collectors (id, seen_at) values ($1, now()) on conflict (id) do update set seen_at = excluded.seen_at`,
    [replica],
  )
  const [row] = await tx.query<{ count: number }>(
    `with gone as (delete from collectors where id in
       (select id from collectors where seen_at < now() - $2 * interval '1 ms' and id <> $1 for update skip locked))
     select count(*)::int as count from collectors where id = $1 or seen_at >= now() - $2 * interval '1 ms'`,
    [replica, leaseMs],
  )
  return row?.count ?? 1
}

/** Gives partitions up. Another's are left alone. */
export async function releasePartitions(
  db: Sql,
  replica: string,
  partitions: readonly number[],
): Promise<void> {
  await db.query(
    `update collector_partitions set holder = null, held_until = '-infinity' where holder = $1 and partition = any($2)`,
    [replica, partitions],
  )
}

/** A replica goes, with all that it has. */
export async function forgetReplica(db: Database, replica: string): Promise<void> {
  await db.transaction(async tx => {
    await tx.query(
      `update collector_partitions set holder = null, held_until = '-infinity' where holder = $1`,
      [replica],
    )
    await tx.query('delete from collectors where id = $1', [replica])
  })
}
