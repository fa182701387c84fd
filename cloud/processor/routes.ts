// POST /process: computes a stretch of a point again, or says what that would change.

import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Database } from '../store/database.ts'
import { selectPointsNamed } from '../store/queries.ts'
import { problem, refusal, toPointName, type Verdict } from './answer.ts'
import { type RecomputationOutcome, recompute, STRETCH_MAX_MS } from './recompute.ts'

/** Says whether a request comes from somebody who may have ranges computed again. */
export type AuthorizeOperator = (request: Request) => Promise<Verdict<{ principal: { name: string } }>>

const BODY_BYTES_MAX = 4096

const instant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))

const ProcessRequest = z
  .strictObject({
    point: z.string().max(200),
    from: instant,
    to: instant,
    dryRun: z.boolean().default(false),
  })
  .refine(({ from, to }) => to > from, { message: 'must be after "from"', path: ['to'] })
  .refine(({ from, to }) => to - from <= STRETCH_MAX_MS, {
    message: 'at most 366 days after "from"',
    path: ['to'],
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
  app.post('/process', bodyLimit({ maxSize: BODY_BYTES_MAX }), async context => {
    const verdict = await authorizeOperator(context.req.raw)
    if (verdict.kind !== 'allowed') return refusal(context, verdict) ?? problem(context, 403, 'Not allowed')
    const body = ProcessRequest.safeParse(await context.req.json().catch(() => undefined))
    if (!body.success) return problem(context, 400, 'Invalid request', reasonsOf(body.error))
    const { point, from, to, dryRun } = body.data
    const name = toPointName(point)
    const found = name === undefined ? [] : await selectPointsNamed(db, null, name)
    const [row, other] = found
    if (row === undefined) return problem(context, 404, 'No such point')
    if (other !== undefined)
      return problem(context, 409, 'Several points have this name', 'Give client.project.point')
    const askedBy = verdict.principal.name
    const outcome = await recompute({ db, clock }, { pointId: row.id, from, to, askedBy, dryRun })
    return context.json({ point: `${row.client}.${row.project}.${row.point}`, dryRun, ...toAnswer(outcome) })
  })
  app.onError((error, context) => {
    if (error instanceof z.ZodError) {
      return problem(context, 422, 'Cannot use the calibrations of this point', reasonsOf(error))
    }
    if (error instanceof Rejected) return problem(context, 422, 'Cannot recompute', error.message)
    if (error instanceof RangeError) return problem(context, 422, 'Too much at once', error.message)
    if (error instanceof Unavailable) return problem(context, 503, 'Not available now')
    throw error
  })
  return app
}

function toAnswer({ variables, ...rest }: RecomputationOutcome): object {
  const text = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    ...rest,
    variables: variables.map(({ changedFrom, changedTo, ...counts }) => ({
      ...counts,
      changedFrom: text(changedFrom),
      changedTo: text(changedTo),
    })),
  }
}
