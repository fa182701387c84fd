// The database that the settings name, migrated: a server somebody runs, or the one we bring.

import { join } from 'node:path'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { openScope } from '../protocol/runtime/scope.ts'
import { type CloudConfig, openSecretKey } from './config.ts'
import { openActing } from './store/acting.ts'
import type { Database } from './store/database.ts'
import { startEmbeddedPostgres } from './store/embedded.ts'
import { findRunningPostgres } from './store/embedded-running.ts'
import { migrate } from './store/migrate.ts'
import { openPostgres } from './store/postgres.ts'
import { API_ROLE, API_SEARCH_PATH } from './store/row-security.ts'
import { SEEN_SETTING, seenNow } from './store/seeing.ts'
import { prepareApiRole, prepareServiceRole } from './store/service-role.ts'

/** The database, and the key that seals what is secret in it. */
export interface OpenDatabase extends Closable {
  db: Database
  /** The same as the API works on it: it sees the rows of its caller's clients alone. Where the API does not run, the same. */
  apiDb: Database
  secretKey: Uint8Array
}

/**
 * Opens the database and migrates it. `beside`: for a command that may run while the cloud does; it then uses the
 * embedded server that is running already. `withApi`: the API runs in this process. Throws ConfigError and Unavailable.
 */
export async function openDatabase(
  { clock, log }: { clock: Clock; log: Log },
  config: Pick<CloudConfig, 'database' | 'dataDir' | 'secretKey'>,
  { beside, withApi }: { beside: boolean; withApi: boolean },
): Promise<OpenDatabase> {
  const scope = openScope()
  try {
    const { poolMax } = config.database
    const dir = join(config.dataDir, 'postgres')
    let url = config.database.kind === 'server' ? config.database.url : undefined
    if (url === undefined && beside) url = await findRunningPostgres({ dir })
    url ??= scope.use(await startEmbeddedPostgres({ clock, log }, { dir })).url
    const { role, apiRole } = await prepare({ log }, url, { withApi })
    const db = scope.use(openPostgres({ log }, { url, poolMax, ...(role === undefined ? {} : { role }) }))
    const apiDb = apiRole === undefined ? db : scope.use(openApiDatabase({ log }, { url, poolMax }))
    const secretKey = await openSecretKey(config)
    return {
      db: openActing(db),
      apiDb: openActing(apiDb),
      secretKey,
      close: () => scope[Symbol.asyncDispose](),
    }
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    throw error
  }
}

/** The database as the API works on it, once prepareApiRole() has made that role. */
export function openApiDatabase(
  { log }: { log: Log },
  { url, poolMax }: { url: string; poolMax: number },
): Database {
  return openPostgres(
    { log },
    {
      ...{ url, poolMax, role: API_ROLE, searchPath: API_SEARCH_PATH },
      told: { setting: SEEN_SETTING, value: seenNow },
    },
  )
}

/** Migrates as who logs in; returns the roles to work as: the API's only where it runs, for who else starts need not wait for it. */
async function prepare(
  { log }: { log: Log },
  url: string,
  { withApi }: { withApi: boolean },
): Promise<{ role: string | undefined; apiRole: string | undefined }> {
  const owner = openPostgres({ log }, { url, poolMax: 1 })
  try {
    await migrate(owner, { log })
    const role = await prepareServiceRole(owner, { log })
    return { role, apiRole: withApi ? await prepareApiRole(owner, { log }) : undefined }
  } finally {
    await owner.close()
  }
}
