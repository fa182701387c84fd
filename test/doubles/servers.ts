// Database servers for tests and benchmarks: real ones, with a new database for whoever asks.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../cloud/store/database.ts'
import { startEmbeddedPostgres } from '../../cloud/store/embedded.ts'
import { openPostgres } from '../../cloud/store/postgres.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'

/** A database of a test's own. */
export interface TestDatabase {
  db: Database
  /** How a process of its own reaches it; empty for the one in memory. */
  url: string
  close(): Promise<void>
}

/** A server that tests share. */
export interface TestServer {
  /** A new, empty database. */
  create(): Promise<TestDatabase>
  close(): Promise<void>
}

const deps = { clock: systemClock, log: silentLog }
let count = 0

/** The embedded server, below a temporary folder. Closing it leaves nothing behind. */
export async function startEmbeddedServer(): Promise<TestServer> {
  const dir = mkdtempSync(join(tmpdir(), 'smarthydro-pg-'))
  const server = await startEmbeddedPostgres(deps, { dir })
  return serverAt(server.url, async () => {
    await server.close()
    rmSync(dir, { recursive: true, force: true })
  })
}

/** TimescaleDB: the server that `TIMESCALE_URL` names, else the WebAssembly build, in memory. */
export async function startTimescaleServer(): Promise<TestServer> {
  const url = process.env.TIMESCALE_URL
  if (url !== undefined) return serverAt(url, async () => {})
  const { openPglite } = await import('./pglite.ts')
  return {
    create: async () => {
      const db = await openPglite()
      return { db, url: '', close: () => db.close() }
    },
    close: async () => {},
  }
}

/** A server that somebody else runs or has started: databases of our own on it, and `stop` at the end. */
export function serverAt(url: string, stop: () => Promise<void>): TestServer {
  const admin = openPostgres(deps, { url, poolMax: 1 })
  return {
    create: async () => {
      count += 1
      const name = `test_${process.pid}_${count}`
      await admin.query(`create database ${name}`)
      const own = new URL(url)
      own.pathname = `/${name}`
      // Tests hold transactions open while they wait for what becomes of others.
      const db = openPostgres(deps, { url: own.href, poolMax: 4, idleInTransactionMs: 0 })
      return {
        db,
        url: own.href,
        close: async () => {
          await db.close()
          await admin.query(`drop database ${name} with (force)`)
        },
      }
    },
    close: async () => {
      await admin.close()
      await stop()
    },
  }
}
