// /gateways/{gateway}/commands: what operators ask of a gateway, and what came of it. The list is the audit: nothing in
// it is ever changed or deleted.

import { isDeepStrictEqual } from 'node:util'
import { createRoute, z } from '@hono/zod-openapi'
import { Command, CommandRequest, CommandResult, CommandShown } from '../../protocol/command.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Problem } from '../problem.ts'
import {
  COMMANDS_WAITING_MAX,
  type CommandRow,
  insertCommand,
  selectCommand,
  selectCommands,
} from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { selectGateway } from '../store/queries.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'

const EXPIRES_IN_S = 600
/** A gateway refuses what expires more than an hour ahead by its own clock, which may differ. */
const EXPIRES_IN_S_MAX = 3_000

/** A command that is not answered is sent again so often. */
const RETRY_AFTER_S = 30

const Asked = z
  .strictObject({
    id: SlugText.openapi({
      description: 'names the command: given again, it is the same command and is not executed again',
      example: 'start-level-2026-01-15',
    }),
    expiresInS: z.int().min(1).max(EXPIRES_IN_S_MAX).default(EXPIRES_IN_S).openapi({
      description: 'not to be started later than so many seconds from now',
    }),
    command: CommandRequest,
  })
  .openapi('CommandAsked')

const Result = z
  .strictObject({
    at: InstantText,
    reason: z
      .string()
      .nullable()
      .openapi({ description: 'why it was refused or failed, or what is to be known' }),
    readings: CommandResult.shape.readings,
    values: CommandResult.shape.values,
    units: CommandResult.shape.units,
    written: CommandResult.shape.written,
    measured: CommandResult.shape.measured,
  })
  .openapi('CommandResult')

/** A command as it is shown. */
export const Given = z
  .strictObject({
    id: SlugText,
    gateway: SlugText,
    by: z.string().openapi({ description: 'who asked' }),
    createdAt: InstantText,
    expiresAt: InstantText,
    sentAt: orNull(InstantText).openapi({ description: 'when it last went to the gateway' }),
    state: z.enum(['waiting', 'sent', 'expired', 'done', 'refused', 'failed', 'unknown']).openapi({
      description: '`expired`: no result came in time; where it was sent, it may have been executed',
    }),
    command: orNull(CommandShown),
    result: orNull(Result),
  })
  .openapi('Command')

const CommandPage = z.strictObject({ items: z.array(Given), next: Next }).openapi('CommandPage')

const GatewayParam = SlugText.openapi({ param: { name: 'gateway', in: 'path' } })

const giveRoute = createRoute({
  method: 'post',
  path: '/{gateway}/commands',
  tags: ['operation'],
  summary: 'Ask something of a gateway',
  description:
    'It is sent while the gateway is connected, until there is a result or it expires. `write` sets a value that the ' +
    "gateway's own configuration allows to be set; everything else is refused by the gateway.",
  request: {
    query: NoQuery,
    params: z.strictObject({ gateway: GatewayParam }),
    body: { required: true, content: { 'application/json': { schema: Asked } } },
  },
  responses: {
    200: { description: 'the same was asked before', content: { 'application/json': { schema: Given } } },
    201: { description: 'it is on its way', content: { 'application/json': { schema: Given } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 429),
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/{gateway}/commands',
  tags: ['operation'],
  summary: 'What was asked of a gateway, by whom, and what came of it, newest first',
  request: {
    params: z.strictObject({ gateway: GatewayParam }),
    query: PageQuery,
  },
  responses: {
    200: { description: 'a page of commands', content: { 'application/json': { schema: CommandPage } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{gateway}/commands/{command}',
  tags: ['operation'],
  summary: 'One command, and what came of it',
  request: {
    query: NoQuery,
    params: z.strictObject({
      gateway: GatewayParam,
      command: SlugText.openapi({ param: { name: 'command', in: 'path' } }),
    }),
  },
  responses: {
    200: { description: 'the command', content: { 'application/json': { schema: Given } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/gateways/{gateway}/commands`, `/gateways/{gateway}/commands/{command}`. */
export function commands({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  const gatewayOf = async (clientIds: ApiEnv['Variables']['clientIds'], slug: string) => {
    const row = await selectGateway(db, clientIds, slug)
    if (row === undefined) throw new Problem(404, 'Gateway not found')
    return { gatewayId: row.id, gateway: slug }
  }
  return openRouter()
    .openapi(giveRoute, async context => {
      const { gatewayId, gateway } = await gatewayOf(
        context.get('clientIds'),
        context.req.valid('param').gateway,
      )
      const { id, expiresInS, command: request } = context.req.valid('json')
      const { email, name } = context.get('principal')
      const by = (email ?? name).slice(0, BY_LENGTH_MAX)
      const now = clock.now()
      const document: Command = { ...request, v: 1, id, by, expiresAt: now + expiresInS * 1_000 }
      const isNew = await insertCommand(db, { gatewayId, id, document }, { now })
      const row = await selectCommand(db, gatewayId, id)
      if (row === undefined) throw tooManyWait(gateway)
      const given = toGiven(gateway, row, now)
      if (isNew) {
        log.info('command given', { gateway, id, kind: request.kind, by })
        return context.json(given, 201)
      }
      if (given.by === by && isDeepStrictEqual(given.command, request)) return context.json(given, 200)
      throw new Problem(409, 'The id is that of another command', { detail: `${id} of ${gateway}` })
    })
    .openapi(listRoute, async context => {
      const { gatewayId, gateway } = await gatewayOf(
        context.get('clientIds'),
        context.req.valid('param').gateway,
      )
      const { cursor, limit } = context.req.valid('query')
      const beforeNumber = fromCursor('commands', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectCommands(db, gatewayId, { beforeNumber, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'commands', limit, keyOf: ({ number }) => number })
      const now = clock.now()
      const page = { items: items.map(row => toGiven(gateway, row, now)), next }
      return context.json(page, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const { gateway: slug, command: id } = context.req.valid('param')
      const { gatewayId, gateway } = await gatewayOf(context.get('clientIds'), slug)
      const row = await selectCommand(db, gatewayId, id)
      if (row === undefined) throw new Problem(404, 'Command not found')
      return context.json(toGiven(gateway, row, clock.now()), 200)
    })
}

const BY_LENGTH_MAX = 200

/** No more commands may wait for a gateway. */
export const tooManyWait = (gateway: string): Problem =>
  new Problem(429, 'Too many commands wait', {
    detail: `${COMMANDS_WAITING_MAX} commands without a result wait for ${gateway}: there is room when it answers or they expire`,
    retryAfterS: RETRY_AFTER_S,
  })

/** A command as it is shown; what was kept is read again here: it may be of another version than ours. */
export function toGiven(gateway: string, row: CommandRow, now: number): z.infer<typeof Given> {
  const { data: document } = Command.safeParse(row.document)
  const { data: said } = CommandResult.safeParse(row.result)
  const envelope = Envelope.parse(row.document)
  return {
    id: row.id,
    gateway,
    by: envelope.by,
    createdAt: toInstantText(row.createdAt),
    expiresAt: toInstantText(envelope.expiresAt),
    sentAt: toInstantTextOrNull(row.sentAt),
    state: stateOf(row, said?.status, envelope.expiresAt < now),
    // An update is asked for by its rollout, and shown there.
    command: document === undefined || document.kind === 'update' ? null : toRequest(document),
    result: said === undefined ? null : toResult(said),
  }
}

/** What every version writes of a command. */
const Envelope = z.object({ by: z.string(), expiresAt: z.number() })

function toRequest(command: Exclude<Command, { kind: 'update' }>): CommandShown {
  if (command.kind === 'try') return { kind: command.kind, device: command.device }
  const { v: _, id: __, by: ___, expiresAt: ____, ...request } = command
  return request
}

function toResult({
  at,
  reason,
  v: _,
  id: __,
  status: ___,
  ...found
}: CommandResult): z.infer<typeof Result> {
  return { at: toInstantText(at), reason: reason ?? null, ...found }
}

function stateOf(
  { result, sentAt }: CommandRow,
  status: CommandResult['status'] | undefined,
  isExpired: boolean,
): z.infer<typeof Given>['state'] {
  if (result !== null) return status ?? 'unknown'
  if (isExpired) return 'expired'
  return sentAt === null ? 'waiting' : 'sent'
}
