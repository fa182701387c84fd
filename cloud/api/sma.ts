// /compliance/sma: what is reported to SMA, how each report stands, and what a person decides of one.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { MODES } from '../compliance/obligation.ts'
import { stampOf } from '../compliance/sma/report.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { SMA_STATES, type SmaState, smaKey } from '../store/sma.ts'
import {
  decideSmaReport,
  lockSmaReport,
  type SmaProcessState,
  type SmaReportRow,
  selectSmaProcesses,
  selectSmaReports,
} from '../store/sma-reports.ts'
import { nameOf } from './decisions.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Name = z.string().openapi({ example: '1234' })

const Process = z
  .strictObject({
    client: z.string(),
    uf: Name,
    process: Name,
    user: z.string().openapi({ description: 'who signs in at SMA' }),
    everyMs: z.int(),
    mode: z.enum(MODES),
    clock: z.enum(['chile', 'utc-4']).openapi({ description: 'by which clock time stamps are written' }),
    devices: z.array(
      z.strictObject({
        device: z.string(),
        point: PointKey,
        parameters: z.array(
          z.strictObject({ name: z.string(), unit: z.string(), variable: z.string(), decimals: z.int() }),
        ),
      }),
    ),
    sending: z.boolean().openapi({ description: 'false: it is switched off (`/compliance/sending`)' }),
    blockedBecause: z.string().nullable().openapi({
      description: 'SMA refused its user or the process; provisioning what was wrong lifts it',
    }),
    lastAcceptedAt: orNull(InstantText),
    states: z
      .partialRecord(z.enum(SMA_STATES), z.int())
      .openapi({ description: 'how many reports are in each state' }),
  })
  .openapi('SmaProcess')

const ProcessPage = z.strictObject({ items: z.array(Process), next: Next }).openapi('SmaProcessPage')

const Report = z
  .strictObject({
    id: z.int(),
    uf: Name,
    process: Name,
    at: InstantText,
    stamp: z.string().openapi({
      description: 'the time stamp as SMA reads it: without a zone',
      example: '2026-01-15T10:05:00',
    }),
    state: z.enum(SMA_STATES).openapi({
      description:
        '`no_data`: a parameter has no good reading; `review`: a person must look, `reason` says why; `shadow`: ' +
        'everything was done but sending; `closed`: a person decided that it is not sent',
    }),
    reason: z.string().nullable(),
    values: z.array(
      z.strictObject({
        device: z.string(),
        name: z.string(),
        unit: z.string(),
        text: z.string().openapi({ description: 'as it is sent' }),
        readAt: InstantText,
      }),
    ),
    attempts: z.int(),
    nextAttemptAt: orNull(InstantText),
    verification: z.string().nullable().openapi({ description: 'IdVerificacion of SMA' }),
    acceptedAt: orNull(InstantText),
    decision: orNull(
      z.strictObject({
        at: InstantText,
        by: z.string(),
        decision: z.enum(['send', 'close']),
        reason: z.string(),
      }),
    ),
  })
  .openapi('SmaReport')

const ReportPage = z.strictObject({ items: z.array(Report), next: Next }).openapi('SmaReportPage')

const Decision = z
  .strictObject({
    decision: z.enum(['send', 'close']).openapi({
      description: '`send`: its values are sent, also once more; `close`: they are not',
    }),
    reason: z.string().trim().min(3).max(500).openapi({ example: 'Revisado con el titular' }),
  })
  .openapi('SmaDecision')

const processesRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['compliance'],
  summary: 'Processes that are reported to SMA',
  request: { query: z.strictObject(pageQuery({ limitMax: 1000, limitDefault: 100 })) },
  responses: {
    200: { description: 'a page of processes', content: { 'application/json': { schema: ProcessPage } } },
    ...problemResponses(400, 401, 403),
  },
})

const reportsRoute = createRoute({
  method: 'get',
  path: '/reports',
  tags: ['compliance'],
  summary: 'Reports to SMA, newest first',
  request: {
    query: z.strictObject({
      process: z
        .string()
        .regex(/^[\w.-]{1,60}\/[\w.-]{1,60}$/, 'must be uf/process')
        .optional()
        .openapi({ description: 'uf/process', example: '1234/567' }),
      state: z.enum(SMA_STATES).optional(),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: { description: 'a page of reports', content: { 'application/json': { schema: ReportPage } } },
    ...problemResponses(400, 401, 403),
  },
})

const decideRoute = createRoute({
  method: 'post',
  path: '/reports/{report}/decisions',
  tags: ['compliance'],
  summary: 'Decide of a report that waits for a person',
  description: 'Of one in `review` or `shadow`, or, to close it, in `no_data` or `ready`.',
  request: {
    query: NoQuery,
    params: z.strictObject({
      report: numberParam('report'),
    }),
    body: { required: true, content: { 'application/json': { schema: Decision } } },
  },
  responses: {
    200: { description: 'the report now', content: { 'application/json': { schema: Report } } },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

const DECIDABLE: Record<'send' | 'close', readonly SmaState[]> = {
  send: ['review'],
  close: ['review', 'shadow', 'no_data', 'ready'],
}

/** What a report is by who decided so: deciding the same again changes nothing. */
const DECIDED: Record<'send' | 'close', SmaState> = { send: 'ready', close: 'closed' }

/** `/compliance/sma`, `/compliance/sma/reports`, `/compliance/sma/reports/{report}/decisions`. */
export function sma({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(processesRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const afterId = fromCursor('sma', cursor, 0)
      const clientIds = context.get('clientIds')
      const rows = await selectSmaProcesses(db, { clientIds, afterId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'sma', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toProcess), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(reportsRoute, async context => {
      const { cursor, limit, process, state } = context.req.valid('query')
      const beforeId = fromCursor('sma-reports', cursor, Number.MAX_SAFE_INTEGER)
      const [uf = '', name = ''] = process?.split('/') ?? []
      const key = process === undefined ? null : smaKey(uf, name)
      const asked = { clientIds: context.get('clientIds'), key, state: state ?? null, beforeId }
      const rows = await selectSmaReports(db, { ...asked, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'sma-reports', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toReport), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(decideRoute, async context => {
      const { report: id } = context.req.valid('param')
      const asked = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const row = await db.transaction(async tx => {
        const report = await lockSmaReport(tx, clientIds, id)
        if (report === undefined) throw new Problem(404, 'Report not found')
        if (report.state === DECIDED[asked.decision]) return report
        requireDecidable(report, asked.decision)
        await decideSmaReport(tx, report, { ...asked, by, at: clock.now() })
        return lockSmaReport(tx, clientIds, id)
      })
      if (row === undefined) throw new Problem(404, 'Report not found')
      log.info('report to SMA decided', { id, uf: row.uf, process: row.process, ...asked, by })
      return context.json(toReport(row), 200)
    })
}

function requireDecidable({ state, values }: SmaReportRow, decision: 'send' | 'close'): void {
  if (!DECIDABLE[decision].includes(state))
    throw new Problem(422, 'Cannot be decided so', { detail: `The report is ${state}` })
  if (decision === 'send' && values.length === 0)
    throw new Problem(422, 'Cannot be decided so', { detail: 'The report has no values' })
}

function toProcess({ terms, points, lastAcceptedAt, ...row }: SmaProcessState): z.infer<typeof Process> {
  const { client, uf, process, user, sending, blockedBecause, states } = row
  const { everyMs, mode, clock, devices } = terms
  return {
    ...{ client, uf, process, user, everyMs, mode, clock, sending, blockedBecause, states },
    devices: devices.map(({ device, parameters }, index) => ({
      ...{ device, point: points[index] ?? '', parameters: [...parameters] },
    })),
    lastAcceptedAt: toInstantTextOrNull(lastAcceptedAt),
  }
}

function toReport({ at, clock, values, ...row }: SmaReportRow): z.infer<typeof Report> {
  const { id, uf, process, state, reason, attempts, nextAttemptAt, verification, acceptedAt, decision } = row
  return {
    ...{ id, uf, process, state, reason, attempts, verification },
    ...{ at: toInstantText(at), stamp: stampOf(at, { clock }) },
    values: values.map(({ device, name, unit, text, readAt }) => ({
      ...{ device, name, unit, text, readAt: toInstantText(readAt) },
    })),
    ...{
      nextAttemptAt: toInstantTextOrNull(nextAttemptAt),
      acceptedAt: toInstantTextOrNull(acceptedAt),
    },
    decision: decision === null ? null : { ...decision, at: toInstantText(decision.at) },
  }
}
