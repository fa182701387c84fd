// /fleet/sites: clients, projects, points, gateways and what they owe, by the hundred. A second time changes nothing.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { provisionSites, ROWS_MAX, type SiteField } from '../fleet/sites.ts'
import type { Database } from '../store/database.ts'
import { NoQuery } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const FIELD_LENGTH_MAX = 200

const FIELDS = [
  ...['client', 'clientName', 'clientRut', 'project', 'projectName', 'point', 'pointName', 'kind'],
  ...['latitude', 'longitude', 'gateway', 'workCode', 'standard', 'channel', 'informant', 'from', 'mode'],
] as readonly SiteField[]

const Cell = z.string().trim().max(FIELD_LENGTH_MAX).default('')

const Row = z
  .strictObject({
    line: z
      .int()
      .min(1)
      .openapi({ description: 'which line it is of a file: it comes back with the outcome' }),
    ...(Object.fromEntries(FIELDS.map(field => [field, Cell])) as Record<SiteField, typeof Cell>),
  })
  .openapi('SiteRow', {
    description:
      'A row as it was written; what is empty was not said. What is wrong with it is told with its outcome, by the same words as of a site file.',
    example: {
      ...{ line: 2, client: 'campo', project: 'los-aromos', point: 'pozo-7', pointName: 'Pozo 7' },
      gateway: 'gw-campo-01',
    },
  })

const Asked = z
  .strictObject({
    rows: z.array(Row).min(1).max(ROWS_MAX),
    dryRun: z.boolean().default(false).openapi({ description: 'says what it would make, and makes nothing' }),
  })
  .openapi('SitesAsked')

const Outcome = z
  .strictObject({
    line: z.int(),
    changes: z.array(z.string()).openapi({ example: ['point campo.los-aromos.pozo-7: created'] }),
    mistakes: z.array(
      z.strictObject({
        field: z.string().nullable().openapi({ description: 'null: of the row as a whole' }),
        message: z.string(),
      }),
    ),
  })
  .openapi('SiteOutcome')

const postRoute = createRoute({
  method: 'post',
  path: '/sites',
  tags: ['fleet'],
  summary: 'Bring sites in by the row',
  description:
    'Each row is made whole or not at all, and the others do not mind. What is there stays as it is, so a second time changes nothing.',
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: Asked } } },
  },
  responses: {
    200: {
      description: 'what came of each row',
      content: {
        'application/json': {
          schema: z.strictObject({ rows: z.array(Outcome) }).openapi('SiteOutcomes'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 413, 415),
  },
})

/** `/fleet/sites`. */
export function sites({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter().openapi(postRoute, async context => {
    const { rows, dryRun } = context.req.valid('json')
    // Rows hold no secrets, so there is nothing to be sealed or looked up.
    const deps = { db, clock, secretKey: new Uint8Array(32), environment: {} }
    const outcomes = await provisionSites(deps, rows, { clientIds: context.get('clientIds'), dryRun })
    return context.json({ rows: outcomes }, 200)
  })
}
