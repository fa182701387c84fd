// A document that was read although parts of it have mistakes: so that mistakes of reference are told together with
// those of shape, and none is told that only follows from another.

import { z } from 'zod'
import { keysMeant } from './mistakes.ts'

/** `T` as far as it could be read: what has a mistake is undefined, as is what was not written. */
export type Sound<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Sound<Item> | undefined)[]
    : { readonly [Key in keyof T]?: Sound<T[Key]> | undefined }

/** A document as far as it could be read. */
export interface Draft<T> {
  sound: Sound<T> | undefined
  /** Whether something at this place, or below it, has a mistake. A key is wrong also where its name is misspelt. */
  isWrong(...path: PropertyKey[]): boolean
}

/** Reads as much of `input` as can be read. */
export function readDraft<Schema extends z.ZodType>(schema: Schema, input: unknown): Draft<z.output<Schema>> {
  // What safeParse() does, before it withholds a value that has mistakes. No schema of ours is asynchronous.
  const payload = schema._zod.run({ value: input, issues: [] }, { async: false })
  if (payload instanceof Promise) throw new Error('A schema is asynchronous')
  return toDraft(payload.value, payload.issues)
}

function toDraft<T>(value: unknown, issues: readonly z.core.$ZodRawIssue[]): Draft<T> {
  const wrong = new Set<string>()
  const lost = new Set<string>()
  for (const issue of issues) {
    const path = issue.path ?? []
    for (let length = 0; length <= path.length; length += 1) wrong.add(keyOf(path.slice(0, length)))
    if (issue.code === 'unrecognized_keys') {
      for (const key of keysMeant(issue)) wrong.add(keyOf([...path, key]))
    }
    // Without a known discriminator nothing of the object was read.
    const isUnread = issue.code === 'invalid_union' && issue.discriminator !== undefined
    const place = isUnread ? path.slice(0, -1) : path
    if (isUnread || UNREAD.has(issue.code) || !isBranch(valueAt(value, path))) lost.add(keyOf(place))
  }
  return {
    sound: prune(value, [], lost) as Sound<T> | undefined,
    isWrong: (...path) =>
      wrong.has(keyOf(path)) || path.some((_, end) => lost.has(keyOf(path.slice(0, end)))),
  }
}

/** Issues after which a list or an object is what was written, not what the schema makes of it. */
const UNREAD = new Set<z.core.$ZodRawIssue['code']>([
  ...(['invalid_type', 'invalid_union', 'invalid_value'] as const),
  // A list that is too long is not looked into.
  'too_big',
])

const keyOf = (path: readonly PropertyKey[]): string => JSON.stringify(path)

const isBranch = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && value !== z.NEVER

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) => (isBranch(inner) ? (inner as Record<PropertyKey, unknown>)[part] : undefined),
    value,
  )
}

/** Recursion goes as deep as the schema, whose values these are. */
function prune(value: unknown, path: readonly PropertyKey[], lost: ReadonlySet<string>): unknown {
  if (lost.has(keyOf(path))) return undefined
  if (!isBranch(value)) return value
  if (Array.isArray(value)) return value.map((item, index) => prune(item, [...path, index], lost))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, prune(item, [...path, key], lost)]),
  )
}
