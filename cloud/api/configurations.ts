// /gateways/{gateway}/configuration: what a gateway should run with, what it says that it runs with, and all that was before.

import { createRoute, z } from '@hono/zod-openapi'
import { CONFIGURATION_LENGTH_MAX, ReportedConfig } from '../../protocol/configuration.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { checkDocument, effectOf, type Wanted, wantConfiguration } from '../fleet/configurations.ts'
import type { FleetSigner } from '../fleet/signing.ts'
import { type FieldProblem, Problem } from '../problem.ts'
import { type ConfigurationRow, selectConfiguration, selectReported } from '../store/configurations.ts'
import type { Database } from '../store/database.ts'
import * as doc from './configuration-document.ts'
import { versionOf } from './configuration-history.ts'
import { nameOf } from './decisions.ts'
import { NoQuery, SlugText } from './fields.ts'
import { type Found, findOwner } from './gateway-owner.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Params = z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) })
const IfMatch = z.object({
  'if-match': z
    .string()
    .max(100)
    .optional()
    .openapi({ description: 'the `ETag` that was seen', example: '"3"' }),
})
const DocumentText = z
  .string()
  .min(1)
  .max(CONFIGURATION_LENGTH_MAX)
  .openapi({ description: 'the YAML of the gateway’s file', example: 'gateway: gw-campo-01\n' })
const Note = z.string().trim().max(500).default('').openapi({ description: 'why', example: 'Nuevo medidor' })

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const bodyOf = <Schema extends z.ZodType>(schema: Schema) => ({ required: true, content: json(schema) })
const common = { tags: ['gateways'] }

const getRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{gateway}/configuration',
  summary: 'What a gateway should run with, and what it runs with',
  request: { query: NoQuery, params: Params },
  responses: {
    200: { description: 'both', content: json(doc.Configuration) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const changed = {
  201: { description: 'it is wanted from now on', content: json(doc.Version) },
  ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428),
}

const putRoute = createRoute({
  ...common,
  method: 'put',
  path: '/{gateway}/configuration',
  summary: 'Say what a gateway should run with',
  description:
    'It is signed and sent while the gateway is connected, which applies it part by part, watches itself for ten minutes, and ' +
    'takes it back by itself when things get worse. `If-Match` names the `ETag` of what was seen before: `"0"` where there was none.',
  request: {
    query: NoQuery,
    params: Params,
    headers: IfMatch,
    body: bodyOf(z.strictObject({ document: DocumentText, note: Note }).openapi('ConfigurationAsked')),
  },
  responses: changed,
})

const checkRoute = createRoute({
  ...common,
  method: 'post',
  path: '/{gateway}/configuration/check',
  summary: 'What is wrong with a document, or what it would come to; nothing is written',
  request: {
    query: NoQuery,
    params: Params,
    body: bodyOf(z.strictObject({ document: DocumentText }).openapi('ConfigurationDraft')),
  },
  responses: {
    200: { description: 'what was found', content: json(doc.Check) },
    ...problemResponses(400, 401, 403, 404, 413, 415),
  },
})

const rollBackRoute = createRoute({
  ...common,
  method: 'post',
  path: '/{gateway}/configuration/roll-back',
  summary: 'Want an earlier version again, as a new one',
  request: {
    query: NoQuery,
    params: Params,
    headers: IfMatch,
    body: bodyOf(
      z
        .strictObject({ version: z.int().min(1).max(2_147_483_647), note: Note })
        .openapi('ConfigurationRollBack'),
    ),
  },
  responses: changed,
})

const adoptRoute = createRoute({
  ...common,
  method: 'post',
  path: '/{gateway}/configuration/adopt',
  summary: 'Want what the gateway has in its own file',
  description: 'A gateway tells the text of its file where that is in force and holds no secret.',
  request: {
    query: NoQuery,
    params: Params,
    headers: IfMatch,
    body: bodyOf(
      z
        .strictObject({
          hash: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .openapi({ description: 'of the text that was seen' }),
          note: Note,
        })
        .openapi('ConfigurationAdoption'),
    ),
  },
  responses: changed,
})

interface Deps {
  db: Database
  clock: Clock
  log: Log
  authority: FleetSigner
}

/** `/gateways/{gateway}/configuration` and what lies below. */
export function configurations(deps: Deps) {
  const { db } = deps
  return openRouter()
    .openapi(getRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const desired = await selectConfiguration(db, gateway.id)
      const body = doc.toConfiguration(desired, await selectReported(db, gateway.id))
      return context.json(body, 200, { etag: etagOf(desired?.version ?? 0) })
    })
    .openapi(checkRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const checked = checkDocument(context.req.valid('json').document, gateway)
      if ('mistakes' in checked)
        return context.json({ mistakes: checked.mistakes.map(doc.toMistake), effect: null }, 200)
      const before = await selectConfiguration(db, gateway.id)
      const { reported } = await selectReported(db, gateway.id)
      const text = before?.document ?? ReportedConfig.safeParse(reported).data?.document
      const was = text === undefined ? undefined : checkDocument(text, gateway)
      const effect = effectOf(was !== undefined && 'config' in was ? was.config : undefined, checked.config)
      return context.json({ mistakes: [], effect }, 200)
    })
    .openapi(putRoute, async context => {
      const { document, note } = context.req.valid('json')
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const by = nameOf(context.get('principal'))
      const row = await want(deps, gateway, { document, note, by }, context.req.valid('header')['if-match'])
      return context.json(doc.toVersion(row), 201, { etag: etagOf(row.version) })
    })
    .openapi(rollBackRoute, async context => {
      const { version, note } = context.req.valid('json')
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const { document } = await versionOf(db, gateway, version)
      const by = nameOf(context.get('principal'))
      const wanted = { document, note, by, copyOf: version }
      const row = await want(deps, gateway, wanted, context.req.valid('header')['if-match'])
      return context.json(doc.toVersion(row), 201, { etag: etagOf(row.version) })
    })
    .openapi(adoptRoute, async context => {
      const { hash, note } = context.req.valid('json')
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const { reported } = await selectReported(db, gateway.id)
      const { data } = ReportedConfig.safeParse(reported)
      if (data?.document === undefined) {
        const detail = `Either ${gateway.gateway} does not run with its own file, or the file holds a secret`
        throw new Problem(409, 'The gateway has not told its file', { detail })
      }
      if (data.hash !== hash) throw new Problem(412, 'Its file is another by now', { detail: data.hash })
      const by = nameOf(context.get('principal'))
      const wanted = { document: data.document, note, by, isAdopted: true }
      const row = await want(deps, gateway, wanted, context.req.valid('header')['if-match'])
      return context.json(doc.toVersion(row), 201, { etag: etagOf(row.version) })
    })
}

/** The tag of a version; 0: there is none. */
export const etagOf = (version: number): string => `"${version}"`

/** What is wanted is looked at, signed and written. Throws Problem where it may not be. */
export async function want(
  { db, clock, log, authority }: Deps,
  gateway: Found,
  wanted: Wanted,
  ifMatch: string | undefined,
): Promise<ConfigurationRow> {
  const checked = checkDocument(wanted.document, gateway)
  if ('mistakes' in checked) {
    const errors = checked.mistakes.map(({ path, line, message }): FieldProblem => {
      const place = [line === undefined ? '' : `line ${line}:`, path, message].filter(part => part !== '')
      return { in: 'body', name: 'document', detail: place.join(' ') }
    })
    throw new Problem(422, 'The gateway could not run with it', { errors })
  }
  if (ifMatch === undefined) {
    const detail = `If-Match must name the ETag of GET /api/v1/gateways/${gateway.gateway}/configuration`
    throw new Problem(428, 'Nobody has seen what this takes the place of', { detail })
  }
  const row = await wantConfiguration({ db, signer: authority }, gateway, wanted, {
    now: clock.now(),
    seen: newest => ifMatch === etagOf(newest),
  })
  if (row === undefined)
    throw new Problem(412, 'Another configuration is wanted by now', {
      detail: 'Look at it, and decide again',
    })
  log.info('configuration wanted', { gateway: gateway.gateway, version: row.version, by: row.by })
  return row
}
