// Numbers, instants and ages as people write them. Civil time is Chile's, whoever looks from wherever.

import { VARIABLES } from '../../../protocol/variables.ts'
import type { Variable } from '../api/types.ts'
import type { Messages } from './es.ts'

const ZONE = 'America/Santiago'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How many decimals a variable is shown with. */
const DECIMALS: Partial<Record<Variable, number>> = {
  ...{ total: 1, volume: 1, reverse_total: 1, net_total: 1, pulses: 0, status: 0, battery: 0 },
  ...{ signal_quality: 0, temperature: 1, pressure: 1, conductivity: 0, energy: 1, running_time: 1 },
}
const DECIMALS_DEFAULT = 2

/** Writes in one language. */
export interface Format {
  number(value: number, decimals: number): string
  /** Without its unit. */
  value(variable: Variable, value: number): string
  withUnit(variable: Variable, value: number): string
  unit(variable: Variable): string
  /** `24-11-2026, 14:05` */
  instant(at: number): string
  /** With seconds. */
  moment(at: number): string
  day(at: number): string
  /** A civil day as the API writes it: `2026-01-15`. */
  date(day: string): string
  /** Day and month, without the year. */
  shortDay(at: number): string
  time(at: number): string
  month(at: number): string
  /** `hace 5 min`; `nunca` for null. */
  age(at: number | null, now: number): string
  bytes(bytes: number): string
  percent(share: number): string
}

/** Units that are words; the others are signs, and the same everywhere. */
const WORDS = ['pulses', 'code'] as const

const isWord = (unit: string): unit is (typeof WORDS)[number] => WORDS.some(word => word === unit)

/** Opens the writer of a language. */
export function openFormat({ locale, age: ages, unit: words }: Messages): Format {
  const numbers = [0, 1, 2, 3, 4, 5, 6].map(
    digits => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  const dates = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: ZONE, hourCycle: 'h23', ...options })
  const date = { day: '2-digit', month: '2-digit', year: 'numeric' } as const
  const clock = { hour: '2-digit', minute: '2-digit' } as const
  const instant = dates({ ...date, ...clock })
  const moment = dates({ ...date, ...clock, second: '2-digit' })
  const day = dates(date)
  const shortDay = dates({ day: 'numeric', month: 'short' })
  const time = dates(clock)
  const month = dates({ month: 'short', year: 'numeric' })
  const number = (value: number, decimals: number): string =>
    (numbers[decimals] ?? numbers[3])?.format(value) ?? ''
  const value = (variable: Variable, one: number): string =>
    number(one, DECIMALS[variable] ?? DECIMALS_DEFAULT)
  const unit = (variable: Variable): string => {
    const sign = VARIABLES[variable].unit
    return isWord(sign) ? words[sign] : sign
  }
  return {
    number,
    value,
    withUnit: (variable, one) => `${value(variable, one)} ${unit(variable)}`,
    unit,
    instant: at => instant.format(at),
    moment: at => moment.format(at),
    day: at => day.format(at),
    date: one => day.format(Date.parse(`${one}T16:00:00Z`)),
    shortDay: at => shortDay.format(at),
    time: at => time.format(at),
    month: at => month.format(at),
    age(at, now) {
      if (at === null) return ages.never
      const ms = Math.max(0, now - at)
      if (ms < 2_000) return ages.now
      if (ms < MINUTE_MS) return ages.seconds(Math.floor(ms / 1000))
      if (ms < HOUR_MS) return ages.minutes(Math.floor(ms / MINUTE_MS))
      if (ms < 2 * DAY_MS) return ages.hours(Math.floor(ms / HOUR_MS))
      return ages.days(Math.floor(ms / DAY_MS))
    },
    bytes(bytes) {
      if (bytes < 1e6) return `${number(bytes / 1e3, 0)} kB`
      return bytes < 1e9 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 1)} GB`
    },
    percent: share => `${number(share * 100, share > 0 && share < 0.1 ? 1 : 0)} %`,
  }
}
