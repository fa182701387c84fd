// /points/{point}/readings and /revisions: what was measured, what follows from it, and what came a second time.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import { TIME_MAX } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { flagNames } from '../flags.ts'
import { findPoint } from '../point-name.ts'
import type { Database } from '../store/database.ts'
import {
  type ReadingRow,
  type RevisionRow,
  selectDerived,
  selectReadings,
  selectRevisions,
  selectSeriesId,
} from '../store/queries.ts'
import {
  FlagNames,
  InstantText,
  orNull,
  PointKey,
  PointParam,
  QualityName,
  TimeQualityName,
  toInstantText,
  toQuality,
  toTimeQuality,
  toVariable,
  unitOfVariable,
  Value,
  VariableName,
} from './fields.ts'
import { Next, nextLink, pageQuery, spanOf, spanQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DEFAULT_SPAN_MS = 24 * 3_600_000
const READINGS_MAX = 10_000

const Reading = z
  .strictObject({
    at: InstantText,
    value: Value.openapi({ description: 'in force; null when there is none: `quality` says why' }),
    measured: Value.openapi({
      description: 'as it was measured: another one where a unit is converted or a low flow cut off',
    }),
    quality: QualityName,
    timeQuality: TimeQualityName,
    flags: FlagNames,
  })
  .openapi('Reading')

const ReadingPage = z
  .strictObject({
    point: PointKey,
    variable: VariableName,
    unit: z.string(),
    from: InstantText,
    to: InstantText,
    items: z.array(Reading),
    next: Next,
  })
  .openapi('ReadingPage')

const Revision = z
  .strictObject({
    variable: VariableName,
    unit: z.string(),
    at: InstantText,
    value: Value,
    quality: QualityName,
    timeQuality: TimeQualityName,
    seenAt: InstantText,
    standingValue: z
      .number()
      .nullable()
      .openapi({ description: 'the value that stands; the first one that came' }),
    standingQuality: orNull(QualityName),
  })
  .openapi('Revision')

const RevisionPage = z
  .strictObject({ point: PointKey, items: z.array(Revision), next: Next })
  .openapi('RevisionPage')

const span = spanQuery('included; a day before `to` when absent')

const readingsRoute = createRoute({
  method: 'get',
  path: '/{point}/readings',
  tags: ['readings'],
  summary: 'Readings of one variable over a stretch of time',
  description: 'Failed polls are among them, without a value, with the reason as their quality.',
  request: {
    params: PointParam,
    query: z.strictObject({
      variable: VariableName,
      ...span,
      order: z.enum(['asc', 'desc']).default('asc'),
      ...pageQuery({ limitMax: READINGS_MAX, limitDefault: 1000 }),
    }),
  },
  responses: {
    200: { description: 'a page of readings', content: { 'application/json': { schema: ReadingPage } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const revisionsRoute = createRoute({
  method: 'get',
  path: '/{point}/revisions',
  tags: ['readings'],
  summary: 'Readings that came again with another value',
  description: 'The first one stands; these say so. Newest first.',
  request: {
    params: PointParam,
    query: z.strictObject({ ...span, ...pageQuery({ limitMax: 1000, limitDefault: 100 }) }),
  },
  responses: {
    200: { description: 'a page of revisions', content: { 'application/json': { schema: RevisionPage } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/points/{point}/readings`, `/points/{point}/revisions`. */
export function readings({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter()
    .openapi(readingsRoute, async context => {
      const { variable, limit, order, ...asked } = context.req.valid('query')
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const list = `readings ${point.id} ${variable} ${order}`
      const { key, ...span } = spanOf(list, asked, recentSpan(clock))
      const { from, to } = span
      const edge = order === 'asc' ? { from: Math.max(from, key ?? from) } : { to: Math.min(to, key ?? to) }
      const seriesId = await selectSeriesId(db, point.id, VARIABLES[variable].code)
      const select = VARIABLES[variable].origin === 'derived' ? selectDerived : selectReadings
      const rows =
        seriesId === undefined
          ? []
          : await select(db, seriesId, { ...span, ...edge, order, limit: limit + 1 })
      // Ascending pages go on at the instant after the last one; descending ones end before it.
      const keyOf = ({ at }: ReadingRow) => (order === 'asc' ? at + 1 : at)
      const { items, next } = toPage(rows, { list, limit, keyOf, span })
      const body = {
        point: pointKey(point),
        variable,
        unit: unitOfVariable(variable),
        from: toInstantText(from),
        to: toInstantText(to),
        items: items.map(toReading),
        next,
      }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .openapi(revisionsRoute, async context => {
      const { limit, ...asked } = context.req.valid('query')
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const list = `revisions ${point.id}`
      const { key: beforeId = Number.MAX_SAFE_INTEGER, ...span } = spanOf(list, asked, recentSpan(clock))
      const rows = await selectRevisions(db, point.id, { ...span, beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id, span })
      const body = { point: pointKey(point), items: items.map(toRevision), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
}

/** What is meant by a stretch whose beginning or end is not said. */
const recentSpan =
  (clock: Clock) =>
  ({ from, to }: { from?: number | undefined; to?: number | undefined }) => {
    const end = to ?? Math.min(clock.now(), TIME_MAX)
    return { from: from ?? Math.max(0, end - DEFAULT_SPAN_MS), to: end }
  }

function toReading({
  at,
  value,
  measured,
  quality,
  timeQuality,
  flags,
}: ReadingRow): z.infer<typeof Reading> {
  return {
    at: toInstantText(at),
    value,
    measured,
    flags: flagNames(flags),
    quality: toQuality(quality),
    timeQuality: toTimeQuality(timeQuality),
  }
}

function toRevision(row: RevisionRow): z.infer<typeof Revision> {
  const variable = toVariable(row.variable)
  return {
    variable,
    unit: unitOfVariable(variable),
    at: toInstantText(row.at),
    value: row.value,
    quality: toQuality(row.quality),
    timeQuality: toTimeQuality(row.timeQuality),
    seenAt: toInstantText(row.seenAt),
    standingValue: row.standingValue,
    standingQuality: row.standingQuality === null ? null : toQuality(row.standingQuality),
  }
}
