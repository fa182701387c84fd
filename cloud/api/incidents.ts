// /incidents: what is wrong and lasts, its story, and who was told.

import { createRoute, z } from '@hono/zod-openapi'
import { ALERT_SEVERITIES } from '../alerts/rule.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectDeliveries } from '../store/deliveries.ts'
import {
  type IncidentRow,
  selectIncident,
  selectIncidentEvents,
  selectIncidents,
} from '../store/incident-rows.ts'
import { INCIDENT_EVENT_KINDS, INCIDENT_KINDS } from '../store/incidents.ts'
import { DeliveryList, toDelivery } from './delivery-document.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

/** An incident as it is shown. */
export const Incident = z
  .strictObject({
    id: z.int(),
    kind: z.string().openapi({
      description:
        '`ledger_difference`: readings of a gateway are nowhere; `declaration_late`: nothing of a work was accepted for ' +
        'longer than its deadline; `sensor_fault_expired`: a sensor was declared faulty up to now, and nobody has said ' +
        'that it is mended; `informant_cannot_declare`: a password does not open, or DGA refused it; `gateway_lost`: ' +
        'nothing is heard of a gateway; `alert`: what an alert rule looks for is so; `worker_silent`: a part of the cloud ' +
        'that must work says nothing; `canary`: the weekly test of alerts is under way; `canary_missing`: it did not arrive',
    }),
    subject: z.string().openapi({ description: 'what it is about: a gateway, a point', example: 'gw-1' }),
    gateway: SlugText.nullable(),
    client: SlugText.nullable().openapi({ description: 'null: it is about the installation' }),
    point: orNull(PointKey),
    openedAt: InstantText,
    lastSeenAt: InstantText,
    count: z.int().openapi({ description: 'how often it was seen' }),
    reopened: z.int().openapi({ description: 'how often it came back soon after it was closed' }),
    closedAt: orNull(InstantText).openapi({ description: 'null while it lasts' }),
    details: z.record(z.string(), z.unknown()).openapi({ description: 'as it was seen last' }),
    acknowledgedAt: orNull(InstantText),
    acknowledgedBy: z.string().nullable(),
    version: z.int().openapi({ description: 'what `If-Match` names, in quotes; grows with what people do' }),
    assignedTo: z.string().nullable().openapi({ description: 'a mail address' }),
    snoozedUntil: orNull(InstantText).openapi({ description: 'until then nobody is told more of it' }),
    escalated: z.int().openapi({ description: 'how many steps of escalation were taken' }),
    steps: z.int().openapi({ description: 'how many steps of escalation its rules have' }),
    parentId: z
      .int()
      .nullable()
      .openapi({ description: 'the incident that explains this one: nobody is told of this one' }),
  })
  .openapi('Incident')

const IncidentPage = z.strictObject({ items: z.array(Incident), next: Next }).openapi('IncidentPage')

const YesOrNo = z
  .enum(['true', 'false'])
  .transform(text => text === 'true')
  .openapi({ type: 'string', enum: ['true', 'false'] })

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
      client: SlugText.optional(),
      point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
      severity: z.enum(ALERT_SEVERITIES).optional().openapi({ description: 'of alerts' }),
      assignedTo: z
        .string()
        .max(254)
        .optional()
        .openapi({ description: 'a mail address; `me`: whoever asks' }),
      acknowledged: YesOrNo.optional(),
      silenced: YesOrNo.optional().openapi({ description: 'whether another incident explains it' }),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page of incidents',
      content: { 'application/json': { schema: IncidentPage } },
    },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `{incident}` in a path. */
export const IncidentParam = z.strictObject({
  incident: numberParam('incident'),
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{incident}',
  tags: ['operation'],
  summary: 'An incident',
  request: { query: NoQuery, params: IncidentParam },
  responses: {
    200: {
      description: 'the incident; its `ETag` is what the routes that act on it want as `If-Match`',
      content: { 'application/json': { schema: Incident } },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

const Event = z
  .strictObject({
    id: z.int(),
    at: InstantText,
    by: z.string().nullable().openapi({ description: 'null: the cloud itself' }),
    kind: z.enum(INCIDENT_EVENT_KINDS),
    details: z.record(z.string(), z.unknown()).openapi({
      description:
        '`assigned`: to; `snoozed`: until; `commented`: text; `escalated`: step; `silenced`: incident',
    }),
  })
  .openapi('IncidentEvent')

const eventsRoute = createRoute({
  method: 'get',
  path: '/{incident}/events',
  tags: ['operation'],
  summary: 'The story of an incident, newest first',
  request: { query: z.strictObject(pageQuery({ limitMax: 1000, limitDefault: 100 })), params: IncidentParam },
  responses: {
    200: {
      description: 'a page of what happened to it, and what was done about it',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Event), next: Next }).openapi('IncidentEventPage'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

const DELIVERIES_SHOWN = 1000

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/{incident}/deliveries',
  tags: ['operation'],
  summary: 'Who was told of an incident, and what the provider said',
  request: { query: NoQuery, params: IncidentParam },
  responses: {
    200: {
      description: 'one for each way to each recipient and step, at most a thousand',
      content: {
        'application/json': {
          schema: DeliveryList,
        },
      },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/incidents`, `/incidents/{incident}`, its story and its deliveries. */
export function incidents({ db }: { db: Database }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, state, point: name, ...asked } = context.req.valid('query')
      const clientIds = context.get('clientIds')
      const point = name === undefined ? undefined : await findPoint(db, clientIds, name)
      const { email = '' } = context.get('principal')
      const beforeId = fromCursor('incidents', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectIncidents(db, clientIds, {
        ...{ ...asked, beforeId, limit: limit + 1, pointId: point?.id },
        assignedTo: asked.assignedTo === 'me' ? email : asked.assignedTo,
        open: state === undefined ? undefined : state === 'open',
      })
      const { items, next } = toPage(rows, { list: 'incidents', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toIncident), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const row = await selectIncident(db, context.get('clientIds'), context.req.valid('param').incident)
      if (row === undefined) throw new Problem(404, 'Incident not found')
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(eventsRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const row = await selectIncident(db, context.get('clientIds'), context.req.valid('param').incident)
      if (row === undefined) throw new Problem(404, 'Incident not found')
      const beforeId = fromCursor('incident-events', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectIncidentEvents(db, row.id, { beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'incident-events', limit, keyOf: ({ id }) => id })
      const shown = items.map(({ at, details, ...event }) => ({
        ...event,
        ...{ at: toInstantText(at), details: { ...details } },
      }))
      return context.json({ items: shown, next }, 200, nextLink(context.req.url, next))
    })
    .openapi(deliveriesRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const rows = await selectDeliveries(db, context.get('clientIds'), id, DELIVERIES_SHOWN)
      if (rows === undefined) throw new Problem(404, 'Incident not found')
      return context.json({ items: rows.map(toDelivery) }, 200)
    })
}

/** What `If-Match` must name of an incident. */
export const etagOfIncident = ({ version }: IncidentRow): string => `"${version}"`

/** An incident as the API shows it. */
export function toIncident(row: IncidentRow): z.infer<typeof Incident> {
  return {
    ...row,
    openedAt: toInstantText(row.openedAt),
    lastSeenAt: toInstantText(row.lastSeenAt),
    closedAt: toInstantTextOrNull(row.closedAt),
    details: { ...(row.details as object) },
    acknowledgedAt: toInstantTextOrNull(row.acknowledgedAt),
    snoozedUntil: toInstantTextOrNull(row.snoozedUntil),
  }
}
