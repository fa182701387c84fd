// Which readings stand for a slot: a pure decision over the candidates that the store found.
//
// Promises:
//   P1. Only good readings with a trustworthy time are picked. Nothing is carried forward, averaged or invented.
//   P2. An exact reading is picked at once; the nearest one only when no nearer one can come any more.
//   P3. When nothing may be picked the answer says which quantity is missing and what was seen instead.

import { QUALITIES, qualityOf, TIME_QUALITIES } from '../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { type ChosenValues, declaredText, type Quantity, quantitiesOf } from './declaration.ts'
import type { ObligationTerms } from './obligation.ts'

/** A reading, or a derived value, near a slot's instant. */
export interface Candidate {
  seriesId: number
  variable: number
  at: number
  value: number | null
  quality: number
  /** Of a derived value: of the reading it was computed from. */
  timeQuality: number
}

/** What came of picking. */
export type Picked =
  | { kind: 'chosen'; values: ChosenValues }
  /** Not yet: look again then. */
  | { kind: 'waiting'; nextCheckAt: number }
  | { kind: 'no_data'; reason: string }

/** What a slot's picking depends on. `hasMeterTotal`: the point has a series of totals. */
export interface SlotToFill {
  dueAt: number
  hasMeterTotal: boolean
  terms: Pick<
    ObligationTerms,
    'kind' | 'levelExempt' | 'total' | 'totalRounding' | 'selection' | 'graceMs' | 'arrivalMs' | 'maxLagMs'
  >
}

/** How often a slot is looked at again. */
const AGAIN_MS = 60_000

/** How far from its instant readings may stand for a slot. */
export function reachOf({ selection }: Pick<ObligationTerms, 'selection'>): number {
  return selection.kind === 'exact' ? 0 : selection.withinMs
}

/** Picks, or says why not. */
export function pickValues(slot: SlotToFill, candidates: readonly Candidate[], now: number): Picked {
  const { dueAt, terms } = slot
  const { required, optional } = quantitiesOf(terms)
  const reach = reachOf(terms)
  const values: ChosenValues = {}
  for (const quantity of [...required, ...optional]) {
    const found = nearest(candidates.filter(isTrusted), variableOf(quantity, slot), dueAt)
    if (found === undefined || Math.abs(found.at - dueAt) > reach) continue
    values[quantity] = {
      ...{ variable: variableOf(quantity, slot), seriesId: found.seriesId, readAt: found.at },
      ...{ ageMs: dueAt - found.at, value: found.value },
      text: declaredText(quantity, found.value, terms),
    }
  }
  const missing = required.filter(quantity => values[quantity] === undefined)
  const exact = [...required, ...optional].every(quantity => values[quantity]?.ageMs === 0)
  const settledAt = dueAt + reach + terms.arrivalMs
  if (missing.length === 0 && (exact || now >= settledAt)) return { kind: 'chosen', values }
  if (missing.length === 0) return { kind: 'waiting', nextCheckAt: Math.min(settledAt, now + AGAIN_MS) }
  const graceEndsAt = dueAt + Math.max(terms.graceMs, reach + terms.arrivalMs)
  const nextAt = now < settledAt ? settledAt : graceEndsAt
  if (now < graceEndsAt) return { kind: 'waiting', nextCheckAt: Math.min(nextAt, now + AGAIN_MS) }
  return { kind: 'no_data', reason: reasonFor(missing, slot, candidates) }
}

/** The variable that a quantity is read from. */
export function variableOf(quantity: Quantity, { terms, hasMeterTotal }: SlotToFill): Variable {
  if (quantity === 'flow') return 'flow'
  if (quantity === 'level') return terms.kind === 'surface_channel' ? 'stage' : 'water_table'
  const source = terms.total ?? (hasMeterTotal ? 'meter' : 'volume')
  return source === 'meter' ? 'total' : 'volume'
}

const isTrusted = (candidate: Candidate): candidate is Candidate & { value: number } =>
  candidate.value !== null &&
  candidate.quality === QUALITIES.good.code &&
  candidate.timeQuality !== TIME_QUALITIES.unsynced

/** The nearest of a variable; of two as near, the earlier. */
function nearest<T extends Candidate>(
  candidates: readonly T[],
  variable: Variable,
  dueAt: number,
): T | undefined {
  const { code } = VARIABLES[variable]
  return candidates
    .filter(candidate => candidate.variable === code)
    .toSorted((a, b) => Math.abs(a.at - dueAt) - Math.abs(b.at - dueAt) || a.at - b.at)[0]
}

function reasonFor(missing: readonly Quantity[], slot: SlotToFill, candidates: readonly Candidate[]): string {
  return missing
    .map(quantity => {
      const variable = variableOf(quantity, slot)
      const seen = nearest(candidates, variable, slot.dueAt)
      return `${quantity}: ${seen === undefined ? `no reading of ${variable}` : sight(variable, seen)}`
    })
    .join('; ')
}

function sight(variable: Variable, { quality, timeQuality, at }: Candidate): string {
  const doubt = timeQuality === TIME_QUALITIES.unsynced ? ', its clock never synchronised' : ''
  return `${variable} of ${new Date(at).toISOString()} is ${qualityOf(quality) ?? `of quality ${quality}`}${doubt}`
}
