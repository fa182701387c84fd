// Gateways, dead letters, and what is answered when something is wrong.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openAccess } from '../../../cloud/api/access.ts'
import { openApi } from '../../../cloud/api/app.ts'
import { saveGatewayStatus } from '../../../cloud/store/gateways.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { selectGateway } from '../../../cloud/store/queries.ts'
import { freePort } from '../../doubles/ports.ts'
import { fill, stateOf } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

describe('operating', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  const gateway = async (id: string, token?: string) =>
    api.ask('GET /api/v1/gateways/{gateway}', {
      path: `/api/v1/gateways/${id}`,
      ...(token === undefined ? {} : { token }),
    })

  test('a gateway is shown as it last said it is', async () => {
    const { body } = await gateway('gw-campo', api.tokens['client_manager of campo'])
    assert.deepEqual(
      [body.client, body.state, body.since, body.version],
      ['campo', 'ready', '2026-01-15T11:00:00.000Z', '1.2.3-campo'],
    )
    assert.deepEqual(body.health.buses, [{ id: 'bus-campo', load: 0.25 }])
    assert.deepEqual(body.health.devices[1], {
      ...{ id: 'nivel', provider: null, ok: 0, failed: 0, lastOkAt: null, lastFailure: null },
    })
    assert.equal(body.health.devices[0].provider, 'twin')
    assert.equal(body.health.buffer.oldestAt, '2026-01-15T11:59:57.000Z')
    assert.ok(!('epoch' in body.health.buffer))
  })

  test('requests are counted by route and status, whatever paths are made up', async () => {
    await gateway('gw-campo')
    await api.ask('GET /api/v1/made/up')
    const text = await (await fetch(`${api.url}/metrics`)).text()
    assert.match(
      text,
      /^api_requests_total\{route="GET \/api\/v1\/gateways\/\{gateway\}",status="200"\} \d+$/m,
    )
    assert.match(text, /^api_requests_total\{route="none",status="404"\} 1$/m)
    assert.doesNotMatch(text, /made/)
  })

  test('a gateway that is lost is so since the broker said it, and was not seen then', async () => {
    const row = await selectGateway(api.db, null, 'gw-otra')
    await saveGatewayStatus(api.db, row?.id ?? 0, 'state', stateOf('lost'))
    const { stateAt, healthAt } = (await selectGateway(api.db, null, 'gw-otra')) ?? {}
    const { body } = await gateway('gw-otra')
    assert.equal(body.state, 'lost')
    assert.equal(body.since, new Date(stateAt ?? 0).toISOString())
    assert.equal(body.lastSeenAt, new Date(healthAt ?? 0).toISOString())
  })

  test('a gateway of another version than ours is shown without what cannot be read', async () => {
    const row = await selectGateway(api.db, null, 'gw-campo')
    await saveGatewayStatus(api.db, row?.id ?? 0, 'health', { v: 2, everything: 'else' })
    const { status, body } = await gateway('gw-campo')
    assert.deepEqual([status, body.health, body.state], [200, null, 'ready'])
  })

  test('dead letters tell what came, from whom and why it is set aside, newest first', async () => {
    const { body } = await api.ask('GET /api/v1/dead-letters')
    const [letter] = body.items
    assert.deepEqual(
      [letter.gateway, letter.topic, letter.bytes, letter.reason, letter.replayedAt],
      ['gw-otra', 'smarthydro/otra/up', 2, 'Not a batch of otra', null],
    )
    assert.ok(letter.id > body.items[1].id)
  })

  test('what is nowhere is a problem with the id that it has in the log', async () => {
    for (const path of ['/api/v2', '/api/v1/nothing', '/api/v1/points/', '/api/v2/points']) {
      const { status, headers, body } = await api.ask('GET /api/v1/nothing', { path })
      assert.deepEqual([status, body.title], [404, 'Not found'], path)
      assert.equal(body.requestId, headers.get('x-request-id'))
    }
    const { status, headers } = await api.ask('POST /api/v1/nothing', { path: '/api/v1/overview' })
    assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD'])
  })

  test('every answer says how it may be used', async () => {
    const { headers } = await api.ask('GET /api/v1/gateways')
    assert.deepEqual(
      ['cache-control', 'x-content-type-options', 'x-frame-options', 'referrer-policy'].map(name =>
        headers.get(name),
      ),
      ['no-store', 'nosniff', 'DENY', 'no-referrer'],
    )
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.equal(headers.get('access-control-allow-origin'), null)
  })

  test('a body is JSON, is whole, and is not too large', async () => {
    const post = (body: string, type = 'application/json') =>
      api.ask('POST /api/v1/session', { token: '', init: { body, headers: { 'content-type': type } } })
    assert.equal((await post('{}', 'text/plain')).status, 415)
    assert.equal((await post('{"email":')).status, 400)
    assert.equal((await post('x'.repeat(64 * 1024 + 1))).status, 413)
    const { body } = await post('{"email":"ana","colour":"red"}')
    assert.deepEqual(body.errors.map(({ in: place, name }: Record<string, string>) => [place, name]).sort(), [
      ['body', 'colour'],
      ['body', 'email'],
      ['body', 'password'],
    ])
  })

  test('without its database it says that it is not available, and when to ask again', async run => {
    const { clock, log, accounts } = api.deps
    const url = `postgres://nobody@127.0.0.1:${await freePort()}/nothing`
    const db = openPostgres({ log }, { url, poolMax: 1, connectTimeoutMs: 1000 })
    run.after(() => db.close())
    const access = openAccess({ db, clock, accounts }, api.options)
    const app = openApi({ ...api.deps, db, access }, api.options)
    const headers = { authorization: `Bearer ${api.tokens.operator}` }
    const answer = await app.request('/api/v1/points', { headers })
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '5')
    assert.match(answer.headers.get('content-type') ?? '', /problem\+json/)
  })
})
