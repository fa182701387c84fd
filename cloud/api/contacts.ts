// /points/{point}/contacts: whom to call about a point.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  CONTACT_COLUMNS,
  type ContactRow,
  deleteContact,
  selectContact,
  selectContacts,
} from '../store/point-records.ts'
import { insertRow, updateRow } from '../store/rows.ts'
import { nameOf } from './decisions.ts'
import {
  cannotBe,
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
} from './entity.ts'
import { NoQuery, numberParam, PointKey, PointParam } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

/** Contacts that a point may have. */
const CONTACTS_MAX = 100

const Contact = z
  .strictObject({
    point: PointKey,
    id: z.int(),
    name: z.string(),
    role: z.string().nullable().openapi({ description: 'what they do', example: 'Encargada de riego' }),
    phone: z.string().nullable(),
    email: z.string().nullable(),
    note: z.string().nullable(),
  })
  .openapi('Contact')

const Asked = z
  .strictObject({
    name: NameText.openapi({ example: 'Ana Rojas' }),
    role: LineText.default(null),
    phone: PhoneText.default(null),
    email: EmailText.default(null),
    note: NoteText.default(null),
  })
  .openapi('ContactAsked')

const Patch = z
  .strictObject({ name: NameText, role: LineText, phone: PhoneText, email: EmailText, note: NoteText })
  .partial()
  .openapi('ContactPatch')

const ContactParam = PointParam.extend({
  contact: numberParam('contact'),
})

const tags = ['points']

const listRoute = createRoute({
  ...{ method: 'get', path: '/{point}/contacts', tags, summary: 'Whom to call about a point' },
  request: { params: PointParam, query: PageQuery },
  responses: {
    200: json(
      'a page of contacts',
      z.strictObject({ point: PointKey, items: z.array(Contact), next: Next }).openapi('ContactPage'),
    ),
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const makeRoute = createRoute({
  ...{ method: 'post', path: '/{point}/contacts', tags, summary: 'Add a contact to a point' },
  request: { query: NoQuery, params: PointParam, body: jsonBody(Asked) },
  responses: {
    201: json('the contact', Contact),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{point}/contacts/{contact}', tags, summary: 'One contact of a point' },
  request: { query: NoQuery, params: ContactParam },
  responses: { 200: json('the contact', Contact), ...problemResponses(400, 401, 403, 404, 409) },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{point}/contacts/{contact}', tags, summary: 'Change a contact of a point' },
  description: 'What the patch names is changed and nothing else; null clears.',
  request: { query: NoQuery, params: ContactParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('the contact', Contact),
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 428),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/{point}/contacts/{contact}', tags, summary: 'Delete a contact of a point' },
  request: { query: NoQuery, params: ContactParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 409, 412, 428),
  },
})

interface ContactDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/points/{point}/contacts`, `/points/{point}/contacts/{contact}`. */
export function contacts({ db, clock, log }: ContactDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const { cursor, limit } = context.req.valid('query')
      const list = `contacts ${point.id}`
      const afterId = fromCursor(list, cursor, 0)
      const rows = await selectContacts(db, point.id, { afterId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      const key = pointKey(point)
      const body = { point: key, items: items.map(row => toContact(key, row)), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .openapi(makeRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const fields = { ...context.req.valid('json'), pointId: point.id }
      const key = pointKey(point)
      const row = await db.transaction(async tx => {
        const there = await selectContacts(tx, point.id, { afterId: 0, limit: CONTACTS_MAX })
        if (there.length >= CONTACTS_MAX)
          throw cannotBe(`${key} has ${CONTACTS_MAX} contacts, and takes no more`)
        const id = (await insertRow(tx, 'contacts', CONTACT_COLUMNS, fields)) ?? 0
        return found(tx, { pointId: point.id, id })
      })
      const contact = toContact(key, row)
      log.info('contact made', { point: key, id: row.id, by: nameOf(context.get('principal')) })
      return context.json(contact, 201, { etag: etagOf(contact) })
    })
    .openapi(oneRoute, async context => {
      const { point: name, contact: id } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const contact = toContact(pointKey(point), await found(db, { pointId: point.id, id }))
      return context.json(contact, 200, { etag: etagOf(contact) })
    })
    .openapi(patchRoute, async context => {
      const { point: name, contact: id } = context.req.valid('param')
      const fields = context.req.valid('json')
      const point = await findPoint(db, context.get('clientIds'), name)
      const key = pointKey(point)
      const row = await db.transaction(async tx => {
        const before = await found(tx, { pointId: point.id, id }, { isHeld: true })
        requireMatch(
          context.req.valid('header')['if-match'],
          toContact(key, before),
          `contact ${id} of ${key}`,
        )
        await updateRow(tx, 'contacts', CONTACT_COLUMNS, { id, fields, now: clock.now() })
        return found(tx, { pointId: point.id, id })
      })
      const contact = toContact(key, row)
      log.info('contact changed', { point: key, id, by: nameOf(context.get('principal')) })
      return context.json(contact, 200, { etag: etagOf(contact) })
    })
    .openapi(deleteRoute, async context => {
      const { point: name, contact: id } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const key = pointKey(point)
      await db.transaction(async tx => {
        const before = await found(tx, { pointId: point.id, id }, { isHeld: true })
        requireMatch(
          context.req.valid('header')['if-match'],
          toContact(key, before),
          `contact ${id} of ${key}`,
        )
        await deleteContact(tx, id)
      })
      log.info('contact deleted', { point: key, id, by: nameOf(context.get('principal')) })
      return context.body(null, 204)
    })
}

async function found(
  sql: Sql,
  which: { pointId: number; id: number },
  options: { isHeld?: boolean } = {},
): Promise<ContactRow> {
  const row = await selectContact(sql, which, options)
  if (row === undefined) throw new Problem(404, 'Contact not found')
  return row
}

const toContact = (point: string, row: ContactRow): z.infer<typeof Contact> => ({ point, ...row })
