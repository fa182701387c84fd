// MQTT against brokers that behave and brokers that do not.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openMqttTransport } from '../../../edge/transport/mqtt.ts'
import type { Incoming, LinkOptions, Transport } from '../../../edge/transport/transport.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openFakeCloud } from '../../doubles/cloud.ts'
import { connectClient } from '../../doubles/gateway-client.ts'
import { openNetwork } from '../../doubles/network.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../buffer/folder.ts'

const GATEWAY = 'gw-test'
const clock = openFakeClock()
const never = new AbortController().signal

const transportTo = (url: string): Transport =>
  openMqttTransport({ clock }, { url, clientId: GATEWAY, username: GATEWAY, password: 'token' })

function linkOptions(more: Partial<LinkOptions> = {}): LinkOptions {
  const state = { v: 1, state: 'lost', version: '0', since: 1 }
  return {
    will: { topic: `gw/v1/${GATEWAY}/state`, payload: Buffer.from(JSON.stringify(state)) },
    subscribe: [`gw/v1/${GATEWAY}/down/ack`],
    onMessage: () => {},
    timeoutMs: 5_000,
    silenceMs: 18_000,
    ...more,
  }
}

/** A broker of bytes: it accepts, and answers each packet with what `answer` gives for its type. */
async function openRigidBroker(
  context: TestContext,
  answer: (type: number, packet: Buffer) => Buffer | undefined,
): Promise<{ url: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      const reply = answer((chunk[0] ?? 0) >> 4, chunk)
      if (reply !== undefined) socket.write(reply)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(context, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

const CONNECT = 1
const SUBSCRIBE = 8
const CONNACK = Buffer.from([0x20, 2, 0, 0])
const subackOf = (packet: Buffer, code: number) =>
  Buffer.from([0x90, 3, packet[2] ?? 0, packet[3] ?? 0, code])

/** Why it was Unavailable. */
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof Unavailable, String(error))
    return error.message
  }
  throw new assert.AssertionError({ message: 'It worked' })
}

test('a link carries both ways, and its end is told with the reason', async context => {
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const received: Incoming[] = []
  const link = await transportTo(cloud.url).connect(
    linkOptions({ onMessage: message => received.push(message) }),
    never,
  )
  cloud.say(GATEWAY, 'hello')
  await until('it came', () => received.length === 1)
  assert.equal(received[0]?.topic, `gw/v1/${GATEWAY}/down/ack`)
  assert.equal(Buffer.from(received[0]?.payload ?? []).toString(), 'hello')

  await cloud.stop()

  assert.equal(typeof (await link.gone), 'string')
  const late = link.publish('gw/v1/gw-test/health', Buffer.from('{}'), { retain: false, timeoutMs: 1_000 })
  await assert.rejects(late, Unavailable)
  await link.close()
  await cloud.start()
})

test('a link that is closed says goodbye; one that dies leaves its will', async context => {
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const first = await transportTo(cloud.url).connect(linkOptions(), never)
  await first.close()
  await first.gone
  assert.equal(cloud.states.length, 0)

  await transportTo(cloud.url).connect(linkOptions(), never)
  // The same client identifier again: the broker ends the first without a goodbye.
  const intruder = await connectClient(cloud.port, { clientId: GATEWAY })
  atEnd(context, () => intruder.close())
  await until('the will came', () => cloud.states.length === 1)
  assert.equal(cloud.states[0]?.state, 'lost')
})

test('connect() throws Unavailable when nobody listens, nobody answers, or the subscription is refused', async context => {
  const nobody = await openRigidBroker(context, () => undefined)
  const silent = refusal(transportTo(nobody.url).connect(linkOptions(), never))
  await until('it has connected', () => nobody.sockets.size === 1)
  await clock.advance(5_000)
  assert.match(await silent, /No connection in 5000 ms/)
  await until('its socket is gone', () => nobody.sockets.size === 0)

  const strict = await openRigidBroker(context, (type, packet) => {
    if (type === CONNECT) return CONNACK
    return type === SUBSCRIBE ? subackOf(packet, 128) : undefined
  })
  assert.match(await refusal(transportTo(strict.url).connect(linkOptions(), never)), /subscri/i)
  await until('its socket is gone', () => strict.sockets.size === 0)

  const closed = transportTo('mqtt://127.0.0.1:1').connect(linkOptions(), never)
  assert.match(await refusal(closed), /ECONNREFUSED/)

  const unauthorized = await openRigidBroker(context, type =>
    type === CONNECT ? Buffer.from([0x20, 2, 0, 5]) : undefined,
  )
  const refused = refusal(transportTo(unauthorized.url).connect(linkOptions(), never))
  await until('its socket is gone', async () => {
    await clock.advance(500)
    return unauthorized.sockets.size === 0
  })
  assert.match(await refused, /Not authorized/)
})

test('connect() stops when it is told to, with the reason', async context => {
  const broker = await openRigidBroker(context, () => undefined)
  const stopping = new AbortController()
  const connecting = transportTo(broker.url).connect(linkOptions(), stopping.signal)
  await until('it has connected', () => broker.sockets.size === 1)
  const reason = new Error('stop')

  stopping.abort(reason)

  await assert.rejects(connecting, reason)
  await until('its socket is gone', () => broker.sockets.size === 0)
})

test('a peer that confirms nothing makes publish() Unavailable in time, and does not keep the link from closing', async context => {
  const broker = await openRigidBroker(context, (type, packet) => {
    if (type === CONNECT) return CONNACK
    return type === SUBSCRIBE ? subackOf(packet, 1) : undefined
  })
  const link = await transportTo(broker.url).connect(linkOptions(), never)
  const topic = `gw/v1/${GATEWAY}/health`
  const publishing = refusal(link.publish(topic, Buffer.from('{}'), { retain: false, timeoutMs: 3_000 }))
  await clock.advance(3_000)
  assert.match(await publishing, /No PUBACK in 3000 ms/)

  const closing = link.close()
  await clock.advance(1_000)
  await closing
  await until('its socket is gone', () => broker.sockets.size === 0)
  assert.equal(clock.sleepers(), 0)
})

test('publish() is Unavailable as soon as the link dies under it, without waiting for its deadline', async context => {
  const PUBLISH = 3
  const broker = await openRigidBroker(context, (type, packet) => {
    if (type === CONNECT) return CONNACK
    if (type === SUBSCRIBE) return subackOf(packet, 1)
    if (type === PUBLISH) for (const socket of broker.sockets) socket.destroy()
    return undefined
  })
  const link = await transportTo(broker.url).connect(linkOptions(), never)
  const topic = `gw/v1/${GATEWAY}/health`

  const publishing = refusal(link.publish(topic, Buffer.from('{}'), { retain: false, timeoutMs: 3_000 }))

  await link.gone
  assert.match(await publishing, /link is gone/)
  await link.close()
  assert.equal(clock.sleepers(), 0)
})

test('a peer that falls silent is noticed in time, when there is nothing to say to it and also while it is spoken to (U3)', async context => {
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  for (const isSpokenTo of [false, true]) {
    const network = await openNetwork({ clock: systemClock }, { to: cloud.port })
    atEnd(context, () => network.close())
    const transport = transportTo(`mqtt://127.0.0.1:${network.port}`)
    const link = await transport.connect(linkOptions({ silenceMs: 3_000, timeoutMs: 600_000 }), never)
    let reason: string | undefined
    void link.gone.then(why => {
      reason = why
    })

    network.mute()

    await until('it is noticed', async () => {
      const topic = `gw/v1/${GATEWAY}/health`
      if (isSpokenTo)
        link.publish(topic, Buffer.from('{}'), { retain: false, timeoutMs: 600_000 }).catch(() => {})
      return reason !== undefined
    })
    assert.match(reason ?? '', /keepalive/i)
    await link.close()
  }
})
