// Webhooks end to end: what happens in the database arrives signed at a real socket, is tried again, stopped, gone on with.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { rewrapSecrets } from '../../../cloud/compliance/credentials.ts'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { settleIncidents } from '../../../cloud/store/incidents.ts'
import { parseNetwork } from '../../../cloud/webhooks/address.ts'
import { sendDue, tellStopped, type WebhookDeps } from '../../../cloud/webhooks/deliver.ts'
import { openWebhookSender } from '../../../cloud/webhooks/send.ts'
import { NOW } from '../api/content.ts'
import { type ApiScene, openApiScene } from '../api/scene.ts'

const HERE = [parseNetwork('127.0.0.0/8')].filter(one => one !== undefined)
const HOUR = 3_600_000

interface Got {
  path: string
  headers: IncomingMessage['headers']
  body: string
}

describe('webhooks', () => {
  let api: ApiScene
  let deps: WebhookDeps
  const got: Got[] = []
  let answer: (response: ServerResponse, path: string) => void = response => response.end()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    got.push({ path: request.url ?? '', headers: request.headers, body })
    answer(response, request.url ?? '')
  })
  let base = ''
  before(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    api = await openApiScene({ networks: HERE })
    const { db, clock } = api
    const sender = openWebhookSender({ clock }, { networks: HERE, timeoutMs: 2_000 })
    deps = { db, clock, log: api.deps.log, sender, secrets: openSecrets(new Uint8Array(32).fill(5)) }
  })
  beforeEach(async () => {
    await api.db.query('delete from webhooks')
    got.length = 0
    answer = response => response.end()
  })
  after(async () => {
    await api.close()
    server.closeAllConnections()
    server.close()
  })

  const register = async (
    path: string,
    events: string[],
    client = 'campo',
    token = api.tokens.operator ?? '',
  ) => {
    const init = {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client, url: `${base}/${path}`, events }),
    }
    const { status, body } = await api.ask('POST /api/v1/webhooks', { token, init })
    assert.equal(status, 201, JSON.stringify(body))
    return body as { webhook: { id: number }; secret: string }
  }
  const raise = (client: string, ...subjects: string[]) =>
    api.db.transaction(async tx => {
      const [{ id = 0 } = {}] = await tx.query<{ id: number }>(`select id from gateways where slug = $1`, [
        `gw-${client}`,
      ])
      const conditions = subjects.map(subject => ({ subject, gatewayId: id, details: { subject } }))
      await settleIncidents(tx, 'gateway_lost', conditions, api.clock.now())
    })
  const sendAll = async () => {
    let sent = 0
    for (let tried = await sendDue(deps); tried > 0; tried = await sendDue(deps)) sent += tried
    return sent
  }
  const at = (path: string) => got.filter(one => one.path === `/${path}`)
  const bodies = (path: string) => at(path).map(({ body }) => JSON.parse(body))

  test('tell whoever asked, and nobody of another client, of an incident that opens and closes', async () => {
    const { secret } = await register('campo', ['incidents'])
    await register('otra', ['incidents'], 'otra')
    await raise('campo', 'gw-campo')
    await raise('campo')
    await sendAll()

    assert.deepEqual(
      bodies('campo').map(({ type, data }) => [type, data.subject]),
      [
        ['incident.opened', 'gw-campo'],
        ['incident.closed', 'gw-campo'],
      ],
    )
    assert.equal(at('otra').length, 0)
    const [first] = at('campo')
    assert.ok(first !== undefined)
    const { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signature } = first.headers
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    assert.equal(
      signature,
      `v1,${createHmac('sha256', key).update(`${id}.${stamp}.${first.body}`).digest('base64')}`,
    )
    assert.equal(await sendDue(deps), 0)
  })

  test('tell of readings with their values, of slots, and of receipts', async () => {
    await register('all', ['readings', 'slots', 'receipts'])
    await api.store('campo.los-aromos.pozo-7', 'flow', NOW, [12.5, null])
    const [batch] = await api.db.query<{ id: number }>(
      `insert into batches (gateway_id, epoch, lane, first, last, readings, config_version, oldest_at, newest_at)
       select id, 7, 0, 1, 2, 2, 1, to_timestamp($1::float8 / 1000), to_timestamp($1::float8 / 1000 + 1)
       from gateways where slug = 'gw-campo' returning id`,
      [NOW],
    )
    await api.db.query('update readings set batch_id = $1::bigint', [batch?.id ?? 0])
    await api.db.query('update batches set processed_at = now()')
    await api.db.query(
      `insert into slots (obligation_id, work_code, point_id, due_at, state, state_at)
       select o.id, o.work_code, o.point_id, to_timestamp($1::float8 / 1000), 'pending', now() from obligations o`,
      [NOW],
    )
    await api.db.query(`update slots set state = 'sent', receipt = 'comprobante-' || work_code`)
    await sendAll()

    const [readings, ...others] = bodies('all')
    assert.deepEqual(
      [
        readings.type,
        readings.data.isComplete,
        readings.data.readings.map((one: { value: number }) => one.value),
      ],
      ['readings.stored', true, [12.5, null]],
    )
    assert.equal(readings.data.readings[0].point, 'campo.los-aromos.pozo-7')
    assert.deepEqual(others.map(({ type, data }) => [type, data.receipt]).sort(), [
      ['receipts.issued', 'comprobante-OB-0602-1'],
      ['slots.sent', 'comprobante-OB-0602-1'],
    ])
    assert.doesNotMatch(JSON.stringify(got), /OB-0602-2|projectId/)
  })

  test('try again later and later, with the same id and body, until it is taken', async () => {
    await register('slow', ['incidents'])
    answer = response => response.writeHead(503).end('not now')
    await raise('campo', 'gw-campo')
    for (const wait of [0, 5_000, 60_000, 300_000]) {
      await api.clock.advance(wait)
      assert.equal(await sendDue(deps), 1)
      assert.equal(await sendDue(deps), 0)
    }
    answer = response => response.end('taken')
    await api.clock.advance(30 * 60_000)
    await sendDue(deps)

    assert.equal(at('slow').length, 5)
    assert.equal(new Set(at('slow').map(({ headers, body }) => `${headers['webhook-id']} ${body}`)).size, 1)
    const [message] = await api.db.query<{ state: string; attempts: number; answer: string }>(
      'select state, attempts, answer from webhook_messages',
    )
    assert.deepEqual(message, { state: 'delivered', attempts: 5, answer: '200: taken' })
    await raise('campo')
  })

  test('are stopped with an incident when nothing is taken for days, and go on when a person says so', async () => {
    const { webhook } = await register('gone', ['incidents'])
    await register('well', ['incidents'])
    answer = (response, path) => response.writeHead(path === '/gone' ? 500 : 200).end()
    await raise('campo', 'gw-campo')
    for (let tries = 0; tries < 12; tries += 1) {
      await sendAll()
      await api.clock.advance(24 * HOUR)
    }
    assert.equal(at('gone').length, 11)
    // The other one has heard of the incident that the first one's stopping is, if it may see it, and of its own once.
    assert.equal(at('well').filter(({ body }) => body.includes('gw-campo')).length, 1)
    const [incident] = await api.db.query<{ subject: string; details: { reason: string } }>(
      `select subject, details from incidents where kind = 'webhook_stopped' and closed_at is null`,
    )
    assert.equal(incident?.subject, `webhook ${webhook.id}`)
    assert.match(incident?.details.reason ?? '', /not taken after 11 tries: 500/)

    answer = response => response.end()
    const path = `/api/v1/webhooks/${webhook.id}`
    await api.ask('POST /api/v1/webhooks/{webhook}/resume', { path: `${path}/resume` })
    const { body } = await api.ask('GET /api/v1/webhooks/{webhook}/messages', { path: `${path}/messages` })
    const replay = `${path}/messages/${body.items[0].id}/replay`
    assert.equal(
      (await api.ask('POST /api/v1/webhooks/{webhook}/messages/{message}/replay', { path: replay })).status,
      202,
    )
    await sendAll()
    await tellStopped(deps)
    assert.equal(at('gone').length, 12)
    assert.deepEqual(
      await api.db.query(`select id from incidents where kind = 'webhook_stopped' and closed_at is null`),
      [],
    )
    await raise('campo')
  })

  test('sign with both secrets for a day after another one was drawn', async () => {
    const { webhook, secret } = await register('turned', ['incidents'])
    const path = `/api/v1/webhooks/${webhook.id}/rotate`
    const rotated = await api.ask('POST /api/v1/webhooks/{webhook}/rotate', { path })
    assert.notEqual(rotated.body.secret, secret)
    await raise('campo', 'gw-campo')
    await sendAll()
    await api.clock.advance(25 * HOUR)
    await raise('campo')
    await sendAll()

    const signatures = at('turned').map(
      ({ headers }) => String(headers['webhook-signature']).split(' ').length,
    )
    assert.deepEqual(signatures, [2, 1])
    const told = JSON.stringify(await api.db.query('select * from audit')) + api.lines.join()
    for (const one of [secret, rotated.body.secret]) assert.ok(!told.includes(one))
  })

  test('sign with what another master key sealed once it is sealed anew, and until then wait, alone', async () => {
    const { webhook } = await register('sealed', ['incidents'])
    const path = `/api/v1/webhooks/${webhook.id}/rotate`
    await api.ask('POST /api/v1/webhooks/{webhook}/rotate', { path })
    const [former, next] = [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)]
    const alone = { ...deps, secrets: openSecrets(next) }
    await raise('campo', 'gw-campo')
    assert.equal(await sendDue(alone), 1, 'nothing else ends with it')
    const [message] = await api.db.query<{ state: string; answer: string }>(
      'select state, answer from webhook_messages order by id desc limit 1',
    )
    assert.equal(message?.state, 'pending')
    assert.match(message?.answer ?? '', /Cannot open a secret of webhook \d+: key \w+ is not here/)

    const rewrapped = await rewrapSecrets(
      { db: api.db, secrets: openSecrets(next, [former]) },
      mistake => void assert.fail(mistake),
    )
    assert.equal(rewrapped.left, 0)
    await api.clock.advance(60_000)
    await sendDue(alone)
    const [{ headers } = assert.fail()] = at('sealed')
    assert.equal(String(headers['webhook-signature']).split(' ').length, 2)
    // The scene's other secrets open with its own key again.
    await rewrapSecrets({ db: api.db, secrets: openSecrets(former, [next]) }, () => {})
    await raise('campo')
  })

  test('reach no address that is not allowed, and are told so where they are made', async () => {
    for (const url of ['https://169.254.169.254/', 'http://example.com/', 'https://10.0.0.1/', 'ftp://x']) {
      const init = {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ client: 'campo', url, events: ['incidents'] }),
      }
      const { status, body } = await api.ask('POST /api/v1/webhooks', { init })
      assert.deepEqual([status, body.errors[0].name], [400, 'url'], url)
    }
  })

  test('are those of one client for who looks after it', async () => {
    const token = api.tokens['client_manager of campo'] ?? ''
    await register('own', ['slots'], 'campo', token)
    const { webhook } = await register('foreign', ['slots'], 'otra')
    const list = await api.ask('GET /api/v1/webhooks', { token })
    assert.deepEqual(
      list.body.items.map(({ client }: { client: string }) => client),
      ['campo'],
    )
    const path = `/api/v1/webhooks/${webhook.id}`
    for (const more of ['/rotate', '/resume']) {
      const asked = { token, path: `${path}${more}` }
      assert.equal((await api.ask(`POST /api/v1/webhooks/{webhook}${more}`, asked)).status, 404)
    }
    const init = { headers: { 'content-type': 'application/json' } }
    for (const client of [undefined, 'otra']) {
      const body = JSON.stringify({ client, url: `${base}/x`, events: ['slots'] })
      const { status } = await api.ask('POST /api/v1/webhooks', { token, init: { ...init, body } })
      assert.equal(status, client === undefined ? 400 : 404)
    }
  })
})
