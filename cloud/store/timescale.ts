// What is TimescaleDB's alone: hypertables, columnstore, retention. Used where the extension is available; every
// other file of the store works the same with and without it.

import { type Database, DatabaseRefused, type Sql } from './database.ts'

/**
 * Settings that every connection asks for; a server without the extension ignores them. Late readings go into columns in
 * batches of ours, which are bounded: the extension's own bound (100,000 rows a transaction) would refuse them for ever.
 */
export const TIMESCALE_SETTINGS = '-c timescaledb.max_tuples_decompressed_per_dml_transaction=0'

/** Turning years of readings into chunks is long. */
const STATEMENT_TIMEOUT_MS = 6 * 3_600_000

/** A chunk holds a week. */
const CHUNK = '7 days'

/** Chunks older than this are turned into columns. */
const COLUMNSTORE_AFTER = '7 days'

/** The tables that become hypertables: keyed by (series_id, at), read by series and time. */
const HYPERTABLES = ['readings', 'derived'] as const

/**
 * Turns the two tables of values into hypertables with a columnstore, where the extension is available and may be
 * created. Safe to run again. Returns the extension's version, or `undefined` on plain PostgreSQL.
 */
export async function enableTimescale(db: Database): Promise<string | undefined> {
  const [available] = await db.query<{ version: string }>(
    `select default_version as version from pg_available_extensions where name = 'timescaledb'`,
  )
  if (available === undefined) return undefined
  if (!(await createExtension(db))) return undefined
  await db.transaction(
    async tx => {
      await tx.query('select pg_advisory_xact_lock(7201416)')
      for (const table of HYPERTABLES) await toHypertable(tx, table)
      await tx.query(DROP_RETAINED_CHUNKS)
    },
    { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
  )
  return timescaleVersion(db)
}

/** The version of the extension in this database; `undefined` when it is not there. */
export async function timescaleVersion(db: Sql): Promise<string | undefined> {
  const [row] = await db.query<{ version: string }>(
    `select extversion as version from pg_extension where extname = 'timescaledb'`,
  )
  return row?.version
}

/**
 * Chunks belong to who migrated; services work as a role that owns nothing (service-role.ts). This does for them what
 * `retained_from` allows and no more.
 */
const DROP_RETAINED_CHUNKS = `
  create or replace function drop_retained_chunks() returns int
  language plpgsql security definer set search_path from current as $$
  declare
    chunk record;
    dropped int := 0;
  begin
    if not pg_try_advisory_xact_lock(7201429) then return 0; end if;
    for chunk in
      select range_start, range_end from timescaledb_information.chunks
      where hypertable_name = 'readings' and range_end <= (select max(at) from retained_from) order by range_start
    loop
      continue when exists (
        select from series s left join retained_from f on f.point_id = s.point_id
        where coalesce(f.at, '-infinity') < chunk.range_end
          and exists (select from readings r where r.series_id = s.id and r.at >= chunk.range_start and r.at < chunk.range_end));
      continue when exists (
        select from batches b
        where b.processed_at is null and b.oldest_at < chunk.range_end and b.newest_at >= chunk.range_start);
      perform drop_chunks('readings', older_than => chunk.range_end, newer_than => chunk.range_start);
      dropped := dropped + 1;
    end loop;
    return dropped;
  end
  $$`

/** Drops the chunks of raw readings of which everything may go (retention.ts). Returns how many; none on plain PostgreSQL. */
export async function dropRetainedChunks(db: Sql): Promise<number> {
  if ((await timescaleVersion(db)) === undefined) return 0
  const [row] = await db.query<{ dropped: number }>('select drop_retained_chunks() as dropped', [])
  return row?.dropped ?? 0
}

/** Turns every chunk that is wholly older than `days` into columns now, instead of when the background job comes. */
export async function compressOlderThan(db: Sql, days: number): Promise<number> {
  const chunks = await db.query<{ chunk: string }>(
    `select chunk::text
     from unnest(array['readings', 'derived']) as t(name),
          lateral show_chunks(name::regclass, older_than => make_interval(days => $1::int)) as chunk`,
    [days],
  )
  const compress = (await speaksOfColumns(db))
    ? (chunk: string) => `call convert_to_columnstore('${chunk}', if_not_columnstore => true)`
    : (chunk: string) => `select compress_chunk('${chunk}', if_not_compressed => true)`
  for (const { chunk } of chunks) await db.query(compress(chunk))
  return chunks.length
}

/** False when the role may not create it: the database then serves as plain PostgreSQL. */
async function createExtension(db: Database): Promise<boolean> {
  try {
    await db.query('create extension if not exists timescaledb')
    return true
  } catch (error) {
    if (error instanceof DatabaseRefused && error.code === '42501') return false
    throw error
  }
}

async function toHypertable(tx: Sql, table: (typeof HYPERTABLES)[number]): Promise<void> {
  const [existing] = await tx.query(
    `select 1 as found from timescaledb_information.hypertables where hypertable_name = $1`,
    [table],
  )
  if (existing !== undefined) return
  await tx.query(
    `select create_hypertable('${table}', by_range('at', interval '${CHUNK}'),
                              create_default_indexes => false, migrate_data => true)`,
  )
  if (!(await hasColumns(tx))) return
  for (const statement of (await speaksOfColumns(tx)) ? columnstoreOf(table) : compressionOf(table)) {
    await tx.query(statement)
  }
}

/** The Apache edition, which some providers run, has chunks and no columns. */
async function hasColumns(db: Sql): Promise<boolean> {
  const [row] = await db.query<{ license: string | null }>(
    `select current_setting('timescaledb.license', true) as license`,
  )
  return row?.license !== 'apache'
}

/** From 2.18 on "compression" is called "columnstore"; the older names are to go. */
async function speaksOfColumns(db: Sql): Promise<boolean> {
  const rows = await db.query(`select 1 from pg_proc where proname = 'add_columnstore_policy'`)
  return rows.length > 0
}

const columnstoreOf = (table: string): string[] => [
  `alter table ${table} set (timescaledb.enable_columnstore, timescaledb.segmentby = 'series_id', timescaledb.orderby = 'at')`,
  `call add_columnstore_policy('${table}', after => interval '${COLUMNSTORE_AFTER}')`,
]

const compressionOf = (table: string): string[] => [
  `alter table ${table} set (timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'at')`,
  `select add_compression_policy('${table}', compress_after => interval '${COLUMNSTORE_AFTER}')`,
]
