// Accounts: who somebody is. better-auth behind one file.
//
// Promises:
//   A1. Nobody registers: users are made by createUser() of users.ts, that is, by an administrator.
//   A2. What sign-in answers, and how long it takes, does not tell whether a user exists.
//   A3. Too many failed sign-ins, for one user or from one address, and no further one is tried for a while, however
//       many come at once.
//   A4. A session is a row: ending it ends it at once. Its cookie is of no use to a script.
//
// better-auth's own HTTP routes are not served; it runs on our database through authDatabase(), so there is one
// pool and one kind of failure.

import { createHash, hkdfSync, randomUUID } from 'node:crypto'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { type CustomAdapter, createAdapterFactory } from 'better-auth/adapters'
import { APIError } from 'better-auth/api'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { beginSignIn, endSignIn } from '../store/accounts.ts'
import { type AuthCondition, type AuthRow, authTable } from '../store/auth-rows.ts'
import type { Database, Sql } from '../store/database.ts'
import { hashPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, verifyPassword } from './password.ts'

const SESSION_SECONDS = 12 * 3600
const SESSION_UPDATE_SECONDS = 3600
const FAILURES_PER_USER_MAX = 5
const FAILURES_PER_ADDRESS_MAX = 50
const FAILURE_WINDOW_MS = 15 * 60_000

/** Somebody who signed in. */
export interface SessionUser {
  id: string
  email: string
  name: string
}

/** What came of trying to sign in. `cookies` are `Set-Cookie` values. */
export type SignIn =
  | { kind: 'signed_in'; user: SessionUser; cookies: string[] }
  | { kind: 'refused' }
  | { kind: 'locked'; retryAfterMs: number }

/** Signing in, and who is signed in. */
export interface Accounts {
  /** `address` is where the request came from; it counts failures of one address over all users. */
  signIn(credentials: { email: string; password: string }, address: string): Promise<SignIn>
  /** Who the cookies of a request belong to; `undefined` when to nobody. */
  userOf(headers: Headers): Promise<SessionUser | undefined>
  /** Ends the session of the cookies. Returns `Set-Cookie` values that remove them. */
  signOut(headers: Headers): Promise<string[]>
}

/** What openAccounts() uses. */
export interface AccountsDeps {
  db: Database
  clock: Clock
  log: Log
}

/** Opens the accounts. `secretKey` signs the cookies, `publicUrl` says whether they need TLS. */
export function openAccounts(
  { db, clock, log }: AccountsDeps,
  { secretKey, publicUrl }: { secretKey: Uint8Array; publicUrl: string },
): Accounts {
  const auth = betterAuth(authOptions({ db, log }, { secretKey, publicUrl }))
  return {
    async signIn({ email: typed, password }, address) {
      const email = typed.trim().toLowerCase()
      const [userKey, addressKey] = [failureKey('user', email), failureKey('address', address)]
      const limits = [
        { key: userKey, failuresMax: FAILURES_PER_USER_MAX },
        { key: addressKey, failuresMax: FAILURES_PER_ADDRESS_MAX },
      ]
      const retryAfterMs = await beginSignIn(db, limits, { now: clock.now(), windowMs: FAILURE_WINDOW_MS })
      if (retryAfterMs > 0) return { kind: 'locked', retryAfterMs }
      try {
        const { headers, response } = await auth.api.signInEmail({
          body: { email, password },
          returnHeaders: true,
        })
        await endSignIn(db, { userKey, addressKey })
        return { kind: 'signed_in', user: toSessionUser(response.user), cookies: headers.getSetCookie() }
      } catch (error) {
        if (!(error instanceof APIError) || error.statusCode >= 500) throw error
        log.warn('sign-in refused', { address })
        return { kind: 'refused' }
      }
    },
    async userOf(headers) {
      if (!headers.has('cookie')) return undefined
      const session = await auth.api.getSession({ headers })
      return session === null ? undefined : toSessionUser(session.user)
    },
    async signOut(headers) {
      const answer = await auth.api.signOut({ headers, returnHeaders: true })
      return answer.headers.getSetCookie()
    },
  }
}

function authOptions(
  { db, log }: { db: Database; log: Log },
  { secretKey, publicUrl }: { secretKey: Uint8Array; publicUrl: string },
) {
  const secure = publicUrl.startsWith('https:')
  return {
    appName: 'SmartHydro',
    baseURL: publicUrl,
    trustedOrigins: [new URL(publicUrl).origin],
    secret: Buffer.from(hkdfSync('sha256', secretKey, '', 'smarthydro sessions', 32)).toString('base64'),
    database: authDatabase(db),
    telemetry: { enabled: false },
    // Its HTTP routes are not served: failures are counted by beginSignIn(), in the database and for all processes.
    rateLimit: { enabled: false },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_LENGTH_MIN,
      maxPasswordLength: PASSWORD_LENGTH_MAX,
      password: { hash: hashPassword, verify: ({ password, hash }) => verifyPassword(password, hash) },
    },
    session: {
      expiresIn: SESSION_SECONDS,
      updateAge: SESSION_UPDATE_SECONDS,
      cookieCache: { enabled: false },
    },
    advanced: {
      cookiePrefix: 'smarthydro',
      useSecureCookies: secure,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', secure, path: '/' },
      database: { generateId: () => randomUUID() },
    },
    logger: {
      // It reports each wrong password as an error; ours says that in a line of its own.
      level: 'error',
      log: (_, message) => log.debug('accounts reported', { message }),
    },
  } satisfies BetterAuthOptions
}

/** Hashed, so that the table tells nobody who tried. */
const failureKey = (kind: string, subject: string): string =>
  `${kind}:${createHash('sha256').update(subject).digest('hex')}`

const toSessionUser = ({ id, email, name }: SessionUser): SessionUser => ({ id, email, name })

/** better-auth on our database. */
function authDatabase(db: Database) {
  const common = { adapterId: 'smarthydro', supportsJSON: true, supportsDates: true, supportsBooleans: true }
  return (options: BetterAuthOptions) =>
    createAdapterFactory({
      config: {
        ...common,
        transaction: work =>
          db.transaction(tx =>
            work(
              createAdapterFactory({
                config: { ...common, transaction: false },
                adapter: () => authStatements(tx),
              })(options),
            ),
          ),
      },
      adapter: () => authStatements(db),
    })(options)
}

/** What better-auth asks of a database, one statement each. Its rows are untyped by their nature. */
function authStatements(sql: Sql): CustomAdapter {
  return {
    create: async ({ model, data }) => (await authTable(sql, model).insert(data)) as typeof data,
    update: async ({ model, where, update }) => {
      const changed = await authTable(sql, model).update(toConditions(where), update as AuthRow)
      return (changed[0] ?? null) as typeof update | null
    },
    updateMany: async ({ model, where, update }) =>
      (await authTable(sql, model).update(toConditions(where), update)).length,
    findOne: async <T>({ model, where }: Parameters<CustomAdapter['findOne']>[0]) =>
      ((await authTable(sql, model).find(toConditions(where), { limit: 1 }))[0] ?? null) as T | null,
    findMany: async <T>({ model, where, limit, offset, sortBy }: Parameters<CustomAdapter['findMany']>[0]) =>
      (await authTable(sql, model).find(toConditions(where), {
        limit,
        ...(offset === undefined ? {} : { offset }),
        ...(sortBy === undefined ? {} : { sortBy }),
      })) as T[],
    delete: async ({ model, where }) => {
      await authTable(sql, model).delete(toConditions(where))
    },
    deleteMany: async ({ model, where }) => (await authTable(sql, model).delete(toConditions(where))).length,
    count: ({ model, where }) => authTable(sql, model).count(toConditions(where)),
  }
}

type Where = Parameters<CustomAdapter['count']>[0]['where']

function toConditions(where: Where = []): AuthCondition[] {
  return where.map(({ field, operator = 'eq', value, connector = 'AND', mode }) => {
    if (mode === 'insensitive') throw new Error(`Cannot compare ${field} without regard to case`)
    return { field, operator, value, connector }
  })
}
