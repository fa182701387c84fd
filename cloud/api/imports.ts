// /imports: history from files. Uploaded, read, looked at, confirmed, stored; and taken out again. For operators.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import {
  type Asker,
  confirmImport,
  discardImport,
  findImport,
  requestUndo,
  resetImport,
  uploadImport,
} from '../imports/desk.ts'
import { ASSUMABLE, DATE_FORMATS, DELIMITERS, FormatSettings, ZONES } from '../imports/format.ts'
import { VALUES_MAX } from '../imports/read-file.ts'
import { FILE_BYTES_MAX, ROWS_MAX } from '../imports/table.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type ImportRow, selectImports } from '../store/imports.ts'
import type { ClientIds } from '../store/queries.ts'
import type { Principal } from './access.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  VariableName,
} from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Mistake = z
  .strictObject({
    line: z.int().openapi({ description: 'as an editor counts; 0: the file as a whole' }),
    column: z.string(),
    detail: z.string(),
  })
  .openapi('FileMistake')

const Place = { line: z.int(), at: InstantText, before: z.number(), after: z.number() }

const Preview = z
  .strictObject({
    rows: z.int(),
    repeated: z.int().openapi({ description: 'values that the file has more than once' }),
    stale: z.int().openapi({ description: 'rows whose logger had nothing new for more than an hour' }),
    warnings: z.array(z.string()).openapi({ description: 'what to think about before confirming' }),
    variables: z.array(
      z.strictObject({
        variable: VariableName,
        readings: z.int(),
        withoutValue: z.int(),
        from: InstantText,
        to: InstantText,
        min: z.number().nullable(),
        max: z.number().nullable(),
        first: z.number().nullable(),
        last: z.number().nullable(),
        intervalMs: z.number().nullable(),
        gaps: z.strictObject({
          count: z.int(),
          totalMs: z.number(),
          longest: z.array(z.strictObject({ from: InstantText, to: InstantText })),
        }),
        scaleJumps: z.strictObject({
          count: z.int(),
          first: z.array(z.strictObject({ ...Place, factor: z.number() })),
        }),
        reversals: z.strictObject({ count: z.int(), first: z.array(z.strictObject(Place)) }),
      }),
    ),
    overlaps: z
      .array(
        z.strictObject({
          variable: VariableName,
          same: z.int(),
          different: z.int(),
          first: z.array(
            z.strictObject({ at: InstantText, stored: z.number().nullable(), file: z.number().nullable() }),
          ),
        }),
      )
      .openapi({ description: 'what is stored already at the same instants' }),
  })
  .openapi('ImportPreview')

const Format = z
  .strictObject({
    shape: z.enum(['wide', 'long']),
    delimiter: z.enum(DELIMITERS),
    decimal: z.enum([',', '.']),
    dates: z.enum(DATE_FORMATS),
    zone: z.enum([...ZONES, 'offset']),
    time: z.enum(['measured', 'logger']),
    headerLine: z.int(),
    columns: z.array(z.strictObject({ place: z.int(), name: z.string(), role: z.string() })),
    ignored: z.array(z.strictObject({ name: z.string(), why: z.string() })),
    assumed: z
      .array(z.enum(ASSUMABLE))
      .openapi({ description: 'to be accepted by name when it is confirmed' }),
  })
  .openapi('FileFormat')

const STATES = [
  'uploaded',
  'refused',
  'previewed',
  'confirmed',
  'done',
  'undoing',
  'undone',
  'discarded',
] as const

const Import = z
  .strictObject({
    id: z.int(),
    point: PointKey,
    name: z.string(),
    bytes: z.int(),
    state: z.enum(STATES),
    stateAt: InstantText,
    reason: z.string().nullable(),
    askedBy: z.string(),
    askedAt: InstantText,
    confirmedBy: z.string().nullable(),
    undoneBy: z.string().nullable(),
    progress: z.strictObject({
      readings: z.int().nullable(),
      stored: z.int(),
      batchesToProcess: z.int(),
      percent: z.int(),
    }),
    settings: FormatSettings,
    format: orNull(Format),
    mistakes: z.array(Mistake),
    mistakesCount: z.int(),
    preview: orNull(Preview),
    result: z.record(z.string(), z.int()).nullable(),
  })
  .openapi('Import')

const ImportPage = z.strictObject({ items: z.array(Import), next: Next }).openapi('ImportPage')

const FILE_NAME = /^[^\p{Cc}\p{Cs}]{1,200}$/u

const ImportParam = z.strictObject({
  import: numberParam('import'),
})

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['imports'],
  summary: 'Imports of history, newest first',
  request: {
    query: z.strictObject({
      point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
      ...pageQuery({ limitMax: 100, limitDefault: 20 }),
    }),
  },
  responses: {
    200: { description: 'a page of imports', content: { 'application/json': { schema: ImportPage } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** What programs call a CSV file. */
const FILE_TYPES =
  /^(text\/(csv|plain|tab-separated-values)|application\/(csv|octet-stream|vnd\.ms-excel))\b/i

const uploadRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['imports'],
  summary: 'Upload a file of history',
  description: `CSV as the body, at most ${FILE_BYTES_MAX / 1024 / 1024} MiB, ${ROWS_MAX} rows and ${VALUES_MAX} values. It is read and checked; nothing is stored before it is confirmed. The same file again is the same import. What is not said of its form is found out.`,
  request: {
    query: z.strictObject({
      point: PointParam.shape.point.openapi({ param: { name: 'point', in: 'query' } }),
      name: z
        .string()
        .regex(FILE_NAME, 'must be 1 to 200 characters, none of them a control character')
        // The document would give the flag as a part of it; there it goes without saying.
        .openapi({ pattern: FILE_NAME.source })
        .default('import.csv'),
      ...FormatSettings.shape,
    }),
    body: { content: { 'text/csv': { schema: z.string() } }, required: true },
  },
  responses: {
    200: {
      description: 'the same file was there already',
      content: { 'application/json': { schema: Import } },
    },
    202: { description: 'the import', content: { 'application/json': { schema: Import } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{import}',
  tags: ['imports'],
  summary: 'An import: how far it is, what was found',
  request: { query: NoQuery, params: ImportParam },
  responses: {
    200: { description: 'the import', content: { 'application/json': { schema: Import } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const settingsRoute = createRoute({
  method: 'post',
  path: '/{import}/settings',
  tags: ['imports'],
  summary: 'Say how the file is written, and have it read again',
  request: {
    query: NoQuery,
    params: ImportParam,
    body: { content: { 'application/json': { schema: FormatSettings } }, required: true },
  },
  responses: {
    200: { description: 'the import', content: { 'application/json': { schema: Import } } },
    ...problemResponses(400, 401, 403, 404, 409, 415),
  },
})

const confirmRoute = createRoute({
  method: 'post',
  path: '/{import}/confirm',
  tags: ['imports'],
  summary: 'Store what was previewed',
  request: {
    query: NoQuery,
    params: ImportParam,
    body: {
      content: {
        'application/json': {
          schema: z.strictObject({ accept: z.array(z.enum(ASSUMABLE)).max(10).default([]) }),
        },
      },
      required: true,
    },
  },
  responses: {
    200: { description: 'the import', content: { 'application/json': { schema: Import } } },
    ...problemResponses(400, 401, 403, 404, 409, 415, 422),
  },
})

const bareRoute = <Verb extends string>(verb: Verb, summary: string, description: string) =>
  createRoute({
    method: 'post',
    path: `/{import}/${verb}` as const,
    tags: ['imports'],
    summary,
    description,
    request: { query: NoQuery, params: ImportParam },
    responses: {
      200: { description: 'the import', content: { 'application/json': { schema: Import } } },
      ...problemResponses(400, 401, 403, 404, 409),
    },
  })

const undoRoute = bareRoute(
  'undo',
  'Take an import out again, whole',
  'Its readings go, and everything is computed as if they had never been. Where a declaration rests on it, or others have brought the same since, it stays, and `reason` says why.',
)
const discardRoute = bareRoute('discard', 'Give up an import', 'One of which nothing is stored yet.')

/** `/imports`. */
export function imports({ db, clock }: { db: Database; clock: Clock }) {
  const asker = (context: { get(key: 'clientIds'): ClientIds; get(key: 'principal'): Principal }): Asker => ({
    ...{ db, clock, clientIds: context.get('clientIds') },
    by: whoIs(context.get('principal')),
  })
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, point } = context.req.valid('query')
      const clientIds = context.get('clientIds')
      const pointId = point === undefined ? undefined : (await findPoint(db, clientIds, point)).id
      const list = `imports ${pointId ?? 'all'}`
      const beforeId = fromCursor(list, cursor, Number.MAX_SAFE_INTEGER)
      const rows = await selectImports(db, clientIds, { pointId, beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list, limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toImport), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(uploadRoute, async context => {
      const { point, name, ...settings } = context.req.valid('query')
      const type = context.req.header('content-type') ?? ''
      if (!FILE_TYPES.test(type)) {
        const detail = 'Send it with content-type: text/csv'
        throw new Problem(415, 'The body is not CSV', { detail })
      }
      const bytes = new Uint8Array(await context.req.arrayBuffer())
      const { row, isNew } = await uploadImport(asker(context), { point, name, bytes, settings })
      return context.json(toImport(row), isNew ? 202 : 200)
    })
    .openapi(oneRoute, async context => {
      const { import: id } = context.req.valid('param')
      return context.json(toImport(await findImport(asker(context), id)), 200)
    })
    .openapi(settingsRoute, async context => {
      const { import: id } = context.req.valid('param')
      return context.json(toImport(await resetImport(asker(context), id, context.req.valid('json'))), 200)
    })
    .openapi(confirmRoute, async context => {
      const { import: id } = context.req.valid('param')
      const { accept } = context.req.valid('json')
      return context.json(toImport(await confirmImport(asker(context), id, accept)), 200)
    })
    .openapi(undoRoute, async context => {
      const { import: id } = context.req.valid('param')
      return context.json(toImport(await requestUndo(asker(context), id)), 200)
    })
    .openapi(discardRoute, async context => {
      const { import: id } = context.req.valid('param')
      return context.json(toImport(await discardImport(asker(context), id)), 200)
    })
}

const whoIs = ({ kind, name, email }: Principal): string => email ?? `${kind} ${name}`

function toImport(row: ImportRow): z.infer<typeof Import> {
  const { id, client, project, point, name, size, state, reason, askedBy, confirmedBy, undoneBy } = row
  return {
    ...{
      id,
      point: `${client}.${project}.${point}`,
      name,
      bytes: size,
      state,
      reason,
      askedBy,
      confirmedBy,
      undoneBy,
    },
    stateAt: toInstantText(row.stateAt),
    askedAt: toInstantText(row.askedAt),
    progress: progressOf(row),
    settings: row.settings,
    format: row.format,
    mistakes: row.mistakes,
    mistakesCount: row.mistakesCount,
    preview: row.preview === null ? null : (withInstants(row.preview) as z.infer<typeof Preview>),
    result: row.result as Record<string, number> | null,
  }
}

/** Of a hundred: nine tenths are storing, the rest is what follows. */
function progressOf({ state, readingsTotal, readingsDone, batchesWaiting }: ImportRow) {
  const stored = readingsTotal === null || readingsTotal === 0 ? 0 : readingsDone / readingsTotal
  const percent = state === 'done' ? 100 : Math.min(99, Math.floor(90 * stored))
  return { readings: readingsTotal, stored: readingsDone, batchesToProcess: batchesWaiting, percent }
}

const INSTANTS = new Set(['at', 'from', 'to'])

/** Instants of a stored preview as text. */
function withInstants(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withInstants)
  if (typeof part !== 'object' || part === null) return part
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [
      name,
      INSTANTS.has(name) && typeof value === 'number' ? toInstantText(value) : withInstants(value),
    ]),
  )
}
