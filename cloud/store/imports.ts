// Imports of history: their rows, their batches, and how they are taken out again.

import type { FileFormat, FormatSettings } from '../imports/format.ts'
import type { FileMistake } from '../imports/mistakes.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'
import type { ClientIds } from './queries.ts'

/** Where an import is. */
export type ImportState =
  | 'uploaded'
  | 'refused'
  | 'previewed'
  | 'confirmed'
  | 'done'
  | 'undoing'
  | 'undone'
  | 'discarded'

/** An import as it is told. */
export interface ImportRow {
  id: number
  pointId: number
  client: string
  project: string
  point: string
  projectId: number
  name: string
  size: number
  askedBy: string
  askedAt: number
  settings: FormatSettings
  format: FileFormat | null
  preview: unknown
  mistakes: FileMistake[]
  mistakesCount: number
  state: ImportState
  stateAt: number
  reason: string | null
  confirmedBy: string | null
  undoneBy: string | null
  readingsTotal: number | null
  readingsDone: number
  /** Batches that are stored and not processed yet. */
  batchesWaiting: number
  result: unknown
}

const IMPORT = `select i.id, i.point_id as "pointId", c.slug as client, pr.slug as project, p.slug as point,
    pr.id as "projectId", i.name, i.size, i.asked_by as "askedBy", i.asked_at as "askedAt", i.settings, i.format,
    i.preview, i.mistakes, i.mistakes_count as "mistakesCount", i.state, i.state_at as "stateAt", i.reason,
    i.confirmed_by as "confirmedBy", i.undone_by as "undoneBy", i.readings_total as "readingsTotal",
    i.readings_done as "readingsDone", i.result,
    (select count(*)::int from batches b join gateways g on g.id = b.gateway_id
     where g.kind = 'import' and g.project_id = pr.id and b.epoch = i.id and b.processed_at is null) as "batchesWaiting"
  from imports i join points p on p.id = i.point_id join projects pr on pr.id = p.project_id
  join clients c on c.id = pr.client_id`

/** Imports that may be seen, newest first, before a given id. */
export function selectImports(
  sql: Sql,
  clientIds: ClientIds,
  { pointId, beforeId, limit }: { pointId?: number | undefined; beforeId: number; limit: number },
): Promise<ImportRow[]> {
  return sql.query<ImportRow>(
    `${IMPORT} where i.id < $2::bigint and ($1::int[] is null or c.id = any($1)) and ($3::int is null or i.point_id = $3)
     order by i.id desc limit $4`,
    [clientIds, beforeId, pointId ?? null, limit],
  )
}

/** The import of this number, if it may be seen. */
export async function selectImport(
  sql: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<ImportRow | undefined> {
  const [row] = await sql.query<ImportRow>(
    `${IMPORT} where i.id = $2::bigint and ($1::int[] is null or c.id = any($1))`,
    [clientIds, id],
  )
  return row
}

/** What is uploaded. */
export interface Upload {
  pointId: number
  name: string
  digest: Uint8Array
  compressed: Uint8Array
  size: number
  settings: FormatSettings
  askedBy: string
  now: number
}

/** Imports of one point that wait for somebody, or are being worked on. */
const OPEN_MAX = 20

/**
 * Keeps a file. Returns its import and whether that was there: the same file for the same point is one. Undefined when
 * too many of the point wait already.
 */
export async function insertImport(
  tx: Sql,
  { pointId, name, digest, compressed, size, settings, askedBy, now }: Upload,
): Promise<{ id: number; isNew: boolean } | undefined> {
  await tx.query('select pg_advisory_xact_lock(7201424, $1)', [pointId])
  const [same] = await tx.query<{ id: number }>(
    `select id from imports where point_id = $1 and digest = $2
       and state in ('uploaded', 'previewed', 'confirmed', 'done', 'undoing')`,
    [pointId, digest],
  )
  if (same !== undefined) return { id: same.id, isNew: false }
  const [open] = await tx.query<{ count: number }>(
    `select count(*)::int as count from imports
     where point_id = $1 and state in ('uploaded', 'previewed', 'confirmed', 'undoing')`,
    [pointId],
  )
  if ((open?.count ?? 0) >= OPEN_MAX) return undefined
  const [row] = await tx.query<{ id: number }>(
    `insert into imports (point_id, name, digest, bytes, size, settings, asked_by, asked_at, state, state_at)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7, to_timestamp($8::float8 / 1000), 'uploaded', to_timestamp($8::float8 / 1000))
     returning id`,
    [pointId, name, digest, compressed, size, JSON.stringify(settings), askedBy, now],
  )
  return { id: row?.id ?? 0, isNew: true }
}

/** Moves an import on from one of some states. False when it is in none of them. */
export async function moveImport(
  sql: Sql,
  id: number,
  {
    from,
    to,
    now,
    reason = null,
    ...said
  }: {
    from: readonly ImportState[]
    to: ImportState
    now: number
    reason?: string | null
    settings?: FormatSettings
    confirmedBy?: string
    undoneBy?: string
    result?: object
  },
): Promise<boolean> {
  const rows = await sql.query(
    `update imports set state = $3, state_at = to_timestamp($4::float8 / 1000), reason = $5,
       -- Whoever stores it now notices by itself, and lets go.
       lease_until = case when $3 = 'undoing' then lease_until end,
       settings = coalesce($6::jsonb, settings), confirmed_by = coalesce($7, confirmed_by),
       undone_by = coalesce($8, undone_by), result = coalesce($9::jsonb, result),
       bytes = case when $3 in ('done', 'discarded', 'undone') then null else bytes end
     where id = $1::bigint and state = any($2) returning 1 as one`,
    [
      ...[id, from, to, now, reason],
      said.settings === undefined ? null : JSON.stringify(said.settings),
      said.confirmedBy ?? null,
      said.undoneBy ?? null,
      said.result === undefined ? null : JSON.stringify(said.result),
    ],
  )
  return rows.length > 0
}

/** Writes what was read of a file: its preview, or its mistakes. */
export async function saveReading(
  sql: Sql,
  id: number,
  {
    state,
    format,
    preview,
    mistakes,
    mistakesCount,
    readingsTotal,
    now,
  }: {
    state: 'previewed' | 'refused'
    format: FileFormat | undefined
    preview: object
    mistakes: readonly FileMistake[]
    mistakesCount: number
    readingsTotal: number
    now: number
  },
): Promise<void> {
  await sql.query(
    `update imports set state = $2, state_at = to_timestamp($3::float8 / 1000), format = $4::jsonb, preview = $5::jsonb,
       mistakes = $6::jsonb, mistakes_count = $7, readings_total = $8, lease_until = null
     where id = $1::bigint and state = 'uploaded'`,
    [
      ...[id, state, now, format === undefined ? null : JSON.stringify(format), JSON.stringify(preview)],
      ...[JSON.stringify(mistakes), mistakesCount, readingsTotal],
    ],
  )
}

/** An import to be worked on. */
export interface ClaimedImport {
  id: number
  bytes: Uint8Array | null
}

const LEASE_S = 60

/** Takes an import that there is something to do for; nobody else gets it until its lease is over. */
export async function claimImport(sql: Sql, id?: number): Promise<ClaimedImport | undefined> {
  const [row] = await sql.query<ClaimedImport>(
    `update imports set lease_until = now() + make_interval(secs => ${LEASE_S}) where id = (
       select id from imports where state in ('uploaded', 'confirmed', 'undoing')
         and (lease_until is null or lease_until < now()) and ($1::bigint is null or id = $1)
       order by id limit 1 for update skip locked)
     returning id, bytes`,
    [id ?? null],
  )
  return row
}

/** Notes how far an import is, and goes on with it; false when it is not to go on. */
export async function saveProgress(sql: Sql, id: number, readingsDone: number): Promise<boolean> {
  const rows = await sql.query(
    `update imports set readings_done = $2, lease_until = now() + make_interval(secs => ${LEASE_S})
     where id = $1::bigint and state = 'confirmed' returning 1 as one`,
    [id, readingsDone],
  )
  return rows.length > 0
}

/** Lets an import wait so long, for others to do their part. */
export async function restImport(sql: Sql, id: number, ms: number): Promise<void> {
  await sql.query(
    `update imports set lease_until = now() + make_interval(secs => $2::float8 / 1000) where id = $1::bigint`,
    [id, ms],
  )
}

/** The gateway that stands for the imports of a project, made where it is not there. */
export async function ensureImportGateway(sql: Sql, projectId: number): Promise<number> {
  await sql.query(
    `insert into gateways (project_id, slug, kind) values ($1::int, '~import-' || $1::int, 'import') on conflict do nothing`,
    [projectId],
  )
  const [row] = await sql.query<{ id: number }>(
    `select id from gateways where project_id = $1 and kind = 'import'`,
    [projectId],
  )
  if (row === undefined) throw new Error(`No gateway for imports of project ${projectId}`)
  return row.id
}

/** How many readings of one variable are stored already, the same and different, with the first that differ. */
export interface Overlap {
  same: number
  different: number
  first: { at: number; stored: number | null; file: number | null }[]
}

const COMPARED_AT_ONCE = 10_000
const NAMED_MAX = 20

/** Compares readings of a variable with what is stored of them. */
export async function compareWithStored(
  sql: Sql,
  { pointId, variable }: { pointId: number; variable: number },
  readings: readonly { at: number; value: number | null }[],
): Promise<Overlap> {
  const overlap: Overlap = { same: 0, different: 0, first: [] }
  for (let start = 0; start < readings.length; start += COMPARED_AT_ONCE) {
    const some = readings.slice(start, start + COMPARED_AT_ONCE)
    const rows = await sql.query<{ at: number; stored: number | null; file: number | null; same: boolean }>(
      `select r.at, r.value as stored, t.value as file, r.value is not distinct from t.value as same
       from series s
       cross join unnest($3::float8[], $4::float8[]) as t(at_ms, value)
       join readings r on r.series_id = s.id and r.at = to_timestamp(t.at_ms / 1000)
       where s.point_id = $1 and s.variable = $2
         and r.at >= to_timestamp($5::float8 / 1000) and r.at <= to_timestamp($6::float8 / 1000)
       order by r.at`,
      [
        ...[pointId, variable, literal(some, ({ at }) => at), literal(some, ({ value }) => value)],
        ...[some[0]?.at ?? 0, some.at(-1)?.at ?? 0],
      ],
    )
    for (const { same, ...row } of rows) {
      if (same) overlap.same += 1
      else {
        overlap.different += 1
        if (overlap.first.length < NAMED_MAX) overlap.first.push(row)
      }
    }
  }
  return overlap
}

/** What became of the readings of an import. */
export interface ImportCounts {
  inserted: number
  revised: number
  batches: number
  waiting: number
  /** Readings that the database refused. */
  rejected: number
}

/** Counts what is there of an import. */
export async function countImported(
  sql: Sql,
  { id, gatewayId }: { id: number; gatewayId: number },
): Promise<ImportCounts> {
  const [row] = await sql.query<ImportCounts>(
    `with mine as (select b.id, b.oldest_at, b.newest_at, b.processed_at, b.rejected from batches b
                   where b.gateway_id = $1 and b.epoch = $2::bigint)
     select
       (select count(*)::int from mine m join points p on p.id = (select point_id from imports where id = $2::bigint)
          join series s on s.point_id = p.id
          join readings r on r.series_id = s.id and r.batch_id = m.id and r.at between m.oldest_at and m.newest_at) as inserted,
       (select count(*)::int from revisions v where v.batch_id in (select id from mine)) as revised,
       (select count(*)::int from mine) as batches,
       (select count(*)::int from mine where processed_at is null) as waiting,
       (select coalesce(sum(jsonb_array_length(rejected)), 0)::int from mine) as rejected`,
    [gatewayId, id],
  )
  return row ?? { inserted: 0, revised: 0, batches: 0, waiting: 0, rejected: 0 }
}
