// /incidents: what is wrong and lasts, and who has seen it.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectDeliveries } from '../store/deliveries.ts'
import { acknowledgeIncident, INCIDENT_KINDS, type IncidentRow, selectIncidents } from '../store/incidents.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Incident = z
  .strictObject({
    id: z.int(),
    kind: z.string().openapi({
      description:
        '`ledger_difference`: readings of a gateway are nowhere; `declaration_late`: nothing of a work was accepted for ' +
        'longer than its deadline; `sensor_fault_expired`: a sensor was declared faulty up to now, and nobody has said ' +
        'that it is mended; `informant_cannot_declare`: a password does not open, or DGA refused it; `gateway_lost`: ' +
        'nothing is heard of a gateway; `alert`: what an alert rule looks for is so',
    }),
    subject: z.string().openapi({ description: 'what it is about: a gateway, a point', example: 'gw-1' }),
    gateway: SlugText.nullable(),
    client: SlugText.nullable().openapi({ description: 'null: it is about the installation' }),
    openedAt: InstantText,
    lastSeenAt: InstantText,
    count: z.int().openapi({ description: 'how often it was seen' }),
    reopened: z.int().openapi({ description: 'how often it came back soon after it was closed' }),
    closedAt: orNull(InstantText).openapi({ description: 'null while it lasts' }),
    details: z.record(z.string(), z.unknown()).openapi({ description: 'as it was seen last' }),
    acknowledgedAt: orNull(InstantText),
    acknowledgedBy: z.string().nullable(),
  })
  .openapi('Incident')

const IncidentPage = z.strictObject({ items: z.array(Incident), next: Next }).openapi('IncidentPage')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'What is wrong, or was, newest first',
  request: {
    query: z.strictObject({
      kind: z.enum(INCIDENT_KINDS).optional(),
      gateway: SlugText.optional(),
      state: z.enum(['open', 'closed']).optional(),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page of incidents',
      content: { 'application/json': { schema: IncidentPage } },
    },
    ...problemResponses(400, 401, 403),
  },
})

const IncidentParam = z.strictObject({
  incident: z.coerce
    .number()
    .pipe(z.int().min(1).max(Number.MAX_SAFE_INTEGER))
    .openapi({ param: { name: 'incident', in: 'path' } }),
})

const acknowledgeRoute = createRoute({
  method: 'post',
  path: '/{incident}/acknowledge',
  tags: ['operation'],
  summary: 'Say that you have seen an incident',
  description: 'It stays open for as long as it lasts. Who said so first stands.',
  request: {
    query: NoQuery,
    params: IncidentParam,
  },
  responses: {
    200: { description: 'the incident', content: { 'application/json': { schema: Incident } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const Delivery = z
  .strictObject({
    channel: z.enum(['email']),
    recipient: z.string(),
    state: z.enum(['pending', 'notified', 'failed']).openapi({
      description:
        '`notified`: the provider has said that it took the message; `failed`: it never will, or was asked too often',
    }),
    attempts: z.int(),
    createdAt: InstantText,
    stateAt: InstantText,
    answer: z
      .string()
      .nullable()
      .openapi({ description: 'what the provider said last', example: '250 2.0.0 Ok' }),
  })
  .openapi('Delivery')

const DELIVERIES_SHOWN = 1000

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/{incident}/deliveries',
  tags: ['operation'],
  summary: 'Who was told of an incident, and what the provider said',
  request: { query: NoQuery, params: IncidentParam },
  responses: {
    200: {
      description: 'one for each recipient, at most a thousand',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Delivery) }).openapi('DeliveryList'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/incidents`, `/incidents/{incident}/acknowledge`, `/incidents/{incident}/deliveries`. */
export function incidents({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, kind, gateway, state } = context.req.valid('query')
      const beforeId = fromCursor('incidents', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectIncidents(db, context.get('clientIds'), {
        ...{ beforeId, limit: limit + 1, kind, gateway },
        open: state === undefined ? undefined : state === 'open',
      })
      const { items, next } = toPage(rows, { list: 'incidents', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toIncident), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(deliveriesRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const rows = await selectDeliveries(db, context.get('clientIds'), id, DELIVERIES_SHOWN)
      if (rows === undefined) throw new Problem(404, 'Incident not found')
      const items = rows.map(({ createdAt, stateAt, ...row }) => ({
        ...{ ...row, createdAt: toInstantText(createdAt), stateAt: toInstantText(stateAt) },
      }))
      return context.json({ items }, 200)
    })
    .openapi(acknowledgeRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const { name: by } = context.get('principal')
      const row = await acknowledgeIncident(db, context.get('clientIds'), { id, by, now: clock.now() })
      if (row === undefined) throw new Problem(404, 'Incident not found')
      log.info('incident acknowledged', { id, by })
      return context.json(toIncident(row), 200)
    })
}

function toIncident(row: IncidentRow): z.infer<typeof Incident> {
  return {
    ...row,
    openedAt: toInstantText(row.openedAt),
    lastSeenAt: toInstantText(row.lastSeenAt),
    closedAt: toInstantTextOrNull(row.closedAt),
    details: { ...(row.details as object) },
    acknowledgedAt: toInstantTextOrNull(row.acknowledgedAt),
  }
}
