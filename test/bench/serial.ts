// How much of the time that a serial line allows a saturated bus uses, at three rates.
//
// Sixteen devices on a pseudo-terminal, in a process of their own, are asked one after the other for the same number of
// registers. No byte leaves or arrives before its time, and a device answers after the silence that Modbus wants. The
// limit is a master that needs no time at all: bytes, and silence after each frame.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { openBus } from '../../edge/modbus/bus.ts'
import { lineTiming, requestMs } from '../../edge/modbus/timing.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openRtuInstrument } from '../doubles/rtu-instrument.ts'
import { openPty } from '../peers/pty.ts'
import { isHere } from '../peers.ts'
import { type Figure, median } from './figure.ts'

const RATES = [9600, 19200, 115200] as const
const REGISTERS = [20, 125] as const
const UNITS = Array.from({ length: 16 }, (_, index) => index + 1)
const ROUNDS = 3
const ROUND_MS = 3_000

/** Requests a second of a saturated line against the line's limit; nothing where socat is missing. */
export async function benchSerial(): Promise<Figure[]> {
  if (!isHere('socat')) return []
  const figures: Figure[] = []
  for (const baudRate of RATES) {
    const double = fork(import.meta.filename, [String(baudRate)])
    const [path] = (await once(double, 'message')) as [string]
    const bus = openBus(
      { clock: systemClock, log: silentLog, random: Math.random },
      { id: 'bench', timeout: 1_000, serial: { path, baudRate, parity: 'even', stopBits: 1 } },
    )
    for (const count of REGISTERS) {
      const timing = { ...lineTiming(baudRate, 11), roundTripMs: 0 }
      const limit = 1_000 / requestMs(timing, { table: 'holding', count }, 0)
      const rates: number[] = []
      for (let round = 0; round < ROUNDS; round += 1) rates.push(await rateOf(bus, count))
      const name = `Requests of ${count} registers on a line of ${baudRate} baud`
      const value = median(rates)
      figures.push({ name, value, unit: '/s', ratio: value / limit, peer: `the wire: ${limit.toFixed(1)}/s` })
    }
    await bus.close()
    double.send('end')
    await once(double, 'exit')
  }
  return figures
}

async function rateOf(bus: ReturnType<typeof openBus>, count: number): Promise<number> {
  const { signal } = new AbortController()
  const start = systemClock.monotonic()
  let done = 0
  while (systemClock.monotonic() - start < ROUND_MS) {
    const unit = UNITS[done % UNITS.length] ?? 1
    const outcome = await bus.read({ unit, table: 'holding', address: 0, count }, signal)
    if (outcome.kind !== 'values' || outcome.values[1] !== 1) throw new Error(JSON.stringify(outcome))
    done += 1
  }
  return (1_000 * done) / (systemClock.monotonic() - start)
}

/** The devices of a line: bytes come and go to the microsecond, which costs a processor. */
async function runDouble(baudRate: number): Promise<void> {
  const { byteMs, silenceMs } = lineTiming(baudRate, 11)
  const line = (send: (bytes: Buffer) => void, before: number) => {
    let turn = Promise.resolve()
    return (bytes: Buffer) => {
      const at = systemClock.monotonic() + before + bytes.length * byteMs
      turn = turn.then(async () => {
        while (systemClock.monotonic() < at) await new Promise(resolve => setImmediate(resolve))
        send(bytes)
      })
    }
  }
  const pty = await openPty(line(bytes => instrument.hear(bytes), 0))
  const instrument = openRtuInstrument(
    { clock: systemClock, send: line(bytes => pty.send(bytes), silenceMs) },
    { units: UNITS, registers: (_, address) => address },
  )
  process.send?.(pty.path)
  await once(process, 'message')
  await pty.close()
  process.exit()
}

if (import.meta.main) await runDouble(Number(process.argv[2]))
