// Specific capacity: what a well gives for each metre that its water sinks, L/s per m. It falls when a well clogs or its
// aquifer does.

import { addDays } from '../processor/civil-time.ts'
import type { DayFacts } from './facts.ts'
import { medianOf, slopeOf, spreadOf } from './robust.ts'

/** A day's capacity. */
export interface DailyCapacity {
  day: string
  flowLps: number
  drawdownM: number
  lpsPerM: number
}

/** What a well gives, and how that changes. Null is what too few days say. */
export interface Capacity {
  days: DailyCapacity[]
  /** The middle of the last four weeks that have a day, and how far days stray from it. */
  lpsPerM: number | null
  spreadLpsPerM: number | null
  /** By how much it changes in a year, in percent of what it is in the middle of all days; 90 % of confidence. */
  trendPercentAYear: number | null
  trendLow: number | null
  trendHigh: number | null
}

/** A day on which the water sank by less says nothing: the sensor's own error is as large. */
const DRAWDOWN_MIN_M = 0.2

const RECENT_DAYS = 28
const TREND_DAYS_MIN = 28

/** The capacity of the days on which it can be told, of days in order. */
export function capacityOf(facts: readonly DayFacts[]): Capacity {
  const days = facts.flatMap(({ day, runningLps, drawdownM }): DailyCapacity[] => {
    if (runningLps === null || runningLps <= 0 || drawdownM === null || drawdownM < DRAWDOWN_MIN_M) return []
    return [{ day, flowLps: runningLps, drawdownM, lpsPerM: runningLps / drawdownM }]
  })
  const last = days.at(-1)?.day
  const recent = days
    .filter(({ day }) => last !== undefined && day > addDays(last, -RECENT_DAYS))
    .map(({ lpsPerM }) => lpsPerM)
  const trend = trendOf(days)
  return {
    days,
    lpsPerM: recent.length === 0 ? null : medianOf(recent),
    spreadLpsPerM: recent.length < 2 ? null : spreadOf(recent),
    trendPercentAYear: trend?.slope ?? null,
    trendLow: trend?.low ?? null,
    trendHigh: trend?.high ?? null,
  }
}

function trendOf(days: readonly DailyCapacity[]): { slope: number; low: number; high: number } | undefined {
  if (days.length < TREND_DAYS_MIN) return undefined
  const middle = medianOf(days.map(({ lpsPerM }) => lpsPerM))
  const slope = slopeOf(
    days.map(({ day, lpsPerM }) => ({
      x: Temporal.PlainDate.from('2000-01-01').until(day, { largestUnit: 'days' }).days / 365.25,
      y: (100 * lpsPerM) / middle,
    })),
  )
  return slope
}
