// /incidents/{incident}/…: what people do about an incident. Two who act on what they saw at the same time do not undo each
// other: the second is told that it was changed meanwhile.

import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  acknowledgeIncident,
  assignIncident,
  commentIncident,
  escalateIncident,
  type IncidentRow,
  lockIncident,
  selectIncident,
  selectPeople,
  snoozeIncident,
} from '../store/incident-rows.ts'
import type { ClientIds } from '../store/queries.ts'
import { nameOf } from './decisions.ts'
import { InstantQuery, NoQuery } from './fields.ts'
import { etagOfIncident, Incident, IncidentParam, toIncident } from './incidents.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'

const IfMatch = z.object({ 'if-match': z.string().optional().openapi({ example: '"3"' }) })
const answer = { description: 'the incident', content: { 'application/json': { schema: Incident } } }
const jsonBody = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
})

const acknowledgeRoute = createRoute({
  method: 'post',
  path: '/{incident}/acknowledge',
  tags: ['operation'],
  summary: 'Say that you have seen an incident',
  description:
    'It stays open for as long as it lasts, and is not escalated by itself any more. Who said so first stands.',
  request: { query: NoQuery, params: IncidentParam },
  responses: { 200: answer, ...problemResponses(400, 401, 403, 404) },
})

const INCIDENTS_AT_ONCE = 500

const Acknowledged = z
  .strictObject({
    incident: z.int(),
    subject: z.string().nullable().openapi({ description: 'null: not found' }),
    outcome: z
      .enum(['done', 'known', 'not_found'])
      .openapi({ description: '`known`: somebody said so before' }),
  })
  .openapi('IncidentAcknowledged')

const bulkRoute = createRoute({
  method: 'post',
  path: '/acknowledge',
  tags: ['operation'],
  summary: 'Say that you have seen several incidents',
  request: {
    query: NoQuery,
    body: jsonBody(
      z
        .strictObject({ incidents: z.array(z.int().min(1)).min(1).max(INCIDENTS_AT_ONCE) })
        .openapi('IncidentsToAcknowledge'),
    ),
  },
  responses: {
    200: {
      description: 'what became of each, in the order given',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Acknowledged) }).openapi('IncidentsAcknowledged'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 413, 415),
  },
})

const acting = { query: NoQuery, params: IncidentParam, headers: IfMatch }
const ACT_PROBLEMS = problemResponses(400, 401, 403, 404, 412, 413, 415, 422, 428)

const assignRoute = createRoute({
  method: 'put',
  path: '/{incident}/assignee',
  tags: ['operation'],
  summary: 'Say whose an incident is',
  request: {
    ...acting,
    body: jsonBody(
      z
        .strictObject({
          email: z
            .email('must be a mail address')
            .max(254)
            .nullable()
            .openapi({ description: 'somebody who may see it; null: nobody’s' }),
        })
        .openapi('IncidentAssignee'),
    ),
  },
  responses: { 200: answer, ...ACT_PROBLEMS },
})

const SNOOZE_MAX_MS = 31 * 86_400_000

const snoozeRoute = createRoute({
  method: 'put',
  path: '/{incident}/snooze',
  tags: ['operation'],
  summary: 'Have nobody told more of an incident for a while',
  request: {
    ...acting,
    body: jsonBody(
      z
        .strictObject({
          until: InstantQuery.nullable().openapi({
            ...{ type: ['string', 'null'], format: 'date-time' },
            description: 'at most 31 days from now; null: no longer',
          }),
        })
        .openapi('IncidentSnooze'),
    ),
  },
  responses: { 200: answer, ...ACT_PROBLEMS },
})

const escalateRoute = createRoute({
  method: 'post',
  path: '/{incident}/escalate',
  tags: ['operation'],
  summary: 'Take the next step of escalation now',
  description: 'Whom the rule names for that step is told, also when somebody has acknowledged the incident.',
  request: acting,
  responses: { 200: answer, ...problemResponses(400, 401, 403, 404, 412, 422, 428) },
})

const COMMENT_LENGTH_MAX = 2_000

const commentRoute = createRoute({
  method: 'post',
  path: '/{incident}/comments',
  tags: ['operation'],
  summary: 'Add what you have to say of an incident',
  request: {
    query: NoQuery,
    params: IncidentParam,
    body: jsonBody(
      z.strictObject({ text: z.string().trim().min(1).max(COMMENT_LENGTH_MAX) }).openapi('IncidentComment'),
    ),
  },
  responses: { 200: answer, ...problemResponses(400, 401, 403, 404, 413, 415) },
})

const PEOPLE_MAX = 1000

const peopleRoute = createRoute({
  method: 'get',
  path: '/{incident}/people',
  tags: ['operation'],
  summary: 'Who can be given an incident: whoever may see it',
  request: { query: NoQuery, params: IncidentParam },
  responses: {
    200: {
      description: 'at most a thousand, by name',
      content: {
        'application/json': {
          schema: z
            .strictObject({
              items: z.array(
                z.strictObject({ email: z.string(), name: z.string() }).openapi('IncidentPerson'),
              ),
            })
            .openapi('IncidentPeople'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

interface ActDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/incidents/acknowledge`, `/incidents/{incident}/acknowledge`, `…/assignee`, `…/snooze`, `…/escalate`, `…/comments`. */
export function incidentActs({ db, clock, log }: ActDeps) {
  const act = async (
    clientIds: ClientIds,
    id: number,
    { does, what, by }: { does: (tx: Sql, row: IncidentRow) => Promise<unknown>; what: string; by: string },
  ): Promise<IncidentRow> => {
    const row = await db.transaction(async tx => {
      await does(tx, await locked(tx, clientIds, id))
      return locked(tx, clientIds, id)
    })
    log.info(`incident ${what}`, { id, by })
    return row
  }
  const actOf = (context: Context<ApiEnv>): VersionedAct => ({
    ...{ by: nameOf(context.get('principal')), now: clock.now(), match: context.req.header('if-match') },
  })
  return openRouter()
    .openapi(bulkRoute, async context => {
      const by = nameOf(context.get('principal'))
      const items: z.infer<typeof Acknowledged>[] = []
      const ids = [...new Set(context.req.valid('json').incidents)]
      await db.transaction(async tx => {
        // By number, so that two who do so at the same time do not wait for each other in a circle.
        for (const id of ids.toSorted((a, b) => a - b)) {
          const row = await lockIncident(tx, context.get('clientIds'), id)
          const isFirst = row !== undefined && (await acknowledgeIncident(tx, id, { by, now: clock.now() }))
          items.push({
            incident: id,
            subject: row?.subject ?? null,
            outcome: row === undefined ? 'not_found' : isFirst ? 'done' : 'known',
          })
        }
      })
      log.info('incidents acknowledged', { count: items.filter(one => one.outcome === 'done').length, by })
      items.sort((a, b) => ids.indexOf(a.incident) - ids.indexOf(b.incident))
      return context.json({ items }, 200)
    })
    .openapi(acknowledgeRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      const does = (tx: Sql) => acknowledgeIncident(tx, id, { by, now: clock.now() })
      const row = await act(context.get('clientIds'), id, { does, what: 'acknowledged', by })
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(assignRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const asked = { ...actOf(context), to: context.req.valid('json').email?.toLowerCase() ?? null }
      const does = (tx: Sql, row: IncidentRow) => assign(tx, row, asked)
      const row = await act(context.get('clientIds'), id, { does, what: 'assigned', by: asked.by })
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(snoozeRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const asked = { ...actOf(context), until: context.req.valid('json').until }
      const does = (tx: Sql, row: IncidentRow) => snooze(tx, row, asked)
      const row = await act(context.get('clientIds'), id, { does, what: 'snoozed', by: asked.by })
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(escalateRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const asked = actOf(context)
      const does = (tx: Sql, row: IncidentRow) => escalate(tx, row, asked)
      const row = await act(context.get('clientIds'), id, { does, what: 'escalated', by: asked.by })
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(commentRoute, async context => {
      const { incident: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      const { text } = context.req.valid('json')
      const does = (tx: Sql) => commentIncident(tx, id, text, { by, now: clock.now() })
      const row = await act(context.get('clientIds'), id, { does, what: 'commented', by })
      return context.json(toIncident(row), 200, { etag: etagOfIncident(row) })
    })
    .openapi(peopleRoute, async context => {
      const row = await selectIncident(db, context.get('clientIds'), context.req.valid('param').incident)
      if (row === undefined) throw new Problem(404, 'Incident not found')
      return context.json({ items: await selectPeople(db, row.client, PEOPLE_MAX) }, 200)
    })
}

interface VersionedAct {
  by: string
  now: number
  /** The version that it was asked of. */
  match: string | undefined
}

async function assign(
  tx: Sql,
  row: IncidentRow,
  { match, to, ...who }: VersionedAct & { to: string | null },
): Promise<void> {
  requireVersion(row, match)
  const people = to === null ? [] : await selectPeople(tx, row.client, PEOPLE_MAX)
  if (to !== null && !people.some(({ email }) => email === to)) {
    throw new Problem(422, 'It cannot be given to them', {
      detail: `${to} is nobody who may see this incident`,
    })
  }
  await assignIncident(tx, row.id, to, who)
}

async function snooze(
  tx: Sql,
  row: IncidentRow,
  { match, until, ...who }: VersionedAct & { until: number | null },
): Promise<void> {
  requireVersion(row, match)
  requireOpen(row)
  if (until !== null && (until <= who.now || until > who.now + SNOOZE_MAX_MS)) {
    throw new Problem(422, 'It cannot be snoozed so', {
      detail: 'until must be later than now, by at most 31 days',
    })
  }
  await snoozeIncident(tx, row.id, until, who)
}

async function escalate(tx: Sql, row: IncidentRow, { match, ...who }: VersionedAct): Promise<void> {
  requireVersion(row, match)
  requireOpen(row)
  const { steps } = row
  if (row.escalated >= steps) {
    throw new Problem(422, 'It cannot be escalated further', {
      detail:
        steps === 0 ? 'its rule names nobody who is told next' : `all ${steps} steps of its rule were taken`,
    })
  }
  await escalateIncident(tx, row.id, row.escalated + 1, who)
}

async function locked(tx: Sql, clientIds: ClientIds, id: number): Promise<IncidentRow> {
  const row = await lockIncident(tx, clientIds, id)
  if (row === undefined) throw new Problem(404, 'Incident not found')
  return row
}

function requireOpen({ closedAt }: IncidentRow): void {
  if (closedAt !== null) throw new Problem(422, 'It is over', { detail: 'Nobody is told more of it' })
}

function requireVersion(row: IncidentRow, named: string | undefined): void {
  if (named === undefined) {
    throw new Problem(428, 'If-Match is missing', {
      detail: `It must name the version of incident ${row.id}, ${row.subject}`,
    })
  }
  if (named !== etagOfIncident(row)) {
    throw new Problem(412, 'It was changed meanwhile', {
      detail: `Look again at incident ${row.id}, ${row.subject}`,
    })
  }
}
