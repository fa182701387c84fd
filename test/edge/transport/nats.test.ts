// What NATS has of its own, against the real nats-server and against what only listens; contract.test.ts has the rest.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BATCH_BYTES_MAX, TABLE_BYTES_MAX } from '../../../protocol/batch.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { ackTopic, commandTopic, healthTopic, toSubject } from '../../../protocol/topics.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd } from '../buffer/folder.ts'
import { GATEWAY, linkOptions, TOKEN, transportTo } from './ways.ts'

const HEALTH = healthTopic(GATEWAY)
const never = new AbortController().signal

describe('openNatsTransport()', { skip: skipWithout('nats_server') }, () => {
  let server: NatsServer
  before(async () => {
    server = await openNatsServer({
      users: [
        {
          ...{ user: GATEWAY, password: TOKEN },
          publish: [toSubject(HEALTH)],
          subscribe: [toSubject(ackTopic(GATEWAY)), toSubject(commandTopic(GATEWAY, '+'))],
        },
      ],
    })
  })
  after(() => server.close())

  const toPort = (port: number) => transportTo(`nats://127.0.0.1:${port}`)

  test('connect() is Unavailable for a subscription that is forbidden, and says which', async () => {
    const forbidden = toPort(server.port).connect(linkOptions({ subscribe: [ackTopic('gw-other')] }), never)

    await assert.rejects(forbidden, {
      name: 'Unavailable',
      message: /Not allowed to receive gw\.v1\.gw-other\.down\.ack/,
    })
  })

  test('a link on which something forbidden is said ends, and says what it was', async () => {
    const link = await toPort(server.port).connect(linkOptions(), never)

    const said = link.publish('gw/v1/gw-other/health', Buffer.from('{}'), {
      retain: false,
      timeoutMs: 10_000,
    })

    await said.catch((error: unknown) => assert.ok(error instanceof Unavailable))
    assert.equal(await link.gone, 'Not allowed to publish gw.v1.gw-other.health')
  })

  test('a server that falls silent is noticed in time, when there is nothing to say to it and also while it is spoken to (U3)', async context => {
    const own = await openNatsServer()
    atEnd(context, () => own.close())
    const connect = () => toPort(own.port).connect(linkOptions({ silenceMs: 1_000 }), never)
    const [idle, busy] = [await connect(), await connect()]

    await own.freeze()
    const said = busy.publish(HEALTH, Buffer.from('{}'), { retain: false, timeoutMs: 60_000 })

    await assert.rejects(said, { name: 'Unavailable', message: /The link is gone/ })
    assert.equal(typeof (await idle.gone), 'string')
  })

  test('a server that takes less than a batch is refused, before a batch is lost on it', async context => {
    const own = await openNatsServer({ more: 'max_payload: 65536' })
    atEnd(context, () => own.close())

    await assert.rejects(toPort(own.port).connect(linkOptions(), never), {
      name: 'Unavailable',
      message: `Takes 65536 bytes a message (max_payload), and needs ${BATCH_BYTES_MAX + TABLE_BYTES_MAX}`,
    })
  })

  test('a message that was taken over leaves nothing behind in the link', async context => {
    const link = await toPort(server.port).connect(linkOptions(), never)
    atEnd(context, () => link.close())
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const say = async (messages: number) => {
      for (let message = 0; message < messages; message += 1)
        await link.publish(HEALTH, Buffer.from('{}'), { retain: false, timeoutMs: 60_000 })
      gc()
      return process.memoryUsage().heapUsed
    }

    const before = await say(4_000)
    const grownBytes = (await say(8_000)) - before

    assert.ok(grownBytes < 8_000 * 100, `${grownBytes} bytes for 8,000 messages`)
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
    const connecting = toPort((mute.address() as AddressInfo).port).connect(linkOptions(), stopping.signal)
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

    await assert.rejects(toPort((web.address() as AddressInfo).port).connect(linkOptions(), never), {
      name: 'Unavailable',
      message: /unexpected response from server/,
    })
  })
})
