// A poll of a device that gives some registers and not others, or nothing at all.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openBus } from '../../../edge/modbus/bus.ts'
import { type PolledDevice, type PollResult, pollDevice, toPolledDevice } from '../../../edge/modbus/poll.ts'
import { ModbusSignal } from '../../../protocol/gateway-config.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type Instrument, openInstrument } from '../../doubles/instrument.ts'
import { until } from '../../doubles/until.ts'

const TIMEOUT_MS = 1_000
const signal = new AbortController().signal

const VARIABLES = [
  'flow',
  'total',
  'level',
  'pulses',
  'pressure',
  'temperature',
  'voltage',
  'battery',
] as const

/** A signal for each address, one register each. */
function signalsAt(...addresses: number[]): ModbusSignal[] {
  return addresses.map((address, index) =>
    ModbusSignal.parse({ variable: VARIABLES[index], address, type: 'uint16' }),
  )
}

interface Bench {
  instrument: Instrument
  device: PolledDevice
  /** Registers that the device does not give. */
  absent: Set<number>
  poll(): Promise<PollResult>
  /** Polls while the clock moves past every deadline. */
  pollPastDeadlines(): Promise<PollResult>
  /** What was asked for since the last look, as address and count. */
  asked(): [number, number][]
}

async function openBench(context: TestContext, signals: readonly ModbusSignal[]): Promise<Bench> {
  const clock = openFakeClock()
  const absent = new Set<number>()
  const registers = (_: number, address: number) => (absent.has(address) ? undefined : address + 1)
  const instrument = await openInstrument({ clock: systemClock }, { registers })
  context.after(() => instrument.close())
  const tcp = { host: '127.0.0.1', port: instrument.port }
  const bus = openBus({ clock, log: silentLog, random: () => 0 }, { id: 'plant', tcp, timeout: TIMEOUT_MS })
  context.after(() => bus.close())
  const reads = { maxRegisters: 125, maxGap: 8, holes: [] }
  const device = toPolledDevice({ id: 'meter', unit: 3, point: 'pozo-7' }, signals, reads)
  const poll = () => pollDevice({ bus, clock }, device, 'synced', signal)
  return {
    ...{ instrument, device, absent, poll },
    async pollPastDeadlines() {
      let result: PollResult | undefined
      const done = poll().then(one => {
        result = one
      })
      const before = instrument.requests.length
      await until('the instrument was asked', () => instrument.requests.length > before)
      await until('the poll is over', async () => {
        await clock.advance(TIMEOUT_MS)
        return result !== undefined
      })
      await done
      return result as PollResult
    },
    asked: () => instrument.requests.splice(0).map(({ address, count }) => [address, count]),
  }
}

const values = ({ measurements }: PollResult) => measurements.map(({ value, quality }) => value ?? quality)

test('pollDevice() brings one measurement for each signal, with its time, point and value', async context => {
  const { poll, asked } = await openBench(context, [
    ...signalsAt(0, 1),
    ModbusSignal.parse({ variable: 'level', point: 'pozo-8', address: 40, type: 'uint16' }),
  ])

  const { measurements, failure } = await poll()

  const at = Date.parse('2026-01-15T12:00:00Z')
  const common = { at, quality: 'good', timeQuality: 'synced' }
  assert.deepEqual(measurements, [
    { point: 'pozo-7', variable: 'flow', value: 1, ...common },
    { point: 'pozo-7', variable: 'total', value: 2, ...common },
    { point: 'pozo-8', variable: 'level', value: 41, ...common },
  ])
  assert.equal(failure, undefined)
  assert.deepEqual(asked(), [
    [0, 2],
    [40, 1],
  ])
})

test('pollDevice() finds the register that a device does not give, and keeps all others of that very poll', async context => {
  const { poll, absent, asked } = await openBench(context, signalsAt(0, 1, 2, 3, 4, 5, 6, 7))
  absent.add(5)

  const first = await poll()

  assert.deepEqual(values(first), [1, 2, 3, 4, 5, 'exception', 7, 8])
  assert.equal(first.failure, 'bus plant, unit 3, holding 5: exception 2 (illegal data address)')
  assert.deepEqual(asked(), [
    [0, 8],
    [0, 4],
    [4, 4],
    [4, 2],
    [4, 1],
    [5, 1],
    [6, 2],
  ])
})

test('pollDevice() asks in the parts that worked from the next poll on', async context => {
  const { poll, absent, asked } = await openBench(context, signalsAt(0, 1, 2, 3, 4, 5, 6, 7))
  absent.add(5)
  await poll()
  asked()

  const second = await poll()

  assert.deepEqual(values(second), [1, 2, 3, 4, 5, 'exception', 7, 8])
  assert.deepEqual(asked(), [
    [0, 4],
    [4, 1],
    [5, 1],
    [6, 2],
  ])
})

test('pollDevice() leaves a gap out that a device does not give, and loses no signal by it', async context => {
  const { poll, absent, asked } = await openBench(context, signalsAt(0, 1, 6, 7))
  absent.add(3)

  const first = await poll()
  asked()
  const second = await poll()

  assert.deepEqual(values(first), [1, 2, 7, 8])
  assert.equal(first.failure, undefined)
  assert.deepEqual(values(second), [1, 2, 7, 8])
  assert.deepEqual(asked(), [
    [0, 2],
    [6, 2],
  ])
})

test('pollDevice() goes back to its plan when the device had nothing at all for a while', async context => {
  const { poll, instrument, asked } = await openBench(context, signalsAt(0, 1, 2, 3))
  instrument.failAlways({ kind: 'exception', code: 2 })
  const down = await poll()
  instrument.failAlways()
  asked()

  const up = await poll()

  assert.deepEqual(values(down), ['exception', 'exception', 'exception', 'exception'])
  assert.deepEqual(values(up), [1, 2, 3, 4])
  assert.deepEqual(asked(), [[0, 4]])
})

test('pollDevice() does not halve what a device refuses for another reason than the address', async context => {
  const { poll, instrument, asked } = await openBench(context, signalsAt(0, 1, 40))
  instrument.fail({ kind: 'exception', code: 4 })

  const result = await poll()

  assert.deepEqual(values(result), ['exception', 'exception', 41])
  assert.equal(result.failure, 'bus plant, unit 3, holding 0 to 1: exception 4 (device failure)')
  assert.deepEqual(asked(), [
    [0, 2],
    [40, 1],
  ])
})

test('pollDevice() does not keep the bus waiting for a device that does not answer', async context => {
  const { pollPastDeadlines, instrument, asked } = await openBench(context, signalsAt(0, 40, 80))
  instrument.fail({ kind: 'silence' })

  const result = await pollPastDeadlines()

  assert.deepEqual(values(result), ['no_answer', 'no_answer', 'no_answer'])
  assert.equal(result.failure, 'bus plant, unit 3, holding 0: no answer in 1000 ms')
  assert.deepEqual(asked(), [[0, 1]])
})

test('pollDevice() does not ask a gateway again that says that the device does not answer', async context => {
  const { poll, instrument, asked } = await openBench(context, signalsAt(0, 40, 80))
  instrument.fail({ kind: 'exception', code: 11 })

  const result = await poll()

  assert.deepEqual(values(result), ['exception', 'exception', 'exception'])
  assert.equal(
    result.failure,
    'bus plant, unit 3, holding 0: exception 11 (device does not answer its gateway)',
  )
  assert.deepEqual(asked(), [[0, 1]])
})

test('pollDevice() keeps what came before the device fell silent, and what it learned', async context => {
  const { pollPastDeadlines, poll, instrument, absent, asked } = await openBench(
    context,
    signalsAt(0, 1, 2, 3, 40),
  )
  absent.add(3)
  await poll()
  asked()
  instrument.fail({ kind: 'trickle' }, { kind: 'silence' })

  const silent = await pollPastDeadlines()
  asked()
  const after = await poll()

  assert.deepEqual(values(silent), [1, 2, 'no_answer', 'no_answer', 'no_answer'])
  assert.deepEqual(values(after), [1, 2, 3, 'exception', 41])
  assert.deepEqual(asked(), [
    [0, 2],
    [2, 1],
    [3, 1],
    [40, 1],
  ])
})

test('pollDevice() goes on with the next request after a damaged answer', async context => {
  const { poll, instrument } = await openBench(context, signalsAt(0, 40))
  instrument.fail({ kind: 'wrong-unit' })

  const result = await poll()

  assert.deepEqual(values(result), ['bad_answer', 41])
  assert.equal(result.failure, 'bus plant, unit 3, holding 0: expected an answer from unit 3, got one from 2')
})
