// The rows of an export: one for each instant, with the value of each series at it.

import type { Variable } from '../../protocol/variables.ts'
import { CIVIL_ZONE } from '../processor/civil-time.ts'
import type { ExportedRow } from '../store/exports.ts'

/** A column of an export: a variable, and how its values and qualities are headed. */
export interface Column {
  id: number
  variable: Variable
  unit: string
}

/** One value. */
export interface ExportedCell {
  value: number | null
  quality: string
}

/** One row. */
export interface ExportedLine {
  at: number
  /** In the order of the columns; `undefined` where there is nothing of that instant. */
  cells: readonly (ExportedCell | undefined)[]
}

/** What heads the columns after the two of time. */
export const headOf = (columns: readonly Column[]): string[] =>
  columns.flatMap(({ variable, unit }) => [`${variable} (${unit})`, `${variable} quality`])

/** The lines of values that come in the order of time. */
export function* linesOf(
  rows: readonly ExportedRow[],
  columns: readonly Column[],
  nameOf: (quality: number) => string,
): Generator<ExportedLine> {
  const places = new Map(columns.map(({ id }, place) => [id, place]))
  let line: { at: number; cells: (ExportedCell | undefined)[] } | undefined
  for (const { at, seriesId, value, quality } of rows) {
    if (line !== undefined && line.at !== at) yield line
    if (line?.at !== at) line = { at, cells: Array.from({ length: columns.length }) }
    const place = places.get(seriesId)
    if (place !== undefined) line.cells[place] = { value, quality: nameOf(quality) }
  }
  if (line !== undefined) yield line
}

/** How far civil time is before or after UTC at an instant, in milliseconds. */
export function civilOffsetMs(at: number): number {
  const hour = Math.floor(at / 3_600_000)
  const known = offsets.get(hour)
  if (known !== undefined) return known
  const zoned = Temporal.Instant.fromEpochMilliseconds(hour * 3_600_000).toZonedDateTimeISO(CIVIL_ZONE)
  const offsetMs = zoned.offsetNanoseconds / 1e6
  if (offsets.size >= OFFSETS_MAX) offsets.clear()
  offsets.set(hour, offsetMs)
  return offsetMs
}

/** Zones change at whole hours. */
const offsets = new Map<number, number>()
const OFFSETS_MAX = 10_000
