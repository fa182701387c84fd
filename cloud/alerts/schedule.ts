// When a rule looks: hours of the week in civil time, so that a night is a night on both sides of a change of the clocks.

import { CIVIL_ZONE } from '../../protocol/civil-date.ts'
import { type AlertHours, WEEK_DAYS } from './rule.ts'

/** Whether an instant is within the hours of a schedule; one without hours is always. */
export function isWithin(schedule: readonly AlertHours[], at: number): boolean {
  if (schedule.length === 0) return true
  const { dayOfWeek, hour, minute } =
    Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE)
  const now = hour * 60 + minute
  const today = WEEK_DAYS[dayOfWeek - 1]
  const yesterday = WEEK_DAYS[(dayOfWeek + 5) % 7]
  return schedule.some(({ days, ...hours }) => {
    const from = minutesOf(hours.from)
    const to = minutesOf(hours.to)
    const has = (day: (typeof WEEK_DAYS)[number] | undefined) => days.some(one => one === day)
    if (from < to) return has(today) && now >= from && now < to
    return (has(today) && now >= from) || (has(yesterday) && now < to)
  })
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
