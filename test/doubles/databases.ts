// Databases for tests: real ones, empty or migrated, thrown away at the end of the file.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { openPostgres } from '../../cloud/store/postgres.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { isHere, skipWithout } from '../peers.ts'
import { freePort } from './ports.ts'
import {
  serverAt,
  startEmbeddedServer,
  startTimescaleServer,
  type TestDatabase,
  type TestServer,
} from './servers.ts'

export type { TestDatabase, TestServer } from './servers.ts'

/** What the store must work on. Give `skip` to the suite, and open a server in it. */
interface Backend {
  name: string
  skip: string | false
  /** Whether it is to have TimescaleDB. */
  hasTimescale: boolean
  start(): Promise<TestServer>
}

const deps = { clock: systemClock, log: silentLog }

/** Every kind of server the store must work on. */
const BACKENDS: readonly Backend[] = [
  { name: 'embedded PostgreSQL', hasTimescale: false, skip: false, start: startEmbeddedServer },
  {
    ...{ name: 'Debian’s PostgreSQL', hasTimescale: false },
    ...{ skip: skipWithout('postgresql'), start: startDebianServer },
  },
  {
    name: process.env.TIMESCALE_URL === undefined ? 'TimescaleDB in memory' : 'TimescaleDB',
    ...{ hasTimescale: true, skip: false, start: startTimescaleServer },
  },
]

/** What a suite that runs on every database is given. */
export interface OnDatabase extends Pick<Backend, 'hasTimescale'> {
  /** Migrated, and the suite's own. There while its tests run. */
  db: Database
}

/** A suite for each kind of database the store must work on, each with a database of its own. */
export function describeOnEveryDatabase(name: string, suite: (on: OnDatabase) => void): void {
  for (const { name: kind, skip, start, hasTimescale } of BACKENDS) {
    describe(`${name} on ${kind}`, { skip }, () => {
      let server: TestServer | undefined
      let database: TestDatabase | undefined
      const opened = (): TestDatabase => {
        assert.ok(database, 'The database is there while tests run')
        return database
      }
      before(async () => {
        server = await start()
        database = await server.create()
        await migrate(database.db, deps)
      })
      after(async () => {
        await database?.close()
        await server?.close()
      })
      const db: Database = {
        query: (text, params) => opened().db.query(text, params),
        transaction: (work, options) => opened().db.transaction(work, options),
        script: text => opened().db.script(text),
        close: () => opened().db.close(),
      }
      suite({ db, hasTimescale })
    })
  }
}

let shared: Promise<TestServer> | undefined
after(async () => (await shared)?.close())

/** A migrated database on an embedded server that the tests of one file share. */
export async function openTestDatabase(): Promise<TestDatabase> {
  shared ??= startEmbeddedServer()
  const test = await (await shared).create()
  await migrate(test.db, deps)
  return test
}

/** Debian's server, on a cluster of our own, as `nobody` when we are root. */
/** Debian’s server, on a cluster of our own, as `nobody` when we are root. */
export async function startDebianServer(): Promise<TestServer> {
  assert.ok(isHere('postgresql'))
  const bin = globSync('/usr/lib/postgresql/*/bin').sort().at(-1) ?? ''
  const dir = mkdtempSync(join(tmpdir(), 'smarthydro-debian-pg-'))
  const owner = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  if (owner.uid !== undefined) chownSync(dir, owner.uid, owner.gid)
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', dir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    {
      ...owner,
      cwd: '/',
      encoding: 'utf8',
    },
  )
  assert.equal(made.status, 0, made.stderr)
  const port = await freePort()
  const args = [
    '-D',
    dir,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
  ]
  const server = spawn(join(bin, 'postgres'), args, { ...owner, cwd: '/', stdio: 'ignore' })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await untilReachable(url)
  return serverAt(url, async () => {
    server.kill('SIGINT')
    await new Promise(done => server.once('exit', done))
    rmSync(dir, { recursive: true, force: true })
  })
}

async function untilReachable(url: string): Promise<void> {
  const db = openPostgres(deps, { url, poolMax: 1, connectTimeoutMs: 1000 })
  const deadline = systemClock.monotonic() + 30_000
  for (;;) {
    try {
      await db.query('select 1')
      await db.close()
      return
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error
      await systemClock.sleep(50)
    }
  }
}
