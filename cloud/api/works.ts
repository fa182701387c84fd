// /compliance/works: what is owed of each work, from when on, and how that is changed: seen first, then written.

import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { regulatorDate, regulatorMonths, regulatorTime } from '../compliance/calendar.ts'
import { ObligationSettings, WORK_CODE } from '../compliance/obligation.ts'
import { type ObligationChange, upsertObligation } from '../compliance/provisioning.ts'
import { owedInstants } from '../compliance/rescheduling.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { clientIdOf } from '../store/accounts.ts'
import {
  type ChangeRow,
  type ObligationVersion,
  selectChanges,
  selectOtherWorks,
  selectVersions,
  selectWorks,
  type WorkRow,
} from '../store/compliance-obligations.ts'
import type { Database, Sql } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { nameOf } from './decisions.ts'
import { InstantText, NoQuery, PointParam, SlugText, toInstantText } from './fields.ts'
import { toVersion, Version } from './obligation-document.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Work = z
  .strictObject({
    code: z.string().openapi({ description: 'código de obra', example: 'OB-0602-7' }),
    client: SlugText,
    sending: z.boolean().openapi({ description: 'false: its switch is off' }),
    status: z.enum(['active', 'blocked']).openapi({ description: '`blocked` by what DGA answered' }),
    reason: z.string().nullable(),
  })
  .openapi('Work')

const Effect = z
  .strictObject({
    withdrawn: z.int().openapi({ description: 'slots that are not owed any more' }),
    pickedAnew: z.int().openapi({ description: 'slots whose values are picked anew' }),
    toMake: z.int().openapi({ description: 'slots that are due by now and not there yet' }),
  })
  .openapi('ObligationEffect')

const Change = z
  .strictObject({
    at: InstantText,
    by: z.string(),
    reason: z.string(),
    from: InstantText.openapi({ description: 'the version that was changed' }),
    effect: Effect,
  })
  .openapi('ObligationChange')

const WholeWork = z
  .strictObject({ work: Work, versions: z.array(Version), changes: z.array(Change), hash: z.string() })
  .openapi('WorkWithObligations', {
    description: 'a work, what is owed of it, and who said so, newest first',
  })

const Asked = z
  .strictObject({
    point: PointParam.shape.point,
    // As in a site file, without its point. Made before this document could be: it cannot be described in place.
    obligation: ObligationSettings,
    reason: z.string().trim().min(3).max(500).openapi({ example: 'Res. Ex. 123/2026 de la región' }),
  })
  .openapi('ObligationAsked')

const Due = z.strictObject({
  at: InstantText,
  regulator: z.string().openapi({ description: 'UTC-4, as it is declared', example: '2026-01-15 08:00:00' }),
})

const Preview = z
  .strictObject({
    hash: z.string().openapi({ description: 'what `If-Match` of the PUT must name' }),
    effect: Effect,
    versions: z.array(Version).openapi({ description: 'as they would be' }),
    calendar: z.strictObject({
      before: z.array(Due).openapi({ description: 'what is due next as things are' }),
      after: z.array(Due).openapi({ description: 'and as they would be' }),
      months: z.array(z.strictObject({ month: z.string(), before: z.int(), after: z.int() })).openapi({
        description: 'how many are due in each of the next twelve months of the regulator',
      }),
    }),
    warnings: z.array(z.string()),
  })
  .openapi('ObligationPreview')

const WorkParam = z.strictObject({
  work: z
    .string()
    .regex(WORK_CODE, 'must be a work code such as OB-0602-7')
    .openapi({ param: { name: 'work', in: 'path' }, description: 'código de obra', example: 'OB-0602-7' }),
})

const body = { required: true, content: { 'application/json': { schema: Asked } } } as const

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['compliance'],
  summary: 'Works that you may see',
  request: { query: PageQuery },
  responses: {
    200: {
      description: 'a page of works',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Work), next: Next }).openapi('WorkPage'),
        },
      },
    },
    ...problemResponses(400, 401, 403),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{work}',
  tags: ['compliance'],
  summary: 'A work, what is owed of it from when on, and who changed that',
  request: { query: NoQuery, params: WorkParam },
  responses: {
    200: { description: 'the work', content: { 'application/json': { schema: WholeWork } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const previewRoute = createRoute({
  method: 'post',
  path: '/{work}/obligations/preview',
  tags: ['compliance'],
  summary: 'What a change of what is owed would come to; nothing is written',
  request: { query: NoQuery, params: WorkParam, body },
  responses: {
    200: { description: 'what would come of it', content: { 'application/json': { schema: Preview } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const putRoute = createRoute({
  method: 'put',
  path: '/{work}/obligations',
  tags: ['compliance'],
  summary: 'Change what is owed, as a preview has shown it',
  description:
    'The version that begins at the same instant is changed, or a new one begins and ends the one before it. `to` ends ' +
    'one. `If-Match` names the `hash` of a preview of the very same: when anything has changed since, nothing is written.',
  request: {
    query: NoQuery,
    params: WorkParam,
    headers: z.object({ 'if-match': z.string().optional().openapi({ example: '"5f2c…"' }) }),
    body,
  },
  responses: {
    200: { description: 'it is written', content: { 'application/json': { schema: WholeWork } } },
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428),
  },
})

interface WorkDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/compliance/works`, `/compliance/works/{work}`, and its obligations. */
export function works({ db, clock, log }: WorkDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const afterNumber = fromCursor('works', cursor, 0)
      const rows = await selectWorks(db, {
        ...{ clientIds: context.get('clientIds'), afterNumber, limit: limit + 1 },
      })
      const { items, next } = toPage(rows, { list: 'works', limit, keyOf: ({ number }) => number })
      return context.json({ items: items.map(toWork), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context =>
      context.json(await wholeWork(db, context.get('clientIds'), context.req.valid('param').work), 200),
    )
    .openapi(previewRoute, async context => {
      const { work } = context.req.valid('param')
      const asked = context.req.valid('json')
      const who = { clientIds: context.get('clientIds'), by: nameOf(context.get('principal')) }
      const preview = await inVain(db, async tx => {
        const change = await apply(tx, clock, work, asked, who)
        return toPreview(tx, work, change, { hash: hashOf(change.before, asked), now: clock.now() })
      })
      return context.json(preview, 200, { etag: `"${preview.hash}"` })
    })
    .openapi(putRoute, async context => {
      const { work } = context.req.valid('param')
      const asked = context.req.valid('json')
      const named = context.req.valid('header')['if-match']
      const who = { clientIds: context.get('clientIds'), by: nameOf(context.get('principal')) }
      const effect = await db.transaction(async tx => {
        const change = await apply(tx, clock, work, asked, who)
        requireSeen(named, hashOf(change.before, asked), work, asked.point)
        return change.effect
      })
      log.info('obligation changed', { workCode: work, from: asked.obligation.from, by: who.by, ...effect })
      return context.json(await wholeWork(db, who.clientIds, work), 200)
    })
}

type Wish = z.output<typeof Asked>

async function apply(
  tx: Sql,
  clock: Clock,
  work: string,
  { point: name, obligation: settings, reason }: Wish,
  { clientIds, by }: { clientIds: ClientIds; by: string },
): Promise<ObligationChange> {
  if (settings.workCode !== work) {
    const detail = `must be ${work}, as in the path`
    throw invalidRequest([{ in: 'body', name: 'obligation.workCode', detail }])
  }
  const point = await findPoint(tx, clientIds, name)
  const clientId = await clientIdOf(tx, point.client)
  if (clientId === undefined) throw new Problem(404, 'Point not found')
  try {
    return await upsertObligation({ tx, clock }, { clientId, point, settings, by, reason })
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    throw new Problem(422, 'It cannot be owed so', { detail: error.message })
  }
}

/** The same before, and the same wish. What time does meanwhile does not count. */
function hashOf(before: readonly ObligationVersion[], { point, obligation }: Wish): string {
  const versions = before.map(({ createdThrough: _, ...version }) => version)
  return createHash('sha256')
    .update(JSON.stringify([versions, point, obligation]))
    .digest('hex')
    .slice(0, 32)
}

function requireSeen(named: string | undefined, hash: string, work: string, point: string): void {
  if (named === undefined) {
    const detail = `If-Match must name the hash of a preview for ${point}: POST /api/v1/compliance/works/${work}/obligations/preview`
    throw new Problem(428, 'Nobody has seen what this would come to', { detail })
  }
  if (named !== `"${hash}"`)
    throw new Problem(412, 'It is not what the preview has shown', {
      detail: `Something of ${work}, or of this wish, was changed since: look at a preview again`,
    })
}

/** Does something within a transaction that is given up, and returns what it would have come to. */
async function inVain<Result>(db: Database, work: (tx: Sql) => Promise<Result>): Promise<Result> {
  const found: { result?: Result } = {}
  try {
    await db.transaction(async tx => {
      found.result = await work(tx)
      throw new GivenUp()
    })
  } catch (error) {
    if (!(error instanceof GivenUp) || found.result === undefined) throw error
  }
  return found.result as Result
}

class GivenUp extends Error {
  override readonly name = 'GivenUp'
}

const SHOWN = 24
const MONTHS = 12
/** A month of every minute has no more. */
const COUNTED_MAX = 44_640

async function toPreview(
  tx: Sql,
  work: string,
  { before, after, effect }: ObligationChange,
  { hash, now }: { hash: string; now: number },
): Promise<z.infer<typeof Preview>> {
  const next = (versions: readonly ObligationVersion[]) =>
    owedInstants(versions, { from: now, to: Number.MAX_SAFE_INTEGER, limit: SHOWN }).map(at => ({
      at: toInstantText(at),
      regulator: `${regulatorDate(at)} ${regulatorTime(at)}`,
    }))
  const pointIds = after.flatMap(({ pointId, terms }) => [pointId, ...terms.alsoPointIds])
  const others = await selectOtherWorks(tx, work, [...new Set(pointIds)], now)
  return {
    ...{ hash, effect, versions: after.map(toVersion) },
    calendar: { before: next(before), after: next(after), months: monthsOf(before, after, now) },
    warnings: [...new Set(others.map(other => `The same water is declared as ${other.workCode} as well`))],
  }
}

function monthsOf(
  before: readonly ObligationVersion[],
  after: readonly ObligationVersion[],
  now: number,
): { month: string; before: number; after: number }[] {
  return regulatorMonths(now, MONTHS).map(({ month, from, to }) => {
    const stretch = { from: Math.max(from, now), to, limit: COUNTED_MAX }
    const [was, is] = [owedInstants(before, stretch).length, owedInstants(after, stretch).length]
    return { month, before: was, after: is }
  })
}

async function wholeWork(db: Sql, clientIds: ClientIds, code: string): Promise<z.infer<typeof WholeWork>> {
  const [row] = await selectWorks(db, { clientIds, code, afterNumber: 0, limit: 1 })
  if (row === undefined) throw new Problem(404, 'Work not found')
  const versions = await selectVersions(db, code)
  const changes = await selectChanges(db, code)
  const hash = createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, 32)
  return { work: toWork(row), versions: versions.map(toVersion), changes: changes.map(toChange), hash }
}

const toWork = ({ number: _, ...work }: WorkRow): z.infer<typeof Work> => work

function toChange({ at, by, reason, from, effect }: ChangeRow): z.infer<typeof Change> {
  return { at: toInstantText(at), by, reason, from: toInstantText(from), effect: Effect.parse(effect) }
}
