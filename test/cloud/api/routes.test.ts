// The table of rules, held against every route of the document: every role, and somebody else's names.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openApi, toRouteName } from '../../../cloud/api/app.ts'
import { RULES } from '../../../cloud/api/rules.ts'
import { createToken } from '../../../cloud/api/users.ts'
import { ROLES } from '../../../cloud/store/accounts.ts'
import { PAGES } from '../../../cloud/web/pages.ts'
import { fill, NOW, OF_OTRA } from './content.ts'
import { type ApiScene, DGA_PASSWORD, isForAll, openApiScene } from './scene.ts'
import { mistakesOf, type OperationObject, type Schema } from './schema.ts'

/** What is served besides the routes of the document. */
const UNDOCUMENTED = [
  ...['GET /openapi.json', 'GET /docs', 'GET /docs/{file}', 'GET /assets/{file}', 'GET /favicon.svg'],
  ...PAGES.map(page => `GET ${page}`),
]

describe('every route of the API', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  const routes = () =>
    Object.entries(api.document.paths).flatMap(([template, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        ...{ route: `${method.toUpperCase()} ${template}`, template, operation },
      })),
    )
  /** The routes that not everybody may ask. */
  const guarded = () =>
    routes().flatMap(({ route, ...rest }) => {
      const rule = RULES[route]
      return rule === 'public' || rule === undefined ? [] : [{ route, rule, ...rest }]
    })

  test('stands in the document with a rule, and nothing else does', () => {
    const served = openApi(api.deps, api.options)
      .routes.filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => toRouteName(method, path))
    const documented = [...routes().map(({ route }) => route), ...UNDOCUMENTED]
    assert.deepEqual([...new Set(served)].sort(), documented.toSorted())
    assert.deepEqual(Object.keys(RULES).sort(), documented.toSorted())
  })

  test('is refused to everybody when it has no rule', async () => {
    const rules = { ...RULES }
    const app = openApi(api.deps, api.options, rules)
    for (const { route, template, operation } of routes()) {
      const { [route]: rule } = RULES
      delete rules[route]
      const [method = ''] = route.split(' ')
      const headers = { authorization: `Bearer ${api.tokens.administrator}` }
      const answer = await app.request(pathsOf(template, operation, 'campo')[0] ?? '', { method, headers })
      assert.equal(answer.status, 403, route)
      assert.ok(api.lines.some(line => line.includes('without a rule') && line.includes(route)))
      if (rule !== undefined) rules[route] = rule
    }
  })

  test('answers 401 to nobody, and 403 or an answer to each role as its rule says', async () => {
    for (const { route, rule, template, operation } of guarded()) {
      const [path = ''] = pathsOf(template, operation, 'campo')
      const anonymous = await api.ask(route, { path, token: '' })
      assert.equal(anonymous.status, 401, route)
      assert.equal(anonymous.headers.get('www-authenticate'), 'Bearer')
      for (const role of ROLES) {
        const token = api.tokens[isForAll(role) ? role : `${role} of campo`] ?? ''
        const { status } = await api.ask(route, { path, token, init: initOf(route, role) })
        assert.equal(
          status,
          rule.roles.includes(role) ? (ANSWERED[route] ?? 200) : 403,
          `${role} at ${route}`,
        )
      }
    }
  })

  test('shows nothing of another client, by its name or in a list', async () => {
    for (const { route, rule, template, operation } of guarded()) {
      for (const path of pathsOf(template, operation, 'otra')) {
        const everything = JSON.stringify(
          (await api.ask(route, { path, init: initOf(route, 'all', 'otra') })).body,
        )
        if (!/\/me(\/|$)/.test(route)) assert.match(everything, OF_OTRA, `nothing to leak at ${path}`)
        for (const role of rule.roles.filter(one => !isForAll(one))) {
          const token = api.tokens[`${role} of campo`] ?? ''
          const { status, body } = await api.ask(route, { path, token, init: initOf(route, role, 'otra') })
          if (template.includes('{')) assert.equal(status, 404, `${role} at ${path}`)
          assert.doesNotMatch(JSON.stringify(body), OF_OTRA, `${role} at ${path}`)
        }
      }
    }
  })

  test('wants the scope that its rule names', async () => {
    const token = await createToken(api.db, {
      ...{ name: 'subscribes only', role: 'administrator', scopes: ['subscribe'], createdBy: 'test' },
    })
    for (const { route, rule, template, operation } of guarded()) {
      const { status, body } = await api.ask(route, {
        path: pathsOf(template, operation, 'campo')[0] ?? '',
        token,
      })
      assert.equal(status, 403, route)
      assert.match(body.detail, new RegExp(`lacks the scope "${rule.scope}"`))
    }
  })

  test('refuses a question that it would not heed', async () => {
    for (const { route, template, operation } of routes()) {
      const [path = ''] = pathsOf(template, operation, 'campo')
      const asked = `${path}${path.includes('?') ? '&' : '?'}xyz=1`
      const { status, body } = await api.ask(route, { path: asked, init: initOf(route, 'query') })
      assert.equal(status, 400, route)
      assert.deepEqual(
        [body.errors[0].in, body.errors[0].name, body.errors[0].detail],
        ['query', 'xyz', 'unknown key `xyz`'],
        route,
      )
    }
  })

  const lists = () =>
    guarded().filter(
      ({ operation }) =>
        queryOf(operation).some(({ name }) => name === 'cursor') &&
        operation.responses['200']?.content?.['application/json'] !== undefined,
    )

  test('that is a list comes to its end page by page, each row once', async () => {
    assert.ok(lists().length >= 6)
    for (const { route, template, operation } of lists()) {
      const [path = ''] = pathsOf(template, operation, 'campo')
      const whole = (await api.ask(route, { path })).body.items
      assert.ok(whole.length > 1, route)
      const seen: unknown[] = []
      let next: string | null = null
      do {
        const cursor: string = next === null ? '' : `&cursor=${next}`
        const { body } = await api.ask(route, { path: `${path}&limit=1${cursor}` })
        seen.push(...body.items)
        next = body.next
      } while (next !== null && seen.length <= whole.length)
      assert.deepEqual(seen, whole, route)
    }
  })

  test('that is a list takes no cursor that it cannot have given', async () => {
    for (const { route, template, operation } of lists()) {
      const [path = ''] = pathsOf(template, operation, 'campo')
      const { next } = (await api.ask(route, { path: `${path}&limit=1` })).body
      const [list, key, ...span] = JSON.parse(Buffer.from(next, 'base64url').toString())
      const ask = async (parts: unknown) => {
        const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url')
        return (await api.ask(route, { path: `${path}&cursor=${cursor}` })).status
      }
      assert.equal(await ask([list, key, ...span]), 200)
      for (const wrong of [1.5, -1, 1e300, 'x', null])
        assert.equal(await ask([list, wrong, ...span]), 400, route)
      for (const far of [3e9, Number.MAX_SAFE_INTEGER])
        assert.equal(await ask([list, far, ...span]), 200, route)
      assert.equal(await ask([`${list}s`, key, ...span]), 400, route)
      assert.equal(await ask([list, key, ...span, 1]), 400, route)
      assert.equal(await ask({ list, key }), 400, route)
    }
  })

  test('holds no secret, and logs none', async () => {
    let told = JSON.stringify(api.document)
    for (const { route, template, operation } of guarded()) {
      for (const path of pathsOf(template, operation, 'campo')) {
        told += JSON.stringify((await api.ask(route, { path, init: initOf(route, 'secrets') })).body)
      }
    }
    const secrets = [DGA_PASSWORD, 'un-token-de-gateway', ...Object.values(api.tokens)]
    for (const secret of secrets) assert.ok(!told.includes(secret) && !api.lines.join().includes(secret))
  })

  test('has examples that are as the document says', () => {
    const { document } = api
    const examples = [...examplesIn(document)]
    assert.ok(examples.length > 10)
    for (const { schema, example } of examples) assert.deepEqual(mistakesOf(document, schema, example), [])
  })

  test('is described in OpenAPI 3.1, with the newest values by curl on the first page', () => {
    const { openapi, info } = api.document
    assert.match(openapi, /^3\.1\./)
    assert.equal(info.version, '1.2.3')
    assert.match(
      info.description,
      /curl -H "Authorization: Bearer \$TOKEN" http:\/\/localhost:8004\/api\/v1\/points\/pozo-7\/latest/,
    )
  })
})

describe('/docs', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  test('loads nothing from elsewhere, and may not', async () => {
    const page = await fetch(`${api.url}/docs`)
    const html = await page.text()
    assert.doesNotMatch(html, /https?:|\/\/[a-z]/i)
    const linked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target ?? '')
    assert.ok(linked.length >= 3 && linked.every(target => target.startsWith('/docs/')))
    for (const target of linked) {
      const file = await fetch(`${api.url}${target}`)
      assert.equal(file.status, 200, target)
      assert.match(
        file.headers.get('content-type') ?? '',
        target.endsWith('.css') ? /^text\/css/ : /javascript/,
      )
    }
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'.*script-src 'self'.*connect-src 'self'/)
    assert.doesNotMatch(policy, /https?:|\*/)
  })

  test('has the files that it needs and no other', async () => {
    for (const name of ['package.json', '..%2fpackage.json', 'index.html']) {
      assert.equal((await fetch(`${api.url}/docs/${name}`)).status, 404, name)
    }
  })
})

/**
 * What a route answers when it has done what was asked, where that is not 200. The dead letters here are no batches, and
 * tokens have neither sessions nor passwords.
 */
const ANSWERED: Record<string, number> = {
  'DELETE /api/v1/me/sessions/{session}': 404,
  'PUT /api/v1/me/password': 422,
  'POST /api/v1/gateways/{gateway}/commands': 201,
  'POST /api/v1/dead-letters/{letter}/replay': 422,
  'POST /api/v1/compliance/slots/{slot}/decisions': 422,
  'POST /api/v1/points/{point}/processing': 201,
  'POST /api/v1/points/{point}/meter-events': 201,
  'POST /api/v1/recomputations': 201,
  // The preview shows what would not be done any more.
  'POST /api/v1/recomputations/{preview}/execute': 409,
  'POST /api/v1/imports': 202,
  // Nobody has read the file yet, and nothing of it is stored.
  'POST /api/v1/imports/{import}/confirm': 409,
  'POST /api/v1/imports/{import}/undo': 409,
  'PUT /api/v1/compliance/works/{work}/obligations': 428,
  'POST /api/v1/compliance/sensor-faults': 201,
  'POST /api/v1/alert-rules': 201,
  'PUT /api/v1/alert-rules/{rule}': 428,
  'DELETE /api/v1/alert-rules/{rule}': 428,
  'POST /api/v1/compliance/sensor-faults/{fault}/end': 422,
}

const FAULT = {
  ...{
    quantity: 'level',
    from: new Date(NOW).toISOString(),
    until: new Date(NOW + 86_400_000).toISOString(),
  },
  reason: 'cable cortado',
}

const ALERT_RULE = { name: 'silencio', condition: { kind: 'no_data', for: '1h' } }

const TRIED = { from: '2026-01-15T00:00:00Z', to: '2026-01-16T00:00:00Z' }

const workOf = (client: string): string => (client === 'campo' ? 'OB-0602-1' : 'OB-0602-2')

const obligationOf = (client: string) => ({
  ...{ point: `${client}.los-aromos.pozo-7`, reason: 'Res. Ex. 123' },
  obligation: {
    ...{ from: '2026-01-01T00:00:00Z', standard: 'medio', channel: 'rest' },
    ...{ workCode: workOf(client), informant: '12345678-5' },
  },
})

/** What is sent to routes that take it more than once. The first slot is sent: there is nothing to approve. */
const BODIES: Record<string, object> = {
  'POST /api/v1/recomputations': {
    ...{ point: 'otra.los-aromos.pozo-7', from: '2026-01-15T11:00:00Z', to: '2026-01-15T13:00:00Z' },
  },
  'POST /api/v1/recomputations/{preview}/execute': { why: 'sonda recalibrada' },
  'POST /api/v1/compliance/slots/{slot}/decisions': { action: 'approve', reason: 'verificado' },
  'POST /api/v1/compliance/slots/decisions': {
    ...{ slots: [1, 4], action: 'approve', reason: 'verificado', dryRun: true },
  },
  'POST /api/v1/imports/{import}/settings': { zone: 'UTC' },
  'POST /api/v1/imports/{import}/confirm': { accept: ['zone'] },
  'POST /api/v1/compliance/sensor-faults/{fault}/end': { reason: 'cable cambiado' },
}

/** What is sent to a route that takes a body, so that it is right, and each time something else by `name`. */
function initOf(route: string, name: string, client = 'campo'): RequestInit {
  if (route === 'POST /api/v1/imports') {
    const body = `at,flow\n2026-01-01T00:00:00Z,${name.length}.5\n`
    return { headers: { 'content-type': 'text/csv' }, body }
  }
  const asked = bodyOf(route, name, client)
  const headers = { 'content-type': 'application/json' }
  return asked === undefined ? {} : { headers, body: JSON.stringify(asked) }
}

function bodyOf(route: string, name: string, client: string): object | undefined {
  if (route === 'PUT /api/v1/me/password') return { current: name, password: 'una-clave-larga' }
  if (!/^(POST|PUT) /.test(route)) return undefined
  if (route === 'POST /api/v1/compliance/sending')
    return { what: 'work', workCode: 'OB-0602-1', sending: true, reason: name }
  if (route.includes('/obligations')) return obligationOf(client)
  if (route === 'POST /api/v1/alert-rules') return { client, rule: ALERT_RULE }
  if (route === 'POST /api/v1/alert-rules/backtest')
    return { ...TRIED, point: `${client}.los-aromos.pozo-7`, rule: ALERT_RULE }
  if (route === 'PUT /api/v1/alert-rules/{rule}') return ALERT_RULE
  if (route === 'POST /api/v1/compliance/sensor-faults')
    return { ...FAULT, point: `${client}.los-aromos.pozo-7` }
  if (BODIES[route] !== undefined) return BODIES[route]
  if (route.includes('/points/')) return ruleOrEvent(route, name)
  const command = { kind: 'read', device: 'meter', table: 'holding', address: 0, count: 2 }
  return { id: `${name.replace('_', '-')}-1`, command }
}

/** Another instant for each name. */
function ruleOrEvent(route: string, name: string): object {
  const at = new Date(
    NOW - 1_000 * [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0),
  ).toISOString()
  if (route.endsWith('/processing')) return { rule: 'level_to_water_table', from: at, sensorDepthM: 80 }
  return { at, kind: 'reset', afterCount: 3 }
}

const queryOf = ({ parameters = [] }: OperationObject) => parameters.filter(one => one.in === 'query')

/**
 * Addresses of a route that ask for what a client has: plainly, and with each filter by name. A parameter that is not
 * known here fails the test that meets it.
 */
function pathsOf(template: string, operation: OperationObject, client: string): string[] {
  const values: Record<string, string> = {
    ...{
      point: `${client}.los-aromos.pozo-7`,
      project: `${client}.los-aromos`,
      gateway: `gw-${client}`,
      client,
      variable: 'flow',
      import: client === 'campo' ? '1' : '3',
      command: 'w-1',
      session: 's-1',
      letter: client === 'campo' ? '1' : '3',
      incident: client === 'campo' ? '1' : '2',
      preview: client === 'campo' ? '1' : '2',
      slot: client === 'campo' ? '1' : '4',
      event: client === 'campo' ? '1' : '3',
      work: workOf(client),
      month: '2026-01',
      // The second of each client is ended.
      rule: client === 'campo' ? '1' : '3',
      fault: client === 'campo' ? '2' : '4',
    },
  }
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? assert.fail(name))
  const query = queryOf(operation)
  const needed = query
    .filter(({ required }) => required === true)
    .map(({ name }) => `${name}=${values[name] ?? assert.fail(name)}`)
  const filters = query.filter(
    ({ name, required }) => required !== true && (name === 'client' || name === 'point'),
  )
  const plain = `${path}?${needed.join('&')}`
  return [plain, ...filters.map(({ name }) => `${plain}&${name}=${values[name]}`)]
}

/** Every example of the document, with what it is an example of. */
function* examplesIn(part: unknown): Generator<{ schema: Schema; example: unknown }> {
  if (typeof part !== 'object' || part === null) return
  const { example, schema, ...rest } = part as Record<string, unknown>
  if (example !== undefined) yield { schema: (schema ?? part) as Schema, example }
  for (const inner of Object.values({ schema, ...rest })) yield* examplesIn(inner)
}
