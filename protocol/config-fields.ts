// The kinds of value that people write in configuration files.

import { z } from 'zod'
import { didYouMean, shortened } from './mistakes.ts'
import { UNIT_NAMES, type Unit, unitOf } from './variables.ts'

/** Text of a certain form: what is no text has no such form either. */
const textSuchAs = (pattern: RegExp, message: string) =>
  z
    .string({ error: ({ input }) => (input === undefined || input === null ? undefined : message) })
    .regex(pattern, message)

const DURATION_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `250ms`, `5s`, `1m`, `2h`, `7d` → milliseconds. */
export const Duration = textSuchAs(
  /^[1-9]\d{0,8}(ms|s|m|h|d)$/,
  'must be a duration such as 250ms, 5s, 1m, 2h or 7d',
).transform(text => {
  const [, count, unit] = /^(\d+)(\D+)$/.exec(text) as unknown as [string, string, keyof typeof DURATION_MS]
  return Number(count) * DURATION_MS[unit]
})

const SIZE_BYTES = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

function toBytes(text: string): number {
  const [, count, unit] = /^(\d+)(...)/.exec(text) as unknown as [string, string, keyof typeof SIZE_BYTES]
  return Number(count) * SIZE_BYTES[unit]
}

/** `64MiB`, `4GiB` → bytes. */
export const ByteSize = textSuchAs(
  /^[1-9]\d{0,6}(KiB|MiB|GiB)$/,
  'must be a size such as 512KiB, 64MiB or 4GiB',
).transform(toBytes)

/** `16KiB/s`, `1MiB/s` → bytes a second. */
export const ByteRate = textSuchAs(
  /^[1-9]\d{0,6}(KiB|MiB)\/s$/,
  'must be a rate such as 16KiB/s or 1MiB/s',
).transform(toBytes)

/** The name of a unit, in any spelling that people use. */
export const UnitName = z.string().transform((text, context): Unit => {
  const unit = unitOf(text)
  if (unit !== undefined) return unit
  context.addIssue({
    code: 'custom',
    message: `unknown unit "${shortened(text)}"${didYouMean(text, UNIT_NAMES)}`,
  })
  return z.NEVER
})

const Environment = z.strictObject({
  env: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be a name of the environment such as METER_TOKEN'),
})

const SecretFile = z.strictObject({ file: z.string().min(1).max(1_000) })

/** A value that never stands in the configuration: `{ env: NAME }`, or `{ file: PATH }` beside it. */
export const SealedSecret = z.union([Environment, SecretFile])

/** A value that may come from the environment instead of standing in the file: `{ env: NAME }`. */
export const Secret = z.union([z.string().min(1), Environment])

/** The same on site, where a file of its own may hold it too. */
export const SiteSecret = z.union([z.string().min(1), Environment, SecretFile])

/** A value that may come from elsewhere, on site. */
export type SiteSecret = z.infer<typeof SiteSecret>

/** A value that may come from elsewhere. */
export type Secret = z.infer<typeof Secret>

/** A name for people: one line. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}*$/u, 'must have no control characters')
