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
export type Quantity = 'flow' | 'total' | 'level'

/** One value that was picked for a slot: what was measured, when, and how far that is from the slot. */
export interface Chosen {
  variable: Variable
  seriesId: number
  readAt: number
  /** The slot's instant less the reading's: negative when it was read after. */
  ageMs: number
  value: number
  /** As it is declared. */
  text: string
}

/** The values of a slot. */
export type ChosenValues = { [quantity in Quantity]?: Chosen | undefined }

/** What must be known of a kind of work before anything is declared of it, and what may be left empty. */
export function quantitiesOf({ kind, levelExempt }: Pick<ObligationTerms, 'kind' | 'levelExempt'>): {
  required: readonly Quantity[]
  optional: readonly Quantity[]
} {
  const base: readonly Quantity[] = kind === 'surface_channel' ? ['flow'] : ['flow', 'total']
  if (kind === 'surface_pipe') return { required: base, optional: [] }
  return levelExempt
    ? { required: base, optional: ['level'] }
    : { required: [...base, 'level'], optional: [] }
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

/** Complete, or the reason why it is not; or doubtful, and then a person decides. */
export type Built =
  | { kind: 'built'; declaration: Declaration }
  | { kind: 'missing'; quantities: readonly Quantity[] }
  | { kind: 'doubtful'; reason: string }

/** Longest totalizer that DGA takes, in characters. It states none for flow and level, and no real one is longer. */
const CHARACTERS_MAX = 15

/** Builds the declaration of a slot. */
export function buildDeclaration(
  { workCode, dueAt }: { workCode: string; dueAt: number },
  terms: Pick<ObligationTerms, 'kind' | 'levelExempt'>,
  { flow, total, level }: ChosenValues,
): Built {
  const found = { flow, total, level }
  const { required } = quantitiesOf(terms)
  const missing = required.filter(quantity => found[quantity] === undefined)
  if (flow === undefined || missing.length > 0) return { kind: 'missing', quantities: missing }
  const doubt = doubtOf(found)
  if (doubt !== undefined) return { kind: 'doubtful', reason: doubt }
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

/** Nothing official says what a negative value means; it is declared by a person or not at all. */
function doubtOf(values: ChosenValues): string | undefined {
  for (const [quantity, chosen] of Object.entries(values)) {
    if (chosen === undefined) continue
    const { text } = chosen
    if (text.startsWith('-')) return `negative ${quantity}: ${text}`
    if (text.length > CHARACTERS_MAX)
      return `${quantity} of ${text.length} characters, at most ${CHARACTERS_MAX} are taken: ${text}`
  }
  return undefined
}
