// /points/{point}/processing, /meter-events, /counter-events: by what rules a point's values are made, what people did to
// its meter, what its counter did, and who changed any of it.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { enterMeterEvent, METER_EVENT_SHAPE, takeBackMeterEvent } from '../processor/meter-events.ts'
import { COUNTER_EVENT_KINDS, type CounterEvent } from '../processor/rules/counter.ts'
import { METER_EVENT_KINDS } from '../processor/rules/meter-event.ts'
import { RULE_NAMES } from '../processor/rules/parameters.ts'
import { ruleSchema, toNewRule } from '../processor/rules/rule-settings.ts'
import { toShownM3 } from '../rounding.ts'
import type { Database } from '../store/database.ts'
import { selectSeriesId } from '../store/queries.ts'
import {
  insertRule,
  type MeterEventRow,
  type ProcessingChangeRow,
  type RuleRow,
  selectCounterEvents,
  selectMeterEventRows,
  selectProcessingChanges,
  selectRules,
} from '../store/rules.ts'
import type { Principal } from './access.ts'
import {
  INT_MAX,
  InstantQuery,
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  toInstantTextOrNull,
  toVariable,
  VariableName,
} from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, spanOf, spanQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const BY_LENGTH_MAX = 200
const DAY_MS = 86_400_000
const EVENT_DAYS_DEFAULT = 31

const Params = z
  .record(z.string(), z.unknown())
  .openapi({ description: 'what the rule was told', example: {} })

const Rule = z
  .strictObject({
    id: z.int(),
    rule: z.enum(RULE_NAMES),
    variable: orNull(VariableName).openapi({ description: 'null where the rule says itself what it reads' }),
    params: Params,
    from: InstantText,
    to: orNull(InstantText).openapi({ description: 'when the next one begins; null: not yet' }),
    by: z.string().openapi({ description: 'who made it' }),
    createdAt: InstantText,
  })
  .openapi('ProcessingRule')

const Processing = z
  .strictObject({ point: PointKey, rules: z.array(Rule) })
  .openapi('Processing', { description: 'all versions of all rules, by rule, variable and time' })

const RuleAsked = ruleSchema({ from: InstantQuery }).openapi('ProcessingRuleAsked')

const Change = z
  .strictObject({
    id: z.int(),
    at: InstantText,
    by: z.string(),
    what: z.enum(['rule', 'meter_event']),
    rule: z.enum(RULE_NAMES).nullable(),
    variable: orNull(VariableName),
    from: InstantText.openapi({ description: 'from when on it changes values' }),
    before: orNull(Params).openapi({ description: 'what was in force there; null: nothing' }),
    after: orNull(Params).openapi({ description: 'what is now; null: it was withdrawn' }),
  })
  .openapi('ProcessingChange')

const ChangePage = z
  .strictObject({ point: PointKey, items: z.array(Change), next: Next })
  .openapi('ProcessingChangePage')

const MeterEventAsked = z
  .strictObject({ at: InstantQuery, ...METER_EVENT_SHAPE })
  .openapi('MeterEventAsked', { description: 'counts are those that are read, after a unit conversion' })

const MeterEvent = z
  .strictObject({
    point: PointKey,
    id: z.int(),
    at: InstantText,
    kind: z.enum(METER_EVENT_KINDS),
    beforeCount: z.number().nullable(),
    afterCount: z.number(),
    note: z.string().nullable(),
    by: z.string(),
    createdAt: InstantText,
    withdrawnBy: z.string().nullable(),
    withdrawnAt: orNull(InstantText),
  })
  .openapi('MeterEvent')

const MeterEventPage = z
  .strictObject({ point: PointKey, items: z.array(MeterEvent), next: Next })
  .openapi('MeterEventPage')

const CounterEventShown = z
  .strictObject({
    at: InstantText,
    kind: z.enum(COUNTER_EVENT_KINDS),
    count: z.number().openapi({ description: 'what the counter showed' }),
    baselineCount: z.number().openapi({ description: 'what it was compared with' }),
    amountM3: z.number().nullable().openapi({ description: 'what was counted; null: not known, or nothing' }),
  })
  .openapi('CounterEvent')

const CounterEventPage = z
  .strictObject({ point: PointKey, items: z.array(CounterEventShown), next: Next })
  .openapi('CounterEventPage')

const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})

const rulesRoute = createRoute({
  method: 'get',
  path: '/{point}/processing',
  tags: ['processing'],
  summary: 'By what rules the values of a point are made and checked',
  request: { query: NoQuery, params: PointParam },
  responses: { 200: json('the rules', Processing), ...problemResponses(400, 401, 403, 404, 409) },
})

const addRoute = createRoute({
  method: 'post',
  path: '/{point}/processing',
  tags: ['processing'],
  summary: 'Begin another rule',
  description:
    'A rule is never changed: another one is valid from its own instant on. What was computed for a time that has passed ' +
    'stays as it is until that range is computed again (`POST /process` of the processor), which can be previewed.',
  request: {
    query: NoQuery,
    params: PointParam,
    body: { required: true, content: { 'application/json': { schema: RuleAsked } } },
  },
  responses: {
    200: json('it stood already', Processing),
    201: json('all rules, with it', Processing),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

const changesRoute = createRoute({
  method: 'get',
  path: '/{point}/processing/changes',
  tags: ['processing'],
  summary: 'Who changed how a point is processed, newest first',
  request: { params: PointParam, query: PageQuery },
  responses: { 200: json('a page of changes', ChangePage), ...problemResponses(400, 401, 403, 404, 409) },
})

const meterEventsRoute = createRoute({
  method: 'get',
  path: '/{point}/meter-events',
  tags: ['processing'],
  summary: 'What people did to the meter of a point, last entered first',
  request: { params: PointParam, query: PageQuery },
  responses: {
    200: json('a page of meter events', MeterEventPage),
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const enterRoute = createRoute({
  method: 'post',
  path: '/{point}/meter-events',
  tags: ['processing'],
  summary: 'Say that the meter was replaced, set back, or rolled over',
  description: 'The volume goes on through it. Everything after it is counted again, by itself.',
  request: {
    query: NoQuery,
    params: PointParam,
    body: { required: true, content: { 'application/json': { schema: MeterEventAsked } } },
  },
  responses: {
    200: json('the same stood already', MeterEvent),
    201: json('it is entered', MeterEvent),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

const withdrawRoute = createRoute({
  method: 'post',
  path: '/{point}/meter-events/{event}/withdraw',
  tags: ['processing'],
  summary: 'Withdraw a meter event that was entered by mistake',
  description: 'It stays in the list. Everything after it is counted again, by itself.',
  request: {
    query: NoQuery,
    params: PointParam.extend({
      event: numberParam('event', INT_MAX),
    }),
  },
  responses: { 200: json('the event', MeterEvent), ...problemResponses(400, 401, 403, 404, 409) },
})

const counterEventsRoute = createRoute({
  method: 'get',
  path: '/{point}/counter-events',
  tags: ['processing'],
  summary: 'What the counter of a point did besides counting',
  description:
    'What was set aside (`zero`, `truncated`, `drop`, `jump`), what was believed again (`readmitted`, `given_up`, `returned`), ' +
    'resets, rollovers, gaps, and meter events that were `entered`; `entered_mismatch` where what it showed last cannot be.',
  request: {
    params: PointParam,
    query: z.strictObject({
      ...spanQuery('included; 31 days before `to` when absent'),
      ...PageQuery.shape,
    }),
  },
  responses: {
    200: json('a page of counter events', CounterEventPage),
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/points/{point}/processing`, `/meter-events`, `/counter-events`. */
export function processing({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(rulesRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      return context.json(
        { point: pointKey(point), rules: (await selectRules(db, point.id)).map(toRule) },
        200,
      )
    })
    .openapi(addRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const rule = toNewRule(context.req.valid('json'))
      const createdBy = nameOf(context.get('principal'))
      const outcome = await db.transaction(tx => insertRule(tx, { pointId: point.id, ...rule, createdBy }))
      if (outcome === 'different') {
        const detail = `another ${rule.rule} is valid from the same instant, and values were computed with it`
        throw new Problem(409, 'A rule is never changed', { detail })
      }
      const key = pointKey(point)
      const body = { point: key, rules: (await selectRules(db, point.id)).map(toRule) }
      if (outcome === 'same') return context.json(body, 200)
      log.info('processing rule added', { point: key, rule: rule.rule, by: createdBy })
      return context.json(body, 201)
    })
    .openapi(changesRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const { cursor, limit } = context.req.valid('query')
      const list = `changes ${point.id}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectProcessingChanges(db, point.id, { beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      const body = { point: pointKey(point), items: items.map(toChange), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .openapi(counterEventsRoute, async context => {
      const { limit, ...asked } = context.req.valid('query')
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const list = `counter-events ${point.id}`
      const { key = 0, ...span } = spanOf(list, asked, ({ from, to = clock.now() }) => ({
        from: from ?? Math.max(0, to - EVENT_DAYS_DEFAULT * DAY_MS),
        to,
      }))
      const seriesId = await selectSeriesId(db, point.id, VARIABLES.volume.code)
      const after = { at: Math.floor(key / KINDS_MAX), place: key % KINDS_MAX }
      const rows =
        seriesId === undefined
          ? []
          : await selectCounterEvents(db, { seriesId, ...span, after, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: keyOfEvent, span })
      const body = { point: pointKey(point), items: items.map(toCounterEvent), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .route('/', meterEvents({ db, clock, log }))
}

function meterEvents({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(meterEventsRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const { cursor, limit } = context.req.valid('query')
      const list = `meter-events ${point.id}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectMeterEventRows(db, point.id, { beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      const key = pointKey(point)
      const body = { point: key, items: items.map(row => toMeterEvent(key, row)), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .openapi(enterRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const createdBy = nameOf(context.get('principal'))
      const event = { pointId: point.id, ...context.req.valid('json'), createdBy }
      const entered = await db.transaction(tx => enterMeterEvent({ tx, clock }, event))
      if (entered.kind === 'refused') {
        throw invalidRequest([{ in: 'body', name: entered.field, detail: entered.reason }])
      }
      const key = pointKey(point)
      if (entered.kind === 'same') return context.json(toMeterEvent(key, entered.event), 200)
      log.info('meter event entered', { point: key, id: entered.event.id, kind: event.kind, by: createdBy })
      return context.json(toMeterEvent(key, entered.event), 201)
    })
    .openapi(withdrawRoute, async context => {
      const { point: name, event: id } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const by = nameOf(context.get('principal'))
      const taken = await db.transaction(tx =>
        takeBackMeterEvent({ tx, clock }, { pointId: point.id, id, by }),
      )
      if (taken === undefined) throw new Problem(404, 'Meter event not found')
      const key = pointKey(point)
      if (taken.isNew) log.info('meter event withdrawn', { point: key, id, by })
      return context.json(toMeterEvent(key, taken.event), 200)
    })
}

/** More than there are kinds, so that an instant and the place of a kind are one number. */
const KINDS_MAX = 32

const keyOfEvent = ({ at, kind }: CounterEvent): number =>
  at * KINDS_MAX + COUNTER_EVENT_KINDS.indexOf(kind) + 1

const nameOf = ({ email, name }: Principal): string => (email ?? name).slice(0, BY_LENGTH_MAX)

const variableOrNull = (code: number | null) => (code === null ? null : toVariable(code))

function toRule({ id, rule, variable, params, validFrom, validTo, createdBy, createdAt }: RuleRow) {
  return {
    ...{ id, rule, variable: variableOrNull(variable), params, by: createdBy },
    ...{
      from: toInstantText(validFrom),
      to: toInstantTextOrNull(validTo),
      createdAt: toInstantText(createdAt),
    },
  } satisfies z.infer<typeof Rule>
}

function toChange({
  id,
  at,
  changedBy,
  what,
  rule,
  variable,
  validFrom,
  before,
  after,
}: ProcessingChangeRow) {
  return {
    ...{ id, at: toInstantText(at), by: changedBy, what, rule, variable: variableOrNull(variable) },
    ...{ from: toInstantText(validFrom), before, after },
  } satisfies z.infer<typeof Change>
}

function toMeterEvent(point: string, row: MeterEventRow): z.infer<typeof MeterEvent> {
  const { createdBy: by, at, createdAt, withdrawnAt, ...rest } = row
  return {
    ...{ point, ...rest, by, at: toInstantText(at) },
    ...{ createdAt: toInstantText(createdAt), withdrawnAt: toInstantTextOrNull(withdrawnAt) },
  }
}

function toCounterEvent({ at, amountM3, ...event }: CounterEvent): z.infer<typeof CounterEventShown> {
  return { ...event, at: toInstantText(at), amountM3: toShownM3(amountM3) }
}
