// The regulator's time: UTC-4 all year, whatever the clocks on the walls do. And when a declaration is owed.
//
// Promises:
//   C1. Every instant here is epoch milliseconds UTC; a date or a time of day is the regulator's.
//   C2. A month without the anchor's day takes its last day: no month is ever skipped.
//   C3. Due instants depend on the frequency alone, not on when anybody began to count.

import { z } from 'zod'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** A day. The regulator's days all have twenty-four hours. */
export const DAY_MS = 24 * HOUR_MS

/** What the regulator's clock is behind UTC. Res. Ex. 2.170, section 2; Res. Ex. 1.238. */
const BEHIND_UTC_MS = 4 * HOUR_MS

/** How often a declaration is owed. `minute` is of the day, the regulator's. */
export const Frequency = z.discriminatedUnion('kind', [
  /** Every so many milliseconds, counted from `minute`, or from midnight; a day has a whole number of them. */
  z.strictObject({
    kind: z.literal('interval'),
    everyMs: z
      .int()
      .min(MINUTE_MS)
      .max(DAY_MS)
      .refine(ms => DAY_MS % ms === 0, 'must divide a day into equal parts'),
    minute: z.int().min(0).max(1439).optional(),
  }),
  /** On one day of each week: 1 is Monday. */
  z.strictObject({
    kind: z.literal('weeks'),
    weekday: z.int().min(1).max(7),
    minute: z.int().min(0).max(1439),
  }),
  /** On one day of the month, every so many months counted from `month`, or from January. */
  z.strictObject({
    kind: z.literal('months'),
    everyMonths: z.literal([1, 2, 3, 4, 6, 12]),
    month: z.int().min(1).max(12).optional(),
    day: z.int().min(1).max(31),
    minute: z.int().min(0).max(1439),
  }),
])

/** How often a declaration is owed. */
export type Frequency = z.infer<typeof Frequency>

/**
 * The due instants of a frequency, `from` included and `to` not, in time's order, at most `limit`.
 *
 * `from` and `to` may be any instants; nothing is owed twice when one call goes on where another ended.
 */
export function dueInstants(
  frequency: Frequency,
  { from, to, limit }: { from: number; to: number; limit: number },
): number[] {
  const found: number[] = []
  let at = frequency.kind === 'months' ? firstMonth(frequency, from) : firstInterval(frequency, from)
  while (at < to && found.length < limit) {
    found.push(at)
    at = frequency.kind === 'months' ? nextMonth(frequency, at) : at + periodOf(frequency)
  }
  return found
}

type Periodic = Exclude<Frequency, { kind: 'months' }>

/** The first day of the epoch was a Thursday. */
const EPOCH_WEEKDAY = 4

const periodOf = (frequency: Periodic): number =>
  frequency.kind === 'interval' ? frequency.everyMs : 7 * DAY_MS

function firstInterval(frequency: Periodic, from: number): number {
  const days = frequency.kind === 'weeks' ? frequency.weekday - EPOCH_WEEKDAY : 0
  const anchor = BEHIND_UTC_MS + days * DAY_MS + (frequency.minute ?? 0) * MINUTE_MS
  const period = periodOf(frequency)
  return Math.ceil((from - anchor) / period) * period + anchor
}

type Monthly = Extract<Frequency, { kind: 'months' }>

function firstMonth(frequency: Monthly, from: number): number {
  const here = dateOf(from)
  const past = (here.month - (frequency.month ?? 1) + 12) % frequency.everyMonths
  const first = here.with({ day: 1 }).subtract({ months: past })
  const at = anchorIn(frequency, first)
  return at >= from ? at : anchorIn(frequency, first.add({ months: frequency.everyMonths }))
}

function nextMonth(frequency: Monthly, at: number): number {
  return anchorIn(frequency, dateOf(at).with({ day: 1 }).add({ months: frequency.everyMonths }))
}

function anchorIn({ day, minute }: Monthly, month: Temporal.PlainDate): number {
  const date = month.with({ day: Math.min(day, month.daysInMonth) })
  return Date.UTC(date.year, date.month - 1, date.day) + minute * MINUTE_MS + BEHIND_UTC_MS
}

const dateOf = (at: number): Temporal.PlainDate => Temporal.PlainDate.from(regulatorDate(at))

/** The first instant of the regulator's year that an instant is in. */
export function regulatorYear(at: number): number {
  return Date.UTC(dateOf(at).year, 0, 1) + BEHIND_UTC_MS
}

/** The regulator's months from that of an instant on: each with its first instant and that of the next. */
export function regulatorMonths(at: number, count: number): { month: string; from: number; to: number }[] {
  const first = dateOf(at).with({ day: 1 })
  const beginOf = (date: Temporal.PlainDate) => Date.UTC(date.year, date.month - 1, date.day) + BEHIND_UTC_MS
  return Array.from({ length: count }, (_, index) => {
    const date = first.add({ months: index })
    return {
      month: date.toString().slice(0, 7),
      ...{ from: beginOf(date), to: beginOf(date.add({ months: 1 })) },
    }
  })
}

/** The regulator's date at an instant: `2026-01-15`. */
export function regulatorDate(at: number): string {
  return shifted(at).slice(0, 10)
}

/** The regulator's time of day at an instant, to the second: `10:00:00`. */
export function regulatorTime(at: number): string {
  return shifted(at).slice(11, 19)
}

/** The regulator's day that an instant is in: `from` included, `to` not. */
export function regulatorDay(at: number): { from: number; to: number } {
  const from = Math.floor((at - BEHIND_UTC_MS) / DAY_MS) * DAY_MS + BEHIND_UTC_MS
  return { from, to: from + DAY_MS }
}

const shifted = (at: number): string => new Date(at - BEHIND_UTC_MS).toISOString()

/** When what was tried at an instant may be tried again: one attempt a day (Res. Ex. 2.170, section 6.2). */
export function nextDay(at: number): number {
  return at + DAY_MS
}

/** A month as it is written: `2026-01`. */
export const MONTH = /^20\d\d-(0[1-9]|1[0-2])$/

/** The stretch of the regulator's month that is written so, its end not included. */
export function regulatorMonth(month: string): { from: number; to: number } {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return {
    from: Date.UTC(year, number - 1, 1) + BEHIND_UTC_MS,
    to: Date.UTC(year, number, 1) + BEHIND_UTC_MS,
  }
}
