// The statements that store what was measured. Run them in the transaction of the batch they came with.
//
// Rows go as literal arrays, one parameter a column: a statement's text is then the same for every number of rows, is
// prepared once, and costs Node a third of what arrays of values cost. They go in the order of their key, always, so
// that two transactions that hold the same keys cannot wait for each other.

import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** A reading as it is stored. */
export interface StoredReading {
  seriesId: number
  /** Epoch milliseconds. */
  at: number
  value: number | null
  /** Codes of protocol/reading.ts. */
  quality: number
  timeQuality: number
  batchId: number
  /** Its number in the gateway's buffer. */
  seq: number
}

/** How many rows of each batch, by its number. A batch without any is not there. */
export interface StoredCounts {
  inserted: ReadonlyMap<number, number>
  revised: ReadonlyMap<number, number>
}

const COLUMNS = `$1::int[], $2::float8[], $3::float8[], $4::int2[], $5::int2[], $6::bigint[]`
const NAMES = `t(series_id, at_ms, value, quality, time_quality, batch_id)`

/**
 * Stores readings. The second time a (series, time) comes, the first stands; when it came with another value or
 * quality, the second is kept beside it as a revision. Returns how many of each batch were new and how many are revisions.
 */
export async function insertReadings(tx: Sql, readings: readonly StoredReading[]): Promise<StoredCounts> {
  if (readings.length === 0) return { inserted: new Map(), revised: new Map() }
  const sorted = readings.toSorted((a, b) => a.seriesId - b.seriesId || a.at - b.at)
  const columns = toColumns(sorted)
  const rows = await tx.query<CountRow>(
    `with inserted as (
       insert into readings (series_id, at, value, quality, time_quality, batch_id)
       select series_id, to_timestamp(at_ms / 1000), value, quality, time_quality, batch_id
       from unnest(${COLUMNS}) as ${NAMES}
       on conflict (series_id, at) do nothing
       returning batch_id
     )
     select batch_id, count(*)::int as count from inserted group by batch_id`,
    columns,
  )
  const inserted = rows.reduce((sum, { count }) => sum + count, 0)
  const revised = inserted === readings.length ? [] : await insertRevisions(tx, sorted, columns)
  return { inserted: countsOf(rows), revised: countsOf(revised) }
}

interface CountRow {
  batch_id: number
  count: number
}

const countsOf = (rows: readonly CountRow[]): Map<number, number> =>
  new Map(rows.map(({ batch_id, count }) => [batch_id, count]))

async function insertRevisions(
  tx: Sql,
  readings: readonly StoredReading[],
  columns: string[],
): Promise<CountRow[]> {
  const times = readings.map(({ at }) => at)
  return tx.query<CountRow>(
    `with revised as (
       insert into revisions (series_id, at, value, quality, time_quality, batch_id)
       select r.series_id, r.at, t.value, t.quality, t.time_quality, t.batch_id
       from unnest(${COLUMNS}) as ${NAMES}
       join readings r on r.series_id = t.series_id and r.at = to_timestamp(t.at_ms / 1000)
       where r.at between to_timestamp($7::float8 / 1000) and to_timestamp($8::float8 / 1000)
         and (r.value is distinct from t.value or r.quality <> t.quality)
       on conflict do nothing
       returning batch_id
     )
     select batch_id, count(*)::int as count from revised group by batch_id`,
    [...columns, min(times), max(times)],
  )
}

/**
 * Moves `latest` on to the newest of `readings` up to `horizon`, for each series whose newest is older. One stamped by a
 * clock that ran away would else stand there for years.
 */
export async function upsertLatest(
  tx: Sql,
  readings: readonly StoredReading[],
  horizon: number,
): Promise<void> {
  const newest = newestOf(readings.filter(({ at }) => at <= horizon))
  if (newest.length === 0) return
  await tx.query(
    `insert into latest as l (series_id, at, value, quality, time_quality, seq, good_at, good_value)
     select series_id, to_timestamp(at_ms / 1000), value, quality, time_quality, seq,
            to_timestamp(good_at_ms / 1000), good_value
     from unnest($1::int[], $2::float8[], $3::float8[], $4::int2[], $5::int2[], $6::bigint[], $7::float8[], $8::float8[])
            as t(series_id, at_ms, value, quality, time_quality, seq, good_at_ms, good_value)
     on conflict (series_id) do update set
       at = greatest(l.at, excluded.at),
       value = case when excluded.at > l.at then excluded.value else l.value end,
       quality = case when excluded.at > l.at then excluded.quality else l.quality end,
       time_quality = case when excluded.at > l.at then excluded.time_quality else l.time_quality end,
       seq = case when excluded.at > l.at then excluded.seq else l.seq end,
       good_at = greatest(l.good_at, excluded.good_at),
       good_value = case when l.good_at is null or excluded.good_at > l.good_at
                         then excluded.good_value else l.good_value end
     where excluded.at > l.at or excluded.good_at > coalesce(l.good_at, '-infinity')`,
    [
      literal(newest, ({ last }) => last.seriesId),
      literal(newest, ({ last }) => last.at),
      literal(newest, ({ last }) => last.value),
      literal(newest, ({ last }) => last.quality),
      literal(newest, ({ last }) => last.timeQuality),
      literal(newest, ({ last }) => last.seq),
      literal(newest, ({ good }) => good?.at ?? null),
      literal(newest, ({ good }) => good?.value ?? null),
    ],
  )
}

interface Newest {
  last: StoredReading
  good: StoredReading | undefined
}

/** Of each series the newest reading and the newest with a value, in the order of the series. */
function newestOf(readings: readonly StoredReading[]): Newest[] {
  const found = new Map<number, Newest>()
  for (const reading of readings) {
    const before = found.get(reading.seriesId)
    const good = reading.value === null ? undefined : reading
    if (before === undefined) {
      found.set(reading.seriesId, { last: reading, good })
      continue
    }
    if (reading.at > before.last.at) before.last = reading
    if (good !== undefined && (before.good === undefined || good.at > before.good.at)) before.good = good
  }
  return [...found.values()].sort((a, b) => a.last.seriesId - b.last.seriesId)
}

function toColumns(readings: readonly StoredReading[]): string[] {
  return [
    literal(readings, ({ seriesId }) => seriesId),
    literal(readings, ({ at }) => at),
    literal(readings, ({ value }) => value),
    literal(readings, ({ quality }) => quality),
    literal(readings, ({ timeQuality }) => timeQuality),
    literal(readings, ({ batchId }) => batchId),
  ]
}

const min = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b))
const max = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b))
