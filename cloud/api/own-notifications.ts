// /me/notifications and /me/deliveries: how somebody wants to be told, and what they were.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { waysTo } from '../alerts/addressing.ts'
import { DEFAULT_PREFERENCES, Preferences } from '../alerts/preferences.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { savePreferences, selectChannels, selectOwnPreferences } from '../store/alert-channels.ts'
import type { Database } from '../store/database.ts'
import { insertTestDelivery, selectDeliveriesTo } from '../store/deliveries.ts'
import type { ClientIds } from '../store/queries.ts'
import type { Principal } from './access.ts'
import { nameOf } from './decisions.ts'
import { DeliveryList, toDelivery } from './delivery-document.ts'
import { NoQuery } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Notifications = z
  .strictObject({
    preferences: Preferences,
    version: z
      .int()
      .openapi({ description: 'what `If-Match` names, in quotes; 0: nothing was asked for yet' }),
  })
  .openapi('OwnNotifications', { description: 'docs/alerts.md says what each means' })

const answer = {
  description: 'what you have asked for',
  content: { 'application/json': { schema: Notifications } },
}

const readRoute = createRoute({
  method: 'get',
  path: '/me/notifications',
  tags: ['session'],
  summary: 'How you are told of incidents',
  request: { query: NoQuery },
  responses: { 200: answer, ...problemResponses(400, 401, 403) },
})

const saveRoute = createRoute({
  method: 'put',
  path: '/me/notifications',
  tags: ['session'],
  summary: 'Say how you want to be told of incidents',
  request: {
    query: NoQuery,
    headers: z.object({ 'if-match': z.string().optional().openapi({ example: '"0"' }) }),
    body: { required: true, content: { 'application/json': { schema: Preferences } } },
  },
  responses: { 200: answer, ...problemResponses(400, 401, 403, 412, 413, 415, 422, 428) },
})

const testRoute = createRoute({
  method: 'post',
  path: '/me/notifications/test',
  tags: ['session'],
  summary: 'Send yourself a message by each of your ways',
  request: { query: NoQuery },
  responses: {
    202: {
      description: 'they will be sent; `GET /me/deliveries` tells what became of them',
      content: {
        'application/json': {
          schema: z.strictObject({ deliveries: z.array(z.int()) }).openapi('OwnNotificationsTested'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 422),
  },
})

const DELIVERIES_SHOWN = 50

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/me/deliveries',
  tags: ['session'],
  summary: 'What you were sent, and what the provider said',
  request: { query: NoQuery },
  responses: {
    200: { description: 'the newest fifty', content: { 'application/json': { schema: DeliveryList } } },
    ...problemResponses(400, 401, 403),
  },
})

/** `/me/notifications`, `/me/notifications/test`, `/me/deliveries`. */
export function ownNotifications({ db, clock }: { db: Database; clock: Clock }) {
  const ownOf = async ({ kind, id }: Principal) =>
    (kind === 'user' ? await selectOwnPreferences(db, id) : undefined) ?? {
      ...{ preferences: DEFAULT_PREFERENCES, version: 0 },
    }
  return openRouter()
    .openapi(readRoute, async context => {
      const { preferences, version } = await ownOf(context.get('principal'))
      const shown = { preferences: Preferences.parse(preferences), version }
      return context.json(shown, 200, { etag: `"${version}"` })
    })
    .openapi(saveRoute, async context => {
      const principal = context.get('principal')
      const preferences = context.req.valid('json')
      if (principal.kind !== 'user') throw ofNobody()
      await refuseChannels(db, context.get('clientIds'), preferences)
      const version = versionOf(context.req.valid('header')['if-match'])
      const saved = await savePreferences(db, principal.id, { preferences, version, now: clock.now() })
      if (!saved)
        throw new Problem(412, 'It was changed meanwhile', { detail: 'Look again at what you asked for' })
      const { version: now } = await ownOf(principal)
      return context.json({ preferences, version: now }, 200, { etag: `"${now}"` })
    })
    .openapi(testRoute, async context => {
      const principal = context.get('principal')
      const { email } = principal
      if (email === undefined) throw ofNobody()
      const { preferences } = await ownOf(principal)
      const channels = await selectChannels(db, context.get('clientIds'))
      const directory = {
        preferences: new Map([[email.toLowerCase(), Preferences.parse(preferences)]]),
        channels: new Map(channels.map(({ id, settings }) => [id, { kind: settings.kind, clientId: null }])),
      }
      const now = clock.now()
      const deliveries: number[] = []
      for (const way of waysTo({ email }, directory, { now, severity: 'critical', clientId: 0 })) {
        deliveries.push(await insertTestDelivery(db, { ...way, dueAt: now }))
      }
      return context.json({ deliveries }, 202)
    })
    .openapi(deliveriesRoute, async context => {
      const person = nameOf(context.get('principal')).toLowerCase()
      const rows = await selectDeliveriesTo(db, person, DELIVERIES_SHOWN)
      return context.json({ items: rows.map(toDelivery) }, 200)
    })
}

const ofNobody = (): Problem =>
  new Problem(422, 'Nobody to be told', { detail: 'A token is told of nothing: sign in' })

function versionOf(named: string | undefined): number {
  if (named === undefined) {
    throw new Problem(428, 'If-Match is missing', { detail: 'It must name the version that you have seen' })
  }
  const version = /^"(\d{1,9})"$/.exec(named)?.[1]
  if (version === undefined)
    throw new Problem(412, 'It was changed meanwhile', { detail: `There is no version ${named}` })
  return Number(version)
}

async function refuseChannels(db: Database, clientIds: ClientIds, { channels }: Preferences): Promise<void> {
  const known = new Set((await selectChannels(db, clientIds)).map(({ id }) => id))
  const wrong = channels.flatMap(({ channel }, index) =>
    known.has(channel)
      ? []
      : [
          {
            in: 'body' as const,
            name: `channels.${index}.channel`,
            detail: 'is no channel that you may use',
          },
        ],
  )
  if (wrong.length > 0) throw invalidRequest(wrong)
}
