// Transactions on serial ports whose lines are late, noisy, repeat themselves, break off and carry what is not ours.
//
// Each answer holds the number of its request, so that a value that was meant for another one is found out. MODBUS_FUZZ
// says how many transactions; the seed of a failure is in its message. modbus-serial alone reads the same devices with the
// same faults, and what it makes of them is printed beside it.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import modbusSerial from 'modbus-serial'
import { openBus, rtuOptions } from '../../edge/modbus/bus.ts'
import type { ReadRequest } from '../../edge/modbus/request.ts'
import { longestReadMs } from '../../edge/modbus/rtu.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import type { Figure } from '../bench/figure.ts'
import type { SeenRequest } from '../doubles/instrument.ts'
import {
  openRtuInstrument,
  type RtuFault,
  type RtuInstrument,
  withChecksum,
} from '../doubles/rtu-instrument.ts'
import { openPty } from '../peers/pty.ts'
import { skipWithout } from '../peers.ts'
import { sayFigures } from './figures.ts'

const CALLS = Number(process.env.MODBUS_FUZZ ?? 8_000)
/** Of the library alone there are fewer: it is not it that is tested. */
const CALLS_ALONE = Math.min(CALLS, 1_000)
/** Lines at the same time. Most of a transaction is waiting. */
const LINES = 32
const UNITS = [1, 2, 3, 4, 5]
const TIMEOUT_MS = 30
const QUARANTINE_MS = 25
const SERIAL = { baudRate: 115200, parity: 'none', stopBits: 1 } as const
/** As long as the longest answer takes at this rate. */
const DELAY_MS = 4
const signal = new AbortController().signal

/** What became of calls. */
interface Tally {
  calls: number
  values: number
  wrong: number
  overdue: number
  /** What had happened on a line when a wrong value came of it. */
  stories: string[]
}

type Random = (below: number) => number

/** Park and Miller's generator: the same faults for the same seed. */
function seeded(seed: number): Random {
  let state = (seed % 2_147_483_646) + 1
  return below => {
    state = (state * 48_271) % 2_147_483_647
    return Math.floor((state / 2_147_483_647) * below)
  }
}

function anyRequest(random: Random): ReadRequest {
  const unit = UNITS[random(UNITS.length)] ?? 1
  return { unit, table: random(4) === 0 ? 'input' : 'holding', address: random(4) * 16, count: 1 + random(8) }
}

/** What goes wrong with one answer; nothing, most of the time. */
function anyFault(random: Random, request: SeenRequest): RtuFault | undefined {
  const bytes = () => Array.from({ length: 1 + random(12) }, () => random(256))
  const unit = UNITS[random(UNITS.length)] ?? 1
  // A whole frame, of somebody else or with more values than anybody is asked for.
  const foreign = () => {
    const isOther = random(2) === 0
    const from = isOther ? (request.unit % UNITS.length) + 1 : request.unit
    const values = Array.from({ length: isOther ? 2 * request.count : 20 }, () => random(256))
    return [...withChecksum(Buffer.from([from, request.code, values.length, ...values]))]
  }
  const faults: (() => RtuFault)[] = [
    () => ({ kind: 'silence' }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 2 + random(3 * TIMEOUT_MS) }),
    () => ({ kind: 'late', ms: TIMEOUT_MS - 2 + random(3 * TIMEOUT_MS) }),
    () => ({ kind: 'truncated', bytes: 1 + random(8) }),
    () => ({ kind: 'noise-before', bytes: bytes() }),
    () => ({ kind: 'noise-before', bytes: foreign() }),
    () => ({ kind: 'noise-after', bytes: bytes() }),
    () => ({ kind: 'noise-after', bytes: foreign() }),
    () => ({ kind: 'duplicate', afterMs: random(10) }),
    () => ({ kind: 'duplicate', afterMs: random(10) }),
    () => ({ kind: 'foreign', unit }),
    () => ({ kind: 'flipped', at: random(64) }),
    () => ({ kind: 'wrong-unit' }),
    () => ({ kind: 'wrong-function' }),
    () => ({ kind: 'wrong-byte-count' }),
    () => ({ kind: 'exception', code: 1 + random(6) }),
    () => ({ kind: 'trickle', afterMs: 1 }),
  ]
  return random(5) < 3 ? undefined : faults[random(faults.length)]?.()
}

const heldAt = (number: number, address: number) => (number * 977 + address * 31) & 0xffff

/** Lays a line with devices that misbehave; `read` gives values, or nothing when a call failed. */
async function fuzz(
  seed: number,
  calls: number,
  longestMs: (request: ReadRequest) => number,
  openReader: (path: string) => Promise<{
    read: (request: ReadRequest) => Promise<readonly number[] | 'failed' | 'not asked'>
    close: () => Promise<void>
  }>,
): Promise<Tally> {
  const pty = await openPty(bytes => instrument.hear(bytes))
  const instrument: RtuInstrument = openRtuInstrument(
    { clock: systemClock, send: pty.send },
    {
      ...{ units: UNITS, delayMs: DELAY_MS },
      registers: (_, address) => heldAt(instrument.requests.length, address),
    },
  )
  const reader = await openReader(pty.path)
  const random = seeded(seed)
  const chance = seeded(seed + 1_000_000)
  const faults: (RtuFault | undefined)[] = []
  instrument.failBy(request => {
    const fault = anyFault(chance, request)
    faults.push(fault)
    return fault
  })
  const tally: Tally = { calls: 0, values: 0, wrong: 0, overdue: 0, stories: [] }
  while (tally.calls < calls) {
    const request = anyRequest(random)
    const before = instrument.requests.length
    const over = new AbortController()
    const overdue = systemClock.sleep(longestMs(request), over.signal).then(
      () => 'overdue' as const,
      () => 'overdue' as const,
    )
    const outcome = await Promise.race([reader.read(request), overdue])
    over.abort()
    if (outcome === 'not asked') {
      await systemClock.sleep(1)
      continue
    }
    tally.calls += 1
    if (outcome === 'overdue') tally.overdue += 1
    if (typeof outcome === 'string') continue
    tally.values += 1
    if (isRight(instrument, before, request, outcome)) continue
    tally.wrong += 1
    tally.stories.push(tell(instrument, faults, request))
  }
  await reader.close()
  await pty.close()
  return tally
}

/** The last requests on a line, when each came, and what was done to its answer. */
function tell(
  { requests }: RtuInstrument,
  faults: readonly (RtuFault | undefined)[],
  asked: ReadRequest,
): string {
  const now = systemClock.monotonic()
  const lines = requests.map(
    ({ unit, code, address, count, at }, index) =>
      `${(at - now).toFixed(1)} ms: unit ${unit} code ${code} ${count} at ${address}: ${JSON.stringify(faults[index] ?? 'answered')}`,
  )
  return [`asked ${JSON.stringify(asked)}`, ...lines.slice(-12)].join('\n  ')
}

/** Whether these are the values that were given to a request of this very call. */
function isRight(
  { requests }: RtuInstrument,
  before: number,
  { unit, address, count }: ReadRequest,
  values: readonly number[],
): boolean {
  return requests
    .slice(before)
    .some(
      (seen, index) =>
        seen.unit === unit &&
        seen.address === address &&
        seen.count === count &&
        values.length === count &&
        values.every((value, offset) => value === heldAt(before + index + 1, address + offset)),
    )
}

async function openOurs(path: string) {
  const config = { id: 'rs485', timeout: TIMEOUT_MS, quarantine: QUARANTINE_MS, serial: { path, ...SERIAL } }
  const bus = openBus({ clock: systemClock, log: silentLog, random: () => 0 }, config)
  return {
    async read(request: ReadRequest) {
      const outcome = await bus.read(request, signal)
      if (outcome.kind === 'values') return outcome.values
      const isSkipped = outcome.kind === 'no_answer' && outcome.reason.endsWith('asked less often')
      return isSkipped ? 'not asked' : 'failed'
    },
    close: async () => await bus.close(),
  }
}

async function openAlone(path: string) {
  const client = new modbusSerial.default()
  await client.connectRTUBuffered(path, SERIAL)
  client.setTimeout(TIMEOUT_MS)
  return {
    async read({ unit, table, address, count }: ReadRequest) {
      client.setID(unit)
      try {
        const read = table === 'input' ? client.readInputRegisters : client.readHoldingRegisters
        return (await read.call(client, address, count)).data
      } catch {
        return 'failed' as const
      }
    },
    close: () => new Promise<void>(resolve => client.close(() => resolve())),
  }
}

async function fuzzLines(
  seed: number,
  calls: number,
  longestMs: (request: ReadRequest) => number,
  openReader: Parameters<typeof fuzz>[3],
): Promise<Tally> {
  const lines = Array.from({ length: LINES }, (_, index) =>
    fuzz(seed + index, Math.ceil(calls / LINES), longestMs, openReader),
  )
  const sum = (key: 'calls' | 'values' | 'wrong' | 'overdue') => (all: readonly Tally[]) =>
    all.reduce((total, one) => total + one[key], 0)
  const all = await Promise.all(lines)
  return {
    calls: sum('calls')(all),
    values: sum('values')(all),
    wrong: sum('wrong')(all),
    overdue: sum('overdue')(all),
    stories: all.flatMap(({ stories }) => stories),
  }
}

const toText = ({ calls, values, wrong, overdue }: Tally) =>
  `${calls} calls, ${values} values, ${wrong} wrong values, ${overdue} calls past their deadline`

const toFigures = (who: string, { calls, values, wrong, overdue }: Tally): Figure[] => {
  const of = `of ${calls.toLocaleString('en-US')} calls`
  return [
    { name: `chaos: a line that misbehaves, ${who}: wrong values`, value: wrong, unit: of },
    { name: `chaos: a line that misbehaves, ${who}: calls past their deadline`, value: overdue, unit: of },
    { name: `chaos: a line that misbehaves, ${who}: values`, value: values, unit: of },
  ]
}

suite('a bus on lines that misbehave', { skip: skipWithout('socat') }, () => {
  test('read() gives no value that is not its own, and is never past its deadline', async context => {
    const seed = Math.floor(systemClock.now())
    const options = rtuOptions({
      id: 'rs485',
      timeout: TIMEOUT_MS,
      quarantine: QUARANTINE_MS,
      serial: { path: '', ...SERIAL },
    })
    const longestMs = (request: ReadRequest) => longestReadMs(options, request)

    const ours = await fuzzLines(seed, CALLS, longestMs, openOurs)
    const alone = await fuzzLines(seed, CALLS_ALONE, () => 1_000, openAlone)

    sayFigures(context, [...toFigures('the bus', ours), ...toFigures('modbus-serial alone', alone)])
    assert.equal(ours.wrong, 0, [`seed ${seed}`, ...ours.stories].join('\n'))
    assert.equal(ours.overdue, 0, `seed ${seed}`)
    assert.ok(ours.values > ours.calls / 4, `seed ${seed}: ${toText(ours)}`)
  })
})
