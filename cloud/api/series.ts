// /points/{point}/series and /consumption: what charts are drawn from, no more of it than a screen can show.

import { createRoute, z } from '@hono/zod-openapi'
import { compress } from 'hono/compress'
import { pointKey } from '../../protocol/ids.ts'
import { TIME_MAX } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest } from '../problem.ts'
import { toShownM3 } from '../rounding.ts'
import type { Database } from '../store/database.ts'
import { selectSeriesId } from '../store/queries.ts'
import { type BucketSize, selectBuckets } from '../store/rollups.ts'
import { type ThinnedRow, thinHours, thinValues } from '../store/thinned.ts'
import {
  InstantText,
  PointKey,
  PointParam,
  QualityName,
  toInstantText,
  toQuality,
  unitOfVariable,
  VariableName,
} from './fields.ts'
import { checkedSpan, type Span, spanQuery } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const STEP_MIN_MS = 1_000
/** Longer stretches are drawn from the rollups of hours, however many steps are asked for. */
const VALUES_SPAN_MAX_MS = 32 * DAY_MS
const STEPS_MAX = 2_000

const Column = z.array(z.number().nullable())

const Series = z
  .strictObject({
    point: PointKey,
    variable: VariableName,
    unit: z.string(),
    from: InstantText,
    to: InstantText,
    stepMs: z.int().openapi({ description: 'how long each step is' }),
    source: z.enum(['values', 'hours']).openapi({
      description: '`values`: over all values, uncertain ones too; `hours`: over the good ones of each hour',
    }),
    at: z
      .array(z.int())
      .openapi({ description: 'epoch milliseconds: when each step with readings begins; others are gaps' }),
    min: Column,
    max: Column,
    mean: Column,
    last: Column,
    count: z.array(z.int()).openapi({ description: 'readings in the step, with or without a value' }),
    valid: z.array(z.int()).openapi({ description: 'those that are good' }),
    quality: z.array(QualityName).openapi({ description: 'the worst in the step' }),
  })
  .openapi('Series', { description: 'columns: the n-th of each belongs to the n-th step' })

const Consumption = z
  .strictObject({
    point: PointKey,
    by: z.enum(['hour', 'day', 'month']),
    from: InstantText,
    to: InstantText,
    items: z.array(
      z.strictObject({
        at: InstantText.openapi({ description: 'when the hour, civil day or month begins' }),
        consumptionM3: z.number().nullable(),
        gapConsumptionM3: z.number().nullable().openapi({
          description: 'the part that passed while nothing was read, and may belong to another bucket',
        }),
        minutes: z.int().openapi({ description: 'minutes with a good value' }),
        quality: QualityName,
      }),
    ),
  })
  .openapi('Consumption')

const span = spanQuery()

const seriesRoute = createRoute({
  method: 'get',
  path: '/{point}/series',
  tags: ['readings'],
  summary: 'One variable over a stretch of time, thinned to so many steps',
  description:
    'For each step the least, greatest, mean and last value, so that no peak is lost. Steps are cut at multiples of their length since the epoch: `from` is moved back to the nearest. A day before `to` when `from` is absent.',
  request: {
    params: PointParam,
    query: z.strictObject({
      variable: VariableName,
      ...span,
      steps: z
        .string()
        .regex(/^\d{1,9}$/, 'must be a whole number')
        .transform(Number)
        .pipe(z.int().min(1).max(STEPS_MAX))
        .default(600)
        .openapi({ type: 'integer', minimum: 1, maximum: STEPS_MAX, default: 600 }),
    }),
  },
  responses: {
    200: { description: 'the series', content: { 'application/json': { schema: Series } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const consumptionRoute = createRoute({
  method: 'get',
  path: '/{point}/consumption',
  tags: ['readings'],
  summary: 'What a point has taken by hour, civil day or month',
  description:
    'Through resets and replacements of its counter. Absent `from`: two days of hours, 31 days, or a year of months. At most 92 days of hours, 1,100 days, or 20 years of months.',
  request: {
    params: PointParam,
    query: z.strictObject({ by: z.enum(['hour', 'day', 'month']).default('day'), ...span }),
  },
  responses: {
    200: { description: 'the buckets', content: { 'application/json': { schema: Consumption } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** How long a stretch of each size is when none is asked for, and at most. */
const CONSUMPTION_SPANS: Readonly<Record<BucketSize, { defaultMs: number; maxMs: number }>> = {
  hour: { defaultMs: 2 * DAY_MS, maxMs: 92 * DAY_MS },
  day: { defaultMs: 31 * DAY_MS, maxMs: 1_100 * DAY_MS },
  month: { defaultMs: 366 * DAY_MS, maxMs: 7_306 * DAY_MS },
}
const BUCKETS_MAX = 2_400

/** `/points/{point}/series`, `/points/{point}/consumption`. */
export function series({ db, clock }: { db: Database; clock: Clock }) {
  const router = openRouter()
  router.use('/:point/series', compress())
  return router
    .openapi(seriesRoute, async context => {
      const { variable, steps, ...asked } = context.req.valid('query')
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const thinning = planThinning(spanUntil(clock, asked, DAY_MS), steps)
      const seriesId = await selectSeriesId(db, point.id, VARIABLES[variable].code)
      const rows = seriesId === undefined ? [] : await thin(db, variable, { seriesId, ...thinning })
      return context.json({ point: pointKey(point), variable, ...toSeries(variable, thinning, rows) }, 200)
    })
    .openapi(consumptionRoute, async context => {
      const { by, ...asked } = context.req.valid('query')
      const { defaultMs, maxMs } = CONSUMPTION_SPANS[by]
      const { from, to } = spanUntil(clock, asked, defaultMs)
      if (to - from > maxMs) {
        const detail = `by ${by}: at most ${maxMs / DAY_MS} days before "to"`
        throw invalidRequest([{ in: 'query', name: 'from', detail }])
      }
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const code = VARIABLES.volume.code
      const buckets = await selectBuckets(db, by, {
        ...{ pointId: point.id, variable: code, from, to, limit: BUCKETS_MAX },
      })
      const items = buckets.map(({ at, consumption, gapConsumption, minutes, worstQuality }) => ({
        at: toInstantText(at),
        consumptionM3: toShownM3(consumption),
        gapConsumptionM3: toShownM3(gapConsumption),
        minutes,
        quality: toQuality(worstQuality),
      }))
      const body = { point: pointKey(point), by, from: toInstantText(from), to: toInstantText(to), items }
      return context.json(body, 200)
    })
}

function spanUntil(
  clock: Clock,
  { from, to }: { from?: number | undefined; to?: number | undefined },
  defaultMs: number,
): Span {
  const end = to ?? Math.min(clock.now(), TIME_MAX)
  return checkedSpan({ from: from ?? Math.max(0, end - defaultMs), to: end })
}

/** How a stretch is thinned. */
interface ThinningPlan extends Span {
  stepMs: number
  source: 'values' | 'hours'
}

/** The shortest step with which a stretch has no more than so many, and what it is computed from. */
export function planThinning({ from, to }: Span, steps: number): ThinningPlan {
  const fine = Math.max(STEP_MIN_MS, Math.ceil((to - from) / steps))
  const source = fine >= HOUR_MS || to - from > VALUES_SPAN_MAX_MS ? 'hours' : 'values'
  const stepMs = source === 'hours' ? Math.ceil(fine / HOUR_MS) * HOUR_MS : fine
  return { from: from - (from % stepMs), to, stepMs, source }
}

function thin(
  db: Database,
  variable: Variable,
  { source, ...thinning }: ThinningPlan & { seriesId: number },
): Promise<ThinnedRow[]> {
  if (source === 'hours') return thinHours(db, thinning)
  return thinValues(db, VARIABLES[variable].origin, thinning)
}

function toSeries(
  variable: Variable,
  { from, to, stepMs, source }: ThinningPlan,
  rows: readonly ThinnedRow[],
) {
  return {
    unit: unitOfVariable(variable),
    from: toInstantText(from),
    to: toInstantText(to),
    ...{ stepMs, source },
    at: rows.map(({ step }) => step * stepMs),
    min: rows.map(({ min }) => min),
    max: rows.map(({ max }) => max),
    mean: rows.map(({ mean }) => mean),
    last: rows.map(({ last }) => last),
    count: rows.map(({ count }) => count),
    valid: rows.map(({ valid }) => valid),
    quality: rows.map(({ worstQuality }) => toQuality(worstQuality)),
  }
}
