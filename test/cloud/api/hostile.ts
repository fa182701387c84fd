// Bad questions, made from right ones and from what the document says of a route: each with the field that is wrong.

import { mistakesOf, type OpenApiDocument, type OperationObject, type Schema } from './schema.ts'

/** One bad question. */
export interface Attempt {
  what: string
  path: string
  init: { headers?: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> }
  /** What the answer must name; absent: the document lets it through, and no more is asked than an answer. */
  refusedAt?: { in: string; name: string }
  /** Where it must be refused with another status than 400. */
  status?: number
}

/** A route and a right question. */
export interface Asked {
  document: OpenApiDocument
  template: string
  operation: OperationObject
  /** With a query, or at least its question mark. */
  path: string
  init: RequestInit
}

const LONG = 'x'.repeat(5_000)
const DEEP = `${'['.repeat(10_000)}${']'.repeat(10_000)}`

/** Texts for addresses. */
const TEXTS: Record<string, string> = {
  ...{ empty: '', blank: ' ', NUL: 'a\u0000b', long: LONG, negative: '-1', fraction: '1.5', hex: '0x10' },
  ...{ huge: '99999999999999999999999', exponent: '1e999', 'not a number': 'NaN' },
  ...{ SQL: "1' or '1'='1'; drop table points; --", path: '../../../etc/passwd' },
  ...{ prototype: '__proto__', lines: 'a\r\nset-cookie: x=1' },
  ...{ drop: '💧', override: '\u202egnp', object: '{"$ne":null}' },
}

/** Bytes of addresses that are no text in UTF-8. */
const NOT_UTF8 = ['%ED%A0%80', '%C0%80', '%FF', '%', '%zz']

/** JSON for bodies, as it is sent. */
const VALUES: Record<string, string> = {
  ...{ null: 'null', true: 'true', zero: '0', negative: '-1', fraction: '0.5', empty: '""', array: '[]' },
  ...{ object: '{}', 'too large for a number': '1e400', huge: '1e308', 'beyond whole': '9007199254740993' },
  ...{ long: JSON.stringify(LONG), NUL: '"a\\u0000b"', 'half a pair': '"a\\ud800"', deep: DEEP },
  ...{ SQL: JSON.stringify(TEXTS.SQL), path: JSON.stringify(TEXTS.path), prototype: '{"__proto__":{"a":1}}' },
  ...{
    'many of them': `[${'0,'.repeat(5_000)}0]`,
    'a number as text': '"12"',
    'an instant that is none': '"2026-02-31T25:00:00Z"',
  },
  ...{ 'an early instant': '"0001-01-01T00:00:00Z"', 'a late instant': '"9999-12-31T23:59:59Z"' },
}

/** BAD_INPUT=all asks everything of every field; else each has its turn of what is not always asked. */
const isWhole = process.env.BAD_INPUT === 'all'
const ALWAYS = new Set(['missing', 'NUL', 'long', 'huge', 'null'])
const ROTATED = 2

function chosen(texts: Record<string, string>, turn: number): [string, string][] {
  const all = Object.entries(texts)
  if (isWhole) return all
  const others = all.filter(([what]) => !ALWAYS.has(what))
  const turns = Array.from({ length: ROTATED }, (_, n) => others[(turn * ROTATED + n) % others.length])
  return [...all.filter(([what]) => ALWAYS.has(what)), ...turns.filter(one => one !== undefined)]
}

/** A number of a text, the same each time. */
const turnOf = (text: string): number =>
  [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7)

/** Bad questions of a route. */
export function* attemptsOf(asked: Asked): Generator<Attempt> {
  yield* badPaths(asked)
  yield* badQueries(asked)
  yield* badBodies(asked)
  yield* badHeaders(asked)
}

function* badPaths({ document, template, operation, path, init }: Asked): Generator<Attempt> {
  const { init: sent } = { init: init as Attempt['init'] }
  const names = template.split('/')
  const [given = '', query = ''] = path.split('?')
  for (const [place, segment] of names.entries()) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1]
    if (name === undefined) continue
    const schema = operation.parameters?.find(one => one.in === 'path' && one.name === name)?.schema ?? {}
    const put = (text: string) => `${given.split('/').with(place, text).join('/')}?${query}`
    for (const [what, text] of chosen(TEXTS, turnOf(template + name))) {
      // An empty one, and one that a browser takes for a step, is another address.
      if (text === '') continue
      const refused = isRefused(document, schema, text)
      yield {
        ...{ what: `${name} in the path: ${what}`, path: put(encodeURIComponent(text)), init: sent },
        ...(refused ? { refusedAt: { in: 'path', name } } : {}),
      }
    }
    for (const text of isWhole ? NOT_UTF8 : NOT_UTF8.slice(0, 1))
      yield { what: `${name} in the path: ${text}`, path: put(text), init: sent }
  }
}

function* badQueries({ document, template, operation, path, init }: Asked): Generator<Attempt> {
  const sent = init as Attempt['init']
  const [given = '', query = ''] = path.split('?')
  for (const { name, schema, required } of operation.parameters?.filter(one => one.in === 'query') ?? []) {
    const others = query.split('&').filter(one => one !== '' && !one.startsWith(`${name}=`))
    const put = (...texts: string[]) =>
      `${given}?${[...others, ...texts.map(text => `${name}=${text}`)].join('&')}`
    const at = { in: 'query', name }
    if (required === true) yield { what: `${name} missing`, path: put(), init: sent, refusedAt: at }
    for (const [what, text] of chosen(TEXTS, turnOf(template + name))) {
      const refused = isRefused(document, schema, text)
      yield {
        ...{ what: `${name} in the query: ${what}`, path: put(encodeURIComponent(text)), init: sent },
        ...(refused ? { refusedAt: at } : {}),
      }
    }
    for (const text of isWhole ? NOT_UTF8 : NOT_UTF8.slice(0, 1))
      yield { what: `${name} in the query: ${text}`, path: put(text), init: sent }
  }
}

/** Whether the document does not take a text: a number stands for itself, an instant must be one. */
function isRefused(document: OpenApiDocument, schema: Schema, text: string): boolean {
  const types = [schema.type].flat()
  if (schema.format === 'date-time' || schema.format === 'date') return Number.isNaN(Date.parse(text))
  const isNumber = types.includes('integer') || types.includes('number')
  const value = isNumber && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
  return mistakesOf(document, schema, value).length > 0
}

function* badBodies({ document, template, operation, path, init }: Asked): Generator<Attempt> {
  const schema = operation.requestBody?.content['application/json']?.schema
  if (schema === undefined) return
  const right: unknown = JSON.parse(String(init.body))
  const json = { 'content-type': 'application/json' }
  // What the document does not say, it cannot refuse: a right body that it would not take says nothing of others.
  const isKnown = mistakesOf(document, schema, right).length === 0
  const whole = { in: 'body', name: '' }
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
  ]
  for (const type of isWhole ? types : types.slice(0, 1)) {
    const wrong = { headers: { 'content-type': type }, body: String(init.body) }
    yield { what: `a body of ${type}`, path, init: wrong, refusedAt: whole, status: 415 }
  }
  const bodies = ['', '{', '{"a":', "{'a':1}", '[', 'null', '5', '"x"', '[]', DEEP, '\u0000', `\uFEFF{`]
  for (const body of isWhole ? bodies : [bodies[turnOf(template) % bodies.length] ?? '', DEEP]) {
    yield { what: `the body ${body.slice(0, 10)}`, path, init: { headers: json, body }, refusedAt: whole }
  }
  yield {
    what: 'bytes',
    path,
    init: { headers: json, body: new Uint8Array([0xff, 0xfe, 0x7b]) },
    refusedAt: whole,
  }
  for (const { name, holder, key } of fieldsOf(document, schema, right)) {
    const put = (text: string | undefined) => withField(right, holder, key, text)
    const attempt = (what: string, body: string) => {
      const refused = isKnown && mistakesOf(document, schema, JSON.parse(body)).length > 0
      const init = { headers: json, body }
      return {
        what: `${name} in the body: ${what}`,
        path,
        init,
        ...(refused ? { refusedAt: { in: 'body', name } } : {}),
      }
    }
    yield attempt('missing', put(undefined))
    for (const [what, text] of chosen(VALUES, turnOf(template + name))) yield attempt(what, put(text))
  }
}

interface Field {
  /** Dotted. */
  name: string
  holder: readonly string[]
  key: string
}

/** The fields of a right body, and those that the schema knows besides, through all that is nested. */
function* fieldsOf(
  document: OpenApiDocument,
  schema: Schema,
  value: unknown,
  holder: readonly string[] = [],
): Generator<Field> {
  if (typeof value !== 'object' || value === null || holder.length > 4) return
  const known = Array.isArray(value) ? {} : propertiesOf(document, schema)
  for (const key of new Set([...Object.keys(value), ...Object.keys(known)])) {
    yield { name: [...holder, key].join('.'), holder, key }
    const inner = (value as Record<string, unknown>)[key]
    const items = Array.isArray(value) ? ((resolved(document, schema).items ?? {}) as Schema) : known[key]
    yield* fieldsOf(document, items ?? {}, inner, [...holder, key])
  }
}

function resolved(document: OpenApiDocument, schema: Schema): Schema {
  const ref = schema.$ref
  return typeof ref === 'string'
    ? resolved(document, document.components.schemas[ref.replace('#/components/schemas/', '')] ?? {})
    : schema
}

function propertiesOf(document: OpenApiDocument, schema: Schema): Record<string, Schema> {
  const {
    properties = {},
    anyOf = [],
    oneOf = [],
    allOf = [],
  } = resolved(document, schema) as Record<string, never>
  const parts = [...(anyOf as Schema[]), ...(oneOf as Schema[]), ...(allOf as Schema[])]
  return Object.assign({}, ...parts.map(part => propertiesOf(document, part)), properties)
}

const MARK = '\u0001here\u0001'

/** The body as text, with other JSON at one place; without the field when there is none. */
function withField(right: unknown, holder: readonly string[], key: string, text: string | undefined): string {
  const copy = structuredClone(right)
  const at = holder.reduce((part, name) => (part as Record<string, unknown>)[name], copy) as Record<
    string,
    unknown
  >
  if (text === undefined) delete at[key]
  else at[key] = MARK
  return JSON.stringify(copy).replace(JSON.stringify(MARK), () => text ?? '')
}

function* badHeaders({ path, init }: Asked): Generator<Attempt> {
  const wrong = {
    'if-match': LONG,
    'if-none-match': LONG,
    'idempotency-key': '\u00ff',
    'last-event-id': LONG,
    range: 'bytes=9-1',
  }
  for (const [name, value] of Object.entries(wrong)) {
    const sent = init as Attempt['init']
    yield { what: `the header ${name}`, path, init: { ...sent, headers: { ...sent.headers, [name]: value } } }
  }
}
