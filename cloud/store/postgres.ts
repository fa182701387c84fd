// The database on a PostgreSQL server, through `pg`.
//
// Keeps what database.ts promises: types as numbers, epoch milliseconds and Uint8Array; failures as Unavailable or
// DatabaseRefused. A connection that breaks, checked out or idle, costs the statement that was on it and no more.

import { createHash } from 'node:crypto'
import pg from 'pg'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { type Database, DatabaseRefused, type Param, type Sql, type TransactionOptions } from './database.ts'
import { TIMESCALE_SETTINGS } from './timescale.ts'
import { TYPE_PARSERS } from './types.ts'

/** How a server is spoken to. */
export interface PostgresOptions {
  url: string
  /** Most connections at the same time. */
  poolMax: number
  /** Become this role on every connection. */
  role?: string
  /** Where statements look for tables, where that is unusual. */
  searchPath?: string
  /** A setting that each statement must find as `value` gives it at that moment. */
  told?: { setting: string; value: () => string }
  /** How long a statement may run. */
  statementTimeoutMs?: number
  /** How long connecting may take. */
  connectTimeoutMs?: number
  /** How long a transaction may do nothing; 0: for ever. */
  idleInTransactionMs?: number
}

const STATEMENT_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000
/** Between two statements pass milliseconds. Who stands still for longer, or is cut off, holds up all that need its rows. */
const IDLE_IN_TRANSACTION_MS = 15_000
const IDLE_TIMEOUT_MS = 30_000

/** The server ends a statement at its timeout; a server that cannot even do that is given up so much later. */
const ANSWER_GRACE_MS = 5_000

/** Longer texts are written anew for each number of rows, and would fill the server's memory if prepared. */
const PREPARED_LENGTH_MAX = 8_000

/** Opens a pool of connections. Connects when first used. */
export function openPostgres({ log }: { log: Log }, options: PostgresOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax,
    application_name: 'smarthydro',
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: options.idleInTransactionMs ?? IDLE_IN_TRANSACTION_MS,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    options: `-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex ${TIMESCALE_SETTINGS}${asRole(options)}`,
    types: { getTypeParser: (oid: number) => TYPE_PARSERS.get(oid) ?? String },
    keepAlive: true,
  })
  // Without a listener, a connection that breaks while idle or between two statements ends the process.
  pool.on('error', error => log.warn('database connection broke', { reason: error.message }))
  pool.on('connect', client => client.on('error', () => {}))

  return {
    query: async <Row extends object>(text: string, params?: readonly Param[]) => {
      const client = await connect(pool)
      return finish(client, async () => {
        await tell(client, options.told)
        return run<Row>(client, text, params)
      })
    },
    transaction: async (work, unusual = {}) => {
      const client = await connect(pool)
      return finish(client, async () => {
        await tell(client, options.told)
        return inTransaction(client, work, unusual)
      })
    },
    script: async text => {
      const client = await connect(pool)
      await finish(client, () => run(client, text))
    },
    close: () => pool.end(),
  }
}

const asRole = ({ role, searchPath }: PostgresOptions): string =>
  `${role === undefined ? '' : ` -c role=${role}`}${searchPath === undefined ? '' : ` -c search_path=${searchPath}`}`

/** What each connection was told last: one that is told the same again is not. */
const toldLast = new WeakMap<pg.PoolClient, string>()

async function tell(client: pg.PoolClient, told: PostgresOptions['told']): Promise<void> {
  if (told === undefined) return
  const value = told.value()
  if (toldLast.get(client) === value) return
  toldLast.delete(client)
  await run(client, 'select set_config($1, $2, false)', [told.setting, value])
  toldLast.set(client, value)
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (cause) {
    throw toOurError(cause)
  }
}

/** Gives the connection back; one that failed in an unknown way is thrown away. */
async function finish<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    client.release()
    return result
  } catch (error) {
    client.release(error instanceof Unavailable)
    throw error
  }
}

async function inTransaction<T>(
  client: pg.PoolClient,
  work: (tx: Sql) => Promise<T>,
  { statementTimeoutMs, asOfOneInstant = false }: TransactionOptions,
): Promise<T> {
  await run(client, asOfOneInstant ? 'begin isolation level repeatable read, read only' : 'begin')
  let result: T
  try {
    if (statementTimeoutMs !== undefined) {
      await run(client, `set local statement_timeout = ${statementTimeoutMs}`)
    }
    result = await work({ query: (text, params) => run(client, text, params, statementTimeoutMs) })
  } catch (error) {
    if (!(error instanceof Unavailable)) await run(client, 'rollback')
    throw error
  }
  await run(client, 'commit')
  return result
}

async function run<Row extends object>(
  client: pg.PoolClient,
  text: string,
  params?: readonly Param[],
  statementTimeoutMs?: number,
): Promise<Row[]> {
  const wait = statementTimeoutMs === undefined ? {} : { query_timeout: statementTimeoutMs + ANSWER_GRACE_MS }
  try {
    if (params === undefined) return (await client.query<Row>({ ...wait, text })).rows
    const values = params.map(toPg)
    const name = text.length <= PREPARED_LENGTH_MAX ? { name: statementName(text) } : {}
    return (await client.query<Row>({ ...wait, ...name, text, values })).rows
  } catch (cause) {
    throw toOurError(cause)
  }
}

const statementNames = new Map<string, string>()
const STATEMENT_NAMES_MAX = 1_000

/** The same text has the same name, so that a connection prepares it once. */
function statementName(text: string): string {
  const known = statementNames.get(text)
  if (known !== undefined) return known
  if (statementNames.size >= STATEMENT_NAMES_MAX) statementNames.clear()
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 24)
  statementNames.set(text, name)
  return name
}

function toPg(param: Param): unknown {
  return param instanceof Uint8Array ? Buffer.from(param.buffer, param.byteOffset, param.byteLength) : param
}

/**
 * SQLSTATEs that say that the server is not there or cannot now, not that it refuses: connection (08), resources and
 * full disk (53), going away or too slow (57, and 57014 is the statement timeout), its own disk (58), a standby that
 * has not been promoted yet (25006), and a transaction that stood still (25P03).
 */
const GONE = /^(08|53|57|58|25006|25P03)/

/** Deadlocks and serialisation failures: the same again may well succeed. */
const AGAIN = /^(40|55P03)/

function toOurError(cause: unknown): Error {
  if (cause instanceof pg.DatabaseError && cause.code !== undefined) {
    const { code, constraint, message } = cause
    if (GONE.test(code) || AGAIN.test(code))
      return new Unavailable(`Database: ${message} (${code})`, { cause })
    return new DatabaseRefused(message, { code, cause, ...(constraint === undefined ? {} : { constraint }) })
  }
  return new Unavailable(`Database did not answer: ${reasonOf(cause)}`, { cause })
}
