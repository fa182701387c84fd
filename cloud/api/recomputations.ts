// /recomputations: computing a stretch of a point again, in two steps, and what was computed again, by whom and why.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import { executeRecomputation, previewRecomputation, type ShownOutcome } from '../processor/preview.ts'
import { STRETCH_MAX_MS } from '../processor/recompute.ts'
import { toRecomputingProblem, toShown } from '../processor/shown.ts'
import type { Database } from '../store/database.ts'
import { findPreview, type RecomputationRow, selectRecomputations } from '../store/recomputations.ts'
import {
  DateText,
  InstantQuery,
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  VariableName,
} from './fields.ts'
import { fromCursor, Next, nextLink, PointPageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const figures = { before: z.number().nullable(), after: z.number().nullable() }

const Day = z.strictObject({
  day: DateText,
  variable: VariableName,
  unit: z.string(),
  ...figures,
  delta: z.number().nullable(),
})

const changes = {
  consumptionM3: z.strictObject(figures).openapi({ description: 'what passed in the stretch' }),
  buckets: z
    .strictObject({ hour: z.int(), day: z.int(), month: z.int() })
    .openapi({ description: 'rollups that come out differently' }),
  judged: z.int().openapi({ description: 'readings that are judged otherwise' }),
  variables: z.array(
    z.strictObject({
      variable: VariableName,
      computed: z.int(),
      changed: z.int(),
      removed: z.int(),
      changedFrom: orNull(InstantText),
      changedTo: orNull(InstantText),
    }),
  ),
  days: z.array(Day).openapi({
    description: 'civil days that come out differently: what passed, of a volume; the mean, of all else',
  }),
  daysMore: z.int().openapi({ description: 'how many more days come out differently than are listed' }),
}

const Preview = z
  .strictObject({ preview: z.int(), point: PointKey, ...changes })
  .openapi('RecomputationPreview')

const Recomputation = z
  .strictObject({
    id: z.int(),
    point: PointKey,
    from: InstantText,
    to: InstantText,
    preview: z.int().nullable(),
    askedBy: z.string(),
    askedAt: InstantText,
    why: z.string().nullable(),
    refused: z.string().nullable().openapi({ description: 'why nothing was done; null: it was' }),
    consumptionM3: z.strictObject(figures).nullable().openapi({ description: 'null: nothing was done' }),
  })
  .openapi('Recomputation')

const Page = z.strictObject({ items: z.array(Recomputation), next: Next }).openapi('RecomputationPage')

const Asked = z
  .strictObject({ point: PointParam.shape.point, from: InstantQuery, to: InstantQuery })
  .refine(({ from, to }) => from < to && to - from <= STRETCH_MAX_MS, {
    path: ['to'],
    message: 'must be after "from", at most 366 days',
  })
  .openapi('RecomputationAsked')

const Execution = z
  .strictObject({
    why: z
      .string()
      .trim()
      .min(3)
      .max(500)
      .openapi({ description: 'kept with what is done', example: 'Sonda recalibrada' }),
  })
  .openapi('RecomputationReason')

const previewRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['operation'],
  summary: 'Show what computing a stretch of a point again would change',
  description: 'Nothing is changed. What is shown is done by `POST /recomputations/{preview}/execute`.',
  request: { query: NoQuery, body: { required: true, content: { 'application/json': { schema: Asked } } } },
  responses: {
    201: { description: 'what would change', content: { 'application/json': { schema: Preview } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const executeRoute = createRoute({
  method: 'post',
  path: '/{preview}/execute',
  tags: ['operation'],
  summary: 'Do what a preview showed',
  description:
    '409 when it would not do any more what was shown, or was done already; then nothing is changed.',
  request: {
    query: NoQuery,
    params: z.strictObject({
      preview: numberParam('preview'),
    }),
    body: { required: true, content: { 'application/json': { schema: Execution } } },
  },
  responses: {
    200: { description: 'it is done', content: { 'application/json': { schema: Preview } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'What was computed again, or refused, by whom and why, newest first',
  request: {
    query: PointPageQuery,
  },
  responses: {
    200: { description: 'a page of recomputations', content: { 'application/json': { schema: Page } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const refused = (error: unknown) => {
  throw toRecomputingProblem(error)
}

/** `/recomputations`, `/recomputations/{preview}/execute`. */
export function recomputations({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, point } = context.req.valid('query')
      const clientIds = context.get('clientIds')
      const pointId = point === undefined ? undefined : (await findPoint(db, clientIds, point)).id
      const beforeId = fromCursor('recomputations', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectRecomputations(db, clientIds, { beforeId, limit: limit + 1, pointId })
      const { items, next } = toPage(rows, { list: 'recomputations', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toRecomputation), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(previewRoute, async context => {
      const { point, from, to } = context.req.valid('json')
      const { id: pointId, ...path } = await findPoint(db, context.get('clientIds'), point)
      const asked = { pointId, from, to, askedBy: context.get('principal').name }
      const { id, outcome } = await previewRecomputation({ db, clock }, asked).catch(refused)
      return context.json({ preview: id, point: pointKey(path), ...toShown(outcome) }, 201)
    })
    .openapi(executeRoute, async context => {
      const { why } = context.req.valid('json')
      const { preview: id } = context.req.valid('param')
      const preview = await findPreview(db, context.get('clientIds'), id)
      if (preview === undefined) throw new Problem(404, 'Preview not found')
      const who = { askedBy: context.get('principal').name, why }
      const execution = await executeRecomputation({ db, clock }, preview, who).catch(refused)
      if (execution.kind === 'refused') {
        throw new Problem(409, 'Not what was shown', { detail: `${preview.point}: ${execution.reason}` })
      }
      log.info('recomputed', { preview: id, by: who.askedBy, why })
      return context.json({ preview: id, point: preview.point, ...toShown(execution.outcome) }, 200)
    })
}

function toRecomputation({
  client,
  project,
  point,
  outcome,
  ...row
}: RecomputationRow): z.infer<typeof Recomputation> {
  return {
    ...row,
    point: pointKey({ client, project, point }),
    from: toInstantText(row.from),
    to: toInstantText(row.to),
    askedAt: toInstantText(row.askedAt),
    consumptionM3: (outcome as ShownOutcome | null)?.consumptionM3 ?? null,
  }
}
