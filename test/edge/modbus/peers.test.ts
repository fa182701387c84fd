// The gateway as it is run on site, against Modbus servers that are not ours, held against mbpoll, which is not either.
//
// Both servers hold every case of test/cases/modbus. mbpoll reads their registers; Python makes values of what it read;
// the gateway, alone, has to show the same values on its LAN broker.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { connectAsync } from 'mqtt'
import type { ModbusSignal } from '../../../protocol/gateway-config.ts'
import { RawMessage } from '../../../protocol/raw.ts'
import type { RegisterTable } from '../../../protocol/registers.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import {
  type Cell,
  type ModbusServer,
  mbpoll,
  PYTHON,
  startLibmodbus,
  startPymodbus,
} from '../../peers/modbus.ts'
import { skipWithout } from '../../peers.ts'
import { type DecodeCase, readCases } from './cases.ts'

const CLI = new URL('../../../edge/cli.ts', import.meta.url).pathname
const PYTHON_DECODER = new URL('../../peers/registers.py', import.meta.url).pathname

/** So many registers are left to each case. */
const APART = 8
/** Beyond what the servers hold. */
const NOWHERE = 5_000
const CHUNK = 120

interface Placed extends DecodeCase {
  /** With the addresses at which the servers hold it. */
  signal: ModbusSignal
  from: number
}

/** Every case, each at a place of its own. */
const placed: Placed[] = readCases().map((one, index) => {
  const from = index * APART
  const { address, plus } = one.signal
  return {
    ...one,
    from,
    signal: {
      ...one.signal,
      address: from + address,
      ...(plus === undefined ? {} : { plus: { ...plus, address: from + plus.address } }),
    },
  }
})

const cells: Cell[] = placed.flatMap(({ signal: { table }, from, registers }) =>
  registers.map((value, index) => ({ table, address: from + index, value })),
)

const SERVERS = [
  { name: 'pymodbus', start: startPymodbus },
  { name: 'libmodbus', start: startLibmodbus },
] as const

const skip = skipWithout('mbpoll', 'pymodbus', 'serial_asyncio', 'libmodbus', 'gcc', 'libc')

suite('the gateway against Modbus servers that are not ours', { skip }, () => {
  const servers = new Map<string, ModbusServer>()
  /** What the gateway shows, by point and variable. */
  let shown = new Map<string, RawMessage>()

  before(async () => {
    for (const { name, start } of SERVERS) servers.set(name, await start(cells))
    shown = await readByGateway(servers, SERVERS.length * (placed.length + 1))
  })

  after(async () => {
    for (const server of servers.values()) await server.close()
  })

  for (const { name } of SERVERS) {
    const messageOf = ({ name: point, signal }: Placed) => shown.get(`${name}-${point}/${signal.variable}`)
    const portOf = () => (servers.get(name) as ModbusServer).port

    test(`reads every case of the table from ${name}`, () => {
      const read = placed.map(one => {
        const { v, q } = messageOf(one) ?? {}
        return [one.name, v, q]
      })

      assert.deepEqual(
        read,
        placed.map(({ name: point, expected: { value, quality } }) => [point, value, quality]),
      )
    })

    test(`reads from ${name} the values of the registers that mbpoll reads, whatever their type and order`, async () => {
      const held = await readByMbpoll(portOf())
      const inUnit = placed.filter(({ signal }) => signal.unit === undefined)
      const registersOf = ({ signal: { table }, from }: Placed) =>
        Object.fromEntries(
          Array.from({ length: APART }, (_, index) => [from + index, held.get(`${table} ${from + index}`)]),
        )

      const values = decodedByPython(inUnit.map(one => ({ signal: one.signal, registers: registersOf(one) })))

      assert.deepEqual(
        inUnit.map(one => [one.name, messageOf(one)?.v]),
        inUnit.map((one, index) => [one.name, values[index]]),
      )
    })

    test(`reads from ${name} the very numbers that mbpoll shows, where it can show them`, async () => {
      const comparable = placed.filter(({ signal }) => isShownByMbpoll(signal))
      assert.ok(comparable.length >= 8)

      for (const one of comparable) {
        assert.equal(await shownByMbpoll(portOf(), one.signal, messageOf(one)), messageOf(one)?.v, one.name)
      }
    })

    test(`has a reading without a value for what ${name} does not hold`, () => {
      assert.deepEqual(
        [shown.get(`${name}-nowhere/status`)?.v, shown.get(`${name}-nowhere/status`)?.q],
        [null, 'exception'],
      )
    })
  }
})

/** Runs the gateway until it has shown so many series on its LAN broker; the cloud is unreachable all the while. */
async function readByGateway(
  servers: ReadonlyMap<string, ModbusServer>,
  count: number,
): Promise<Map<string, RawMessage>> {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-peers-'))
  const lanPort = await freePort()
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token\n')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, JSON.stringify(configOf(servers, lanPort, await freePort())))
  const child = spawn(process.execPath, [CLI, 'run', '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  const exited = once(child, 'exit')
  try {
    await until('the gateway has started', () => log.includes('gateway started') || child.exitCode !== null)
    assert.equal(child.exitCode, null, log)
    const shown = new Map<string, RawMessage>()
    const client = await connectAsync(`mqtt://127.0.0.1:${lanPort}`)
    client.on('message', (topic, payload) => {
      const [point, variable] = topic.split('/').slice(-2)
      shown.set(`${point}/${variable}`, RawMessage.parse(JSON.parse(payload.toString())))
    })
    await client.subscribeAsync('raw/v1/campo/los-aromos/#')
    await until('the gateway shows every series', () => shown.size >= count)
    await client.endAsync()
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null], log)
    return shown
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function configOf(servers: ReadonlyMap<string, ModbusServer>, lanPort: number, closedPort: number) {
  const nowhere = { variable: 'status', address: NOWHERE, type: 'uint16' }
  return {
    ...{ gateway: 'gw-test', client: 'campo', project: 'los-aromos' },
    uplink: { url: `mqtt://127.0.0.1:${closedPort}`, credentials: './identity' },
    buffer: { path: './buffer', maxBytes: '16MiB' },
    lanBroker: { port: lanPort },
    buses: [...servers].map(([id, { port }]) => ({ id, tcp: { host: '127.0.0.1', port }, timeout: '5s' })),
    devices: [...servers.keys()].map(bus => ({
      ...{ id: bus, bus, point: 'pozo-7', every: '500ms' },
      signals: [
        ...placed.map(({ name, signal }) => ({ ...signal, point: `${bus}-${name}` })),
        { ...nowhere, point: `${bus}-nowhere` },
      ],
    })),
  }
}

/** Every register and bit that a case is held in, as mbpoll reads it. */
async function readByMbpoll(port: number): Promise<Map<string, number>> {
  const held = new Map<string, number>()
  for (const table of ['coil', 'discrete', 'holding', 'input'] satisfies RegisterTable[]) {
    const addresses = cells.filter(cell => cell.table === table).map(({ address }) => address)
    for (let address = 0; address <= Math.max(...addresses); address += CHUNK) {
      if (!addresses.some(one => one >= address && one < address + CHUNK)) continue
      const as = table === 'coil' || table === 'discrete' ? 'bits' : 'hex'
      const values = await mbpoll(port, { table, address, count: CHUNK, as })
      for (const [index, value] of values.entries()) held.set(`${table} ${address + index}`, Number(value))
    }
  }
  return held
}

function decodedByPython(wanted: readonly object[]): (number | null)[] {
  const input = wanted.map(one => `${JSON.stringify(one)}\n`).join('')
  const output = execFileSync(PYTHON, [PYTHON_DECODER], { input, encoding: 'utf8' })
  return output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as number | null)
}

/** Whether mbpoll can make the value of a signal itself: it knows two types and two word orders, and no scale. */
function isShownByMbpoll({ table, type, order, ...signal }: ModbusSignal): boolean {
  const plain = signal.scale === 1 && signal.offset === 0 && signal.decimals === undefined
  const alone = signal.plus === undefined && signal.bits === undefined && signal.sentinels.length === 0
  const isKnown =
    table === 'coil' || table === 'discrete'
      ? true
      : type === 'int16' || type === 'uint16'
        ? order === 'ABCD' || order === 'CDAB'
        : ['int32', 'uint32', 'float32'].includes(type) && (order === 'ABCD' || order === 'CDAB')
  return plain && alone && signal.unit === undefined && isKnown
}

/** The value of a signal as mbpoll shows it. It prints floats with six digits: then the gateway's, if it agrees. */
async function shownByMbpoll(
  port: number,
  { table, address, type, order }: ModbusSignal,
  message: RawMessage | undefined,
): Promise<number | null | undefined> {
  const bigEndian = order === 'ABCD'
  const ask = async (as: 'bits' | 'int16' | 'int32' | 'float') =>
    (await mbpoll(port, { table, address, count: 1, as, bigEndian }))[0] ?? ''
  switch (type) {
    case 'bool':
      return Number(await ask('bits'))
    case 'uint16':
      return Number.parseInt(await ask('int16'), 10)
    case 'int16': {
      const [, unsigned, signed] = /^(\d+)(?: \((-\d+)\))?$/.exec(await ask('int16')) ?? []
      return Number(signed ?? unsigned)
    }
    case 'int32':
      return Number(await ask('int32'))
    case 'uint32':
      return Number(await ask('int32')) >>> 0
    default: {
      const text = await ask('float')
      if (/nan|inf/i.test(text)) return null
      const value = message?.v ?? Number.NaN
      return Number(text) === Number(Math.fround(value).toPrecision(6)) ? value : Number(text)
    }
  }
}
