// The bus on a serial line against Modbus servers that are not ours, held against mbpoll, which is not either.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openBus } from '../../../edge/modbus/bus.ts'
import type { ReadOutcome } from '../../../edge/modbus/request.ts'
import type { RegisterTable } from '../../../protocol/registers.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import type { Cell } from '../../peers/modbus.ts'
import { mbpollRtu, startLibmodbusRtu, startPymodbusRtu } from '../../peers/modbus-rtu.ts'
import { openPacedPair } from '../../peers/pty.ts'
import { skipWithout } from '../../peers.ts'
import { signal } from './bus-scene.ts'

const UNIT = 17
const BAUD_RATE = 115200

const TABLES: RegisterTable[] = ['coil', 'discrete', 'holding', 'input']
const cells: Cell[] = TABLES.flatMap((table, index) =>
  Array.from({ length: 200 }, (_, address) => ({
    ...{ table, address },
    value:
      table === 'coil' || table === 'discrete'
        ? ((address * 7 + index) % 3) & 1
        : (address * 331 + index) & 0xffff,
  })),
)

const READS: { table: RegisterTable; address: number; count: number }[] = TABLES.flatMap(table => [
  { table, address: 0, count: 1 },
  { table, address: 5, count: 20 },
  { table, address: 60, count: 100 },
])

const SERVERS = [
  ['libmodbus', startLibmodbusRtu],
  ['pymodbus', startPymodbusRtu],
] as const

const skip = skipWithout('socat', 'mbpoll', 'pymodbus', 'serial_asyncio', 'libmodbus', 'gcc', 'libc')

suite('the bus on a serial line, against servers that are not ours', { skip }, () => {
  for (const [name, start] of SERVERS) {
    test(`reads from ${name} what mbpoll reads, and what it holds`, async context => {
      const { near, far } = await openPacedPair(BAUD_RATE)
      const server = await start({ path: far.path, baudRate: BAUD_RATE, unit: UNIT }, cells)
      context.after(async () => {
        await server.close()
        await near.close()
        await far.close()
      })
      const bus = openBus(
        { clock: systemClock, log: silentLog, random: Math.random },
        {
          ...{ id: 'rs485', timeout: 5_000 },
          serial: { path: near.path, baudRate: BAUD_RATE, parity: 'even', stopBits: 1 },
        },
      )

      const ours: ReadOutcome[] = []
      for (const read of READS) ours.push(await bus.read({ unit: UNIT, ...read }, signal))
      const beyond = await bus.read({ unit: UNIT, table: 'holding', address: 5_000, count: 2 }, signal)
      await bus.close()
      const theirs: number[][] = []
      for (const read of READS) {
        theirs.push(await mbpollRtu({ path: near.path, baudRate: BAUD_RATE, unit: UNIT }, read))
      }

      const held = READS.map(({ table, address, count }) =>
        cells
          .filter(cell => cell.table === table && cell.address >= address && cell.address < address + count)
          .map(({ value }) => value),
      )
      assert.deepEqual(theirs, held)
      assert.deepEqual(
        ours,
        held.map(values => ({ kind: 'values', values })),
      )
      assert.deepEqual(beyond, { kind: 'exception', code: 2 })
    })
  }
})
