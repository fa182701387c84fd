// /compliance/slots: what is owed to DGA, what was declared, and the receipts.

import { createRoute, z } from '@hono/zod-openapi'
import { TIME_MAX } from '../../protocol/reading.ts'
import { findPoint } from '../point-name.ts'
import { type ListedSlot, listSlots, SLOT_OUTCOMES, SLOT_STATES } from '../store/compliance.ts'
import type { Database } from '../store/database.ts'
import {
  InstantQuery,
  InstantText,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  toInstantTextOrNull,
  unitOfVariable,
  VariableName,
} from './fields.ts'
import { checkedSpan, fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const State = z.enum(SLOT_STATES).openapi('SlotState', { description: 'docs/dga.md says what ends each' })

const Declared = z
  .strictObject({
    variable: VariableName,
    unit: z.string(),
    value: z.number().openapi({ description: 'as it was measured or computed' }),
    declared: z.string().openapi({ description: 'as it is written to DGA', example: '14.25' }),
    readAt: InstantText.openapi({ description: 'when it was measured' }),
  })
  .nullable()

const LastOutcome = z
  .strictObject({
    attempt: z.int(),
    at: InstantText,
    outcome: z.enum(SLOT_OUTCOMES).openapi({
      description: '`abandoned`: the process that was sending ended, and nobody knows',
    }),
    message: z.string().nullable().openapi({ description: 'what DGA said, or why it was not heard' }),
  })
  .nullable()

const Slot = z
  .strictObject({
    id: z.int(),
    point: PointKey,
    workCode: z.string().openapi({ description: 'código de obra', example: 'OB-0602-7' }),
    channel: z.enum(['rest', 'soap']),
    measuredAt: InstantText.openapi({ description: 'the instant that it is due for, and is declared with' }),
    state: State,
    stateAt: InstantText,
    reason: z.string().nullable().openapi({ description: 'why it is not declared, or not yet' }),
    heldBecause: z.string().nullable().openapi({
      description: 'why all sending, its work or its informant is stopped; null when nothing holds it',
    }),
    flow: Declared,
    total: Declared,
    level: Declared,
    attempts: z.int().openapi({
      description:
        'those that count: not one that did not arrive, nor one that was refused for who declares or for the work',
    }),
    lastOutcome: LastOutcome.openapi({ description: 'what came of the last attempt; null before the first' }),
    nextAttemptAt: orNull(InstantText),
    receipt: z.string().nullable().openapi({ description: 'número de comprobante' }),
    recovered: z.boolean().openapi({ description: 'the receipt came with the answer to a second attempt' }),
    acceptedAt: orNull(InstantText),
    verification: z.enum(['match', 'mismatch', 'not_found', 'no_answer']).nullable(),
    verifiedAt: orNull(InstantText),
  })
  .openapi('Slot')

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
        readAt: '2026-01-15T11:59:58.000Z',
      },
      total: {
        ...{ variable: 'total' as const, unit: 'm³', value: 139_806.7, declared: '139806' },
        readAt: '2026-01-15T11:59:58.000Z',
      },
      level: {
        ...{ variable: 'water_table' as const, unit: 'm', value: 23.598, declared: '23.60' },
        readAt: '2026-01-15T11:59:58.000Z',
      },
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
  return openRouter().openapi(listRoute, async context => {
    const { point, state, cursor, limit, ...asked } = context.req.valid('query')
    const { from, to } = checkedSpan(asked)
    const clientIds = context.get('clientIds')
    const pointIds = point === undefined ? null : [(await findPoint(db, clientIds, point)).id]
    const after = fromCursor('slots', cursor, 0)
    const rows = await listSlots(db, {
      ...{ pointIds, clientIds, from, to, limit: limit + 1 },
      states: state === undefined ? undefined : [state],
      after: after === 0 ? undefined : after,
    })
    const { items, next } = toPage(rows, { list: 'slots', limit, keyOf: ({ id }) => id })
    return context.json({ items: items.map(toSlot), next }, 200, nextLink(context.req.url, next))
  })
}

function toSlot(row: ListedSlot): z.infer<typeof Slot> {
  const { pointId: _, client, project, point, dueAt, values, lastOutcome, ...slot } = row
  return {
    ...slot,
    point: `${client}.${project}.${point}`,
    measuredAt: toInstantText(dueAt),
    stateAt: toInstantText(slot.stateAt),
    flow: toDeclared(values?.flow),
    total: toDeclared(values?.total),
    level: toDeclared(values?.level),
    lastOutcome: lastOutcome === null ? null : { ...lastOutcome, at: toInstantText(lastOutcome.at) },
    nextAttemptAt: toInstantTextOrNull(slot.nextAttemptAt),
    acceptedAt: toInstantTextOrNull(slot.acceptedAt),
    verifiedAt: toInstantTextOrNull(slot.verifiedAt),
  }
}

function toDeclared(chosen: NonNullable<ListedSlot['values']>['flow']): z.infer<typeof Declared> {
  if (chosen === undefined) return null
  const { variable, value, text, readAt } = chosen
  return { variable, unit: unitOfVariable(variable), value, declared: text, readAt: toInstantText(readAt) }
}
