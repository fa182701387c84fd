// The role that services work as: it may add evidence and read it, and has no right to change or remove any.
//
// Whoever logs in owns the tables, or is a superuser, and could grant itself everything; so after migrating, every
// connection becomes this role. It is made and given its rights anew at each start: tables of later versions are included.

import type { Log } from '../../protocol/runtime/log.ts'
import { type Database, DatabaseRefused, type Sql } from './database.ts'
import { API_ROLE, secureRows } from './row-security.ts'

/** The role. Databases of one server share it; its rights are of each. */
export const SERVICE_ROLE = 'smarthydro_service'

/** Written by triggers alone: the ends of chains, and the audit. */
const READ_ONLY = 'evidence_heads, audit'

/** Any number will do, so long as nobody else locks the same. */
const LOCK = 7_201_417

/** Somebody made the role in another database of the server at the same moment. */
const MADE_MEANWHILE = /^(42710|23505|XX000)$/
const FORBIDDEN = '42501'

/**
 * Makes sure that the role is there with its rights. Returns its name, or undefined where the login may not make roles:
 * then the triggers alone guard the evidence, and the log says what an administrator can do.
 */
export async function prepareServiceRole(db: Database, { log }: { log: Log }): Promise<string | undefined> {
  try {
    await makeRole(db, SERVICE_ROLE)
    await db.transaction(grantRights)
    return SERVICE_ROLE
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || error.code !== FORBIDDEN) throw error
    log.warn('evidence is guarded by triggers alone', {
      reason: error.message,
      remedy: `as an administrator: create role ${SERVICE_ROLE}; grant ${SERVICE_ROLE} to the login of DATABASE_URL`,
    })
    return undefined
  }
}

/**
 * Makes sure that the role that the API works as is there, and that rows are seen by it as row-security.ts says. Returns its
 * name, or undefined where the login may not do that: then the API's own conditions alone keep clients apart.
 */
export async function prepareApiRole(db: Database, { log }: { log: Log }): Promise<string | undefined> {
  try {
    await makeRole(db, API_ROLE)
    await db.transaction(async tx => {
      await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
      await becomeAble(tx, API_ROLE)
    })
    await secureRows(db, LOCK)
    return API_ROLE
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || error.code !== FORBIDDEN) throw error
    log.warn('clients are kept apart by the API alone', {
      reason: error.message,
      remedy: `as an administrator: create role ${API_ROLE}; grant ${API_ROLE} to the login of DATABASE_URL`,
    })
    return undefined
  }
}

async function makeRole(db: Sql, role: string): Promise<void> {
  const [found] = await db.query('select from pg_roles where rolname = $1', [role])
  if (found !== undefined) return
  try {
    await db.query(`create role ${role} nologin`)
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || !MADE_MEANWHILE.test(error.code)) throw error
  }
}

/** Lets whoever logs in work as a role. */
async function becomeAble(tx: Sql, role: string): Promise<void> {
  const [login] = await tx.query<{ mayBecome: boolean }>(
    `select rolsuper or exists (
       select from pg_auth_members where roleid = $1::regrole and member = r.oid and not admin_option) as "mayBecome"
     from pg_roles r where rolname = current_user`,
    [role],
  )
  if (login?.mayBecome !== true) await tx.query(`grant ${role} to current_user`)
}

async function grantRights(tx: Sql): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
  await becomeAble(tx, SERVICE_ROLE)
  const schemas = await tx.query<{ name: string }>(
    `select distinct quote_ident(schemaname) as name from pg_tables
     where schemaname !~ '^(pg_|_?timescaledb|information_schema)' order by 1`,
  )
  for (const { name } of schemas) {
    await tx.query(`grant usage on schema ${name} to ${SERVICE_ROLE}`)
    await tx.query(`grant select, insert, update, delete on all tables in schema ${name} to ${SERVICE_ROLE}`)
    await tx.query(`grant usage on all sequences in schema ${name} to ${SERVICE_ROLE}`)
  }
  // What a trigger keeps from being changed or removed: evidence, decisions, turns of switches, audits.
  const kept = await tx.query<{ name: string }>(
    `select distinct tgrelid::regclass::text as name from pg_trigger t join pg_proc p on p.oid = t.tgfoid
     where p.proname = 'refuse_change' and not t.tgisinternal order by 1`,
  )
  for (const { name } of kept) await tx.query(`revoke update, delete on ${name} from ${SERVICE_ROLE}`)
  await tx.query(`revoke insert on ${READ_ONLY} from ${SERVICE_ROLE}`)
}
