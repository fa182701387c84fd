// POST /process: computes a stretch of a point again, or says what that would change.

import { Hono } from 'hono'
import { z } from 'zod'
import { pointKey } from '../../protocol/ids.ts'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { findPoint, POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'
import { invalidRequest, limitBody, Problem, readBody } from '../problem.ts'
import { toShownM3 } from '../rounding.ts'
import { type Database, DatabaseRefused } from '../store/database.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { type RecomputationOutcome, recompute, STRETCH_MAX_MS } from './recompute.ts'

/** Says whether a request comes from somebody who may have ranges computed again. */
export type AuthorizeOperator = (request: Request) => Promise<Verdict<{ principal: { name: string } }>>

const BODY_BYTES_MAX = 4096

const instant = z.iso
  .datetime({ offset: true, error: 'must be an instant such as 2026-01-15T12:00:00Z' })
  .transform(text => Date.parse(text))

const ProcessRequest = z.strictObject({
  point: z.string().regex(POINT_NAME, POINT_NAME_MISTAKE),
  from: instant,
  to: instant,
  dryRun: z.boolean().default(false),
})

/** The routes of the processor besides those that every service has. */
export function processRoutes({
  db,
  clock,
  authorizeOperator,
}: {
  db: Database
  clock: Clock
  authorizeOperator: AuthorizeOperator
}): Hono {
  const app = new Hono()
  app.post('/process', limitBody(BODY_BYTES_MAX), async context => {
    const { principal } = requireAllowed(await authorizeOperator(context.req.raw))
    const { point, from, to, dryRun } = await readBody(context, ProcessRequest)
    if (to <= from || to - from > STRETCH_MAX_MS) {
      throw invalidRequest([{ in: 'body', name: 'to', detail: 'must be after "from", at most 366 days' }])
    }
    const { id: pointId, ...path } = await findPoint(db, null, point)
    const asked = { pointId, from, to, askedBy: principal.name, dryRun }
    const outcome = await recompute({ db, clock }, asked).catch((error: unknown) => {
      throw toProblem(error)
    })
    return context.json({ point: pointKey(path), dryRun, ...toAnswer(outcome) })
  })
  return app
}

/** What recompute() refuses, as a problem; what is none is thrown on. */
function toProblem(error: unknown): unknown {
  if (error instanceof z.ZodError) {
    return new Problem(422, 'Cannot use the calibrations of this point', { detail: reasonsOf(error) })
  }
  if (error instanceof Rejected || (error instanceof DatabaseRefused && error.isAboutData))
    return new Problem(422, 'Cannot recompute', { detail: error.message })
  if (error instanceof RangeError) return new Problem(422, 'Too much at once', { detail: error.message })
  return error
}

function toAnswer({ variables, judged, consumptionM3, buckets }: RecomputationOutcome): object {
  const text = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  const { before, after } = consumptionM3
  return {
    consumptionM3: { before: toShownM3(before), after: toShownM3(after) },
    buckets,
    judged,
    variables: variables.map(({ changedFrom, changedTo, ...counts }) => ({
      ...counts,
      changedFrom: text(changedFrom),
      changedTo: text(changedTo),
    })),
  }
}
