// /ledger: of each gateway and civil day, where its readings are.

import { createRoute, z } from '@hono/zod-openapi'
import type { Database } from '../store/database.ts'
import { type LedgerDayRow, selectLedgerDays } from '../store/ledger.ts'
import { DateQuery, DateText, InstantText, orNull, SlugText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const count = (description: string) => z.int().openapi({ description })

const LedgerDay = z
  .strictObject({
    day: DateText.openapi({ description: 'the civil day on which the gateway put them on its disk' }),
    gateway: SlugText,
    client: SlugText,
    project: SlugText,
    polled: z
      .int()
      .nullable()
      .openapi({ description: 'measured, with a value or without; null: the gateway does not tell' }),
    buffered: count('on the disk of the gateway, as it said last, and not here'),
    sent: count('that came, and that are on their way'),
    stored: count('committed, each once, however often it came'),
    rejected: count('refused by the database, or in a message that was set aside'),
    evicted: count('given up by a full buffer, and not stored'),
    damaged: count('not given back by the disk of the gateway'),
    lost: count('measured and never put on disk'),
    difference: count(
      'neither in the gateway nor here: polled - lost - stored - rejected - evicted - damaged - buffered',
    ),
    differenceSince: orNull(InstantText),
    countedAt: orNull(InstantText),
    toldAt: orNull(InstantText).openapi({
      description: 'when the gateway last said how it is; null: it does not tell',
    }),
  })
  .openapi('LedgerDay')

const LedgerPage = z.strictObject({ items: z.array(LedgerDay), next: Next }).openapi('LedgerPage')

const EXAMPLE: z.infer<typeof LedgerPage> = {
  items: [
    {
      ...{ day: '2026-01-15', gateway: 'gw-1', client: 'campo', project: 'los-aromos' },
      ...{
        polled: 5760,
        buffered: 40,
        sent: 5720,
        stored: 5712,
        rejected: 0,
        evicted: 8,
        damaged: 0,
        lost: 0,
      },
      ...{ difference: 0, differenceSince: null },
      ...{ countedAt: '2026-01-15T12:00:30.000Z', toldAt: '2026-01-15T12:00:12.000Z' },
    },
  ],
  next: null,
}

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['gateways'],
  summary: 'Where the readings of each gateway and civil day are, newest day first',
  description:
    'Of every number that a gateway gave to a reading it is known where that reading is. A `difference` that lasts for 15 minutes is an incident.',
  request: {
    query: z.strictObject({
      gateway: SlugText.optional(),
      from: DateQuery.default('0001-01-01').openapi({ description: 'this day or later' }),
      to: DateQuery.default('9999-12-31').openapi({ description: 'before this day' }),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page of days',
      content: { 'application/json': { schema: LedgerPage, example: EXAMPLE } },
    },
    ...problemResponses(400, 401, 403),
  },
})

/** `/ledger`. */
export function ledger({ db }: { db: Database }) {
  return openRouter().openapi(listRoute, async context => {
    const { cursor, limit, gateway, from, to } = context.req.valid('query')
    const beforeKey = fromCursor('ledger', cursor, Number.MAX_SAFE_INTEGER)
    const rows = await selectLedgerDays(db, context.get('clientIds'), {
      ...{ beforeKey, limit: limit + 1, gateway, from, to },
    })
    const { items, next } = toPage(rows, { list: 'ledger', limit, keyOf: ({ key }) => key })
    return context.json({ items: items.map(toLedgerDay), next }, 200, nextLink(context.req.url, next))
  })
}

function toLedgerDay({ key: _, ...row }: LedgerDayRow): z.infer<typeof LedgerDay> {
  return {
    ...row,
    differenceSince: toInstantTextOrNull(row.differenceSince),
    countedAt: toInstantTextOrNull(row.countedAt),
    toldAt: toInstantTextOrNull(row.toldAt),
  }
}
