// Rows as columns: how readings lie on the gateway's disk and on the wire.
//
// Five columns, in this order: series (how far from "one more than the row before"; the row before the first is
// −1), time (difference to the row before), quality, time quality, each as runs; then the values that are there, row by row. A value is a
// whole number of its series' decimals, as the difference to the value before of the same series, or, where it
// is not, an IEEE 754 number. What is read back equals what was written, to the last bit (−0 becomes 0).

import { type ByteReader, type ByteWriter, readRuns, within, writeRuns } from './bytes.ts'
import {
  QUALITIES,
  type Quality,
  qualityOf,
  TIME_MAX,
  TIME_QUALITIES,
  type TimeQuality,
  timeQualityOf,
} from './reading.ts'
import { Rejected } from './runtime/errors.ts'

/** A reading whose series is an index into a list that both sides know. */
export interface Row {
  series: number
  at: number
  value: number | null
  quality: Quality
  timeQuality: TimeQuality
}

/** How the values of a series are written: 0 to 15 decimals, or one of the two IEEE forms. */
export type Scale = number

/** Values as IEEE 754 single precision. */
export const SCALE_F32: Scale = 32

/** Values as IEEE 754 double precision. */
export const SCALE_F64: Scale = 33

const DECIMALS_MAX = 15
/** So that a difference of two, folded with its sign, stays below 2^53. */
const SCALED_MAX = 2 ** 51

/** Whether `scale` is one that this version knows. */
export function isScale(scale: number): boolean {
  return (
    (Number.isInteger(scale) && scale >= 0 && scale <= DECIMALS_MAX) ||
    scale === SCALE_F32 ||
    scale === SCALE_F64
  )
}

/** The smallest scale that holds all values exactly. */
export function scaleOf(values: readonly number[]): Scale {
  let decimals = 0
  for (const value of values) {
    while (decimals <= DECIMALS_MAX && scaled(value, decimals) === undefined) decimals += 1
  }
  // A later value may have asked for more decimals than an earlier, larger one has room for.
  if (decimals <= DECIMALS_MAX && values.every(value => holds(decimals, value))) return decimals
  return values.every(value => holds(SCALE_F32, value)) ? SCALE_F32 : SCALE_F64
}

/** Whether a value can be written with this scale and read back the same. */
export function holds(scale: Scale, value: number): boolean {
  if (scale === SCALE_F64) return true
  if (scale === SCALE_F32) return Math.fround(value) === value
  return scaled(value, scale) !== undefined
}

/** Writes the columns of `rows`. `scales` says for each series how its values are written; they must fit. */
export function writeColumns(writer: ByteWriter, rows: readonly Row[], scales: readonly Scale[]): void {
  writeRuns(
    writer,
    rows.map((row, index) => row.series - (index === 0 ? -1 : (rows[index - 1] as Row).series) - 1),
  )
  writeRuns(
    writer,
    rows.map((row, index) => row.at - (index === 0 ? 0 : (rows[index - 1] as Row).at)),
  )
  writeRuns(
    writer,
    rows.map(({ quality }) => QUALITIES[quality].code),
  )
  writeRuns(
    writer,
    rows.map(({ timeQuality }) => TIME_QUALITIES[timeQuality]),
  )
  const before = new Map<number, number>()
  for (const { series, value } of rows) {
    if (value === null) continue
    const scale = scales[series] as Scale
    if (scale === SCALE_F64) writer.f64(value)
    else if (scale === SCALE_F32) writer.f32(value)
    else {
      const whole = scaled(value, scale)
      if (whole === undefined) throw new Error(`Cannot write ${value} with ${scale} decimals`)
      writer.zigzag(whole - (before.get(series) ?? 0))
      before.set(series, whole)
    }
  }
}

/**
 * Reads `count` rows that writeColumns() wrote. `nameOf` is what messages call a row. Throws Rejected for anything it
 * could not have written.
 */
export function readColumns(
  reader: ByteReader,
  count: number,
  scales: readonly Scale[],
  nameOf: (row: number) => string = row => `row ${row}`,
): Row[] {
  const seriesSteps = readRuns(reader, count, 'series')
  const timeSteps = readRuns(reader, count, 'time')
  const qualities = readRuns(reader, count, 'quality')
  const timeQualities = readRuns(reader, count, 'time quality')
  const before = new Map<number, number>()
  const rows: Row[] = []
  let series = -1
  let at = 0
  for (let index = 0; index < count; index += 1) {
    series += (seriesSteps[index] as number) + 1
    at += timeSteps[index] as number
    const codes = { quality: qualities[index] as number, timeQuality: timeQualities[index] as number }
    rows.push(within(nameOf(index), () => readRow(reader, { series, at, ...codes }, scales, before)))
  }
  return rows
}

function readRow(
  reader: ByteReader,
  { series, at, ...codes }: { series: number; at: number; quality: number; timeQuality: number },
  scales: readonly Scale[],
  before: Map<number, number>,
): Row {
  const scale = scales[series]
  if (scale === undefined) throw new Rejected(`there is no series ${series}, only ${scales.length} of them`)
  if (at < 0 || at > TIME_MAX) throw new Rejected(`time ${at} is not from 0 to ${TIME_MAX}`)
  const quality = qualityOf(codes.quality)
  if (quality === undefined) throw new Rejected(`no quality has the code ${codes.quality}`)
  const timeQuality = timeQualityOf(codes.timeQuality)
  if (timeQuality === undefined) throw new Rejected(`no time quality has the code ${codes.timeQuality}`)
  const value = QUALITIES[quality].hasValue ? readValue(reader, series, scale, before) : null
  return { series, at, value, quality, timeQuality }
}

function readValue(reader: ByteReader, series: number, scale: Scale, before: Map<number, number>): number {
  if (scale <= DECIMALS_MAX) {
    const whole = (before.get(series) ?? 0) + reader.zigzag()
    before.set(series, whole)
    return whole / 10 ** scale
  }
  const value = scale === SCALE_F32 ? reader.f32() : reader.f64()
  if (!Number.isFinite(value)) throw new Rejected(`value ${value} is not a finite number`)
  return value
}

/** `value` as a whole number of 10^−decimals, if it is exactly one. */
function scaled(value: number, decimals: number): number | undefined {
  const whole = Math.round(value * 10 ** decimals)
  return Math.abs(whole) <= SCALED_MAX && whole / 10 ** decimals === value ? whole : undefined
}
