// Writes on a serial line that is late, noisy, repeats itself and loses what is said, in time that passes as fast as it can.
//
// The same few values are written to the same few registers, so that a late or repeated acknowledgement of one write is, byte
// by byte, that of another. MODBUS_FUZZ says how many; the seed of a failure is in its message.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBus } from '../../edge/modbus/bus.ts'
import type { OpenLine } from '../../edge/modbus/line.ts'
import { isWrite, type Outcome, type Request } from '../../edge/modbus/request.ts'
import { rtuConnector } from '../../edge/modbus/rtu.ts'
import { lineTiming } from '../../edge/modbus/timing.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type FakeClock, openFakeClock } from '../doubles/clock.ts'
import { randomFrom } from '../doubles/random.ts'
import { openRtuInstrument, type RtuFault } from '../doubles/rtu-instrument.ts'
import { openSimulatedLine } from '../doubles/simulated-line.ts'

const CALLS = Math.min(Number(process.env.MODBUS_FUZZ ?? 2_000), 50_000)
const UNITS = [1, 2]
const TIMEOUT_MS = 100
const { byteMs, silenceMs } = lineTiming(19_200, 11)
const signal = new AbortController().signal

test(`${CALLS} calls on a line that misbehaves: what is acknowledged was written, by this very call, and nothing twice`, async context => {
  const seed = Math.floor(systemClock.now())
  const random = randomFrom(seed)
  const below = (count: number) => Math.floor(random() * count)
  const clock = openFakeClock()
  let call = 0
  /** Which call sent each request, in the order in which the devices hear them: a call may have its outcome before. */
  const sentBy: number[] = []
  const written = new Set<number>()
  const line = openSimulatedLine({ clock, heard: bytes => instrument.hear(bytes) }, { byteMs })
  const open: OpenLine = async () => {
    const opened = await line.open()
    if (typeof opened === 'string') return opened
    return {
      ...opened,
      write(bytes) {
        sentBy.push(call)
        opened.write(bytes)
      },
    }
  }
  const instrument = openRtuInstrument(
    { clock, send: line.send },
    {
      ...{ units: UNITS, delayMs: 3, registers: () => 7 },
      take() {
        written.add(sentBy[instrument.requests.length - 1] ?? Number.NaN)
        return undefined
      },
    },
  )
  instrument.failBy(() => anyFault(below))
  const timing = { byteMs, silenceMs, roundTripMs: 0 }
  const bus = openBus(
    { clock, log: silentLog, random: () => 0 },
    { id: 'rs485', timeout: TIMEOUT_MS },
    rtuConnector({ clock }, open, {
      ...{ timing, timeoutMs: TIMEOUT_MS, quarantineMs: 60, isPaced: true, muteMax: CALLS },
    }),
  )
  const tally = { written: 0, unsent: 0, exception: 0, no_answer: 0, bad_answer: 0 }
  const claimed: number[] = []
  const unsent: number[] = []
  const writes = new Set<number>()

  for (; call < CALLS; call += 1) {
    const asked = anyRequest(below)
    const outcome = await settled(clock, isWrite(asked) ? bus.write(asked, signal) : bus.read(asked, signal))
    // A device that is left alone for a while is not what is looked for.
    if ('reason' in outcome && outcome.reason.endsWith('asked less often')) await clock.advance(10_000)
    if (!isWrite(asked)) continue
    assert.ok(outcome.kind !== 'values')
    tally[outcome.kind] += 1
    writes.add(call)
    if (outcome.kind === 'written') claimed.push(call)
    if (outcome.kind === 'unsent') unsent.push(call)
  }
  await clock.advance(1_000)

  context.diagnostic(JSON.stringify(tally))
  assert.equal(instrument.requests.length, sentBy.length, `seed ${seed}: requests were lost on the line`)
  const counts = new Map<number, number>()
  for (const [index, { values }] of instrument.requests.entries()) {
    const by = sentBy[index] ?? Number.NaN
    if (values !== undefined) counts.set(by, (counts.get(by) ?? 0) + 1)
  }
  const lies = claimed.filter(one => !written.has(one))
  assert.deepEqual(lies, [], `seed ${seed}: writes were taken for done that no device has heard`)
  assert.deepEqual(
    unsent.filter(one => counts.has(one)),
    [],
    `seed ${seed}: what was not sent was heard`,
  )
  const wrong = [...counts].filter(([one, count]) => count > 1 || !writes.has(one))
  assert.deepEqual(wrong, [], `seed ${seed}: one call has written twice, or a read has written`)
  assert.ok(
    tally.written > CALLS / 20 && tally.no_answer > CALLS / 50,
    `seed ${seed}: ${JSON.stringify(tally)}`,
  )
})

type Below = (count: number) => number

function anyRequest(below: Below): Request {
  const place = { unit: UNITS[below(UNITS.length)] ?? 1, address: 10 }
  const notAfter = Number.MAX_SAFE_INTEGER
  switch (below(8)) {
    case 0:
      return { ...place, table: 'holding', count: 1 + below(3) }
    case 1:
      return { ...place, table: 'coil', values: [1], code: 5, notAfter }
    case 2:
      return { ...place, table: 'holding', values: [7, below(2)], code: 16, notAfter }
    default:
      return { ...place, table: 'holding', values: [7], code: 6, notAfter }
  }
}

/** What goes wrong with one answer; nothing, more often than not. */
function anyFault(below: Below): RtuFault | undefined {
  const bytes = () => Array.from({ length: 1 + below(10) }, () => below(256))
  const faults: (() => RtuFault)[] = [
    () => ({ kind: 'deaf' }),
    () => ({ kind: 'deaf' }),
    () => ({ kind: 'deaf' }),
    () => ({ kind: 'deaf' }),
    () => ({ kind: 'silence' }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 5 + below(3 * TIMEOUT_MS) }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 5 + below(3 * TIMEOUT_MS) }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 5 + below(3 * TIMEOUT_MS) }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 5 + below(3 * TIMEOUT_MS) }),
    () => ({ kind: 'duplicate', afterMs: below(20) }),
    () => ({ kind: 'duplicate', afterMs: below(20) }),
    () => ({ kind: 'truncated', bytes: 1 + below(7) }),
    () => ({ kind: 'noise-before', bytes: bytes() }),
    () => ({ kind: 'noise-after', bytes: bytes() }),
    () => ({ kind: 'foreign', unit: UNITS[below(UNITS.length)] ?? 1 }),
    () => ({ kind: 'flipped', at: below(64) }),
    () => ({ kind: 'wrong-function' }),
    () => ({ kind: 'exception', code: 1 + below(6) }),
  ]
  return below(5) < 3 ? undefined : faults[below(faults.length)]?.()
}

async function settled(clock: FakeClock, asking: Promise<Outcome>): Promise<Outcome> {
  let outcome: Outcome | undefined
  void asking.then(one => {
    outcome = one
  })
  for (let passed = 0; outcome === undefined && passed < 20_000; passed += 1) await clock.advance(1)
  assert.ok(outcome !== undefined, 'a call had no outcome in 20 s')
  return outcome
}
