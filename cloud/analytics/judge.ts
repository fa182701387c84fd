// Judges a day of a point by the eight weeks before it: what is out of its pattern, and the numbers that say so.
//
// Medians and their spread: a fault that has lasted for less than four weeks cannot become the pattern, and what has
// lasted for longer is one, but for what is wrong whatever was before (a counter that stands, one that disagrees with the
// flow by a quarter).

import type { DayFacts } from './facts.ts'
import { medianOf, spreadOf } from './robust.ts'

/** So many days before a day say what is usual. */
export const PATTERN_DAYS = 56

/** What can be out of its pattern. */
export const ANOMALY_KINDS = ['night_flow', 'stuck_counter', 'drawdown', 'flow_against_volume'] as const

/** What is out of its pattern. */
export type AnomalyKind = (typeof ANOMALY_KINDS)[number]

/** What was found of a day, with the numbers that say so; `score` is how far beyond its bound, 1 at the bound. */
export interface Verdict {
  isFound: boolean
  score: number
  evidence: Record<string, number>
}

/** What was found of each kind; a kind that could not be judged is not there. */
export type Verdicts = Partial<Record<AnomalyKind, Verdict>>

/** Fewer days than these are no pattern. */
const PATTERN_DAYS_MIN = 14

/**
 * Judges a day. `before` are the facts of up to PATTERN_DAYS days before it, in any order. Of a day that is not over, only
 * what its remaining hours cannot undo is judged.
 */
export function judge(
  today: DayFacts,
  before: readonly DayFacts[],
  { isOver }: { isOver: boolean },
): Verdicts {
  const verdicts: Verdicts = {}
  const tell = (kind: AnomalyKind, verdict: Verdict | undefined) => {
    if (verdict !== undefined) verdicts[kind] = verdict
  }
  const stuck = judgeCounter(today, before)
  tell('night_flow', judgeNight(today, before))
  tell('stuck_counter', stuck)
  if (isOver) tell('drawdown', judgeDrawdown(today, before))
  // A counter that stands disagrees with the flow as well: one fault, told once.
  if (isOver && stuck?.isFound !== true) tell('flow_against_volume', judgeBoth(today, before))
  return verdicts
}

/** Leaks of less than this part of what is usually drawn are within what changes from night to night. */
const LEAK_PART = 0.1

/** So many spreads from the middle. Of normal noise, one value in 30,000 lies beyond. */
const SPREADS = 4

/** Nights are compared with those of the same day of the week too: some are for irrigation. */
function judgeNight(today: DayFacts, before: readonly DayFacts[]): Verdict | undefined {
  const { nightM3h } = today
  const nights = known(before, 'nightM3h')
  if (nightM3h === null || nights.length < PATTERN_DAYS_MIN) return undefined
  const usual = medianOf(nights)
  const dailyM3 = medianOf(known(before, 'consumptionM3'))
  const floor = Math.max((LEAK_PART * (Number.isNaN(dailyM3) ? 0 : dailyM3)) / 24, stepOf(before) / 2)
  const alike = known(
    before.filter(({ weekday }) => weekday === today.weekday),
    'nightM3h',
  )
  const ofKind = alike.length === 0 ? usual : Math.max(usual, medianOf(alike))
  const spread = Math.max(spreadOf(nights), alike.length < 4 ? 0 : spreadOf(alike))
  const bound = ofKind + Math.max(SPREADS * spread, floor)
  return verdictOf(nightM3h > bound, (nightM3h - ofKind) / (bound - ofKind), {
    nightM3h,
    usualM3h: ofKind,
    boundM3h: bound,
    nights: nights.length,
  })
}

/** Water flowed for so long, and so much of it, that a counter that works must have counted. */
const STILL = { hours: 2, steps: 3, leastM3: 0.5 }

function judgeCounter(today: DayFacts, before: readonly DayFacts[]): Verdict | undefined {
  if (today.consumptionM3 === null) return undefined
  if (today.flowMaxLps === null) return judgeCounterByLevel(today, before)
  const { stillHours, stillM3 } = today
  const boundM3 = Math.max(STILL.leastM3, STILL.steps * stepOf([...before, today]))
  const running = medianOf(known(before, 'runningLps'))
  const meanLps = stillHours === 0 ? 0 : stillM3 / 3.6 / stillHours
  // A flow meter whose zero has moved shows a little for ever.
  const isFlow = Number.isNaN(running) || meanLps >= 0.1 * running
  const isFound = stillHours >= STILL.hours && stillM3 > boundM3 && isFlow
  return verdictOf(isFound, stillM3 / boundM3, {
    ...{ stillHours, flowedM3: stillM3, countedM3: 0, boundM3, meanFlowLps: meanLps },
  })
}

/** For so many hours more than usual the water must be sunk, by this part of what it usually sinks. */
const SUNK = { hours: 3, part: 0.6 }

/** Where no flow is measured: the water is sunk as by the pump, and nothing is counted. It is so for a while after each stop. */
function judgeCounterByLevel(today: DayFacts, before: readonly DayFacts[]): Verdict | undefined {
  const drawdowns = known(before, 'drawdownM')
  const usualM = medianOf(drawdowns)
  if (drawdowns.length < PATTERN_DAYS_MIN || usualM < DRAWDOWN.leastM) return undefined
  const isSunk = (day: DayFacts) => day.sunkStillM >= SUNK.part * usualM
  const usual = before.map(day => (isSunk(day) ? day.sunkStillHours : 0))
  const usualHours = medianOf(usual)
  const bound = usualHours + Math.max(SUNK.hours, SPREADS * spreadOf(usual, usualHours))
  const hours = isSunk(today) ? today.sunkStillHours : 0
  return verdictOf(hours >= bound, hours / bound, {
    ...{ sunkHours: hours, sunkM: today.sunkStillM, countedM3: 0 },
    ...{ usualHours, boundHours: bound, usualDrawdownM: usualM, days: usual.length },
  })
}

/** Less than so far apart is what instruments and their sampling do. */
const DRAWDOWN = { leastM: 0.2, part: 0.2 }

/** A day on which less than this part of the usual was pumped says nothing of how the well answers to pumping. */
const PUMPED_PART = 0.3

/** How far the water sinks for each litre a second; where no flow is measured, how far it sinks. */
function judgeDrawdown(today: DayFacts, before: readonly DayFacts[]): Verdict | undefined {
  const days = before.filter(({ drawdownM }) => drawdownM !== null)
  if (today.drawdownM === null || days.length < PATTERN_DAYS_MIN) return undefined
  if (medianOf(known(days, 'drawdownM')) < DRAWDOWN.leastM) return undefined
  if ((today.consumptionM3 ?? Infinity) < PUMPED_PART * medianOf(known(before, 'consumptionM3')))
    return undefined
  const withFlow = days.filter(day => (day.runningLps ?? 0) > 0)
  const isByFlow = (today.runningLps ?? 0) > 0 && withFlow.length >= PATTERN_DAYS_MIN
  // What flows while the pump rests is a leak or the meter's zero.
  if (isByFlow && (today.runningLps ?? 0) < 0.5 * medianOf(known(withFlow, 'runningLps'))) return undefined
  const ratioOf = ({ drawdownM, runningLps }: DayFacts) =>
    (drawdownM ?? 0) / (isByFlow ? (runningLps ?? 1) : 1)
  const ratios = (isByFlow ? withFlow : days).map(ratioOf)
  const usual = medianOf(ratios)
  const half = Math.max(SPREADS * spreadOf(ratios, usual), DRAWDOWN.part * usual)
  const ratio = ratioOf(today)
  const flow = isByFlow ? { runningLps: today.runningLps ?? 0 } : {}
  return verdictOf(Math.abs(ratio - usual) > half, Math.abs(ratio - usual) / half, {
    ...{ drawdownM: today.drawdownM, ...flow },
    [isByFlow ? 'mPerLps' : 'm']: ratio,
    [isByFlow ? 'usualMPerLps' : 'usualM']: usual,
    [isByFlow ? 'boundMPerLps' : 'boundM']: half,
    days: ratios.length,
  })
}

/** Two instruments on one pipe agree within this, whatever was before; and from one day to another within that. */
const AGREEMENT = { ever: 1.25, change: 1.1, leastM3: 1, steps: 20, part: 0.2 }

function judgeBoth(today: DayFacts, before: readonly DayFacts[]): Verdict | undefined {
  const daily = medianOf(known(before, 'consumptionM3'))
  // Of a day on which little was drawn, the zero of the flow meter may be all.
  const part = Number.isNaN(daily) ? 0 : AGREEMENT.part * daily
  const least = Math.max(AGREEMENT.leastM3, AGREEMENT.steps * stepOf(before), part)
  const isEnough = ({ counterM3, flowM3 }: DayFacts) =>
    counterM3 !== null && flowM3 !== null && Math.max(counterM3, flowM3) >= least
  if (!isEnough(today)) return undefined
  const { counterM3, flowM3 } = today as { counterM3: number; flowM3: number }
  // Nothing at all by one of them is a hundred times too little, not infinitely so.
  const logOf = (counted: number, flowed: number) =>
    Math.log(Math.max(counted, flowed / 100) / Math.max(flowed, counted / 100))
  const log = logOf(counterM3, flowM3)
  const logs = before.filter(isEnough).map(day => logOf(day.counterM3 ?? 0, day.flowM3 ?? 0))
  const usual = logs.length < PATTERN_DAYS_MIN ? 0 : medianOf(logs)
  const half =
    logs.length < PATTERN_DAYS_MIN
      ? Math.log(AGREEMENT.ever)
      : Math.max(SPREADS * spreadOf(logs, usual), Math.log(AGREEMENT.change))
  const score = Math.max(Math.abs(log - usual) / half, Math.abs(log) / Math.log(AGREEMENT.ever))
  return verdictOf(score > 1, score, {
    ...{ countedM3: counterM3, flowedM3: flowM3 },
    ...{ ratio: Math.exp(log), usualRatio: Math.exp(usual), boundRatio: Math.exp(half), days: logs.length },
  })
}

/** What the counter can tell apart: the least that ever passed in an hour. */
function stepOf(days: readonly DayFacts[]): number {
  const steps = known(days, 'stepM3')
  return steps.length === 0 ? 0 : Math.min(...steps)
}

const known = (days: readonly DayFacts[], fact: Exclude<keyof DayFacts, 'day' | 'weekday'>): number[] =>
  days.map(day => day[fact]).filter(value => value !== null)

const verdictOf = (isFound: boolean, score: number, evidence: Record<string, number>): Verdict => ({
  isFound,
  score: rounded(score),
  evidence: Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, rounded(value)])),
})

/** Four digits after the point: what is stored is read by people and compared with what was stored before. */
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000
