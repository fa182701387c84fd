// What a Transport promises, on every way that a gateway may take.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { Incoming } from '../../../edge/transport/transport.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { ackTopic, commandTopic, healthTopic } from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd } from '../buffer/folder.ts'
import { GATEWAY, linkOptions, transportTo, WAYS } from './ways.ts'

const never = new AbortController().signal
const HEALTH = healthTopic(GATEWAY)

/** Listens, and says nothing. */
async function openMute(context: TestContext) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.resume().on('error', () => {}))
    socket.on('close', () => sockets.delete(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(context, () => server.close())
  return { sockets, port: (server.address() as AddressInfo).port }
}

for (const [name, open] of Object.entries(WAYS)) {
  describe(`a Transport to ${name}`, { skip: skipWithout('nats_server') }, () => {
    test('carries bytes both ways, in order, and ends when it is closed', async context => {
      const far = await open()
      atEnd(context, () => far.close())
      const received: Incoming[] = []
      const link = await transportTo(far.url).connect(
        linkOptions({ onMessage: message => received.push(message) }),
        never,
      )

      for (const byte of [0, 255, 10]) {
        await link.publish(HEALTH, Uint8Array.of(byte, 13, 10), { retain: false, timeoutMs: 10_000 })
      }
      const said = [commandTopic(GATEWAY, 'c-1'), ackTopic(GATEWAY), commandTopic(GATEWAY, 'c-2')]
      for (const topic of said) far.say(topic, `to ${topic}`)
      await until('all came', () => far.heard.length === 3 && received.length === 3)
      await link.close()

      assert.deepEqual(
        far.heard.map(({ topic, payload }) => [topic, [...payload]]),
        [0, 255, 10].map(byte => [HEALTH, [byte, 13, 10]]),
      )
      assert.deepEqual(
        received.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()]),
        said.map(topic => [topic, `to ${topic}`]),
      )
      assert.equal(typeof (await link.gone), 'string')
      await assert.rejects(
        link.publish(HEALTH, Buffer.from('{}'), { retain: false, timeoutMs: 1_000 }),
        Unavailable,
      )
    })

    test('is Unavailable to who has no right to it, and where nobody listens', async context => {
      const far = await open()
      atEnd(context, () => far.close())
      const { protocol } = new URL(far.url)
      const nobody = `${protocol}//127.0.0.1:${await freePort()}`

      await assert.rejects(transportTo(far.url, { token: 'another' }).connect(linkOptions(), never), {
        name: 'Unavailable',
        message: /not authori[sz]ed|bad user ?name or password/i,
      })
      await assert.rejects(transportTo(nobody).connect(linkOptions(), never), {
        name: 'Unavailable',
        message: /ECONNREFUSED/,
      })
    })

    test('ends with its peer, and tells who waits for it', async context => {
      const far = await open()
      atEnd(context, () => far.close())
      const link = await transportTo(far.url).connect(linkOptions(), never)
      atEnd(context, () => link.close())

      const stopped = far.stop()

      assert.equal(typeof (await link.gone), 'string')
      await assert.rejects(
        link.publish(HEALTH, Buffer.from('{}'), { retain: false, timeoutMs: 1_000 }),
        Unavailable,
      )
      await stopped
    })

    test('gives up a peer that says nothing in time, or as soon as it is told to, and leaves nothing behind', async context => {
      const far = await open()
      const { protocol } = new URL(far.url)
      await far.close()
      const mute = await openMute(context)
      const clock = openFakeClock()
      const connect = (signal: AbortSignal) =>
        transportTo(`${protocol}//127.0.0.1:${mute.port}`, {}, clock).connect(
          linkOptions({ timeoutMs: 1_000 }),
          signal,
        )
      const late = assert.rejects(connect(never), {
        name: 'Unavailable',
        message: 'No connection in 1000 ms',
      })
      await until('it has connected', () => mute.sockets.size === 1)
      await clock.advance(1_000)
      await late
      await until('its socket is gone', () => mute.sockets.size === 0)
      const stopping = new AbortController()
      const stopped = assert.rejects(connect(stopping.signal), /^Error: stop$/)
      await until('it has connected', () => mute.sockets.size === 1)

      stopping.abort(new Error('stop'))

      await stopped
      await until('its socket is gone', () => mute.sockets.size === 0)
      assert.equal(clock.sleepers(), 0)
    })
  })
}
