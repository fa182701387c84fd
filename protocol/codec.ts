// Batches as bytes. protocol/README.md describes them for whoever writes a gateway in another language.
//
//   byte 0      version, 1
//   byte 1      flags: 1 table inside · 2 body compressed with zstd · 4 scales inside · 8 missing ranges inside
//   then        the table: varint length and JSON, or the first eight bytes of the JSON's SHA-256
//   then        the body, compressed or not: header, ranges, scales, columns
//   last four   CRC-32 (IEEE, little-endian) of everything before
//
// encodeBatch() and decodeBatch() are inverses; decodeBatch() throws Rejected for anything else.

import { hash } from 'node:crypto'
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { z } from 'zod'
import {
  BATCH_BYTES_MAX,
  BATCH_READINGS_MAX,
  type Batch,
  type ClockState,
  MESSAGE_BYTES_MAX,
  type MissingRange,
  type MissingReason,
  SERIES_MAX,
  type SeriesTable,
} from './batch.ts'
import { ByteReader, ByteWriter, readRuns, within, writeRuns } from './bytes.ts'
import { holds, isScale, type Row, readColumns, type Scale, scaleOf, writeColumns } from './columns.ts'
import { Slug } from './ids.ts'
import { pathText, reasonsOf } from './mistakes.ts'
import { TIME_QUALITIES, timeQualityOf, VariableName } from './reading.ts'
import { Rejected, reasonOf } from './runtime/errors.ts'
import type { Variable } from './variables.ts'

const VERSION = 1
const TABLE_INSIDE = 1
const COMPRESSED = 2
const SCALES_INSIDE = 4
const MISSING_INSIDE = 8
const NAME_BYTES = 8
const MISSING_MAX = 64
const MISSING_REASONS: readonly MissingReason[] = ['evicted', 'damaged']

/** The bytes of a table, and the name they give it: 16 hexadecimal digits. */
export interface EncodedTable {
  id: string
  bytes: Uint8Array
}

const TableJson = z.strictObject({
  gateway: Slug,
  client: Slug,
  project: Slug,
  series: z
    .array(z.tuple([Slug, VariableName, z.int().refine(isScale, 'must be a scale: 0 to 15, 32 or 33')]))
    .max(SERIES_MAX),
})

/** A table as the JSON that its name is the hash of. */
export function encodeTable({ gateway, client, project, series }: SeriesTable): EncodedTable {
  const rows = series.map(({ point, variable, scale }) => [point, variable, scale])
  const bytes = new TextEncoder().encode(JSON.stringify({ gateway, client, project, series: rows }))
  return { id: nameOf(bytes), bytes }
}

/** Reads the bytes of a table. Throws Rejected, with everything that is wrong, when they are not one. */
export function decodeTable(bytes: Uint8Array): SeriesTable {
  return within('Cannot read table', () => readTable(bytes))
}

function readTable(bytes: Uint8Array): SeriesTable {
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new Rejected(`it is not JSON: ${reasonOf(cause)}`, { cause })
  }
  const { data, error } = TableJson.safeParse(document)
  if (error !== undefined) throw new Rejected(reasonsOf(error, placeInTable), { cause: error })
  const { series, ...owner } = data
  return { ...owner, series: series.map(([point, variable, scale]) => ({ point, variable, scale })) }
}

/** `series[0]`, with the part of the row where the message does not name it itself. */
function placeInTable(path: readonly PropertyKey[]): string {
  const part = path[0] === 'series' ? ['.point', '', '.scale'][Number(path[2])] : undefined
  return part === undefined ? pathText(path) : `${pathText(path.slice(0, 2))}${part}`
}

/** A batch as bytes; with its table inside when the cloud may not know it yet. */
export function encodeBatch(batch: Batch, { withTable }: { withTable: boolean }): Uint8Array {
  const { table } = batch
  const index = new Map(
    table.series.map(({ point, variable }, position) => [`${point}/${variable}`, position]),
  )
  const rows = batch.readings.map(reading => {
    const series = index.get(`${reading.point}/${reading.variable}`)
    if (series === undefined)
      throw new Error(`Cannot encode ${reading.point}/${reading.variable}: not in the table`)
    return { series, ...reading }
  })
  const scales = fittingScales(table, rows)
  const body = encodeBody(batch, rows, scales)
  const compressed = compress(body)
  const { id, bytes: tableBytes } = encodeTable(table)

  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.u8(
    (withTable ? TABLE_INSIDE : 0) |
      (compressed === undefined ? 0 : COMPRESSED) |
      (scales === undefined ? 0 : SCALES_INSIDE) |
      (batch.missing.length === 0 ? 0 : MISSING_INSIDE),
  )
  if (withTable) {
    writer.varint(tableBytes.length)
    writer.raw(tableBytes)
  } else writer.raw(Buffer.from(id, 'hex'))
  writer.raw(compressed ?? body)
  writer.u32(crc32(writer.bytes()))
  return writer.bytes()
}

/** What a batch says of itself before its table is known. */
export interface BatchHead {
  epoch: number
  first: number
  last: number
}

/** What came out of a batch's bytes. */
export type Decoded =
  | { kind: 'batch'; batch: Batch; tableId: string; tableBytes?: Uint8Array }
  | { kind: 'table-unknown'; tableId: string; head: BatchHead }

/**
 * Reads the bytes of a batch. `tableOf` gives the table of that name if it is known. Throws Rejected, with what is
 * wrong and where, when the bytes are not a batch; `readBatchHead()` may still say which numbers it was about.
 */
export function decodeBatch(bytes: Uint8Array, tableOf: (id: string) => SeriesTable | undefined): Decoded {
  return within('Cannot read batch', () => readBatch(bytes, tableOf))
}

function readBatch(bytes: Uint8Array, tableOf: (id: string) => SeriesTable | undefined): Decoded {
  const { flags, tableId: id, tableBytes, body } = openEnvelope(bytes)
  const head = readHead(body)
  const table = tableBytes === undefined ? tableOf(id) : within('its table', () => readTable(tableBytes))
  if (table === undefined) return { kind: 'table-unknown', tableId: id, head: toBatchHead(head) }
  const missing = (flags & MISSING_INSIDE) === 0 ? [] : readMissing(body, head)
  const scales =
    (flags & SCALES_INSIDE) === 0
      ? table.series.map(({ scale }) => scale)
      : readScales(body, table.series.length)
  const numbers = presentNumbers(head, missing)
  const rows = readColumns(body, head.count, scales, row => `reading ${numbers[row]}`)
  if (body.left > 0) throw new Rejected(`${body.left} bytes after its end`)
  const readings = rows.map(({ series, ...reading }, position) => {
    const { point, variable } = table.series[series] as { point: string; variable: Variable }
    return { seq: numbers[position] as number, point, variable, ...reading }
  })
  const { epoch, first, configVersion, clock } = head
  const batch: Batch = { table, epoch, first, last: head.last, configVersion, clock, readings, missing }
  return { kind: 'batch', batch, tableId: id, ...(tableBytes === undefined ? {} : { tableBytes }) }
}

/** Which numbers a batch is about, for the answer to one that cannot be read; `undefined` when not even that can. */
export function readBatchHead(bytes: Uint8Array): BatchHead | undefined {
  try {
    return toBatchHead(readHead(openEnvelope(bytes).body))
  } catch (error) {
    if (error instanceof Rejected) return undefined
    throw error
  }
}

interface Head extends BatchHead {
  count: number
  configVersion: number
  clock: ClockState
}

const toBatchHead = ({ epoch, first, last }: Head): BatchHead => ({ epoch, first, last })

/** The name of a table or of a message: the first eight bytes of its SHA-256, in hexadecimal digits. */
export function nameOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, NAME_BYTES * 2)
}

/**
 * The version of a message that is whole and of another version than this one; `undefined` for any other. The first byte
 * and the CRC-32 at the end are where they are in every version.
 */
export function foreignVersion(bytes: Uint8Array): number | undefined {
  if (bytes.length < 6 || bytes[0] === VERSION) return undefined
  const end = bytes.length - 4
  const isWhole = crc32(bytes.subarray(0, end)) === new ByteReader(bytes.subarray(end)).u32()
  return isWhole ? bytes[0] : undefined
}

/** The scales to send when those of the table do not hold every value; `undefined` when they do. */
function fittingScales(table: SeriesTable, rows: readonly Row[]): Scale[] | undefined {
  const values = new Map<number, number[]>()
  for (const { series, value } of rows) {
    if (value === null) continue
    const found = values.get(series)
    if (found === undefined) values.set(series, [value])
    else found.push(value)
  }
  let changed = false
  const scales = table.series.map(({ scale }, series) => {
    const found = values.get(series)
    if (found === undefined || found.every(value => holds(scale, value))) return scale
    changed = true
    return scaleOf(found)
  })
  return changed ? scales : undefined
}

function encodeBody(batch: Batch, rows: readonly Row[], scales: Scale[] | undefined): Uint8Array {
  const { table, epoch, first, last, configVersion, clock, missing } = batch
  const writer = new ByteWriter()
  writer.u32(epoch)
  writer.varint(first)
  writer.varint(last - first)
  writer.varint(rows.length)
  writer.varint(configVersion)
  writer.u8(TIME_QUALITIES[clock.quality])
  writer.varint(clock.errorMs === undefined ? 0 : clock.errorMs + 1)
  if (missing.length > 0) {
    writer.varint(missing.length)
    let from = first
    for (const range of missing) {
      writer.varint(range.first - from)
      writer.varint(range.last - range.first)
      writer.u8(MISSING_REASONS.indexOf(range.reason))
      from = range.last + 1
    }
  }
  if (scales !== undefined) writeRuns(writer, scales)
  writeColumns(writer, rows, scales ?? table.series.map(({ scale }) => scale))
  return writer.bytes()
}

function compress(body: Uint8Array): Uint8Array | undefined {
  const packed = zstdCompressSync(body, {
    // What comes out is smaller; unless told, each call keeps 16 KiB for it until the next collection.
    chunkSize: Math.max(64, body.length),
    params: { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_contentSizeFlag]: 0 },
  })
  return packed.length < body.length ? packed : undefined
}

interface Envelope {
  flags: number
  tableId: string
  tableBytes?: Uint8Array
  body: ByteReader
}

function openEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MESSAGE_BYTES_MAX)
    throw new Rejected(`${bytes.length} bytes, at most ${MESSAGE_BYTES_MAX} are allowed`)
  if (bytes.length < 4) throw new Rejected(`${bytes.length} bytes are too few`)
  const checked = bytes.subarray(0, bytes.length - 4)
  const crc = new ByteReader(bytes.subarray(bytes.length - 4)).u32()
  const reader = new ByteReader(checked)
  const version = reader.u8()
  if (version !== VERSION) throw new Rejected(`version ${version}, this side speaks ${VERSION}`)
  if (crc32(checked) !== crc) throw new Rejected('its CRC-32 does not match')
  const flags = reader.u8()
  if (flags > 15) throw new Rejected(`unknown flags ${flags}`)
  let tableBytes: Uint8Array | undefined
  let id: string
  if ((flags & TABLE_INSIDE) === 0) id = Buffer.from(reader.raw(NAME_BYTES)).toString('hex')
  else {
    tableBytes = reader.raw(reader.varint())
    id = nameOf(tableBytes)
  }
  const rest = reader.raw(reader.left)
  const body = new ByteReader((flags & COMPRESSED) === 0 ? rest : decompress(rest), 'its body')
  return { flags, tableId: id, body, ...(tableBytes === undefined ? {} : { tableBytes }) }
}

function decompress(bytes: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: BATCH_BYTES_MAX })
  } catch (cause) {
    throw new Rejected(`its body cannot be decompressed: ${reasonOf(cause)}`, { cause })
  }
}

function readHead(body: ByteReader): Head {
  const epoch = body.u32()
  const first = body.varint()
  const last = first + body.varint()
  const count = body.varint()
  const configVersion = body.varint()
  const quality = timeQualityOf(body.u8())
  const error = body.varint()
  if (epoch === 0 || first === 0 || last > Number.MAX_SAFE_INTEGER) {
    throw new Rejected(`epoch ${epoch} with numbers ${first} to ${last}: both begin at 1`)
  }
  if (count > BATCH_READINGS_MAX) {
    throw new Rejected(`${count} readings, at most ${BATCH_READINGS_MAX} are allowed`)
  }
  if (quality === undefined) throw new Rejected('its clock has an unknown time quality')
  const clock = error === 0 ? { quality } : { quality, errorMs: error - 1 }
  return { epoch, first, last, count, configVersion, clock }
}

function readMissing(body: ByteReader, { first, last }: Head): MissingRange[] {
  const count = body.varint()
  if (count > MISSING_MAX) throw new Rejected(`${count} missing ranges, at most ${MISSING_MAX}`)
  const ranges: MissingRange[] = []
  let from = first
  for (let index = 0; index < count; index += 1) {
    const start = from + body.varint()
    const end = start + body.varint()
    const reason = MISSING_REASONS[body.u8()]
    if (end > last || reason === undefined)
      throw new Rejected(`missing range ${index} ends after ${last}, or its reason is unknown`)
    ranges.push({ first: start, last: end, reason })
    from = end + 1
  }
  return ranges
}

function readScales(body: ByteReader, count: number): Scale[] {
  const scales = readRuns(body, count, 'scales')
  const unknown = scales.find(scale => !isScale(scale))
  if (unknown !== undefined) throw new Rejected(`unknown scale ${unknown}`)
  return scales
}

/** The numbers from first to last that no missing range covers: one for each reading, or it is no batch (T1). */
function presentNumbers({ first, last, count }: Head, missing: readonly MissingRange[]): number[] {
  const lost = missing.reduce((sum, range) => sum + (range.last - range.first + 1), 0)
  if (last - first + 1 - lost !== count) {
    throw new Rejected(`${count} readings for numbers ${first} to ${last} without ${lost}`)
  }
  const numbers: number[] = []
  let next = first
  for (const range of [...missing, { first: last + 1, last }]) {
    for (; next < range.first; next += 1) numbers.push(next)
    next = range.last + 1
  }
  return numbers
}
