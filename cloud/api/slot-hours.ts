// /points/{point}/slot-hours: what became of what was due, hour by hour, for a calendar.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import { TIME_MAX } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectSlotHours } from '../store/overview.ts'
import { InstantQuery, InstantText, PointKey, PointParam, toInstantText } from './fields.ts'
import { checkedSpan } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DAY_MS = 24 * 3_600_000
const SPAN_DEFAULT_MS = 31 * DAY_MS
const SPAN_MAX_MS = 92 * DAY_MS

const SlotHours = z
  .strictObject({
    point: PointKey,
    from: InstantText,
    to: InstantText,
    items: z.array(
      z.strictObject({
        at: InstantText.openapi({ description: 'when the hour begins' }),
        sent: z.int(),
        waiting: z.int().openapi({ description: 'not declared yet, and nothing is wrong' }),
        noData: z.int(),
        review: z.int().openapi({ description: 'a person must look' }),
        shadow: z.int(),
        closed: z.int().openapi({ description: 'a person decided against it, or it is not owed any more' }),
      }),
    ),
  })
  .openapi('SlotHours')

const route = createRoute({
  method: 'get',
  path: '/{point}/slot-hours',
  tags: ['compliance'],
  summary: 'The slots of a point, counted by hour and by what became of them',
  description: 'Hours in which nothing was due are left out. At most 92 days.',
  request: {
    params: PointParam,
    query: z.strictObject({
      from: InstantQuery.optional().openapi({ description: 'included; 31 days before `to` when absent' }),
      to: InstantQuery.optional().openapi({ description: 'not included; now when absent' }),
    }),
  },
  responses: {
    200: { description: 'the hours', content: { 'application/json': { schema: SlotHours } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/points/{point}/slot-hours`. */
export function slotHours({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter().openapi(route, async context => {
    const asked = context.req.valid('query')
    const { to = Math.min(clock.now(), TIME_MAX), from = Math.max(0, to - SPAN_DEFAULT_MS) } = asked
    checkedSpan({ from, to })
    if (to - from > SPAN_MAX_MS) {
      const detail = `at most ${SPAN_MAX_MS / DAY_MS} days before "to"`
      throw invalidRequest([{ in: 'query', name: 'from', detail }])
    }
    const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
    const rows = await selectSlotHours(db, point.id, { from, to })
    const items = rows.map(({ at, ...counts }) => ({ at: toInstantText(at), ...counts }))
    const body = { point: pointKey(point), from: toInstantText(from), to: toInstantText(to), items }
    return context.json(body, 200)
  })
}
