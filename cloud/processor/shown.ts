// A recomputation as it is shown: in the services' answers, in the API and on the command line.

import { ZodError } from 'zod'
import { reasonsOf } from '../../protocol/mistakes.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { VARIABLES, type Variable, variableOf } from '../../protocol/variables.ts'
import { Problem } from '../problem.ts'
import { addExactly, toDecimal, toShownM3 } from '../rounding.ts'
import { DatabaseRefused } from '../store/database.ts'
import type { ChangedBuckets } from './buckets.ts'
import type { ShownOutcome } from './preview.ts'
import type { Difference } from './recompute.ts'

/** A civil day of one variable: what passed, of a volume; the mean of good values, of everything else. */
export interface ShownDay {
  day: string
  variable: Variable
  unit: string
  before: number | null
  after: number | null
  /** Null where one of the two is not known. */
  delta: number | null
}

/** What a recomputation changes, or would change. Instants are ISO 8601. */
export interface Shown {
  consumptionM3: { before: number | null; after: number | null }
  buckets: ChangedBuckets
  judged: number
  variables: (Omit<Difference, 'changedFrom' | 'changedTo'> & {
    changedFrom: string | null
    changedTo: string | null
  })[]
  days: ShownDay[]
  daysMore: number
}

/** An outcome as it is shown. */
export function toShown({ variables, judged, consumptionM3, buckets, days, daysMore }: ShownOutcome): Shown {
  const text = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  const { before, after } = consumptionM3
  return {
    consumptionM3: { before: toShownM3(before), after: toShownM3(after) },
    ...{ buckets, judged },
    variables: variables.map(({ changedFrom, changedTo, ...counts }) => ({
      ...counts,
      changedFrom: text(changedFrom),
      changedTo: text(changedTo),
    })),
    days: days.flatMap(toShownDay),
    daysMore,
  }
}

function toShownDay({ day, variable: code, before, after }: ShownOutcome['days'][number]): ShownDay[] {
  const variable = variableOf(code)
  if (variable === undefined) return []
  const [was, is] = [toShownFigure(before), toShownFigure(after)]
  const delta = was === null || is === null ? null : addExactly([is, -was])
  return [{ day, variable, unit: VARIABLES[variable].unit, before: was, after: is, delta }]
}

/** More digits of a mean say nothing of water. */
const FIGURE = { decimals: 6 }
const toShownFigure = (value: number | null): number | null =>
  value === null ? null : Number(toDecimal(value, FIGURE))

/** What recomputing refuses, as a problem; what is none is thrown on. */
export function toRecomputingProblem(error: unknown): unknown {
  if (error instanceof ZodError) {
    return new Problem(422, 'Cannot use the calibrations of this point', { detail: reasonsOf(error) })
  }
  if (error instanceof Rejected || (error instanceof DatabaseRefused && error.isAboutData))
    return new Problem(422, 'Cannot recompute', { detail: error.message })
  if (error instanceof RangeError) return new Problem(422, 'Too much at once', { detail: error.message })
  return error
}
