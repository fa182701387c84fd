// A serial line whose time stands in the test's hand: silence (R1), quarantine (R2), late answers (R3), what is heard too
// early (R4) or twice (R5), ports that fail (R6), and an outcome in time whatever happens (M2).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bus, openBus } from '../../../edge/modbus/bus.ts'
import type { ReadOutcome, ReadRequest } from '../../../edge/modbus/request.ts'
import { rtuConnector } from '../../../edge/modbus/rtu.ts'
import { lineTiming } from '../../../edge/modbus/timing.ts'
import type { RegisterTable } from '../../../protocol/registers.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import {
  openRtuInstrument,
  type RtuFault,
  type RtuInstrument,
  withChecksum,
} from '../../doubles/rtu-instrument.ts'
import { openSimulatedLine, type SimulatedLine } from '../../doubles/simulated-line.ts'
import { holds, registers, request } from './bus-scene.ts'

const TIMEOUT_MS = 500
const QUARANTINE_MS = 200
const { byteMs, silenceMs } = lineTiming(9600, 11)
/** More than any request may take: silence, twice a request with its answer, and what may hinder it. */
const LONG_MS = 10_000
const signal = new AbortController().signal

interface Scene {
  clock: FakeClock
  bus: Bus
  line: SimulatedLine
  instrument: RtuInstrument
  /** Asks, and lets time pass until there is an outcome. */
  read(asked: ReadRequest): Promise<ReadOutcome>
}

function openScene(units: readonly number[] = [3, 4], delayMs = 5): Scene {
  const clock = openFakeClock()
  const line = openSimulatedLine({ clock, heard: bytes => instrument.hear(bytes) }, { byteMs })
  const instrument = openRtuInstrument({ clock, send: line.send }, { units, registers, delayMs })
  const timing = { byteMs, silenceMs, roundTripMs: 0 }
  const options = { timing, timeoutMs: TIMEOUT_MS, quarantineMs: QUARANTINE_MS, isPaced: true, muteMax: 16 }
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.999 },
    { id: 'rs485', timeout: TIMEOUT_MS },
    rtuConnector({ clock }, line.open, options),
  )
  return { clock, bus, line, instrument, read: asked => outcomeOf(clock, bus.read(asked, signal)) }
}

async function outcomeOf(clock: FakeClock, reading: Promise<ReadOutcome>): Promise<ReadOutcome> {
  let outcome: ReadOutcome | undefined
  void reading.then(one => {
    outcome = one
  })
  for (let passed = 0; outcome === undefined && passed < LONG_MS; passed += 1) await clock.advance(1)
  assert.ok(outcome !== undefined, `no outcome in ${LONG_MS} ms`)
  return outcome
}

const reasonOf = (outcome: ReadOutcome) => ('reason' in outcome ? outcome.reason : JSON.stringify(outcome))

for (const [table, expected] of [
  ['coil', [1, 0, 1, 0]],
  ['discrete', [1, 0, 1, 0]],
  ['holding', [101, 102, 103, 104]],
  ['input', [101, 102, 103, 104]],
] as const) {
  test(`read() on a line brings what ${table} holds`, async () => {
    const { read } = openScene()

    assert.deepEqual(await read(request(101, 4, table)), holds(...expected))
  })
}

test('read() on a line brings as much as Modbus can carry', async () => {
  const { read } = openScene()
  const words = Array.from({ length: 125 }, (_, index) => 1000 + index)
  const bits = Array.from({ length: 2000 }, (_, index) => index % 2)

  assert.deepEqual(await read(request(1000, 125)), holds(...words))
  assert.deepEqual(await read(request(0, 2000, 'coil')), holds(...bits))
})

test('read() writes no request before the line has been silent long enough (R1)', async () => {
  const { clock, bus, instrument } = openScene()

  const outcomes = [3, 4, 3].map(unit => bus.read({ ...request(0), unit }, signal))
  for (const outcome of outcomes) assert.equal((await outcomeOf(clock, outcome)).kind, 'values')

  const requestMs = 8 * byteMs
  const answerMs = 13 * byteMs
  const [first, second, third] = instrument.requests.map(({ at }) => at) as [number, number, number]
  for (const between of [second - first, third - second]) {
    assert.ok(Math.abs(between - (5 + answerMs + silenceMs + requestMs)) < 0.001, String(between))
  }
})

test('read() leaves the line silent as long as the device that answered last wants it (R1)', async () => {
  const { clock, bus, instrument } = openScene()

  const slow = bus.read({ ...request(0), turnaroundMs: 50 }, signal)
  const next = bus.read({ ...request(0), unit: 4 }, signal)
  await outcomeOf(clock, slow)
  await outcomeOf(clock, next)

  const [first, second] = instrument.requests.map(({ at }) => at) as [number, number]
  assert.ok(Math.abs(second - first - (5 + 13 * byteMs + 50 + 8 * byteMs)) < 0.001)
})

/** What each fault comes to. Whatever it is, what is read next is right. */
const FAULTS: [RtuFault, RegExp][] = [
  [{ kind: 'silence' }, /^no answer in 500 ms$/],
  [{ kind: 'late', ms: 600 }, /^no answer in 500 ms$/],
  [{ kind: 'truncated', bytes: 3 }, /^no answer in 500 ms after 10 of 13 bytes$/],
  [{ kind: 'flipped', at: 5 }, /^the checksum of the answer is wrong$/],
  [{ kind: 'foreign', unit: 9 }, /^expected an answer from unit 3, got one from 9$/],
  [{ kind: 'wrong-unit' }, /^expected an answer from unit 3, got one from 2$/],
  [{ kind: 'wrong-function' }, /^expected function 3 in the answer, got 4$/],
  [{ kind: 'wrong-byte-count' }, /^expected 8 bytes of values, the answer says 10$/],
  [{ kind: 'noise-before', bytes: [1, 3, 0, 0xff] }, /^expected an answer from unit 3, got one from 1$/],
]

for (const [fault, reason] of FAULTS) {
  test(`read() on a line takes no value after ${fault.kind}, says why, and reads on (M3)`, async () => {
    const { read, instrument } = openScene()
    instrument.fail(fault)

    const outcome = await read(request(100))

    assert.match(reasonOf(outcome), reason)
    assert.ok(outcome.kind === 'no_answer' || outcome.kind === 'bad_answer')
    assert.deepEqual(await read(request(200)), holds(200, 201, 202, 203))
    assert.deepEqual(await read({ ...request(300), unit: 4 }), holds(300, 301, 302, 303))
  })
}

const HARMLESS: RtuFault[] = [
  { kind: 'noise-before', bytes: [0x00] },
  { kind: 'noise-before', bytes: [0xff, 0x00, 0xff] },
  { kind: 'noise-before', bytes: [3, 3] },
  { kind: 'noise-after', bytes: [0x00] },
  { kind: 'noise-after', bytes: [0, 1, 2, 3, 4, 5, 6, 7] },
  { kind: 'trickle', afterMs: 2 },
]

for (const fault of HARMLESS) {
  test(`read() takes a checked answer with ${JSON.stringify(fault)}, and the next is right too`, async () => {
    const { read, instrument } = openScene()
    instrument.fail(fault)

    assert.deepEqual(await read(request(100)), holds(100, 101, 102, 103))
    assert.deepEqual(await read(request(200)), holds(200, 201, 202, 203))
  })
}

for (const afterMs of [0, 3, 10, 20, 45]) {
  test(`read() does not take an answer that comes twice, ${afterMs} ms apart, for one to the next request (R4, R5)`, async () => {
    const { read, instrument } = openScene()
    instrument.fail({ kind: 'duplicate', afterMs })

    assert.deepEqual(await read(request(100)), holds(100, 101, 102, 103))
    const next = await read(request(200))
    if (next.kind === 'values') assert.deepEqual(next, holds(200, 201, 202, 203))
    else assert.equal(next.kind, 'bad_answer')
    assert.deepEqual(await read(request(300)), holds(300, 301, 302, 303))
  })
}

test('read() never takes a late answer for one to another request of the same shape (R3)', async () => {
  for (const ms of [501, 600, 800, 1_200, 3_000]) {
    const { read, instrument } = openScene()
    instrument.fail({ kind: 'late', ms })
    assert.equal((await read(request(0))).kind, 'no_answer')

    // The device answers in order, so that what follows is late as well; but nothing is ever taken for something else.
    let values = 0
    for (let address = 100; values === 0; address += 100) {
      const outcome = await read(request(address))
      if (outcome.kind !== 'values') continue
      assert.deepEqual(outcome, holds(address, address + 1, address + 2, address + 3))
      values += 1
    }
  }
})

test('read() asks for another shape first while an answer is owed, and not longer (R3)', async () => {
  const { read, instrument } = openScene()
  instrument.fail({ kind: 'silence' })
  await read(request(0))
  await read(request(100))
  await read(request(200))

  assert.deepEqual(
    instrument.requests.map(({ address, count }) => [address, count]),
    [
      [0, 4],
      [100, 3],
      [100, 4],
      [200, 4],
    ],
  )
})

test('read() forgets what a device owes when it is too late to come (R3)', async () => {
  const { read, clock, instrument } = openScene()
  instrument.fail({ kind: 'silence' })
  await read(request(0))
  await clock.advance(10_000)
  await read(request(100))

  assert.deepEqual(
    instrument.requests.map(({ address, count }) => [address, count]),
    [
      [0, 4],
      [100, 4],
    ],
  )
})

for (const [asked, others] of [
  [request(0, 1), [2]],
  [request(0, 125), [124]],
  [request(0, 8, 'coil'), [16]],
  [request(0, 20, 'coil'), [12]],
] as [ReadRequest, number[]][]) {
  test(`read() finds another shape than ${asked.count} of ${asked.table} (R3)`, async () => {
    const { read, instrument } = openScene()
    instrument.fail({ kind: 'silence' })
    await read(asked)

    assert.equal((await read(asked)).kind, 'values')
    assert.deepEqual(
      instrument.requests.map(({ count }) => count),
      [asked.count, ...others, asked.count],
    )
  })
}

test('read() does not believe an exception that may be to an earlier request (R3)', async () => {
  const { read, instrument } = openScene()
  instrument.fail({ kind: 'silence' }, { kind: 'exception', code: 2 })
  await read(request(0))

  const outcome = await read(request(100, 6))

  assert.deepEqual(outcome, { kind: 'bad_answer', reason: 'exception 2, which may be to an earlier request' })
  assert.deepEqual(await read(request(100, 5)), holds(100, 101, 102, 103, 104))
  instrument.fail({ kind: 'exception', code: 2 })
  assert.deepEqual(await read(request(100)), { kind: 'exception', code: 2 })
})

test('read() leaves the line alone after a fault until it has been silent for the quarantine (R2)', async () => {
  const { read, clock, line, instrument } = openScene()
  instrument.fail({ kind: 'silence' })
  await read(request(0))
  const at = clock.monotonic()
  // Somebody else speaks into the quarantine, which begins again.
  await clock.advance(150)
  line.send(Buffer.from([1, 2, 3, 4, 5]))
  await clock.advance(10)
  assert.deepEqual(await read({ ...request(8), unit: 4 }), holds(8, 9, 10, 11))

  const asked = (instrument.requests.at(-1)?.at ?? 0) - 8 * byteMs
  assert.ok(asked - at >= 150 + 5 * byteMs + QUARANTINE_MS, String(asked - at))
})

test('read() has an outcome on a line that is never silent (R2, M2)', async () => {
  const { read, clock, line, instrument } = openScene()
  instrument.fail({ kind: 'silence' })
  await read(request(0))
  const babble = new AbortController()
  const babbling = (async () => {
    while (!babble.signal.aborted) {
      line.send(Buffer.from([0x55]))
      await clock.sleep(20)
    }
  })()

  const outcome = await read(request(100))

  assert.deepEqual(outcome, { kind: 'bad_answer', reason: 'the line is never silent for 200 ms' })
  babble.abort()
  await clock.advance(300)
  await babbling
  assert.deepEqual(await read(request(100)), holds(100, 101, 102, 103))
})

test('read() takes nothing for an answer that was heard before the request had left (R4)', async () => {
  const { clock, bus, line, read } = openScene()
  const stale = Buffer.from([3, 3, 2, 0x12, 0x34])

  const reading = bus.read(request(7, 1), signal)
  await clock.advance(0)
  line.send(withChecksum(stale))

  const outcome = await outcomeOf(clock, reading)
  assert.equal(outcome.kind, 'bad_answer')
  assert.match(reasonOf(outcome), /^it came too early/)
  assert.deepEqual(await read(request(7, 1)), holds(7))
})

test('read() says that a port is gone, and opens a new one when it is back (R6)', async () => {
  const { clock, bus, line, read } = openScene()
  await read(request(0))
  const reading = bus.read({ ...request(100), unit: 4 }, signal)
  await clock.advance(10)
  line.unplug()

  assert.deepEqual(await outcomeOf(clock, reading), {
    kind: 'no_answer',
    reason: 'line closed: the adapter was pulled out',
  })
  assert.match(reasonOf(await read(request(100))), /^not connected: No such file/)
  line.plug()
  await clock.advance(1_000)
  assert.deepEqual(await read(request(200)), holds(200, 201, 202, 203))
  assert.equal(line.opened(), 2)
})

test('read() opens a port anew when nothing has been heard on it for long (R6)', async () => {
  const { clock, bus, line } = openScene([])
  const others = Array.from({ length: 64 }, (_, index) => ({ ...request(0), unit: index + 1 }))
  for (const asked of others) await outcomeOf(clock, bus.read(asked, signal))

  assert.equal(line.opened(), 64 / 16)
})

test('read() has an outcome when its signal aborts, and the line is suspect afterwards', async () => {
  const { clock, bus, read } = openScene()
  const stop = new AbortController()
  const reading = bus.read(request(0), stop.signal)
  const failed = assert.rejects(reading, /stopped/)
  await clock.advance(2)
  stop.abort(new Error('stopped'))
  await failed

  assert.deepEqual(await read(request(100)), holds(100, 101, 102, 103))
})

test('read() gives a device a moment between two requests whose answers look alike (R5)', async () => {
  const { clock, bus, instrument } = openScene()
  // Another device is asked in between.
  const asked = [request(0), { ...request(0, 1), unit: 4 }, request(8)]
  for (const outcome of asked.map(one => bus.read({ ...one, turnaroundMs: 0 }, signal)))
    await outcomeOf(clock, outcome)

  const times = instrument.requests.map(({ at }) => at) as [number, number, number]
  assert.ok(times[1] - times[0] < 5 + 13 * byteMs + 25 + 8 * byteMs)
  const apart = Math.max(25, 2 * silenceMs + 5 + (8 + 7) * byteMs)
  assert.ok(Math.abs(times[2] - times[0] - (5 + 13 * byteMs + apart + 8 * byteMs)) < 0.001)
})

for (const table of ['coil', 'holding'] satisfies RegisterTable[]) {
  test(`read() has an outcome within its deadline after any fault, for ${table} (M2)`, async () => {
    const { clock, read, instrument } = openScene([3], 0)
    const valuesMs = (table === 'coil' ? 1 : 8) * byteMs
    // Two requests with their answers, and the silence before each.
    const mostMs = 2 * (TIMEOUT_MS + 13 * byteMs + valuesMs + QUARANTINE_MS) + 4
    for (const [fault] of FAULTS) {
      instrument.fail(fault, fault, fault)
      const start = clock.monotonic()
      await read(request(0, 4, table))
      await read(request(0, 4, table))
      assert.ok(clock.monotonic() - start <= 2 * mostMs, fault.kind)
    }
  })
}
