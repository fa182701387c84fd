// What people say of a gateway: made, named, given another token, taken out of use. What it says itself is in gateways.ts.

import { createHash, randomBytes } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { GatewayState } from '../../protocol/status.ts'
import { Problem } from '../problem.ts'
import { withdrawClaims } from '../store/claims.ts'
import type { Database, Sql } from '../store/database.ts'
import { GATEWAY_COLUMNS, type GatewaySettingsRow, selectGatewaySettings } from '../store/entities.ts'
import { revokeKey } from '../store/fleet.ts'
import type { ClientIds } from '../store/queries.ts'
import { insertRow, updateRow } from '../store/rows.ts'
import { replaceGatewayToken } from '../store/sites.ts'
import { nameOf } from './decisions.ts'
import {
  cannotBe,
  deleteUnused,
  etagOf,
  IfMatch,
  json,
  jsonBody,
  LineText,
  NoteText,
  patchBody,
  requireMatch,
  taken,
} from './entity.ts'
import { InstantText, NoQuery, ProjectKey, SlugText, toInstantText } from './fields.ts'
import { problemResponses } from './problem.ts'
import { findProjectRow } from './projects.ts'
import { openRouter } from './router.ts'

const Settings = z
  .strictObject({
    gateway: SlugText.openapi({ example: 'gw-campo' }),
    project: ProjectKey,
    name: z.string().nullable().openapi({ description: 'what people call it' }),
    place: z.string().nullable().openapi({ description: 'where it is' }),
    note: z.string().nullable(),
    hasToken: z.boolean().openapi({ description: 'false: it cannot connect by a token' }),
    archived: z.boolean(),
    createdAt: InstantText,
  })
  .openapi('GatewaySettings')

const Token = z.string().openapi({ description: 'shown this once, kept nowhere', example: 'shg_…' })

const MadeGateway = z.strictObject({ settings: Settings, token: Token }).openapi('MadeGateway')

const Asked = z
  .strictObject({
    project: ProjectKey,
    gateway: SlugText.openapi({ description: 'names it for good, among all gateways', example: 'gw-peral' }),
    name: LineText.default(null),
    place: LineText.default(null),
    note: NoteText.default(null),
  })
  .openapi('GatewayAsked')

const Patch = z
  .strictObject({ name: LineText, place: LineText, note: NoteText, archived: z.boolean() })
  .partial()
  .openapi('GatewayPatch')

const GatewayParam = z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) })

const tags = ['gateways']

const makeRoute = createRoute({
  ...{ method: 'post', path: '/', tags, summary: 'Make a gateway, and its token' },
  request: { query: NoQuery, body: jsonBody(Asked) },
  responses: {
    201: json('the gateway', MadeGateway),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{gateway}/settings', tags, summary: 'What people say of a gateway' },
  request: { query: NoQuery, params: GatewayParam },
  responses: { 200: json('its settings', Settings), ...problemResponses(400, 401, 403, 404) },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{gateway}/settings', tags, summary: 'Change what people say of a gateway' },
  description:
    'What the patch names is changed and nothing else; null clears. One that is archived loses its token and its certificate; it cannot be while it is connected.',
  request: { query: NoQuery, params: GatewayParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('its settings', Settings),
    ...problemResponses(400, 401, 403, 404, 412, 413, 415, 422, 428),
  },
})

const tokenRoute = createRoute({
  ...{ method: 'post', path: '/{gateway}/token', tags, summary: 'Give a gateway another token' },
  description: 'The one before ends at once.',
  request: { query: NoQuery, params: GatewayParam },
  responses: {
    201: json('the token', z.strictObject({ gateway: SlugText, token: Token }).openapi('GatewayToken')),
    ...problemResponses(400, 401, 403, 404, 422),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/{gateway}', tags, summary: 'Delete a gateway that was never heard' },
  request: { query: NoQuery, params: GatewayParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 412, 422, 428),
  },
})

interface SettingsDeps {
  db: Database
  clock: Clock
  log: Log
}

/** POST `/gateways`, `/gateways/{gateway}/settings`, `/gateways/{gateway}/token`, DELETE `/gateways/{gateway}`. */
export function gatewaySettings({ db, clock, log }: SettingsDeps) {
  return openRouter()
    .openapi(makeRoute, async context => {
      const { project: key, ...asked } = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const token = drawToken()
      const row = await db.transaction(async tx => {
        const project = await findProjectRow(tx, clientIds, key, { isHeld: true })
        if (project.archivedAt !== null) throw cannotBe(`Project ${key} is archived`)
        const fields = { ...asked, projectId: project.id, tokenHash: hashOf(token) }
        const id = await insertRow(tx, 'gateways', GATEWAY_COLUMNS, fields)
        if (id === undefined) throw taken(`a gateway ${asked.gateway}`)
        return found(tx, clientIds, asked.gateway)
      })
      log.info('gateway made', { gateway: row.gateway, by: nameOf(context.get('principal')) })
      const settings = toSettings(row)
      return context.json({ settings, token }, 201, { etag: etagOf(settings) })
    })
    .openapi(oneRoute, async context => {
      const row = await found(db, context.get('clientIds'), context.req.valid('param').gateway)
      const settings = toSettings(row)
      return context.json(settings, 200, { etag: etagOf(settings) })
    })
    .openapi(patchRoute, async context => {
      const { gateway } = context.req.valid('param')
      const fields = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const row = await db.transaction(async tx => {
        const before = await found(tx, clientIds, gateway, { isHeld: true })
        requireMatch(context.req.valid('header')['if-match'], toSettings(before), `gateway ${gateway}`)
        requireArchivable(before, fields.archived)
        const [gatewayId, now] = [before.id, clock.now()]
        await updateRow(tx, 'gateways', GATEWAY_COLUMNS, { id: gatewayId, fields, now })
        if (fields.archived === true) {
          await withdrawClaims(tx, [gatewayId], now)
          await revokeKey(tx, gatewayId)
        }
        return found(tx, clientIds, gateway)
      })
      log.info('gateway changed', { gateway, by: nameOf(context.get('principal')) })
      const settings = toSettings(row)
      return context.json(settings, 200, { etag: etagOf(settings) })
    })
    .openapi(tokenRoute, async context => {
      const { gateway } = context.req.valid('param')
      const token = drawToken()
      await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), gateway, { isHeld: true })
        if (before.archivedAt !== null) throw cannotBe(`Gateway ${gateway} is archived`)
        await replaceGatewayToken(tx, gateway, hashOf(token))
      })
      log.info('gateway given another token', { gateway, by: nameOf(context.get('principal')) })
      return context.json({ gateway, token }, 201)
    })
    .openapi(deleteRoute, async context => {
      const { gateway } = context.req.valid('param')
      await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), gateway, { isHeld: true })
        requireMatch(context.req.valid('header')['if-match'], toSettings(before), `gateway ${gateway}`)
        await deleteUnused(tx, 'gateway', { id: before.id, name: gateway })
      })
      log.info('gateway deleted', { gateway, by: nameOf(context.get('principal')) })
      return context.body(null, 204)
    })
}

const drawToken = (): string => `shg_${randomBytes(32).toString('base64url')}`

const hashOf = (token: string): Uint8Array => new Uint8Array(createHash('sha256').update(token).digest())

async function found(
  sql: Sql,
  clientIds: ClientIds,
  gateway: string,
  options: { isHeld?: boolean } = {},
): Promise<GatewaySettingsRow> {
  const row = await selectGatewaySettings(sql, clientIds, gateway, options)
  if (row === undefined) throw new Problem(404, 'Gateway not found')
  return row
}

function requireArchivable(row: GatewaySettingsRow, archived: boolean | undefined): void {
  const state = GatewayState.safeParse(row.state).data?.state
  if (archived === true && (state === 'ready' || state === 'init')) {
    throw cannotBe(
      `Gateway ${row.gateway} is connected, and may hold readings that are not here yet: stop it first`,
    )
  }
  if (archived === false && row.projectArchivedAt !== null) {
    throw cannotBe(`Project ${row.client}.${row.project} is archived`)
  }
}

function toSettings(row: GatewaySettingsRow): z.infer<typeof Settings> {
  const { gateway, client, project, name, place, note, hasToken, archivedAt, createdAt } = row
  return {
    ...{ gateway, project: `${client}.${project}`, name, place, note, hasToken },
    ...{ archived: archivedAt !== null, createdAt: toInstantText(createdAt) },
  }
}
