// Rollups of what was touched: hours from values, days from hours, months from days, and the days that balances and analyses are due of.

import { insertAnalysesDue } from '../store/analyses.ts'
import type { Sql } from '../store/database.ts'
import { type BucketSpan, insertBalancesDue, rollUpBuckets, rollUpHours } from '../store/rollups.ts'
import { dateOf, dayOf, HOUR_MS, hourOf, monthOf, type Span } from './civil-time.ts'

/** A value that is new or has changed. */
export interface Touched {
  seriesId: number
  at: number
}

/** How many buckets came out differently. */
export interface ChangedBuckets {
  hour: number
  day: number
  month: number
}

/** What was touched. */
export interface TouchedValues {
  /** Measured, or judged otherwise than before. */
  measured: readonly Touched[]
  /** Those of them that were not there before. */
  brought?: readonly Touched[]
  /** Measured values that were taken back on purpose: only they make an hour smaller. */
  withdrawn?: readonly Touched[]
  derived: readonly Touched[]
}

/**
 * Computes every bucket that holds a touched value. `volumes` are the points of volume series, whose balances follow. Also
 * returns the series of which something came too late, for hours that stand as they are.
 */
export async function rollUp(
  tx: Sql,
  { measured, brought = [], withdrawn = [], derived }: TouchedValues,
  volumes: ReadonlyMap<number, number>,
): Promise<ChangedBuckets & { tooLate: ReadonlySet<number> }> {
  const spanOfHour = (at: number): Span => ({ from: hourOf(at), to: hourOf(at) + HOUR_MS })
  const counts = countByHour(brought)
  const smaller = countByHour(withdrawn)
  const ofMeasured = bucketsOf([...measured, ...withdrawn], spanOfHour).map(span => {
    const key = `${span.seriesId}/${span.from}`
    return { ...span, brought: counts.get(key) ?? 0, withdrawn: smaller.has(key) }
  })
  const hours = [
    ...(await rollUpHours(tx, 'measured', ofMeasured)),
    ...(await rollUpHours(tx, 'derived', bucketsOf(derived, spanOfHour))),
  ]
  const days = await rollUpBuckets(tx, 'day', bucketsOf(hours.map(toTouched), dayOf))
  await insertAnalysesDue(
    tx,
    days.map(span => ({ ...span, day: dateOf(span.from) })),
  )
  const months = await rollUpBuckets(tx, 'month', bucketsOf(days.map(toTouched), monthOf))
  await insertBalancesDue(
    tx,
    days.flatMap(({ seriesId, from }) => {
      const pointId = volumes.get(seriesId)
      return pointId === undefined ? [] : [{ pointId, day: dateOf(from) }]
    }),
  )
  return {
    ...{ hour: hours.length, day: days.length, month: months.length },
    tooLate: new Set(hours.filter(({ stands }) => stands).map(({ seriesId }) => seriesId)),
  }
}

function countByHour(touched: readonly Touched[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { seriesId, at } of touched) {
    const key = `${seriesId}/${hourOf(at)}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

const toTouched = ({ seriesId, from }: BucketSpan): Touched => ({ seriesId, at: from })

/** Each bucket once. Asking the calendar is slow, so each hour is asked about once. */
function bucketsOf(touched: readonly Touched[], spanOf: (at: number) => Span): BucketSpan[] {
  const spans = new Map<number, Span>()
  const buckets = new Map<string, BucketSpan>()
  for (const { seriesId, at } of touched) {
    const hour = hourOf(at)
    const span = spans.get(hour) ?? spanOf(hour)
    spans.set(hour, span)
    buckets.set(`${seriesId}/${span.from}`, { seriesId, ...span })
  }
  return [...buckets.values()]
}
