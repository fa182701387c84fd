// A write and its connection: it does not leave after it has expired, neither by us nor later by the kernel.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openBus } from '../../../edge/modbus/bus.ts'
import type { WriteRequest } from '../../../edge/modbus/request.ts'
import { connectTcp } from '../../../edge/modbus/tcp.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { holds, openBench, outcomeOf, request, signal, TIMEOUT_MS } from './bus-scene.ts'

const WRITE = { unit: 3, table: 'holding', address: 10, values: [7], code: 6 } as const

test('write() does not leave when it has expired while the bus was connecting', async context => {
  const { clock, instrument } = await openBench(context)
  const address = { host: '127.0.0.1', port: instrument.port, timeoutMs: TIMEOUT_MS }
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.5 },
    { id: 'plant', timeout: TIMEOUT_MS },
    async aborted => {
      const wire = await connectTcp({ clock, nextTransaction: () => 1 }, address, aborted)
      clock.step(100)
      return wire
    },
  )
  context.after(() => bus.close())
  const write: WriteRequest = { ...WRITE, notAfter: clock.now() + 99 }

  const outcome = await bus.write(write, signal)
  assert.deepEqual(await outcomeOf(bus, request(7, 1)), holds(7))

  assert.deepEqual(outcome, { kind: 'unsent', reason: 'it expired before its turn came' })
  assert.deepEqual(
    instrument.requests.map(({ code }) => code),
    [3],
  )
})

// A network that falls silent takes a request into the kernel's queue, which a close leaves to be sent when it is back, and
// a reset throws away.
for (const framing of ['tcp', 'rtu'] as const) {
  for (const [what, end] of [
    ['is not answered', ({ clock }) => clock.advance(2 * TIMEOUT_MS)],
    ['is given up', ({ stop }) => stop.abort()],
    ['is under way when the bus is closed', ({ bus }) => bus.close()],
  ] satisfies [string, (scene: Scene) => unknown][]) {
    test(`write() with framing ${framing} that ${what} resets its connection, and nothing leaves afterwards (R7)`, async context => {
      const scene = await openScene(context, framing)
      const { bus, clock, far, stop } = scene
      const outcome = bus
        .write({ ...WRITE, notAfter: clock.now() + 50 }, stop.signal)
        .catch(() => ({ kind: 'aborted' }))
      const socket = await far
      await once(socket, 'data')

      const ended = once(socket, 'end')
      void end(scene)

      await assert.rejects(ended, { code: 'ECONNRESET' })
      await clock.advance(2 * TIMEOUT_MS)
      assert.ok(['no_answer', 'aborted'].includes((await outcome).kind))
    })
  }
}

interface Scene {
  clock: ReturnType<typeof openFakeClock>
  bus: ReturnType<typeof openBus>
  stop: AbortController
  /** The far end of the connection, as soon as there is one. */
  far: Promise<Socket>
}

/** A bus to who hears everything and says nothing. */
async function openScene(context: TestContext, framing: 'tcp' | 'rtu'): Promise<Scene> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const far = once(server, 'connection').then(([socket]) => socket as Socket)
  const clock = openFakeClock()
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.5 },
    { id: 'plant', tcp: { host: '127.0.0.1', port, framing }, timeout: TIMEOUT_MS },
  )
  context.after(() => {
    bus.close()
    server.close()
  })
  return { clock, bus, stop: new AbortController(), far }
}
