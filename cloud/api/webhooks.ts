// /webhooks: who is told of what happens, at which address. docs/api.md says what is sent and how it is signed.
//
// A secret is drawn here, told once, and never again.

import { randomBytes } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Outside } from '../alerts/ways.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { clientIdOf } from '../store/accounts.ts'
import type { Database, Sql } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import {
  deleteWebhook,
  disableWebhook,
  insertWebhook,
  lockWebhook,
  type MessageRow,
  replayMessage,
  saveWebhookSecret,
  selectMessages,
  selectWebhooks,
  WEBHOOK_EVENTS,
  WEBHOOKS_MAX,
  type WebhookRow,
} from '../store/webhooks.ts'
import { webhookOwner } from '../webhooks/deliver.ts'
import { nameOf } from './decisions.ts'
import { etagOf, requireMatch } from './entity.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const SECRET_BYTES = 24
/** How long a secret that was replaced still signs. */
const FORMER_MS = 24 * 3_600_000

const Webhook = z
  .strictObject({
    id: z.int(),
    client: SlugText.nullable().openapi({ description: 'null: of the installation, told of every client' }),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    disabledReason: z.string().nullable().openapi({ description: 'why nothing is sent any more' }),
    formerSecretUntil: orNull(InstantText).openapi({ description: 'until when the secret before signs too' }),
    version: z.int().openapi({ description: 'what `If-Match` names, in quotes' }),
    changedAt: InstantText,
    changedBy: z.string(),
  })
  .openapi('Webhook')

const WithSecret = z
  .strictObject({ webhook: Webhook, secret: z.string().openapi({ description: 'told this once' }) })
  .openapi('WebhookWithSecret')

const Asked = z
  .strictObject({
    client: SlugText.optional().openapi({
      description: 'absent: of the installation, for who looks after it',
    }),
    url: z.string().min(1).max(2_000).openapi({ example: 'https://example.com/smarthydro' }),
    events: z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length),
  })
  .openapi('WebhookAsked')

const Message = z
  .strictObject({
    id: z.int(),
    type: z.string().openapi({ example: 'incident.opened' }),
    at: InstantText,
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    dueAt: orNull(InstantText).openapi({
      description: 'of a pending one: when it is tried next; null: at once',
    }),
    stateAt: InstantText,
    answer: z.string().nullable().openapi({ description: 'what was answered last' }),
  })
  .openapi('WebhookMessage')

const params = z.strictObject({ webhook: numberParam('webhook') })
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const PAGE = pageQuery({ limitMax: 200, limitDefault: 50 })

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'Who is told of what happens',
  request: { query: z.strictObject(PAGE) },
  responses: {
    200: {
      description: 'a page of webhooks',
      content: json(z.strictObject({ items: z.array(Webhook), next: Next }).openapi('WebhookPage')),
    },
    ...problemResponses(400, 401, 403),
  },
})

const makeRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['operation'],
  summary: 'Be told of what happens, from now on',
  request: { query: NoQuery, body: { required: true, content: json(Asked) } },
  responses: {
    201: { description: 'the webhook, with its secret', content: json(WithSecret) },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{webhook}',
  tags: ['operation'],
  summary: 'One webhook',
  request: { query: NoQuery, params },
  responses: {
    200: { description: 'the webhook', content: json(Webhook) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/{webhook}',
  tags: ['operation'],
  summary: 'Be told of nothing any more; what waits is not sent',
  request: {
    ...{ query: NoQuery, params },
    headers: z.object({ 'if-match': z.string().optional().openapi({ example: '"3"' }) }),
  },
  responses: { 204: { description: 'it is removed' }, ...problemResponses(400, 401, 403, 404, 412, 428) },
})

const rotateRoute = createRoute({
  method: 'post',
  path: '/{webhook}/rotate',
  tags: ['operation'],
  summary: 'Draw another secret; the one before signs too for a day',
  request: { query: NoQuery, params },
  responses: {
    200: { description: 'the webhook, with its secret', content: json(WithSecret) },
    ...problemResponses(400, 401, 403, 404, 422),
  },
})

const resumeRoute = createRoute({
  method: 'post',
  path: '/{webhook}/resume',
  tags: ['operation'],
  summary: 'Go on with one that was stopped; what waits is sent',
  request: { query: NoQuery, params },
  responses: {
    200: { description: 'the webhook', content: json(Webhook) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const messagesRoute = createRoute({
  method: 'get',
  path: '/{webhook}/messages',
  tags: ['operation'],
  summary: 'What was sent, newest first, and what came of it',
  description: 'What is settled is kept for 30 days.',
  request: { params, query: z.strictObject(PAGE) },
  responses: {
    200: {
      description: 'a page of messages',
      content: json(z.strictObject({ items: z.array(Message), next: Next }).openapi('WebhookMessagePage')),
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

const replayRoute = createRoute({
  method: 'post',
  path: '/{webhook}/messages/{message}/replay',
  tags: ['operation'],
  summary: 'Send a message again, under the same id',
  request: {
    query: NoQuery,
    params: z.strictObject({ webhook: numberParam('webhook'), message: numberParam('message') }),
  },
  responses: {
    202: { description: 'it will be sent', content: json(Message) },
    ...problemResponses(400, 401, 403, 404),
  },
})

interface WebhooksDeps {
  db: Database
  clock: Clock
  log: Log
  /** What may be reached, and what seals secrets; absent: none are made here. */
  outside?: Outside
}

/** `/webhooks`. */
export function webhooks({ db, clock, log, outside }: WebhooksDeps) {
  const giveSecret = async (tx: Sql, id: number, by: string, isFirst: boolean): Promise<string> => {
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
    const sealed = outsideOf(outside).secrets.seal(secret, webhookOwner(id))
    const now = clock.now()
    await saveWebhookSecret(tx, id, { ...sealed, formerUntil: isFirst ? null : now + FORMER_MS, by, now })
    return secret
  }
  const router = openRouter()
  router.route('/', messages({ db, clock }))
  return router
    .openapi(listRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const afterId = fromCursor('webhooks', cursor, 0)
      const rows = await selectWebhooks(db, context.get('clientIds'), { afterId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'webhooks', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toWebhook), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(makeRoute, async context => {
      const { client, url, events } = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const mistake = outsideOf(outside).webhooks.mistakeOf(url)
      if (mistake !== undefined) throw invalidRequest([{ in: 'body', name: 'url', detail: mistake }])
      const clientId = await ownerOf(db, clientIds, client)
      const made = await db.transaction(async tx => {
        const id = await insertWebhook(tx, {
          clientId,
          url,
          events: [...new Set(events)],
          by,
          now: clock.now(),
        })
        if (id === undefined)
          throw new Problem(422, 'Too many webhooks', { detail: `At most ${WEBHOOKS_MAX}` })
        const secret = await giveSecret(tx, id, by, true)
        return { webhook: toWebhook(await found(tx, clientIds, id)), secret }
      })
      log.info('webhook made', { webhookId: made.webhook.id, by })
      return context.json(made, 201)
    })
    .openapi(rotateRoute, async context => {
      const { webhook: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      const rotated = await db.transaction(async tx => {
        await found(tx, context.get('clientIds'), id)
        const secret = await giveSecret(tx, id, by, false)
        return { webhook: toWebhook(await found(tx, context.get('clientIds'), id)), secret }
      })
      log.info('secret of webhook rotated', { webhookId: id, by })
      return context.json(rotated, 200)
    })
    .openapi(resumeRoute, async context => {
      const { webhook: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      const row = await db.transaction(async tx => {
        await found(tx, context.get('clientIds'), id)
        await disableWebhook(tx, id, { reason: null, by, now: clock.now() })
        return found(tx, context.get('clientIds'), id)
      })
      return context.json(toWebhook(row), 200)
    })
    .openapi(oneRoute, async context => {
      const row = await found(db, context.get('clientIds'), context.req.valid('param').webhook)
      const webhook = toWebhook(row)
      return context.json(webhook, 200, { etag: etagOf(webhook) })
    })
    .openapi(removeRoute, async context => {
      const { webhook: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), id)
        requireMatch(
          context.req.valid('header')['if-match'],
          toWebhook(before),
          `the webhook to ${before.url}`,
        )
        await deleteWebhook(tx, id, { by, now: clock.now() })
      })
      log.info('webhook removed', { webhookId: id, by })
      return context.body(null, 204)
    })
}

/** `/webhooks/{webhook}/messages`, and to send one again. */
function messages({ db, clock }: Pick<WebhooksDeps, 'db' | 'clock'>) {
  return openRouter()
    .openapi(messagesRoute, async context => {
      const { webhook: id } = context.req.valid('param')
      const { cursor, limit } = context.req.valid('query')
      await found(db, context.get('clientIds'), id)
      const list = `webhook messages ${id}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectMessages(db, id, { beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: one => one.id })
      return context.json({ items: items.map(toMessage), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(replayRoute, async context => {
      const { webhook: webhookId, message: id } = context.req.valid('param')
      await found(db, context.get('clientIds'), webhookId)
      const by = nameOf(context.get('principal'))
      const [again] = await db.transaction(async tx => {
        await replayMessage(tx, { webhookId, id, by, now: clock.now() })
        return selectMessages(tx, webhookId, { beforeId: id + 1, limit: 1 })
      })
      if (again?.id !== id) throw new Problem(404, 'Message not found')
      return context.json(toMessage(again), 202)
    })
}

function outsideOf(outside: Outside | undefined): Outside {
  if (outside !== undefined) return outside
  throw new Problem(422, 'Webhooks are not made here', { detail: 'This process was given no keys' })
}

/** Whose webhook it is to be: null for the installation's, which only who sees every client makes. */
async function ownerOf(
  db: Database,
  clientIds: ClientIds,
  client: string | undefined,
): Promise<number | null> {
  if (client === undefined) {
    if (clientIds === null) return null
    throw invalidRequest([
      { in: 'body', name: 'client', detail: 'is missing: you look after some clients alone' },
    ])
  }
  const id = await clientIdOf(db, client)
  if (id === undefined || (clientIds !== null && !clientIds.includes(id)))
    throw new Problem(404, 'Client not found')
  return id
}

async function found(sql: Sql, clientIds: ClientIds, id: number): Promise<WebhookRow> {
  const row = await lockWebhook(sql, clientIds, id)
  if (row === undefined) throw new Problem(404, 'Webhook not found')
  return row
}

function toWebhook({ formerUntil, changedAt, ...row }: WebhookRow): z.infer<typeof Webhook> {
  return { ...row, formerSecretUntil: toInstantTextOrNull(formerUntil), changedAt: toInstantText(changedAt) }
}

function toMessage({ at, dueAt, stateAt, ...row }: MessageRow): z.infer<typeof Message> {
  return { ...row, at: toInstantText(at), dueAt: toInstantTextOrNull(dueAt), stateAt: toInstantText(stateAt) }
}
