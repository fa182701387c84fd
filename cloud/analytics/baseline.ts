// What a point usually takes in each hour of the week: the middle of eight weeks, and how far it strays.
//
// Hours are those of the civil clock. Where it goes back, an hour comes twice and both count; where it goes forward, one does
// not come. A holiday counts as a Sunday. Hours of which only a sum with others is known (a gap) are left out, and
// weeks with gaps count with the hours that they have.

import { CIVIL_ZONE } from '../processor/civil-time.ts'
import { type HourOfPoint, weekdayOf } from './facts.ts'
import { medianOf, spreadOf } from './robust.ts'

/** An hour of the week. */
export interface UsualHour {
  /** From Monday, 1; 7 is Sunday and holidays. */
  weekday: number
  hour: number
  /** What usually passes in it, m³, and how far it strays, as a standard deviation; null where too few were seen. */
  usualM3: number | null
  spreadM3: number | null
  /** How many were seen. */
  seen: number
}

/** Fewer than these are no habit. */
const SEEN_MIN = 3

/** All 168 hours of the week, Monday first. */
export function baselineOf(hours: readonly HourOfPoint[]): UsualHour[] {
  const seen = new Map<string, number[]>()
  for (const { at, consumptionM3, gapM3, counterMinutes } of hours) {
    if (consumptionM3 === null || counterMinutes === 0 || (gapM3 ?? 0) > 0) continue
    const time = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE)
    const key = `${weekdayOf(time.toPlainDate().toString())}/${time.hour}`
    const values = seen.get(key)
    if (values === undefined) seen.set(key, [consumptionM3])
    else values.push(consumptionM3)
  }
  return Array.from({ length: 168 }, (_, index) => {
    const weekday = Math.floor(index / 24) + 1
    const hour = index % 24
    const values = seen.get(`${weekday}/${hour}`) ?? []
    const isKnown = values.length >= SEEN_MIN
    const usualM3 = isKnown ? medianOf(values) : null
    return { weekday, hour, usualM3, spreadM3: isKnown ? spreadOf(values) : null, seen: values.length }
  })
}
