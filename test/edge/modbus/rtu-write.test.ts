// Writing on a serial line whose time stands in the test's hand: no late answer, echo or repetition is taken for the
// acknowledgement of a write (R3, R4, R5), and what has not left is known not to have left.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bus, openBus } from '../../../edge/modbus/bus.ts'
import type { Outcome, WriteRequest } from '../../../edge/modbus/request.ts'
import { rtuConnector } from '../../../edge/modbus/rtu.ts'
import { lineTiming } from '../../../edge/modbus/timing.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openRtuInstrument, type RtuInstrument, withChecksum } from '../../doubles/rtu-instrument.ts'
import { openSimulatedLine, type SimulatedLine } from '../../doubles/simulated-line.ts'
import { holds, request, signal } from './bus-scene.ts'

const TIMEOUT_MS = 500
const LONG_MS = 10_000
const { byteMs, silenceMs } = lineTiming(9600, 11)

interface Scene {
  clock: FakeClock
  bus: Bus
  line: SimulatedLine
  instrument: RtuInstrument
  cells: Map<string, number>
  /** Lets time pass until there is an outcome. */
  done(asking: Promise<Outcome>): Promise<Outcome>
}

function openScene(): Scene {
  const clock = openFakeClock()
  const cells = new Map<string, number>()
  const line = openSimulatedLine({ clock, heard: bytes => instrument.hear(bytes) }, { byteMs })
  const instrument = openRtuInstrument(
    { clock, send: line.send },
    {
      ...{ units: [3, 4], delayMs: 5 },
      registers: (code, address) => cells.get(`${code} ${address}`) ?? 0,
      take(code, address, value) {
        cells.set(`${code} ${address}`, value)
        return undefined
      },
    },
  )
  const timing = { byteMs, silenceMs, roundTripMs: 0 }
  const options = { timing, timeoutMs: TIMEOUT_MS, quarantineMs: 200, isPaced: true, muteMax: 16 }
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.999 },
    { id: 'rs485', timeout: TIMEOUT_MS },
    rtuConnector({ clock }, line.open, options),
  )
  const done = async (asking: Promise<Outcome>) => {
    let outcome: Outcome | undefined
    void asking.then(one => {
      outcome = one
    })
    for (let passed = 0; outcome === undefined && passed < LONG_MS; passed += 1) await clock.advance(1)
    assert.ok(outcome !== undefined, `no outcome in ${LONG_MS} ms`)
    return outcome
  }
  return { clock, bus, line, instrument, cells, done }
}

const write = (address: number, values: readonly number[], code: WriteRequest['code'] = 6): WriteRequest => ({
  ...{ unit: 3, table: code === 5 || code === 15 ? 'coil' : 'holding', address, values, code },
  notAfter: Number.MAX_SAFE_INTEGER,
})

for (const [code, values] of [
  [5, [1]],
  [6, [1234]],
  [15, [1, 0, 1, 1, 0, 0, 0, 1, 1]],
  [16, [1, 65535, 3]],
] as const) {
  test(`write() on a line writes by function ${code}, and reads what it wrote`, async () => {
    const { bus, done, instrument } = openScene()
    const table = code === 5 || code === 15 ? 'coil' : 'holding'

    assert.deepEqual(await done(bus.write(write(40, values, code), signal)), { kind: 'written' })
    assert.deepEqual(await done(bus.read(request(40, values.length, table), signal)), holds(...values))
    assert.deepEqual(instrument.requests[0]?.values, values)
  })
}

for (const ms of [501, 600, 800, 1_200, 3_000]) {
  test(`write() does not take an acknowledgement that is ${ms} ms late for that of the next (R3)`, async () => {
    const { bus, done, instrument } = openScene()
    instrument.fail({ kind: 'late', ms })
    assert.equal((await done(bus.write(write(10, [1]), signal))).kind, 'no_answer')

    // The same again, which the device does not hear: only the late answer could acknowledge it.
    instrument.failBy(({ code }) => (code === 6 ? { kind: 'deaf' } : undefined))
    const second = await done(bus.write(write(10, [1]), signal))

    assert.ok(
      second.kind === 'no_answer' || second.kind === 'unsent' || second.kind === 'bad_answer',
      second.kind,
    )
  })
}

test('write() asks for something else first while an acknowledgement is owed, and writes no second time by itself (R3)', async () => {
  const { bus, done, instrument } = openScene()
  instrument.fail({ kind: 'silence' })
  await done(bus.write(write(10, [7]), signal))
  const next = await done(bus.write(write(10, [8]), signal))

  assert.deepEqual(next, { kind: 'written' })
  assert.deepEqual(
    instrument.requests.map(({ code, address }) => [code, address]),
    [
      [6, 10],
      [3, 10],
      [6, 10],
    ],
  )
})

test('write() has not left where what goes before it is not answered', async () => {
  const { bus, done, instrument, cells } = openScene()
  instrument.fail({ kind: 'deaf' }, { kind: 'silence' })
  await done(bus.write(write(10, [7]), signal))
  const next = await done(bus.write(write(10, [8]), signal))

  assert.deepEqual(next, { kind: 'unsent', reason: 'no answer in 500 ms' })
  assert.equal(cells.size, 0)
})

test('write() is acknowledged by no echo of itself (R4)', async () => {
  const { bus, done, line, instrument } = openScene()
  // An adapter that hears what it sends: the request is the same as its acknowledgement.
  instrument.failBy(() => ({ kind: 'deaf' }))
  const asked = bus.write(write(10, [7]), signal)
  line.send(withChecksum(Buffer.from([3, 6, 0, 10, 0, 7])))
  const outcome = await done(asked)

  assert.equal(outcome.kind, 'bad_answer')
})

test('write() is acknowledged by no second copy of an earlier acknowledgement (R5)', async () => {
  for (const afterMs of [0, 3, 10, 20]) {
    const { bus, done, instrument } = openScene()
    instrument.fail({ kind: 'duplicate', afterMs }, { kind: 'deaf' })

    assert.deepEqual(await done(bus.write(write(10, [7]), signal)), { kind: 'written' })
    const second = await done(bus.write(write(10, [7]), signal))

    assert.notEqual(second.kind, 'written')
  }
})

test('write() does not leave when it has expired while the line was to be silent', async () => {
  const { clock, bus, done, instrument, cells } = openScene()
  await done(bus.write({ ...write(10, [7]), turnaroundMs: 300 }, signal))

  const late = await done(bus.write({ ...write(20, [8]), notAfter: clock.now() + 250 }, signal))
  await done(bus.write({ ...write(10, [7]), turnaroundMs: 300 }, signal))
  const inTime = await done(bus.write({ ...write(20, [9]), notAfter: clock.now() + 350 }, signal))

  assert.deepEqual(late, { kind: 'unsent', reason: 'it expired before its turn came' })
  assert.deepEqual(inTime, { kind: 'written' })
  assert.deepEqual(
    instrument.requests.map(({ address, values }) => [address, values]),
    [
      [10, [7]],
      [10, [7]],
      [20, [9]],
    ],
  )
  assert.equal(cells.get('3 20'), 9)
})

test('write() does not leave when it has expired while an earlier answer was owed (R2, R3)', async () => {
  const { clock, bus, done, instrument } = openScene()
  instrument.fail({ kind: 'deaf' })
  await done(bus.write(write(10, [7]), signal))

  const outcome = await done(bus.write({ ...write(10, [8]), notAfter: clock.now() + 50 }, signal))

  assert.deepEqual(outcome, { kind: 'unsent', reason: 'it expired before its turn came' })
  assert.deepEqual(
    instrument.requests.map(({ code }) => code),
    [6, 3],
  )
})

test('write() that has expired does not keep the line', async () => {
  const { clock, bus, done, line, instrument } = openScene()

  const outcome = await done(bus.write({ ...write(10, [7]), notAfter: clock.now() - 1 }, signal))

  assert.deepEqual(outcome, { kind: 'unsent', reason: 'it expired before its turn came' })
  assert.deepEqual([line.opened(), instrument.requests.length], [0, 0])
})

test('write() says that nothing has left where there is no line', async () => {
  const { bus, done, line, instrument } = openScene()
  line.unplug()

  const outcome = await done(bus.write(write(10, [7]), signal))

  assert.equal(outcome.kind, 'unsent')
  assert.equal(instrument.requests.length, 0)
})

test('write() says that nothing has left to a device that is asked less often', async () => {
  const { bus, done, instrument } = openScene()
  await done(bus.read({ ...request(0), unit: 4 }, signal))
  instrument.failBy(({ unit }) => (unit === 3 ? { kind: 'deaf' } : undefined))
  for (let round = 0; round < 3; round += 1) await done(bus.read(request(0), signal))

  const outcome = await done(bus.write(write(10, [7]), signal))

  assert.deepEqual(outcome, {
    kind: 'unsent',
    reason: 'no answer in 500 ms, so it is asked less often',
  })
  assert.ok(instrument.requests.every(({ code }) => code === 3))
})

test('write() refuses what Modbus would carry as something else', () => {
  const { bus } = openScene()
  for (const wrong of [
    write(10, [65536]),
    write(10, [-1]),
    write(10, [1.5]),
    write(10, [1, 2]),
    write(10, []),
    write(10, [2], 5),
    write(
      10,
      Array.from({ length: 124 }, () => 0),
      16,
    ),
    write(65535, [1, 2], 16),
    { ...write(10, [1]), table: 'coil' as const },
  ]) {
    assert.throws(() => bus.write(wrong, signal), /Cannot write/)
  }
})
