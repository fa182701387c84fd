// Beats of workers, and canaries.

import type { Sql } from './database.ts'

/** Notes that a worker has done a round. */
export async function beatWorker(sql: Sql, name: string, now: number): Promise<void> {
  await sql.query(
    `insert into workers (name, expected_at, beat_at)
     values ($1, to_timestamp($2::float8 / 1000), to_timestamp($2::float8 / 1000))
     on conflict (name) do update set beat_at = greatest(workers.beat_at, excluded.beat_at)`,
    [name, now],
  )
}

/** Declares workers: from now on each is expected, unless it was before. Those that are not declared any more are forgotten. */
export async function declareWorkers(tx: Sql, names: readonly string[], now: number): Promise<void> {
  await tx.query('delete from workers where name <> all($1::text[])', [names])
  await tx.query(
    `insert into workers (name, expected_at) select name, to_timestamp($2::float8 / 1000)
     from unnest($1::text[]) as t(name) order by 1 on conflict (name) do nothing`,
    [names, now],
  )
}

/** A worker that says nothing. */
export interface SilentWorker {
  name: string
  /** null: it never said anything. */
  beatAt: number | null
  expectedAt: number
}

/** Those that say nothing for longer than they may. */
export function selectSilentWorkers(
  sql: Sql,
  allowed: readonly (readonly [name: string, silentMs: number])[],
  now: number,
): Promise<SilentWorker[]> {
  return sql.query<SilentWorker>(
    `select w.name, w.beat_at as "beatAt", w.expected_at as "expectedAt"
     from unnest($1::text[], $2::float8[]) as t(name, silent_ms) join workers w on w.name = t.name
     where coalesce(w.beat_at, w.expected_at) + make_interval(secs => t.silent_ms / 1000) < to_timestamp($3::float8 / 1000)
     order by w.name`,
    [allowed.map(([name]) => name), allowed.map(([, silentMs]) => silentMs), now],
  )
}

/** Every worker that is expected, by name. */
export function selectWorkers(sql: Sql): Promise<SilentWorker[]> {
  return sql.query<SilentWorker>(
    'select name, beat_at as "beatAt", expected_at as "expectedAt" from workers order by name limit 1000',
    [],
  )
}

/** A canary. */
export interface CanaryRow {
  id: number
  begunAt: number
  arrivedAt: number | null
}

/** The newest canary that is expected to arrive, or did; in a transaction nobody else begins one. */
export async function lockNewestCanary(tx: Sql): Promise<CanaryRow | undefined> {
  await tx.query('lock table canaries in share row exclusive mode')
  return selectNewestCanary(tx)
}

/** The newest canary that is expected to arrive, or did. */
export async function selectNewestCanary(sql: Sql): Promise<CanaryRow | undefined> {
  const [row] = await sql.query<CanaryRow>(
    `select id, begun_at as "begunAt", arrived_at as "arrivedAt" from canaries where not retired order by id desc limit 1`,
    [],
  )
  return row
}

/** When one arrived last. */
export async function selectCanaryArrival(sql: Sql): Promise<number | null> {
  const [row] = await sql.query<{ at: number | null }>('select max(arrived_at) as at from canaries', [])
  return row?.at ?? null
}

/** Begins one. */
export async function insertCanary(tx: Sql, now: number): Promise<number> {
  const [made] = await tx.query<{ id: number }>(
    'insert into canaries (begun_at) values (to_timestamp($1::float8 / 1000)) returning id',
    [now],
  )
  if (made === undefined) throw new Error('A canary that was inserted came back without its id')
  return made.id
}

/** Notes that one has arrived, where its message was taken by then. Returns whether so. */
export async function noteCanaryArrival(tx: Sql, id: number): Promise<boolean> {
  const rows = await tx.query(
    `update canaries c set arrived_at = d.state_at from deliveries d join incidents i on i.id = d.incident_id
     where c.id = $1::bigint and c.arrived_at is null and i.kind = 'canary' and i.subject = 'canary ' || c.id
       and d.state = 'notified' returning c.id`,
    [id],
  )
  return rows.length > 0
}

/** Nobody is to expect any of those that were begun. */
export async function retireCanaries(sql: Sql): Promise<void> {
  await sql.query('update canaries set retired = true where not retired', [])
}
