// POST /process: shows what computing a stretch of a point again would change. POST /process/{preview}: does that.

import { Hono } from 'hono'
import { z } from 'zod'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint, POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'
import { invalidRequest, limitBody, Problem, readBody } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { findPreview } from '../store/recomputations.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { executeRecomputation, previewRecomputation } from './preview.ts'
import { STRETCH_MAX_MS } from './recompute.ts'
import { toRecomputingProblem, toShown } from './shown.ts'

/** Says whether a request comes from somebody who may have ranges computed again. */
export type AuthorizeOperator = (request: Request) => Promise<Verdict<{ principal: { name: string } }>>

const BODY_BYTES_MAX = 4096

const instant = z.iso
  .datetime({ offset: true, error: 'must be an instant such as 2026-01-15T12:00:00Z' })
  .transform(text => Date.parse(text))

const PreviewRequest = z.strictObject({
  point: z.string().regex(POINT_NAME, POINT_NAME_MISTAKE),
  from: instant,
  to: instant,
})

/** Why something is computed again. */
export const Why = z.string().trim().min(3).max(500)

const ExecutionRequest = z.strictObject({ why: Why })

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
  const refused = (error: unknown) => {
    throw toRecomputingProblem(error)
  }
  const app = new Hono()
  app.post('/process', limitBody(BODY_BYTES_MAX), async context => {
    const { principal } = requireAllowed(await authorizeOperator(context.req.raw))
    const { point, from, to } = await readBody(context, PreviewRequest)
    if (to <= from || to - from > STRETCH_MAX_MS) {
      throw invalidRequest([{ in: 'body', name: 'to', detail: 'must be after "from", at most 366 days' }])
    }
    const { id: pointId, ...path } = await findPoint(db, null, point)
    const asked = { pointId, from, to, askedBy: principal.name }
    const { id, outcome } = await previewRecomputation({ db, clock }, asked).catch(refused)
    return context.json({ preview: id, point: pointKey(path), ...toShown(outcome) })
  })
  app.post('/process/:preview{[1-9][0-9]{0,14}}', limitBody(BODY_BYTES_MAX), async context => {
    const { principal } = requireAllowed(await authorizeOperator(context.req.raw))
    const { why } = await readBody(context, ExecutionRequest)
    const preview = await findPreview(db, null, Number(context.req.param('preview')))
    if (preview === undefined) throw new Problem(404, 'Preview not found')
    const who = { askedBy: principal.name, why }
    const execution = await executeRecomputation({ db, clock }, preview, who).catch(refused)
    if (execution.kind === 'refused') {
      throw new Problem(409, 'Not what was shown', { detail: `${preview.point}: ${execution.reason}` })
    }
    return context.json({ preview: preview.id, point: preview.point, ...toShown(execution.outcome) })
  })
  return app
}
