// The embedded server of another process, for a command that is run beside it: makes a user, provisions a site.

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isRunning } from './embedded-owner.ts'

/** The fourth line of postmaster.pid is the port (PostgreSQL, src/include/utils/pidfile.h). */
const PORT_LINE = 3

/** How to reach the server that runs on `dir`; `undefined` when none does. */
export async function findRunningPostgres({ dir }: { dir: string }): Promise<string | undefined> {
  const folder = resolve(dir)
  const cluster = join(folder, 'cluster')
  const lines = (await textOf(join(cluster, 'postmaster.pid')))?.split('\n')
  const password = (await textOf(join(folder, 'password')))?.trim()
  const [pid, port] = [Number(lines?.[0]), Number(lines?.[PORT_LINE])]
  if (password === undefined || !(port > 0) || !isRunning(pid, cluster)) return undefined
  return `postgres://smarthydro:${password}@127.0.0.1:${port}/smarthydro`
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
