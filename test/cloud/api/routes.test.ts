// The table of rules, held against every route of the document: every role, and somebody else's names.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { RULES, type Rule } from '../../../cloud/api/rules.ts'
import { ROLES } from '../../../cloud/store/accounts.ts'
import { VARIABLE_NAMES } from '../../../protocol/variables.ts'
import { type ApiScene, DGA_PASSWORD, isForAll, openApiScene } from './scene.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')

describe('every route of the API', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    for (const client of ['campo', 'otra']) {
      await api.store(`${client}.los-aromos.pozo-7`, 'flow', NOW - 10_000, [
        12.5,
        null,
        client === 'campo' ? 1 : 987.25,
      ])
    }
  })
  after(() => api.close())

  /** Routes of the document, with what stands for their parameters. */
  const routes = () =>
    Object.entries(api.document.paths).flatMap(([template, operations]) =>
      Object.keys(operations).map(method => ({ route: `${method.toUpperCase()} ${template}`, template })),
    )
  const pathOf = (template: string, client: string): string => {
    const path = template
      .replace('{point}', `${client}.los-aromos.pozo-7`)
      .replace('{gateway}', `gw-${client}`)
    return template.endsWith('/readings') ? `${path}?variable=${VARIABLE_NAMES[0]}` : path
  }

  test('has a rule, and each rule has a route', () => {
    const documented = routes().map(({ route }) => route)
    const served = ['GET /openapi.json', 'GET /docs', 'GET /docs/{file}']
    assert.deepEqual(
      documented.filter(route => RULES[route] === undefined),
      [],
    )
    const unserved = Object.keys(RULES).filter(route => ![...documented, ...served].includes(route))
    assert.deepEqual(unserved, [])
  })

  test('answers 401 to nobody, and 403 or an answer to each role as its rule says', async () => {
    for (const { route, template } of routes()) {
      const rule = RULES[route] as Rule
      if (rule === 'public') continue
      const anonymous = await api.ask(route, { path: pathOf(template, 'campo'), token: '' })
      assert.equal(anonymous.status, 401, route)
      for (const role of ROLES) {
        const token = api.tokens[isForAll(role) ? role : `${role} of campo`] ?? ''
        const { status } = await api.ask(route, { path: pathOf(template, 'campo'), token })
        assert.equal(status, rule.roles.includes(role) ? 200 : 403, `${role} at ${route}`)
      }
    }
  })

  test('shows nothing of another client, by its name or in a list', async () => {
    for (const { route, template } of routes()) {
      if (RULES[route] === 'public') continue
      for (const role of ROLES.filter(one => !isForAll(one))) {
        const token = api.tokens[`${role} of campo`] ?? ''
        const { status, body } = await api.ask(route, { path: pathOf(template, 'otra'), token })
        if (template.includes('{')) assert.ok([403, 404].includes(status), `${role} at ${route}: ${status}`)
        assert.doesNotMatch(JSON.stringify(body), /otra|987\.25/, `${role} at ${route}`)
      }
    }
  })

  test('wants the scope that its rule names', async () => {
    const { createToken } = await import('../../../cloud/api/users.ts')
    const token = await createToken(api.db, {
      ...{ name: 'subscribes only', role: 'administrator', scopes: ['subscribe'], createdBy: 'test' },
    })
    const { status, body } = await api.ask('GET /api/v1/points', { token })
    assert.equal(status, 403)
    assert.match(body.detail, /lacks the scope "read"/)
  })

  test('holds no secret, and logs none', async () => {
    let told = ''
    for (const { route, template } of routes()) {
      if (RULES[route] === 'public') continue
      told += JSON.stringify((await api.ask(route, { path: pathOf(template, 'campo') })).body)
    }
    const secrets = [DGA_PASSWORD, 'un-token-de-gateway', ...Object.values(api.tokens)]
    for (const secret of secrets) assert.ok(!told.includes(secret) && !api.lines.join().includes(secret))
  })

  test('is described in OpenAPI 3.1, with a reference that loads nothing from elsewhere', async () => {
    assert.match(api.document.openapi, /^3\.1\./)
    const page = await fetch(`${api.url}/docs`)
    const html = await page.text()
    const linked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target ?? '')
    assert.ok(linked.length >= 3 && linked.every(target => target.startsWith('/docs/')))
    for (const target of linked) assert.equal((await fetch(`${api.url}${target}`)).status, 200, target)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  })
})
