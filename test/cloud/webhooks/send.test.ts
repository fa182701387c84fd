// A webhook on real sockets: what is signed, where it may go, and what counts as taken.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { openAddressGuard, parseNetwork } from '../../../cloud/webhooks/address.ts'
import { openWebhookSender } from '../../../cloud/webhooks/send.ts'
import { openFakeClock } from '../../doubles/clock.ts'

const SECRET = `whsec_${Buffer.from('a-secret-of-twenty-four-b').toString('base64')}`
const FORMER = `whsec_${Buffer.from('the-one-that-was-before-it').toString('base64')}`
const NOW = Date.parse('2026-01-15T12:00:00.500Z')
const HERE = [parseNetwork('127.0.0.0/8')].filter(one => one !== undefined)

interface Got {
  headers: IncomingMessage['headers']
  body: string
}

describe('openWebhookSender()', () => {
  const got: Got[] = []
  let answer: (response: ServerResponse) => void = response => response.end('taken')
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    got.push({ headers: request.headers, body })
    answer(response)
  })
  let url = ''
  before(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const clock = openFakeClock(NOW)
  const sender = openWebhookSender({ clock }, { networks: HERE, timeoutMs: 1_000 })
  const send = (secrets = [SECRET]) => sender.send({ id: 'msg_1', url, body: '{"a":"ñ"}', secrets })

  test('W1: signs id, instant and body with each secret, so that the other side can tell', async () => {
    answer = response => response.end('taken')
    assert.deepEqual(await send([SECRET, FORMER]), { kind: 'accepted', answer: '200: taken', status: 200 })
    const { headers, body } = got.at(-1) ?? assert.fail('nothing came')
    assert.deepEqual(
      [headers['webhook-id'], headers['webhook-timestamp']],
      ['msg_1', String(Math.floor(NOW / 1000))],
    )
    const signed = `msg_1.${headers['webhook-timestamp']}.${body}`
    const expected = [SECRET, FORMER].map(secret => {
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
      return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
    })
    assert.equal(headers['webhook-signature'], expected.join(' '))
    assert.equal(headers['content-type'], 'application/json')
  })

  test('W3, W4: takes 2xx for a yes, 410 for a never, and everything else for a not now', async () => {
    const kinds: Record<number, string> = {}
    for (const status of [204, 299, 301, 400, 404, 410, 429, 500]) {
      answer = response => response.writeHead(status, { location: `${url}/elsewhere` }).end()
      kinds[status] = (await send()).kind
    }
    assert.deepEqual(kinds, {
      ...{ 204: 'accepted', 299: 'accepted', 410: 'refused' },
      ...{ 301: 'unanswered', 400: 'unanswered', 404: 'unanswered', 429: 'unanswered', 500: 'unanswered' },
    })
    assert.ok(got.every(({ headers }) => headers['webhook-id'] === 'msg_1'))
  })

  test('waits no longer than it may, and reads no more of an answer than is kept', async () => {
    answer = () => {}
    assert.deepEqual(await send(), { kind: 'unanswered', answer: 'No answer within 1000 ms' })
    answer = response => {
      response.writeHead(200)
      response.write('x'.repeat(100_000))
    }
    const outcome = await send()
    assert.equal(outcome.kind, 'accepted')
    assert.ok(outcome.answer.length <= 510)
  })

  test('says that nobody listens, and never throws', async () => {
    const outcome = await sender.send({
      id: 'msg_2',
      url: 'http://127.0.0.1:1/',
      body: '{}',
      secrets: [SECRET],
    })
    assert.equal(outcome.kind, 'unanswered')
    assert.match(outcome.answer, /ECONNREFUSED/)
  })

  test('W2: sends nothing to a private address, by number or by name', async () => {
    const strict = openWebhookSender({ clock }, { networks: [], timeoutMs: 1_000 })
    const before = got.length
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1']) {
      const address = url.replace('127.0.0.1', host).replace('http:', 'https:')
      const outcome = await strict.send({ id: 'msg_3', url: address, body: '{}', secrets: [SECRET] })
      assert.equal(outcome.kind, 'refused', host)
      assert.match(outcome.answer, /no public address/, host)
    }
    assert.equal(got.length, before)
  })

  test('names what is wrong with an address', () => {
    const wrong: Record<string, RegExp> = {
      'no url': /no URL/,
      'ftp://example.com/': /https/,
      'http://example.com/': /https/,
      'file:///etc/passwd': /https/,
      'https://ana:clave@example.com/': /user or a password/,
      'https://169.254.169.254/latest/meta-data': /no public address/,
      'https://[fd00::1]/': /no public address/,
      [`https://example.com/${'x'.repeat(2_000)}`]: /at most 2000/,
    }
    for (const [address, mistake] of Object.entries(wrong))
      assert.match(sender.mistakeOf(address) ?? '', mistake)
    assert.equal(sender.mistakeOf('https://example.com/hook?x=1'), undefined)
    assert.equal(sender.mistakeOf(url), undefined)
  })
})

describe('openAddressGuard()', () => {
  test('lets through what is public alone, and what is named', () => {
    const guard = openAddressGuard([])
    for (const address of ['8.8.8.8', '190.54.1.1', '2800:3f0::1', '2606:4700::1111']) {
      assert.ok(guard.allows(address), address)
    }
    const closed = [
      ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.9.9.9', '169.254.169.254', '172.31.0.1', '192.168.1.1'],
      ...['198.18.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fc00::1', 'ff02::1'],
      ...['::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', '2001:db8::1'],
    ]
    for (const address of closed) assert.ok(!guard.allows(address), address)
    const named = openAddressGuard([parseNetwork('10.0.0.0/8') ?? assert.fail()])
    assert.deepEqual([named.allows('10.1.2.3'), named.allows('192.168.1.1')], [true, false])
  })

  test('reads networks as they are written', () => {
    assert.deepEqual(parseNetwork('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 'ipv4' })
    assert.deepEqual(parseNetwork('fd00::/8'), { address: 'fd00::', prefix: 8, family: 'ipv6' })
    for (const wrong of ['10.0.0.0', '10.0.0.0/33', 'x/8', 'fd00::/129', '10.0.0.0/8/8', '']) {
      assert.equal(parseNetwork(wrong), undefined, wrong)
    }
  })
})
