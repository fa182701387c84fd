// /dead-letters: messages that could not be understood. For operators.

import { createRoute, z } from '@hono/zod-openapi'
import type { Database } from '../store/database.ts'
import { type DeadLetterRow, selectDeadLetters } from '../store/queries.ts'
import { InstantText, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DeadLetter = z
  .strictObject({
    id: z.int(),
    gateway: SlugText.nullable(),
    topic: z.string(),
    bytes: z.int().openapi({ description: 'how many are kept' }),
    reason: z.string(),
    receivedAt: InstantText.openapi({ description: 'the last time' }),
    times: z.int().openapi({ description: 'how often the same came' }),
    replayedAt: orNull(InstantText),
  })
  .openapi('DeadLetter')

const DeadLetterPage = z.strictObject({ items: z.array(DeadLetter), next: Next }).openapi('DeadLetterPage')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'Messages that could not be understood, newest first',
  request: { query: z.strictObject(pageQuery({ limitMax: 1000, limitDefault: 100 })) },
  responses: {
    200: {
      description: 'a page of dead letters',
      content: { 'application/json': { schema: DeadLetterPage } },
    },
    ...problemResponses(400, 401, 403),
  },
})

/** `/dead-letters`. */
export function deadLetters({ db }: { db: Database }) {
  return openRouter().openapi(listRoute, async context => {
    const { cursor, limit } = context.req.valid('query')
    const beforeId = fromCursor('dead-letters', cursor, Number.MAX_SAFE_INTEGER)
    const rows = await selectDeadLetters(db, { beforeId, limit: limit + 1 })
    const { items, next } = toPage(rows, { list: 'dead-letters', limit, keyOf: ({ id }) => id })
    return context.json({ items: items.map(toDeadLetter), next }, 200, nextLink(context.req.url, next))
  })
}

function toDeadLetter({ receivedAt, replayedAt, ...row }: DeadLetterRow): z.infer<typeof DeadLetter> {
  return { ...row, receivedAt: toInstantText(receivedAt), replayedAt: toInstantTextOrNull(replayedAt) }
}
