// How long raw readings are kept, and how they go.
//
// Invariants:
//   R1. Nothing goes before it is written, and committed, that it goes (`retained_from`), by whole weeks.
//   R2. What was not processed yet, and what a recomputation or an import has to do with, stays; so does what an open slot
//       may need.
//   R3. A clock that runs ahead costs nothing: it is not later than the newest reading of all gateways says.
//   R4. Readings go by whole chunks where there are chunks and everything in one may go, else a week of a series at a time:
//       no statement is long, and who stops in the middle goes on from there.
//
// Rollups, derived values, balances, declarations and their evidence stay for ever.

import type { Database, Sql } from './database.ts'
import { lockPoints } from './processing.ts'
import { dropRetainedChunks } from './timescale.ts'

/** How long raw readings are kept. */
export interface RetentionRule {
  keepMs: number
  /** Of points that are declared, or ever were; `undefined`: for ever. */
  keepDeclaredMs: number | undefined
}

/** To find that a point has nothing old, every old chunk is looked into that is kept for another. */
const STATEMENT_TIMEOUT_MS = 600_000

/** Points whose retention is moved in one transaction: they are locked meanwhile. */
const POINTS_MAX = 200

/** TimescaleDB's chunks begin where these weeks do. */
const WEEK = `interval '7 days'`
const weekOf = (instant: string): string =>
  `date_bin(${WEEK}, ${instant}, timestamptz '1970-01-01 00:00:00Z')`

/** An open slot is picked from what was measured around it, or some days before. */
const BEFORE_OPEN_SLOTS = `interval '31 days'`

/** Moves on, for some points that have older readings, from when on they are kept. Returns of how many. */
export function advanceRetention(
  db: Database,
  { now, keepMs, keepDeclaredMs }: RetentionRule & { now: number },
): Promise<number> {
  const work = async (tx: Sql) => {
    await lockRetention(tx)
    const due = await tx.query<{ pointId: number }>(`${DUE} order by 1 limit ${POINTS_MAX}`, [
      now,
      keepMs,
      keepDeclaredMs ?? null,
    ])
    const pointIds = due.map(({ pointId }) => pointId)
    if (pointIds.length === 0) return 0
    await lockPoints(tx, pointIds)
    // Once more under the lock: what came meanwhile may have to wait for its processing.
    const moved = await tx.query(
      `insert into retained_from as f (point_id, at) ${DUE} and p.id = any($4)
       on conflict (point_id) do update set at = excluded.at, swept_through = null where f.at < excluded.at
       returning point_id`,
      [now, keepMs, keepDeclaredMs ?? null, pointIds],
    )
    return moved.length
  }
  return db.transaction(work, { statementTimeoutMs: STATEMENT_TIMEOUT_MS })
}

/** Points and up to when their readings may go. Parameters: now, keepMs, keepDeclaredMs. */
const DUE = `select p.id as "pointId", u.at
  from points p
  cross join lateral (
    select ${weekOf(`least(
      (select least(max(l.at), to_timestamp($1::float8 / 1000)) from latest l)
        - make_interval(secs => case when exists (select from obligations o where o.point_id = p.id)
                                     then $3::float8 else $2::float8 end / 1000),
      (select min(b.oldest_at) from batches b join gateways g on g.id = b.gateway_id
       where b.processed_at is null and g.project_id = p.project_id),
      (select d.from_at from recomputations_due d where d.point_id = p.id),
      (select min(s.due_at) - ${BEFORE_OPEN_SLOTS} from slots s
       where s.point_id = p.id and s.state in ('pending', 'ready', 'sending', 'review')))`)} as at) u
  left join retained_from r on r.point_id = p.id
  where not (exists (select from obligations o where o.point_id = p.id) and $3::float8 is null)
    and not exists (select from imports i where i.point_id = p.id and i.state in ('confirmed', 'undoing'))
    and exists (select from latest) and u.at > coalesce(r.at, '-infinity')
    and exists (select from series s, lateral (select from readings v where v.series_id = s.id and v.at < u.at limit 1) v
                where s.point_id = p.id)`

/** How much is dropped at a time. */
export interface DropLimits {
  /** Weeks of a series. */
  weeksMax: number
  /** Rows that stand beside readings. */
  rowsMax: number
}

/** What was dropped. */
export interface Dropped {
  chunks: number
  /** Readings that went one week of a series at a time. */
  readings: number
  /** What stood beside readings: judgements and revisions. */
  beside: number
}

/**
 * Drops what is no longer kept: chunks that may go as a whole, then so many weeks of series, and what stood beside them.
 * Nothing but zeros when nothing is left.
 */
export async function dropReadings(db: Database, { weeksMax, rowsMax }: DropLimits): Promise<Dropped> {
  const chunks = await dropRetainedChunks(db)
  const weeks = await db.transaction(tx => findWeeks(tx, weeksMax), {
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  let readings = 0
  for (const week of weeks) readings += await dropWeek(db, week)
  let beside = 0
  for (const table of ['judgements', 'revisions']) beside += await dropBeside(db, table, rowsMax)
  return { chunks, readings, beside }
}

/** What came late, and waits to be processed, stays until it was: readings and their batch come in one COMMIT. */
const IS_PROCESSED = (alias: string): string =>
  `${alias}.batch_id not in (select id from batches where processed_at is null)`

/** Weeks of series that are to go. When there is none, that is noted, and not looked for again without a reason. */
async function findWeeks(tx: Sql, weeksMax: number): Promise<SeriesWeek[]> {
  await lockRetention(tx)
  const newest = await reopenLate(tx)
  const weeks = await tx.query<SeriesWeek>(
    `select s.id as "seriesId", ${weekOf('o.at')} as from, ${weekOf('o.at')} + ${WEEK} as to
     from retained_from f join series s on s.point_id = f.point_id
     cross join lateral (select v.at from readings v where v.series_id = s.id and v.at < f.at and ${IS_PROCESSED('v')} order by v.at limit 1) o
     where f.swept_through is null
     limit $1`,
    [weeksMax],
  )
  if (weeks.length === 0) await tx.query('update retained_from set swept_through = $1', [newest])
  return weeks
}

/** Until the transaction ends nobody else moves the retention on or notes what is swept. */
async function lockRetention(tx: Sql): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(7201430)')
}

/**
 * Points for whose dropped time a batch has come are to be looked at again. Returns the newest batch there was before; what
 * waits to be processed is looked at again.
 */
async function reopenLate(db: Sql): Promise<number> {
  const [row] = await db.query<{ newest: number }>(
    `select coalesce((select min(id) - 1 from batches where processed_at is null), (select max(id) from batches), 0)
       as newest`,
  )
  await db.query(
    `update retained_from f set swept_through = null
     from points p, (
       select g.project_id, min(b.oldest_at) as oldest_at from batches b join gateways g on g.id = b.gateway_id
       where b.id > (select min(swept_through) from retained_from) and b.oldest_at < (select max(at) from retained_from)
       group by 1) late
     where p.id = f.point_id and late.project_id = p.project_id and late.oldest_at < f.at and f.swept_through is not null`,
  )
  return row?.newest ?? 0
}

interface SeriesWeek {
  seriesId: number
  from: number
  to: number
}

/**
 * Text without parameters: TimescaleDB finds the rows of a series in its columns by what stands in the statement, and
 * would else turn the whole chunk into rows again.
 */
async function dropWeek(db: Sql, { seriesId, from, to }: SeriesWeek): Promise<number> {
  const [gone] = await db.query<{ count: number }>(
    `with gone as (
       delete from readings where series_id = ${seriesId}
         and at >= '${new Date(from).toISOString()}' and at < '${new Date(to).toISOString()}'
         and ${IS_PROCESSED('readings')} returning 1)
     select count(*)::int as count from gone`,
  )
  return gone?.count ?? 0
}

async function dropBeside(db: Sql, table: string, rowsMax: number): Promise<number> {
  const [gone] = await db.query<{ count: number }>(
    `with gone as (
       delete from ${table} t using (
         select o.series_id, o.at from retained_from f join series s on s.point_id = f.point_id
         cross join lateral (select b.series_id, b.at from ${table} b
                             where b.series_id = s.id and b.at < f.at order by b.at limit $1) o
         limit $1) d
       where t.series_id = d.series_id and t.at = d.at returning 1)
     select count(*)::int as count from gone`,
    [rowsMax],
  )
  return gone?.count ?? 0
}
