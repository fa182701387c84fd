// What people look after, over HTTP: how a part of it is changed, by whom it was seen before, and why it cannot be deleted.
//
// A change is a merge patch (RFC 7396): what it names is changed and nothing else, null clears, what it does not know is
// refused. It names the ETag of what was seen; who was slower than somebody else is told so.

import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import type { Sql } from '../store/database.ts'
import { DatabaseRefused } from '../store/database.ts'
import { type Deletable, deleteEntity, whatRestsOn } from '../store/entities.ts'
import { SlugText } from './fields.ts'

/** The header that names what was seen. */
export const IfMatch = z.object({
  'if-match': z
    .string()
    .optional()
    .openapi({ description: 'the ETag that it was read with', example: '"5f2c…"' }),
})

/** A body that is JSON. */
export const jsonBody = <Schema extends z.ZodType>(schema: Schema) =>
  ({ required: true, content: { 'application/json': { schema } } }) as const

/** A body that is a merge patch, by its own name or as JSON. */
export const patchBody = <Schema extends z.ZodType>(schema: Schema) =>
  ({
    required: true,
    content: { 'application/json': { schema }, 'application/merge-patch+json': { schema } },
  }) as const

/** An answer that is JSON. */
export const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
})

/** Which of a list: those in use, those that are archived, or all. */
export const ArchivedQuery = z
  .enum(['false', 'true', 'all'])
  .default('false')
  .openapi({ description: 'which: those in use, those that are archived, or all' })

const noControls = 'must have no control characters'

const isLine = (text: string): boolean => /^\P{Cc}*$/u.test(text)
const isText = (text: string): boolean => /^(?:\P{Cc}|[\n\r\t])*$/u.test(text)

/** A name that people read. */
export const NameText = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine(isLine, noControls)
  .openapi({ example: 'Pozo 7' })

/** A line of text, or nothing. */
export const LineText = z
  .string()
  .trim()
  .min(1)
  .max(300)
  .refine(isLine, noControls)
  .nullable()
  .openapi({ example: 'Camino El Peral 120' })

/** What there is to remember, in several lines, or nothing. */
export const NoteText = z
  .string()
  .trim()
  .min(1)
  .max(4_000)
  .refine(isText, noControls)
  .nullable()
  .openapi({ example: 'Portón con candado' })

/** A telephone number as people write it, or none. */
export const PhoneText = z
  .string()
  .trim()
  .regex(/^\+?[\d ()./-]{5,40}$/, 'must be a telephone number such as +56 9 1234 5678')
  .nullable()
  .openapi({ example: '+56 9 1234 5678' })

/** A mail address, or none. */
export const EmailText = z
  .email({ error: 'must be a mail address' })
  .max(254)
  .nullable()
  .openapi({ example: 'ana@campo.cl' })

/** `{client}` in a path. */
export const ClientParam = z.strictObject({
  client: SlugText.openapi({ param: { name: 'client', in: 'path' }, example: 'campo' }),
})

/** The ETag of a document. */
export const etagOf = (document: object): string =>
  `"${createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 32)}"`

/** Throws Problem unless `named` is the ETag of the document as it is. `which` names it. */
export function requireMatch(named: string | undefined, document: object, which: string): void {
  if (named === undefined) {
    throw new Problem(428, 'If-Match is missing', {
      detail: `It must name the ETag that ${which} was read with`,
    })
  }
  if (named === '*') return
  const etags = named.split(',').map(one => one.trim().replace(/^W\//, ''))
  if (etags.includes(etagOf(document))) return
  throw new Problem(412, 'It was changed meanwhile', { detail: `Look again at ${which}` })
}

/** Deletes what nothing rests on. Throws Problem that says what does. */
export async function deleteUnused(
  tx: Sql,
  entity: Deletable,
  { id, name }: { id: number; name: string },
): Promise<void> {
  const resting = await whatRestsOn(tx, entity, id)
  if (resting.length > 0) throw cannotDelete(entity, name, resting.join(', '))
  try {
    await deleteEntity(tx, entity, id)
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || !error.isAboutData) throw error
    throw cannotDelete(entity, name, 'something that refers to it')
  }
}

const cannotDelete = (entity: Deletable, name: string, what: string): Problem =>
  new Problem(422, 'It cannot be deleted', {
    detail: `The ${entity} ${name} has ${what}, and nothing of that may be lost: archive it instead`,
  })

/** Something of this name is there already. */
export const taken = (what: string): Problem =>
  new Problem(409, 'The name is taken', { detail: `There is ${what} already` })

/** It cannot be so now, and why. */
export const cannotBe = (detail: string): Problem => new Problem(422, 'It cannot be so', { detail })

/** A document as it is once a patch has been merged into it: what the patch does not name stays. */
export function merged<Document extends object>(
  document: Document,
  patch: { [Field in keyof Document]?: Document[Field] | undefined },
): Document {
  const named = Object.entries(patch).filter(([, value]) => value !== undefined)
  return { ...document, ...Object.fromEntries(named) }
}
