// A serial port of the machine, and a converter, as they are: opened, pulled out, plugged in, shared by nobody.

import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Bus, openBus } from '../../../edge/modbus/bus.ts'
import type { ReadOutcome } from '../../../edge/modbus/request.ts'
import type { BusConfig } from '../../../protocol/bus-config.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openRtuInstrument, type RtuInstrument, withChecksum } from '../../doubles/rtu-instrument.ts'
import { until } from '../../doubles/until.ts'
import { openPty, type Pty } from '../../peers/pty.ts'
import { skipWithout } from '../../peers.ts'
import { holds, registers, request, signal } from './bus-scene.ts'

const clock = systemClock
const skip = skipWithout('socat')

function busOn(context: TestContext, config: Partial<BusConfig>): Bus {
  // Pauses between tries are short: it is not they that are tested.
  const random = () => 0
  const bus = openBus({ clock, log: silentLog, random }, { id: 'rs485', timeout: 1_000, ...config })
  context.after(() => bus.close())
  return bus
}

const serial = (path: string): Partial<BusConfig> => ({
  serial: { path, baudRate: 115200, parity: 'none', stopBits: 1 },
})

async function openScene(context: TestContext): Promise<{ pty: Pty; instrument: RtuInstrument; bus: Bus }> {
  const pty = await openPty(bytes => instrument.hear(bytes))
  context.after(() => pty.close())
  const send = (bytes: Buffer) => pty.send(bytes)
  // As long as the answer would take on a line of this rate.
  const instrument = openRtuInstrument({ clock, send }, { units: [3, 4], registers, delayMs: 10 })
  return { pty, instrument, bus: busOn(context, serial(pty.path)) }
}

const isValues = (outcome: ReadOutcome) => outcome.kind === 'values'

suite('a serial port', { skip }, () => {
  test('read() reads what is on the line, one request at a time', async context => {
    const { bus, instrument } = await openScene(context)
    const addresses = Array.from({ length: 20 }, (_, index) => index * 4)

    const outcomes = await Promise.all(addresses.map(address => bus.read(request(address), signal)))

    assert.deepEqual(
      outcomes,
      addresses.map(address => holds(address, address + 1, address + 2, address + 3)),
    )
    assert.equal(instrument.requests.length, addresses.length)
  })

  for (const paced of [undefined, false]) {
    test(`read() of what came sooner than a line could bring it ${paced === false ? 'is taken where there is no line' : 'is no answer'}`, async context => {
      const pty = await openPty(bytes => instrument.hear(bytes))
      context.after(() => pty.close())
      const send = (bytes: Buffer) => pty.send(bytes)
      const instrument = openRtuInstrument({ clock, send }, { units: [3], registers, delayMs: 0 })
      const bus = busOn(context, {
        serial: {
          path: pty.path,
          baudRate: 1200,
          parity: 'none',
          stopBits: 1,
          ...(paced === false ? { paced } : {}),
        },
      })

      const outcome = await bus.read({ ...request(0), count: 125 }, signal)

      assert.equal(outcome.kind, paced === false ? 'values' : 'bad_answer')
    })
  }

  test('read() goes on where an adapter is plugged in again, found by its name (R6)', async context => {
    const { bus, pty } = await openScene(context)
    assert.ok(isValues(await bus.read(request(0), signal)))
    await pty.unplug()

    const gone = await bus.read(request(100), signal)
    assert.equal(gone.kind, 'no_answer')
    assert.match(JSON.stringify(await bus.read(request(100), signal)), /not connected: .*No such file/)

    await pty.plug()
    await until('the bus reads again', async () => isValues(await bus.read(request(200), signal)))
    assert.deepEqual(await bus.read(request(300), signal), holds(300, 301, 302, 303))
  })

  test('read() has an outcome when the adapter is pulled out while an answer is waited for', async context => {
    const { bus, pty, instrument } = await openScene(context)
    instrument.fail({ kind: 'silence' })
    const reading = bus.read(request(0), signal)
    await until('the instrument was asked', () => instrument.requests.length === 1)

    await pty.unplug()

    assert.match(JSON.stringify(await reading), /"no_answer","reason":"(line closed|no answer)/)
  })

  test('read() opens a port by the link that udev makes for it', async context => {
    const { pty } = await openScene(context)
    const link = join(pty.path, '..', 'usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0')
    symlinkSync(pty.path, link)
    const bus = busOn(context, serial(link))

    assert.deepEqual(await bus.read(request(8), signal), holds(8, 9, 10, 11))
  })

  test('read() gives a port back when its bus is closed, and takes it again', async context => {
    const { bus, pty } = await openScene(context)
    assert.ok(isValues(await bus.read(request(0), signal)))

    for (let round = 0; round < 5; round += 1) {
      const other = busOn(context, serial(pty.path))
      await bus.close()
      await until('the port is free', async () => isValues(await other.read(request(4), signal)))
      await other.close()
      await until('the port is free again', async () => isValues(await bus.read(request(4), signal)))
    }
  })

  test('read() says that another program has the port', async context => {
    const { bus, pty } = await openScene(context)
    assert.ok(isValues(await bus.read(request(0), signal)))

    const outcome = await busOn(context, serial(pty.path)).read(request(0), signal)

    assert.deepEqual(outcome, {
      kind: 'no_answer',
      reason: `not connected: another program has ${pty.path} open`,
    })
  })

  test('read() says why there is no port', async context => {
    const bus = busOn(context, serial('/nowhere/at-all'))

    assert.match(
      JSON.stringify(await bus.read(request(0), signal)),
      /not connected: .*No such file or directory.*\/nowhere\/at-all/,
    )
  })
})

/** A converter, and what is on its line; it holds one connection, as cheap ones do. */
async function openConverter(context: TestContext) {
  let peer: Socket | undefined
  const instrument = openRtuInstrument(
    { clock, send: bytes => void (peer?.writable && peer.write(bytes)) },
    { units: [3, 4], registers },
  )
  const server = createServer(socket => {
    peer = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => instrument.hear(bytes))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.close()
    peer?.destroy()
  })
  const { port } = server.address() as { port: number }
  const bus = busOn(context, {
    tcp: { host: '127.0.0.1', port, framing: 'rtu' },
    timeout: 300,
    quarantine: 50,
  })
  const say = (bytes: Buffer) => void peer?.write(bytes)
  return { bus, instrument, say, drop: () => peer?.destroy() }
}

test('read() reads through a converter that carries RTU frames, also in pieces', async context => {
  const { bus, instrument } = await openConverter(context)
  assert.deepEqual(await bus.read(request(100, 2, 'input'), signal), holds(100, 101))
  instrument.fail({ kind: 'trickle', afterMs: 1 })

  assert.deepEqual(await bus.read(request(7, 3), signal), holds(7, 8, 9))
})

test('read() takes no late answer of a converter for another, even over a new connection', async context => {
  const { bus, instrument, drop } = await openConverter(context)
  for (let round = 0; round < 6; round += 1) {
    instrument.fail({ kind: 'late', ms: 400 })
    assert.equal((await bus.read(request(round * 8), signal)).kind, 'no_answer')
    if (round % 2 === 1) drop()
    await until('the bus reads again', async () => {
      const outcome = await bus.read(request(1_000 + round), signal)
      if (!isValues(outcome)) return false
      assert.deepEqual(outcome, holds(1_000 + round, 1_001 + round, 1_002 + round, 1_003 + round))
      return true
    })
  }
})

test('read() hears what came while the process was held up, before it asks (R5)', async context => {
  const { bus, say } = await openConverter(context)
  assert.deepEqual(await bus.read(request(100, 1), signal), holds(100))

  // The answer once more, and nobody looks for a while.
  say(withChecksum(Buffer.from([3, 3, 2, 0, 100])))
  const until = clock.monotonic() + 60
  while (clock.monotonic() < until);
  const outcome = await bus.read(request(200, 1), signal)

  assert.deepEqual(outcome, holds(200))
})

test('read() finds a converter again whose connection is dead without a word (R6)', async context => {
  // It keeps the first connection open, and answers on the next ones only.
  const sockets: Socket[] = []
  const instrument = openRtuInstrument(
    { clock, send: bytes => void (sockets.length > 1 && sockets.at(-1)?.write(bytes)) },
    { units: [3], registers },
  )
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => instrument.hear(bytes))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as { port: number }
  const bus = busOn(context, {
    tcp: { host: '127.0.0.1', port, framing: 'rtu' },
    timeout: 50,
    quarantine: 10,
  })

  let silent = 0
  while (!isValues(await bus.read(request(8), signal))) silent += 1

  assert.ok(silent <= 3, String(silent))
})
