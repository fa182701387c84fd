// /audit: who changed what, when, from where, and what it was before.

import { createRoute, z } from '@hono/zod-openapi'
import { findPoint } from '../point-name.ts'
import { type AuditRow, selectAudit } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import { InstantQuery, InstantText, orNull, PointParam, SlugText, toInstantText } from './fields.ts'
import { checkedSpan, fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const NAME_LENGTH_MAX = 254

const Fields = z.record(z.string(), z.unknown())

const Actor = z
  .strictObject({
    kind: z.enum(['user', 'token', 'nobody', 'command', 'service']).openapi({
      description: '`nobody`: not signed in; `command`: somebody on the machine; `service`: by itself',
    }),
    id: z.string().openapi({ description: 'of the user or the token' }),
    name: z.string(),
    session: z.string().nullable().openapi({ description: 'of a user; shown to who administers all' }),
    address: z.string().nullable().openapi({ description: 'from where; shown to who administers all' }),
  })
  .openapi('AuditActor')

const Entry = z
  .strictObject({
    id: z.int(),
    at: InstantText,
    entity: z.string().openapi({ example: 'point' }),
    entityId: z.string(),
    subject: z.string().openapi({ description: 'its name at that time', example: 'campo.los-aromos.pozo-7' }),
    client: orNull(SlugText).openapi({ description: 'whose it is; null: the installation’s' }),
    action: z.enum(['created', 'changed', 'deleted']),
    before: orNull(Fields).openapi({ description: 'of a change: what differs; null: it was made' }),
    after: orNull(Fields).openapi({
      description: 'null: it was deleted. What is secret is three dots on both sides',
    }),
    by: Actor,
    route: z.string().nullable().openapi({ example: 'PATCH /api/v1/points/{point}' }),
    requestId: z.string().nullable(),
  })
  .openapi('AuditEntry')

const route = createRoute({
  method: 'get',
  path: '/',
  tags: ['administration'],
  summary: 'Who changed what, newest first',
  description: 'A client’s managers see what is their client’s. Entries are never changed and never removed.',
  request: {
    query: z.strictObject({
      entity: z
        .string()
        .regex(/^[a-z_]{1,40}$/, 'must be a kind such as point or api_token')
        .optional(),
      entityId: z.string().min(1).max(100).optional(),
      subject: z.string().min(1).max(NAME_LENGTH_MAX).optional().openapi({ description: 'its name, whole' }),
      actor: z
        .string()
        .min(1)
        .max(NAME_LENGTH_MAX)
        .optional()
        .openapi({ description: 'the name of who did it, whole' }),
      client: SlugText.optional(),
      point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
      from: InstantQuery.optional().openapi({ description: 'included' }),
      to: InstantQuery.optional().openapi({ description: 'not included' }),
      ...PageQuery.shape,
    }),
  },
  responses: {
    200: {
      description: 'a page of changes',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Entry), next: Next }).openapi('AuditPage'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/audit`. */
export function audit({ db }: { db: Database }) {
  return openRouter().openapi(route, async context => {
    const { cursor, limit, point, from, to, ...asked } = context.req.valid('query')
    const clientIds = context.get('clientIds')
    if (from !== undefined && to !== undefined) checkedSpan({ from, to })
    const pointId = point === undefined ? null : (await findPoint(db, clientIds, point)).id
    const beforeId = fromCursor('audit', cursor, Number.MAX_SAFE_INTEGER)
    const { entity = null, entityId = null, subject = null, actor = null, client = null } = asked
    const rows = await selectAudit(db, clientIds, {
      ...{ entity, entityId, subject, actor, client, pointId },
      ...{ from: from ?? null, to: to ?? null, beforeId, limit: limit + 1 },
    })
    const { items, next } = toPage(rows, { list: 'audit', limit, keyOf: ({ id }) => id })
    const shown = items.map(row => toEntry(row, { isForAll: clientIds === null }))
    return context.json({ items: shown, next }, 200, nextLink(context.req.url, next))
  })
}

/** Where an operator works from is no business of a client's. */
function toEntry(row: AuditRow, { isForAll }: { isForAll: boolean }): z.infer<typeof Entry> {
  const { at, actorKind, actorId, actorName, session, address, ...entry } = row
  const origin = isForAll ? { session, address } : { session: null, address: null }
  return {
    ...entry,
    at: toInstantText(at),
    by: { kind: actorKind, id: actorId, name: actorName, ...origin },
  }
}
