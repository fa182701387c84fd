// The bus and its connection: what a sloppy far side sends on it (M3), when it is lost and found again (M4).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBus } from '../../../edge/modbus/bus.ts'
import { failureText } from '../../../edge/modbus/request.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { until } from '../../doubles/until.ts'
import {
  answerTo,
  busOf,
  holds,
  openBench,
  openServer,
  outcomeOf,
  request,
  signal,
  TIMEOUT_MS,
} from './bus-scene.ts'

test('read() knows what a gateway still owed to an earlier connection by its transaction (M3)', async context => {
  const clock = openFakeClock()
  const asked: Buffer[] = []
  const { port, connections } = await openServer(context, frame => {
    asked.push(frame)
    if (asked.length === 1) return []
    // The gateway has one queue for all its connections: each answer is the one before.
    return [answerTo(asked.at(-2) as Buffer, 111)]
  })
  const bus = busOf(context, clock, port)

  const first = bus.read(request(0, 1), signal)
  await until('the gateway was asked', () => asked.length === 1)
  await clock.advance(TIMEOUT_MS)
  assert.equal((await first).kind, 'no_answer')

  const outcome = await outcomeOf(bus, request(100, 1))

  assert.deepEqual(outcome, {
    kind: 'bad_answer',
    reason: 'expected the answer to transaction 2, got one to 1',
  })
  assert.equal(connections(), 2)
})

test('read() keeps an answer that more bytes follow, and does not read on after them (M3)', async context => {
  const { port, connections } = await openServer(context, (frame, connection) =>
    connection === 1
      ? [Buffer.concat([answerTo(frame, frame[9] ?? 0), answerTo(frame, 999)])]
      : [answerTo(frame, frame[9] ?? 0)],
  )
  const bus = busOf(context, openFakeClock(), port)

  assert.deepEqual(await outcomeOf(bus, request(7, 1)), holds(7))
  assert.deepEqual(await outcomeOf(bus, request(8, 1)), holds(8))
  assert.equal(connections(), 2)
})

test('read() drops a connection on which somebody speaks unasked (M3)', async context => {
  const { port, connections } = await openServer(context, (frame, connection) =>
    connection === 1
      ? [answerTo(frame, frame[9] ?? 0), answerTo(frame, 999)]
      : [answerTo(frame, frame[9] ?? 0)],
  )
  const bus = busOf(context, openFakeClock(), port)

  assert.deepEqual(await outcomeOf(bus, request(7, 1)), holds(7))
  await until('what was said unasked has been heard', async () => {
    const outcome = await outcomeOf(bus, request(8, 1))
    if (outcome.kind === 'values') assert.deepEqual(outcome, holds(8))
    return connections() > 1
  })
})

test('read() takes an answer as short as an exception for what it is', async context => {
  const { port } = await openServer(context, frame => [
    Buffer.from([...frame.subarray(0, 4), 0, 3, ...frame.subarray(6, 8), 2]),
  ])
  const bus = busOf(context, openFakeClock(), port)

  assert.deepEqual(await outcomeOf(bus, request(7, 1)), {
    kind: 'bad_answer',
    reason: 'expected 2 bytes of values, got none',
  })
})

test('read() tells an exception by its code and keeps the connection', async context => {
  const { bus, instrument } = await openBench(context)
  const { port, connections } = await openServer(context, frame => [
    Buffer.from([...frame.subarray(0, 4), 0, 3, frame[6] ?? 0, 0x83, 4]),
  ])
  const counted = busOf(context, openFakeClock(), port)
  instrument.fail({ kind: 'exception', code: 6 })

  const outcome = await outcomeOf(bus, request(100))
  await outcomeOf(counted, request(100))
  await outcomeOf(counted, request(100))

  assert.deepEqual(outcome, { kind: 'exception', code: 6 })
  assert.equal(
    failureText('plant', request(100), { kind: 'exception', code: 6 }),
    'bus plant, unit 3, holding 100 to 103: exception 6 (device busy)',
  )
  assert.equal(connections(), 1)
})

test('read() numbers transactions through 65535 and on from 0', async context => {
  const seen: number[] = []
  const { port } = await openServer(context, frame => {
    seen.push(frame.readUInt16BE(0))
    return [answerTo(frame, 5)]
  })
  const bus = busOf(context, systemClock, port)

  for (let count = 0; count < 65_537; count += 1)
    assert.equal((await bus.read(request(5, 1), signal)).kind, 'values')

  assert.deepEqual(seen.slice(0, 2), [1, 2])
  assert.deepEqual(seen.slice(-3), [65535, 0, 1])
})

test('read() fails at once between tries to connect, in the same words, and tries less and less often (M4)', async context => {
  const { clock, instrument } = await openBench(context)
  await instrument.stop()
  const warnings: string[] = []
  const triedAt: number[] = []
  const bus = openBus(
    {
      clock,
      log: { ...silentLog, warn: message => void warnings.push(message) },
      // Asked once for each pause: after each try that failed.
      random: () => {
        triedAt.push(clock.monotonic())
        return 0.9999
      },
    },
    { id: 'plant', tcp: { host: '127.0.0.1', port: instrument.port }, timeout: TIMEOUT_MS },
  )
  const reasons = new Set<string>()

  for (let ms = 0; ms < 60_000; ms += 100) {
    const outcome = await outcomeOf(bus, request(0))
    reasons.add(outcome.kind === 'no_answer' ? outcome.reason : outcome.kind)
    await clock.advance(100)
  }

  const pauses = triedAt.slice(1).map((at, index) => at - (triedAt[index] ?? 0))
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
  assert.equal(reasons.size, 1)
  assert.match(
    [...reasons].join(),
    /^not connected: 127\.0\.0\.1:\d+: connect ECONNREFUSED 127\.0\.0\.1:\d+$/,
  )
  assert.deepEqual(warnings, ['bus not connected'])
})

test('read() connects again when the far side is back, within the longest pause (M4)', async context => {
  const { bus, clock, instrument } = await openBench(context)
  assert.deepEqual(await outcomeOf(bus, request(4)), holds(4, 5, 6, 7))
  await instrument.stop()
  for (let minute = 0; minute < 10; minute += 1) {
    assert.equal((await outcomeOf(bus, request(4))).kind, 'no_answer')
    await clock.advance(60_000)
  }

  await instrument.start()
  assert.equal((await outcomeOf(bus, request(4))).kind, 'values')
})

test('read() has an outcome within its deadline when nobody accepts the connection (M2)', async context => {
  const clock = openFakeClock()
  // 192.0.2.0/24 is for documentation (RFC 5737): nobody is there, or the network says so at once.
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.5 },
    { id: 'plant', tcp: { host: '192.0.2.1', port: 502 }, timeout: TIMEOUT_MS },
  )
  context.after(() => bus.close())

  const outcome = bus.read(request(0), signal)
  await until('the bus waits or has failed', async () => {
    await clock.advance(TIMEOUT_MS)
    return (await Promise.race([outcome, 'waiting'])) !== 'waiting'
  })

  const { kind, reason } = (await outcome) as { kind: string; reason: string }
  assert.equal(kind, 'no_answer')
  assert.match(reason, /^not connected: 192\.0\.2\.1:502: (no connection in 1000 ms|connect E\w+)/)
})

test('read() rejects with the signal’s reason, under way or in the queue, and leaves no connection behind', async context => {
  const asked: Buffer[] = []
  const { port, connections } = await openServer(context, frame => {
    asked.push(frame)
    return asked.length === 1 ? [] : [answerTo(frame, 8)]
  })
  const bus = busOf(context, openFakeClock(), port)
  const stop = new AbortController()

  const underWay = bus.read(request(0, 1), stop.signal)
  const queued = bus.read(request(4, 1), stop.signal)
  await until('the instrument was asked', () => asked.length === 1)
  stop.abort(new Error('The gateway stops'))

  await assert.rejects(underWay, /The gateway stops/)
  await assert.rejects(queued, /The gateway stops/)
  assert.equal(asked.length, 1)
  assert.deepEqual(await outcomeOf(bus, request(8, 1)), holds(8))
  assert.equal(connections(), 2)
})
