// /maintenance: times in which the alert rules of some points say nothing.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { clientIdOf } from '../store/accounts.ts'
import { endPause, insertPause, lockPause, type PauseRow, selectPauses } from '../store/alert-pauses.ts'
import type { Database } from '../store/database.ts'
import { nameOf } from './decisions.ts'
import {
  InstantQuery,
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  SlugText,
  toInstantText,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Maintenance = z
  .strictObject({
    id: z.int(),
    client: SlugText,
    point: orNull(PointKey).openapi({ description: 'null: every point of the client' }),
    from: InstantText,
    to: InstantText.openapi({ description: 'not included' }),
    reason: z.string(),
    createdAt: InstantText,
    createdBy: z.string(),
    endedBy: z.string().nullable().openapi({ description: 'who has ended it before its time' }),
  })
  .openapi('Maintenance')

const answer = { description: 'the maintenance', content: { 'application/json': { schema: Maintenance } } }

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'When alert rules say nothing, newest first',
  request: {
    query: z.strictObject({
      state: z
        .enum(['coming', 'all'])
        .default('coming')
        .openapi({ description: '`coming`: what lasts or has not begun' }),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Maintenance), next: Next }).openapi('MaintenancePage'),
        },
      },
    },
    ...problemResponses(400, 401, 403),
  },
})

const SPAN_MAX_MS = 93 * 86_400_000

const makeRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['operation'],
  summary: 'Have alert rules say nothing for a time',
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              client: SlugText,
              point: PointParam.shape.point
                .optional()
                .openapi({ description: 'absent: every point of the client' }),
              from: InstantQuery,
              to: InstantQuery.openapi({ description: 'not included; at most 93 days after `from`' }),
              reason: z.string().trim().min(3).max(500),
            })
            .openapi('MaintenanceAsked'),
        },
      },
    },
  },
  responses: { 201: answer, ...problemResponses(400, 401, 403, 404, 409, 413, 415) },
})

const PauseParam = z.strictObject({
  maintenance: numberParam('maintenance'),
})

const endRoute = createRoute({
  method: 'post',
  path: '/{maintenance}/end',
  tags: ['operation'],
  summary: 'End it now, or give it up before it begins',
  request: { query: NoQuery, params: PauseParam },
  responses: { 200: answer, ...problemResponses(400, 401, 403, 404) },
})

/** `/maintenance`, `/maintenance/{maintenance}/end`. */
export function maintenance({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, state } = context.req.valid('query')
      const beforeId = fromCursor('maintenance', cursor, Number.MAX_SAFE_INTEGER)
      const endsAfter = state === 'coming' ? clock.now() : undefined
      const asked = { beforeId, limit: limit + 1, endsAfter }
      const rows = await selectPauses(db, context.get('clientIds'), asked)
      const { items, next } = toPage(rows, { list: 'maintenance', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toMaintenance), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(makeRoute, async context => {
      const { client, point: name, from, to, reason } = context.req.valid('json')
      const wrong = (detail: string) => invalidRequest([{ in: 'body', name: 'to', detail }])
      if (to <= from) throw wrong('must be after from')
      if (to - from > SPAN_MAX_MS) throw wrong('must be at most 93 days after from')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const clientId = await clientIdOf(db, client)
      if (clientId === undefined || (clientIds !== null && !clientIds.includes(clientId))) {
        throw new Problem(404, 'Client not found')
      }
      const point = name === undefined ? undefined : await findPoint(db, [clientId], name)
      const row = await db.transaction(async tx => {
        const pause = { clientId, pointId: point?.id ?? null, from, to, reason, by, now: clock.now() }
        return lockPause(tx, [clientId], await insertPause(tx, pause))
      })
      if (row === undefined) throw new Error('Maintenance that was inserted is not there')
      log.info('maintenance made', { id: row.id, client, by })
      return context.json(toMaintenance(row), 201)
    })
    .openapi(endRoute, async context => {
      const { maintenance: id } = context.req.valid('param')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const row = await db.transaction(async tx => {
        const before = await lockPause(tx, clientIds, id)
        if (before !== undefined) await endPause(tx, id, { by, now: clock.now() })
        return lockPause(tx, clientIds, id)
      })
      if (row === undefined) throw new Problem(404, 'Maintenance not found')
      log.info('maintenance ended', { id, by })
      return context.json(toMaintenance(row), 200)
    })
}

function toMaintenance({
  clientId: _,
  pointId: __,
  from,
  to,
  createdAt,
  ...row
}: PauseRow): z.infer<typeof Maintenance> {
  return {
    ...row,
    ...{ from: toInstantText(from), to: toInstantText(to), createdAt: toInstantText(createdAt) },
  }
}
