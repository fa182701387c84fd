// Derived values and where counters stood: what the processor writes, and what others read of it.

import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import type { CounterEvent } from '../processor/rules/counter.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** A reading as it is stored; `variable`, `quality` and `timeQuality` are codes. */
export interface SourceReading {
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  /** The bits of cloud/flags.ts that it was judged with so far. */
  flags: number
}

/** Where a computation stood after the reading at `at`. */
export interface Checkpoint<State> {
  at: number
  state: State
}

/** A derived value of a series. */
export interface DerivedRow {
  seriesId: number
  at: number
  value: number | null
  quality: number
  /** What passed since the reading before that was counted, m³. */
  consumed: number | null
  /** Of the reading it is computed from. */
  timeQuality: number
  /** The bits of cloud/flags.ts: those of the reading it is computed from, and its own. */
  flags: number
}

/** A value of a series, measured or derived; a derived one has the time quality of what it was computed from. */
export interface SeriesValue {
  at: number
  value: number | null
  quality: number
  timeQuality: number
  /** Of a volume: what passed since the value before that was counted, m³; otherwise null. */
  consumed: number | null
  /** The bits of cloud/flags.ts. */
  flags: number
}

/** The values in force of one variable of a point, `from` included and `to` not, in time's order. */
export function valuesOf(
  sql: Sql,
  {
    pointId,
    variable,
    from,
    to,
    limit,
  }: { pointId: number; variable: Variable; from: number; to: number; limit: number },
): Promise<SeriesValue[]> {
  const { code, origin } = VARIABLES[variable]
  const source =
    origin === 'derived'
      ? 'select v.at, v.value, v.quality, v.time_quality as "timeQuality", v.consumed, v.flags from derived v'
      : `select v.at, coalesce(j.adjusted, v.value) as value, v.quality, v.time_quality as "timeQuality",
           null::float8 as consumed, coalesce(j.flags, 0) as flags
         from readings v left join judgements j on j.series_id = v.series_id and j.at = v.at`
  return sql.query<SeriesValue>(
    `${source}
     where v.series_id = (select id from series where point_id = $1 and variable = $2)
       and v.at >= to_timestamp($3::float8 / 1000) and v.at < to_timestamp($4::float8 / 1000)
     order by v.at limit $5`,
    [pointId, code, from, to, limit],
  )
}

/** The series of derived variables of points, made where they are not there yet. By `pointId/variable`. */
export async function ensureDerivedSeries(
  tx: Sql,
  wanted: readonly { pointId: number; variable: number }[],
): Promise<Map<string, number>> {
  const columns = [literal(wanted, ({ pointId }) => pointId), literal(wanted, ({ variable }) => variable)]
  await tx.query(
    `insert into series (point_id, variable)
     select distinct w.point_id, w.variable from unnest($1::int[], $2::int2[]) as w(point_id, variable)
     where not exists (select from series s where s.point_id = w.point_id and s.variable = w.variable)
     order by 1, 2 on conflict do nothing`,
    columns,
  )
  const rows = await tx.query<{ pointId: number; variable: number; id: number }>(
    `select s.point_id as "pointId", s.variable, s.id from series s
     join unnest($1::int[], $2::int2[]) as w(point_id, variable) using (point_id, variable)`,
    columns,
  )
  return new Map(rows.map(({ pointId, variable, id }) => [`${pointId}/${variable}`, id]))
}

/** Readings of some variables of a point after an instant, in time's order. `from` and `to` are included. */
export function selectSources(
  tx: Sql,
  {
    pointId,
    variables,
    from,
    to,
    limit,
  }: { pointId: number; variables: readonly number[]; from: number; to: number; limit: number },
): Promise<SourceReading[]> {
  return tx.query<SourceReading>(
    `select s.variable, r.at, r.value, r.quality, r.time_quality as "timeQuality", coalesce(j.flags, 0) as flags
     from series s join readings r on r.series_id = s.id
     left join judgements j on j.series_id = r.series_id and j.at = r.at
     where s.point_id = $1 and s.variable = any($2)
       and r.at >= to_timestamp($3::float8 / 1000) and r.at <= to_timestamp($4::float8 / 1000)
     order by r.at, s.variable limit $5`,
    [pointId, variables, from, to, limit],
  )
}

/**
 * Whether readings that a checkpoint at or after an instant was computed from are no longer kept. What would be computed
 * from the ones that are left would be wrong.
 */
export async function areSourcesGone(tx: Sql, seriesId: number, from: number): Promise<boolean> {
  const [row] = await tx.query<{ gone: boolean }>(
    `select not exists (
       select from series d join series s on s.point_id = d.point_id and s.variable = (k.state->>'source')::int2
       join readings r on r.series_id = s.id and r.at = k.at
       where d.id = $1) as gone
     from (select at, state from checkpoints
           where series_id = $1 and hour >= date_trunc('hour', to_timestamp($2::float8 / 1000))
             and at >= to_timestamp($2::float8 / 1000)
           order by hour limit 1) k`,
    [seriesId, from],
  )
  return row?.gone ?? false
}

/** The newest checkpoints before an instant, newest first. */
export function selectCheckpointsBefore<State>(
  tx: Sql,
  seriesId: number,
  { before, limit }: { before: number; limit: number },
): Promise<Checkpoint<State>[]> {
  return tx.query<Checkpoint<State>>(
    `select at, state from checkpoints
     where series_id = $1 and hour < to_timestamp($2::float8 / 1000) and at < to_timestamp($2::float8 / 1000)
     order by hour desc limit $3`,
    [seriesId, before, limit],
  )
}

const CHECKPOINTS_AT_ONCE = 500

/** The newest checkpoint before an instant that is sound. */
export async function findCheckpoint<State>(
  tx: Sql,
  seriesId: number,
  before: number,
  isSound: (checkpoint: Checkpoint<State>) => boolean = () => true,
): Promise<Checkpoint<State> | undefined> {
  for (let limit = 1, end = before; ; limit = CHECKPOINTS_AT_ONCE) {
    const some = await selectCheckpointsBefore<State>(tx, seriesId, { before: end, limit })
    const found = some.find(isSound)
    const oldest = some.at(-1)
    if (found !== undefined || oldest === undefined || some.length < limit) return found
    end = oldest.at
  }
}

/** The checkpoints of a series, both ends included, by their instant. */
export async function selectCheckpoints<State>(
  tx: Sql,
  seriesId: number,
  { from, to }: { from: number; to: number },
): Promise<Map<number, State>> {
  const rows = await tx.query<Checkpoint<State>>(
    `select at, state from checkpoints
     where series_id = $1 and at >= to_timestamp($2::float8 / 1000) and at <= to_timestamp($3::float8 / 1000)`,
    [seriesId, from, to],
  )
  return new Map(rows.map(({ at, state }) => [at, state]))
}

const WITHIN =
  'series_id = $1 and at >= to_timestamp($2::float8 / 1000) and at <= to_timestamp($3::float8 / 1000)'

/** Puts the checkpoints of a recomputed stretch, both ends included, in the place of what was there. */
export async function replaceCheckpoints<State>(
  tx: Sql,
  seriesId: number,
  { from, to }: { from: number; to: number },
  checkpoints: ReadonlyMap<number, Checkpoint<State>>,
): Promise<void> {
  await tx.query(`delete from checkpoints where ${WITHIN}`, [seriesId, from, to])
  const hours = [...checkpoints]
  if (hours.length === 0) return
  await tx.query(
    `insert into checkpoints (series_id, hour, at, state)
     select $1, to_timestamp(hour_ms / 1000), to_timestamp(at_ms / 1000), state::jsonb
     from unnest($2::float8[], $3::float8[], $4::text[]) as t(hour_ms, at_ms, state)
     on conflict (series_id, hour) do update set at = excluded.at, state = excluded.state`,
    [
      seriesId,
      literal(hours, ([hour]) => hour),
      literal(hours, ([, { at }]) => at),
      hours.map(([, { state }]) => JSON.stringify(state)),
    ],
  )
}

/** Puts the events of a recomputed stretch of a counter, both ends included, in the place of what was there. */
export async function replaceCounterEvents(
  tx: Sql,
  seriesId: number,
  { from, to }: { from: number; to: number },
  events: readonly CounterEvent[],
): Promise<void> {
  await tx.query(`delete from counter_events where ${WITHIN}`, [seriesId, from, to])
  if (events.length > 0) {
    await tx.query(
      `insert into counter_events (series_id, at, kind, count, baseline_count, amount_m3)
       select $1, to_timestamp(at_ms / 1000), kind, count, baseline_count, amount_m3
       from unnest($2::float8[], $3::text[], $4::float8[], $5::float8[], $6::float8[])
              as t(at_ms, kind, count, baseline_count, amount_m3)
       on conflict (series_id, at, kind) do update set
         count = excluded.count, baseline_count = excluded.baseline_count, amount_m3 = excluded.amount_m3`,
      [
        seriesId,
        literal(events, ({ at }) => at),
        events.map(({ kind }) => kind),
        literal(events, ({ count }) => count),
        literal(events, ({ baselineCount }) => baselineCount),
        literal(events, ({ amountM3 }) => amountM3),
      ],
    )
  }
}

const ROWS_MAX = 5_000

/** Writes derived values, each series and instant once. Returns the rows that were not there like that before. */
export async function writeDerived(
  tx: Sql,
  rows: readonly DerivedRow[],
): Promise<{ seriesId: number; at: number }[]> {
  const sorted = rows.toSorted((a, b) => a.seriesId - b.seriesId || a.at - b.at)
  const changed: { seriesId: number; at: number }[] = []
  for (let start = 0; start < sorted.length; start += ROWS_MAX) {
    const some = sorted.slice(start, start + ROWS_MAX)
    changed.push(
      ...(await tx.query<{ seriesId: number; at: number }>(
        `insert into derived as d (series_id, at, value, quality, consumed, time_quality, flags)
         select series_id, to_timestamp(at_ms / 1000), value, quality, consumed, time_quality, flags
         from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[], $5::float8[], $6::int2[], $7::int[])
                as t(series_id, at_ms, value, quality, consumed, time_quality, flags)
         on conflict (series_id, at) do update set value = excluded.value, quality = excluded.quality,
           consumed = excluded.consumed, time_quality = excluded.time_quality, flags = excluded.flags
         where (d.value, d.quality, d.consumed, d.time_quality, d.flags)
           is distinct from (excluded.value, excluded.quality, excluded.consumed, excluded.time_quality, excluded.flags)
         returning series_id as "seriesId", at`,
        [
          literal(some, ({ seriesId }) => seriesId),
          literal(some, ({ at }) => at),
          literal(some, ({ value }) => value),
          literal(some, ({ quality }) => quality),
          literal(some, ({ consumed }) => consumed),
          literal(some, ({ timeQuality }) => timeQuality),
          literal(some, ({ flags }) => flags),
        ],
      )),
    )
  }
  return changed
}

/** Takes away derived values of a stretch, both ends included, other than those at `kept`: their source is another now. */
export async function removeDerived(
  tx: Sql,
  seriesId: number,
  { from, to, kept }: { from: number; to: number; kept: readonly number[] },
): Promise<number[]> {
  const rows = await tx.query<{ at: number }>(
    `delete from derived d
     where d.series_id = $1 and d.at >= to_timestamp($2::float8 / 1000) and d.at <= to_timestamp($3::float8 / 1000)
       and not exists (select from unnest($4::float8[]) as k(at_ms) where to_timestamp(k.at_ms / 1000) = d.at)
     returning d.at`,
    [seriesId, from, to, literal(kept, at => at)],
  )
  return rows.map(({ at }) => at)
}

/** What passed at a point, `from` included and `to` not, m³; null when nothing was counted. */
export async function consumptionOf(
  sql: Sql,
  { pointId, from, to }: { pointId: number; from: number; to: number },
): Promise<number | null> {
  const [row] = await sql.query<{ consumed: number | null }>(
    `select sum(consumed::numeric)::float8 as consumed from derived
     where series_id = (select id from series where point_id = $1 and variable = $4)
       and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)`,
    [pointId, from, to, VARIABLES.volume.code],
  )
  return row?.consumed ?? null
}

/** Moves `latest` of derived series on, up to `horizon`, or puts the recomputed value of the same instant in its place. */
export async function refreshLatest(tx: Sql, rows: readonly DerivedRow[], horizon: number): Promise<void> {
  const newest = newestOf(rows.filter(({ at }) => at <= horizon))
  if (newest.length === 0) return
  await tx.query(
    `insert into latest as l (series_id, at, value, quality, time_quality, good_at, good_value, flags)
     select series_id, to_timestamp(at_ms / 1000), value, quality, time_quality,
            to_timestamp(good_at_ms / 1000), good_value, flags
     from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[], $5::int2[], $6::float8[], $7::float8[], $8::int[])
            as t(series_id, at_ms, value, quality, time_quality, good_at_ms, good_value, flags)
     on conflict (series_id) do update set
       at = greatest(l.at, excluded.at),
       value = case when excluded.at >= l.at then excluded.value else l.value end,
       quality = case when excluded.at >= l.at then excluded.quality else l.quality end,
       time_quality = case when excluded.at >= l.at then excluded.time_quality else l.time_quality end,
       flags = case when excluded.at >= l.at then excluded.flags else l.flags end,
       good_at = greatest(l.good_at, excluded.good_at),
       good_value = case when l.good_at is null or excluded.good_at >= l.good_at
                         then excluded.good_value else l.good_value end`,
    [
      literal(newest, ({ last }) => last.seriesId),
      literal(newest, ({ last }) => last.at),
      literal(newest, ({ last }) => last.value),
      literal(newest, ({ last }) => last.quality),
      literal(newest, ({ last }) => last.timeQuality),
      literal(newest, ({ good }) => good?.at ?? null),
      literal(newest, ({ good }) => good?.value ?? null),
      literal(newest, ({ last }) => last.flags),
    ],
  )
}

interface Newest {
  last: DerivedRow
  good: DerivedRow | undefined
}

function newestOf(rows: readonly DerivedRow[]): Newest[] {
  const found = new Map<number, Newest>()
  for (const row of rows) {
    const before = found.get(row.seriesId)
    const good = row.value === null ? undefined : row
    if (before === undefined) found.set(row.seriesId, { last: row, good })
    else {
      if (row.at > before.last.at) before.last = row
      if (good !== undefined && (before.good === undefined || good.at > before.good.at)) before.good = good
    }
  }
  return [...found.values()].sort((a, b) => a.last.seriesId - b.last.seriesId)
}
