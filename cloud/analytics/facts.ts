// The facts of a civil day of a point, from its hours: few numbers, from which every judgement is made.
//
// An hour is that of the rollups, UTC; which hours are night is told by the civil clock, also on days of 23 and 25 hours.

import { CIVIL_ZONE } from '../processor/civil-time.ts'
import { isHoliday } from './holidays.ts'
import { quantileOf } from './robust.ts'

/** What an hour says of a point. Null is what is not known. */
export interface HourOfPoint {
  /** When it begins. */
  at: number
  /** What the counter says has passed, m³, and how much of it passed while nothing was read. */
  consumptionM3: number | null
  gapM3: number | null
  /** Minutes in which the counter was read well. */
  counterMinutes: number
  /** Flow, L/s, and how many good values it is the mean of. */
  flowMeanLps: number | null
  flowMaxLps: number | null
  flowCount: number
  /** Depth of the water below ground, m; where only a level is measured, the level below zero. */
  depthMinM: number | null
  depthMaxM: number | null
}

/** The facts of a day. Null is what could not be told. */
export interface DayFacts {
  day: string
  /** The day of the week, from Monday, 1; 7 on a holiday too. */
  weekday: number
  /** The least that passed in an hour of the night, m³/h. */
  nightM3h: number | null
  /** All that passed, m³. */
  consumptionM3: number | null
  /** The least amount above nothing that passed in an hour, m³: what the counter can tell apart. */
  stepM3: number | null
  /** The longest time in which water flowed and the counter stood: hours, and what flowed, m³. */
  stillHours: number
  stillM3: number
  /** Hours in which the counter stood and the water was sunk by at least half of the most that it was in such an hour, m. */
  sunkStillHours: number
  sunkStillM: number
  /** What passed by the counter and by the flow, in the hours in which both are known, m³. */
  counterM3: number | null
  flowM3: number | null
  /** The flow while the pump runs, L/s. */
  runningLps: number | null
  /** The greatest flow, L/s. */
  flowMaxLps: number | null
  /** How far the water sinks while the pump runs, m, and where it rests. */
  drawdownM: number | null
  restDepthM: number | null
}

const M3_PER_LPS_HOUR = 3.6

/** A mean of fewer values than these is not the mean of an hour: a pump may run for a part of it. */
const FLOW_COUNT_MIN = 4

/** What adding binary fractions leaves is not water. */
const NOTHING_M3 = 1e-6

/** The facts of a day, of its hours in order. */
export function factsOf(day: string, hours: readonly HourOfPoint[]): DayFacts {
  const consumed = hours.map(({ consumptionM3 }) => consumptionM3).filter(m3 => m3 !== null)
  const steps = consumed.filter(m3 => m3 > NOTHING_M3)
  return {
    day,
    weekday: weekdayOf(day),
    nightM3h: leastAtNight(hours),
    consumptionM3: consumed.length === 0 ? null : sum(consumed),
    stepM3: steps.length === 0 ? null : Math.min(...steps),
    ...stillness(hours),
    ...sunkStillness(hours),
    ...bothWays(hours),
    ...pumping(hours),
  }
}

/** The day of the week, from Monday, 1. A holiday is used as a Sunday. */
export const weekdayOf = (day: string): number =>
  isHoliday(day) ? 7 : Temporal.PlainDate.from(day).dayOfWeek

/** From one to five in the morning the least is drawn. */
const NIGHT = { from: 1, to: 5 }

/** So many hours of the night must be known. */
const NIGHT_HOURS_MIN = 3

/**
 * The least of two hours in a row, as a rate: what leaks, flows in every one of them. Two, because a coarse counter says
 * nothing in one hour and twice as much in the next.
 */
function leastAtNight(hours: readonly HourOfPoint[]): number | null {
  const night = hours
    .slice(0, NIGHT.to + 2)
    .filter(({ at }) => {
      const hour = civilHourOf(at)
      return hour >= NIGHT.from && hour < NIGHT.to
    })
    .map(hour => ({ at: hour.at, m3: passedIn(hour) }))
    .filter((hour): hour is { at: number; m3: number } => hour.m3 !== null)
  if (night.length < NIGHT_HOURS_MIN) return null
  const rates = night.flatMap(({ at, m3 }, index) => {
    const next = night[index + 1]
    return next === undefined || next.at - at !== 3_600_000 ? [] : [(m3 + next.m3) / 2]
  })
  return rates.length === 0 ? null : Math.min(...rates)
}

const civilHourOf = (at: number): number =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE).hour

/** What passed in an hour: by the counter where it was read, else by the flow. */
function passedIn(hour: HourOfPoint): number | null {
  const { consumptionM3, gapM3, counterMinutes } = hour
  if (consumptionM3 !== null && counterMinutes > 0) return (gapM3 ?? 0) > 0 ? null : consumptionM3
  return flowedIn(hour)
}

/** What flowed in an hour, by the flow; null where there are too few values to say. */
function flowedIn({ flowMeanLps, flowCount }: HourOfPoint): number | null {
  return flowMeanLps === null || flowCount < FLOW_COUNT_MIN ? null : flowMeanLps * M3_PER_LPS_HOUR
}

/** Below this part of the day's greatest hour, what a flow meter shows may be its own zero. */
const ZERO_PART = 0.1

/** The run of hours with flow and without counting in which most flowed. */
function stillness(hours: readonly HourOfPoint[]): { stillHours: number; stillM3: number } {
  const floor = ZERO_PART * Math.max(0, ...hours.map(({ flowMeanLps }) => flowMeanLps ?? 0))
  let most = { stillHours: 0, stillM3: 0 }
  let run = { stillHours: 0, stillM3: 0, until: Number.NaN }
  for (const hour of hours) {
    const { at, consumptionM3, counterMinutes, flowMeanLps } = hour
    const stands = consumptionM3 !== null && consumptionM3 <= NOTHING_M3 && counterMinutes > 0
    if (!stands || flowMeanLps === null || flowMeanLps <= floor) {
      run = { stillHours: 0, stillM3: 0, until: Number.NaN }
      continue
    }
    const goesOn = run.until === at
    run = {
      stillHours: (goesOn ? run.stillHours : 0) + 1,
      stillM3: (goesOn ? run.stillM3 : 0) + flowMeanLps * M3_PER_LPS_HOUR,
      until: at + 3_600_000,
    }
    if (run.stillM3 > most.stillM3) most = { stillHours: run.stillHours, stillM3: run.stillM3 }
  }
  return most
}

/** A counter that stands while the water is sunk: somebody pumps, also where no flow is measured. */
function sunkStillness(hours: readonly HourOfPoint[]): { sunkStillHours: number; sunkStillM: number } {
  const depths = hours.map(({ depthMinM }) => depthMinM).filter(depth => depth !== null)
  if (depths.length === 0) return { sunkStillHours: 0, sunkStillM: 0 }
  const rest = quantileOf(depths, 0.1)
  const sunk = hours
    .filter(
      ({ consumptionM3, counterMinutes }) =>
        consumptionM3 !== null && consumptionM3 <= NOTHING_M3 && counterMinutes > 0,
    )
    .map(({ depthMaxM }) => (depthMaxM ?? rest) - rest)
  const most = sunk.reduce((a, b) => Math.max(a, b), 0)
  return { sunkStillHours: sunk.filter(m => m > 0 && m >= most / 2).length, sunkStillM: most }
}

/** So many hours must be known by both. */
const BOTH_HOURS_MIN = 6

function bothWays(hours: readonly HourOfPoint[]): { counterM3: number | null; flowM3: number | null } {
  const both = hours.flatMap(hour => {
    const { consumptionM3, gapM3, counterMinutes } = hour
    const flowed = flowedIn(hour)
    const isSure = consumptionM3 !== null && (gapM3 ?? 0) === 0 && counterMinutes >= FLOW_COUNT_MIN
    return isSure && flowed !== null ? [{ counted: consumptionM3, flowed }] : []
  })
  if (both.length < BOTH_HOURS_MIN) return { counterM3: null, flowM3: null }
  return { counterM3: sum(both.map(({ counted }) => counted)), flowM3: sum(both.map(({ flowed }) => flowed)) }
}

/** So many hours must have the pump running. */
const RUNNING_HOURS_MIN = 2

/** Of a pump that runs, the hour's greatest flow is at least this part of the day's. */
const RUNNING_PART = 0.5

function pumping(
  hours: readonly HourOfPoint[],
): Pick<DayFacts, 'runningLps' | 'flowMaxLps' | 'drawdownM' | 'restDepthM'> {
  const rates = hours.map(({ flowMaxLps, consumptionM3 }) => ({
    flow: flowMaxLps,
    rate: flowMaxLps ?? (consumptionM3 === null ? null : consumptionM3 / M3_PER_LPS_HOUR),
  }))
  const known = rates.map(({ flow }) => flow).filter(flow => flow !== null)
  // One hour alone may hold a value that was never flow.
  const usual = quantileOf(
    rates.map(({ rate }) => rate).filter((rate): rate is number => rate !== null && rate > 0),
    0.8,
  )
  const isRunning = rates.map(({ rate }) => rate !== null && rate > 0 && rate >= RUNNING_PART * usual)
  const running = hours.filter((_, index) => isRunning[index])
  const flows = running.map(({ flowMaxLps }) => flowMaxLps).filter(flow => flow !== null)
  const isSeen = running.length >= RUNNING_HOURS_MIN
  const low = running.map(({ depthMaxM }) => depthMaxM).filter(depth => depth !== null)
  const rest = hours.map(({ depthMinM }) => depthMinM).filter(depth => depth !== null)
  const restDepthM = rest.length === 0 ? null : quantileOf(rest, 0.1)
  return {
    runningLps: isSeen && flows.length > 0 ? quantileOf(flows, 0.5) : null,
    flowMaxLps: known.length === 0 ? null : Math.max(...known),
    drawdownM:
      isSeen && low.length >= RUNNING_HOURS_MIN && restDepthM !== null
        ? quantileOf(low, 0.5) - restDepthM
        : null,
    restDepthM,
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
