// /points/{point}/documents: files that belong to a point. Kept in the database, so that a copy of it is a copy of all.
//
// What somebody sent is never shown within our pages: it comes back as a download, of the type that its bytes were found to be.

import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { attachmentOf, isOfType, MEDIA_TYPES, type MediaType, mediaTypeOf } from '../media.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  DOCUMENT_COLUMNS,
  DOCUMENT_KINDS,
  type DocumentRow,
  insertDocument,
  selectDocument,
  selectDocumentBytes,
  selectDocuments,
  weighDocuments,
} from '../store/point-records.ts'
import { updateRow } from '../store/rows.ts'
import { nameOf } from './decisions.ts'
import {
  ArchivedQuery,
  cannotBe,
  etagOf,
  IfMatch,
  json,
  NameText,
  NoteText,
  patchBody,
  requireMatch,
} from './entity.ts'
import { InstantText, NoQuery, numberParam, PointKey, PointParam, toInstantText } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

/** The largest document. */
export const DOCUMENT_BYTES_MAX = 10 * 1024 * 1024

/** What the documents of one point may take together. */
const POINT_BYTES_MAX = 200 * 1024 * 1024
const POINT_DOCUMENTS_MAX = 500

const Document = z
  .strictObject({
    point: PointKey,
    id: z.int(),
    name: z.string().openapi({ description: 'of the file', example: 'resolucion-123.pdf' }),
    title: z.string(),
    kind: z.enum(DOCUMENT_KINDS),
    mediaType: z.string().openapi({ example: 'application/pdf' }),
    size: z.int().openapi({ description: 'bytes' }),
    sha256: z.string(),
    note: z.string().nullable(),
    by: z.string(),
    at: InstantText,
    archived: z.boolean(),
  })
  .openapi('PointDocument')

const Patch = z
  .strictObject({ title: NameText, kind: z.enum(DOCUMENT_KINDS), note: NoteText, archived: z.boolean() })
  .partial()
  .openapi('PointDocumentPatch')

const DocumentParam = PointParam.extend({
  document: numberParam('document'),
})

const binary = { schema: { type: 'string' as const, format: 'binary' } }
const binaries = Object.fromEntries(Object.keys(MEDIA_TYPES).map(type => [type, binary]))

const tags = ['points']

const listRoute = createRoute({
  ...{ method: 'get', path: '/{point}/documents', tags, summary: 'Documents of a point, newest first' },
  request: { params: PointParam, query: z.strictObject({ archived: ArchivedQuery, ...PageQuery.shape }) },
  responses: {
    200: json(
      'a page of documents',
      z.strictObject({ point: PointKey, items: z.array(Document), next: Next }).openapi('PointDocumentPage'),
    ),
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const uploadRoute = createRoute({
  ...{ method: 'post', path: '/{point}/documents', tags, summary: 'Keep a document of a point' },
  description: `The file itself is the body, at most ${DOCUMENT_BYTES_MAX / 1024 / 1024} MB, and its content-type must be what it is. The same file again is the same document.`,
  request: {
    params: PointParam,
    query: z.strictObject({
      name: NameText.openapi({ description: 'of the file', example: 'resolucion-123.pdf' }),
      title: NameText.optional().openapi({ description: 'its name when absent' }),
      kind: z.enum(DOCUMENT_KINDS).default('other'),
    }),
    body: { required: true, content: binaries },
  },
  responses: {
    200: json('it was there already', Document),
    201: json('the document', Document),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{point}/documents/{document}', tags, summary: 'What a document is' },
  request: { query: NoQuery, params: DocumentParam },
  responses: { 200: json('the document', Document), ...problemResponses(400, 401, 403, 404, 409) },
})

const contentRoute = createRoute({
  ...{ method: 'get', path: '/{point}/documents/{document}/content', tags, summary: 'Download a document' },
  request: { query: NoQuery, params: DocumentParam },
  responses: {
    200: { description: 'the file', content: binaries },
    304: { description: 'the same as what `If-None-Match` names' },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{point}/documents/{document}', tags },
  summary: 'Change what is said of a document',
  description:
    'What the patch names is changed and nothing else; null clears. The file itself never changes.',
  request: { query: NoQuery, params: DocumentParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('the document', Document),
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 428),
  },
})

interface DocumentDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/points/{point}/documents`, `…/{document}`, `…/{document}/content`. */
export function documents({ db, clock, log }: DocumentDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const { cursor, limit, archived } = context.req.valid('query')
      const list = `documents ${point.id}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectDocuments(db, point.id, { beforeId, limit: limit + 1, archived })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      const key = pointKey(point)
      const body = { point: key, items: items.map(row => toDocument(key, row)), next }
      return context.json(body, 200, nextLink(context.req.url, next))
    })
    .openapi(uploadRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const { name, title = name, kind } = context.req.valid('query')
      const bytes = new Uint8Array(await context.req.arrayBuffer())
      const mediaType = requireType(context.req.header('content-type') ?? '', bytes)
      const digest = new Uint8Array(createHash('sha256').update(bytes).digest())
      const uploadedBy = nameOf(context.get('principal'))
      const { row, isNew } = await db.transaction(async tx => {
        await requireRoom(tx, point.id, bytes.length)
        const { id, isNew } = await insertDocument(tx, {
          ...{ pointId: point.id, name, title, kind, mediaType, digest, note: null, bytes },
          ...{ uploadedBy, uploadedAt: clock.now() },
        })
        return { row: await found(tx, { pointId: point.id, id }), isNew }
      })
      const key = pointKey(point)
      const document = toDocument(key, row)
      if (isNew) log.info('document kept', { point: key, id: row.id, size: row.size, by: uploadedBy })
      return context.json(document, isNew ? 201 : 200, { etag: etagOf(document) })
    })
    .route('/', keptDocuments({ db, clock, log }))
}

function keptDocuments({ db, clock, log }: DocumentDeps) {
  return openRouter()
    .openapi(oneRoute, async context => {
      const { point: name, document: id } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const document = toDocument(pointKey(point), await found(db, { pointId: point.id, id }))
      return context.json(document, 200, { etag: etagOf(document) })
    })
    .openapi(contentRoute, async context => {
      const { point: name, document: id } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const row = await found(db, { pointId: point.id, id })
      const etag = `"${row.digest}"`
      if (context.req.header('if-none-match') === etag) return context.body(null, 304, { etag })
      const bytes = await selectDocumentBytes(db, row.id)
      if (bytes === undefined) throw new Error(`Document ${row.id} has no bytes`)
      return new Response(new Uint8Array(bytes), {
        headers: {
          'content-type': row.mediaType,
          'content-disposition': attachmentOf(row.name),
          'content-security-policy': "default-src 'none'; sandbox",
          etag,
        },
      })
    })
    .openapi(patchRoute, async context => {
      const { point: name, document: id } = context.req.valid('param')
      const fields = context.req.valid('json')
      const point = await findPoint(db, context.get('clientIds'), name)
      const key = pointKey(point)
      const row = await db.transaction(async tx => {
        const before = await found(tx, { pointId: point.id, id }, { isHeld: true })
        requireMatch(
          context.req.valid('header')['if-match'],
          toDocument(key, before),
          `document ${id} of ${key}`,
        )
        await updateRow(tx, 'documents', DOCUMENT_COLUMNS, { id, fields, now: clock.now() })
        return found(tx, { pointId: point.id, id })
      })
      const document = toDocument(key, row)
      log.info('document changed', { point: key, id, by: nameOf(context.get('principal')) })
      return context.json(document, 200, { etag: etagOf(document) })
    })
}

function requireType(contentType: string, bytes: Uint8Array): MediaType {
  const type = mediaTypeOf(contentType)
  const detail = `Send it with one of content-type: ${Object.keys(MEDIA_TYPES).join(', ')}`
  if (type === undefined) throw new Problem(415, 'Not a type that is kept', { detail })
  if (bytes.length === 0) throw cannotBe('The file is empty')
  if (!isOfType(bytes, type)) throw cannotBe(`The file is not ${type}: it begins otherwise`)
  return type
}

async function requireRoom(tx: Sql, pointId: number, size: number): Promise<void> {
  const { count, bytes } = await weighDocuments(tx, pointId)
  if (count >= POINT_DOCUMENTS_MAX || bytes + size > POINT_BYTES_MAX) {
    throw cannotBe(
      `A point keeps at most ${POINT_DOCUMENTS_MAX} documents, ${POINT_BYTES_MAX / 1024 / 1024} MB together`,
    )
  }
}

async function found(
  sql: Sql,
  which: { pointId: number; id: number },
  options: { isHeld?: boolean } = {},
): Promise<DocumentRow> {
  const row = await selectDocument(sql, which, options)
  if (row === undefined) throw new Problem(404, 'Document not found')
  return row
}

function toDocument(point: string, row: DocumentRow): z.infer<typeof Document> {
  const { id, name, title, kind, mediaType, size, digest, note, uploadedBy, uploadedAt, archivedAt } = row
  return {
    ...{ point, id, name, title, kind, mediaType, size, sha256: digest, note },
    ...{ by: uploadedBy, at: toInstantText(uploadedAt), archived: archivedAt !== null },
  }
}
