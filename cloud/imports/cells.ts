// Cells as values: numbers with a decimal comma or point, and times in the forms that people export.

import { CIVIL_ZONE } from '../processor/civil-time.ts'
import type { FileFormat } from './format.ts'

/** What stands in a cell that has nothing. */
const ABSENT = /^(|-|--|null|nan|n\/a|na|none|s\/d|sin datos)$/i

/** Whether a cell has nothing. */
export const isAbsent = (text: string): boolean => ABSENT.test(text)

const WITH_POINT = /^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?$|^[+-]?\.\d+$|^[+-]?\d+(\.\d*)?e[+-]?\d{1,3}$/i
const WITH_COMMA = /^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?$|^[+-]?,\d+$|^[+-]?\d+(,\d*)?e[+-]?\d{1,3}$/i

/** A number as it is written; `undefined` when it is none. Thousands may be grouped by threes. */
export function toNumber(text: string, decimal: ',' | '.'): number | undefined {
  if (!(decimal === ',' ? WITH_COMMA : WITH_POINT).test(text)) return undefined
  const plain = decimal === ',' ? text.replaceAll('.', '').replace(',', '.') : text.replaceAll(',', '')
  return Number(plain)
}

/** What the decimal sign of numbers is: the only one that reads them all, and whether the other one would as well. */
export function decimalOf(
  texts: readonly string[],
  preferred: ',' | '.',
): { decimal: ',' | '.'; isSure: boolean } {
  const fits = (decimal: ',' | '.') => texts.filter(text => toNumber(text, decimal) !== undefined).length
  const [comma, point] = [fits(','), fits('.')]
  if (comma !== point) return { decimal: comma > point ? ',' : '.', isSure: true }
  const differ = texts.some(text => toNumber(text, ',') !== toNumber(text, '.'))
  return { decimal: preferred, isSure: !differ }
}

/** The parts of a time, as they are written. */
export interface WrittenTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
  /** Minutes ahead of UTC, where the text says. */
  offset: number | undefined
}

const CLOCK = String.raw`(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?\s*([ap]\.?\s?m\.?)?)?`
const OFFSET = String.raw`\s*(Z|UTC|[+-]\d{2}:?\d{2})?`
const ISO = new RegExp(`^(\\d{4})[-/](\\d{1,2})[-/](\\d{1,2})${CLOCK}${OFFSET}$`, 'i')
const LOCAL = new RegExp(`^(\\d{1,2})[-/.](\\d{1,2})[-/.](\\d{4}|\\d{2})${CLOCK}${OFFSET}$`, 'i')

/** A time in one of the forms; `undefined` when it is not one. */
export function readTime(text: string, dates: FileFormat['dates']): WrittenTime | undefined {
  const found = (dates === 'iso' ? ISO : LOCAL).exec(text)
  if (found === null) return undefined
  const [a = '', b = '', c = ''] = found.slice(1, 4)
  const [year, month, day] = dates === 'iso' ? [a, b, c] : dates === 'day-month-year' ? [c, b, a] : [c, a, b]
  const [hour = '0', minute = '0', second = '0', fraction = '0', half, offset] = found.slice(4)
  const hours = hourOf(Number(hour), half)
  if (hours === undefined) return undefined
  return {
    year: year.length === 2 ? 2000 + Number(year) : Number(year),
    month: Number(month),
    day: Number(day),
    hour: hours,
    minute: Number(minute),
    second: Number(second),
    millisecond: Number(fraction.padEnd(3, '0').slice(0, 3)),
    offset: offsetOf(offset),
  }
}

function hourOf(hour: number, half: string | undefined): number | undefined {
  if (half === undefined) return hour
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (/^p/i.test(half) ? 12 : 0)
}

function offsetOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^(z|utc)$/i.test(text)) return 0
  const [sign, hours, minutes] = [text[0] === '-' ? -1 : 1, Number(text.slice(1, 3)), Number(text.slice(-2))]
  return sign * (hours * 60 + minutes)
}

/** Which order of day and month reads all times, and whether the other one would as well. */
export function datesOf(texts: readonly string[]): { dates: FileFormat['dates']; isSure: boolean } {
  const reads = (dates: FileFormat['dates']) => texts.filter(text => isTime(readTime(text, dates))).length
  const iso = reads('iso')
  const [dayFirst, monthFirst] = [reads('day-month-year'), reads('month-day-year')]
  if (iso >= Math.max(dayFirst, monthFirst)) return { dates: 'iso', isSure: true }
  if (dayFirst !== monthFirst) {
    return { dates: dayFirst > monthFirst ? 'day-month-year' : 'month-day-year', isSure: true }
  }
  return { dates: 'day-month-year', isSure: false }
}

/** Whether the parts of a time can be. */
export function isTime(time: WrittenTime | undefined): time is WrittenTime {
  if (time === undefined || time.minute > 59 || time.second > 59 || time.hour > 23) return false
  if (time.month < 1 || time.month > 12 || time.day < 1) return false
  return time.day <= new Date(Date.UTC(time.year, time.month, 0)).getUTCDate()
}

/** The instants that a time can be: one, two where the clocks went back, none where they went forward. */
export function instantsOf(time: WrittenTime, zone: FileFormat['zone']): number[] {
  const { year, month, day, hour, minute, second, millisecond, offset } = time
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second, millisecond)
  if (offset !== undefined) return [asUtc - offset * 60_000]
  if (zone === 'UTC' || zone === 'offset') return [asUtc]
  if (zone === 'UTC-4') return [asUtc + 4 * HOUR_MS]
  // Santiago is three or four hours behind: what is right, reads the same there.
  return [asUtc + 3 * HOUR_MS, asUtc + 4 * HOUR_MS].filter(at => offsetHoursAt(at) === (asUtc - at) / HOUR_MS)
}

const HOUR_MS = 3_600_000

/** The civil offset of an hour, remembered: asking the calendar is slow. */
const offsets = new Map<number, number>()
const OFFSETS_MAX = 200_000

function offsetHoursAt(at: number): number {
  const hour = Math.floor(at / HOUR_MS)
  const known = offsets.get(hour)
  if (known !== undefined) return known
  if (offsets.size >= OFFSETS_MAX) offsets.clear()
  const zoned = Temporal.Instant.fromEpochMilliseconds(hour * HOUR_MS).toZonedDateTimeISO(CIVIL_ZONE)
  const offset = zoned.offsetNanoseconds / 3.6e12
  offsets.set(hour, offset)
  return offset
}
