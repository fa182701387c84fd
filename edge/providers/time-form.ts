// Instants as APIs write them: epochs, ISO 8601, and patterns such as dd/MM/yyyy HH:mm:ss.
//
// A civil time that was twice, when clocks were set back, or never, when they were set forward, is nobody's instant: it is
// refused, for an hour more or less is another measurement.

import type { TimeForm } from '../../protocol/json-provider-config.ts'

/** Reads an instant; `undefined` for what is none, or could be two. */
export function readTime(value: unknown, form: TimeForm): number | undefined {
  switch (form.format) {
    case 'epoch_s':
      return epochOf(value, 1_000)
    case 'epoch_ms':
      return epochOf(value, 1)
    case 'iso':
      return typeof value === 'string' ? readIso(value.trim(), form.zone) : undefined
    default:
      return typeof value === 'string' ? readPattern(value.trim(), form) : undefined
  }
}

/** Which end of a stretch of time an instant is: it is written so that nothing of the stretch is left out. */
export type End = 'from' | 'to'

/** Writes one end of a stretch of time. */
export function writeTime(at: number, form: TimeForm, end: End): string {
  const { format, zone = 'UTC' } = form
  const step = stepOf(format)
  const moved = (end === 'from' ? Math.floor(at / step) : Math.ceil(at / step)) * step
  if (format === 'epoch_ms') return String(moved)
  if (format === 'epoch_s') return String(moved / 1_000)
  if (format === 'iso') return new Date(moved).toISOString()
  const civil = Temporal.Instant.fromEpochMilliseconds(moved).toZonedDateTimeISO(zone)
  const parts: Record<string, string> = {
    ...{ yyyy: padded(civil.year, 4), MM: padded(civil.month, 2), dd: padded(civil.day, 2) },
    ...{ HH: padded(civil.hour, 2), mm: padded(civil.minute, 2), ss: padded(civil.second, 2) },
    SSS: padded(civil.millisecond, 3),
  }
  return format.replace(TOKEN, token => parts[token] ?? token)
}

const TOKEN = /yyyy|MM|dd|HH|mm|SSS|ss/g

const padded = (value: number, digits: number): string => String(value).padStart(digits, '0')

/** How much lies between two instants that are written differently. */
function stepOf(format: string): number {
  if (format === 'epoch_ms' || format === 'iso' || format.includes('SSS')) return 1
  return format === 'epoch_s' || format.includes('ss') ? 1_000 : 60_000
}

function epochOf(value: unknown, ms: number): number | undefined {
  const isNumber =
    typeof value === 'number' || (typeof value === 'string' && /^\d{1,15}(\.\d{1,9})?$/.test(value))
  // A part of a second is written in an epoch of seconds; a part of a millisecond is no instant of ours.
  const at = isNumber ? (ms === 1 ? Number(value) : Math.round(Number(value) * ms)) : Number.NaN
  return Number.isSafeInteger(at) && at >= 0 ? at : undefined
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?$/i

function readIso(text: string, zone: string | undefined): number | undefined {
  const found = ISO.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second = 0] = found.slice(1, 7).map(part => Number(part ?? 0))
  const millisecond = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3))
  const said = found[8]?.toUpperCase()
  const written = said === undefined || said === 'Z' ? said && 'UTC' : offsetOf(said)
  return instantOf({ year, month, day, hour, minute, second, millisecond }, written ?? zone)
}

/** `-03`, `-0300`, `-03:00` → `-03:00`. */
const offsetOf = (text: string): string => `${text.slice(0, 3)}:${text.slice(3).replace(':', '') || '00'}`

function readPattern(text: string, { format, zone }: TimeForm): number | undefined {
  const tokens = format.match(TOKEN) ?? []
  const source = format.replace(/[/.]/g, '\\$&').replace(TOKEN, token => `(\\d{${token.length}})`)
  const found = new RegExp(`^${source}$`).exec(text)
  if (found === null) return undefined
  const parts = Object.fromEntries(tokens.map((token, index) => [token, Number(found[index + 1])]))
  const { yyyy: year, MM: month, dd: day, HH: hour, mm: minute, ss: second, SSS: millisecond } = parts
  return instantOf({ year, month, day, hour, minute, second, millisecond }, zone)
}

type Parts = Partial<
  Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'millisecond', number | undefined>
>

function instantOf(parts: Parts, zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0 } = parts
  try {
    return Temporal.PlainDateTime.from(
      { year, month, day, hour, minute, second, millisecond },
      { overflow: 'reject' },
    ).toZonedDateTime(zone, { disambiguation: 'reject' }).epochMilliseconds
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
