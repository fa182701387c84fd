// What a dead device may cost (K1 to K4), on data alone, and on a simulated line with sixteen devices.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GATEWAY_METRICS } from '../../../edge/health.ts'
import { openBreaker } from '../../../edge/modbus/breaker.ts'
import { openBus } from '../../../edge/modbus/bus.ts'
import { pollDevice, toPolledDevice } from '../../../edge/modbus/poll.ts'
import type { ReadOutcome } from '../../../edge/modbus/request.ts'
import { rtuConnector } from '../../../edge/modbus/rtu.ts'
import { lineTiming } from '../../../edge/modbus/timing.ts'
import { openLine, type Source } from '../../../edge/poller.ts'
import { ModbusSignal } from '../../../protocol/gateway-config.ts'
import type { Measurement } from '../../../protocol/reading.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openRtuInstrument } from '../../doubles/rtu-instrument.ts'
import { openSimulatedLine } from '../../doubles/simulated-line.ts'

const silence: ReadOutcome = { kind: 'no_answer', reason: 'no answer in 1000 ms' }
const well: ReadOutcome = { kind: 'values', values: [1] }
const DEAD = 7
const OTHER = 8

function openScene(random: () => number = () => 0.5) {
  const clock = openFakeClock()
  const breaker = openBreaker({ clock, random })
  breaker.instead(OTHER)
  return {
    clock,
    breaker,
    /** Asks as a bus does; says whether the request was made. */
    async ask(unit: number, outcome: ReadOutcome, costMs: number): Promise<boolean> {
      if (breaker.instead(unit) !== undefined) return false
      await clock.advance(costMs)
      breaker.note(unit, outcome, costMs)
      return true
    },
  }
}

test('a dead device takes at most 5 % of the time after its third failure, however often it is due (K1)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 10, max: 20_000 }),
      fc.integer({ min: 100, max: 60_000 }),
      fc.integer({ min: 1, max: 1_000 }).map(seed => seed / 1_000.001),
      async (costMs, everyMs, random) => {
        const { clock, ask } = openScene(() => random)
        for (let count = 0; count < 3; count += 1) assert.ok(await ask(DEAD, silence, costMs))
        const start = clock.monotonic()
        let spent = 0
        for (let poll = 0; poll < 300; poll += 1) {
          await clock.advance(everyMs)
          if (await ask(DEAD, silence, costMs)) spent += costMs
          assert.ok(spent <= 0.05 * (clock.monotonic() - start) + 1e-6)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('a dead device is asked again after 5 seconds, then less and less often, at least every 5 minutes (K2)', async () => {
  const { clock, ask } = openScene()
  const asked: number[] = []
  for (let second = 0; second < 3_600; second += 1) {
    await clock.advance(1_000)
    if (await ask(DEAD, silence, 0)) asked.push(clock.monotonic())
  }

  const pauses = asked.slice(3).map((at, index) => (at - (asked[index + 2] ?? 0)) / 1_000)
  assert.deepEqual(pauses.slice(0, 7), [5, 10, 20, 40, 80, 160, 300])
  assert.ok(pauses.every(pause => pause <= 300))
})

test('two devices that went silent together are not asked in step (K2)', async () => {
  let drawn = 0
  const { clock, ask } = openScene(() => {
    drawn += 1
    return (drawn * 0.37) % 1
  })
  const asked = new Map<number, number[]>([
    [1, []],
    [2, []],
  ])
  for (let second = 0; second < 3_600; second += 1) {
    await clock.advance(1_000)
    for (const [unit, times] of asked) if (await ask(unit, silence, 0)) times.push(second)
  }

  const late = [...asked.values()].map(times => times.filter(second => second > 600))
  assert.ok(late[0]?.every(second => !late[1]?.includes(second)))
})

test('a device that answers is asked each time at once, and what is told of it names the silence until then', async () => {
  const { clock, breaker, ask } = openScene()
  for (let count = 0; count < 3; count += 1) assert.ok(await ask(DEAD, silence, 1_000))

  assert.deepEqual(breaker.instead(DEAD), {
    kind: 'no_answer',
    reason: 'no answer in 1000 ms, so it is asked less often',
  })
  await clock.advance(60_000)
  assert.ok(await ask(DEAD, well, 10))
  for (let count = 0; count < 5; count += 1) assert.ok(await ask(DEAD, count === 2 ? silence : well, 10))
})

test('when one device comes back, the others that were silent are asked soon, but not more than they may cost (K1, K2)', async () => {
  const { clock, ask } = openScene()
  for (const unit of [1, 2])
    for (let count = 0; count < 9; count += 1) {
      while (!(await ask(unit, silence, 500))) await clock.advance(1_000)
    }
  while (!(await ask(1, well, 10))) await clock.advance(1_000)

  let waited = 0
  while (!(await ask(2, silence, 500))) {
    await clock.advance(1_000)
    waited += 1
  }
  assert.ok(waited <= 10, String(waited))
  assert.equal(await ask(2, silence, 500), false)
})

test('a device that is asked again has little time three times out of four, and all of it the fourth time (K2)', async () => {
  const { clock, breaker, ask } = openScene()
  const given: number[] = []
  for (let count = 0; count < 12; count += 1) {
    given.push(breaker.timeoutMs(DEAD, 1_000))
    assert.ok(await ask(DEAD, silence, 0))
    await clock.advance(300_000)
  }

  assert.deepEqual(given, [1_000, 1_000, 1_000, 300, 300, 300, 1_000, 300, 300, 300, 1_000, 300])
  assert.equal(breaker.timeoutMs(DEAD, 100), 100)
  assert.equal(breaker.timeoutMs(OTHER, 1_000), 1_000)
})

test('a device that is alone on its bus is always asked (K3)', () => {
  const breaker = openBreaker({ clock: openFakeClock(), random: () => 0.5 })
  for (let count = 0; count < 10; count += 1) {
    assert.equal(breaker.instead(DEAD), undefined)
    assert.deepEqual(breaker.note(DEAD, silence, 1_000), silence)
  }
})

for (const outcome of [
  { kind: 'bad_answer', reason: 'the checksum of the answer is wrong' },
  { kind: 'exception', code: 2 },
] satisfies ReadOutcome[]) {
  test(`a device that answers with ${outcome.kind} is there, and asked each time (K4)`, async () => {
    const { ask } = openScene()
    for (let count = 0; count < 10; count += 1) assert.ok(await ask(DEAD, outcome, 10))
  })
}

test('a device that its gateway does not reach is as silent as one that does not answer', async () => {
  const { ask } = openScene()
  for (let count = 0; count < 3; count += 1) assert.ok(await ask(DEAD, { kind: 'exception', code: 11 }, 10))

  assert.equal(await ask(DEAD, well, 10), false)
})

interface Simulated {
  measurements: Measurement[]
  /** How long after its due instant each poll of a healthy device began, in order of size. */
  late: number[]
  /** The part of the time for which each dead device kept the line busy. */
  deadShare: number
}

const SIMULATED_MS = 3_600_000
const DEVICES = 16
const DEAD_UNITS = [3, 7, 11, 15]

/** An hour of sixteen devices on 9600 baud, of which four are dead, due one after the other. */
async function simulate(everyMs: number, timeoutMs: number, seed: number): Promise<Simulated> {
  const clock = openFakeClock()
  const { byteMs, silenceMs } = lineTiming(9600, 11)
  const line = openSimulatedLine({ clock, heard: bytes => instrument.hear(bytes) }, { byteMs })
  const units = Array.from({ length: DEVICES }, (_, index) => index + 1).filter(
    one => !DEAD_UNITS.includes(one),
  )
  const instrument = openRtuInstrument(
    { clock, send: line.send },
    { units, registers: (_, address) => address, delayMs: 10 },
  )
  let state = seed
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const quarantineMs = 200
  const bus = openBus(
    { clock, log: silentLog, random },
    { id: 'rs485', timeout: timeoutMs },
    rtuConnector({ clock }, line.open, {
      ...{
        timing: { byteMs, silenceMs, roundTripMs: 0 },
        timeoutMs,
        quarantineMs,
        isPaced: true,
        muteMax: 16,
      },
    }),
  )
  const signals = Array.from({ length: 20 }, (_, address) =>
    ModbusSignal.parse({ variable: 'status', address, type: 'uint16', point: `p-${address}` }),
  )
  const late: number[] = []
  const measurements: Measurement[] = []
  const sources = Array.from({ length: DEVICES }, (_, index): Source => {
    const unit = index + 1
    const delayMs = Math.floor((everyMs * index) / DEVICES)
    const reads = { maxRegisters: 125, maxGap: 16, holes: [] }
    const device = toPolledDevice({ id: `d-${unit}`, unit, point: 'pozo-7' }, signals, reads)
    return {
      ...{ id: device.id, provider: undefined, everyMs, delayMs },
      async collect(signal) {
        const now = clock.now()
        if (!DEAD_UNITS.includes(unit)) late.push((now - delayMs) % everyMs)
        return await pollDevice({ bus, clock }, device, 'synced', signal)
      },
    }
  })
  const stop = new AbortController()
  const poller = { clock, log: silentLog, metrics: openMetrics(GATEWAY_METRICS), health: new Map() }
  const running = openLine(
    { ...poller, store: async read => void measurements.push(...read) },
    { id: 'rs485', sources },
  ).run(stop.signal)
  await clock.advance(SIMULATED_MS)
  stop.abort()
  await running.catch(() => {})
  const asked = instrument.requests.filter(({ unit }) => DEAD_UNITS.includes(unit)).length
  const deadShare = (asked * (timeoutMs + quarantineMs)) / DEAD_UNITS.length / SIMULATED_MS
  return { measurements, late: late.sort((a, b) => a - b), deadShare }
}

for (const [everyMs, timeoutMs] of [
  [5_000, 300],
  [10_000, 500],
  [10_000, 1_000],
  [60_000, 1_000],
] as const) {
  test(`with 4 of 16 devices dead at 9600 baud, each due every ${everyMs} ms, healthy ones are polled in time`, async () => {
    const { measurements, late, deadShare } = await simulate(everyMs, timeoutMs, everyMs)

    const p99 = late[Math.floor(late.length * 0.99)] ?? Number.NaN
    assert.ok(p99 <= 250, `p99 is ${p99} ms`)
    assert.ok(deadShare <= 0.05, `a dead device took ${deadShare}`)
    const polls = Math.floor(SIMULATED_MS / everyMs)
    assert.ok(late.length >= (polls - 1) * (DEVICES - DEAD_UNITS.length))
    // A device that is not asked has measurements all the same: without a value, and with the reason.
    const absent = measurements.filter(({ quality }) => quality === 'no_answer')
    assert.ok(absent.length >= (polls - 1) * DEAD_UNITS.length * 20)
    assert.ok(absent.every(({ value }) => value === null))
  })
}
