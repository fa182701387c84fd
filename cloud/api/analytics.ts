// /points/{point}/balances, /use, /baseline, /anomalies, /projection, /specific-capacity, and /projects/{project}/balances:
// what follows from what was measured, as the analytics tell it.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import {
  type Asking,
  pointBalances,
  pointBaseline,
  pointCapacity,
  pointProjection,
  pointUse,
  projectBalances,
  toAnomaly,
} from '../analytics/answers.ts'
import { ANOMALY_KINDS } from '../analytics/judge.ts'
import { findPoint } from '../point-name.ts'
import { selectAnomalies } from '../store/analyses.ts'
import type { Database } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { InstantText, NoQuery, PointKey, PointParam, ProjectKey, ProjectParam } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Day = z.iso.date().openapi({ description: 'a civil day of America/Santiago', example: '2026-01-15' })
const OptionalDay = z.iso.date().optional()
const M3 = z.number().nullable().openapi({ description: 'm³; null: not known' })

const stretch = {
  by: z.enum(['day', 'month']).default('day'),
  from: OptionalDay.openapi({ description: 'included; 31 days, or a year of months, when absent' }),
  to: OptionalDay.openapi({ description: 'included; today when absent' }),
}

const Balances = z
  .strictObject({
    point: PointKey,
    by: z.enum(['day', 'month']),
    from: Day,
    to: Day,
    consumptionM3: M3,
    daysKnown: z.int(),
    days: z.array(
      z.strictObject({
        day: Day,
        hours: z.int().openapi({ description: '23, 24 or 25' }),
        consumptionM3: M3,
        gapConsumptionM3: M3.openapi({
          description: 'passed while nothing was read: may belong to the day before',
        }),
        coveragePercent: z.number().nullable(),
        worstQuality: z.string().nullable(),
      }),
    ),
    months: z.array(
      z.strictObject({
        month: z.string().openapi({ example: '2026-01' }),
        days: z.int(),
        daysKnown: z.int(),
        consumptionM3: M3,
        gapConsumptionM3: M3,
      }),
    ),
  })
  .openapi('Balances')

const ProjectBalances = z
  .strictObject({
    project: ProjectKey,
    by: z.enum(['day', 'month']),
    from: Day,
    to: Day,
    points: z.int().openapi({ description: 'how many the project has' }),
    consumptionM3: M3,
    periods: z.array(
      z.strictObject({
        period: z.string().openapi({ description: 'a day or a month', example: '2026-01-15' }),
        pointsKnown: z.int(),
        consumptionM3: M3,
        gapConsumptionM3: M3,
      }),
    ),
    byPoint: z.array(z.strictObject({ point: PointKey, daysKnown: z.int(), consumptionM3: M3 })),
  })
  .openapi('ProjectBalances')

const Use = z
  .strictObject({
    point: PointKey,
    year: z.int(),
    points: z.int().openapi({
      description:
        'of the works that the point is part of: what they take together is held against the right',
    }),
    workCodes: z.array(z.string()),
    grantedFlowLps: z
      .number()
      .nullable()
      .openapi({ description: 'the sum of the rights; null: none is known' }),
    maxFlowLps: z.number().nullable(),
    maxFlowDay: Day.nullable(),
    daysAboveFlow: z.int(),
    grantedYearM3: M3,
    takenM3: M3,
    percentOfYear: z.number().nullable(),
  })
  .openapi('Use')

const Baseline = z
  .strictObject({
    point: PointKey,
    from: Day,
    to: Day,
    hours: z.array(
      z.strictObject({
        weekday: z.int().openapi({ description: 'from Monday, 1; 7 is Sunday and holidays' }),
        hour: z.int(),
        usualM3: M3.openapi({ description: 'the median' }),
        spreadM3: M3.openapi({ description: 'median absolute deviation × 1.4826' }),
        seen: z.int(),
      }),
    ),
  })
  .openapi('Baseline')

const Projection = z
  .strictObject({
    from: Day,
    to: Day,
    knownM3: z.number(),
    projectedM3: z.number(),
    lowM3: z.number(),
    highM3: z.number(),
    daysToCome: z.int(),
    daysOfHistory: z.int(),
    bySeason: z.boolean().openapi({ description: 'whether the year before says how use rises and falls' }),
  })
  .nullable()

const Projections = z
  .strictObject({
    point: PointKey,
    today: Day,
    confidencePercent: z
      .int()
      .openapi({ description: 'of how many of a hundred the end lies within low and high' }),
    grantedYearM3: M3,
    percentOfGranted: z.number().nullable().openapi({ description: 'of the year’s projection' }),
    month: Projection,
    year: Projection,
  })
  .openapi('Projections')

const Capacity = z
  .strictObject({
    point: PointKey,
    from: Day,
    to: Day,
    lpsPerM: z
      .number()
      .nullable()
      .openapi({ description: 'L/s for each metre of drawdown, of the last four weeks' }),
    spreadLpsPerM: z.number().nullable(),
    trendPercentAYear: z.number().nullable(),
    trendLow: z.number().nullable().openapi({ description: 'with 90 % of confidence' }),
    trendHigh: z.number().nullable(),
    days: z.array(
      z.strictObject({ day: Day, flowLps: z.number(), drawdownM: z.number(), lpsPerM: z.number() }),
    ),
  })
  .openapi('SpecificCapacity')

const Anomaly = z
  .strictObject({
    id: z.int(),
    kind: z.enum(ANOMALY_KINDS),
    state: z.enum(['open', 'closed', 'withdrawn']),
    firstDay: Day,
    lastDay: Day,
    days: z.int(),
    worstDay: Day,
    reason: z.string(),
    evidence: z.record(z.string(), z.number()).openapi({ description: 'the numbers of the worst day' }),
    openedAt: InstantText,
    stateAt: InstantText.openapi({ description: 'since when the state is what it is' }),
  })
  .openapi('Anomaly')

const AnomalyPage = z
  .strictObject({ point: PointKey, items: z.array(Anomaly), next: Next })
  .openapi('AnomalyPage')

const pointRoute = <Path extends string, Query extends z.ZodObject, Body extends z.ZodType>(
  path: Path,
  { summary, description, query, body }: { summary: string; description?: string; query: Query; body: Body },
) =>
  createRoute({
    method: 'get',
    path: `/{point}/${path}` as const,
    tags: ['analytics'],
    summary,
    ...(description === undefined ? {} : { description }),
    request: { params: PointParam, query },
    responses: {
      200: { description: summary, content: { 'application/json': { schema: body } } },
      ...problemResponses(400, 401, 403, 404, 409),
    },
  })

const balancesRoute = pointRoute('balances', {
  summary: 'What a point has taken, by day or by month',
  query: z.strictObject(stretch),
  body: Balances,
})
const useRoute = pointRoute('use', {
  summary: 'How much of what was granted is used, in a civil year',
  query: z.strictObject({
    year: z
      .string()
      .regex(/^(19|20)\d\d$/, 'must be a year such as 2026')
      .transform(Number)
      .optional()
      .openapi({ type: 'integer', example: undefined }),
  }),
  body: Use,
})
const baselineRoute = pointRoute('baseline', {
  summary: 'What a point usually takes in each hour of the week',
  description: 'By the eight weeks before today. Holidays count as Sundays.',
  query: NoQuery,
  body: Baseline,
})
const projectionRoute = pointRoute('projection', {
  summary: 'What a point will have taken by the end of the month and of the year',
  query: NoQuery,
  body: Projections,
})
const capacityRoute = pointRoute('specific-capacity', {
  summary: 'What a well gives for each metre that its water sinks, and how that changes',
  query: NoQuery,
  body: Capacity,
})
const anomaliesRoute = pointRoute('anomalies', {
  summary: 'What was out of a point’s pattern, newest first',
  query: z.strictObject({
    kind: z.enum(ANOMALY_KINDS).optional(),
    state: z.enum(['open', 'closed', 'withdrawn']).optional(),
    ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
  }),
  body: AnomalyPage,
})

/** What the analytics tell of a point: mounted at `/points`. */
export function analytics({ db, clock }: { db: Database; clock: Clock }) {
  const asking = (clientIds: ClientIds): Asking => ({ db, clock, clientIds })
  return openRouter()
    .openapi(balancesRoute, async context => {
      const asked = { ...context.req.valid('query'), ...context.req.valid('param') }
      return context.json(await pointBalances(asking(context.get('clientIds')), asked), 200)
    })
    .openapi(useRoute, async context => {
      const asked = { ...context.req.valid('query'), ...context.req.valid('param') }
      return context.json(await pointUse(asking(context.get('clientIds')), asked), 200)
    })
    .openapi(baselineRoute, async context =>
      context.json(await pointBaseline(asking(context.get('clientIds')), context.req.valid('param')), 200),
    )
    .openapi(projectionRoute, async context =>
      context.json(await pointProjection(asking(context.get('clientIds')), context.req.valid('param')), 200),
    )
    .openapi(capacityRoute, async context =>
      context.json(await pointCapacity(asking(context.get('clientIds')), context.req.valid('param')), 200),
    )
    .openapi(anomaliesRoute, async context => {
      const { cursor, limit, kind, state } = context.req.valid('query')
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const list = `anomalies ${point.id}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectAnomalies(db, { pointId: point.id, kind, state, beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      const body = { point: pointKey(point), items: items.map(toAnomaly), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
}

const projectRoute = createRoute({
  method: 'get',
  path: '/{project}/balances',
  tags: ['analytics'],
  summary: 'What the points of a project have taken, together and each',
  request: {
    params: ProjectParam,
    query: z.strictObject(stretch),
  },
  responses: {
    200: { description: 'the balances', content: { 'application/json': { schema: ProjectBalances } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** What the analytics tell of a project: mounted at `/projects`. */
export function projectAnalytics({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter().openapi(projectRoute, async context => {
    const asked = { ...context.req.valid('query'), ...context.req.valid('param') }
    return context.json(await projectBalances({ db, clock, clientIds: context.get('clientIds') }, asked), 200)
  })
}
