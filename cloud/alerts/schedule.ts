// When a rule looks: hours of the week in civil time, so that a night is a night on both sides of a change of the clocks.

import { CIVIL_ZONE } from '../../protocol/civil-date.ts'
import { type AlertHours, WEEK_DAYS } from './rule.ts'

/** The first instant from `at` on that is not within hours, to five minutes; `at` where a week has none. */
export function firstOutside(hours: readonly AlertHours[], at: number): number {
  if (hours.length === 0) return at
  const steps = (7 * DAY_MINUTES) / 5
  for (let step = 0; step <= steps; step += 1) {
    const instant = step === 0 ? at : (Math.floor(at / STEP_MS) + step) * STEP_MS
    if (!isWithin(hours, instant)) return instant
  }
  return at
}

/** Whether an instant is within the hours of a schedule; one without hours is always. */
export function isWithin(schedule: readonly AlertHours[], at: number): boolean {
  if (schedule.length === 0) return true
  const minutes = Math.floor((at + offsetAt(at)) / MINUTE_MS)
  const now = minutes % DAY_MINUTES
  // The epoch began on a Thursday.
  const weekDay = (Math.floor(minutes / DAY_MINUTES) + 3) % 7
  const today = WEEK_DAYS[weekDay]
  const yesterday = WEEK_DAYS[(weekDay + 6) % 7]
  return schedule.some(({ days, ...hours }) => {
    const from = minutesOf(hours.from)
    const to = minutesOf(hours.to)
    const has = (day: (typeof WEEK_DAYS)[number] | undefined) => days.some(one => one === day)
    if (from < to) return has(today) && now >= from && now < to
    return (has(today) && now >= from) || (has(yesterday) && now < to)
  })
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

const MINUTE_MS = 60_000
const STEP_MS = 5 * MINUTE_MS
const DAY_MINUTES = 24 * 60
const HOUR_MS = 3_600_000
const OFFSETS_MAX = 10_000

/** By the hour: asking the calendar for each instant of a long silence would take seconds. */
const offsets = new Map<number, number>()

/** How far civil time is from UTC. It changes at whole hours. */
function offsetAt(at: number): number {
  const hour = Math.floor(at / HOUR_MS)
  const known = offsets.get(hour)
  if (known !== undefined) return known
  if (offsets.size >= OFFSETS_MAX) offsets.clear()
  const { offsetNanoseconds } = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE)
  offsets.set(hour, offsetNanoseconds / 1e6)
  return offsetNanoseconds / 1e6
}
