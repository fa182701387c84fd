// Balances: which days to compute again when some have changed, and how a day reads.
//
// A reading is to be expected as often as in the busiest hour of the week up to a day; so a day that has changed is
// computed again with the six days after it, whose week it is part of.

import { qualityOf } from '../../protocol/reading.ts'
import { addDays, daySpan, HOUR_MS } from '../processor/civil-time.ts'
import type { BalanceRow, DayToBalance, PointDay } from '../store/balances.ts'

/** So many days, the day itself among them, say how often a reading is to be expected. */
const WEEK_DAYS = 7

/** The days whose balances follow from the days that have changed, each once. */
export function daysToBalance(changed: readonly PointDay[]): DayToBalance[] {
  const days = new Map<string, DayToBalance>()
  for (const { pointId, day: first } of changed) {
    for (let later = 0; later < WEEK_DAYS; later += 1) {
      const day = addDays(first, later)
      const key = `${pointId}/${day}`
      if (days.has(key)) continue
      const weekFrom = daySpan(addDays(day, 1 - WEEK_DAYS)).from
      days.set(key, { pointId, day, ...daySpan(day), weekFrom })
    }
  }
  return [...days.values()]
}

/** A civil day of a point, as it is answered. What is not known is null. */
export interface Balance {
  day: string
  /** 23, 24 or 25. */
  hours: number
  consumptionM3: number | null
  /** The part of it that passed while nothing was read, so that it may belong to the day before. */
  gapConsumptionM3: number | null
  /** Of the minutes in which a reading was to be expected, those that have one; of a day that is not over, so far. */
  coveragePercent: number
  /** The worst of the day; null when there is nothing at all. */
  worstQuality: string | null
}

/** Every day from one to another, both included, whether or not anything is known of it. */
export function toBalances(
  rows: readonly BalanceRow[],
  { from, to, now }: { from: string; to: string; now: number },
): Balance[] {
  const known = new Map(rows.map(row => [row.day, row]))
  const balances: Balance[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) balances.push(toBalance(day, known.get(day), now))
  return balances
}

function toBalance(day: string, row: BalanceRow | undefined, now: number): Balance {
  const span = daySpan(day)
  const hours = (span.to - span.from) / HOUR_MS
  if (row === undefined) {
    return { day, hours, consumptionM3: null, gapConsumptionM3: null, coveragePercent: 0, worstQuality: null }
  }
  const { consumptionM3, gapConsumptionM3, minutes, expectedPerHour, worstQuality } = row
  const hoursSoFar = Math.min(span.to, Math.max(span.from, now)) - span.from
  return {
    day,
    hours,
    consumptionM3,
    gapConsumptionM3,
    coveragePercent: coverage(minutes, (expectedPerHour * hoursSoFar) / HOUR_MS),
    worstQuality: qualityOf(worstQuality) ?? null,
  }
}

/** In percent, one decimal. The first hour of a week may have more than expected: there is no more than all. */
function coverage(minutes: number, expected: number): number {
  return expected <= 0 ? 0 : Math.min(100, Math.round((1000 * minutes) / expected) / 10)
}
