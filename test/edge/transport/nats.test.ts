// NATS against the real nats-server, and against what only listens.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { openNatsTransport } from '../../../edge/transport/nats.ts'
import type { Incoming, LinkOptions } from '../../../edge/transport/transport.ts'
import { BATCH_BYTES_MAX, TABLE_BYTES_MAX } from '../../../protocol/batch.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd } from '../buffer/folder.ts'

const GATEWAY = 'gw-test'
const ACK = `gw/v1/${GATEWAY}/down/ack`
const HEALTH = `gw/v1/${GATEWAY}/health`
const never = new AbortController().signal

const linkOptions = (more: Partial<LinkOptions> = {}): LinkOptions => ({
  will: { topic: `gw/v1/${GATEWAY}/state`, payload: Buffer.from('{}') },
  subscribe: [ACK, `gw/v1/${GATEWAY}/cmd/+`],
  onMessage: () => {},
  timeoutMs: 10_000,
  silenceMs: 20_000,
  ...more,
})

describe('openNatsTransport()', { skip: skipWithout('nats_server') }, () => {
  let server: NatsServer
  let cloud: NatsConnection
  before(async () => {
    server = await openNatsServer({
      users: [
        { user: 'cloud', password: 'cloud' },
        {
          ...{ user: GATEWAY, password: 'token' },
          publish: [`gw.v1.${GATEWAY}.health`, `gw.v1.${GATEWAY}.up.*`],
          subscribe: [`gw.v1.${GATEWAY}.down.ack`, `gw.v1.${GATEWAY}.cmd.*`],
        },
      ],
    })
    cloud = await connect({ servers: `127.0.0.1:${server.port}`, user: 'cloud', pass: 'cloud' })
  })
  after(async () => {
    await cloud.close()
    await server.close()
  })

  const transportTo = (port: number, password = 'token', clock = systemClock) =>
    openNatsTransport(
      { clock },
      { url: `nats://127.0.0.1:${port}`, name: GATEWAY, username: GATEWAY, password },
    )

  test('a link carries both ways, topics as subjects, and a closed one is gone', async () => {
    const seen: { subject: string; data: Uint8Array }[] = []
    const watching = cloud.subscribe('gw.v1.>', { callback: (_, message) => seen.push(message) })
    await cloud.flush()
    const received: Incoming[] = []
    const link = await transportTo(server.port).connect(
      linkOptions({ onMessage: message => received.push(message) }),
      never,
    )

    await link.publish(HEALTH, Buffer.from([0, 255]), { retain: false, timeoutMs: 10_000 })
    cloud.publish(`gw.v1.${GATEWAY}.cmd.c-1`, 'do it')
    cloud.publish(`gw.v1.${GATEWAY}.down.ack`, 'stored')

    await until('both came', () => received.length === 2 && seen.length === 3)
    assert.deepEqual(
      received.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()]),
      [
        [`gw/v1/${GATEWAY}/cmd/c-1`, 'do it'],
        [ACK, 'stored'],
      ],
    )
    assert.equal(seen[0]?.subject, `gw.v1.${GATEWAY}.health`)
    assert.deepEqual([...(seen[0]?.data ?? [])], [0, 255])
    watching.unsubscribe()
    await link.close()
    assert.equal(await link.gone, 'connection closed')
    await assert.rejects(
      link.publish(HEALTH, Buffer.from(''), { retain: false, timeoutMs: 1_000 }),
      Unavailable,
    )
  })

  test('connect() is Unavailable for a wrong token, a forbidden subscription, and where nobody listens', async () => {
    await assert.rejects(transportTo(server.port, 'wrong').connect(linkOptions(), never), {
      name: 'Unavailable',
      message: 'Cannot connect: Not authorized: bad user name or password',
    })
    await assert.rejects(
      transportTo(server.port).connect(linkOptions({ subscribe: ['gw/v1/gw-other/down/ack'] }), never),
      (error: Error) => error instanceof Unavailable && /Not allowed to/.test(error.message),
    )
    await assert.rejects(transportTo(1).connect(linkOptions(), never), {
      name: 'Unavailable',
      message: /ECONNREFUSED/,
    })
  })

  test('a link on which something forbidden is said ends, and says what it was', async () => {
    const link = await transportTo(server.port).connect(linkOptions(), never)

    const said = link.publish('gw/v1/gw-other/health', Buffer.from('{}'), {
      retain: false,
      timeoutMs: 10_000,
    })

    await said.catch((error: unknown) => assert.ok(error instanceof Unavailable))
    assert.equal(await link.gone, 'Not allowed to publish gw.v1.gw-other.health')
  })

  test('connect() to a peer that says nothing is Unavailable in time, and leaves no connection behind', async context => {
    const sockets = new Set<Socket>()
    const mute = createServer(socket => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    atEnd(context, () => mute.close())
    const clock = openFakeClock()
    const transport = transportTo((mute.address() as AddressInfo).port, 'token', clock)
    const connecting = transport.connect(linkOptions({ timeoutMs: 1_000 }), never)
    const refused = assert.rejects(connecting, { name: 'Unavailable', message: /No connection in 1000 ms/ })
    await until('it has connected', () => sockets.size === 1)

    await clock.advance(1_000)

    await refused
    await until('its socket is gone', () => sockets.size === 0)
    assert.equal(clock.sleepers(), 0)
  })

  test('a server that dies ends the link; publish() under way is Unavailable at once', async context => {
    const own = await openNatsServer()
    atEnd(context, () => own.close())
    const link = await transportTo(own.port).connect(linkOptions(), never)

    await own.stop()

    assert.equal(typeof (await link.gone), 'string')
    await assert.rejects(
      link.publish(HEALTH, Buffer.from(''), { retain: false, timeoutMs: 1_000 }),
      Unavailable,
    )
  })

  test('a server that falls silent is noticed in time, when there is nothing to say to it and also while it is spoken to (U3)', async context => {
    const own = await openNatsServer()
    atEnd(context, () => own.close())
    const connect = () => transportTo(own.port).connect(linkOptions({ silenceMs: 1_000 }), never)
    const [idle, busy] = [await connect(), await connect()]

    await own.freeze()
    const said = busy.publish(HEALTH, Buffer.from('{}'), { retain: false, timeoutMs: 60_000 })

    await assert.rejects(said, { name: 'Unavailable', message: /The link is gone/ })
    assert.equal(typeof (await idle.gone), 'string')
  })

  test('a server that takes less than a batch is refused, before a batch is lost on it', async context => {
    const own = await openNatsServer({ more: 'max_payload: 65536' })
    atEnd(context, () => own.close())

    await assert.rejects(transportTo(own.port).connect(linkOptions(), never), {
      name: 'Unavailable',
      message: `Takes 65536 bytes a message (max_payload), and needs ${BATCH_BYTES_MAX + TABLE_BYTES_MAX}`,
    })
  })

  test('connect() stops when it is told to, with the reason, and leaves no connection behind', async context => {
    const sockets = new Set<Socket>()
    const mute = createServer(socket => {
      sockets.add(
        socket
          .resume()
          .on('error', () => {})
          .on('close', () => sockets.delete(socket)),
      )
      socket.write('INFO {"server_id":"x","version":"2.9.10","proto":1,"max_payload":1048576}\r\n')
    }).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    atEnd(context, () => mute.close())
    const stopping = new AbortController()
    const connecting = transportTo((mute.address() as AddressInfo).port).connect(
      linkOptions(),
      stopping.signal,
    )
    await until('it has connected', () => sockets.size === 1)
    const reason = new Error('stop')

    stopping.abort(reason)

    await assert.rejects(connecting, reason)
    await until('its socket is gone', () => sockets.size === 0)
  })

  test('connect() says what it met where something else listens', async context => {
    const web = createServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    atEnd(context, () => web.close())

    await assert.rejects(transportTo((web.address() as AddressInfo).port).connect(linkOptions(), never), {
      name: 'Unavailable',
      message: /unexpected response from server/,
    })
  })
})
