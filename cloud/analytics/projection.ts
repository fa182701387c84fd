// What a point will have taken by the end of a month or a year, and how wrong that may be.
//
// The days to come are taken to be like those of the last four weeks, each by its day of the week; with more than a year of
// history, they rise and fall as they did a year ago. How wrong that is, the past says: the same was asked of it from many
// days, and what came out compared with what came.

import { addDays } from '../processor/civil-time.ts'
import { weekdayOf } from './facts.ts'

/** What passed on a day, m³; null where nothing is known. `gapM3` is the part that may belong to the days before it. */
export interface DailyVolume {
  day: string
  m3: number | null
  gapM3: number | null
}

/** A projection. Eight of ten end between `lowM3` and `highM3`. */
export interface Projection {
  knownM3: number
  projectedM3: number
  lowM3: number
  highM3: number
  /** How many days are still to come, or have not been read yet. */
  daysToCome: number
  /** How many days of history say what is to come, and whether those of a year ago are among them. */
  daysOfHistory: number
  bySeason: boolean
}

/** Fewer days than these say nothing of the days to come. */
const HISTORY_MIN = 14

/** What a point does that has not been read for so many days, nobody knows. */
const UNREAD_MAX = 31

/** Eight of ten values of normal noise lie within so many deviations. */
const Z_80 = 1.2816

/**
 * What will have passed from one day to another, both included. `days` are those before today, in order, each once;
 * `todayM3` is what has passed today so far. Undefined where too little is known.
 */
export function project(
  days: readonly DailyVolume[],
  { from, to, today, todayM3 }: { from: string; to: string; today: string; todayM3: number },
): Projection | undefined {
  const history = spread(days)
  if (history.length < HISTORY_MIN) return undefined
  const last = history.at(-1)?.day ?? today
  if (last < addDays(today, -UNREAD_MAX)) return undefined
  const knownM3 = history.filter(({ day }) => day >= from && day <= to).reduce((sum, { m3 }) => sum + m3, 0)
  const coming = daysFrom(addDays(last, 1), to).filter(day => day >= from)
  const volumes = history.map(({ m3 }) => m3)
  const weekdays = history.map(({ day }) => weekdayOf(day))
  const method = openMethod(volumes, weekdays)
  const expected = method.forecast(history.length, coming.map(weekdayOf))
  const todayIs = coming.indexOf(today)
  const floor = todayIs === -1 ? 0 : Math.max(0, todayM3 - (expected.daily[todayIs] ?? 0))
  const sum = expected.daily.reduce((a, b) => a + b, 0) + floor
  const half = Z_80 * method.deviation(coming.length) * Math.max(sum, expected.level * coming.length * 0.1)
  const atLeast = knownM3 + (todayIs === -1 ? 0 : todayM3)
  return {
    knownM3,
    projectedM3: knownM3 + sum,
    lowM3: Math.max(atLeast, knownM3 + sum - half),
    highM3: knownM3 + sum + half,
    daysToCome: coming.length,
    daysOfHistory: history.length,
    bySeason: expected.bySeason,
  }
}

/** Days in a row from the first that is known to the last; what passed in a gap, spread over the days of the gap. */
function spread(days: readonly DailyVolume[]): { day: string; m3: number }[] {
  const known: { day: string; m3: number }[] = []
  let missing: string[] = []
  const inRow = fill(days)
  for (const { day, m3 } of inRow) {
    if (m3 === null) {
      if (known.length > 0) missing.push(day)
      continue
    }
    const part = m3 / (missing.length + 1)
    known.push(...missing.map(one => ({ day: one, m3: part })), { day, m3: part })
    missing = []
  }
  return known
}

/** Every day from the first to the last. */
function fill(days: readonly DailyVolume[]): DailyVolume[] {
  const [first] = days
  const last = days.at(-1)
  if (first === undefined || last === undefined) return []
  const known = new Map(days.map(one => [one.day, one]))
  return daysFrom(first.day, last.day).map(day => known.get(day) ?? { day, m3: null, gapM3: null })
}

function daysFrom(from: string, to: string): string[] {
  const days: string[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day)
  return days
}

interface Method {
  /** What each of the days after the first `known` is expected to bring, by their days of the week. */
  forecast(known: number, weekdays: readonly number[]): { daily: number[]; level: number; bySeason: boolean }
  /** By what part of it the sum of so many days is wrong, as a standard deviation. */
  deviation(days: number): number
}

const LEVEL_DAYS = 28
const WEEK_PATTERN_DAYS = 56
const YEAR_DAYS = 364

function openMethod(volumes: readonly number[], weekdays: readonly number[]): Method {
  const sums = [0]
  for (const m3 of volumes) sums.push((sums.at(-1) ?? 0) + m3)
  const meanOf = (from: number, to: number) => ((sums[to] ?? 0) - (sums[from] ?? 0)) / Math.max(1, to - from)
  const sumLevel = (known: number) => meanOf(Math.max(0, known - LEVEL_DAYS), known)

  /** How the days after `known` compared with those before it, a year ago; 1 where nobody knows. */
  const seasonOf = (known: number, ahead: number): number | undefined => {
    const then = known - YEAR_DAYS
    if (then < LEVEL_DAYS) return undefined
    const was = meanOf(then - LEVEL_DAYS, then)
    const around = then + ahead
    if (was <= 0) return undefined
    return meanOf(Math.max(0, around - 10), Math.min(known, around + 11)) / was
  }

  const weekPattern = (known: number): number[] => {
    const from = Math.max(0, known - WEEK_PATTERN_DAYS)
    const level = meanOf(from, known)
    const factors = Array<number>(8).fill(1)
    if (level <= 0) return factors
    for (let weekday = 1; weekday <= 7; weekday += 1) {
      let [sum, count] = [0, 0]
      for (let index = from; index < known; index += 1) {
        if (weekdays[index] !== weekday) continue
        sum += volumes[index] ?? 0
        count += 1
      }
      // Two days more that are as all are: one odd day of few makes no pattern.
      factors[weekday] = (sum + 2 * level) / ((count + 2) * level)
    }
    return factors
  }

  const forecast: Method['forecast'] = (known, ahead) => {
    const level = sumLevel(known)
    const factors = weekPattern(known)
    const bySeason = seasonOf(known, 0) !== undefined
    const daily = ahead.map(
      (weekday, index) => level * (factors[weekday] ?? 1) * (seasonOf(known, index) ?? 1),
    )
    return { daily, level, bySeason }
  }
  return {
    forecast,
    deviation: deviationOf({
      sums,
      weekdays,
      forecast,
      seasonKnown: known => seasonOf(known, 0) !== undefined,
    }),
  }
}

/** The past is asked every fifth day. */
const ORIGIN_STEP = 5
const ORIGINS_MAX = 60
const ORIGINS_MIN = 6

/** Over a year, use that nobody has seen may rise and fall by so much of itself. */
const UNSEEN_SEASON = 0.45

function deviationOf({
  sums,
  weekdays,
  forecast,
  seasonKnown,
}: {
  sums: readonly number[]
  weekdays: readonly number[]
  forecast: Method['forecast']
  seasonKnown: (known: number) => boolean
}): Method['deviation'] {
  const length = weekdays.length
  const bySeason = seasonKnown(length)
  /** Errors of the sum of `days`, asked of every day of the past from which it can be. */
  const errorsOf = (days: number): number[] => {
    const errors: number[] = []
    // What was asked with a year of history behind it is compared with the same; where there is none, with what there is.
    for (
      let known = length - days;
      known >= HISTORY_MIN && errors.length < ORIGINS_MAX;
      known -= ORIGIN_STEP
    ) {
      if (bySeason && !seasonKnown(known)) break
      const { daily, level } = forecast(known, weekdays.slice(known, known + days))
      const said = Math.max(
        daily.reduce((a, b) => a + b, 0),
        level * days * 0.1,
      )
      const came = (sums[known + days] ?? 0) - (sums[known] ?? 0)
      if (said > 0) errors.push((came - said) / said)
    }
    return errors
  }
  return days => {
    if (days === 0) return 0
    let asked = days
    let errors = errorsOf(asked)
    while (errors.length < ORIGINS_MIN && asked > 1) {
      asked = Math.floor(asked * 0.75)
      errors = errorsOf(asked)
    }
    if (errors.length === 0) return 1
    const meanSquare = errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length
    // Days that overlap repeat each other: so many of the errors are of their own. Of a season that moves on and was not
    // seen yet, they say less.
    const own = Math.max(1, (errors.length * ORIGIN_STEP) / Math.max(asked, ORIGIN_STEP))
    const known = Math.sqrt(meanSquare * (1 + (bySeason ? 2 : 5) / own))
    const unseen = bySeason ? 0 : UNSEEN_SEASON * Math.min(1, Math.max(0, days - asked / 2) / 180)
    return Math.hypot(known, unseen)
  }
}
