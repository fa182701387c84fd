// `smarthydro-cloud user …` and `token …`: each reads its options first, and gives what is to be done in the database.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { type ApiScope, ROLES, type Role, revokeToken, SCOPES } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { listOf, needed, UsageError } from '../usage-error.ts'
import { createToken, createUser, resetPassword } from './users.ts'

/** The options that users and tokens have. */
export interface AccountOptions {
  email?: string | undefined
  name?: string | undefined
  role?: string | undefined
  client?: string | undefined
  scopes?: string | undefined
  days?: string | undefined
}

/** What is to be done; returns the exit status. */
type Task = (db: Database) => Promise<number>

type Say = (text: string) => number

/** Makes a user and says the drawn password, once. Throws UsageError. */
export function makeUser({ email, name, role, client }: AccountOptions, say: Say): Task {
  const request = {
    email: needed('email', email),
    name: needed('name', name),
    role: roleOf(role),
    ...(client === undefined ? {} : { client }),
  }
  return async db => say(`${(await createUser(db, request)).password}\n`)
}

/** Gives a user another password and says it, once. Throws UsageError. */
export function makePassword({ email }: AccountOptions, say: Say): Task {
  const request = { email: needed('email', email) }
  return async db => say(`${(await resetPassword(db, request)).password}\n`)
}

const DAY_MS = 86_400_000

/** Makes a token and says it, once. Throws UsageError. */
export function makeToken(
  { name, role, client, scopes = 'read', days }: AccountOptions,
  { clock, say }: { clock: Clock; say: Say },
): Task {
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days))
    throw new UsageError('--days must be a number of days')
  const request = {
    name: needed('name', name),
    role: roleOf(role),
    ...(client === undefined ? {} : { client }),
    scopes: listOf<ApiScope>('scopes', scopes, SCOPES),
    ...(days === undefined ? {} : { expiresAt: clock.now() + Number(days) * DAY_MS }),
    createdBy: 'command line',
  }
  return async db => say(`${await createToken(db, request)}\n`)
}

/** Ends a token at once. Throws UsageError. */
export function endToken({ name }: AccountOptions, say: Say): Task {
  const token = needed('name', name)
  return async db => {
    if (!(await revokeToken(db, token))) throw new Rejected(`There is no token "${token}" in force`)
    return say(`token "${token}" has ended\n`)
  }
}

function roleOf(text: string | undefined): Role {
  const [role] = listOf<Role>('role', needed('role', text), ROLES)
  return role as Role
}
