// One owner for a folder, and processes that somebody left behind.

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'

const POLL_MS = 20

/** Makes this process the owner of `folder`, until closed. Throws Rejected while another live process is. */
export async function claimFolder(folder: string): Promise<Closable> {
  const path = join(folder, 'owner')
  for (;;) {
    try {
      await writeFile(path, `${process.pid} ${startOf(process.pid)}\n`, { flag: 'wx' })
      return { close: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid, start] = (await readFile(path, 'utf8')).trim().split(' ')
    if (pid !== undefined && isAlive(Number(pid)) && startOf(Number(pid)) === start)
      throw new Rejected(`${folder} is in use by process ${pid}`)
    await rm(path, { force: true })
  }
}

/**
 * Whether `pid` is a live server that was started on `cluster`: numbers are given again after a restart. Told by its
 * arguments, which everybody may read; its working folder not even root may, in a container.
 */
export function isRunning(pid: number, cluster: string): boolean {
  if (!isAlive(pid)) return false
  // No /proc on this system: alive is all that can be said.
  if (!existsSync('/proc/self')) return true
  const args = argumentsOf(pid)
  const dir = args[args.indexOf('-D') + 1]
  return args.includes('-D') && dir !== undefined && realPath(dir) === realPath(cluster)
}

/** A path through no link; itself where nothing is. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Asks a server to stop at once and cleanly, then insists. Resolves when it is gone. */
export async function stopProcess(
  { clock }: { clock: Clock },
  pid: number,
  timeoutMs: number,
): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!send(pid, signal)) return
    const deadline = clock.monotonic() + timeoutMs
    while (clock.monotonic() < deadline) {
      if (!isAlive(pid)) return
      await clock.sleep(POLL_MS)
    }
  }
  throw new Error(`Process ${pid} does not end`)
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** A process that has ended and whose parent has not looked yet (state Z) is not alive. */
function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return statOf(pid)?.[0] !== 'Z'
}

/** When a process started, in ticks since boot; `-` where the system does not say. */
function startOf(pid: number): string {
  return statOf(pid)?.[19] ?? '-'
}

/** The fields of /proc/pid/stat from the third on (proc(5)); `undefined` where there is none. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
