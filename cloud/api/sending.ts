// /compliance/sending: the kill switches of declaring, and who turned them. For operators.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { WORK_CODE } from '../compliance/obligation.ts'
import { Rut } from '../compliance/rut.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectSwitches, selectTurns, type Turn as TurnRow, turnSending } from '../store/switches.ts'
import { InstantText, NoQuery, orNull, toInstantText } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const REASON_LENGTH_MAX = 500

const Turn = z
  .strictObject({
    at: InstantText,
    what: z.enum(['all', 'work', 'informant', 'sma_process']),
    key: z.string().openapi({
      description:
        'the work’s code, the informant’s RUT, or the process of SMA as uf/process; empty for everything',
    }),
    sending: z.boolean(),
    reason: z.string(),
    by: z.string(),
  })
  .openapi('SendingTurn')

const Sending = z
  .strictObject({
    all: z.strictObject({ sending: z.boolean(), turn: orNull(Turn) }),
    stopped: z
      .array(
        z.strictObject({
          what: z.enum(['work', 'informant', 'sma_process']),
          key: z.string(),
          turn: orNull(Turn),
        }),
      )
      .openapi({ description: 'works, informants and processes of SMA that are switched off' }),
    turns: z.array(Turn).openapi({ description: 'the latest of all switches, newest first' }),
  })
  .openapi('Sending')

const turned = {
  sending: z.boolean().openapi({ description: 'false: nothing more is sent; what is on its way ends' }),
  reason: z.string().trim().min(1).max(REASON_LENGTH_MAX).openapi({ example: 'DGA asked us to wait' }),
}

const AskedTurn = z
  .discriminatedUnion('what', [
    z.strictObject({ what: z.literal('all'), ...turned }),
    z.strictObject({ what: z.literal('work'), workCode: z.string().regex(WORK_CODE), ...turned }),
    z.strictObject({
      what: z.literal('informant'),
      rut: z.string().openapi({ example: '12345678-5' }).pipe(Rut),
      ...turned,
    }),
    z.strictObject({
      what: z.literal('sma_process'),
      process: z.string().min(3).max(121).openapi({ description: 'uf/process', example: '1234/567' }),
      ...turned,
    }),
  ])
  .openapi('SendingTurnAsked')

const getRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['compliance'],
  summary: 'What may be sent to DGA and SMA, what may not, and who said so',
  request: { query: NoQuery },
  responses: {
    200: { description: 'the switches', content: { 'application/json': { schema: Sending } } },
    ...problemResponses(400, 401, 403),
  },
})

const postRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['compliance'],
  summary: 'Stop sending, or go on: everything, a work, an informant, a process of SMA',
  description:
    'At once, in every process. Slots go on being made and wait as `ready`. While everything is switched off, receipts are not asked after either.',
  request: {
    query: NoQuery,
    body: {
      content: {
        'application/json': {
          schema: AskedTurn,
          example: { what: 'work', workCode: 'OB-0602-7', sending: false, reason: 'The meter is replaced' },
        },
      },
      required: true,
    },
  },
  responses: {
    200: { description: 'the switches now', content: { 'application/json': { schema: Sending } } },
    ...problemResponses(400, 401, 403, 404, 415),
  },
})

/** `/compliance/sending`. */
export function sending({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(getRoute, async context => context.json(await stateOf(db), 200))
    .openapi(postRoute, async context => {
      const { sending: on, reason, ...switched } = context.req.valid('json')
      const { name: by } = context.get('principal')
      try {
        await turnSending(db, switched, { sending: on, reason, by, at: clock.now() })
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        throw new Problem(404, 'Not found', { detail: error.message })
      }
      log.warn('sending switched', { ...switched, sending: on, reason, by })
      return context.json(await stateOf(db), 200)
    })
}

const TURNS_SHOWN = 100

async function stateOf(db: Database): Promise<z.infer<typeof Sending>> {
  const { all, stopped } = await selectSwitches(db)
  return {
    all: { ...all, turn: toTurn(all.turn) },
    stopped: stopped.map(one => ({ ...one, turn: toTurn(one.turn) })),
    turns: (await selectTurns(db, TURNS_SHOWN)).map(turn => ({ ...turn, at: toInstantText(turn.at) })),
  }
}

const toTurn = (turn: TurnRow | null): z.infer<typeof Turn> | null =>
  turn === null ? null : { ...turn, at: toInstantText(turn.at) }
