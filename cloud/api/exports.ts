// /points/{point}/export: all that a point has of a stretch of time, one line for each instant: CSV, a workbook, Parquet.
//
// It is written while it is read, a piece at a time, and stops when nobody listens any more. Where it breaks off, the answer
// has no proper end: a file that came whole is whole. It is gone on with by `Range` and `If-Range`: the bytes follow from the
// values, and `ETag` from both (cloud/exports/plan.ts), so nothing has to be kept for who comes back, to whichever process.

import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import { QUALITY_NAMES, TIME_MAX } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { STYLES, toCsv } from '../exports/csv.ts'
import { toParquet } from '../exports/parquet.ts'
import { type ExportPlan, planExport, readPieces } from '../exports/plan.ts'
import { cut, lengthOf, readRange } from '../exports/range.ts'
import type { Column } from '../exports/rows.ts'
import { toXlsx } from '../exports/xlsx.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectSeries } from '../store/exports.ts'
import { InstantQuery, PointParam, toInstantText, toQuality, toVariable, unitOfVariable } from './fields.ts'
import { checkedSpan } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DAY_MS = 86_400_000
const SPAN_DEFAULT_MS = 31 * DAY_MS
const SPAN_MAX_MS = 1_100 * DAY_MS

const FILES = {
  'text/csv': { schema: z.string() },
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': { schema: z.string() },
  'application/vnd.apache.parquet': { schema: z.string() },
}

const exportRoute = createRoute({
  method: 'get',
  path: '/{point}/export',
  tags: ['readings'],
  summary: 'All variables of a point over a stretch of time, as CSV, workbook or Parquet',
  description:
    'One line for each instant: UTC, civil time, then each variable with its quality. A value that is absent is empty, and its quality says why. 31 days before `to` when `from` is absent; at most 1,100 days. One that broke off is gone on with by `Range` and `If-Range`.',
  request: {
    params: PointParam,
    query: z.strictObject({
      from: InstantQuery.optional().openapi({ description: 'included' }),
      to: InstantQuery.optional().openapi({ description: 'not included; now when absent' }),
      format: z.enum(['csv', 'xlsx', 'parquet']).default('csv'),
      style: z.enum(['plain', 'spreadsheet']).default('plain').openapi({
        description: 'of CSV; `spreadsheet`: with `;`, decimal comma and byte-order mark',
      }),
    }),
  },
  responses: {
    200: { description: 'the values', content: FILES },
    206: { description: 'a part of them', content: FILES },
    304: { description: 'the same as what `If-None-Match` names' },
    ...problemResponses(400, 401, 403, 404, 409, 416),
  },
})

const TYPES = {
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  parquet: 'application/vnd.apache.parquet',
} as const

/** What an export is made of. */
interface Asked {
  db: Database
  columns: readonly Column[]
  plan: ExportPlan
  format: keyof typeof TYPES
  style: keyof typeof STYLES
}

/** How long bodies are, by their tags: whoever goes on with one need not wait until it was measured again. */
const LENGTHS_MAX = 1_000

/** `/points/{point}/export`. */
export function exports({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  const lengths = new Map<string, number>()
  return openRouter().openapi(exportRoute, async context => {
    const { style, format, ...asked } = context.req.valid('query')
    const { to = Math.min(clock.now(), TIME_MAX), from = Math.max(0, to - SPAN_DEFAULT_MS) } = asked
    const span = checkedSpan({ from, to })
    if (to - from > SPAN_MAX_MS) {
      const detail = `at most ${SPAN_MAX_MS / DAY_MS} days before "to"`
      throw invalidRequest([{ in: 'query', name: 'from', detail }])
    }
    const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
    const columns = (await selectSeries(db, point.id)).map(({ id, variable: code }) => {
      const variable = toVariable(code)
      return { id, variable, unit: unitOfVariable(variable) }
    })
    const plan = await planExport(
      db,
      columns.map(({ id }) => id),
      span,
    )
    const made = { db, columns, plan, format, style }
    const tag = tagOf(made)
    const headers = {
      etag: tag,
      'accept-ranges': 'bytes',
      'content-type': TYPES[format],
      'content-disposition': `attachment; filename="${point.point}-${dayText(from)}-${dayText(to)}.${format}"`,
    }
    if (context.req.header('if-none-match') === tag) return context.body(null, 304, { etag: tag })
    const send = (bytes: AsyncGenerator<Uint8Array>) =>
      ReadableStream.from(
        telling(bytes, error => log.warn('export broke off', { point: pointKey(point), error })),
      )
    const range = context.req.header('range')
    const isSame = (context.req.header('if-range') ?? tag) === tag
    if (range === undefined || !isSame) return context.body(send(bytesOf(made)), 200, headers)
    const total = await measured(lengths, tag, made)
    const part = readRange(range, total)
    if (part === undefined) return context.body(send(bytesOf(made)), 200, headers)
    if (part === 'beyond') throw new Problem(416, 'Beyond the end', { detail: `There are ${total} bytes` })
    return context.body(send(cut(bytesOf(made), part)), 206, {
      ...headers,
      'content-range': `bytes ${part.first}-${part.last}/${total}`,
      'content-length': String(part.last - part.first + 1),
    })
  })
}

/** The bytes of an export, from the first on. The same each time, or it breaks off. */
function bytesOf({ db, columns, plan, format, style }: Asked): AsyncGenerator<Uint8Array> {
  const pieces = readPieces(
    db,
    columns.map(({ id }) => id),
    plan,
  )
  switch (format) {
    case 'csv':
      return toCsv(pieces, { columns, style: STYLES[style], nameOf: toQuality })
    case 'xlsx':
      return toXlsx(pieces, { columns, nameOf: toQuality, qualities: [...QUALITY_NAMES, 'unknown'] })
    case 'parquet':
      return toParquet(pieces, { columns, nameOf: toQuality })
  }
}

/** Grows with each change of how a format is written. */
const WRITTEN_AS = 1

function tagOf({ columns, plan, format, style }: Asked): string {
  const variables = columns.map(({ variable }) => variable).join()
  const all = [WRITTEN_AS, variables, plan.print, format, format === 'csv' ? style : ''].join(' ')
  return `"${createHash('sha256').update(all).digest('base64url')}"`
}

async function measured(lengths: Map<string, number>, tag: string, asked: Asked): Promise<number> {
  const known = lengths.get(tag)
  if (known !== undefined) return known
  const total = await lengthOf(bytesOf(asked))
  const [oldest] = lengths.keys()
  if (lengths.size >= LENGTHS_MAX && oldest !== undefined) lengths.delete(oldest)
  lengths.set(tag, total)
  return total
}

/** The answer has begun: why it has no end can only be told to the log. */
async function* telling(
  bytes: AsyncGenerator<Uint8Array>,
  tell: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    tell(error)
    throw error
  }
}

const dayText = (at: number): string => toInstantText(at).slice(0, 10)
