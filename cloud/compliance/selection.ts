// Which readings stand for a slot: a pure decision over the candidates that the store found.
//
// Promises:
//   P1. Good readings with a trustworthy time are picked where there are any. Nothing is carried forward or invented.
//   P2. An exact reading is picked at once; the nearest one, and a mean, only when nothing better can come any more.
//   P3. When nothing may be picked the answer says which quantity is missing and what was seen instead.
//   P4. A doubtful reading is picked only where no good one came within the grace, and says so: a person decides.
//   P5. What several points give together is the sum of all of them, or missing.

import { QUALITIES, qualityOf, TIME_QUALITIES } from '../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { DOUBT } from '../flags.ts'
import { addExactly } from '../rounding.ts'
import { DAY_MS } from './calendar.ts'
import {
  type Chosen,
  type ChosenValues,
  declaredText,
  type Part,
  type Quantity,
  quantitiesOf,
} from './declaration.ts'
import type { ObligationTerms } from './obligation.ts'

/** A reading, or a derived value, near a slot's instant. */
export interface Candidate {
  pointId: number
  seriesId: number
  variable: number
  at: number
  value: number | null
  quality: number
  /** Of a derived value: of the reading it was computed from. */
  timeQuality: number
  /** What was judged of it: bits of cloud/flags.ts. */
  flags: number
}

/** What is known of a variable over the time that a mean is taken over: only of good readings. */
export interface MeanCandidate {
  pointId: number
  seriesId: number
  variable: number
  /** The mean of the means of its parts, so that hours that were read more often do not count for more. */
  mean: number
  count: number
  /** Of meanParts() equal parts of the time, how many have a reading. */
  parts: number
  firstAt: number
  lastAt: number
}

/** Into how many equal parts the time of a mean is divided. */
export function meanParts(overMs: number): number {
  return overMs >= DAY_MS ? 24 : 12
}

/** What came of picking. */
export type Picked =
  | { kind: 'chosen'; values: ChosenValues }
  /** Not yet: look again then. */
  | { kind: 'waiting'; nextCheckAt: number }
  /** Not enough: `values` has what there is. */
  | { kind: 'no_data'; reason: string; values: ChosenValues }

/** What a slot's picking depends on. `metered`: the points that have a series of totals. */
export interface SlotToFill {
  dueAt: number
  pointId: number
  metered: readonly number[]
  /** Not looked for: its sensor was declared faulty. */
  without?: readonly Quantity[]
  terms: Pick<
    ObligationTerms,
    'kind' | 'levelExempt' | 'total' | 'totalRounding' | 'selection' | 'graceMs' | 'arrivalMs' | 'maxLagMs'
  > &
    Partial<Pick<ObligationTerms, 'required' | 'exemptions' | 'alsoPointIds' | 'levelPointId'>>
}

/** What was found for a slot. */
export interface Found {
  candidates: readonly Candidate[]
  means: readonly MeanCandidate[]
}

/** How often a slot is looked at again. */
const AGAIN_MS = 60_000

/** How far from its instant readings may stand for a slot. */
export function reachOf({ selection }: Pick<ObligationTerms, 'selection'>): number {
  return selection.kind === 'exact' ? 0 : selection.withinMs
}

/** Picks, or says why not. */
export function pickValues(slot: SlotToFill, found: Found, now: number): Picked {
  const { dueAt, terms } = slot
  const { required, optional } = quantitiesLooked(slot)
  const settledAt = dueAt + reachOf(terms) + terms.arrivalMs
  const graceEndsAt = dueAt + Math.max(terms.graceMs, reachOf(terms) + terms.arrivalMs)
  const values: ChosenValues = {}
  for (const quantity of [...required, ...optional]) {
    const chosen = choose(quantity, slot, found, now >= graceEndsAt)
    if (chosen !== undefined) values[quantity] = chosen
  }
  const missing = required.filter(quantity => values[quantity] === undefined)
  const exact = [...required, ...optional].every(quantity => isExact(values[quantity]))
  if (missing.length === 0 && (exact || now >= settledAt)) return { kind: 'chosen', values }
  if (missing.length === 0) return { kind: 'waiting', nextCheckAt: Math.min(settledAt, now + AGAIN_MS) }
  const nextAt = now < settledAt ? settledAt : graceEndsAt
  if (now < graceEndsAt) return { kind: 'waiting', nextCheckAt: Math.min(nextAt, now + AGAIN_MS) }
  return { kind: 'no_data', reason: reasonFor(missing, slot, found), values }
}

function quantitiesLooked({ terms, dueAt, without = [] }: SlotToFill) {
  const { required, optional } = quantitiesOf(terms, dueAt)
  const isLooked = (quantity: Quantity) => !without.includes(quantity)
  return { required: required.filter(isLooked), optional: optional.filter(isLooked) }
}

const isExact = (chosen: Chosen | undefined): boolean =>
  chosen !== undefined && chosen.mean === undefined && (chosen.parts ?? []).every(({ ageMs }) => ageMs === 0)

/** The points that a quantity is read from. */
export function pointsOf(
  quantity: Quantity,
  { pointId, terms: { alsoPointIds = [], levelPointId } }: SlotToFill,
): number[] {
  return quantity === 'level' ? [levelPointId ?? pointId] : [pointId, ...alsoPointIds]
}

function choose(
  quantity: Quantity,
  slot: SlotToFill,
  { candidates, means }: Found,
  takesDoubtful: boolean,
): Chosen | undefined {
  const { dueAt, terms } = slot
  const { selection } = terms
  if (selection.kind === 'mean' && quantity !== 'total') return chooseMean(quantity, slot, means)
  const reach = reachOf(terms)
  const parts: Part[] = []
  for (const pointId of pointsOf(quantity, slot)) {
    const variable = variableOf(quantity, slot, pointId)
    const near = candidates.filter(one => one.pointId === pointId && Math.abs(one.at - dueAt) <= reach)
    const found =
      nearest(near.filter(isTrusted), variable, dueAt) ??
      (takesDoubtful ? nearest(near.filter(hasValue), variable, dueAt) : undefined)
    if (found === undefined) return undefined
    const { seriesId, at: readAt, value, quality, timeQuality, flags } = found
    parts.push({
      ...{ pointId, variable, seriesId, readAt, ageMs: dueAt - readAt, value },
      ...{ quality, timeQuality, flags },
    })
  }
  return together(quantity, parts, terms)
}

function chooseMean(
  quantity: Quantity,
  slot: SlotToFill,
  means: readonly MeanCandidate[],
): Chosen | undefined {
  const { dueAt, terms } = slot
  const { selection } = terms
  if (selection.kind !== 'mean') return undefined
  const { overMs, coverage } = selection
  const parts: Part[] = []
  let worst = { count: Number.POSITIVE_INFINITY, coverage: 1 }
  for (const pointId of pointsOf(quantity, slot)) {
    const variable = variableOf(quantity, slot, pointId)
    const found = means.find(one => one.pointId === pointId && one.variable === VARIABLES[variable].code)
    if (found === undefined || found.parts / meanParts(overMs) < coverage) return undefined
    const { seriesId, lastAt: readAt, mean: value } = found
    const good = { quality: QUALITIES.good.code, timeQuality: TIME_QUALITIES.synced, flags: 0 }
    parts.push({ pointId, variable, seriesId, readAt, ageMs: dueAt - readAt, value, ...good })
    worst = {
      count: Math.min(worst.count, found.count),
      coverage: Math.min(worst.coverage, found.parts / meanParts(overMs)),
    }
  }
  const chosen = together(quantity, parts, terms)
  return chosen && { ...chosen, mean: { from: dueAt - overMs, to: dueAt, ...worst } }
}

/** Several points as one: the sum, as old as its oldest part. */
function together(
  quantity: Quantity,
  parts: readonly Part[],
  terms: SlotToFill['terms'],
): Chosen | undefined {
  const [first] = parts
  const oldest = parts.toSorted((a, b) => Math.abs(b.ageMs) - Math.abs(a.ageMs))[0]
  if (first === undefined || oldest === undefined) return undefined
  const value = addExactly(parts.map(part => part.value))
  return {
    ...{ variable: first.variable, seriesId: first.seriesId, readAt: oldest.readAt, ageMs: oldest.ageMs },
    ...{ value, text: declaredText(quantity, value, terms), parts },
  }
}

/** The variable that a quantity is read from at a point. */
export function variableOf(
  quantity: Quantity,
  { terms, metered }: Pick<SlotToFill, 'terms' | 'metered'>,
  pointId: number,
): Variable {
  if (quantity === 'flow') return 'flow'
  if (quantity === 'level') return terms.kind === 'surface_channel' ? 'stage' : 'water_table'
  const source = terms.total ?? (metered.includes(pointId) ? 'meter' : 'volume')
  return source === 'meter' ? 'total' : 'volume'
}

type Valued = Candidate & { value: number }

const hasValue = (candidate: Candidate): candidate is Valued => candidate.value !== null

/** Whether it may be declared without asking anybody. */
export const isTrusted = (candidate: Candidate): candidate is Valued =>
  candidate.value !== null &&
  candidate.quality === QUALITIES.good.code &&
  (candidate.flags & DOUBT) === 0 &&
  candidate.timeQuality !== TIME_QUALITIES.unsynced

/** The nearest of a variable; of two as near, the earlier. */
export function nearest<T extends Candidate>(
  candidates: readonly T[],
  variable: Variable,
  dueAt: number,
): T | undefined {
  const { code } = VARIABLES[variable]
  return candidates
    .filter(candidate => candidate.variable === code)
    .toSorted((a, b) => Math.abs(a.at - dueAt) - Math.abs(b.at - dueAt) || a.at - b.at)[0]
}

function reasonFor(missing: readonly Quantity[], slot: SlotToFill, { candidates, means }: Found): string {
  const { selection } = slot.terms
  return missing
    .flatMap(quantity => {
      const points = pointsOf(quantity, slot)
      return points.map(pointId => {
        const variable = variableOf(quantity, slot, pointId)
        const where = points.length > 1 ? `${quantity} of point ${pointId}` : quantity
        if (selection.kind === 'mean' && quantity !== 'total') {
          const { code } = VARIABLES[variable]
          const mean = means.find(one => one.pointId === pointId && one.variable === code)
          const parts = meanParts(selection.overMs)
          return `${where}: ${variable} is known in ${mean?.parts ?? 0} of ${parts} parts of the time`
        }
        const seen = nearest(
          candidates.filter(one => one.pointId === pointId),
          variable,
          slot.dueAt,
        )
        return `${where}: ${seen === undefined ? `no reading of ${variable}` : sight(variable, seen)}`
      })
    })
    .join('; ')
}

function sight(variable: Variable, { quality, timeQuality, at }: Candidate): string {
  const doubt = timeQuality === TIME_QUALITIES.unsynced ? ', its clock never synchronised' : ''
  return `${variable} of ${new Date(at).toISOString()} is ${qualityOf(quality) ?? `of quality ${quality}`}${doubt}`
}
