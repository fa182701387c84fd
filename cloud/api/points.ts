// /points: what there is, and its newest values.

import { createRoute, z } from '@hono/zod-openapi'
import { etag } from 'hono/etag'
import { pointKey } from '../../protocol/ids.ts'
import { flagNames } from '../flags.ts'
import { findPoint } from '../point-name.ts'
import type { Database } from '../store/database.ts'
import { type LatestRow, selectLatest, selectPoints } from '../store/queries.ts'
import { ArchivedQuery, etagOf } from './entity.ts'
import {
  FlagNames,
  InstantText,
  NoQuery,
  orNull,
  PointKey,
  PointParam,
  QualityName,
  SlugText,
  TimeQualityName,
  toInstantText,
  toInstantTextOrNull,
  toQuality,
  toTimeQuality,
  toVariable,
  unitOfVariable,
  Value,
  VariableName,
} from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { Point, toPoint } from './point-document.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Latest = z
  .strictObject({
    variable: VariableName,
    unit: z.string().openapi({ example: 'L/s' }),
    at: InstantText,
    value: Value,
    quality: QualityName,
    timeQuality: TimeQualityName,
    goodAt: orNull(InstantText).openapi({ description: 'when it last had a value' }),
    goodValue: z.number().nullable().openapi({ description: 'the value it last had' }),
    flags: FlagNames,
  })
  .openapi('Latest')

const PointLatest = z.strictObject({ point: PointKey, latest: z.array(Latest) }).openapi('PointLatest')

const EXAMPLE: z.infer<typeof PointLatest> = {
  point: 'campo.los-aromos.pozo-7',
  latest: [
    {
      ...{ variable: 'flow', unit: 'L/s', at: '2026-01-15T12:00:00.000Z', value: 14.25, quality: 'good' },
      ...{ timeQuality: 'synced', goodAt: '2026-01-15T12:00:00.000Z', goodValue: 14.25, flags: [] },
    },
    {
      ...{ variable: 'level', unit: 'm', at: '2026-01-15T12:00:00.000Z', value: null, quality: 'no_answer' },
      ...{ timeQuality: 'synced', goodAt: '2026-01-15T11:59:00.000Z', goodValue: 31.2, flags: [] },
    },
  ],
}

const PointPage = z.strictObject({ items: z.array(Point), next: Next }).openapi('PointPage')

const NOT_MODIFIED = { 304: { description: 'the same as what `If-None-Match` names' } }

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['points'],
  summary: 'Points that you may see',
  request: {
    query: z.strictObject({
      client: SlugText.optional(),
      project: SlugText.optional(),
      archived: ArchivedQuery,
      ...PageQuery.shape,
    }),
  },
  responses: {
    200: { description: 'a page of points', content: { 'application/json': { schema: PointPage } } },
    ...NOT_MODIFIED,
    ...problemResponses(400, 401, 403),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{point}',
  tags: ['points'],
  summary: 'One point',
  request: { query: NoQuery, params: PointParam },
  responses: {
    200: { description: 'the point', content: { 'application/json': { schema: Point } } },
    ...NOT_MODIFIED,
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const latestRoute = createRoute({
  method: 'get',
  path: '/{point}/latest',
  tags: ['readings'],
  summary: 'The newest reading of each variable',
  description:
    'With nothing but a token: `curl -H "Authorization: Bearer $TOKEN" …/api/v1/points/pozo-7/latest`. When the newest reading has no value, `quality` says why, and `goodValue` and `goodAt` tell the last one that had.',
  request: { query: NoQuery, params: PointParam },
  responses: {
    200: {
      description: 'one for each variable',
      content: { 'application/json': { schema: PointLatest, example: EXAMPLE } },
    },
    ...NOT_MODIFIED,
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/points`, `/points/{point}`, `/points/{point}/latest`. */
export function points({ db }: { db: Database }) {
  const router = openRouter()
  for (const path of ['/', '/:point', '/:point/latest']) router.use(path, etag())
  return router
    .openapi(listRoute, async context => {
      const { cursor, limit, client, project, archived } = context.req.valid('query')
      const afterId = fromCursor('points', cursor, 0)
      const rows = await selectPoints(db, context.get('clientIds'), {
        afterId,
        limit: limit + 1,
        client,
        project,
        archived,
      })
      const { items, next } = toPage(rows, { list: 'points', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toPoint), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const document = toPoint(point)
      return context.json(document, 200, { etag: etagOf(document) })
    })
    .openapi(latestRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const rows = await selectLatest(db, [point.id])
      return context.json({ point: pointKey(point), latest: rows.map(toLatest) }, 200)
    })
}

/** The newest reading of a variable, as it is shown. */
export function toLatest(row: LatestRow): z.infer<typeof Latest> {
  const variable = toVariable(row.variable)
  return {
    variable,
    unit: unitOfVariable(variable),
    at: toInstantText(row.at),
    value: row.value,
    quality: toQuality(row.quality),
    timeQuality: toTimeQuality(row.timeQuality),
    goodAt: toInstantTextOrNull(row.goodAt),
    goodValue: row.goodValue,
    flags: flagNames(row.flags),
  }
}
