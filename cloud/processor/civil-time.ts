// Civil time: which hour, day and month an instant falls in, as people in Chile count them.
//
// A civil day has 23, 24 or 25 hours, and may begin at 01:00: in Chile the clocks change at midnight. Its borders are
// always borders of whole hours UTC, so days are sums of hours.

import { CIVIL_ZONE, civilDate } from '../../protocol/civil-date.ts'

export { CIVIL_ZONE }

/** An hour, in milliseconds. */
export const HOUR_MS = 3_600_000

/** A stretch of time: its beginning included, its end not. Epoch milliseconds. */
export interface Span {
  from: number
  to: number
}

/** When the hour of an instant begins. */
export function hourOf(at: number): number {
  return at - (at % HOUR_MS)
}

/** The civil day of an instant. */
export function dayOf(at: number): Span {
  return spanOfDay(civilDate(at))
}

/** The civil month of an instant. */
export function monthOf(at: number): Span {
  const first = civilDate(at).with({ day: 1 })
  return { from: startOf(first), to: startOf(first.add({ months: 1 })) }
}

/** The civil date of an instant, `2026-09-06`. */
export function dateOf(at: number): string {
  return civilDate(at).toString()
}

/** The civil day of a date. Throws RangeError when the text is not one. */
export function daySpan(date: string): Span {
  return spanOfDay(Temporal.PlainDate.from(date))
}

/** The date so many days later, or earlier. */
export function addDays(date: string, days: number): string {
  return Temporal.PlainDate.from(date).add({ days }).toString()
}

/** Days are counted on the calendar, not on the clock: a day that begins at 01:00 is followed by one at 00:00. */
function spanOfDay(date: Temporal.PlainDate): Span {
  return { from: startOf(date), to: startOf(date.add({ days: 1 })) }
}

const startOf = (date: Temporal.PlainDate): number => date.toZonedDateTime(CIVIL_ZONE).epochMilliseconds
