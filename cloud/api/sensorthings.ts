// /sta/v1.1: a façade of OGC SensorThings 1.1 (18-088), to be read with the tools that speak it. Nothing is written through it.

import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { resolve, type Target } from '../sensorthings/address.ts'
import {
  type Answering,
  allToJson,
  find,
  nextLink,
  openBudget,
  selfLink,
  toJson,
} from '../sensorthings/answer.ts'
import { KINDS, toWorld } from '../sensorthings/model.ts'
import { type OptionTexts, QueryMistake, readQuery, TOP_MAX } from '../sensorthings/query.ts'
import { toCsv, toDataArrays } from '../sensorthings/table.ts'
import type { Database } from '../store/database.ts'
import { selectThings } from '../store/sensorthings.ts'
import { NoQuery } from './fields.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'

const THINGS_MAX = 20_000
const EXPRESSION_LENGTH_MAX = 2_000

/** Where it is. */
export const STA_PATH = '/sta/v1.1'

const CONFORMANCE = ['datamodel', 'resource-path', 'request-data'].map(
  part => `http://www.opengis.net/spec/iot_sensing/1.1/req/${part}`,
)

const expression = (description: string, example?: string) =>
  z
    .string()
    .min(1)
    .max(EXPRESSION_LENGTH_MAX)
    .optional()
    .openapi({ description, ...(example === undefined ? {} : { example }) })

const count = (description: string, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .refine(text => Number(text) <= maximum, `must be at most ${maximum}`)
    .optional()
    .openapi({ type: 'integer', minimum: 0, maximum, description })

const Options = z.strictObject({
  $filter: expression(
    'an expression that is true of what is wanted',
    'phenomenonTime ge 2026-01-15T00:00:00Z and result gt 10',
  ),
  $orderby: expression('properties, each with `asc` or `desc`', 'phenomenonTime desc'),
  $select: expression('names of properties', 'name,description'),
  $expand: expression('links whose entities are shown within', 'Datastreams($expand=Observations($top=1))'),
  $top: count('how many; 100 when absent', TOP_MAX),
  $skip: count('how many are left out first', 1_000_000),
  $count: z.enum(['true', 'false']).optional(),
  $resultFormat: z.enum(['json', 'CSV', 'csv', 'dataArray']).optional().openapi({
    description: '`dataArray`: of Observations alone',
  }),
  $skiptoken: z
    .string()
    .regex(/^\d{1,15}_\d{1,9}$/, 'must be that of an `@iot.nextLink`')
    .optional(),
})

const Segment = (name: string, example: string) =>
  z
    .string()
    .regex(/^([A-Za-z]{1,40}(\((\d{1,15}|'[\w-]{1,60}')\))?|\$ref|\$value)$/, 'must be such as Things(1)')
    .openapi({ param: { name, in: 'path' }, example })

const Root = z.strictObject({
  value: z.array(z.strictObject({ name: z.string(), url: z.string() })),
  serverSettings: z.strictObject({ conformance: z.array(z.string()) }),
})

const rootRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['sensorthings'],
  summary: 'The collections of OGC SensorThings 1.1',
  request: { query: NoQuery },
  responses: {
    200: { description: 'each with its address', content: { 'application/json': { schema: Root } } },
    ...problemResponses(400, 401, 403),
  },
})

const RESPONSES = {
  200: {
    description: 'an entity, a collection or a property',
    content: {
      'application/json': { schema: z.record(z.string(), z.unknown()) },
      'text/csv': { schema: z.string() },
      'text/plain': { schema: z.string() },
    },
  },
  ...problemResponses(400, 401, 403, 404, 422),
}

const shared = { method: 'get' as const, tags: ['sensorthings'], responses: RESPONSES }

const oneDeep = createRoute({
  ...shared,
  path: '/{resource}',
  summary: 'Things, Locations, Datastreams, Sensors, ObservedProperties, Observations, FeaturesOfInterest',
  request: { query: Options, params: z.strictObject({ resource: Segment('resource', 'Things(1)') }) },
})

const twoDeep = createRoute({
  ...shared,
  path: '/{resource}/{link}',
  summary: 'What an entity leads to, or one of its properties',
  request: {
    query: Options,
    params: z.strictObject({
      resource: Segment('resource', 'Datastreams(1)'),
      link: Segment('link', 'Observations'),
    }),
  },
})

const threeDeep = createRoute({
  ...shared,
  path: '/{resource}/{link}/{more}',
  summary: 'One step further',
  request: {
    query: Options,
    params: z.strictObject({
      resource: Segment('resource', 'Datastreams(1)'),
      link: Segment('link', 'Thing'),
      more: Segment('more', 'Locations'),
    }),
  },
})

/** `/sta/v1.1`. */
export function sensorThings(
  { db, clock }: { db: Database; clock: Clock },
  { publicUrl }: { publicUrl: string },
) {
  const base = new URL(STA_PATH, publicUrl).toString()
  const answer = async (
    context: Context<ApiEnv>,
    segments: string[],
    texts: OptionTexts,
  ): Promise<Response> => {
    const things = await selectThings(db, context.get('clientIds'), THINGS_MAX + 1)
    if (things.length > THINGS_MAX) {
      throw new Problem(422, 'Too many points', { detail: `SensorThings shows at most ${THINGS_MAX}` })
    }
    const answering = { sql: db, world: toWorld(things), now: clock.now(), base }
    try {
      const target = await resolve(answering, segments)
      return await respond(context, answering, target, { texts, address: `${base}/${segments.join('/')}` })
    } catch (error) {
      if (!(error instanceof QueryMistake)) throw error
      throw invalidRequest([{ in: 'query', name: error.option, detail: error.message }])
    }
  }
  return openRouter()
    .openapi(rootRoute, context => {
      const value = KINDS.map(name => ({ name, url: `${base}/${name}` }))
      return context.json({ value, serverSettings: { conformance: CONFORMANCE } }, 200)
    })
    .openapi(oneDeep, async context => {
      const { resource } = context.req.valid('param')
      return (await answer(context, [resource], context.req.valid('query'))) as never
    })
    .openapi(twoDeep, async context => {
      const { resource, link } = context.req.valid('param')
      return (await answer(context, [resource, link], context.req.valid('query'))) as never
    })
    .openapi(threeDeep, async context => {
      const { resource, link, more } = context.req.valid('param')
      return (await answer(context, [resource, link, more], context.req.valid('query'))) as never
    })
}

async function respond(
  context: Context<ApiEnv>,
  answering: Answering,
  target: Target,
  { texts, address }: { texts: OptionTexts; address: string },
): Promise<Response> {
  if (target === undefined) throw new Problem(404, 'Not found', { detail: `There is no ${address}` })
  if (target.kind === 'property') {
    if (target.value === null) throw new Problem(404, 'Not found', { detail: `${target.name} has no value` })
    if (!target.isRaw) return context.json({ [target.name]: target.value })
    return context.text(
      typeof target.value === 'object' ? JSON.stringify(target.value) : String(target.value),
    )
  }
  if (target.kind === 'entity') {
    const query = readQuery(target.entity.kind, texts)
    return context.json(await toJson(answering, target.entity, query, openBudget()))
  }
  const { source, isRef } = target
  const query = readQuery(source.kind, texts)
  const [, at = '', seriesId = ''] = /^(\d+)_(\d+)$/.exec(texts.$skiptoken ?? '') ?? []
  const after = at === '' ? undefined : { at: Number(at), seriesId: Number(seriesId) }
  const found = await find(answering, source, query, after)
  const format = texts.$resultFormat
  const next = found.next === undefined ? undefined : nextLink(address, texts, found.next)
  if (format === 'CSV' || format === 'csv') {
    return context.body(toCsv(found.items, query.select), 200, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${source.kind}.csv"`,
      ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
    })
  }
  if (format === 'dataArray' && source.kind !== 'Observations') {
    throw new QueryMistake('$resultFormat', 'dataArray is of Observations alone')
  }
  const value = isRef
    ? found.items.map(item => ({ '@iot.selfLink': selfLink(answering.base, item) }))
    : format === 'dataArray'
      ? toDataArrays(answering.base, found.items, query.select)
      : await allToJson(answering, found.items, query, openBudget())
  return context.json({
    ...(found.count === undefined ? {} : { '@iot.count': found.count }),
    ...(next === undefined ? {} : { '@iot.nextLink': next }),
    value,
  })
}
