// Pages: an opaque cursor says where the next one begins; nothing is ever counted.
//
// A cursor belongs to the list that gave it: handed to another list it is refused. It carries no rights. That of a list
// over a stretch of time carries the stretch: one that ends now would end later for each page.

import { z } from '@hono/zod-openapi'
import { Instant } from '../../protocol/reading.ts'
import { Problem } from '../problem.ts'
import { InstantQuery, PointParam } from './fields.ts'

const CURSOR_LENGTH_MAX = 200

/** The two parameters of every list. */
export function pageQuery({ limitMax, limitDefault }: { limitMax: number; limitDefault: number }) {
  return {
    cursor: z
      .string()
      .min(1)
      .max(CURSOR_LENGTH_MAX)
      .optional()
      .openapi({ description: 'where to go on: `next` of the page before', example: undefined }),
    limit: z
      .string()
      .regex(/^\d{1,9}$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.int().min(1).max(limitMax))
      .default(limitDefault)
      .openapi({ type: 'integer', minimum: 1, maximum: limitMax, default: limitDefault }),
  }
}

/** The query of a list that takes nothing else. */
export const PageQuery = z.strictObject(pageQuery({ limitMax: 1000, limitDefault: 100 }))

/** The query of a list that may be of one point alone. */
export const PointPageQuery = z.strictObject({
  point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
  ...PageQuery.shape,
})

/** The two parameters of a stretch of time that need not be said; `from` says what is meant when it is not. */
export const spanQuery = (from = 'included') => ({
  from: InstantQuery.optional().openapi({ description: from }),
  to: InstantQuery.optional().openapi({ description: 'not included; now when absent' }),
})

/** `next` of every list. */
export const Next = z
  .string()
  .nullable()
  .openapi({ description: '`cursor` of the next page; null on the last one. Also in the header Link' })

/** A stretch of time, its beginning included and its end not. */
export interface Span {
  from: number
  to: number
}

const Key = z.int().min(0)
const Cursor = z.tuple([z.string(), Key])
const SpanCursor = z.tuple([z.string(), Key, Instant, Instant])

/** Where a page of `list` goes on. */
export function toCursor(list: string, key: number, span?: Span): string {
  const parts = span === undefined ? [list, key] : [list, key, span.from, span.to]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** The key that toCursor() was given for this list, or `start` without a cursor. Throws Problem. */
export function fromCursor(list: string, cursor: string | undefined, start: number): number {
  if (cursor === undefined) return start
  const { data } = Cursor.safeParse(jsonOrUndefined(cursor))
  if (data === undefined || data[0] !== list) throw invalidQuery('cursor', 'not a cursor of this list')
  return data[1]
}

/**
 * The stretch that is asked for and the key of the page before; `key` is absent on the first page. A cursor brings its
 * stretch along, and one that is asked for besides must be the same. Throws Problem.
 */
export function spanOf(
  list: string,
  { cursor, from, to }: { cursor?: string | undefined; from?: number | undefined; to?: number | undefined },
  defaults: (asked: { from?: number | undefined; to?: number | undefined }) => Span,
): Span & { key?: number } {
  if (cursor === undefined) return checkedSpan(defaults({ from, to }))
  const { data } = SpanCursor.safeParse(jsonOrUndefined(cursor))
  if (data === undefined || data[0] !== list) throw invalidQuery('cursor', 'not a cursor of this list')
  const [, key, ...carried] = data
  if (from !== undefined && from !== carried[0]) throw invalidQuery('from', 'not that of the page before')
  if (to !== undefined && to !== carried[1]) throw invalidQuery('to', 'not that of the page before')
  return { key, from: carried[0], to: carried[1] }
}

/** A stretch that does not end before it begins. Throws Problem. */
export function checkedSpan({ from, to }: Span): Span {
  if (from > to) throw invalidQuery('from', 'must not be after to')
  return { from, to }
}

/**
 * A page from one row more than it holds: what is in it, and the cursor of the next.
 * `keyOf` gives what the statement goes on after, `span` the stretch of time that the list is over.
 */
export function toPage<Row>(
  rows: readonly Row[],
  {
    list,
    limit,
    keyOf,
    span,
  }: { list: string; limit: number; keyOf: (row: Row) => number; span?: Span | undefined },
): { items: readonly Row[]; next: string | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? toCursor(list, keyOf(last), span) : null }
}

/** The header that names the first page, and the next one where there is one (RFC 8288). */
export function nextLink(url: string, next: string | null): { link: string } {
  const { pathname, searchParams } = new URL(url)
  const to = (rel: string) =>
    `<${pathname}${searchParams.size === 0 ? '' : `?${searchParams}`}>; rel="${rel}"`
  searchParams.delete('cursor')
  const first = to('first')
  if (next === null) return { link: first }
  searchParams.set('cursor', next)
  return { link: `${first}, ${to('next')}` }
}

const invalidQuery = (name: string, detail: string): Problem =>
  new Problem(400, 'Invalid request', { errors: [{ in: 'query', name, detail }] })

function jsonOrUndefined(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    // Whoever made this up gets the same answer as for any other wrong cursor.
    return undefined
  }
}
