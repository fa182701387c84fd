// The database we bring: the real PostgreSQL, out of npm packages, under our own supervision.
//
// Promises:
//   E1. Never as root: started by root, it runs as an unprivileged user, and only its cluster is given to that user.
//   E2. It listens on loopback only, with a password that was drawn for it.
//   E3. One owner: a second live process is refused. What a killed owner left running is stopped first.
//   E4. A server that dies is started again on the same port; its clients see a broken connection, as with any server.
//   E5. It has a process group of its own, so that Ctrl-C reaches us and not it; close() is a fast, clean shutdown.

import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import pg from 'pg'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { ConfigError, Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { claimFolder, isRunning, stopProcess } from './embedded-owner.ts'
import { findProgram, type Launcher, launcherFor } from './embedded-program.ts'

const USER = 'smarthydro'
const DATABASE = 'smarthydro'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const POLL_MS = 25
const RESTART_PAUSE_MS = 500
const HELD_TIMEOUT_MS = 15_000
const LAST_WORDS_MS = 1_000

/** A PostgreSQL of our own. */
export interface EmbeddedPostgres extends Closable {
  /** With user and password. */
  readonly url: string
  /** The process id of the server that runs now. */
  pid(): number | undefined
}

/**
 * Starts the server whose files lie in `dir`, which is made on first use; on `port`, or on one that is free. Throws
 * ConfigError when this platform has no server in the packages, or when somebody else has the folder.
 */
export async function startEmbeddedPostgres(
  { clock, log }: { clock: Clock; log: Log },
  { dir, port: wanted }: { dir: string; port?: number },
): Promise<EmbeddedPostgres> {
  const folder = resolve(dir)
  const program = await findProgram()
  await mkdir(folder, { recursive: true })
  const claim = await claimFolder(folder).catch((error: unknown) => {
    if (!(error instanceof Rejected)) throw error
    throw new ConfigError('the environment', [{ path: 'DATA_DIR', message: error.message }])
  })
  try {
    const cluster = join(folder, 'cluster')
    const launcher = await launcherFor(folder, program)
    await stopOrphan({ clock, log }, cluster)
    const password = await passwordOf(folder)
    if (!existsSync(join(cluster, 'PG_VERSION'))) await initialise({ clock }, launcher, cluster, password)
    const port = wanted ?? (await freePort())
    const server = await supervise({ clock, log }, launcher, cluster, port)
    const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`
    await ensureDatabase(url('postgres'))
    return {
      url: url(DATABASE),
      pid: server.pid,
      close: async () => {
        await server.close()
        await claim.close()
      },
    }
  } catch (error) {
    await claim.close()
    throw error
  }
}

async function passwordOf(folder: string): Promise<string> {
  const path = join(folder, 'password')
  if (!existsSync(path)) await writeFile(path, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return (await readFile(path, 'utf8')).trim()
}

/** Makes the cluster beside its place and moves it there when it is whole: a kill in between leaves nothing half done. */
async function initialise(
  { clock }: { clock: Clock },
  launcher: Launcher,
  cluster: string,
  password: string,
): Promise<void> {
  const making = `${cluster}.new`
  await rm(making, { recursive: true, force: true })
  await rm(cluster, { recursive: true, force: true })
  await mkdir(making, { mode: 0o700 })
  const passwordFile = `${making}.password`
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (launcher.owner !== undefined) {
    await chown(making, launcher.owner.uid, launcher.owner.gid)
    await chown(passwordFile, launcher.owner.uid, launcher.owner.gid)
  }
  await chmod(making, 0o700)
  const child = launcher.start('initdb', [
    ...['--pgdata', making, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
    '--no-instructions',
  ])
  const said = keepLastLines(child)
  const code = await exitOf({ clock }, child, START_TIMEOUT_MS)
  await rm(passwordFile, { force: true })
  if (code !== 0)
    throw new Error(`Cannot make a database in ${cluster}: initdb ended with ${code}: ${said()}`)
  await rename(making, cluster)
}

/** What a killed owner left running has no one to stop it (E3). */
async function stopOrphan({ clock, log }: { clock: Clock; log: Log }, cluster: string): Promise<void> {
  const pid = (await postmasterOf(cluster))?.pid
  if (pid === undefined || !isRunning(pid, cluster)) return
  log.warn('orphaned database server found', { pid })
  await stopProcess({ clock }, pid, STOP_TIMEOUT_MS)
}

/** The first lines of postmaster.pid: process id, …, and on the eighth its state. */
async function postmasterOf(cluster: string): Promise<{ pid: number; ready: boolean } | undefined> {
  try {
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n')
    const pid = Number(lines[0])
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

interface Supervised extends Closable {
  pid(): number | undefined
}

async function supervise(
  { clock, log }: { clock: Clock; log: Log },
  launcher: Launcher,
  cluster: string,
  port: number,
): Promise<Supervised> {
  let closing = false
  let child = await startOnceFree({ clock, log }, launcher, cluster, port)
  let restarting: Promise<void> | undefined
  watch(child)

  function watch(started: ChildProcess): void {
    started.once('exit', (code, signal) => {
      if (closing) return
      log.error('database server died', { code, signal })
      restarting = restart()
    })
  }

  async function restart(): Promise<void> {
    while (!closing) {
      await clock.sleep(RESTART_PAUSE_MS)
      if (closing) return
      try {
        child = await startServer({ clock, log }, launcher, cluster, port)
        watch(child)
        return
      } catch (error) {
        log.error('database server did not start', { error })
      }
    }
  }

  return {
    pid: () => child.pid,
    close: async () => {
      closing = true
      await restarting
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        await stopProcess({ clock }, child.pid, STOP_TIMEOUT_MS)
      }
    },
  }
}

/** Of a server that was killed a moment ago, processes may still hold the cluster. They end by themselves, in seconds. */
const HELD = /lock file|shared memory block/

async function startOnceFree(
  deps: { clock: Clock; log: Log },
  launcher: Launcher,
  cluster: string,
  port: number,
): Promise<ChildProcess> {
  const deadline = deps.clock.monotonic() + HELD_TIMEOUT_MS
  for (;;) {
    try {
      return await startServer(deps, launcher, cluster, port)
    } catch (error) {
      const isHeld = error instanceof Unavailable && HELD.test(error.message)
      if (!isHeld || deps.clock.monotonic() > deadline) throw error
      await deps.clock.sleep(RESTART_PAUSE_MS)
    }
  }
}

/**
 * Puts our own number where a server that is gone left its own. PostgreSQL takes a lock over from its parent at once; a
 * number that somebody else has by now it believes to be a server's (CreateLockFile in miscinit.c).
 */
async function takeOverLock(cluster: string): Promise<void> {
  const pid = (await postmasterOf(cluster))?.pid
  if (pid === undefined || isRunning(pid, cluster)) return
  const path = join(cluster, 'postmaster.pid')
  const [, ...rest] = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, [process.pid, ...rest].join('\n'))
}

async function startServer(
  { clock, log }: { clock: Clock; log: Log },
  launcher: Launcher,
  cluster: string,
  port: number,
): Promise<ChildProcess> {
  await takeOverLock(cluster)
  const child = launcher.start('postgres', [
    ...['-D', cluster, '-p', String(port)],
    ...setting('listen_addresses', '127.0.0.1'),
    ...setting('unix_socket_directories', ''),
    ...setting('log_min_messages', 'warning'),
    ...setting('log_min_error_statement', 'panic'),
    ...setting('max_wal_size', '2GB'),
    ...setting('timezone', 'UTC'),
  ])
  const said = keepLastLines(child, line => log.debug('database server said', { line }))
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const deadline = clock.monotonic() + START_TIMEOUT_MS
  while (clock.monotonic() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break
    const state = await postmasterOf(cluster)
    if (state?.ready === true && isRunning(state.pid, cluster)) return child
    await clock.sleep(POLL_MS)
  }
  child.kill('SIGQUIT')
  await Promise.race([closed, clock.sleep(LAST_WORDS_MS)])
  throw new Unavailable(`The database server in ${cluster} did not start: ${said()}`)
}

const setting = (name: string, value: string): string[] => ['-c', `${name}=${value}`]

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`create database ${DATABASE}`)
  } finally {
    await client.end()
  }
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer()
    probe.once('error', failed)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? found(address.port) : failed(address),
      )
    })
  })
}

/** The last lines a process wrote, for the message when it fails. */
function keepLastLines(child: ChildProcess, onLine: (line: string) => void = () => {}): () => string {
  const lines: string[] = []
  child.on('error', error => lines.push(error.message))
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(part => part.trim() !== '')) {
        lines.push(line)
        onLine(line)
      }
      lines.splice(0, lines.length - 20)
    })
  }
  return () => lines.join(' | ')
}

async function exitOf(
  { clock }: { clock: Clock },
  child: ChildProcess,
  timeoutMs: number,
): Promise<number | null> {
  const stop = new AbortController()
  const exited = new Promise<number | null>(done => {
    child.once('exit', code => done(code))
    child.once('error', () => done(null))
  })
  const late = clock.sleep(timeoutMs, stop.signal).then(
    () => {
      child.kill('SIGKILL')
      return null
    },
    () => null,
  )
  const code = await Promise.race([exited, late])
  stop.abort()
  return code
}
