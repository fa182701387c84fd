// The link: losing it, waiting, coming back, and what is said on it besides batches.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { until } from '../../doubles/until.ts'
import { atEnd, measurements } from '../buffer/folder.ts'
import { GATEWAY, passUntil, setScene } from './scene.ts'

test('readings are kept while the broker is down and committed once each, in order, when it is up', async context => {
  const scene = await setScene(context)
  const uplink = await scene.connect()
  await scene.append(measurements(10))
  await scene.drained()
  await scene.cloud.stop()
  await until('it is not connected', () => !uplink.connected())
  for (let seed = 1; seed <= 5; seed += 1) await scene.append(measurements(100, seed))
  assert.equal(scene.buffer.status().readings, 500)

  await scene.cloud.start()
  await passUntil(scene.clock, 'it is connected again', uplink.connected)
  await scene.drained()

  assert.equal(scene.cloud.stored.size, 510)
  assert.ok([...scene.cloud.commits.values()].every(times => times === 1))
  const firsts = scene.cloud.batches.map(({ batch }) => batch.first)
  assert.deepEqual(
    firsts,
    [...firsts].sort((a, b) => a - b),
  )
})

test('tries to connect are ever further apart up to a minute, each at a random part of its pause (U5)', async context => {
  let connections = 0
  const server = createServer(socket => {
    connections += 1
    socket.on('error', () => {})
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(context, () => server.close())
  const { port } = server.address() as AddressInfo
  const parts = [0.5, 0.999, 0.25, 0.75]
  let drawn = 0
  const random = () => parts[drawn++ % parts.length] ?? 0
  const scene = await setScene(context, { random, url: `mqtt://127.0.0.1:${port}` })
  scene.start()

  for (let attempt = 0; attempt < 10; attempt += 1) {
    await until('it failed', () => scene.said('cloud not reached').length === attempt + 1)
    const ceiling = Math.min(60_000, 1_000 * 2 ** attempt)
    const pauseMs = Math.floor((parts[attempt % parts.length] ?? 0) * ceiling)
    await scene.clock.advance(pauseMs - 1)
    assert.equal(connections, attempt + 1)
    await scene.clock.advance(1)
  }
})

test('after a session on which the cloud answered, the pauses begin again with the shortest (U5)', async context => {
  const scene = await setScene(context, { random: () => 0.999 })
  const { uplink } = scene.start()

  for (let round = 0; round < 4; round += 1) {
    await passUntil(scene.clock, 'it is connected', uplink.connected)
    await scene.append(measurements(10, round))
    await scene.drained()
    await scene.cloud.stop()
    await until('the end was noticed', () => scene.said('cloud not reached').length > round)
    await scene.cloud.start()
  }

  assert.deepEqual(
    scene.said('cloud not reached').map(({ attempt }) => attempt),
    [0, 0, 0, 0],
  )
})

test('the first try after a long good session waits for a random part of its pause as well (U5)', async context => {
  const scene = await setScene(context, { random: () => 0.7 })
  const { uplink } = scene.start()
  await until('it is connected', uplink.connected)
  await scene.append(measurements(10))
  await scene.drained()
  await scene.cloud.stop()
  await until('the end was noticed', () => scene.said('cloud not reached').length === 1)
  await scene.cloud.start()

  await scene.clock.advance(699)
  assert.equal(scene.cloud.passwords.length, 1)
  await scene.clock.advance(1)
  await until('it is connected again', uplink.connected)
})

test('a network that falls silent under a batch is left at the ack deadline (U3)', async context => {
  const scene = await setScene(context, { network: {} })
  const { uplink } = scene.start()
  await passUntil(scene.clock, 'it is connected', uplink.connected, { stepMs: 10 })
  await until('it told its health', async () => {
    await scene.clock.advance(10)
    return scene.cloud.healths.length === 1
  })
  scene.network?.mute()
  await scene.append(measurements(10))
  const sentAt = scene.clock.monotonic()

  await passUntil(scene.clock, 'it is left', () => scene.said('cloud not reached').length > 0)

  assert.ok(scene.clock.monotonic() - sentAt <= 20_000)
  assert.equal(scene.said('cloud not reached')[0]?.reason, 'No ack in 15000 ms')
  assert.equal(scene.buffer.status().readings, 10)
})

test('a link that swallows everything is left at the ack deadline, and the batch goes on the next one (U3)', async context => {
  const scene = await setScene(context, { ackTimeoutMs: 5_000 })
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.connect()
  await scene.append(measurements(3))
  await until('the batch came', () => scene.cloud.batches.length === 1)
  await scene.clock.advance(5_000)
  assert.equal(scene.said('cloud not reached').length, 0)

  await scene.clock.advance(500)
  await until('the link is left', () => scene.said('cloud not reached').length === 1)
  scene.cloud.failAlways()
  await passUntil(scene.clock, 'the batch is committed', () => scene.cloud.stored.size === 3)
  await scene.drained()
})

test('a command that comes in the very moment of connecting is answered', async context => {
  const scene = await setScene(context, {
    onCommand: async ({ topic }) => ({
      topic: `${topic}/result`,
      payload: JSON.stringify({ v: 1, id: 'c-1', status: 'done', at: 1 }),
    }),
  })
  scene.cloud.onSubscribed(() =>
    scene.cloud.command(GATEWAY, { v: 1, id: 'c-1', kind: 'restart', by: 'ana', expiresAt: 1 }),
  )
  scene.start()

  await until('the result came', () => scene.cloud.results.length === 1)
})

test('a gateway says that it is ready, how it is each minute, and goodbye', async context => {
  const scene = await setScene(context)
  const { uplink, stop } = scene.start()
  await until('it is connected', uplink.connected)
  await until('it told its health', () => scene.cloud.healths.length === 1)
  const isToldAgain = () => scene.cloud.healths.length === 2
  await passUntil(scene.clock, 'it told its health again', isToldAgain, { stepMs: 60_000 })

  await stop()

  await until('it said goodbye', () => scene.cloud.states.at(-1)?.state === 'disconnected')
  assert.equal(scene.cloud.states[0]?.state, 'ready')
  assert.equal(uplink.connected(), false)
})

test('stopping waits for no time to pass when the link dies at that very moment', async context => {
  const scene = await setScene(context)
  for (let round = 0; round < 60; round += 1) {
    scene.cloud.failAlways()
    const { uplink, stop } = scene.start()
    await passUntil(scene.clock, 'it is connected', uplink.connected)
    scene.cloud.failAlways({ kind: 'disconnect' })
    const before = scene.cloud.batches.length
    await scene.append(measurements(5, round))
    // A turn later in each round, around the one in which the batch arrives.
    for (let turn = 0; turn < round && scene.cloud.batches.length === before; turn += 1) {
      await new Promise(resolve => setImmediate(resolve))
    }

    let isStopped = false
    void stop().then(() => {
      isStopped = true
    })
    await until(`it stopped in round ${round}`, () => isStopped, { timeoutMs: 5_000 })
  }
})

test('memory of a session does not grow with its age', async context => {
  const scene = await setScene(context)
  await scene.connect()
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const heap = () => {
    gc()
    return process.memoryUsage().heapUsed
  }
  const pass = async (hours: number) => {
    for (let minute = 0; minute < hours * 60; minute += 1) {
      const { length } = scene.cloud.healths
      const isTold = () => scene.cloud.healths.length > length
      await passUntil(scene.clock, 'it told its health', isTold, { stepMs: 60_000 })
      scene.cloud.healths.length = 1
    }
  }
  await pass(1)

  const before = heap()
  await pass(3)

  const grownBytes = heap() - before
  assert.ok(grownBytes < 5_000_000, `${grownBytes} bytes in three hours`)
})
