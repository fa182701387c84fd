// A block: readings of one append and one class, at most 500, as one record of the database.
//
//   key    'b' · first number (u64, big-endian) · how many readings, above them the bit of the class (u16)
//          · how many numbers directly before it are of the class `other` (u16) · length of the value (u16)
//   value  version · time of the first reading · how many · series (count, steps, scales) · columns · CRC-32
//
// The CRC-32 covers the key as well, so a block cannot be taken for another. Series are numbers of the buffer's own
// list (series.ts). A key alone says which numbers a block holds, how large it is, and what of a gap before it was evicted:
// the readings of the class `other`, which go first, leave gaps between the regulatory ones without end.

import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter, readRuns, within, writeRuns } from '../../protocol/bytes.ts'
import { isScale, readColumns, type Scale, scaleOf, writeColumns } from '../../protocol/columns.ts'
import { type Measurement, QUALITIES, type Reading, TIME_MAX } from '../../protocol/reading.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Variable } from '../../protocol/variables.ts'

/** The most readings of a block. */
export const BLOCK_READINGS_MAX = 500

/** The bytes of a key. */
export const KEY_BYTES = 15

/** What a key says of very many numbers of the class `other` before it: that they are all of it. */
export const OTHERS_BEFORE_MAX = 0xffff

const PREFIX = 0x62
const VERSION = 1
const CRC_BYTES = 4
const OTHER_BIT = 0x8000
const VALUE_BYTES_MAX = 0xffff

/** Who is evicted last from a full buffer, and who first. */
export type ReadingClass = 'regulatory' | 'other'

/** One series as the buffer's list has it. */
export interface SeriesName {
  point: string
  variable: Variable
}

/** What a key says. */
export interface BlockKey {
  first: number
  last: number
  class: ReadingClass
  /** How many numbers directly before `first` are of the class `other`; OTHERS_BEFORE_MAX: all of them. */
  othersBefore: number
  /** Of key and value together. */
  bytes: number
}

/** What becomes a block as soon as it gets numbers. */
export interface BlockBody {
  body: Uint8Array
  count: number
  class: ReadingClass
}

/** The lowest key a block with this first number can have: what to seek. */
export function seekKey(first: number): Uint8Array {
  const key = new Uint8Array(9)
  key[0] = PREFIX
  new DataView(key.buffer).setBigUint64(1, BigInt(first))
  return key
}

/** Above every key of a block. */
export const KEYS_END = new Uint8Array([PREFIX + 1])

/** Reads a key; `undefined` when it is not one that blockRecord() wrote. */
export function readKey(key: Uint8Array): BlockKey | undefined {
  if (key.length !== KEY_BYTES || key[0] !== PREFIX) return undefined
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  const first = Number(view.getBigUint64(1))
  const counted = view.getUint16(9)
  const count = counted & ~OTHER_BIT
  if (first < 1 || first > Number.MAX_SAFE_INTEGER - BLOCK_READINGS_MAX) return undefined
  if (count < 1 || count > BLOCK_READINGS_MAX) return undefined
  return {
    ...{ first, last: first + count - 1, class: counted === count ? 'regulatory' : 'other' },
    ...{ othersBefore: view.getUint16(11), bytes: KEY_BYTES + view.getUint16(13) },
  }
}

/**
 * The body of a block that does not know its numbers yet. Throws when a measurement could not be read back as it is:
 * a value without a quality that has one, a time out of range.
 */
export function encodeBody(
  measurements: readonly Measurement[],
  seriesIdOf: (name: SeriesName) => number,
): Uint8Array {
  for (const measurement of measurements) assertWritable(measurement)
  const ids: number[] = []
  const indexes = new Map<number, number>()
  const values: number[][] = []
  const rows = measurements.map(measurement => {
    const id = seriesIdOf(measurement)
    let series = indexes.get(id)
    if (series === undefined) {
      series = ids.length
      indexes.set(id, series)
      ids.push(id)
      values.push([])
    }
    if (measurement.value !== null) values[series]?.push(measurement.value)
    const { at, value, quality, timeQuality } = measurement
    return { series, at, value, quality, timeQuality }
  })
  const scales = values.map(scaleOf)
  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.varint(rows[0]?.at ?? 0)
  writer.varint(rows.length)
  writer.varint(ids.length)
  writeRuns(
    writer,
    ids.map((id, index) => id - (index === 0 ? 0 : (ids[index - 1] as number))),
  )
  writeRuns(writer, scales)
  writeColumns(writer, rows, scales)
  return writer.bytes()
}

/** The record of a block: its key and its value. */
export function blockRecord(
  first: number,
  { body, count, class: readingClass }: BlockBody,
  othersBefore: number,
): { key: Uint8Array; value: Uint8Array } {
  if (body.length + CRC_BYTES > VALUE_BYTES_MAX) throw new Error(`A block of ${body.length} bytes`)
  const key = new Uint8Array(KEY_BYTES)
  const keyView = new DataView(key.buffer)
  key[0] = PREFIX
  keyView.setBigUint64(1, BigInt(first))
  keyView.setUint16(9, readingClass === 'other' ? count | OTHER_BIT : count)
  keyView.setUint16(11, Math.min(othersBefore, OTHERS_BEFORE_MAX))
  keyView.setUint16(13, body.length + CRC_BYTES)
  const value = new Uint8Array(body.length + CRC_BYTES)
  value.set(body)
  new DataView(value.buffer).setUint32(body.length, crc32(body, crc32(key)))
  return { key, value }
}

/** Whether key and value are as they were written. */
export function isIntact(key: Uint8Array, value: Uint8Array): boolean {
  if (value.length < CRC_BYTES || readKey(key)?.bytes !== key.length + value.length) return false
  const end = value.length - CRC_BYTES
  const crc = new DataView(value.buffer, value.byteOffset, value.length).getUint32(end)
  return crc32(value.subarray(0, end), crc32(key)) === crc
}

/** The time of the first reading of an intact block. */
export function firstTime(value: Uint8Array): number {
  const reader = new ByteReader(value)
  reader.u8()
  return reader.varint()
}

/** Reads an intact block. Throws Rejected when it was written by a later version or names an unknown series. */
export function decodeBlock(
  key: Uint8Array,
  value: Uint8Array,
  seriesOf: (id: number) => SeriesName | undefined,
): Reading[] {
  const place = readKey(key)
  if (place === undefined) throw new Rejected('Cannot read block: not a key')
  return within(`Cannot read block ${place.first}`, () => readBlock(place, value, seriesOf))
}

function readBlock(
  { first, last }: { first: number; last: number },
  value: Uint8Array,
  seriesOf: (id: number) => SeriesName | undefined,
): Reading[] {
  const reader = new ByteReader(value.subarray(0, value.length - CRC_BYTES))
  const version = reader.u8()
  if (version !== VERSION) throw new Rejected(`version ${version}`)
  reader.varint()
  const count = reader.varint()
  const seriesCount = reader.varint()
  if (count !== last - first + 1 || seriesCount > count) {
    throw new Rejected(`${count} readings of ${seriesCount} series`)
  }
  let id = 0
  const names = readRuns(reader, seriesCount, 'names').map(step => {
    id += step
    const name = seriesOf(id)
    if (name === undefined) throw new Rejected(`unknown series ${id}`)
    return name
  })
  const scales: Scale[] = readRuns(reader, seriesCount, 'scales')
  if (!scales.every(isScale)) throw new Rejected('unknown scale')
  return readColumns(reader, count, scales, row => `reading ${first + row}`).map(
    ({ series, ...row }, index) => {
      const { point, variable } = names[series] as SeriesName
      return { seq: first + index, point, variable, ...row }
    },
  )
}

function assertWritable({ point, variable, at, value, quality }: Measurement): void {
  const valid =
    Number.isInteger(at) &&
    at >= 0 &&
    at <= TIME_MAX &&
    (value === null || Number.isFinite(value)) &&
    (value !== null) === QUALITIES[quality].hasValue
  if (!valid)
    throw new Rejected(`Cannot keep ${variable} of ${point}: value ${value}, quality ${quality}, at ${at}`)
}
