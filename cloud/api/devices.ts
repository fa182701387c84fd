// /devices: the instruments of all gateways, as these last told of them.

import { createRoute, z } from '@hono/zod-openapi'
import { PROVIDER_NAMES } from '../../protocol/ids.ts'
import { DeviceHealth } from '../../protocol/status.ts'
import type { Database } from '../store/database.ts'
import { type DeviceRow, selectDevices } from '../store/entities.ts'
import { json } from './entity.ts'
import { InstantText, orNull, ProjectKey, SlugText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Device = z
  .strictObject({
    gateway: SlugText,
    project: ProjectKey,
    device: SlugText.openapi({ example: 'caudalimetro' }),
    provider: z.enum(PROVIDER_NAMES).nullable().openapi({ description: 'null: it is on a bus' }),
    ok: z.int().openapi({ description: 'polls that it answered since its gateway started' }),
    failed: z.int(),
    lastOkAt: orNull(InstantText),
    lastFailure: z.string().nullable(),
    toldAt: orNull(InstantText).openapi({ description: 'when its gateway said so' }),
  })
  .openapi('Device')

const route = createRoute({
  method: 'get',
  path: '/',
  tags: ['gateways'],
  summary: 'The devices of the gateways that you may see',
  description: 'As their gateways last told. Those of archived gateways are left out.',
  request: { query: z.strictObject({ gateway: SlugText.optional(), ...PageQuery.shape }) },
  responses: {
    200: json(
      'a page of devices',
      z.strictObject({ items: z.array(Device), next: Next }).openapi('DevicePage'),
    ),
    ...problemResponses(400, 401, 403),
  },
})

/** `/devices`. */
export function devices({ db }: { db: Database }) {
  return openRouter().openapi(route, async context => {
    const { cursor, limit, gateway = null } = context.req.valid('query')
    const afterKey = fromCursor('devices', cursor, 0)
    const rows = await selectDevices(db, context.get('clientIds'), { afterKey, limit: limit + 1, gateway })
    const { items, next } = toPage(rows, { list: 'devices', limit, keyOf: ({ key }) => key })
    return context.json({ items: items.flatMap(toDevice), next }, 200, nextLink(context.req.url, next))
  })
}

/** What a gateway said is read again here: it may be of another version than ours. */
function toDevice({ gateway, client, project, toldAt, device }: DeviceRow): z.infer<typeof Device>[] {
  const { data } = DeviceHealth.safeParse(device)
  if (data === undefined) return []
  const { id, provider = null, ok, failed, lastOkAt = null, lastFailure = null } = data
  return [
    {
      ...{ gateway, project: `${client}.${project}`, device: id, provider, ok, failed, lastFailure },
      ...{ lastOkAt: toInstantTextOrNull(lastOkAt), toldAt: toInstantTextOrNull(toldAt) },
    },
  ]
}
