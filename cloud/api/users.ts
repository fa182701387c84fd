// Users and tokens, made and changed by somebody who may: the command line now, administrators.
//
// A password or a token is kept as a hash only, and shown once, when it was drawn.

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { z } from 'zod'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { Problem } from '../problem.ts'
import {
  type ApiScope,
  clientIdOf,
  hasAdministrator,
  insertToken,
  insertUser,
  type Role,
  replacePassword,
} from '../store/accounts.ts'
import type { Database, Sql } from '../store/database.ts'
import { removeSecondFactors } from '../store/users.ts'
import { drawPassword, hashPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './password.ts'

const Email = z.email().max(254)

/** A user to be. */
export interface UserRequest {
  email: string
  name: string
  role: Role
  client?: string
  /** Absent: one is drawn. */
  password?: string
}

/** Makes a user; returns the password if it was drawn. Throws Rejected when it cannot be. */
export async function createUser(sql: Sql, request: UserRequest): Promise<{ password?: string }> {
  const email = checkedEmail(request.email)
  await checkRole(sql, request)
  const password = checkedPassword(request.password)
  const { name, role, client } = request
  const user = { id: randomUUID(), email, name, role, passwordHash: await hashPassword(password) }
  const added = await insertUser(sql, { ...user, ...(client === undefined ? {} : { client }) })
  if (!added) throw new Rejected(`Cannot create user ${email}: exists already`)
  return request.password === undefined ? { password } : {}
}

/**
 * Gives a user another password, takes second factor and passkeys away, and ends their sessions: it is the way back in for who has
 * lost everything. Returns the password if it was drawn. Throws Rejected.
 */
export async function resetPassword(
  sql: Sql,
  request: { email: string; password?: string },
): Promise<{ password?: string }> {
  const email = checkedEmail(request.email)
  const password = checkedPassword(request.password)
  const userId = await replacePassword(sql, email, await hashPassword(password))
  if (userId === undefined) throw new Rejected(`Cannot reset the password of ${email}: no such user`)
  await removeSecondFactors(sql, userId)
  return request.password === undefined ? { password } : {}
}

/** Makes the first administrator. Returns the drawn password, once; `undefined` when there is one already. */
export async function createAdministratorIfNone(
  db: Database,
  { email, name }: { email: string; name: string },
): Promise<{ email: string; password: string } | undefined> {
  return db.transaction(async tx => {
    if (await hasAdministrator(tx)) return undefined
    const { password } = await createUser(tx, { email, name, role: 'administrator' })
    return password === undefined ? undefined : { email: checkedEmail(email), password }
  })
}

/** A token to be. */
export interface TokenRequest {
  name: string
  role: Role
  client?: string
  scopes: readonly ApiScope[]
  expiresAt?: number
  createdBy: string
  /** Whose own it is; absent: the installation's. */
  userId?: string
  requestsPerMinute?: number
}

/** Makes a token for a program and returns it, once. Throws Rejected when it cannot be. */
export async function createToken(sql: Sql, request: TokenRequest): Promise<string> {
  await checkRole(sql, request)
  const token = `shk_${randomBytes(32).toString('base64url')}`
  const added = await insertToken(sql, { ...request, hash: hashToken(token) })
  if (!added) throw new Rejected(`Cannot create token "${request.name}": one of this name is in force`)
  return token
}

/** A token as it is kept. It has 256 random bits of its own, so a plain hash is enough. */
export function hashToken(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest())
}

function checkedEmail(text: string): string {
  const result = Email.safeParse(text.trim().toLowerCase())
  if (!result.success) throw new Rejected(`Not a mail address: ${text}`)
  return result.data
}

function checkedPassword(password: string | undefined): string {
  if (password === undefined) return drawPassword()
  if (password.length < PASSWORD_LENGTH_MIN || password.length > PASSWORD_LENGTH_MAX) {
    throw new Rejected(`A password must have ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters`)
  }
  return password
}

/**
 * Throws Problem for what nobody can be: a role for one client without one, or of one that there is none of. `place` is where
 * the request has the grants.
 */
export async function checkGrants(
  sql: Sql,
  grants: readonly { role: Role; client: string | null }[],
  place = 'grants',
): Promise<void> {
  for (const [index, { role, client }] of grants.entries()) {
    try {
      await checkRole(sql, client === null ? { role } : { role, client })
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      const errors = [
        { in: 'body' as const, name: place === '' ? 'role' : `${place}.${index}`, detail: error.message },
      ]
      throw new Problem(422, 'Nobody can be that', { errors })
    }
  }
}

async function checkRole(sql: Sql, { role, client }: { role: Role; client?: string }): Promise<void> {
  const forAll = role === 'administrator' || role === 'operator'
  if (forAll && client !== undefined) throw new Rejected(`Role ${role} is not for one client`)
  if (!forAll && client === undefined) throw new Rejected(`Role ${role} needs a client`)
  if (client !== undefined && (await clientIdOf(sql, client)) === undefined) {
    throw new Rejected(`There is no client ${client}`)
  }
}
