// Histories of wells, hour by hour, with faults whose truth is known. The same seed gives the same history.
//
// A well has a kind of use (irrigation with its season and its days, a village that sleeps, a plant that rests on Sundays),
// noise, a counter that counts in steps, days of no pumping and days of twice as much, gaps in which nothing is read,
// single wrong values, and an aquifer that sinks in summer.

import { type DayFacts, factsOf, type HourOfPoint, weekdayOf } from '../../cloud/analytics/facts.ts'
import type { AnomalyKind } from '../../cloud/analytics/judge.ts'
import { addDays, CIVIL_ZONE, daySpan } from '../../cloud/processor/civil-time.ts'
import { randomFrom } from './random.ts'

/** What is used for what. */
export const USES = ['irrigation', 'village', 'plant'] as const

/** A fault: from one day to another, both included. */
export interface Fault {
  kind: AnomalyKind
  from: string
  to: string
  /** From 0, hardly to be seen, to 1. */
  severity: number
}

/** A history that was made. */
export interface WellHistory {
  use: (typeof USES)[number]
  days: { day: string; hours: HourOfPoint[]; facts: DayFacts; trueM3: number }[]
  faults: readonly Fault[]
}

const HOUR_MS = 3_600_000

interface Well {
  use: (typeof USES)[number]
  pumpLps: number
  /** Pumping hours a day, in the middle of its season. */
  hoursADay: number
  capacityLpsPerM: number
  restDepthM: number
  seasonM: number
  stepM3: number
  /** How much use differs from day to day, as a part of it. */
  restless: number
  meterFactor: number
}

/** What a history is like besides its well. */
export interface HistorySettings {
  from: string
  days: number
  faults?: readonly Fault[]
  gaps?: boolean
  /** Whether there is a flow meter beside the counter. */
  flow?: boolean
  /** By what part of what it was at first the capacity falls in a year. */
  declineAYear?: number
}

/** A well of some kind, for so many days from a day on. */
export function wellHistory(
  seed: number,
  { from, days, faults = [], gaps = true, flow = true, declineAYear = 0 }: HistorySettings,
): WellHistory {
  const random = randomFrom(seed)
  const well = drawWell(seed, random)
  const carry = { m3: 0, missedM3: 0, trend: 0 }
  const history = Array.from({ length: days }, (_, index) => {
    const day = addDays(from, index)
    const today = faults.filter(fault => fault.from <= day && day <= fault.to)
    const active = new Map(today.map(({ kind, severity }) => [kind, severity]))
    const capacityLpsPerM = well.capacityLpsPerM * (1 - (declineAYear * index) / 365)
    const made = dayOf({ ...well, capacityLpsPerM }, day, { random, active, carry, gaps })
    const hours = flow ? made.hours : made.hours.map(withoutFlow)
    return { day, hours, facts: factsOf(day, hours), trueM3: made.trueM3 }
  })
  return { use: well.use, days: history, faults }
}

const withoutFlow = (hour: HourOfPoint): HourOfPoint => ({
  ...hour,
  flowMeanLps: null,
  flowMaxLps: null,
  flowCount: 0,
})

function drawWell(seed: number, random: () => number): Well {
  const use = USES[seed % USES.length] ?? 'village'
  const pumpLps = 4 + 40 * random() ** 2
  return {
    use,
    pumpLps,
    hoursADay: 5 + 9 * random(),
    capacityLpsPerM: pumpLps / (2 + 12 * random()),
    restDepthM: 8 + 60 * random(),
    seasonM: 6 * random(),
    stepM3: ([0.01, 0.1, 1] as const)[Math.floor(random() * 3)] ?? 0.1,
    restless: 0.05 + 0.15 * random(),
    meterFactor: 0.97 + 0.06 * random(),
  }
}

interface Making {
  random: () => number
  /** What is at fault, and how much. */
  active: ReadonlyMap<AnomalyKind, number>
  carry: { m3: number; missedM3: number; trend: number }
  gaps: boolean
}

/** While it stands, a counter does not count. */
const STUCK = { from: 9, to: 19 }

/** A leak of a tenth to half of the mean use. */
const leakOf = (active: Making['active']): number => partOf(active.get('night_flow'), 0.1, 0.5)

/** The well gives 15 to 50 % less for each metre. */
const cloggedOf = (active: Making['active']): number => 1 - partOf(active.get('drawdown'), 0.15, 0.5)

/** The counter loses 10 to 40 % of what passes. */
const slipOf = (active: Making['active']): number => 1 - partOf(active.get('flow_against_volume'), 0.1, 0.4)

const partOf = (severity: number | undefined, least: number, most: number): number =>
  severity === undefined ? 0 : least + (most - least) * severity

function dayOf(well: Well, day: string, making: Making): { hours: HourOfPoint[]; trueM3: number } {
  const { random, active, carry } = making
  const { from, to } = daySpan(day)
  const dayOfYear = Temporal.PlainDate.from(day).dayOfYear
  const weekday = weekdayOf(day)
  // Summer is in January.
  const summer = 0.5 + 0.5 * Math.cos((2 * Math.PI * (dayOfYear - 15)) / 365)
  carry.trend = 0.9 * carry.trend + well.restless * normal(random) * 0.4
  const odd = oddDay(random)
  const level = Math.max(
    0.05,
    seasonOf(well, summer) * odd * (1 + carry.trend) * Math.exp(well.restless * normal(random)),
  )
  const isMissingDay = making.gaps && random() < 0.01
  const hours: HourOfPoint[] = []
  let trueM3 = 0
  for (let at = from; at < to; at += HOUR_MS) {
    const hour = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE).hour
    const isMissing = isMissingDay || (making.gaps && random() < 0.005)
    const wanted = Math.min(1, level * shapeOf(well, weekday, hour) * Math.exp(0.15 * normal(random)))
    const leak = (leakOf(active) * well.hoursADay) / 24
    const duty = Math.min(1, wanted < 0.01 ? leak : wanted + leak * (1 - wanted))
    const m3 = duty * well.pumpLps * 3.6
    trueM3 += m3
    const made = hourOf(well, { at, hour, duty, m3, leakOnly: leak > 0 && wanted < 0.01, summer }, making)
    if (isMissing) carry.missedM3 += made.counted
    else hours.push(withGap(made.row, carry))
  }
  return { hours, trueM3 }
}

/** A day on which nothing is pumped, or twice as much. */
function oddDay(random: () => number): number {
  const chance = random()
  if (chance < 0.02) return 0
  return chance < 0.04 ? 1.8 : 1
}

const seasonOf = ({ use }: Well, summer: number): number =>
  use === 'irrigation' ? 0.1 + 0.9 * summer : use === 'village' ? 0.75 + 0.25 * summer : 1

/** The part of an hour in which the pump runs, on an ordinary day. */
function shapeOf({ use, hoursADay }: Well, kind: number, hour: number): number {
  if (use === 'irrigation') {
    const begins = 8 + (kind % 3)
    return kind === 7 || hour < begins || hour >= begins + hoursADay ? 0 : 0.95
  }
  if (use === 'plant') {
    return kind === 7 || hour < 7 || hour >= 7 + hoursADay ? 0 : kind === 6 ? 0.4 : 0.85
  }
  const curve = hour < 5 ? 0.15 : hour < 9 ? 1.5 : hour < 18 ? 1.1 : hour < 23 ? 1.4 : 0.5
  return Math.min(1, (curve * hoursADay) / 24)
}

function hourOf(
  well: Well,
  {
    at,
    hour,
    duty,
    m3,
    leakOnly,
    summer,
  }: {
    at: number
    hour: number
    duty: number
    m3: number
    leakOnly: boolean
    summer: number
  },
  { random, active, carry }: Making,
): { row: HourOfPoint; counted: number } {
  const isStuck = active.has('stuck_counter') && hour >= STUCK.from && hour < STUCK.to
  carry.m3 += isStuck ? 0 : m3 * well.meterFactor * slipOf(active)
  const counted = Math.floor(carry.m3 / well.stepM3) * well.stepM3
  carry.m3 -= counted
  const zero = 0.002 * well.pumpLps * Math.abs(normal(random))
  const runs = duty > 0.02 && !leakOnly
  const running = well.pumpLps * (1 + 0.01 * normal(random))
  const capacity = well.capacityLpsPerM * cloggedOf(active)
  const sunk = runs ? running / capacity : 0
  const rest = well.restDepthM + well.seasonM * summer + 0.03 * normal(random)
  const isSpike = random() < 0.001
  return {
    counted,
    row: {
      at,
      consumptionM3: counted,
      gapM3: null,
      counterMinutes: 12,
      flowMeanLps: duty * well.pumpLps * (1 + 0.01 * normal(random)) + zero,
      flowMaxLps: (runs ? running : leakOnly ? duty * well.pumpLps : 0) + zero + (isSpike ? 900 : 0),
      flowCount: 12,
      depthMinM: rest + (duty > 0.9 ? sunk * 0.8 : 0),
      depthMaxM: rest + sunk * (1 + 0.02 * normal(random)),
    },
  }
}

/** What passed while nothing was read comes with the first hour that is read again. */
function withGap(row: HourOfPoint, carry: { missedM3: number }): HourOfPoint {
  if (carry.missedM3 === 0) return row
  const gapM3 = carry.missedM3
  carry.missedM3 = 0
  return { ...row, consumptionM3: (row.consumptionM3 ?? 0) + gapM3, gapM3 }
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
