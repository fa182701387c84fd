// Pages: an opaque cursor says where the next one begins; nothing is ever counted.
//
// A cursor belongs to the list that gave it: handed to another list it is refused. It carries no rights.

import { z } from '@hono/zod-openapi'
import { Problem } from './problem.ts'

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
    limit: z.coerce
      .number()
      .pipe(z.int().min(1).max(limitMax))
      .default(limitDefault)
      .openapi({ type: 'integer', minimum: 1, maximum: limitMax, default: limitDefault }),
  }
}

/** `next` of every list. */
export const Next = z
  .string()
  .nullable()
  .openapi({ description: '`cursor` of the next page; null on the last one. Also in the header Link' })

/** Where a page of `list` goes on. */
export function toCursor(list: string, key: number): string {
  return Buffer.from(JSON.stringify([list, key])).toString('base64url')
}

const Cursor = z.tuple([z.string(), z.number()])

/** The key that toCursor() was given for this list, or `start` without a cursor. Throws Problem. */
export function fromCursor(list: string, cursor: string | undefined, start: number): number {
  if (cursor === undefined) return start
  const parsed = Cursor.safeParse(jsonOrUndefined(Buffer.from(cursor, 'base64url').toString()))
  if (parsed.success && parsed.data[0] === list) return parsed.data[1]
  const errors = [{ in: 'query' as const, name: 'cursor', detail: 'not a cursor of this list' }]
  throw new Problem(400, 'Invalid request', { errors })
}

/**
 * A page from one row more than it holds: what is in it, and the cursor of the next.
 * `keyOf` gives what the statement goes on after.
 */
export function toPage<Row>(
  rows: readonly Row[],
  { list, limit, keyOf }: { list: string; limit: number; keyOf: (row: Row) => number },
): { items: readonly Row[]; next: string | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? toCursor(list, keyOf(last)) : null }
}

/** The header that names the next page (RFC 8288); nothing on the last one. */
export function nextLink(url: string, next: string | null): Record<string, string> {
  if (next === null) return {}
  const { pathname, searchParams } = new URL(url)
  searchParams.set('cursor', next)
  return { link: `<${pathname}?${searchParams}>; rel="next"` }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Whoever made this up gets the same answer as for any other wrong cursor.
    return undefined
  }
}
