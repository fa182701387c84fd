// Types of TypeScript from an OpenAPI document: what the web application may ask and what it is answered.
//
// It writes what our document has: objects, arrays, choices, enumerations, references. A word that it does not know is an
// error, never `unknown`.

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  description?: string
}

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

/** As much of a document as is read here. */
export interface TypedDocument {
  paths: Record<string, Record<string, unknown>>
  components: { schemas: Record<string, unknown> }
}

/** The text of types.ts: `Routes`, by method and path, and every schema that they name. */
export function writeClientTypes(document: TypedDocument, routes: readonly string[]): string {
  const named = new Map<string, string>()
  const wanted: string[] = []
  const name = (ref: string): string => {
    const key = ref.replace('#/components/schemas/', '')
    if (!named.has(key)) {
      named.set(key, '')
      wanted.push(key)
    }
    return key
  }
  const entries = routes.map(route => {
    const [method = '', path = ''] = route.split(' ')
    const operation = document.paths[path]?.[method.toLowerCase()] as Operation | undefined
    if (operation === undefined) throw new Error(`The document has no ${route}`)
    return `  '${route}': ${typeOfOperation(operation, name)}`
  })
  for (let key = wanted.shift(); key !== undefined; key = wanted.shift()) {
    const schema = document.components.schemas[key] as Schema | undefined
    if (schema === undefined) throw new Error(`The document has no schema ${key}`)
    named.set(key, typeOf(schema, name))
  }
  const schemas = [...named]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([key, type]) => `export type ${key} = ${type}\n`)
  return `${HEAD}\nexport interface Routes {\n${entries.join('\n')}\n}\n\n${schemas.join('\n')}`
}

const HEAD = `// Written from the API's document (deploy/client-types.ts); test/cloud/web/types.test.ts holds it to that.
`

type Name = (ref: string) => string

function typeOfOperation({ parameters = [], requestBody, responses }: Operation, name: Name): string {
  const fields = (part: string) =>
    parameters
      .filter(one => one.in === part)
      .map(one => `${one.name}${one.required === true ? '' : '?'}: ${typeOf(one.schema, name)}`)
  const group = (part: string) => {
    const all = fields(part)
    return all.length === 0 ? 'Record<string, never>' : `{ ${all.join('; ')} }`
  }
  const body = requestBody?.content['application/json']
  const good = Object.entries(responses).filter(([status]) => status.startsWith('2'))
  const answers = good.map(([, { content }]) => {
    const json = content?.['application/json']
    return json === undefined ? 'undefined' : typeOf(json.schema, name)
  })
  const sent = body === undefined ? 'undefined' : typeOf(body.schema, name)
  return `{ path: ${group('path')}; query: ${group('query')}; body: ${sent}; answer: ${answers.join(' | ')} }`
}

function typeOf(schema: Schema, name: Name): string {
  if (schema.$ref !== undefined) return name(schema.$ref)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return choices.map(one => typeOf(one, name)).join(' | ')
  if (schema.allOf !== undefined) {
    // A part without a type only describes.
    const parts = schema.allOf.map(one => typeOf(one, name)).filter(type => type !== 'unknown')
    return parts.length === 1 ? (parts[0] ?? '') : parts.map(type => `(${type})`).join(' & ')
  }
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(one => JSON.stringify(one)).join(' | ')
  if (schema.type === undefined) return 'unknown'
  return [schema.type]
    .flat()
    .map(type => typeOfKind(type, schema, name))
    .join(' | ')
}

function typeOfKind(type: string, schema: Schema, name: Name): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'number':
    case 'integer':
      return 'number'
    case 'array':
      return `(${typeOf(schema.items ?? {}, name)})[]`
    case 'object':
      return typeOfObject(schema, name)
    default:
      throw new Error(`Cannot write the type ${type}`)
  }
}

function typeOfObject({ properties, required = [], additionalProperties }: Schema, name: Name): string {
  if (properties === undefined) {
    const values = typeof additionalProperties === 'object' ? typeOf(additionalProperties, name) : 'unknown'
    return `Record<string, ${values}>`
  }
  const fields = Object.entries(properties).map(
    ([key, one]) => `${key}${required.includes(key) ? '' : '?'}: ${typeOf(one, name)}`,
  )
  return `{ ${fields.join('; ')} }`
}
