// /compliance/reconciliation, /compliance/packs: a month of each work, counted, and as files that can be signed and kept.

import { createRoute, z } from '@hono/zod-openapi'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { MONTH, regulatorMonth } from '../compliance/calendar.ts'
import { WORK_CODE } from '../compliance/obligation.ts'
import { collectPack, toPack } from '../compliance/pack.ts'
import { toTar } from '../compliance/tar.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type Reconciliation as Row, selectReconciliations } from '../store/reconciliation.ts'
import { NoQuery, PointKey } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { State } from './slot-document.ts'

const Month = z.string().regex(MONTH, 'must be a month such as 2026-01').openapi({ example: '2026-01' })
const Work = z
  .string()
  .regex(WORK_CODE, 'must be a work code such as OB-0602-7')
  .openapi({ example: 'OB-0602-7' })

const Reconciliation = z
  .strictObject({
    workCode: z.string(),
    point: PointKey,
    owed: z.int(),
    measured: z.int(),
    sent: z.int().openapi({ description: 'DGA was asked at least once' }),
    accepted: z.int(),
    verified: z.int().openapi({ description: 'asked after with the receipt, and the same number' }),
    late: z.int().openapi({ description: 'accepted after the deadline' }),
    failures: z.int().openapi({ description: 'accepted after the maximum lag: to be reported as failures' }),
    missing: z
      .array(z.strictObject({ state: State, reason: z.string().nullable(), count: z.int() }))
      .openapi({ description: 'what was not accepted, by reason, most frequent first' }),
  })
  .openapi('Reconciliation')

const Page = z.strictObject({ items: z.array(Reconciliation), next: Next }).openapi('ReconciliationPage')

const listRoute = createRoute({
  method: 'get',
  path: '/reconciliation',
  tags: ['compliance'],
  summary: 'What was owed in a month, measured, sent, accepted, verified, late, and missing with its reason',
  description: 'The month is the regulator’s, at UTC-4 all year.',
  request: {
    query: z.strictObject({
      month: Month,
      work: Work.optional(),
      ...pageQuery({ limitMax: 500, limitDefault: 100 }),
    }),
  },
  responses: {
    200: { description: 'a page of works', content: { 'application/json': { schema: Page } } },
    ...problemResponses(400, 401, 403),
  },
})

const packRoute = createRoute({
  method: 'get',
  path: '/packs/{work}/{month}',
  tags: ['compliance'],
  summary: 'A month of a work to be signed and kept: report, tables, evidence, hashes',
  description:
    'A tar file of a PDF, two CSV tables, a JSON document and SHA256SUMS. The same facts give the same bytes. `smarthydro-cloud verify-evidence --pack FILE.json` holds the evidence against it later.',
  request: {
    query: NoQuery,
    params: z.strictObject({
      work: Work.openapi({ param: { name: 'work', in: 'path' } }),
      month: Month.openapi({ param: { name: 'month', in: 'path' } }),
    }),
  },
  responses: {
    200: {
      description: 'the files',
      content: { 'application/x-tar': { schema: z.string().openapi({ format: 'binary' }) } },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/compliance/reconciliation` and `/compliance/packs/{work}/{month}`. */
export function reconciliation({ db }: { db: Database }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { month, work, cursor, limit } = context.req.valid('query')
      const rows = await selectReconciliations(db, context.get('clientIds'), {
        ...regulatorMonth(month),
        ...{ workCode: work ?? null, afterKey: fromCursor('reconciliation', cursor, 0), limit: limit + 1 },
      })
      const { items, next } = toPage(rows, { list: 'reconciliation', limit, keyOf: ({ key }) => key })
      return context.json({ items: items.map(toDocument), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(packRoute, async context => {
      const { work: workCode, month } = context.req.valid('param')
      const facts = await collectPack(db, context.get('clientIds'), { workCode, month }).catch(notFound)
      const bytes = toTar(await toPack(facts))
      context.header('content-type', 'application/x-tar')
      context.header('content-disposition', `attachment; filename="${workCode}-${month}.tar"`)
      return context.body(Buffer.from(bytes), 200)
    })
}

function notFound(error: unknown): never {
  if (!(error instanceof Rejected)) throw error
  throw new Problem(404, 'Work not found', { detail: error.message })
}

function toDocument({ key: _, client, project, point, ...row }: Row): z.infer<typeof Reconciliation> {
  return { ...row, point: `${client}.${project}.${point}` }
}
