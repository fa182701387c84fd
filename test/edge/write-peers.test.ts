// `write` against Modbus servers that are not ours, over TCP and a serial line: mbpoll, which is not either, reads what
// they hold afterwards, and Python makes values of it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, type TestContext, test } from 'node:test'
import { REGISTER_COUNT, REGISTER_TYPES, WORD_ORDERS } from '../../protocol/registers.ts'
import { mbpoll, PYTHON, startLibmodbus, startPymodbus } from '../peers/modbus.ts'
import { mbpollRtu, startLibmodbusRtu, startPymodbusRtu } from '../peers/modbus-rtu.ts'
import { openPacedPair } from '../peers/pty.ts'
import { skipWithout } from '../peers.ts'
import { atEnd } from './buffer/folder.ts'
import { type CommandStage, openCommandStage } from './command-stage.ts'

const PYTHON_DECODER = new URL('../peers/registers.py', import.meta.url).pathname
const UNIT = 17
const BAUD_RATE = 115200
/** So many registers are left to each. */
const APART = 8
const COILS_FROM = 3_000

/** One of each type in each order, with a value that it holds, at a place of its own. */
const NUMBERS = REGISTER_TYPES.filter(type => type !== 'bool' && !type.startsWith('ascii'))
  .flatMap(type => WORD_ORDERS.map(order => ({ type, order })))
  .map(({ type, order }, index) => {
    const isScaled = index % 2 === 1
    const [raw, most] =
      REGISTER_COUNT[type] === 1 ? [57, 90] : type === 'ubcd32' ? [1234, 9000] : [1_234_567, 9_000_000]
    return {
      ...{ name: `${type}-${order.toLowerCase()}`, type, order, address: index * APART },
      ...(isScaled
        ? { scale: 0.01, value: raw / 100, max: most / 100 }
        : { scale: 1, value: type.startsWith('float') ? 12.5 : raw, max: most }),
    }
  })
const COILS = [5, 15].map((code, index) => ({ name: `coil-${code}`, code, address: COILS_FROM + index }))

const DEVICES = `
  - id: plant
    bus: plant
    unit: ${UNIT}
    point: pozo-7
    every: 1m
    signals: [{ variable: flow, address: 0, type: uint16 }]
    writable:
${[
  ...NUMBERS.map(
    ({ name, type, order, address, scale, max }, index) =>
      `      - { name: ${name}, type: ${type}, order: ${order}, address: ${address}, scale: ${scale}, min: 0, max: ${max}${
        REGISTER_COUNT[type] === 1 && index % 3 === 0 ? ', function: 16' : ''
      } }`,
  ),
  ...COILS.map(
    ({ name, code, address }) =>
      `      - { name: ${name}, table: coil, type: bool, address: ${address}, function: ${code} }`,
  ),
].join('\n')}
`

const skip = skipWithout('socat', 'mbpoll', 'pymodbus', 'serial_asyncio', 'libmodbus', 'gcc', 'libc')

suite('write, against servers that are not ours', { skip }, () => {
  for (const [server, start] of [
    ['pymodbus', startPymodbus],
    ['libmodbus', startLibmodbus],
  ] as const) {
    test(`sets every type in every order in ${server}, as mbpoll reads it back`, async context => {
      const { port, close } = await start([])
      atEnd(context, close)
      const bus = `{ id: plant, tcp: { host: 127.0.0.1, port: ${port} }, timeout: 5s }`

      await check(context, bus, (table, address, count) =>
        mbpoll(port, { table, address, count, as: table === 'coil' ? 'bits' : 'hex' }),
      )
    })
  }

  for (const [server, start] of [
    ['pymodbus', startPymodbusRtu],
    ['libmodbus', startLibmodbusRtu],
  ] as const) {
    test(`sets every type in every order in ${server} on a serial line, as mbpoll reads it back`, async context => {
      const { near, far } = await openPacedPair(BAUD_RATE)
      const place = { path: near.path, baudRate: BAUD_RATE, unit: UNIT }
      const { close } = await start({ ...place, path: far.path }, [])
      atEnd(context, async () => {
        await close()
        await near.close()
        await far.close()
      })
      const bus = `{ id: plant, serial: { path: ${near.path}, baudRate: ${BAUD_RATE} }, timeout: 5s }`

      await check(context, bus, (table, address, count) => mbpollRtu(place, { table, address, count }))
    })
  }
})

/** Sets everything, and compares what the server holds with what was asked. */
async function check(
  context: TestContext,
  bus: string,
  read: (table: 'coil' | 'holding', address: number, count: number) => Promise<readonly (string | number)[]>,
): Promise<void> {
  const stage = await openCommandStage(context, { bus, devices: DEVICES })
  for (const { name, value } of NUMBERS) await set(stage, name, value)
  for (const { name } of COILS) await set(stage, name, 1)
  const beyond = await stage.send('w-beyond', {
    kind: 'write',
    device: 'plant',
    name: 'uint16-abcd',
    value: 70,
  })
  await stage.bus.close()

  const held: unknown[] = []
  for (const { name, type, order, address, scale } of NUMBERS) {
    const registers = await read('holding', address, REGISTER_COUNT[type])
    const signal = { type, order, address, scale, offset: 0, sentinels: [] }
    held.push([name, decoded(signal, registers.map(Number))])
  }
  const coils = await read('coil', COILS_FROM, COILS.length + 1)

  assert.equal(beyond.status, 'done')
  assert.deepEqual(
    held,
    NUMBERS.map(({ name, value }) => [name, name === 'uint16-abcd' ? 70 : value]),
  )
  assert.deepEqual(coils.map(Number), [1, 1, 0])
}

async function set({ send }: CommandStage, name: string, value: number): Promise<void> {
  const { status, reason, written } = await send(`w-${name}`, { kind: 'write', device: 'plant', name, value })
  assert.deepEqual(
    [status, reason, written?.acknowledged, written?.found],
    ['done', undefined, true, value],
    name,
  )
}

function decoded(signal: { address: number }, registers: readonly number[]): unknown {
  const byAddress = Object.fromEntries(registers.map((one, index) => [signal.address + index, one]))
  const input = `${JSON.stringify({ signal, registers: byAddress })}\n`
  return JSON.parse(execFileSync(PYTHON, [PYTHON_DECODER], { input, encoding: 'utf8' }))
}
