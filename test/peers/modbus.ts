// Modbus programs that are not ours: servers on libmodbus and pymodbus, and mbpoll, which reads them.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RegisterTable } from '../../protocol/registers.ts'
import { freePort } from '../doubles/ports.ts'
import { until } from '../doubles/until.ts'

const run = promisify(execFile)

/** Debian's own Python, for which Debian's pymodbus is. */
export const PYTHON = '/usr/bin/python3'

/** One register or bit that a server holds. */
export interface Cell {
  table: RegisterTable
  address: number
  value: number
}

/** A server that listens on loopback. */
export interface ModbusServer {
  port: number
  close(): Promise<void>
}

/** A C program of ours, compiled against libmodbus. */
export interface Compiled {
  path: string
  close(): Promise<void>
}

/** Compiles a C program, against libmodbus unless told otherwise; its path is relative to the repository. */
export async function compile(
  source: string,
  libraries: readonly string[] = ['-lmodbus'],
): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), 'smarthydro-peer-'))
  const path = join(folder, 'program')
  const file = new URL(`../../${source}`, import.meta.url).pathname
  await run('/usr/bin/gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', path, file, ...libraries])
  return { path, close: () => rm(folder, { recursive: true }) }
}

/** Starts a server on libmodbus. */
export async function startLibmodbus(cells: readonly Cell[]): Promise<ModbusServer> {
  const program = await compile('test/peers/modbus_server.c')
  const child = spawn(program.path, { stdio: ['pipe', 'pipe', 'inherit'] })
  send(child, cells)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    port: Number(line.toString()),
    async close() {
      await stop(child)
      await program.close()
    },
  }
}

/** Starts a server on pymodbus. */
export async function startPymodbus(cells: readonly Cell[]): Promise<ModbusServer> {
  const port = await freePort()
  const file = new URL('modbus_server.py', import.meta.url).pathname
  const child = spawn(PYTHON, [file, String(port)], { stdio: ['pipe', 'ignore', 'ignore'] })
  send(child, cells)
  await until('pymodbus listens', () => isListening(port))
  return { port, close: () => stop(child) }
}

/** What mbpoll can read as. */
export type PollAs = 'bits' | 'hex' | 'int16' | 'int32' | 'float'

const TYPE_OF: Record<RegisterTable, string> = { coil: '0', discrete: '1', holding: '4', input: '3' }
const SUFFIX_OF: Record<PollAs, string> = { bits: '', hex: ':hex', int16: '', int32: ':int', float: ':float' }

/**
 * What mbpoll prints for each address from `address` on. A register that it reads as a signed number too comes as
 * `53191 (-12345)`. `bigEndian` puts the most significant word first.
 */
export async function mbpoll(
  port: number,
  {
    table,
    address,
    count,
    as,
    bigEndian = false,
  }: Omit<Cell, 'value'> & { count: number; as: PollAs; bigEndian?: boolean },
): Promise<string[]> {
  const type = `${TYPE_OF[table]}${SUFFIX_OF[as]}`
  const where = ['-0', '-1', '-r', String(address), '-c', String(count), '-p', String(port)]
  const { stdout } = await run('mbpoll', [...where, '-t', type, ...(bigEndian ? ['-B'] : []), '127.0.0.1'])
  const values = [...stdout.matchAll(/^\[\d+\]:\s+(.+)$/gm)].map(([, value]) => value ?? '')
  if (values.length !== count) throw new Error(`mbpoll gave ${values.length} values for ${count}: ${stdout}`)
  return values
}

function send({ stdin }: ChildProcess, cells: readonly Cell[]): void {
  stdin?.on('error', () => {})
  for (const { table, address, value } of cells) stdin?.write(`${table} ${address} ${value}\n`)
  stdin?.write('serve\n')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.stdin?.end()
  await once(child, 'exit')
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
