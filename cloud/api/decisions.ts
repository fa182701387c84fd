// /compliance/slots/{slot}/decisions: what a person decides about what was measured, one by one or many at once. Nothing
// that was decided is ever changed or deleted.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { decideSlot, type SlotDecided } from '../compliance/deciding.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { NoQuery, numberParam, orNull } from './fields.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'
import { Code, FindingText, State } from './slot-document.ts'

const Reason = z
  .string()
  .trim()
  .min(3)
  .max(500)
  .openapi({ description: 'kept with the decision', example: 'Verificado en terreno' })

const number = z.number().min(-1e12).max(1e12).optional()

const Asked = z
  .discriminatedUnion('action', [
    z.strictObject({ action: z.enum(['approve', 'reject', 'reopen', 'hold', 'verify']), reason: Reason }),
    z.strictObject({
      action: z.literal('replace'),
      reason: Reason,
      values: z
        .strictObject({ flow: number, total: number, level: number })
        .refine(values => Object.values(values).some(value => value !== undefined), 'must give a value')
        .openapi({ description: 'L/s, m³ and m; what is not given stays as it was measured' }),
      despite: z
        .array(Code)
        .max(20)
        .default([])
        .openapi({ description: 'doubts about these values that you know of' }),
    }),
    z.strictObject({
      action: z.literal('settle'),
      reason: Reason,
      receipt: z
        .string()
        .regex(/^[A-Za-z0-9]{8,64}$/)
        .openapi({ description: 'número de comprobante, as DGA gave it to you' }),
    }),
  ])
  .openapi('SlotDecisionAsked')

const Outcome = z
  .strictObject({
    slot: z.int(),
    point: z.string().nullable(),
    outcome: z.enum(['done', 'refused', 'not_found']),
    state: orNull(State).openapi({ description: 'what it is now' }),
    reason: z.string().nullable().openapi({ description: 'why it was refused' }),
    findings: z.array(FindingText).openapi({ description: 'the doubts that stand against it' }),
  })
  .openapi('SlotDecisionOutcome')

const BULK_MAX = 500

const Bulk = z
  .strictObject({
    slots: z.array(z.int().min(1)).min(1).max(BULK_MAX),
    action: z.enum(['approve', 'reject', 'reopen', 'hold', 'verify']),
    reason: Reason,
    dryRun: z.boolean().default(false).openapi({ description: 'say what would come of it, and do nothing' }),
  })
  .openapi('SlotDecisionsAsked')

const Outcomes = z
  .strictObject({ dryRun: z.boolean(), items: z.array(Outcome) })
  .openapi('SlotDecisionOutcomes')

const oneRoute = createRoute({
  method: 'post',
  path: '/{slot}/decisions',
  tags: ['compliance'],
  summary: 'Decide about a slot',
  description:
    '`approve` declares what was measured, `replace` what you give instead, which is checked as well, `reject` declares ' +
    'nothing. `reopen` looks for its values anew, `hold` keeps back what waits to be sent, `settle` tells the receipt of ' +
    'what DGA holds, `verify` asks after a receipt again. What DGA has accepted is never sent again.',
  request: {
    query: NoQuery,
    params: z.strictObject({
      slot: numberParam('slot'),
    }),
    body: { required: true, content: { 'application/json': { schema: Asked } } },
  },
  responses: {
    200: { description: 'it is decided', content: { 'application/json': { schema: Outcome } } },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

const bulkRoute = createRoute({
  method: 'post',
  path: '/decisions',
  tags: ['compliance'],
  summary: 'Decide about many slots alike',
  description: 'Each by itself, in the order of the list: one that is refused does not keep the others back.',
  request: { query: NoQuery, body: { required: true, content: { 'application/json': { schema: Bulk } } } },
  responses: {
    200: { description: 'what came of each', content: { 'application/json': { schema: Outcomes } } },
    ...problemResponses(400, 401, 403, 413, 415),
  },
})

interface DecisionDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/compliance/slots/{slot}/decisions`, `/compliance/slots/decisions`. */
export function decisions(deps: DecisionDeps) {
  return openRouter()
    .openapi(bulkRoute, async context => {
      const { slots, dryRun, ...decision } = context.req.valid('json')
      const who = { clientIds: context.get('clientIds'), by: nameOf(context.get('principal')), dryRun }
      const items: z.infer<typeof Outcome>[] = []
      for (const id of new Set(slots)) items.push(toOutcome(await decideSlot(deps, id, decision, who)))
      return context.json({ dryRun, items }, 200)
    })
    .openapi(oneRoute, async context => {
      const { slot: id } = context.req.valid('param')
      const who = { clientIds: context.get('clientIds'), by: nameOf(context.get('principal')), dryRun: false }
      const outcome = toOutcome(await decideSlot(deps, id, context.req.valid('json'), who))
      if (outcome.outcome === 'not_found') throw new Problem(404, 'Slot not found')
      if (outcome.outcome === 'refused') {
        throw new Problem(422, 'It cannot be decided so', { detail: `${outcome.point}: ${outcome.reason}` })
      }
      return context.json(outcome, 200)
    })
}

const BY_LENGTH_MAX = 200

/** Who decides, as it is kept. */
export const nameOf = ({ email, name }: ApiEnv['Variables']['principal']): string =>
  (email ?? name).slice(0, BY_LENGTH_MAX)

function toOutcome({ slot, point, state, decided }: SlotDecided): z.infer<typeof Outcome> {
  if (decided === undefined)
    return { slot, point: null, outcome: 'not_found', state: null, reason: null, findings: [] }
  const said = { slot, point, state, findings: [...decided.findings] }
  return decided.kind === 'changed'
    ? { ...said, outcome: 'done', reason: null }
    : { ...said, outcome: 'refused', reason: decided.reason }
}
