// /gateways/{gateway}/configuration/versions and /reports: what was wanted, what was said of it, and in what it differs.

import { createRoute, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import {
  type ConfigurationRow,
  selectConfiguration,
  selectConfigurations,
  selectReports,
} from '../store/configurations.ts'
import type { Database } from '../store/database.ts'
import { lineChanges } from '../web/ui/differences.ts'
import * as doc from './configuration-document.ts'
import { INT_MAX, NoQuery, numberParam, SlugText } from './fields.ts'
import { findOwner } from './gateway-owner.ts'
import { fromCursor, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Params = z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) })
const VersionParam = Params.extend({
  version: numberParam('version', INT_MAX),
})

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const common = { tags: ['gateways'] }

const versionsRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{gateway}/configuration/versions',
  summary: 'What a gateway should have run with, newest first',
  request: { params: Params, query: z.strictObject(pageQuery({ limitMax: 200, limitDefault: 50 })) },
  responses: {
    200: { description: 'a page of versions', content: json(doc.VersionPage) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const versionRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{gateway}/configuration/versions/{version}',
  summary: 'One version, with its document',
  request: { query: NoQuery, params: VersionParam },
  responses: {
    200: { description: 'the version', content: json(doc.WholeVersion) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const diffRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{gateway}/configuration/versions/{version}/diff',
  summary: 'In what a version differs from another one, line by line',
  request: {
    params: VersionParam,
    query: z.strictObject({
      from: z
        .string()
        .regex(/^[1-9]\d{0,8}$/, 'must be a whole number, 1 or greater')
        .transform(Number)
        .optional()
        .openapi({ type: 'integer', minimum: 1, description: 'the one before it when absent' }),
    }),
  },
  responses: {
    200: { description: 'the lines', content: json(doc.Diff) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const reportsRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{gateway}/configuration/reports',
  summary: 'What a gateway said of its configuration, newest first: what it applied, refused, and took back',
  request: { params: Params, query: z.strictObject(pageQuery({ limitMax: 200, limitDefault: 50 })) },
  responses: {
    200: { description: 'a page of reports', content: json(doc.ReportPage) },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** The version of that number. */
export async function versionOf(
  db: Database,
  gateway: { id: number },
  version: number,
): Promise<ConfigurationRow> {
  const row = await selectConfiguration(db, gateway.id, version)
  if (row === undefined) throw new Problem(404, 'Version not found')
  return row
}

/** `/gateways/{gateway}/configuration/versions` and `/reports`. */
export function configurationHistory({ db }: { db: Database }) {
  return openRouter()
    .openapi(versionsRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const { cursor, limit } = context.req.valid('query')
      const beforeVersion = fromCursor('configurations', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectConfigurations(db, gateway.id, { beforeVersion, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'configurations', limit, keyOf: ({ version }) => version })
      const page = { items: items.map(doc.toVersion), next }
      return context.json(page, 200, nextLink(context.req.url, next))
    })
    .openapi(versionRoute, async context => {
      const { gateway: slug, version } = context.req.valid('param')
      const row = await versionOf(db, await findOwner(db, context.get('clientIds'), slug), version)
      return context.json({ ...doc.toVersion(row), document: row.document }, 200)
    })
    .openapi(diffRoute, async context => {
      const { gateway: slug, version } = context.req.valid('param')
      const gateway = await findOwner(db, context.get('clientIds'), slug)
      const { document } = await versionOf(db, gateway, version)
      const { from = version - 1 } = context.req.valid('query')
      const before = from === 0 ? undefined : await versionOf(db, gateway, from)
      const lines = lineChanges(before?.document ?? '', document).map(({ kind, line }) => ({ kind, line }))
      return context.json({ from, to: version, lines }, 200)
    })
    .openapi(reportsRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const { cursor, limit } = context.req.valid('query')
      const beforeId = fromCursor('configuration-reports', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectReports(db, gateway.id, { beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'configuration-reports', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(doc.toReport), next }, 200, nextLink(context.req.url, next))
    })
}
