// Every route that changes something, from the document: each writes to the audit, and a patch changes what it names alone.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fill } from './content.ts'
import { ANSWERED, initOf, pathsOf } from './questions.ts'
import { type Answered, type ApiScene, openApiScene } from './scene.ts'
import type { OperationObject, Schema } from './schema.ts'

/** Those that change nothing, or nothing as the scene asks them. */
const ONLY_ASKS = [
  // Signing in, out and up: who asks by a token has no session, and no secret of anybody's.
  /^\w+ \/api\/v1\/(session|account|invitations?|recovery|links)(\/|$)/,
  /\/backtest$/,
  /\/preview$/,
  /\/validate$/,
  /\/diff$/,
  /\/labels$/,
  /\/configuration\/(check|device)$/,
  // A message, and nothing else.
  /\/test$/,
  // Nobody of the scene has a session or a second factor.
  /^POST \/api\/v1\/users\/\{user\}\/(sign-out|reset-second-factor)$/,
  // The question of the scene is a dry run.
  /^POST \/api\/v1\/compliance\/slots\/decisions$/,
]

/** What is shown besides and follows from a field: who is out of use cannot come in. */
const FOLLOWS: Record<string, string> = { archived: 'hasToken', disabled: 'state' }

describe('every route that changes something', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  const changing = () =>
    Object.entries(api.document.paths).flatMap(([template, operations]) =>
      Object.entries(operations)
        .filter(([method]) => method !== 'get')
        .map(([method, operation]) => ({
          route: `${method.toUpperCase()} ${template}`,
          template,
          operation,
        })),
    )
  const etagAt = async (template: string, path: string): Promise<string> => {
    for (const more of ['', '/settings']) {
      if (api.document.paths[`${template}${more}`]?.get === undefined) continue
      const { headers } = await api.ask(`GET ${template}${more}`, {
        path: `${path.replace(/\?.*/, '')}${more}`,
      })
      return headers.get('etag') ?? ''
    }
    return ''
  }
  const newest = async () =>
    (await api.db.query<{ id: number }>('select coalesce(max(id), 0)::int as id from audit'))[0]?.id ?? 0

  test('writes who did it to the audit, under its own name', async () => {
    const proven: string[] = []
    const missing: string[] = []
    for (const { route, template, operation } of changing()) {
      if (ONLY_ASKS.some(one => one.test(route)) || !template.startsWith('/api/v1/')) continue
      const [path = ''] = pathsOf(template, operation, 'campo')
      const [first, init] = [await newest(), initOf(route, 'audited')]
      const match = ANSWERED[route] === 428 ? await etagAt(template, path) : ''
      const headers = {
        ...(init.headers as Record<string, string>),
        ...(match === '' ? {} : { 'if-match': match }),
      }
      const { status } = await api.ask(route, { path, init: { ...init, headers } })
      if (status >= 300 || route.startsWith('PATCH ')) continue
      const rows = await api.db.query<{ route: string | null; name: string }>(
        'select route, actor_name as name from audit where id > $1',
        [first],
      )
      const isKept = rows.some(row => row.route === route && row.name === 'administrator')
      if (isKept) proven.push(route)
      else missing.push(`${route}: ${status} ${JSON.stringify(rows)}`)
    }
    assert.deepEqual(missing, [])
    assert.ok(proven.length >= 15, `${proven.length} routes: ${proven.join(', ')}`)
  })

  test('by a patch changes the one field that it names, or nothing at all', async () => {
    const patches = changing().filter(({ route }) => route.startsWith('PATCH '))
    assert.ok(patches.length >= 7)
    for (const { route, template, operation } of patches) {
      const target = await patchable(template, pathsOf(template, operation, 'campo')[0] ?? '')
      for (const [field, schema] of fieldsOf(api, operation)) {
        const kept = await patchEach(route, template, target, field, valuesOf(schema))
        assert.ok(
          kept > 0 || field === 'archived' || schema.type === 'array',
          `${route}: no value of ${field} was taken`,
        )
      }
    }
  })

  /** Of nothing is owed of the second point, and nobody deletes the second contact. */
  async function patchable(template: string, asked: string): Promise<string> {
    const path = asked.replace(/\?.*/, '').replace(/contacts\/1$/, 'contacts/2')
    const second = path.replace('pozo-7', 'campo-8')
    return (await api.ask(`GET ${template}`, { path: second })).status === 200 ? second : path
  }

  async function patchEach(
    route: string,
    template: string,
    path: string,
    field: string,
    values: unknown[],
  ): Promise<number> {
    let taken = 0
    for (const value of values) {
      const before = (await api.ask(`GET ${template}`, { path })).body
      const first = await newest()
      const answer = await send(route, path, { [field]: value }, await etagAt(template, path))
      const found = (await api.ask(`GET ${template}`, { path })).body
      const what = `${route} ${field}: ${JSON.stringify(value)}`
      const differing = Object.keys(found).filter(
        key => JSON.stringify(found[key]) !== JSON.stringify(before[key]),
      )
      const others = differing.filter(key => key !== field && FOLLOWS[field] !== key)
      assert.deepEqual(others, [], what)
      if (answer.status !== 200) {
        assert.deepEqual([answer.status === 400 || answer.status === 422, differing], [true, []], what)
        continue
      }
      taken += 1
      assert.deepEqual(answer.body, found, what)
      if (differing.length === 0) continue
      const rows = await api.db.query<{ route: string }>('select route from audit where id > $1', [first])
      assert.ok(rows.length > 0 && rows.every(row => row.route === route), `${what} is not in the audit`)
    }
    return taken
  }

  const send = (route: string, path: string, body: object, match: string): Promise<Answered> =>
    api.ask(route, {
      path,
      init: {
        headers: { 'content-type': 'application/merge-patch+json', 'if-match': match },
        body: JSON.stringify(body),
      },
    })
})

function resolved(api: ApiScene, schema: Schema): Schema {
  const name = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined
  return name === undefined ? schema : (api.document.components.schemas[name] ?? {})
}

function fieldsOf(api: ApiScene, operation: OperationObject): [string, Schema][] {
  const body = (operation as unknown as { requestBody: { content: Record<string, { schema: Schema }> } })
    .requestBody
  const schema = resolved(api, body.content['application/json']?.schema ?? {})
  return Object.entries(schema.properties as Record<string, Schema>).map(([name, one]) => [
    name,
    resolved(api, one),
  ])
}

/** Right values of a field, each another one, and null where it may be cleared. */
function valuesOf(schema: Schema): unknown[] {
  const types = [schema.type].flat()
  const nothing = types.includes('null') ? [null] : []
  const { enum: listed, example, minimum, exclusiveMinimum } = schema as Record<string, unknown>
  if (Array.isArray(listed)) return [...listed, ...nothing]
  if (types.includes('array')) return []
  if (types.includes('boolean')) return [true, false]
  if (types.includes('integer')) return [2, 3, ...nothing]
  if (types.includes('number')) {
    const least = Number(minimum ?? exclusiveMinimum ?? 0)
    return [least + 1.5, least + 2.5, ...nothing]
  }
  return [example ?? 'otro', ...nothing]
}
