// What the five services answer when something is wrong: the same on every port, by the API's own schema.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Hono } from 'hono'
import { ProblemDocument } from '../../cloud/api/problem.ts'
import { createToken } from '../../cloud/api/users.ts'
import { readConfig } from '../../cloud/config.ts'
import { answerProblems, limitBody, type NamedRequests, PROBLEM_TYPE } from '../../cloud/problem.ts'
import { SERVICE_NAMES, type ServiceName } from '../../cloud/service.ts'
import { type RunningCloud, startCloud } from '../../cloud/services.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { openLog, silentLog } from '../../protocol/runtime/log.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'

/** What each service answers besides `/health` and `/metrics`. */
const ROUTES: Record<ServiceName, { method: string; path: string }> = {
  collector: { method: 'POST', path: '/collect/twin' },
  compliance: { method: 'POST', path: '/send-pending-data' },
  processor: { method: 'POST', path: '/process' },
  api: { method: 'GET', path: '/api/v1/overview' },
  analytics: { method: 'GET', path: '/balances' },
}

/** Reads a problem by its schema, and holds its headers to it. */
async function problemOf(response: Response) {
  assert.equal(response.headers.get('content-type'), PROBLEM_TYPE)
  const problem = ProblemDocument.parse(JSON.parse(await response.text()))
  assert.equal(problem.status, response.status)
  assert.equal(problem.requestId, response.headers.get('x-request-id'))
  return problem
}

describe('every service', () => {
  let database: TestDatabase
  let cloud: RunningCloud
  let token = ''
  before(async () => {
    database = await openTestDatabase()
    const ports = Object.fromEntries(SERVICE_NAMES.map(name => [`${name.toUpperCase()}_PORT`, '0']))
    const config = readConfig({
      ...{ DATABASE_URL: database.url, SMARTHYDRO_SECRET_KEY: Buffer.alloc(32).toString('base64') },
      ...{ ...ports, MQTT_PORT: '0' },
    })
    cloud = await startCloud(
      { clock: systemClock, log: silentLog, random: Math.random },
      { config, services: SERVICE_NAMES, version: '1.2.3' },
    )
    token = await createToken(database.db, {
      ...{ name: 'operator', role: 'operator', scopes: ['read', 'write'], createdBy: 'test' },
    })
  })
  after(async () => {
    await cloud.close()
    await database.close()
  })

  const ask = (name: ServiceName, path: string, init: RequestInit = {}) => {
    const port = cloud.services.find(service => service.name === name)?.port
    return fetch(`http://127.0.0.1:${port}${path}`, init)
  }
  const asOperator = (type = 'application/json') => ({
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
  })

  for (const name of SERVICE_NAMES) {
    const { method, path } = ROUTES[name]
    const other = method === 'GET' ? 'POST' : 'GET'

    test(`${name}: what is nowhere is 404`, async () => {
      const problem = await problemOf(await ask(name, '/nothing/here'))

      assert.deepEqual([problem.status, problem.title], [404, 'Not found'])
      assert.match(problem.detail ?? '', /\/nothing\/here/)
    })

    test(`${name}: a method that a route does not have is 405, with those that it has`, async () => {
      const own = await ask(name, path, { method: other })
      const health = await ask(name, '/health', { method: 'DELETE' })

      assert.equal((await problemOf(own)).status, 405)
      assert.equal(own.headers.get('allow'), method === 'GET' ? 'GET, HEAD' : method)
      assert.equal((await problemOf(health)).status, 405)
      assert.equal(health.headers.get('allow'), 'GET, HEAD')
    })

    test(`${name}: nobody is 401, with how to sign in`, async () => {
      const response = await ask(name, path, { method })

      assert.equal((await problemOf(response)).status, 401)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    })
  }

  test('POST /process names everything that is wrong with its body', async () => {
    const post = async (body: string, type?: string) =>
      problemOf(await ask('processor', '/process', { method: 'POST', body, ...asOperator(type) }))

    const wrong = await post('{"point":"Pozo 7","from":"today","to":"2026-01-15T12:00:00Z","extra":1}')
    assert.equal(wrong.status, 400)
    assert.deepEqual(wrong.errors?.map(({ in: part, name }) => `${part} ${name}`).sort(), [
      'body extra',
      'body from',
      'body point',
    ])
    for (const to of ['2026-01-15T11:00:00Z', '2027-01-17T11:00:00Z']) {
      const body = { point: 'pozo-7', from: '2026-01-15T11:00:00Z', to }
      const { status, errors } = await post(JSON.stringify(body))
      assert.deepEqual([status, errors?.map(({ name }) => name)], [400, ['to']], to)
    }
    const cut = await post('{"point":')
    assert.deepEqual([cut.status, cut.errors?.[0]?.in], [400, 'body'])
    assert.match(cut.errors?.[0]?.detail ?? '', /^Malformed JSON/)
    assert.equal((await post('null')).status, 400)
    assert.equal((await post('{}', 'text/plain')).status, 415)
    assert.equal((await post(`"${'x'.repeat(4096)}"`)).status, 413)
    const unknown = await post(
      '{"point":"nowhere","from":"2026-01-15T11:00:00Z","to":"2026-01-15T12:00:00Z"}',
    )
    assert.deepEqual([unknown.status, unknown.title], [404, 'Point not found'])
  })

  test('GET /balances names everything that is wrong with its query', async () => {
    const get = async (query: string) => problemOf(await ask('analytics', `/balances?${query}`, asOperator()))

    const wrong = await get('from=yesterday&to=2026-01-15&extra=1')
    assert.equal(wrong.status, 400)
    assert.deepEqual(wrong.errors?.map(({ in: part, name }) => `${part} ${name}`).sort(), [
      'query extra',
      'query from',
      'query point',
    ])
    for (const query of [
      'point=pozo-7&from=2020-01-01&to=2026-01-01',
      'point=pozo-7&from=2026-01-02&to=2026-01-01',
    ]) {
      const { status, errors } = await get(query)
      assert.deepEqual([status, errors?.map(({ name }) => name)], [400, ['to']], query)
    }
    assert.equal((await get('point=pozo-7')).status, 404)
  })

  test('POST /collect/{provider} names the providers that there are', async () => {
    const problem = await problemOf(
      await ask('collector', '/collect/none', { method: 'POST', ...asOperator() }),
    )

    assert.equal(problem.status, 404)
    assert.match(problem.detail ?? '', /twin, nettra, novus, json, all/)
  })
})

describe('answerProblems()', () => {
  const openApp = () => {
    const lines: Record<string, unknown>[] = []
    const log = openLog(
      { clock: systemClock, write: line => lines.push(JSON.parse(line)) },
      { level: 'debug' },
    )
    const app = new Hono<NamedRequests>()
    answerProblems(app, { log })
    app.get('/bug', () => {
      throw new Error('the password is 1234')
    })
    app.get('/away', () => {
      throw new Unavailable('connect ECONNREFUSED 10.0.0.7:5432')
    })
    app.post('/body', limitBody(10), context => context.text('taken'))
    return { app, lines }
  }

  test('answers a bug with 500 and nothing of it, which is in the log under the id', async () => {
    const { app, lines } = openApp()

    const response = await app.request('/bug', { headers: { 'x-request-id': 'mine-1' } })
    const problem = await problemOf(response)

    assert.deepEqual([problem.status, problem.requestId], [500, 'mine-1'])
    assert.doesNotMatch(JSON.stringify(problem), /1234/)
    assert.deepEqual(
      lines.map(({ event, requestId }) => [event, requestId]),
      [['request failed', 'mine-1']],
    )
    assert.match(JSON.stringify(lines), /the password is 1234/)
  })

  test('answers 503 and when to ask again while the database is away, and does not say where it is', async () => {
    const { app, lines } = openApp()

    const response = await app.request('/away')
    const problem = await problemOf(response)

    assert.deepEqual([problem.status, response.headers.get('retry-after')], [503, '5'])
    assert.doesNotMatch(JSON.stringify(problem), /10\.0\.0\.7/)
    assert.equal(lines.length, 1)
    assert.equal('error' in (lines[0] ?? {}), false, 'without a stack')
  })

  test('refuses a body that is too large, whether or not it says how large it is', async () => {
    const { app } = openApp()
    const stream = new ReadableStream({
      start(controller) {
        for (let part = 0; part < 4; part += 1) controller.enqueue(new Uint8Array(4))
        controller.close()
      },
    })

    const said = await app.request('/body', { method: 'POST', body: 'x'.repeat(11) })
    const streamed = await app.request(
      new Request('http://x/body', { method: 'POST', body: stream, duplex: 'half' }),
    )
    const fits = await app.request('/body', { method: 'POST', body: 'x'.repeat(10) })

    assert.deepEqual([(await problemOf(said)).status, (await problemOf(streamed)).status], [413, 413])
    assert.equal(await fits.text(), 'taken')
  })
})
