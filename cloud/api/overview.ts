// /overview: every point with its state, its newest values and what it owes, in one answer.

import { createRoute, z } from '@hono/zod-openapi'
import { compress } from 'hono/compress'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { Database } from '../store/database.ts'
import { selectExpectations, selectWorks, type WorkRow } from '../store/overview.ts'
import { type LatestRow, type PointRow, selectLatest, selectPoints } from '../store/queries.ts'
import {
  InstantText,
  orNull,
  PointKey,
  QualityName,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
  toQuality,
  toVariable,
  Value,
  VariableName,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { intervalOf, POINT_STATES, stateOfPoint } from './point-state.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DAY_MS = 24 * 3_600_000

const Work = z
  .strictObject({
    workCode: z.string().openapi({ description: 'código de obra', example: 'OB-0602-7' }),
    sent: z.int(),
    waiting: z.int().openapi({ description: 'not declared yet, and nothing is wrong' }),
    noData: z.int(),
    review: z.int().openapi({ description: 'a person must look' }),
    shadow: z.int(),
    closed: z.int().openapi({ description: 'a person decided against it, or it is not owed any more' }),
    lastAcceptedAt: orNull(InstantText),
  })
  .openapi('OverviewWork', { description: 'slots of the last 24 hours by what became of them' })

const OverviewPoint = z
  .strictObject({
    key: PointKey,
    client: SlugText,
    project: SlugText,
    point: SlugText,
    name: z.string(),
    kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']),
    latitude: z.number().nullable(),
    longitude: z.number().nullable(),
    state: z.enum(POINT_STATES).openapi({
      description:
        '`current`: all is well · `fault`: heard, and something has no value · `late`: overdue · `silent`: not heard for long · `never`: nothing ever came',
    }),
    lastAt: orNull(InstantText).openapi({ description: 'when its newest reading was taken' }),
    intervalMs: z.number().openapi({ description: 'how often something should come' }),
    latest: z.array(
      z.strictObject({
        variable: VariableName,
        at: InstantText,
        value: Value,
        quality: QualityName,
        goodAt: orNull(InstantText),
        goodValue: z.number().nullable(),
      }),
    ),
    works: z.array(Work),
  })
  .openapi('OverviewPoint')

const OverviewPage = z
  .strictObject({
    at: InstantText.openapi({ description: 'when this was asked, by our clock' }),
    items: z.array(OverviewPoint),
    next: Next,
  })
  .openapi('OverviewPage')

const route = createRoute({
  method: 'get',
  path: '/',
  tags: ['points'],
  summary: 'Every point that you may see: its state, its newest values, what it owes',
  request: { query: z.strictObject(pageQuery({ limitMax: 2000, limitDefault: 1000 })) },
  responses: {
    200: { description: 'a page of points', content: { 'application/json': { schema: OverviewPage } } },
    ...problemResponses(400, 401, 403),
  },
})

/** `/overview`. */
export function overview({ db, clock }: { db: Database; clock: Clock }) {
  const router = openRouter()
  router.use('/', compress())
  return router.openapi(route, async context => {
    const { cursor, limit } = context.req.valid('query')
    const now = clock.now()
    const afterId = fromCursor('overview', cursor, 0)
    const rows = await selectPoints(db, context.get('clientIds'), { afterId, limit: limit + 1 })
    const { items: points, next } = toPage(rows, { list: 'overview', limit, keyOf: ({ id }) => id })
    const ids = points.map(({ id }) => id)
    const [latest, expectations, works] = await Promise.all([
      selectLatest(db, ids),
      selectExpectations(db, ids),
      selectWorks(db, ids, { since: now - DAY_MS, now }),
    ])
    const latestOf = Map.groupBy(latest, ({ pointId }) => pointId)
    const worksOf = Map.groupBy(works, ({ pointId }) => pointId)
    const expected = new Map(expectations.map(({ pointId, expectedPerHour }) => [pointId, expectedPerHour]))
    const items = points.map(point =>
      toItem(point, {
        ...{ latest: latestOf.get(point.id) ?? [], works: worksOf.get(point.id) ?? [] },
        ...{ now, intervalMs: intervalOf(expected.get(point.id)) },
      }),
    )
    return context.json({ at: toInstantText(now), items, next }, 200, nextLink(context.req.url, next))
  })
}

function toItem(
  { client, project, point, name, kind, latitude, longitude }: PointRow,
  {
    latest,
    works,
    now,
    intervalMs,
  }: { latest: readonly LatestRow[]; works: readonly WorkRow[]; now: number; intervalMs: number },
): z.infer<typeof OverviewPoint> {
  const named = latest.map(row => ({ ...row, name: toVariable(row.variable) }))
  const measured = named.filter(row => VARIABLES[row.name].origin === 'measured')
  return {
    ...{ key: pointKey({ client, project, point }), client, project, point, name, kind, latitude, longitude },
    state: stateOfPoint(measured, { now, intervalMs }),
    lastAt: measured.length === 0 ? null : toInstantText(Math.max(...measured.map(({ at }) => at))),
    intervalMs,
    latest: named.map(row => ({
      ...{ variable: row.name, at: toInstantText(row.at), value: row.value, quality: toQuality(row.quality) },
      ...{ goodAt: toInstantTextOrNull(row.goodAt), goodValue: row.goodValue },
    })),
    works: works.map(({ pointId: _, lastAcceptedAt, ...counts }) => ({
      ...counts,
      lastAcceptedAt: toInstantTextOrNull(lastAcceptedAt),
    })),
  }
}
