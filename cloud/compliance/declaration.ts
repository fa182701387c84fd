// A declaration: what is said of one work at one instant, as the very text that is sent, shown and compared.
//
// It is complete or it is not built: a mandatory value that is missing, or one that cannot be what it says, is a
// reason for a person to read, never a number.

import type { Variable } from '../../protocol/variables.ts'
import { toDecimal } from '../rounding.ts'
import type { ObligationTerms, WorkKind } from './obligation.ts'

/** What DGA is told. Texts are final: nothing formats them again. */
export interface Declaration {
  kind: WorkKind
  workCode: string
  /** The instant that it is declared for: the slot's. */
  measuredAt: number
  /** L/s, two decimals. */
  flow: string
  /** m³, no decimals; of groundwater and pipes. */
  total?: string
  /** Of a well: depth of the water, m, two decimals. Of a channel: height of the water, cm, no decimals. Empty if exempt. */
  level?: string
}

/** What a declaration is made of. */
export const QUANTITIES = ['flow', 'total', 'level'] as const

/** What a declaration is made of. */
export type Quantity = (typeof QUANTITIES)[number]

/** What was read of one point. */
export interface Part {
  pointId: number
  variable: Variable
  seriesId: number
  readAt: number
  /** The slot's instant less the reading's: negative when it was read after. */
  ageMs: number
  value: number
  /** The code of its quality, and of how well its clock was known. */
  quality: number
  timeQuality: number
  /** What was judged of it: bits of cloud/flags.ts. */
  flags: number
}

/** What a mean was taken over. */
export interface Mean {
  from: number
  to: number
  /** How many readings. */
  count: number
  /** The part of the time of which something is known. */
  coverage: number
}

/** One value that was picked for a slot: what was measured, when, and how far that is from the slot. */
export interface Chosen {
  variable: Variable
  /** Of the work's first point; `parts` has all. */
  seriesId: number
  /** Of the oldest part. */
  readAt: number
  /** The slot's instant less the reading's: negative when it was read after. */
  ageMs: number
  value: number
  /** As it is declared. */
  text: string
  /** One for each point of the work. Absent in what was chosen by an older version. */
  parts?: readonly Part[]
  mean?: Mean
}

/** The values of a slot. */
export type ChosenValues = { [quantity in Quantity]?: Chosen | undefined }

/** What is declared of each quantity. */
export type DeclaredTexts = { [quantity in Quantity]?: { text: string } | undefined }

type Duties = Pick<ObligationTerms, 'kind' | 'levelExempt'> &
  Partial<Pick<ObligationTerms, 'required' | 'exemptions'>>

/** What must be known of a kind of work before anything is declared of it at an instant, and what may be left empty. */
export function quantitiesOf(
  { kind, levelExempt, required: named, exemptions = [] }: Duties,
  dueAt: number,
): { required: readonly Quantity[]; optional: readonly Quantity[] } {
  const base: readonly Quantity[] = kind === 'surface_channel' ? ['flow'] : ['flow', 'total']
  if (kind === 'surface_pipe') return { required: base, optional: [] }
  const isExempt =
    levelExempt ||
    (named !== undefined && named !== null && !named.includes('level')) ||
    exemptions.some(({ from, to }) => from <= dueAt && dueAt < (to ?? Number.POSITIVE_INFINITY))
  return isExempt ? { required: base, optional: ['level'] } : { required: [...base, 'level'], optional: [] }
}

/** Decimal places on the wire, Res. Ex. 2.170 section 5.3: flow and well level two, totalizer and channel height none. */
const DECIMALS = 2
/** A channel's height is measured in metres and declared in centimetres. */
const METRES_TO_CENTIMETRES = 2

/** A measured value as the text that is declared. */
export function declaredText(
  quantity: Quantity,
  value: number,
  { kind, totalRounding }: Pick<ObligationTerms, 'kind' | 'totalRounding'>,
): string {
  if (quantity === 'total') return toDecimal(value, { decimals: 0, rounding: totalRounding })
  if (quantity === 'level' && kind === 'surface_channel') {
    return toDecimal(value, { decimals: 0, shift: METRES_TO_CENTIMETRES })
  }
  return toDecimal(value, { decimals: DECIMALS })
}

/** Complete, or what is missing for it. */
export type Built =
  | { kind: 'built'; declaration: Declaration }
  | { kind: 'missing'; quantities: readonly Quantity[] }

/** Longest totalizer that DGA takes, in characters. It states none for flow and level, and no real one is longer. */
export const CHARACTERS_MAX = 15

/** Builds the declaration of a slot. What is doubtful of it is for validation to say. */
export function buildDeclaration(
  { workCode, dueAt }: { workCode: string; dueAt: number },
  terms: Duties,
  { flow, total, level }: DeclaredTexts,
): Built {
  const found = { flow, total, level }
  const { required } = quantitiesOf(terms, dueAt)
  const missing = required.filter(quantity => found[quantity] === undefined)
  if (flow === undefined || missing.length > 0) return { kind: 'missing', quantities: missing }
  const { kind } = terms
  return {
    kind: 'built',
    declaration: {
      ...{ kind, workCode, measuredAt: dueAt, flow: flow.text },
      ...(kind === 'surface_channel' || total === undefined ? {} : { total: total.text }),
      ...(kind === 'surface_pipe' ? {} : { level: level?.text ?? '' }),
    },
  }
}
