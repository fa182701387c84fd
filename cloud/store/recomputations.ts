// Recomputations that somebody asked for: what each was shown, who had it done, why, and what came of it.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A stretch of a point: `from` included, `to` not. */
export interface PointStretch {
  pointId: number
  from: number
  to: number
}

/** A preview that was shown. */
export interface KeptPreview extends PointStretch {
  id: number
  /** The last instant that would change; null when none would. */
  through: number | null
  fingerprint: string
  executedAt: number | null
  /** The point's full name. */
  point: string
}

/** Previews kept of a point; the oldest go, but for those that were executed. */
export const PREVIEWS_MAX = 100

/** Keeps a preview. Returns its number. */
export async function insertPreview(
  tx: Sql,
  {
    pointId,
    from,
    to,
    askedBy,
    askedAt,
    through,
    fingerprint,
    outcome,
  }: Omit<KeptPreview, 'id' | 'executedAt' | 'point'> & { askedBy: string; askedAt: number; outcome: object },
): Promise<number> {
  const [row] = await tx.query<{ id: number }>(
    `insert into recomputation_previews (point_id, from_at, to_at, asked_by, asked_at, through_at, fingerprint, outcome)
     values ($1, to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000), $4, to_timestamp($5::float8 / 1000),
             to_timestamp($6::float8 / 1000), $7, $8::jsonb)
     returning id`,
    [pointId, from, to, askedBy, askedAt, through, fingerprint, JSON.stringify(outcome)],
  )
  await tx.query(
    `delete from recomputation_previews where id in (
       select id from recomputation_previews p
       where point_id = $1 and not exists (select from recomputations r where r.preview_id = p.id)
       order by id desc offset $2)`,
    [pointId, PREVIEWS_MAX],
  )
  if (row === undefined) throw new Error('A preview was not kept')
  return row.id
}

/** A preview of a point that may be seen; `undefined` when there is none. */
export async function findPreview(
  sql: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<KeptPreview | undefined> {
  const [row] = await sql.query<KeptPreview>(
    `select v.id, v.point_id as "pointId", v.from_at as "from", v.to_at as "to", v.through_at as through, v.fingerprint,
            v.executed_at as "executedAt", c.slug || '.' || pr.slug || '.' || p.slug as point
     from recomputation_previews v join points p on p.id = v.point_id join projects pr on pr.id = p.project_id
     join clients c on c.id = pr.client_id
     where v.id = $2 and ($1::int[] is null or pr.client_id = any($1))`,
    [clientIds, id],
  )
  return row
}

/** Takes a preview for its execution. False when somebody has had it already. */
export async function takePreview(tx: Sql, id: number, now: number): Promise<boolean> {
  const rows = await tx.query(
    `update recomputation_previews set executed_at = to_timestamp($2::float8 / 1000)
     where id = $1 and executed_at is null returning id`,
    [id, now],
  )
  return rows.length > 0
}

/** Keeps what came of an execution that somebody asked for. */
export async function recordRecomputation(
  sql: Sql,
  asked: PointStretch & { previewId: number; askedBy: string; askedAt: number; why: string },
  end: { outcome: object } | { refused: string },
): Promise<void> {
  await sql.query(
    `insert into recomputations (point_id, from_at, to_at, asked_by, asked_at, preview_id, why, outcome, refused)
     values ($1, to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000), $4, to_timestamp($5::float8 / 1000),
             $6, $7, $8::jsonb, $9)`,
    [
      ...[asked.pointId, asked.from, asked.to, asked.askedBy, asked.askedAt, asked.previewId, asked.why],
      'outcome' in end ? JSON.stringify(end.outcome) : null,
      'refused' in end ? end.refused : null,
    ],
  )
}

/** An execution that somebody asked for. */
export interface RecomputationRow {
  id: number
  client: string
  project: string
  point: string
  from: number
  to: number
  preview: number | null
  askedBy: string
  askedAt: number
  why: string | null
  outcome: unknown
  refused: string | null
}

/** Executions that may be seen, newest first. */
export function selectRecomputations(
  sql: Sql,
  clientIds: ClientIds,
  { beforeId, limit, pointId }: { beforeId: number; limit: number; pointId: number | undefined },
): Promise<RecomputationRow[]> {
  return sql.query<RecomputationRow>(
    `select r.id, c.slug as client, pr.slug as project, p.slug as point, r.from_at as "from", r.to_at as "to",
            r.preview_id as preview, r.asked_by as "askedBy", r.asked_at as "askedAt", r.why, r.outcome, r.refused
     from recomputations r join points p on p.id = r.point_id join projects pr on pr.id = p.project_id
     join clients c on c.id = pr.client_id
     where r.id < $2::bigint and ($1::int[] is null or c.id = any($1)) and ($4::int is null or p.id = $4)
     order by r.id desc limit $3`,
    [clientIds, beforeId, limit, pointId ?? null],
  )
}

/** A civil day of one variable of a point, as its rollup says. */
export interface DayFigures {
  seriesId: number
  variable: number
  at: number
  count: number
  valid: number
  /** What passed, of a volume; the mean of good values, of everything else. */
  value: number | null
}

/** The days of a point from an instant on, by series. */
export function selectDayFigures(sql: Sql, pointId: number, from: number): Promise<DayFigures[]> {
  return sql.query<DayFigures>(
    `select s.id as "seriesId", s.variable, d.at, d.count, d.valid, coalesce(d.consumption, d.mean) as value
     from series s join rollups_day d on d.series_id = s.id
     where s.point_id = $1 and d.at >= to_timestamp($2::float8 / 1000) order by s.variable, d.at`,
    [pointId, from],
  )
}
