// /points/{point}/export: all that a point has of a stretch of time, as CSV, one line for each instant.
//
// It is written while it is read, a slice at a time, and stops when nobody listens any more. Where it breaks off, the answer
// has no proper end: a file that came whole is whole.

import { createRoute, z } from '@hono/zod-openapi'
import { TIME_MAX } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Variable } from '../../protocol/variables.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest } from '../problem.ts'
import { CIVIL_ZONE } from '../processor/civil-time.ts'
import type { Database } from '../store/database.ts'
import { type ExportedRow, selectSeries, selectSlice } from '../store/exports.ts'
import { InstantQuery, PointParam, toInstantText, toQuality, toVariable, unitOfVariable } from './fields.ts'
import { checkedSpan, type Span } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SPAN_DEFAULT_MS = 31 * DAY_MS
const SPAN_MAX_MS = 1_100 * DAY_MS
/** At a reading a second of every variable this is still well under a million values. */
const SLICE_MS = 6 * HOUR_MS

const STYLES = {
  plain: { start: '', separator: ',', point: '.' },
  // What a spreadsheet of a Spanish-speaking country opens as columns and numbers.
  spreadsheet: { start: '\uFEFF', separator: ';', point: ',' },
} as const

type Style = (typeof STYLES)[keyof typeof STYLES]

const exportRoute = createRoute({
  method: 'get',
  path: '/{point}/export',
  tags: ['readings'],
  summary: 'All variables of a point over a stretch of time, as CSV',
  description:
    'One line for each instant: UTC, civil time, then each variable with its quality. A value that is absent is empty, and its quality says why. 31 days before `to` when `from` is absent; at most 1,100 days.',
  request: {
    params: PointParam,
    query: z.strictObject({
      from: InstantQuery.optional().openapi({ description: 'included' }),
      to: InstantQuery.optional().openapi({ description: 'not included; now when absent' }),
      style: z.enum(['plain', 'spreadsheet']).default('plain').openapi({
        description: '`spreadsheet`: with `;`, decimal comma and byte-order mark',
      }),
    }),
  },
  responses: {
    200: { description: 'the values', content: { 'text/csv': { schema: z.string() } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/points/{point}/export`. */
export function exports({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter().openapi(exportRoute, async context => {
    const { style, ...asked } = context.req.valid('query')
    const { to = Math.min(clock.now(), TIME_MAX), from = Math.max(0, to - SPAN_DEFAULT_MS) } = asked
    const span = checkedSpan({ from, to })
    if (to - from > SPAN_MAX_MS) {
      const detail = `at most ${SPAN_MAX_MS / DAY_MS} days before "to"`
      throw invalidRequest([{ in: 'query', name: 'from', detail }])
    }
    const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
    const series = await selectSeries(db, point.id)
    const columns = series.map(({ id, variable }) => ({ id, variable: toVariable(variable) }))
    const lines = linesOf(db, { columns, span, style: STYLES[style] })
    return context.body(ReadableStream.from(encoded(lines)), 200, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${point.point}-${dayText(from)}-${dayText(to)}.csv"`,
    })
  })
}

interface Column {
  id: number
  variable: Variable
}

/** The head, then the lines of one slice after the other. */
async function* linesOf(
  db: Database,
  { columns, span, style }: { columns: readonly Column[]; span: Span; style: Style },
): AsyncGenerator<string> {
  const head = columns.flatMap(({ variable }) => [
    `${variable} (${unitOfVariable(variable)})`,
    `${variable} quality`,
  ])
  yield `${style.start}${['utc', 'local', ...head].join(style.separator)}\r\n`
  const ids = columns.map(({ id }) => id)
  for (let from = span.from; from < span.to; from += SLICE_MS) {
    const rows = await selectSlice(db, ids, { from, to: Math.min(span.to, from + SLICE_MS) })
    if (rows.length > 0) yield toLines(rows, columns, style)
  }
}

/** The lines of rows in the order of time. */
export function toLines(rows: readonly ExportedRow[], columns: readonly Column[], style: Style): string {
  const lines: string[] = []
  for (const [at, group] of Map.groupBy(rows, row => row.at)) {
    const bySeries = new Map(group.map(row => [row.seriesId, row]))
    const cells = columns.flatMap(({ id }) => {
      const row = bySeries.get(id)
      return row === undefined ? ['', ''] : [toNumber(row.value, style), toQuality(row.quality)]
    })
    lines.push([toInstantText(at), localText(at), ...cells].join(style.separator))
  }
  return lines.map(line => `${line}\r\n`).join('')
}

const toNumber = (value: number | null, { point }: Style): string =>
  value === null ? '' : String(value).replace('.', point)

/** Civil time as a spreadsheet reads it: `2026-01-15 09:00:00`. */
function localText(at: number): string {
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE).toPlainDateTime()
  return local.toString({ smallestUnit: 'second' }).replace('T', ' ')
}

const dayText = (at: number): string => toInstantText(at).slice(0, 10)

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  for await (const text of texts) yield encoder.encode(text)
}
