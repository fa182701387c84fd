// /alert-channels: ways to people besides mail. Who looks after the installation makes them; whoever makes rules names them.
//
// A secret goes in and never comes out, but the one that is drawn for a webhook, once, to whoever has made it.

import { randomBytes } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { ChannelSettings } from '../alerts/channel.ts'
import { ESCAPES, fill } from '../alerts/template.ts'
import { channelOwner, type Outside } from '../alerts/ways.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { clientIdOf } from '../store/accounts.ts'
import {
  CHANNELS_MAX,
  type ChannelRow,
  deleteChannel,
  insertChannel,
  lockChannel,
  saveChannelSecret,
  selectChannels,
  updateChannel,
} from '../store/alert-channels.ts'
import type { Database, Sql } from '../store/database.ts'
import { insertTestDelivery } from '../store/deliveries.ts'
import type { ClientIds } from '../store/queries.ts'
import { mistakeOfAddress } from '../webhooks/send.ts'
import { nameOf } from './decisions.ts'
import { InstantText, NoQuery, numberParam, orNull, SlugText, toInstantText } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Channel = z
  .strictObject({
    id: z.int(),
    client: SlugText.nullable().openapi({ description: 'null: of the installation, for everybody’s rules' }),
    name: z.string(),
    kind: z.enum(['webhook', 'http']),
    settings: orNull(ChannelSettings).openapi({
      description: 'null for who looks after a client alone',
    }),
    hasSecret: z.boolean(),
    version: z.int().openapi({ description: 'what `If-Match` names, in quotes' }),
    changedAt: InstantText,
    changedBy: z.string(),
  })
  .openapi('AlertChannel', { description: 'docs/alerts.md says what a provider is told' })

const Secret = z.string().min(1).max(500).openapi({ format: 'password' })

const Made = z
  .strictObject({
    channel: Channel,
    secret: z.string().nullable().openapi({ description: 'drawn for a webhook, and told this once' }),
  })
  .openapi('AlertChannelMade')

const NameOfChannel = z.string().trim().min(1).max(100)

const Asked = z
  .strictObject({
    client: SlugText.optional().openapi({ description: 'absent: of the installation' }),
    name: NameOfChannel,
    settings: ChannelSettings,
    secret: Secret.optional().openapi({ description: 'of a webhook, unless given one is drawn' }),
  })
  .openapi('AlertChannelAsked')

const Change = z
  .strictObject({
    name: NameOfChannel,
    settings: ChannelSettings,
    secret: orNull(Secret).optional().openapi({ description: 'absent: as it was; null: none any more' }),
  })
  .openapi('AlertChannelChange')

const ChannelParam = z.strictObject({
  channel: numberParam('channel'),
})

const IfMatch = z.object({ 'if-match': z.string().optional().openapi({ example: '"3"' }) })
const jsonBody = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
})

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'Ways to people besides mail',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'all that may be named, by name',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Channel) }).openapi('AlertChannelList'),
        },
      },
    },
    ...problemResponses(400, 401, 403),
  },
})

const makeRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['operation'],
  summary: 'Make a channel',
  request: { query: NoQuery, body: jsonBody(Asked) },
  responses: {
    201: { description: 'the channel', content: { 'application/json': { schema: Made } } },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

const replaceRoute = createRoute({
  method: 'put',
  path: '/{channel}',
  tags: ['operation'],
  summary: 'Change a channel',
  request: { query: NoQuery, params: ChannelParam, headers: IfMatch, body: jsonBody(Change) },
  responses: {
    200: { description: 'the channel', content: { 'application/json': { schema: Channel } } },
    ...problemResponses(400, 401, 403, 404, 412, 413, 415, 422, 428),
  },
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/{channel}',
  tags: ['operation'],
  summary: 'Remove a channel; rules that name it tell nobody by it',
  request: { query: NoQuery, params: ChannelParam, headers: IfMatch },
  responses: { 204: { description: 'it is removed' }, ...problemResponses(400, 401, 403, 404, 412, 428) },
})

const testRoute = createRoute({
  method: 'post',
  path: '/{channel}/test',
  tags: ['operation'],
  summary: 'Send a test message',
  description: 'By the same queue as every message: `GET /me/deliveries` tells what became of it.',
  request: {
    query: NoQuery,
    params: ChannelParam,
    body: jsonBody(
      z
        .strictObject({
          to: z.string().trim().min(1).max(200).optional().openapi({ example: '+56 9 8765 4321' }),
        })
        .openapi('AlertChannelTest'),
    ),
  },
  responses: {
    202: {
      description: 'it will be sent',
      content: {
        'application/json': {
          schema: z.strictObject({ delivery: z.int(), channel: z.string() }).openapi('AlertChannelTested'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404, 413, 415),
  },
})

interface ChannelDeps {
  db: Database
  clock: Clock
  log: Log
  /** What channels may reach, and what seals their secrets; absent: none are made here. */
  outside?: Outside
}

/** `/alert-channels`, `/alert-channels/{channel}`, `…/test`. */
export function alertChannels({ db, clock, log, outside: given }: ChannelDeps) {
  const outsideOf = (): Outside => {
    if (given !== undefined) return given
    throw new Problem(422, 'Channels are not made here', { detail: 'This process was given no keys' })
  }
  return openRouter()
    .openapi(listRoute, async context => {
      const clientIds = context.get('clientIds')
      const rows = await selectChannels(db, clientIds)
      return context.json({ items: rows.map(row => toChannel(row, clientIds)) }, 200)
    })
    .openapi(makeRoute, async context => {
      const { client, name, settings, secret: asked } = context.req.valid('json')
      const outside = outsideOf()
      refuseAddress(outside, settings)
      const act = { by: nameOf(context.get('principal')), now: clock.now() }
      const clientId = client === undefined ? null : await clientIdOf(db, client)
      if (clientId === undefined) throw new Problem(404, 'Client not found')
      const drawn = asked === undefined && settings.kind === 'webhook' ? drawSecret() : undefined
      const row = await db.transaction(async tx => {
        const id = await insertChannel(tx, { clientId, name, settings, ...act })
        if (id === undefined) {
          const detail = `There are ${CHANNELS_MAX}, and there can be no more`
          throw new Problem(422, 'Too many channels', { detail })
        }
        await keepSecret(tx, outside, id, asked ?? drawn)
        return found(tx, null, id)
      })
      log.info('alert channel made', { channelId: row.id, by: act.by })
      const channel = toChannel(row, context.get('clientIds'))
      return context.json({ channel, secret: drawn ?? null }, 201, { etag: etagOf(row) })
    })
    .openapi(replaceRoute, async context => {
      const { channel: id } = context.req.valid('param')
      const { name, settings, secret } = context.req.valid('json')
      const outside = outsideOf()
      refuseAddress(outside, settings)
      const act = { by: nameOf(context.get('principal')), now: clock.now() }
      const row = await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), id)
        requireVersion(before, context.req.valid('header')['if-match'])
        if (before.settings.kind !== settings.kind) {
          throw new Problem(422, 'A channel stays of its kind', {
            detail: `${before.name} is ${before.settings.kind}: make another one`,
          })
        }
        await updateChannel(tx, id, { name, settings, ...act })
        await keepSecret(tx, outside, id, secret)
        return found(tx, null, id)
      })
      log.info('alert channel changed', { channelId: id, by: act.by })
      return context.json(toChannel(row, context.get('clientIds')), 200, { etag: etagOf(row) })
    })
    .openapi(removeRoute, async context => {
      const { channel: id } = context.req.valid('param')
      const act = { by: nameOf(context.get('principal')), now: clock.now() }
      await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), id)
        requireVersion(before, context.req.valid('header')['if-match'])
        await deleteChannel(tx, id, act)
      })
      log.info('alert channel removed', { channelId: id, by: act.by })
      return context.body(null, 204)
    })
    .openapi(testRoute, async context => {
      const { channel: id } = context.req.valid('param')
      const { to = '' } = context.req.valid('json')
      const by = nameOf(context.get('principal'))
      const { name, settings } = await found(db, context.get('clientIds'), id)
      const way = { channel: settings.kind, channelId: id, recipient: to, person: by.toLowerCase() }
      const delivery = await insertTestDelivery(db, { ...way, language: 'es', dueAt: clock.now() })
      log.info('test message asked for', { channelId: id, delivery, by })
      return context.json({ delivery, channel: name }, 202)
    })
}

const SECRET_BYTES = 24
const drawSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`

async function keepSecret(
  tx: Sql,
  { secrets }: Outside,
  id: number,
  secret: string | null | undefined,
): Promise<void> {
  if (secret === undefined) return
  await saveChannelSecret(tx, id, secret === null ? null : secrets.seal(secret, channelOwner(id)))
}

const SAMPLES = ['a', 'b'].map(one => ({
  ...{ to: one, subject: one, text: one, id: one, secret: one, severity: one, point: one, link: one },
}))

/** Says what is wrong with where a channel goes. What is filled in must not say to whom. */
function refuseAddress({ guard }: Outside, settings: ChannelSettings): void {
  const wrong = (detail: string) => invalidRequest([{ in: 'body', name: 'settings.url', detail }])
  const filled =
    settings.kind === 'webhook'
      ? [settings.url]
      : SAMPLES.map(values => fill(settings.url, values, ESCAPES.url))
  for (const url of filled) {
    const mistake = mistakeOfAddress(guard, url)
    if (mistake !== undefined) throw wrong(mistake)
  }
  if (new Set(filled.map(url => new URL(url).origin)).size > 1) throw wrong('must name its host itself')
}

async function found(sql: Sql, clientIds: ClientIds, id: number): Promise<ChannelRow> {
  const row = await lockChannel(sql, clientIds, id)
  if (row === undefined) throw new Problem(404, 'Channel not found')
  return row
}

const etagOf = ({ version }: ChannelRow): string => `"${version}"`

function requireVersion(row: ChannelRow, named: string | undefined): void {
  if (named === undefined) {
    throw new Problem(428, 'If-Match is missing', { detail: `It must name the version of ${row.name}` })
  }
  if (named !== etagOf(row)) {
    throw new Problem(412, 'It was changed meanwhile', { detail: `Look again at ${row.name}` })
  }
}

function toChannel(row: ChannelRow, clientIds: ClientIds): z.infer<typeof Channel> {
  const { id, client, name, hasSecret, version, changedAt, changedBy } = row
  const settings = ChannelSettings.parse(row.settings)
  return {
    ...{ id, client, name, hasSecret, version, changedBy, kind: settings.kind },
    ...{ settings: clientIds === null ? settings : null, changedAt: toInstantText(changedAt) },
  }
}
