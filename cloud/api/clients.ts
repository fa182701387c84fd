// /clients: who has wells.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Rut } from '../compliance/rut.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import { CLIENT_COLUMNS, type ClientRow, selectClient, selectClients } from '../store/entities.ts'
import type { ClientIds } from '../store/queries.ts'
import { insertRow, updateRow } from '../store/rows.ts'
import { nameOf } from './decisions.ts'
import {
  ArchivedQuery,
  ClientParam,
  cannotBe,
  deleteUnused,
  EmailText,
  etagOf,
  IfMatch,
  json,
  jsonBody,
  LineText,
  NameText,
  NoteText,
  PhoneText,
  patchBody,
  requireMatch,
  taken,
} from './entity.ts'
import { InstantText, NoQuery, SlugText, toInstantText } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const RutText = z
  .string()
  .max(20)
  .pipe(Rut)
  .nullable()
  .openapi({ type: ['string', 'null'], example: '76543210-3' })

const Client = z
  .strictObject({
    client: SlugText.openapi({ example: 'campo' }),
    name: z.string(),
    rut: z.string().nullable(),
    address: z.string().nullable(),
    phone: z.string().nullable(),
    email: z.string().nullable(),
    note: z.string().nullable(),
    archived: z.boolean(),
    createdAt: InstantText,
  })
  .openapi('Client')

const ListedClient = z
  .strictObject({
    ...Client.shape,
    projects: z.int().openapi({ description: 'in use' }),
    points: z.int().openapi({ description: 'in use' }),
  })
  .openapi('ListedClient')

const Asked = z
  .strictObject({
    client: SlugText.openapi({ description: 'names it for good', example: 'campo' }),
    name: NameText,
    rut: RutText.default(null),
    address: LineText.default(null),
    phone: PhoneText.default(null),
    email: EmailText.default(null),
    note: NoteText.default(null),
  })
  .openapi('ClientAsked')

const Patch = z
  .strictObject({
    name: NameText.optional(),
    rut: RutText.optional(),
    address: LineText.optional(),
    phone: PhoneText.optional(),
    email: EmailText.optional(),
    note: NoteText.optional(),
    archived: z.boolean().optional(),
  })
  .openapi('ClientPatch')

const tags = ['administration']

const listRoute = createRoute({
  ...{ method: 'get', path: '/', tags, summary: 'Clients that you may see' },
  request: { query: z.strictObject({ archived: ArchivedQuery, ...PageQuery.shape }) },
  responses: {
    200: json(
      'a page of clients',
      z.strictObject({ items: z.array(ListedClient), next: Next }).openapi('ClientPage'),
    ),
    ...problemResponses(400, 401, 403),
  },
})

const makeRoute = createRoute({
  ...{ method: 'post', path: '/', tags, summary: 'Make a client' },
  request: { query: NoQuery, body: jsonBody(Asked) },
  responses: {
    201: json('the client', Client),
    ...problemResponses(400, 401, 403, 409, 413, 415),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{client}', tags, summary: 'One client' },
  request: { query: NoQuery, params: ClientParam },
  responses: { 200: json('the client', Client), ...problemResponses(400, 401, 403, 404) },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{client}', tags, summary: 'Change a client' },
  description:
    'What the patch names is changed and nothing else; null clears. `archived` when no project of it is in use any more.',
  request: { query: NoQuery, params: ClientParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('the client', Client),
    ...problemResponses(400, 401, 403, 404, 412, 413, 415, 422, 428),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/{client}', tags, summary: 'Delete a client that has nothing' },
  request: { query: NoQuery, params: ClientParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 412, 422, 428),
  },
})

interface ClientDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/clients`, `/clients/{client}`. */
export function clients({ db, clock, log }: ClientDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, archived } = context.req.valid('query')
      const afterId = fromCursor('clients', cursor, 0)
      const rows = await selectClients(db, context.get('clientIds'), { afterId, limit: limit + 1, archived })
      const { items, next } = toPage(rows, { list: 'clients', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toListed), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const client = toClient(
        await found(db, context.get('clientIds'), context.req.valid('param').client, false),
      )
      return context.json(client, 200, { etag: etagOf(client) })
    })
    .openapi(makeRoute, async context => {
      const asked = context.req.valid('json')
      const row = await db.transaction(async tx => {
        const id = await insertRow(tx, 'clients', CLIENT_COLUMNS, asked)
        if (id === undefined) throw taken(`a client ${asked.client}`)
        return found(tx, null, asked.client, true)
      })
      log.info('client made', { client: row.client, by: nameOf(context.get('principal')) })
      const client = toClient(row)
      return context.json(client, 201, { etag: etagOf(client) })
    })
    .openapi(patchRoute, async context => {
      const { client: name } = context.req.valid('param')
      const fields = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const row = await db.transaction(async tx => {
        const before = await found(tx, clientIds, name, true)
        requireMatch(context.req.valid('header')['if-match'], toClient(before), `client ${name}`)
        if (fields.archived === true && before.projects > 0) {
          throw cannotBe(`Client ${name} has ${before.projects} projects in use: archive those first`)
        }
        await updateRow(tx, 'clients', CLIENT_COLUMNS, { id: before.id, fields, now: clock.now() })
        return found(tx, clientIds, name, true)
      })
      log.info('client changed', { client: name, by: nameOf(context.get('principal')) })
      const client = toClient(row)
      return context.json(client, 200, { etag: etagOf(client) })
    })
    .openapi(deleteRoute, async context => {
      const { client: name } = context.req.valid('param')
      await db.transaction(async tx => {
        const before = await found(tx, context.get('clientIds'), name, true)
        requireMatch(context.req.valid('header')['if-match'], toClient(before), `client ${name}`)
        await deleteUnused(tx, 'client', { id: before.id, name })
      })
      log.info('client deleted', { client: name, by: nameOf(context.get('principal')) })
      return context.body(null, 204)
    })
}

async function found(sql: Sql, clientIds: ClientIds, client: string, isHeld: boolean): Promise<ClientRow> {
  const row = await selectClient(sql, clientIds, client, { isHeld })
  if (row === undefined) throw new Problem(404, 'Client not found')
  return row
}

function toClient(row: ClientRow): z.infer<typeof Client> {
  const { client, name, rut, address, phone, email, note, archivedAt, createdAt } = row
  return {
    ...{ client, name, rut, address, phone, email, note },
    ...{ archived: archivedAt !== null, createdAt: toInstantText(createdAt) },
  }
}

const toListed = (row: ClientRow): z.infer<typeof ListedClient> => ({
  ...toClient(row),
  ...{ projects: row.projects, points: row.points },
})
