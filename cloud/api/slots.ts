// /compliance/slots: what is owed to DGA, what was declared, and the receipts.

import { createRoute, z } from '@hono/zod-openapi'
import { TIME_MAX } from '../../protocol/reading.ts'
import { WORK_CODE } from '../compliance/obligation.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import { listSlots } from '../store/compliance.ts'
import { type DecisionRow, listDecisions } from '../store/compliance-review.ts'
import type { Database } from '../store/database.ts'
import { InstantQuery, InstantText, NoQuery, numberParam, PointParam, toInstantText } from './fields.ts'
import { checkedSpan, fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { Code, Slot, State, toSlot } from './slot-document.ts'

/** A work's code. */
export const WorkCode = z
  .string()
  .regex(WORK_CODE, 'must be a work code such as OB-0602-7')
  .openapi({ description: 'código de obra', example: 'OB-0602-7' })

const SlotPage = z.strictObject({ items: z.array(Slot), next: Next }).openapi('SlotPage')

const EXAMPLE = {
  items: [
    {
      ...{ id: 4711, point: 'campo.los-aromos.pozo-7', workCode: 'OB-0602-7', channel: 'rest' as const },
      ...{
        measuredAt: '2026-01-15T12:00:00.000Z',
        state: 'sent' as const,
        stateAt: '2026-01-15T12:05:01.204Z',
      },
      ...{ reason: null, heldBecause: null },
      flow: {
        ...{ variable: 'flow' as const, unit: 'L/s', value: 14.2504, declared: '14.25' },
        ...{ readAt: '2026-01-15T11:59:58.000Z', ageMs: 2000, parts: [], mean: null, byPerson: false },
      },
      total: {
        ...{ variable: 'total' as const, unit: 'm³', value: 139_806.7, declared: '139806' },
        ...{ readAt: '2026-01-15T11:59:58.000Z', ageMs: 2000, parts: [], mean: null, byPerson: false },
      },
      level: {
        ...{ variable: 'water_table' as const, unit: 'm', value: 23.598, declared: '23.60' },
        ...{ readAt: '2026-01-15T11:59:58.000Z', ageMs: 2000, parts: [], mean: null, byPerson: false },
      },
      ...{ findings: [], person: null },
      attempts: 1,
      lastOutcome: {
        ...{ attempt: 1, at: '2026-01-15T12:05:01.204Z', outcome: 'accepted' as const, message: null },
      },
      ...{ nextAttemptAt: null, receipt: 'DXN7fY0kqT3mL9aB', recovered: false },
      ...{ acceptedAt: '2026-01-15T12:05:01.204Z', verification: 'match' as const },
      verifiedAt: '2026-01-15T12:15:02.811Z',
    },
  ],
  next: null,
} satisfies z.infer<typeof SlotPage>

const SlotParam = z.strictObject({
  slot: numberParam('slot'),
})

const Decision = z
  .strictObject({
    at: InstantText,
    by: z.string(),
    action: z.enum(['approve', 'replace', 'reject', 'reopen', 'hold', 'settle', 'verify']),
    reason: z.string(),
    from: State,
    to: State,
  })
  .openapi('SlotDecision')

const OneSlot = z
  .strictObject({ slot: Slot, decisions: z.array(Decision) })
  .openapi('SlotWithDecisions', { description: 'a slot, and what persons decided about it, oldest first' })

const oneRoute = createRoute({
  method: 'get',
  path: '/{slot}',
  tags: ['compliance'],
  summary: 'One slot, and what persons decided about it',
  request: { query: NoQuery, params: SlotParam },
  responses: {
    200: { description: 'the slot', content: { 'application/json': { schema: OneSlot } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['compliance'],
  summary: 'What is owed to DGA and what became of it, newest first',
  description:
    'A slot is one declaration owed of one work at one instant. `curl -H "Authorization: Bearer $TOKEN" "…/api/v1/compliance/slots?point=pozo-7&state=sent"` shows what was declared of a well, with its receipts.',
  request: {
    query: z.strictObject({
      point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
      state: State.optional(),
      work: WorkCode.optional(),
      code: Code.optional().openapi({ description: 'only those of which a check found this' }),
      from: InstantQuery.default(0).openapi({ description: 'measured at this instant or later' }),
      to: InstantQuery.default(TIME_MAX).openapi({ description: 'measured before this instant' }),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page of slots',
      content: { 'application/json': { schema: SlotPage, example: EXAMPLE } },
    },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/compliance/slots`. */
export function slots({ db }: { db: Database }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { point, state, work, code, cursor, limit, ...asked } = context.req.valid('query')
      const { from, to } = checkedSpan(asked)
      const clientIds = context.get('clientIds')
      const pointIds = point === undefined ? null : [(await findPoint(db, clientIds, point)).id]
      const after = fromCursor('slots', cursor, 0)
      const rows = await listSlots(db, {
        ...{ pointIds, clientIds, from, to, limit: limit + 1 },
        states: state === undefined ? undefined : [state],
        ...{ workCode: work, code },
        after: after === 0 ? undefined : after,
      })
      const { items, next } = toPage(rows, { list: 'slots', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toSlot), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const { slot: id } = context.req.valid('param')
      const clientIds = context.get('clientIds')
      const [row] = await listSlots(db, { pointIds: null, clientIds, id, from: 0, to: TIME_MAX, limit: 1 })
      if (row === undefined) throw new Problem(404, 'Slot not found')
      const decisions = await listDecisions(db, id)
      return context.json({ slot: toSlot(row), decisions: decisions.map(toDecision) }, 200)
    })
}

function toDecision({ at, by, action, reason, before, after }: DecisionRow): z.infer<typeof Decision> {
  return { at: toInstantText(at), by, action, reason, from: before.state, to: after.state }
}
