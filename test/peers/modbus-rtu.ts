// Modbus RTU programs that are not ours: servers on libmodbus and pymodbus, and mbpoll, which reads them.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import type { RegisterTable } from '../../protocol/registers.ts'
import { type Cell, compile, PYTHON } from './modbus.ts'

const run = promisify(execFile)

/** Where a server is on a line. */
export interface RtuPlace {
  path: string
  baudRate: number
  unit: number
}

/** A server on a line. */
export interface RtuServer {
  close(): Promise<void>
}

/** Starts a server on libmodbus. */
export async function startLibmodbusRtu(place: RtuPlace, cells: readonly Cell[]): Promise<RtuServer> {
  const program = await compile('test/peers/modbus_rtu_server.c')
  const child = await serve(program.path, [], place, cells)
  return {
    async close() {
      await kill(child)
      await program.close()
    },
  }
}

/** Starts a server on pymodbus. */
export async function startPymodbusRtu(place: RtuPlace, cells: readonly Cell[]): Promise<RtuServer> {
  const file = new URL('modbus_rtu_server.py', import.meta.url).pathname
  const child = await serve(PYTHON, [file], place, cells)
  return { close: () => kill(child) }
}

const TYPE_OF: Record<RegisterTable, string> = { coil: '0', discrete: '1', holding: '4:hex', input: '3:hex' }

/** What mbpoll reads from a device on a line, each register or bit as a number. */
export async function mbpollRtu(
  { path, baudRate, unit }: RtuPlace,
  { table, address, count }: Omit<Cell, 'value'> & { count: number },
): Promise<number[]> {
  const where = ['-0', '-1', '-m', 'rtu', '-a', String(unit), '-b', String(baudRate), '-P', 'even']
  const what = ['-t', TYPE_OF[table], '-r', String(address), '-c', String(count)]
  const { stdout } = await run('mbpoll', [...where, ...what, path])
  const values = [...stdout.matchAll(/^\[\d+\]:\s+(\S+)$/gm)].map(([, value]) => Number(value))
  if (values.length !== count) throw new Error(`mbpoll gave ${values.length} values for ${count}: ${stdout}`)
  return values
}

async function serve(
  program: string,
  args: readonly string[],
  { path, baudRate, unit }: RtuPlace,
  cells: readonly Cell[],
): Promise<ChildProcess> {
  const child = spawn(program, [...args, path, String(baudRate), String(unit)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {})
  for (const { table, address, value } of cells) child.stdin.write(`${table} ${address} ${value}\n`)
  child.stdin.write('serve\n')
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
