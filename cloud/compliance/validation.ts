// Whether what was picked can be what it says: pure decisions over a slot's values and what was seen around them.
//
// Promises:
//   V1. A finding has a code, what follows from it, and the numbers it was found by.
//   V2. A check that has nothing to compare with finds nothing.
//   V3. A value is never changed here.
//   V4. What a person gives is checked by the same rules as what was measured.

import { AHEAD_MAX_MS, QUALITIES, qualityOf, TIME_QUALITIES } from '../../protocol/reading.ts'
import { DOUBT, flagNames } from '../flags.ts'
import { addExactly } from '../rounding.ts'
import { type CheckCode, type Limits, limitsOf, type Severity, severityOf } from './checks.ts'
import { CHARACTERS_MAX, type Chosen, type ChosenValues, type Part, type Quantity } from './declaration.ts'
import type { ObligationTerms } from './obligation.ts'

const HOUR_MS = 3_600_000

/** A doubt about a slot's values. */
export interface Finding {
  code: CheckCode
  severity: Exclude<Severity, 'off'>
  quantity: Quantity | null
  /** For a person: the code in words, with what was seen. */
  message: string
  saw: Readonly<Record<string, number | string | null>>
}

/** What was measured in a time before a slot. */
export interface Window {
  count: number
  min: number
  max: number
  mean: number
  firstAt: number
  lastAt: number
}

/** What is known of a point. */
export interface PointFacts {
  pointId: number
  wellDepthM: number | null
  sensorDepthM: number | null
  /** The water above the sensor when the level was read. */
  columnM: number | null
}

/** Something that somebody entered about a point's meter: replaced, set, started again. */
export interface MeterChange {
  pointId: number
  at: number
  what: string
}

/** What surrounds a slot's values. */
export interface Background {
  /** The newest slot before this one whose values stand. */
  previous: { dueAt: number; values: ChosenValues } | undefined
  /** By series: as long as a figure may stay, and the hour before. */
  stays: ReadonlyMap<number, Window>
  hours: ReadonlyMap<number, Window>
  /** By series: how long after it was read what was chosen came, where it was not kept back anywhere. */
  delays: ReadonlyMap<number, number>
  points: ReadonlyMap<number, PointFacts>
  meterChanges: readonly MeterChange[]
  /** What the work has taken in the regulator's year, where it is known. */
  yearM3: number | undefined
}

/** Nothing is known. */
export const NO_BACKGROUND: Background = {
  ...{ previous: undefined, stays: new Map(), hours: new Map(), delays: new Map(), points: new Map() },
  ...{ meterChanges: [], yearM3: undefined },
}

type Found = Omit<Finding, 'severity'>
type Terms = Pick<ObligationTerms, 'kind' | 'rights' | 'checks'>

interface Case {
  values: ChosenValues
  terms: Terms
  limits: Limits
  background: Background
}

/** Every doubt about a slot's values that its obligation does not switch off, in the order of the checks. */
export function validate(slot: { values: ChosenValues; terms: Terms }, background: Background): Finding[] {
  const limits = limitsOf(slot.terms.checks)
  const its = { ...slot, limits, background }
  const found = [signs, rights, stays, counters, volumes, levels, ages, clocks, qualities].flatMap(check =>
    check(its),
  )
  return found.flatMap(one => toFinding(one, slot.terms) ?? [])
}

/** A doubt with what follows from it; nothing when the obligation switches it off. */
export function toFinding(found: Found, { checks }: Pick<Terms, 'checks'>): Finding | undefined {
  const severity = severityOf(found.code, checks)
  return severity === 'off' ? undefined : { ...found, severity }
}

const chosenOf = (values: ChosenValues): [Quantity, Chosen][] =>
  (['flow', 'total', 'level'] as const).flatMap(quantity => {
    const chosen = values[quantity]
    return chosen === undefined ? [] : [[quantity, chosen] as [Quantity, Chosen]]
  })

const partsOf = (values: ChosenValues): [Quantity, Part][] =>
  chosenOf(values).flatMap(([quantity, { parts = [] }]) =>
    parts.map((part): [Quantity, Part] => [quantity, part]),
  )

function signs({ values }: Case): Found[] {
  return chosenOf(values).flatMap(([quantity, { text, value }]) => {
    const found: Found[] = []
    if (text.startsWith('-')) {
      found.push({ code: 'negative', quantity, message: `negative ${quantity}: ${text}`, saw: { value } })
    }
    if (text.length > CHARACTERS_MAX) {
      const message = `${quantity} of ${text.length} characters, at most ${CHARACTERS_MAX} are taken: ${text}`
      found.push({ code: 'too_long', quantity, message, saw: { value, characters: text.length } })
    }
    return found
  })
}

function rights({ values: { flow }, terms, background: { yearM3 } }: Case): Found[] {
  const found: Found[] = []
  const rightLps = addExactly(terms.rights.map(({ flowLps }) => flowLps))
  if (terms.rights.length > 0 && flow !== undefined && Number(flow.text) > rightLps) {
    const message = `flow ${flow.text} L/s over the right to ${rightLps} L/s`
    found.push({ code: 'over_right', quantity: 'flow', message, saw: { flowLps: flow.value, rightLps } })
  }
  const yearly = terms.rights.flatMap(({ yearlyM3 }) => yearlyM3 ?? [])
  const rightM3 = addExactly(yearly)
  // A right without a yearly volume allows any.
  const isBounded = yearly.length > 0 && yearly.length === terms.rights.length
  if (isBounded && yearM3 !== undefined && yearM3 > rightM3) {
    const message = `${Math.round(yearM3)} m³ taken this year, over the right to ${rightM3} m³`
    found.push({ code: 'over_yearly_right', quantity: 'total', message, saw: { yearM3, rightM3 } })
  }
  return found
}

/** Readings must have come for most of the time, or nobody knows that the figure stayed. */
const STAY_READINGS_MIN = 4
const STAY_PART = 0.8
/** A level that moves by more than noise says that the pump runs. */
const LEVEL_MOVES_M = 0.5

const isStill = (window: Window | undefined, forMs: number): window is Window =>
  window !== undefined &&
  window.min === window.max &&
  window.count >= STAY_READINGS_MIN &&
  window.lastAt - window.firstAt >= STAY_PART * forMs

function stays({ values, limits: { stuckAfter }, background }: Case): Found[] {
  const level = values.level?.parts?.[0]
  const levelWindow = level && background.stays.get(level.seriesId)
  const levelSpanM = levelWindow === undefined ? 0 : levelWindow.max - levelWindow.min
  return partsOf(values).flatMap(([quantity, part]) => {
    const window = background.stays.get(part.seriesId)
    if (!isStill(window, stuckAfter)) return []
    const flow = values.flow?.parts?.find(({ pointId }) => pointId === part.pointId)
    const flowWindow = flow && background.stays.get(flow.seriesId)
    const flowMeanLps = flowWindow?.mean ?? 0
    // A pump that stands still has a flow of 0 and a counter that stays, and its level is at rest.
    const isMoving =
      quantity === 'flow'
        ? part.value !== 0 || levelSpanM > LEVEL_MOVES_M
        : quantity === 'level' || flowMeanLps > 0 || levelSpanM > LEVEL_MOVES_M
    if (!isMoving) return []
    const hours = (window.lastAt - window.firstAt) / HOUR_MS
    const message = `${quantity} has stayed at ${part.value} for ${hours.toFixed(1)} h`
    const saw = { value: part.value, hours, readings: window.count, flowMeanLps, levelSpanM }
    return [{ code: 'stuck', quantity, message, saw }]
  })
}

/** What rounding of counters and of instants may add. */
const COUNT_SLACK_M3 = 1
const NEAR_END = 0.9
const NEAR_BEGINNING = 0.1

function counters({ values: { total }, terms, limits, background }: Case): Found[] {
  const { previous, meterChanges } = background
  const before = previous?.values.total
  if (total?.parts === undefined || before?.parts === undefined) return []
  const rightM3PerHour = addExactly(terms.rights.map(({ flowLps }) => flowLps)) * 3.6 * 3
  const maxM3PerHour = Math.max(limits.maxM3PerHour, rightM3PerHour)
  return total.parts.flatMap((part): Found[] => {
    const was = before.parts?.find(({ seriesId }) => seriesId === part.seriesId)
    const hours = was === undefined ? 0 : (part.readAt - was.readAt) / HOUR_MS
    if (was === undefined || hours <= 0) return []
    const [beforeM3, nowM3] = [was.value, part.value]
    const limitM3 = maxM3PerHour * hours + COUNT_SLACK_M3
    const change = meterChanges.find(
      ({ pointId, at }) => pointId === part.pointId && was.readAt < at && at <= part.readAt,
    )
    const saw = { beforeM3, nowM3, hours, limitM3 }
    const from = `total went from ${beforeM3} to ${nowM3} m³ in ${hours.toFixed(1)} h`
    const say = (code: CheckCode, message: string, more = {}): Found[] => [
      { code, quantity: 'total', message, saw: { ...saw, ...more } },
    ]
    const isBack = Math.trunc(nowM3) < Math.trunc(beforeM3)
    const isJump = nowM3 - beforeM3 > limitM3
    if (!isBack && !isJump) return []
    if (change !== undefined) return say('meter_changed', `${from}: ${change.what}`, { changedAt: change.at })
    const { modulus } = limits
    const isRollover =
      modulus !== undefined &&
      beforeM3 >= NEAR_END * modulus &&
      nowM3 <= NEAR_BEGINNING * modulus &&
      nowM3 + modulus - beforeM3 <= limitM3
    if (isBack && isRollover) return say('total_rollover', `${from}: it starts again at ${modulus}`)
    return isBack
      ? say('total_back', from)
      : say('total_jump', `${from}, more than ${Math.round(limitM3)} m³`)
  })
}

const VOLUME_READINGS_MIN = 3
const VOLUME_SPAN_MIN_MS = HOUR_MS / 2
/** A pump that starts or stops between two readings is seen by neither, at both ends of the hour. */
const UNSEEN_READINGS = 2

function volumes({ values, limits, background: { hours, stays: longer } }: Case): Found[] {
  return (values.total?.parts ?? []).flatMap((part): Found[] => {
    const flow = values.flow?.parts?.find(({ pointId }) => pointId === part.pointId)
    const [counter, flows] = [hours.get(part.seriesId), flow && hours.get(flow.seriesId)]
    if (flow === undefined || counter === undefined || flows === undefined) return []
    const spanMs = counter.lastAt - counter.firstAt
    const isKnown =
      Math.min(counter.count, flows.count) >= VOLUME_READINGS_MIN && spanMs >= VOLUME_SPAN_MIN_MS
    if (!isKnown) return []
    const countedM3 = counter.max - counter.min
    const flowedM3 = (flows.mean * spanMs) / LITRES_MS_PER_M3
    const mostLps = Math.max(flows.max, longer.get(flow.seriesId)?.max ?? 0)
    const betweenMs = (flows.lastAt - flows.firstAt) / (flows.count - 1)
    const unseenM3 = (UNSEEN_READINGS * mostLps * betweenMs) / LITRES_MS_PER_M3
    const difference = Math.abs(countedM3 - flowedM3)
    if (difference <= limits.volumeSlackM3 + unseenM3) return []
    if (difference <= limits.volumeTolerance * Math.max(countedM3, Math.abs(flowedM3))) return []
    const minutes = spanMs / 60_000
    const message = `the counter says ${countedM3.toFixed(1)} m³ and the flow ${flowedM3.toFixed(1)} m³ in ${Math.round(minutes)} minutes`
    const saw = { countedM3, flowedM3, flowMeanLps: flows.mean, minutes }
    return [{ code: 'volume_against_flow', quantity: 'total', message, saw }]
  })
}

/** L/s times milliseconds. */
const LITRES_MS_PER_M3 = 1_000_000

function levels({ values: { level }, limits, background }: Case): Found[] {
  const part = level?.parts?.[0]
  if (level === undefined || part === undefined) return []
  const { value } = part
  const facts = background.points.get(part.pointId)
  const isWell = part.variable === 'water_table'
  const minM = limits.levelMinM
  const maxM = limits.levelMaxM ?? (isWell ? (facts?.wellDepthM ?? null) : null)
  const found: Found[] = []
  const say = (code: CheckCode, message: string, saw: Finding['saw']) =>
    found.push({ code, quantity: 'level', message, saw })
  if (value < minM || (maxM !== null && value > maxM)) {
    const range = maxM === null ? `at least ${minM}` : `${minM} to ${maxM}`
    say('level_range', `level ${value} m, ${range} is possible`, { levelM: value, minM, maxM })
  }
  const was = background.previous?.values.level?.parts?.find(({ seriesId }) => seriesId === part.seriesId)
  if (was !== undefined && Math.abs(value - was.value) > limits.levelJumpM) {
    const saw = { beforeM: was.value, nowM: value, limitM: limits.levelJumpM }
    say('level_jump', `level went from ${was.value} to ${value} m`, saw)
  }
  const columnM = facts?.columnM ?? columnOf(value, facts?.sensorDepthM ?? null)
  if (isWell && columnM !== null && columnM <= limits.dryBelowM) {
    const saw = { columnM, sensorDepthM: facts?.sensorDepthM ?? null, levelM: value }
    say('dry_sensor', `${columnM} m of water above the sensor: the water is deeper than ${value} m`, saw)
  }
  return found
}

/** A counter of centimetres leaves no more than this of a difference of two depths. */
const columnOf = (depthM: number, sensorDepthM: number | null): number | null =>
  sensorDepthM === null ? null : addExactly([sensorDepthM, -depthM])

function ages({ values, limits: { staleAfter } }: Case): Found[] {
  return chosenOf(values).flatMap(([quantity, { ageMs, readAt, mean }]): Found[] => {
    if (mean !== undefined || Math.abs(ageMs) <= staleAfter) return []
    const minutes = Math.round(Math.abs(ageMs) / 60_000)
    const message = `${quantity} was read ${minutes} minutes ${ageMs > 0 ? 'before' : 'after'}`
    return [{ code: 'stale', quantity, message, saw: { ageMs, readAt } }]
  })
}

function clocks({ values, limits: { clockAfter }, background: { delays } }: Case): Found[] {
  return partsOf(values).flatMap(([quantity, { seriesId, timeQuality, readAt }]): Found[] => {
    const delayMs = delays.get(seriesId) ?? null
    const saw = { readAt, delayMs }
    if (timeQuality === TIME_QUALITIES.unsynced) {
      const message = `${quantity} was stamped by a clock that was never synchronised`
      return [{ code: 'clock', quantity, message, saw }]
    }
    if (delayMs === null || (delayMs <= clockAfter && delayMs >= -AHEAD_MAX_MS)) return []
    const minutes = Math.round(Math.abs(delayMs) / 60_000)
    const message = `${quantity} came ${minutes} minutes ${delayMs > 0 ? 'after' : 'before'} the instant that its clock says`
    return [{ code: 'clock', quantity, message, saw }]
  })
}

function qualities({ values }: Case): Found[] {
  return partsOf(values).flatMap(([quantity, { quality, value, readAt, flags }]): Found[] => {
    const judged = flagNames(flags & DOUBT).join(', ')
    if (quality === QUALITIES.good.code && judged === '') return []
    const name = qualityOf(quality) ?? `of quality ${quality}`
    const message = `${quantity} ${value} is ${[name, judged].filter(text => text !== '').join(', ')}`
    return [{ code: 'bad_quality', quantity, message, saw: { value, quality: name, judged, readAt } }]
  })
}
