// The table of rules, held against every route of the document: every role, and somebody else's names.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openApi, toRouteName } from '../../../cloud/api/app.ts'
import { RULES } from '../../../cloud/api/rules.ts'
import { createToken } from '../../../cloud/api/users.ts'
import { ROLES } from '../../../cloud/store/accounts.ts'
import { PAGES } from '../../../cloud/web/pages.ts'
import { fill, OF_OTRA } from './content.ts'
import { ANSWERED, initOf, pathsOf, queryOf } from './questions.ts'
import { type ApiScene, DGA_PASSWORD, isForAll, openApiScene } from './scene.ts'
import { mistakesOf, type Schema } from './schema.ts'

/** What is served besides the routes of the document. */
const UNDOCUMENTED = [
  ...['GET /openapi.json', 'GET /docs', 'GET /docs/{file}', 'GET /assets/{file}', 'GET /favicon.svg'],
  'GET /api/v1/session/oidc/callback',
  ...PAGES.map(page => `GET ${page}`),
]

/** More than any list of the scene has. */
const ROWS_MAX = 1_000

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
        const isOfClients =
          rule.roles.some(one => !isForAll(one)) && !/\/me(\/|$)|v1\/(variables|profiles)(\/|$)/.test(route)
        if (isOfClients) assert.match(everything, OF_OTRA, `nothing to leak at ${path}`)
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
      const walk = async (limit: string) => {
        const seen: unknown[] = []
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const { body } = await api.ask(route, { path: `${path}${limit}${cursor}` })
          seen.push(...body.items)
          cursor = body.next === null || seen.length > ROWS_MAX ? undefined : `&cursor=${body.next}`
        }
        return seen
      }

      const whole = await walk('')

      assert.ok(whole.length > 1 && whole.length <= ROWS_MAX, `${route}: ${whole.length}`)
      assert.deepEqual(await walk('&limit=1'), whole, route)
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

/** Every example of the document, with what it is an example of. */
function* examplesIn(part: unknown): Generator<{ schema: Schema; example: unknown }> {
  if (typeof part !== 'object' || part === null) return
  const { example, schema, ...rest } = part as Record<string, unknown>
  if (example !== undefined) yield { schema: (schema ?? part) as Schema, example }
  for (const inner of Object.values({ schema, ...rest })) yield* examplesIn(inner)
}
