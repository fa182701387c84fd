// /dead-letters: messages that could not be understood, and batches that the database refused, or some readings of. For
// operators.

import { createRoute, z } from '@hono/zod-openapi'
import { RejectedReading } from '../../protocol/batch.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { replayLetter } from '../collector/replay.ts'
import { Problem } from '../problem.ts'
import type { Committed } from '../store/batches.ts'
import { type Database, DatabaseRefused } from '../store/database.ts'
import { type DeadLetterRow, selectDeadLetter, selectDeadLetters } from '../store/queries.ts'
import { openSeriesIds } from '../store/series.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
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
    replayedAt: orNull(InstantText).openapi({
      description: 'when all of it was taken in; null again when the same came since',
    }),
  })
  .openapi('DeadLetter')

const WholeDeadLetter = z
  .strictObject({
    ...DeadLetter.shape,
    base64: z.string().openapi({ description: 'what came, in base64' }),
  })
  .openapi('WholeDeadLetter')

const DeadLetterPage = z.strictObject({ items: z.array(DeadLetter), next: Next }).openapi('DeadLetterPage')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'Messages that could not be understood or that the database refused, newest first',
  description: 'Of a batch some of whose readings were refused, the others are stored.',
  request: { query: PageQuery },
  responses: {
    200: {
      description: 'a page of dead letters',
      content: { 'application/json': { schema: DeadLetterPage } },
    },
    ...problemResponses(400, 401, 403),
  },
})

const letterParam = z.strictObject({
  letter: numberParam('letter'),
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{letter}',
  tags: ['operation'],
  summary: 'A message that was set aside, with its bytes',
  request: { query: NoQuery, params: letterParam },
  responses: {
    200: {
      description: 'the dead letter',
      content: {
        'application/json': { schema: WholeDeadLetter },
      },
    },
    ...problemResponses(400, 401, 403, 404),
  },
})

const Replayed = z
  .strictObject({
    id: z.int(),
    inserted: z.int().openapi({ description: 'readings that are new' }),
    duplicate: z.int().openapi({ description: 'readings that were there already, the same' }),
    revised: z.int().openapi({ description: 'readings that were there with another value: kept beside it' }),
    rejected: z.array(RejectedReading).openapi({ description: 'readings that the database refuses' }),
  })
  .openapi('Replayed')

const replayRoute = createRoute({
  method: 'post',
  path: '/{letter}/replay',
  tags: ['operation'],
  summary: 'Take a batch in again that was set aside',
  description: 'As if its gateway sent it now. Asked again, it changes nothing.',
  request: {
    query: NoQuery,
    params: letterParam,
  },
  responses: {
    200: { description: 'what became of it', content: { 'application/json': { schema: Replayed } } },
    ...problemResponses(400, 401, 403, 404, 422),
  },
})

/** `/dead-letters`, `/dead-letters/{letter}`, `/dead-letters/{letter}/replay`. */
export function deadLetters({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  const series = openSeriesIds(db)
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const beforeReceipt = fromCursor('dead-letters', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectDeadLetters(db, { beforeReceipt, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'dead-letters', limit, keyOf: ({ receipt }) => receipt })
      return context.json({ items: items.map(toDeadLetter), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const row = await selectDeadLetter(db, context.req.valid('param').letter)
      if (row === undefined) throw new Problem(404, 'Dead letter not found')
      const { content, ...letter } = row
      return context.json({ ...toDeadLetter(letter), base64: Buffer.from(content).toString('base64') }, 200)
    })
    .openapi(replayRoute, async context => {
      const { letter: id } = context.req.valid('param')
      const replayed = await replayLetter({ db, clock, series }, id).catch(refused)
      if (replayed === undefined) throw new Problem(404, 'Dead letter not found')
      const { name: by } = context.get('principal')
      log.info('dead letter replayed', { id, by, became: replayed.committed.kind })
      return context.json(toReplayed(id, replayed), 200)
    })
}

function refused(error: unknown): never {
  if (!(error instanceof Rejected) && !(error instanceof DatabaseRefused)) throw error
  throw new Problem(422, 'It still cannot be used', { detail: error.message })
}

function toReplayed(
  id: number,
  { readings, committed }: { readings: number; committed: Committed },
): z.infer<typeof Replayed> {
  if (committed.kind === 'repeated') return { id, inserted: 0, duplicate: readings, revised: 0, rejected: [] }
  const { inserted, duplicate, revised, rejected } = committed
  return { id, inserted, duplicate, revised, rejected: [...rejected] }
}

function toDeadLetter({
  receipt: _,
  receivedAt,
  replayedAt,
  ...row
}: DeadLetterRow): z.infer<typeof DeadLetter> {
  return { ...row, receivedAt: toInstantText(receivedAt), replayedAt: toInstantTextOrNull(replayedAt) }
}
