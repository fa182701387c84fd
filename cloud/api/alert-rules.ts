// /alert-rules: what people want to be told of, kept with who said so, and tried on history before it is.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { AlertRule } from '../alerts/rule.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import { clientIdOf } from '../store/accounts.ts'
import {
  ALERT_RULES_MAX,
  type AlertRuleRow,
  deleteAlertRule,
  insertAlertRule,
  lockAlertRule,
  selectAlertRuleChanges,
  selectAlertRules,
  updateAlertRule,
} from '../store/alert-rules.ts'
import type { Database, Sql } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { nameOf } from './decisions.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  SlugText,
  toInstantText,
} from './fields.ts'
import { fromCursor, Next, nextLink, PointPageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Rule = z
  .strictObject({
    id: z.int(),
    client: SlugText,
    point: orNull(PointKey).openapi({ description: 'null: every point of the client' }),
    // Made before this document could be: it cannot be described in place.
    rule: AlertRule,
    version: z.int().openapi({ description: 'what `If-Match` names, in quotes' }),
    changedAt: InstantText,
    changedBy: z.string(),
  })
  .openapi('AlertRule', { description: 'docs/alerts.md says what a rule can look for' })

const Change = z
  .strictObject({
    at: InstantText,
    by: z.string(),
    before: orNull(AlertRule).openapi({ description: 'null: it was made' }),
    after: orNull(AlertRule).openapi({ description: 'null: it was deleted' }),
  })
  .openapi('AlertRuleChange')

const WholeRule = z.strictObject({ rule: Rule, changes: z.array(Change) }).openapi('AlertRuleWithChanges', {
  description: 'a rule, and who changed it, newest first, at most a hundred',
})

const Asked = z
  .strictObject({
    client: SlugText,
    point: PointParam.shape.point.optional().openapi({ description: 'absent: every point of the client' }),
    rule: AlertRule,
  })
  .openapi('AlertRuleAsked')

const RuleParam = z.strictObject({
  rule: numberParam('rule'),
})

const IfMatch = z.object({ 'if-match': z.string().optional().openapi({ example: '"3"' }) })

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'Alert rules',
  request: {
    query: PointPageQuery,
  },
  responses: {
    200: {
      description: 'a page of rules',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Rule), next: Next }).openapi('AlertRulePage'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{rule}',
  tags: ['operation'],
  summary: 'An alert rule, and who changed it',
  request: { query: NoQuery, params: RuleParam },
  responses: {
    200: { description: 'the rule', content: { 'application/json': { schema: WholeRule } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const createRouteOfRule = createRoute({
  method: 'post',
  path: '/',
  tags: ['operation'],
  summary: 'Make an alert rule',
  request: { query: NoQuery, body: { required: true, content: { 'application/json': { schema: Asked } } } },
  responses: {
    201: { description: 'the rule', content: { 'application/json': { schema: Rule } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const replaceRoute = createRoute({
  method: 'put',
  path: '/{rule}',
  tags: ['operation'],
  summary: 'Replace what an alert rule says',
  description: 'What it had found begins anew. `If-Match` names the version that is replaced.',
  request: {
    query: NoQuery,
    params: RuleParam,
    headers: IfMatch,
    body: { required: true, content: { 'application/json': { schema: AlertRule } } },
  },
  responses: {
    200: { description: 'the rule', content: { 'application/json': { schema: Rule } } },
    ...problemResponses(400, 401, 403, 404, 412, 413, 415, 428),
  },
})

const deleteRoute = createRoute({
  method: 'delete',
  path: '/{rule}',
  tags: ['operation'],
  summary: 'Delete an alert rule',
  description: 'Its incidents close. `If-Match` names the version that is deleted.',
  request: { query: NoQuery, params: RuleParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 412, 428),
  },
})

const CHANGES_SHOWN = 100

interface RuleDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/alert-rules`, `/alert-rules/{rule}`. */
export function alertRules({ db, clock, log }: RuleDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, point } = context.req.valid('query')
      const clientIds = context.get('clientIds')
      const pointId = point === undefined ? null : (await findPoint(db, clientIds, point)).id
      const afterId = fromCursor('alert-rules', cursor, 0)
      const rows = await selectAlertRules(db, clientIds, { afterId, limit: limit + 1, pointId })
      const { items, next } = toPage(rows, { list: 'alert-rules', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toRule), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const row = await found(db, context.get('clientIds'), context.req.valid('param').rule)
      const changes = await selectAlertRuleChanges(db, row.id, CHANGES_SHOWN)
      const shown = changes.map(({ at, by, before, after }) => ({
        ...{ at: toInstantText(at), by, before: kept(before), after: kept(after) },
      }))
      return context.json({ rule: toRule(row), changes: shown }, 200, { etag: etagOf(row) })
    })
    .openapi(createRouteOfRule, async context => {
      const asked = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const owner = await ownerOf(db, clientIds, asked)
      const row = await db.transaction(async tx => {
        const id = await insertAlertRule(tx, { ...owner, rule: asked.rule, by, now: clock.now() })
        if (id === undefined)
          throw new Problem(422, 'Too many alert rules', {
            detail: `${asked.client} has ${ALERT_RULES_MAX}, and takes no more`,
          })
        return found(tx, clientIds, id)
      })
      log.info('alert rule made', { ruleId: row.id, client: row.client, by })
      return context.json(toRule(row), 201, { etag: etagOf(row) })
    })
    .openapi(replaceRoute, async context => {
      const { rule: id } = context.req.valid('param')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const rule = context.req.valid('json')
      const row = await db.transaction(async tx => {
        const before = await found(tx, clientIds, id)
        requireVersion(before, context.req.valid('header')['if-match'])
        await updateAlertRule(tx, before, { rule, by, now: clock.now() })
        return found(tx, clientIds, id)
      })
      log.info('alert rule replaced', { ruleId: id, by })
      return context.json(toRule(row), 200, { etag: etagOf(row) })
    })
    .openapi(deleteRoute, async context => {
      const { rule: id } = context.req.valid('param')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      await db.transaction(async tx => {
        const before = await found(tx, clientIds, id)
        requireVersion(before, context.req.valid('header')['if-match'])
        await deleteAlertRule(tx, before, { by, now: clock.now() })
      })
      log.info('alert rule deleted', { ruleId: id, by })
      return context.body(null, 204)
    })
}

async function found(sql: Sql, clientIds: ClientIds, id: number): Promise<AlertRuleRow> {
  const row = await lockAlertRule(sql, clientIds, id)
  if (row === undefined) throw new Problem(404, 'Alert rule not found')
  return row
}

/** Whose a rule is to be: a client that may be seen, and a point of it. */
async function ownerOf(
  sql: Sql,
  clientIds: ClientIds,
  { client, point: name }: z.output<typeof Asked>,
): Promise<{ clientId: number; pointId: number | null }> {
  const clientId = await clientIdOf(sql, client)
  if (clientId === undefined || (clientIds !== null && !clientIds.includes(clientId))) {
    throw new Problem(404, 'Client not found')
  }
  const point = name === undefined ? undefined : await findPoint(sql, [clientId], name)
  return { clientId, pointId: point?.id ?? null }
}

const etagOf = ({ version }: AlertRuleRow): string => `"${version}"`

function requireVersion(row: AlertRuleRow, named: string | undefined): void {
  const which = `alert rule ${row.id} of ${row.client}, "${row.rule.name}"`
  if (named === undefined) {
    throw new Problem(428, 'If-Match is missing', { detail: `It must name the version of ${which}` })
  }
  if (named !== etagOf(row)) {
    throw new Problem(412, 'It was changed meanwhile', { detail: `Look again at ${which}` })
  }
}

function toRule(row: AlertRuleRow): z.infer<typeof Rule> {
  const { id, client, point, rule, version, changedAt, changedBy } = row
  const parsed = AlertRule.parse(rule)
  return { ...{ id, client, point, version, changedBy }, rule: parsed, changedAt: toInstantText(changedAt) }
}

const kept = (rule: object | null): AlertRule | null => (rule === null ? null : AlertRule.parse(rule))
