// /alert-rules/backtest: what a rule would have said of what was measured.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import { backtest } from '../alerts/backtest.ts'
import { AlertRule } from '../alerts/rule.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest } from '../problem.ts'
import type { Database } from '../store/database.ts'
import {
  InstantQuery,
  InstantText,
  NoQuery,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const SPAN_MAX_MS = 93 * 86_400_000
const INCIDENTS_SHOWN = 1000

const Asked = z
  .strictObject({
    point: PointParam.shape.point,
    rule: AlertRule,
    from: InstantQuery,
    to: InstantQuery.openapi({ description: 'not included; at most 93 days after `from`' }),
  })
  .openapi('AlertBacktestAsked')

const Backtest = z
  .strictObject({
    point: PointKey,
    from: InstantText,
    to: InstantText,
    through: InstantText.openapi({
      description: 'up to here it was tried; before `to` where there were too many values to look at',
    }),
    samples: z.int().openapi({ description: 'how many values it has looked at' }),
    firings: z.int().openapi({ description: 'how often it would have fired' }),
    incidents: z
      .array(
        z.strictObject({
          from: InstantText,
          to: orNull(InstantText).openapi({ description: 'null: it lasts' }),
          firings: z.int(),
          value: z
            .number()
            .nullable()
            .openapi({ description: 'the value that it began with, or before silence' }),
        }),
      )
      .openapi({ description: 'what would have been incidents, the first thousand' }),
    incidentsTotal: z.int(),
    limit: z.number().nullable().openapi({
      description: 'what values are held against, in their unit; null where it is no matter of one limit',
    }),
  })
  .openapi('AlertBacktest')

const backtestRoute = createRoute({
  method: 'post',
  path: '/backtest',
  tags: ['operation'],
  summary: 'Try an alert rule on history; nothing is written',
  description: 'By the code that watches, over what is in force now.',
  request: { query: NoQuery, body: { required: true, content: { 'application/json': { schema: Asked } } } },
  responses: {
    200: { description: 'what it would have said', content: { 'application/json': { schema: Backtest } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

/** `/alert-rules/backtest`. */
export function alertBacktest({ db }: { db: Database }) {
  return openRouter().openapi(backtestRoute, async context => {
    const { point: name, rule, from, to } = context.req.valid('json')
    const wrong = (detail: string) => invalidRequest([{ in: 'body', name: 'to', detail }])
    if (to <= from) throw wrong('must be after from')
    if (to - from > SPAN_MAX_MS) throw wrong('must be at most 93 days after from')
    const point = await findPoint(db, context.get('clientIds'), name)
    const { episodes, ...tried } = await backtest(db, { rule, pointId: point.id, from, to: to - 1 })
    const incidents = episodes.slice(0, INCIDENTS_SHOWN).map(episode => ({
      ...episode,
      ...{ from: toInstantText(episode.from), to: toInstantTextOrNull(episode.to) },
    }))
    return context.json(
      {
        ...{ point: pointKey(point), from: toInstantText(from), to: toInstantText(to) },
        ...{ ...tried, through: toInstantText(tried.through) },
        ...{ incidents, incidentsTotal: episodes.length },
      },
      200,
    )
  })
}
