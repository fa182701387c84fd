// /gateways: what each gateway last said of itself, and when it was last heard.

import { createRoute, z } from '@hono/zod-openapi'
import { ReportedConfig } from '../../protocol/configuration.ts'
import { PROVIDER_NAMES } from '../../protocol/ids.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type GatewayRow, selectGateway, selectGateways } from '../store/queries.ts'
import { ConfigurationState, stateOf } from './configuration-document.ts'
import { ArchivedQuery } from './entity.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Health = z
  .strictObject({
    version: z.string(),
    startedAt: InstantText,
    buffer: z.strictObject({
      readings: z.int().openapi({ description: 'measured and not yet in the cloud' }),
      bytes: z.int(),
      maxBytes: z.int(),
      daysLeft: z.number().nullable().openapi({ description: 'until it is full, if the cloud stays away' }),
      appended: z.int(),
      evicted: z.int().openapi({ description: 'lost because it was full' }),
      damaged: z.int().openapi({ description: 'lost because the disk gave them back damaged' }),
      oldestAt: orNull(InstantText),
    }),
    readings: z.strictObject({ polled: z.int(), acked: z.int(), rejected: z.int() }),
    clock: z.strictObject({ quality: z.string(), errorMs: z.number().nullable() }),
    memoryBytes: z.int(),
    buses: z.array(
      z.strictObject({
        id: SlugText,
        load: z.number().openapi({ description: 'share of time it was busy, 0 to 1' }),
      }),
    ),
    devices: z.array(
      z.strictObject({
        id: SlugText,
        provider: z.enum(PROVIDER_NAMES).nullable().openapi({ description: 'null: it is on a bus' }),
        ok: z.int(),
        failed: z.int(),
        lastOkAt: orNull(InstantText),
        lastFailure: z.string().nullable(),
      }),
    ),
  })
  .openapi('GatewayHealth')

const Gateway = z
  .strictObject({
    gateway: SlugText,
    client: SlugText,
    project: SlugText,
    name: z.string().nullable().openapi({ description: 'what people call it' }),
    place: z.string().nullable(),
    archived: z.boolean(),
    state: z.enum(['unknown', 'init', 'ready', 'disconnected', 'lost', 'sleeping']),
    since: orNull(InstantText).openapi({ description: 'since when it is in this state' }),
    version: z.string().nullable(),
    lastSeenAt: orNull(InstantText).openapi({ description: 'when anything last came from it' }),
    lastBatchAt: orNull(InstantText),
    healthAt: orNull(InstantText),
    configuration: ConfigurationState,
    health: Health.nullable(),
  })
  .openapi('Gateway')

const GatewayPage = z.strictObject({ items: z.array(Gateway), next: Next }).openapi('GatewayPage')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['gateways'],
  summary: 'Gateways that you may see',
  request: { query: z.strictObject({ archived: ArchivedQuery, ...PageQuery.shape }) },
  responses: {
    200: { description: 'a page of gateways', content: { 'application/json': { schema: GatewayPage } } },
    ...problemResponses(400, 401, 403),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{gateway}',
  tags: ['gateways'],
  summary: 'One gateway',
  request: {
    query: NoQuery,
    params: z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) }),
  },
  responses: {
    200: { description: 'the gateway', content: { 'application/json': { schema: Gateway } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/gateways`, `/gateways/{gateway}`. */
export function gateways({ db }: { db: Database }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, archived } = context.req.valid('query')
      const afterId = fromCursor('gateways', cursor, 0)
      const rows = await selectGateways(db, context.get('clientIds'), {
        ...{ afterId, limit: limit + 1, archived },
      })
      const { items, next } = toPage(rows, { list: 'gateways', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toGateway), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const row = await selectGateway(db, context.get('clientIds'), context.req.valid('param').gateway)
      if (row === undefined) throw new Problem(404, 'Gateway not found')
      return context.json(toGateway(row), 200)
    })
}

/** What a gateway said is read again here: it may be of another version than ours. */
function toGateway(row: GatewayRow): z.infer<typeof Gateway> {
  const state = GatewayState.safeParse(row.state).data
  const health = GatewayHealth.safeParse(row.health).data
  // `lost` is said by the broker or found by silence, in the words of when the session began.
  const isLost = state?.state === 'lost'
  const seen = [isLost ? null : row.stateAt, row.healthAt, row.lastBatchAt].filter(at => at !== null)
  const { gateway, client, project, name, place, archived } = row
  return {
    ...{ gateway, client, project, name, place, archived },
    state: state?.state ?? 'unknown',
    since: state === undefined ? null : toInstantTextOrNull(isLost ? row.stateAt : state.since),
    version: state?.version ?? health?.version ?? null,
    lastSeenAt: seen.length === 0 ? null : toInstantText(Math.max(...seen)),
    lastBatchAt: toInstantTextOrNull(row.lastBatchAt),
    healthAt: toInstantTextOrNull(row.healthAt),
    configuration: stateOf(desiredOf(row), ReportedConfig.safeParse(row.reported).data),
    health: health === undefined ? null : toHealth(health),
  }
}

const desiredOf = ({ desiredVersion: version, desiredHash: hash }: GatewayRow) =>
  version === null || hash === null ? undefined : { version, hash }

function toHealth({
  version,
  startedAt,
  buffer,
  readings,
  clock,
  memoryBytes,
  buses,
  devices,
}: GatewayHealth): z.infer<typeof Health> {
  const { epoch: _, daysLeft = null, oldestAt = null, ...counts } = buffer
  return {
    version,
    startedAt: toInstantText(startedAt),
    buffer: { ...counts, daysLeft, oldestAt: toInstantTextOrNull(oldestAt) },
    readings,
    clock: { quality: clock.quality, errorMs: clock.errorMs ?? null },
    memoryBytes,
    buses,
    devices: devices.map(({ id, provider = null, ok, failed, lastOkAt = null, lastFailure = null }) => ({
      id,
      provider,
      ok,
      failed,
      lastOkAt: toInstantTextOrNull(lastOkAt),
      lastFailure,
    })),
  }
}
