// From batches to committed rows.
//
// Invariants:
//   C1. When commitBatches() resolves, every reading of every batch is on the database's disk, exactly once.
//   C2. Committed again, in whole or cut differently, a batch changes nothing. It is the same batch only when it says the
//       same: numbers that come again with other readings are stored like any others, and told.
//   C3. The rows of a batch, its place in the log of batches, and `latest` come in one transaction or not at all.
//   C4. A reading that the database refuses is kept whole, with the reason, in the batch's row; the others are stored. It is
//       tried again when the batch is taken in again, and stored then if the database has come round.

import { hash } from 'node:crypto'
import type { Batch, RejectedReading } from '../../protocol/batch.ts'
import { AHEAD_MAX_MS, QUALITIES, TIME_QUALITIES } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { LANES, type Lane } from '../../protocol/topics.ts'
import { type Database, DatabaseRefused, type Sql } from './database.ts'
import { countStretchesAnew } from './ledger.ts'
import { insertReadings, type StoredCounts, type StoredReading, upsertLatest } from './readings.ts'
import type { SeriesIds } from './series.ts'

/** A batch, and whose it is. */
export interface IncomingBatch {
  gatewayId: number
  projectId: number
  lane: Lane
  batch: Batch
  /** The series table's name and bytes, when the batch brought them. */
  table?: { id: string; bytes: Uint8Array }
}

/** What became of a batch. */
export type Committed =
  /** The very same had been committed before, and nothing was done. */
  | { kind: 'repeated' }
  | {
      kind: 'stored'
      inserted: number
      /** Readings that were there already, the same. */
      duplicate: number
      /** Readings that were there already, with another value. */
      revised: number
      rejected: readonly RejectedReading[]
      /** Its numbers came before, with other readings: the gateway's disk is not what it was. */
      reused: boolean
    }

/** What batches are committed with. */
export interface StoreDeps {
  db: Database
  series: SeriesIds
  clock: Clock
}

/**
 * Commits batches of any gateways in one transaction, and tells of each, in their order. Throws DatabaseRefused when
 * one of them is refused: then nothing of any is stored.
 */
export async function commitBatches(
  { db, series, clock }: StoreDeps,
  incoming: readonly IncomingBatch[],
): Promise<Committed[]> {
  const seriesOf = await numberSeries(series, incoming)
  return db.transaction(async tx => {
    await insertTables(tx, incoming)
    const logged = await insertBatches(tx, incoming, seriesOf)
    const readings = incoming.flatMap((one, index) => {
      const batchId = logged[index]?.id
      return batchId === undefined ? [] : toRows(one, seriesOf[index] ?? [], batchId)
    })
    const counts = await insertReadings(tx, readings)
    await upsertLatest(tx, readings, clock.now() + AHEAD_MAX_MS)
    return incoming.map(({ batch }, index) => outcomeOf(logged[index], counts, batch.readings.length))
  })
}

/**
 * Commits one batch without those of its readings that the database refuses (C4); of one that was committed before, those
 * that were refused then. `onRefused` is told of them in the same transaction. Throws DatabaseRefused when it is not a
 * reading that is refused, but the batch.
 */
export async function commitWithoutPoison(
  { db, series, clock }: StoreDeps,
  incoming: IncomingBatch,
  onRefused: (tx: Sql, refused: readonly RejectedReading[]) => Promise<void> = async () => {},
): Promise<Committed> {
  const [numbers = []] = await numberSeries(series, [incoming])
  return db.transaction(async tx => {
    await insertTables(tx, [incoming])
    const [logged] = await insertBatches(tx, [incoming], [numbers])
    const before = logged === undefined ? await findRefused(tx, incoming, numbers) : undefined
    const owed = logged ?? before
    if (owed === undefined) return { kind: 'repeated' }
    const { id, reused } = owed
    const seqs = before?.seqs
    const rows = toRows(incoming, numbers, id).filter(({ seq }) => seqs === undefined || seqs.has(seq))
    const refused: RejectedReading[] = []
    let [inserted, revised] = [0, 0]
    await storeInParts(tx, rows, clock.now() + AHEAD_MAX_MS, {
      stored: counts => {
        inserted += counts.inserted.get(id) ?? 0
        revised += counts.revised.get(id) ?? 0
      },
      refused: one => refused.push(one),
    })
    if (refused.length > 0 || seqs !== undefined) await keepRefused(tx, id, incoming.batch, refused)
    if (refused.length > 0) await onRefused(tx, refused)
    if (refused.length < rows.length && seqs !== undefined) await takeUpAgain(tx, id, incoming)
    const duplicate = incoming.batch.readings.length - inserted - revised - refused.length
    return { kind: 'stored', inserted, revised, duplicate, rejected: refused, reused }
  })
}

/** A batch that was committed without some of its readings, and which ones; locked until the transaction ends. */
async function findRefused(
  tx: Sql,
  { gatewayId, batch }: IncomingBatch,
  series: readonly number[],
): Promise<(LoggedBatch & { seqs: ReadonlySet<number> }) | undefined> {
  const [row] = await tx.query<{ id: number; rejected: { seq: number }[] }>(
    `select id, rejected from batches
     where (gateway_id, epoch, first, last, digest) = ($1, $2::bigint, $3::bigint, $4::bigint, decode($5, 'hex'))
       and rejected is not null for update`,
    [gatewayId, batch.epoch, batch.first, batch.last, digestOf(batch, series)],
  )
  if (row === undefined) return undefined
  return { id: row.id, reused: false, seqs: new Set(row.rejected.map(({ seq }) => seq)) }
}

/** What follows from the readings that were stored after all is for the processor, and the ledger's to count anew. */
async function takeUpAgain(tx: Sql, batchId: number, { gatewayId, batch }: IncomingBatch): Promise<void> {
  await tx.query('update batches set processed_at = null where id = $1', [batchId])
  await countStretchesAnew(tx, gatewayId, batch)
}

const REASON_LENGTH_MAX = 200

/** Stores rows; when they are refused, each half by itself, down to the single one. 500 rows are nine halvings. */
async function storeInParts(
  tx: Sql,
  rows: readonly StoredReading[],
  horizon: number,
  tell: { stored: (counts: StoredCounts) => void; refused: (one: RejectedReading) => void },
): Promise<void> {
  await tx.query('savepoint part')
  try {
    const counts = await insertReadings(tx, rows)
    await upsertLatest(tx, rows, horizon)
    await tx.query('release savepoint part')
    tell.stored(counts)
    return
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || !error.isAboutData) throw error
    await tx.query('rollback to savepoint part')
    await tx.query('release savepoint part')
    const [only] = rows
    if (only !== undefined && rows.length === 1) {
      tell.refused({ seq: only.seq, reason: error.message.slice(0, REASON_LENGTH_MAX) })
      return
    }
  }
  const middle = Math.ceil(rows.length / 2)
  await storeInParts(tx, rows.slice(0, middle), horizon, tell)
  await storeInParts(tx, rows.slice(middle), horizon, tell)
}

async function keepRefused(
  tx: Sql,
  batchId: number,
  { readings }: Batch,
  refused: readonly RejectedReading[],
): Promise<void> {
  const bySeq = new Map(readings.map(reading => [reading.seq, reading]))
  const whole = refused.map(({ seq, reason }) => ({ ...bySeq.get(seq), reason }))
  await tx.query('update batches set rejected = $2::jsonb where id = $1', [
    batchId,
    whole.length === 0 ? null : JSON.stringify(whole),
  ])
}

function outcomeOf(logged: LoggedBatch | undefined, counts: StoredCounts, readings: number): Committed {
  if (logged === undefined) return { kind: 'repeated' }
  const { id, reused } = logged
  const inserted = counts.inserted.get(id) ?? 0
  const revised = counts.revised.get(id) ?? 0
  return { kind: 'stored', inserted, revised, duplicate: readings - inserted - revised, rejected: [], reused }
}

/** The series number of every reading of every batch. */
async function numberSeries(series: SeriesIds, incoming: readonly IncomingBatch[]): Promise<number[][]> {
  const numbered: number[][] = []
  for (const { projectId, batch } of incoming) {
    numbered.push(
      await series.of(batch.readings.map(({ point, variable }) => ({ projectId, point, variable }))),
    )
  }
  return numbered
}

function toRows({ batch }: IncomingBatch, series: readonly number[], batchId: number): StoredReading[] {
  return batch.readings.map(({ at, value, quality, timeQuality, seq }, index) => ({
    seriesId: series[index] as number,
    at,
    value,
    quality: QUALITIES[quality].code,
    timeQuality: TIME_QUALITIES[timeQuality],
    batchId,
    seq,
  }))
}

async function insertTables(tx: Sql, incoming: readonly IncomingBatch[]): Promise<void> {
  const inOrder = incoming.toSorted((a, b) => a.gatewayId - b.gatewayId)
  for (const { gatewayId, table } of inOrder) {
    if (table === undefined) continue
    const added = await tx.query(
      `insert into series_tables (gateway_id, id, bytes) values ($1, decode($2, 'hex'), $3) on conflict do nothing
       returning 1 as one`,
      [gatewayId, table.id, table.bytes],
    )
    if (added.length > 0) await forgetOldTables(tx, gatewayId)
  }
}

/** Kept of each gateway. One that is asked for after it was forgotten is sent again with the batch. */
export const TABLES_KEPT_MAX = 1_000

async function forgetOldTables(tx: Sql, gatewayId: number): Promise<void> {
  await tx.query(
    `delete from series_tables where gateway_id = $1 and id in
       (select id from series_tables where gateway_id = $1 order by first_seen_at desc, id offset $2)`,
    [gatewayId, TABLES_KEPT_MAX],
  )
}

/** The row of a batch that was not there before. */
interface LoggedBatch {
  id: number
  reused: boolean
}

/** The row of each batch, in the order given; `undefined` for one that was committed before. */
async function insertBatches(
  tx: Sql,
  incoming: readonly IncomingBatch[],
  seriesOf: readonly (readonly number[])[],
): Promise<(LoggedBatch | undefined)[]> {
  const digests = incoming.map(({ batch }, index) => digestOf(batch, seriesOf[index] ?? []))
  const rows = await tx.query<LoggedBatch & { place: number }>(
    `with given as (
       select * from unnest($1::int[], $2::bigint[], $3::int2[], $4::bigint[], $5::bigint[], $6::int[], $7::text[],
                            $8::bigint[], $9::float8[], $10::float8[], $11::text[]) with ordinality
            as t(gateway_id, epoch, lane, first, last, readings, missing, config_version, oldest_ms, newest_ms, digest,
                 place)),
     inserted as (
       insert into batches (gateway_id, epoch, lane, first, last, readings, missing, config_version, oldest_at,
                            newest_at, digest)
       select gateway_id, epoch, lane, first, last, readings, missing::jsonb, config_version,
              to_timestamp(oldest_ms / 1000), to_timestamp(newest_ms / 1000), decode(digest, 'hex')
       from given order by gateway_id, epoch, first, last, digest
       on conflict (gateway_id, epoch, first, last, digest) do nothing
       returning id, gateway_id, epoch, first, last, digest)
     select i.id, min(g.place)::int as place,
       exists (select from batches b where (b.gateway_id, b.epoch, b.first, b.last)
                                         = (i.gateway_id, i.epoch, i.first, i.last)) as reused
     from inserted i
     join given g on (g.gateway_id, g.epoch, g.first, g.last, decode(g.digest, 'hex'))
                   = (i.gateway_id, i.epoch, i.first, i.last, i.digest)
     group by i.id, i.gateway_id, i.epoch, i.first, i.last`,
    [
      incoming.map(({ gatewayId }) => gatewayId),
      incoming.map(({ batch }) => batch.epoch),
      incoming.map(({ lane }) => LANES.indexOf(lane)),
      incoming.map(({ batch }) => batch.first),
      incoming.map(({ batch }) => batch.last),
      incoming.map(({ batch }) => batch.readings.length),
      incoming.map(({ batch }) => (batch.missing.length === 0 ? null : JSON.stringify(batch.missing))),
      incoming.map(({ batch }) => batch.configVersion),
      incoming.map(({ batch }) => edge(batch, Math.min)),
      incoming.map(({ batch }) => edge(batch, Math.max)),
      digests,
    ],
  )
  // The same batch twice in one group: its rows go in once, with the first of them.
  const byPlace = new Map(rows.map(({ place, id, reused }) => [place, { id, reused }]))
  return incoming.map((_, index) => byPlace.get(index + 1))
}

const DIGEST_HEX_LENGTH = 32

/** What the readings of a batch say, in 128 bits. */
function digestOf({ readings }: Batch, series: readonly number[]): string {
  const said = Float64Array.from(
    readings.flatMap(({ seq, at, value, quality, timeQuality }, index) => [
      ...[seq, series[index] as number, at, value ?? Number.NaN],
      ...[QUALITIES[quality].code, TIME_QUALITIES[timeQuality]],
    ]),
  )
  return hash('sha256', new Uint8Array(said.buffer), 'hex').slice(0, DIGEST_HEX_LENGTH)
}

function edge({ readings }: Batch, choose: (...values: number[]) => number): number | null {
  return readings.length === 0 ? null : choose(...readings.map(({ at }) => at))
}
