// Brings a database to the shape this version needs: numbered scripts, once each, in order, under a lock.
//
// What is missing runs in one transaction with the rows that record it: a database is of one version or of the other. A
// script that was changed after it ran is refused: two databases of one version would differ, and nobody could tell.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { type Database, DatabaseRefused, type Sql } from './database.ts'
import { enableTimescale } from './timescale.ts'

/** One numbered script. */
export interface Migration {
  number: number
  name: string
  text: string
}

/** A table of years is long to change, and the second of two that start waits for the first. */
const STATEMENT_TIMEOUT_MS = 3_600_000

/** Any number will do, so long as nobody else locks the same. */
const LOCK = 7_201_415

const FOLDER = new URL('./migrations/', import.meta.url)

/** The scripts of this version, in order. */
export function readMigrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter(file => /^\d{4}_\w+\.sql$/.test(file))
    .sort()
    .map(file => ({
      number: Number(file.slice(0, 4)),
      name: file,
      text: readFileSync(new URL(file, FOLDER), 'utf8'),
    }))
}

/**
 * Runs what has not run yet, then what TimescaleDB adds where it is available. Several processes may start at the
 * same time: one migrates, the others wait. Throws ConfigError when the database is of a newer version, or when a
 * migration differs from the one that ran.
 */
export async function migrate(
  db: Database,
  { log }: { log: Log },
  migrations: readonly Migration[] = readMigrations(),
): Promise<void> {
  const applied = await db.transaction(
    async tx => {
      await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
      await createLedger(tx)
      return applyMissing(tx, migrations)
    },
    { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
  )
  for (const name of applied) log.info('migration applied', { name })
  const timescale = await enableTimescale(db)
  log.info('database ready', { migrations: migrations.length, timescale: timescale ?? 'not available' })
}

async function createLedger(tx: Sql): Promise<void> {
  await tx.query(`
    create table if not exists migrations (
      number int primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now()
    )`)
}

async function applyMissing(tx: Sql, migrations: readonly Migration[]): Promise<string[]> {
  const rows = await tx.query<{ number: number; checksum: string }>('select number, checksum from migrations')
  const done = new Map(rows.map(({ number, checksum }) => [number, checksum]))
  refuseNewer(Math.max(0, ...done.keys()), Math.max(0, ...migrations.map(({ number }) => number)))
  const applied: string[] = []
  for (const { number, name, text } of migrations) {
    const checksum = createHash('sha256').update(text).digest('hex')
    const before = done.get(number)
    if (before === checksum) continue
    if (before !== undefined) refuseChanged(name)
    try {
      await tx.query(text)
    } catch (cause) {
      if (!(cause instanceof DatabaseRefused)) throw cause
      throw new Error(`Cannot apply ${name}: ${cause.message}`, { cause })
    }
    await tx.query('insert into migrations (number, name, checksum) values ($1, $2, $3)', [
      number,
      name,
      checksum,
    ])
    applied.push(name)
  }
  return applied
}

function refuseNewer(theirs: number, ours: number): void {
  if (theirs <= ours) return
  const message = `the database is at migration ${theirs}, this version knows ${ours}: run a newer version`
  throw new ConfigError('the database', [{ path: 'migrations', message }])
}

function refuseChanged(name: string): never {
  const message = `${name} ran here with another text: a migration is never edited once it has run`
  throw new ConfigError('the database', [{ path: 'migrations', message }])
}
