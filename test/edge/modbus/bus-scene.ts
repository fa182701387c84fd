// A bus in a test: to the instrument with its faults, or to a server that answers by hand.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { type Bus, openBus } from '../../../edge/modbus/bus.ts'
import type { ReadOutcome, ReadRequest } from '../../../edge/modbus/request.ts'
import type { RegisterTable } from '../../../protocol/registers.ts'
import { type Clock, systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { type Instrument, openInstrument, type Registers } from '../../doubles/instrument.ts'
import { until } from '../../doubles/until.ts'

/** How long an answer may take. */
export const TIMEOUT_MS = 1_000
/** Never aborts. */
export const signal = new AbortController().signal

/** Every register holds its own address, so that a value says whose it is. */
export const registers: Registers = (code, address) => (code <= 2 ? address % 2 : address)

/** A bus, its clock, and what is at its other end. */
export interface Bench {
  clock: FakeClock
  bus: Bus
  instrument: Instrument
}

/** A bus to a port, closed after the test. */
export function busOf(context: TestContext, clock: Clock, port: number): Bus {
  const bus = openBus(
    { clock, log: silentLog, random: () => 0.999 },
    { id: 'plant', tcp: { host: '127.0.0.1', port }, timeout: TIMEOUT_MS },
  )
  context.after(() => bus.close())
  return bus
}

/** A bus whose time stands still: what happens, happens because of the bytes, unless the test moves the clock. */
export async function openBench(context: TestContext): Promise<Bench> {
  const clock = openFakeClock()
  const instrument = await openInstrument({ clock: systemClock }, { registers })
  context.after(() => instrument.close())
  return { clock, instrument, bus: busOf(context, clock, instrument.port) }
}

/** A request of unit 3. */
export const request = (address: number, count = 4, table: RegisterTable = 'holding'): ReadRequest => ({
  ...{ unit: 3, table, address, count },
})

/** What an answer with these values comes to. */
export const holds = (...values: number[]): ReadOutcome => ({ kind: 'values', values })

/** What a request comes to when nothing else than the bytes may end it. */
export async function outcomeOf(bus: Bus, asked: ReadRequest): Promise<ReadOutcome> {
  return await bus.read(asked, signal)
}

/** What a request comes to when its deadline passes after the instrument has seen it. */
export async function outcomeAfterDeadline(
  { bus, clock, instrument }: Bench,
  asked: ReadRequest,
): Promise<ReadOutcome> {
  const seen = instrument.requests.length
  const outcome = bus.read(asked, signal)
  await until('the instrument was asked', () => instrument.requests.length > seen)
  await clock.advance(TIMEOUT_MS)
  return await outcome
}

/** A server that answers by hand: `answer` gets the frame and what came in earlier connections. */
export async function openServer(
  context: TestContext,
  answer: (frame: Buffer, connection: number) => readonly Buffer[],
): Promise<{ port: number; connections: () => number }> {
  let connections = 0
  const server = createServer(socket => {
    connections += 1
    const connection = connections
    socket.on('error', () => {})
    socket.on('data', (frame: Buffer) => {
      for (const part of answer(frame, connection)) socket.write(part)
    })
    context.after(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

/** One register that holds `value`, as an answer to `frame`. */
export function answerTo(frame: Buffer, value: number): Buffer {
  const answer = Buffer.from([...frame.subarray(0, 4), 0, 5, ...frame.subarray(6, 8), 2, 0, 0])
  answer.writeUInt16BE(value, 9)
  return answer
}
