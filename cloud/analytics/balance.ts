// Balances: which days to compute again when some have changed, and how a day reads.
//
// A reading is to be expected as often as in the busiest hour of the week up to a day; so a day that has changed is
// computed again with the six days after it, whose week it is part of.

import { qualityOf } from '../../protocol/reading.ts'
import { addDays, daySpan, HOUR_MS } from '../processor/civil-time.ts'
import { toShownM3 } from '../rounding.ts'
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
  /**
   * Of the minutes in which a reading was to be expected, those that have one; of a day that is not over, so far. Null
   * while none was to be expected yet.
   */
  coveragePercent: number | null
  /** The worst of the day; null when there is nothing at all. */
  worstQuality: string | null
}

/**
 * Every day from one to another, both included, whether or not anything is known of it. The row of the day before, if
 * it is among `rows`, says how often a reading was to be expected of a first day that has none.
 */
export function toBalances(
  rows: readonly BalanceRow[],
  { from, to, now }: { from: string; to: string; now: number },
): Balance[] {
  const known = new Map(rows.map(row => [row.day, row]))
  const balances: Balance[] = []
  let perHour = known.get(addDays(from, -1))?.expectedPerHour
  for (let day = from; day <= to; day = addDays(day, 1)) {
    const row = known.get(day)
    perHour = row?.expectedPerHour ?? perHour
    balances.push(toBalance(day, row, perHour, now))
  }
  return balances
}

/** What was taken over all days; null when nothing is known of any. */
export function totalOf(rows: readonly BalanceRow[]): { consumptionM3: number | null; daysKnown: number } {
  const known = rows.map(({ consumptionM3 }) => consumptionM3).filter(m3 => m3 !== null)
  const sum = known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
  return { consumptionM3: toShownM3(sum), daysKnown: known.length }
}

function toBalance(
  day: string,
  row: BalanceRow | undefined,
  perHour: number | undefined,
  now: number,
): Balance {
  const { from, to } = daySpan(day)
  const passedMs = Math.min(to, Math.max(from, now)) - from
  const minutes = row?.minutes ?? 0
  return {
    day,
    hours: (to - from) / HOUR_MS,
    consumptionM3: toShownM3(row?.consumptionM3 ?? null),
    gapConsumptionM3: toShownM3(row?.gapConsumptionM3 ?? null),
    coveragePercent: passedMs === 0 ? null : coverage(minutes, perHour, passedMs),
    worstQuality: row === undefined ? null : (qualityOf(row.worstQuality) ?? null),
  }
}

/** In percent, one decimal. The first hour of a week may have more than expected: there is no more than all. */
function coverage(minutes: number, perHour: number | undefined, passedMs: number): number | null {
  // Where nobody knows how often, one that is missing is all that can be said.
  if (perHour === undefined || perHour === 0) return 0
  const expected = Math.floor((perHour * passedMs) / HOUR_MS)
  if (expected === 0) return minutes > 0 ? 100 : null
  return Math.min(100, Math.round((1000 * minutes) / expected) / 10)
}
