// How an import is taken out again: what forbids it, and the statements that remove what it brought and nothing else.

import { VARIABLES } from '../../protocol/variables.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** An import whose readings are meant. */
export interface ImportedOf {
  id: number
  gatewayId: number
  pointId: number
}

/** A reading that was removed. */
export interface RemovedReading {
  seriesId: number
  at: number
}

/** The readings of an import, by the batches that brought them. */
const MINE = `select r.series_id, r.at, b.id as batch_id
  from batches b join series s on s.point_id = $3
  join readings r on r.series_id = s.id and r.batch_id = b.id and r.at between b.oldest_at and b.newest_at
  where b.gateway_id = $1 and b.epoch = $2::bigint`

/** When the readings of an import begin and end, and since when they are here. */
const SPAN = `select min(oldest_at) as first, max(newest_at) as last, min(received_at) as since from batches
  where gateway_id = $1 and epoch = $2::bigint`

/**
 * Slots of works that the point is part of, in which something was picked at an instant of the import, or a mean taken over
 * one. Of a declaration by the mean nobody can say which readings it would be without.
 */
const RESTING = `select sl.id, sl.due_at, sl.attempts, sl.accepted_at, sl.decided_at, sl.state, sl.work_code
  from span, slots sl
  where sl.obligation_id in (select o.id from obligations o where o.point_id = $3
      or o.terms->'alsoPointIds' @> to_jsonb($3::int) or o.terms->>'levelPointId' = $3::text)
    and sl.chosen is not null
    and sl.due_at between span.first - interval '32 days' and span.last + interval '32 days'
    and (exists (select from jsonb_path_query(sl.chosen, '$.**.readAt') as r(at)
                 join mine m on m.at = to_timestamp((r.at #>> '{}')::float8 / 1000))
      or exists (select from jsonb_path_query(sl.chosen, '$.*.mean') as n(mean)
                 join mine m on m.at >= to_timestamp((n.mean->>'from')::float8 / 1000)
                            and m.at <= to_timestamp((n.mean->>'to')::float8 / 1000)))`

/** What was told to DGA, may have been, or was decided by a person. */
const IS_FINAL = `(t.attempts > 0 or t.accepted_at is not null or t.decided_at is not null or t.state in ('sending', 'sent')
  or exists (select from submissions e where e.work_code = t.work_code and e.due_at = t.due_at))`

/** Slots that would be declared with a value of an import, and were not yet, are picked again. Returns how many. */
export async function reopenSlots(
  tx: Sql,
  { id, gatewayId, pointId }: ImportedOf,
  now: number,
): Promise<number> {
  const rows = await tx.query(
    `with mine as materialized (${MINE}), span as (${SPAN}), resting as (${RESTING})
     update slots s set state = 'pending', reason = null, findings = '[]', chosen = null, declaration = null,
       next_attempt_at = null, next_check_at = to_timestamp($4::float8 / 1000), state_at = to_timestamp($4::float8 / 1000)
     from resting t
     where s.id = t.id and s.state in ('pending', 'no_data', 'ready', 'review', 'not_measured') and not ${IS_FINAL}
       and s.attempts = 0
     returning 1 as one`,
    [gatewayId, id, pointId, now],
  )
  return rows.length
}

/** What forbids to take an import out. */
export interface Hindrance {
  /** Slots that were declared, or decided by a person, with a value of the import. */
  declared: number
  declaredFrom: number | null
  declaredTo: number | null
  /** Whether raw readings of that time have been dropped since. */
  dropped: boolean
  /** Batches that came later and brought readings that were there already. */
  repeatedBy: number
}

/** Looks for what forbids to take an import out. */
export async function findHindrance(tx: Sql, { id, gatewayId, pointId }: ImportedOf): Promise<Hindrance> {
  const [row] = await tx.query<Hindrance>(
    `with mine as materialized (${MINE}), span as (${SPAN}), resting as (${RESTING}),
     declared as (select t.due_at from resting t where ${IS_FINAL}),
     later as (
       select o.id, o.readings, o.oldest_at, o.newest_at from span, batches o join gateways g on g.id = o.gateway_id
       where g.project_id = (select project_id from points where id = $3)
         and not (o.gateway_id = $1 and o.epoch = $2::bigint)
         and not (o.gateway_id = $1 and exists (select from imports u where u.id = o.epoch and u.state = 'undone'))
         and o.received_at >= span.since and o.newest_at >= span.first and o.oldest_at <= span.last
         and exists (select from mine m where m.at between o.oldest_at and o.newest_at))
     select (select count(*)::int from declared) as declared, (select min(due_at) from declared) as "declaredFrom",
       (select max(due_at) from declared) as "declaredTo",
       exists (select from retained_from f, span where f.point_id = $3 and f.at > span.first) as dropped,
       (select count(*)::int from later l where l.readings >
          (select count(*) from points p join series s on s.point_id = p.id
             join readings r on r.series_id = s.id and r.batch_id = l.id and r.at between l.oldest_at and l.newest_at
           where p.project_id = (select project_id from points where id = $3))
          + (select count(*) from revisions v where v.batch_id = l.id)) as "repeatedBy"`,
    [gatewayId, id, pointId],
  )
  if (row === undefined) throw new Error('No answer to what hinders')
  return row
}

/**
 * Removes the readings of an import and its revisions, and lets stand in their place what came of the same instants from
 * others since. Returns what was removed.
 */
export async function removeImported(
  tx: Sql,
  { id, gatewayId, pointId }: ImportedOf,
): Promise<RemovedReading[]> {
  const of = [gatewayId, id, pointId]
  const removed = await tx.query<RemovedReading>(
    `delete from readings r using (${MINE}) m where r.series_id = m.series_id and r.at = m.at
     returning r.series_id as "seriesId", r.at`,
    of,
  )
  await tx.query(
    'delete from revisions where batch_id in (select id from batches where gateway_id = $1 and epoch = $2::bigint)',
    [gatewayId, id],
  )
  await tx.query(
    `with next as (
       select distinct on (v.series_id, v.at) v.id from revisions v join series s on s.id = v.series_id
       where s.point_id = $1 and v.at >= to_timestamp($2::float8 / 1000) and v.at <= to_timestamp($3::float8 / 1000)
         and not exists (select from readings r where r.series_id = v.series_id and r.at = v.at)
       order by v.series_id, v.at, v.id
     ), taken as (
       delete from revisions v using next n where v.id = n.id
       returning v.series_id, v.at, v.value, v.quality, v.time_quality, v.batch_id
     )
     insert into readings (series_id, at, value, quality, time_quality, batch_id)
     select series_id, at, value, quality, time_quality, batch_id from taken`,
    [pointId, ...edgesOf(removed)],
  )
  return removed
}

/**
 * Removes what was judged of removed readings, what was computed at their instants, and where counters stood meanwhile.
 * What still has a source is computed again by whoever calls. Returns the computed values that are gone.
 */
export async function removeFollowing(
  tx: Sql,
  pointId: number,
  removed: readonly RemovedReading[],
): Promise<RemovedReading[]> {
  const span = edgesOf(removed)
  const within = 'at >= to_timestamp($2::float8 / 1000) and at <= to_timestamp($3::float8 / 1000)'
  for (const table of ['checkpoints', 'counter_events']) {
    await tx.query(
      `delete from ${table} where series_id in (select id from series where point_id = $1) and ${within}`,
      [pointId, ...span],
    )
  }
  await tx.query(
    `delete from judgements j using unnest($1::int[], $2::float8[]) as t(series_id, at_ms)
     where j.series_id = t.series_id and j.at = to_timestamp(t.at_ms / 1000)`,
    [literal(removed, ({ seriesId }) => seriesId), literal(removed, ({ at }) => at)],
  )
  const instants = [...new Set(removed.map(({ at }) => at))]
  return tx.query<RemovedReading>(
    `delete from derived d using series s, unnest($4::float8[]) as t(at_ms)
     where s.point_id = $1 and s.variable >= 64 and d.series_id = s.id and d.at = to_timestamp(t.at_ms / 1000)
       and d.at >= to_timestamp($2::float8 / 1000) and d.at <= to_timestamp($3::float8 / 1000)
     returning d.series_id as "seriesId", d.at`,
    [pointId, ...span, literal(instants, at => at)],
  )
}

/** The volume series of a point, with its point. */
export async function volumeSeriesOf(tx: Sql, pointId: number): Promise<Map<number, number>> {
  const rows = await tx.query<{ id: number }>('select id from series where point_id = $1 and variable = $2', [
    pointId,
    VARIABLES.volume.code,
  ])
  return new Map(rows.map(({ id }) => [id, pointId]))
}

/** Makes `latest` of a point's series anew, up to a horizon, where a removed reading may stand in it. */
export async function renewLatest(
  tx: Sql,
  { pointId, from, horizon }: { pointId: number; from: number; horizon: number },
): Promise<void> {
  await tx.query(
    `delete from latest l using series s
     where s.point_id = $1 and l.series_id = s.id and (l.at >= to_timestamp($2::float8 / 1000)
       or l.good_at >= to_timestamp($2::float8 / 1000))`,
    [pointId, from],
  )
  // The flags of what was measured stand beside it.
  for (const [table, isMine, flags] of [
    ['readings', 's.variable < 64', '0'],
    ['derived', 's.variable >= 64', 'flags'],
  ] as const) {
    await tx.query(
      `insert into latest (series_id, at, value, quality, time_quality, good_at, good_value, flags)
       select s.id, n.at, n.value, n.quality, n.time_quality, g.at, g.value, n.flags
       from series s
       cross join lateral (select at, value, quality, time_quality, ${flags} as flags from ${table} v
                           where v.series_id = s.id and v.at <= to_timestamp($2::float8 / 1000) order by v.at desc limit 1) n
       left join lateral (select at, value from ${table} v
                          where v.series_id = s.id and v.at <= to_timestamp($2::float8 / 1000) and v.value is not null
                          order by v.at desc limit 1) g on true
       where s.point_id = $1 and ${isMine} on conflict do nothing`,
      [pointId, horizon],
    )
  }
}

function edgesOf(removed: readonly RemovedReading[]): [from: number, to: number] {
  return [
    removed.reduce((least, { at }) => Math.min(least, at), Number.MAX_SAFE_INTEGER),
    removed.reduce((most, { at }) => Math.max(most, at), 0),
  ]
}
