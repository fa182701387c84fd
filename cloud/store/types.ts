// How the database's types become ours, from the text that both drivers give.

/** Reads the text of one value. */
export type TypeParser = (text: string) => unknown

const number: TypeParser = text => Number(text)

const bigint: TypeParser = text => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`Cannot hold ${text} exactly as a number`)
  return value
}

const boolean: TypeParser = text => text === 't'

/**
 * `2026-01-15 12:00:00.123+00` → epoch milliseconds. Sessions run in UTC with DateStyle ISO, so the zone is always a
 * whole number of hours; microseconds are cut off.
 */
export const parseInstant: TypeParser = text => {
  const parts = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,3})?\d*\+00$/.exec(text)
  if (parts === null) throw new Error(`Cannot read the instant ${text}`)
  return Date.parse(`${parts[1]}T${parts[2]}${parts[3] ?? ''}Z`)
}

const bytes: TypeParser = text => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

/** One-dimensional arrays of numbers, booleans and plain words: `{1,2,NULL}`. */
const arrayOf =
  (parse: TypeParser): TypeParser =>
  text =>
    text === '{}' ? [] : splitArray(text.slice(1, -1)).map(part => (part === undefined ? null : parse(part)))

function splitArray(inside: string): (string | undefined)[] {
  const parts: (string | undefined)[] = []
  const pattern = /"((?:[^"\\]|\\.)*)"|([^,]+)/g
  for (const [, quoted, plain] of inside.matchAll(pattern)) {
    if (quoted !== undefined) parts.push(quoted.replace(/\\(.)/g, '$1'))
    else parts.push(plain === 'NULL' ? undefined : plain)
  }
  return parts
}

/** By the type's oid in pg_type. A type that is not here stays text. */
export const TYPE_PARSERS: ReadonlyMap<number, TypeParser> = new Map<number, TypeParser>([
  [16, boolean],
  [17, bytes],
  [20, bigint],
  [21, number],
  [23, number],
  [26, number],
  [114, JSON.parse],
  [700, number],
  [701, number],
  [1000, arrayOf(boolean)],
  [1005, arrayOf(number)],
  [1007, arrayOf(number)],
  [1009, arrayOf(String)],
  [1015, arrayOf(String)],
  [1016, arrayOf(bigint)],
  [1022, arrayOf(number)],
  [1184, parseInstant],
  [1185, arrayOf(parseInstant)],
  [3802, JSON.parse],
])
