// Holds an answer to what the API's document says of it: enough of JSON Schema for the document that we serve.

import assert from 'node:assert/strict'

/** A schema, as it stands in the document. */
export type Schema = Record<string, unknown>

/** An OpenAPI document. */
export interface OpenApiDocument {
  openapi: string
  info: { version: string; description: string }
  paths: Record<string, Record<string, OperationObject>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, Record<string, string>> }
}

/** What the document says of a route. */
export interface OperationObject {
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: Schema }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema; example?: unknown }> }>
}

const KNOWN = new Set([
  ...[
    '$ref',
    'type',
    'properties',
    'required',
    'additionalProperties',
    'items',
    'enum',
    'const',
    'anyOf',
    'oneOf',
    'allOf',
    'discriminator',
  ],
  ...[
    'pattern',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
  ],
  ...['description', 'example', 'default', 'format'],
])

/** What of `value` is not as the schema says: one line each, with the place. */
export function mistakesOf(document: OpenApiDocument, schema: Schema, value: unknown, place = ''): string[] {
  const strange = Object.keys(schema).filter(key => !KNOWN.has(key))
  assert.deepEqual(strange, [], `the schema at ${place} uses words that this check does not know`)
  const { $ref, anyOf, oneOf, allOf } = schema as Record<string, unknown>
  const check = (one: Schema, at = place, inner: unknown = value) => mistakesOf(document, one, inner, at)
  if (typeof $ref === 'string') {
    const name = $ref.replace('#/components/schemas/', '')
    const found = document.components.schemas[name]
    return found === undefined ? [`${place}: no schema ${$ref}`] : check(found)
  }
  const choices = (anyOf ?? oneOf) as Schema[] | undefined
  if (choices !== undefined) {
    const all = choices.map(one => check(one))
    return all.some(one => one.length === 0)
      ? []
      : [`${place}: ${JSON.stringify(value)} is none of the choices`]
  }
  if (allOf !== undefined) return (allOf as Schema[]).flatMap(one => check(one))
  return [...scalarMistakes(schema, value, place), ...partMistakes(schema, value, place, check)]
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function scalarMistakes(schema: Schema, value: unknown, place: string): string[] {
  const types = [schema.type].flat().filter(one => one !== undefined)
  const type = typeOf(value)
  const fits = types.length === 0 || types.includes(type) || (type === 'integer' && types.includes('number'))
  if (!fits) return [`${place}: ${JSON.stringify(value)} is not ${types.join(' or ')}`]
  const wrong = (what: string) => [`${place}: ${JSON.stringify(value)} ${what}`]
  if ('const' in schema && schema.const !== value) return wrong(`is not ${schema.const}`)
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return wrong(`is none of ${schema.enum}`)
  if (
    typeof schema.pattern === 'string' &&
    typeof value === 'string' &&
    !new RegExp(schema.pattern, 'u').test(value)
  ) {
    return wrong(`does not match ${schema.pattern}`)
  }
  if (typeof value === 'string' && value.length < Number(schema.minLength ?? 0)) return wrong('is too short')
  if (typeof value === 'string' && value.length > Number(schema.maxLength ?? Infinity))
    return wrong('is too long')
  if (typeof value === 'number' && value < Number(schema.minimum ?? -Infinity)) return wrong('is too small')
  if (typeof value === 'number' && value > Number(schema.maximum ?? Infinity)) return wrong('is too large')
  if (typeof value === 'number' && value <= Number(schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY))
    return wrong('is too small')
  if (typeof value === 'number' && value >= Number(schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY))
    return Number.isFinite(value) || schema.exclusiveMaximum !== undefined ? wrong('is too large') : []
  return []
}

function partMistakes(
  { properties = {}, required = [], additionalProperties, items }: Schema,
  value: unknown,
  place: string,
  check: (one: Schema, at: string, inner: unknown) => string[],
): string[] {
  if (Array.isArray(value)) {
    return items === undefined
      ? []
      : value.flatMap((one, index) => check(items as Schema, `${place}[${index}]`, one))
  }
  if (typeof value !== 'object' || value === null) return []
  const known = properties as Record<string, Schema>
  const missing = (required as string[])
    .filter(name => !(name in value))
    .map(name => `${place}.${name} is missing`)
  return [
    ...missing,
    ...Object.entries(value).flatMap(([name, inner]) => {
      const schema = known[name]
      if (schema !== undefined) return check(schema, `${place}.${name}`, inner)
      return additionalProperties === false ? [`${place}.${name} is not in the document`] : []
    }),
  ]
}
