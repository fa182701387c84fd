// The bus against an instrument that misbehaves: one request at a time (M1), an outcome in time (M2), no answer but
// the right one (M3), and what a person is told.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { failureText } from '../../../edge/modbus/request.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type Fault, openInstrument } from '../../doubles/instrument.ts'
import { until } from '../../doubles/until.ts'
import {
  busOf,
  holds,
  openBench,
  outcomeAfterDeadline,
  outcomeOf,
  registers,
  request,
  signal,
  TIMEOUT_MS,
} from './bus-scene.ts'

for (const [table, expected] of [
  ['coil', [1, 0, 1, 0]],
  ['discrete', [1, 0, 1, 0]],
  ['holding', [101, 102, 103, 104]],
  ['input', [101, 102, 103, 104]],
] as const) {
  test(`read() brings what ${table} holds, no more and no less than was asked for`, async context => {
    const { bus, instrument } = await openBench(context)

    assert.deepEqual(await outcomeOf(bus, request(101, 4, table)), holds(...expected))
    assert.deepEqual(
      instrument.requests.map(({ unit, address, count }) => [unit, address, count]),
      [[3, 101, 4]],
    )
  })
}

test('read() brings as much as Modbus can carry, and refuses to ask for more', async context => {
  const { bus } = await openBench(context)
  const words = Array.from({ length: 125 }, (_, index) => 1000 + index)
  const bits = Array.from({ length: 2000 }, (_, index) => index % 2)

  assert.deepEqual(await outcomeOf(bus, request(1000, 125)), holds(...words))
  assert.deepEqual(await outcomeOf(bus, request(0, 2000, 'coil')), holds(...bits))
  for (const [address, count, table] of [
    [0, 126, 'holding'],
    [0, 2001, 'coil'],
    [0, 0, 'input'],
    [65535, 2, 'holding'],
  ] as const) {
    assert.throws(() => bus.read(request(address, count, table), signal), /Cannot ask unit 3 for/)
  }
})

test('read() makes one request at a time, in the order they were given (M1)', async context => {
  const { bus, instrument } = await openBench(context)
  const addresses = Array.from({ length: 50 }, (_, index) => index * 4)

  const outcomes = await Promise.all(addresses.map(address => bus.read(request(address), signal)))

  assert.deepEqual(
    outcomes,
    addresses.map(address => holds(address, address + 1, address + 2, address + 3)),
  )
  assert.deepEqual(
    instrument.requests.map(({ address }) => address),
    addresses,
  )
})

/** Faults that the bytes themselves give away: no deadline has to pass. The first request has transaction 1. */
const BAD_ANSWERS: [Fault['kind'], RegExp][] = [
  ['wrong-unit', /expected an answer from unit 3, got one from 2$/],
  ['wrong-function', /expected function 3 in the answer, got 2$/],
  ['wrong-transaction', /expected the answer to transaction 1, got one to 0$/],
  ['wrong-protocol', /expected protocol 0 in the answer, got 1$/],
  ['wrong-byte-count', /expected 8 bytes of values, the answer says 10$/],
  ['bad-length', /expected an answer of 11 bytes, its header says 60000$/],
]

for (const [kind, reason] of BAD_ANSWERS) {
  test(`read() takes no value from an answer with ${kind}, says what was wrong, and starts afresh (M3)`, async context => {
    const { bus, instrument } = await openBench(context)
    instrument.fail({ kind } as Fault)

    const outcome = await outcomeOf(bus, request(100))
    const next = await outcomeOf(bus, request(200))

    assert.equal(outcome.kind, 'bad_answer')
    const text = failureText('plant', request(100), outcome as { kind: 'bad_answer'; reason: string })
    assert.match(text, /^bus plant, unit 3, holding 100 to 103: /)
    assert.match(text, reason)
    assert.deepEqual(next, holds(200, 201, 202, 203))
  })
}

test('read() puts an answer together that comes byte by byte', async context => {
  const { bus, instrument } = await openBench(context)
  instrument.fail({ kind: 'trickle' })

  assert.deepEqual(await outcomeOf(bus, request(100)), holds(100, 101, 102, 103))
})

test('read() has an outcome when its deadline passes in silence, and the next request a new connection (M2)', async context => {
  const bench = await openBench(context)
  bench.instrument.fail({ kind: 'silence' })

  const outcome = await outcomeAfterDeadline(bench, request(100))

  assert.deepEqual(outcome, { kind: 'no_answer', reason: 'no answer in 1000 ms' })
  assert.equal(
    failureText('plant', request(100, 1), outcome as { kind: 'no_answer'; reason: string }),
    'bus plant, unit 3, holding 100: no answer in 1000 ms',
  )
  assert.deepEqual(await outcomeOf(bench.bus, request(200)), holds(200, 201, 202, 203))
})

test('read() does not wait for the rest of an answer longer than its deadline (M2)', async context => {
  const clock = openFakeClock()
  const received: Buffer[] = []
  // Unlike the instrument, it says when its bytes have left, so that the deadline passes after them.
  let answered = 0
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk)
      const frame = Buffer.from([chunk[0] ?? 0, chunk[1] ?? 0, 0, 0, 0, 11, 3, 3, 8, 0, 100, 0, 101, 0])
      socket.write(frame, () => {
        answered += 1
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const bus = busOf(context, clock, (server.address() as AddressInfo).port)

  const outcome = bus.read(request(100), signal)
  await until('the truncated answer was sent', () => answered === 1)
  await new Promise(resolve => setImmediate(resolve))
  await clock.advance(TIMEOUT_MS)

  assert.deepEqual(await outcome, { kind: 'no_answer', reason: 'no answer in 1000 ms after 14 of 17 bytes' })
})

test('read() gives up on a truncated answer at its deadline and reads on over a new connection (M2)', async context => {
  const bench = await openBench(context)
  bench.instrument.fail({ kind: 'truncated' })

  const outcome = await outcomeAfterDeadline(bench, request(100))

  assert.equal(outcome.kind, 'no_answer')
  assert.deepEqual(await outcomeOf(bench.bus, request(200)), holds(200, 201, 202, 203))
})

for (const [kind, reason] of [
  ['close', /^connection closed$/],
  ['reset', /^connection closed: read ECONNRESET$/],
] as const) {
  test(`read() says why there is no answer after ${kind}, and connects again for the next request`, async context => {
    const { bus, instrument } = await openBench(context)
    instrument.fail({ kind })

    const outcome = await outcomeOf(bus, request(100))

    assert.equal(outcome.kind, 'no_answer')
    assert.match((outcome as { reason: string }).reason, reason)
    assert.deepEqual(await outcomeOf(bus, request(200)), holds(200, 201, 202, 203))
  })
}

test('read() never takes a late answer for the answer to another request of the same shape (M3)', async context => {
  // The instrument's clock is the test's: the late answer leaves when the test says so.
  const clock = openFakeClock()
  const instrument = await openInstrument({ clock }, { registers })
  context.after(() => instrument.close())
  const bus = busOf(context, clock, instrument.port)

  for (let round = 0; round < 20; round += 1) {
    instrument.fail({ kind: 'late', ms: TIMEOUT_MS + 500 })
    const late = await outcomeAfterDeadline({ bus, clock, instrument }, request(round * 8))
    assert.equal(late.kind, 'no_answer')

    const next = bus.read(request(round * 8 + 4), signal)
    await clock.advance(500)
    const from = round * 8 + 4
    assert.deepEqual(await next, holds(from, from + 1, from + 2, from + 3))
  }
})
