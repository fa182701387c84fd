// Fields that several documents of the API share, and how rows become them.

import { z } from '@hono/zod-openapi'
import { SLUG } from '../../protocol/ids.ts'
import {
  QUALITY_NAMES,
  type Quality,
  qualityOf,
  TIME_MAX,
  TIME_QUALITY_NAMES,
  type TimeQuality,
  timeQualityOf,
} from '../../protocol/reading.ts'
import { VARIABLE_NAMES, VARIABLES, type Variable, variableOf } from '../../protocol/variables.ts'
import { PROJECT_NAME } from '../analytics/routes.ts'
import { FLAG_NAMES } from '../flags.ts'
import { POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'

/** An instant in an answer: ISO 8601, UTC, milliseconds. */
export const InstantText = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .openapi('Instant', { description: 'ISO 8601, UTC, milliseconds', example: '2026-01-15T12:00:00.000Z' })

/** An instant in a question: ISO 8601 with any offset → epoch milliseconds. */
export const InstantQuery = z.iso
  .datetime({ offset: true, error: 'must be an instant such as 2026-01-15T12:00:00Z' })
  .transform(text => Date.parse(text))
  .pipe(z.int().min(0).max(TIME_MAX))
  .openapi({ type: 'string', format: 'date-time', example: '2026-01-15T12:00:00Z' })

/** A civil day in an answer. */
export const DateText = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/)
  .openapi('Day', { description: 'a civil day, America/Santiago', example: '2026-01-15' })

/** A civil day in a question. */
export const DateQuery = z.iso
  .date({ error: 'must be a day such as 2026-01-15' })
  .openapi({ type: 'string', format: 'date', example: '2026-01-15' })

/** An identifier. */
export const SlugText = z.string().regex(SLUG).openapi({ example: 'pozo-7' })

/** A point's full name. */
export const PointKey = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){2}$/)
  .openapi('PointKey', { description: 'client.project.point', example: 'campo.los-aromos.pozo-7' })

/** A project's full name. */
export const ProjectKey = z
  .string()
  .regex(PROJECT_NAME, 'must be client.project')
  .openapi('ProjectKey', { description: 'client.project', example: 'campo.los-aromos' })

/** `{project}` in a path. */
export const ProjectParam = z.strictObject({
  project: ProjectKey.openapi({ param: { name: 'project', in: 'path' } }),
})

/** The query of a route that takes none: what it would not heed is refused. */
export const NoQuery = z.strictObject({})

/** `{point}` in a path. */
export const PointParam = z.strictObject({
  point: z
    .string()
    .regex(POINT_NAME, POINT_NAME_MISTAKE)
    .openapi({
      param: { name: 'point', in: 'path' },
      description: '`client.project.point`; the point alone while it names exactly one that you may see',
      example: 'campo.los-aromos.pozo-7',
    }),
})

/** The greatest number of a column that is an `int`. */
export const INT_MAX = 2_147_483_647

/** A number in a path that names something. */
export const numberParam = (name: string, max: number = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^[1-9]\d{0,15}$/, 'must be a whole number, 1 or greater')
    .transform(Number)
    .pipe(z.int().max(max))
    .openapi({ param: { name, in: 'path' }, type: 'integer', minimum: 1, maximum: max, example: 7 })

/** The name of a variable. */
export const VariableName = z
  .enum(VARIABLE_NAMES)
  .openapi('Variable', { description: 'each has one unit, in which all its values are', example: 'flow' })

/** How far a value can be trusted, or why there is none. */
export const QualityName = z.enum([...QUALITY_NAMES, 'unknown']).openapi('Quality', {
  description: 'how far a value can be trusted, or why there is none',
  example: 'good',
})

/** How well the clock was known. */
export const TimeQualityName = z.enum([...TIME_QUALITY_NAMES, 'unknown']).openapi('TimeQuality', {
  description: 'how well the clock was known that stamped the reading',
  example: 'synced',
})

/** What the cloud found out about a value. */
export const FlagNames = z
  .array(z.enum(FLAG_NAMES).openapi('Flag'))
  .openapi({ description: 'what was found out about it, beside its quality; empty: nothing', example: [] })

/** A value, measured or absent. */
export const Value = z
  .number()
  .nullable()
  .openapi({ description: 'null when there is none: `quality` says why' })

/**
 * The same, or null. Not `nullable()`: of a schema that has a name in the document it writes one that is both at once,
 * which nothing is.
 */
export const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()])

/** An instant of ours as text. */
export const toInstantText = (at: number): string => new Date(at).toISOString()

/** The same for one that may be missing. */
export const toInstantTextOrNull = (at: number | null): string | null =>
  at === null ? null : toInstantText(at)

/** The name of a quality; a code of a newer version is `unknown`. */
export const toQuality = (code: number): Quality | 'unknown' => qualityOf(code) ?? 'unknown'

/** The name of a time quality; a code of a newer version is `unknown`. */
export const toTimeQuality = (code: number): TimeQuality | 'unknown' => timeQualityOf(code) ?? 'unknown'

/** The variable of a code that this version wrote itself. */
export function toVariable(code: number): Variable {
  const variable = variableOf(code)
  if (variable === undefined) throw new Error(`Unknown variable ${code} in the database`)
  return variable
}

/** The unit of a variable. */
export const unitOfVariable = (variable: Variable): string => VARIABLES[variable].unit
