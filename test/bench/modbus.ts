// How many Modbus TCP transactions a second the bus makes, held against a C program on libmodbus.
//
// Both read the same 20 registers, one request after the other, from the same server on libmodbus in the same run, in
// turn. The C program checks an answer and no more; the bus has a queue, a deadline and an outcome for each request.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openBus } from '../../edge/modbus/bus.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { compile, startLibmodbus } from '../peers/modbus.ts'
import { isHere } from '../peers.ts'
import { type Figure, median } from './figure.ts'

const ROUNDS = 7
const REQUESTS = 10_000
const REGISTERS = 20

const run = promisify(execFile)

/** Transactions a second of the bus, against libmodbus; nothing where libmodbus or gcc is missing. */
export async function benchModbus(): Promise<Figure[]> {
  if (!isHere('libmodbus') || !isHere('gcc') || !isHere('libc')) return []
  const cells = Array.from({ length: REGISTERS }, (_, address) => ({
    ...{ table: 'holding' as const, address, value: address },
  }))
  const server = await startLibmodbus(cells)
  const client = await compile('test/bench/modbus_client.c')
  try {
    const rounds: { ours: number; theirs: number }[] = []
    await ourRate(server.port)
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.push({ ours: await ourRate(server.port), theirs: await theirRate(client.path, server.port) })
    }
    const value = median(rounds.map(({ ours }) => ours))
    const ratio = median(rounds.map(({ ours, theirs }) => ours / theirs))
    const name = `Modbus TCP transactions of ${REGISTERS} registers`
    return [{ name, value, unit: '/s', ratio, peer: 'libmodbus in C' }]
  } finally {
    await client.close()
    await server.close()
  }
}

async function ourRate(port: number): Promise<number> {
  const deps = { clock: systemClock, log: silentLog, random: Math.random }
  const bus = openBus(deps, { id: 'bench', tcp: { host: '127.0.0.1', port }, timeout: 1_000 })
  const { signal } = new AbortController()
  const start = systemClock.monotonic()
  for (let count = 0; count < REQUESTS; count += 1) {
    const request = { unit: 1, table: 'holding', address: 0, count: REGISTERS } as const
    const outcome = await bus.read(request, signal)
    if (outcome.kind !== 'values' || outcome.values[1] !== 1) throw new Error(JSON.stringify(outcome))
  }
  const seconds = (systemClock.monotonic() - start) / 1000
  await bus.close()
  return REQUESTS / seconds
}

async function theirRate(program: string, port: number): Promise<number> {
  const { stdout } = await run(program, [String(port), String(REQUESTS), String(REGISTERS)])
  return REQUESTS / Number(stdout)
}
