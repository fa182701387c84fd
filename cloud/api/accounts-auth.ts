// better-auth, as we use it: on our database, with our passwords, without its HTTP routes.

import { hkdfSync, randomUUID } from 'node:crypto'
import { type BetterAuthOptions, type BetterAuthPlugin, betterAuth } from 'better-auth'
import { type CustomAdapter, createAdapterFactory } from 'better-auth/adapters'
import { APIError, createAuthEndpoint } from 'better-auth/api'
import { setSessionCookie } from 'better-auth/cookies'
import { twoFactor } from 'better-auth/plugins/two-factor'
import { z } from 'zod'
import type { Log } from '../../protocol/runtime/log.ts'
import { selectGrants } from '../store/accounts.ts'
import { type AuthCondition, type AuthRow, authTable } from '../store/auth-rows.ts'
import type { Database, Sql } from '../store/database.ts'
import { hashPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, verifyPassword } from './password.ts'

const SESSION_SECONDS = 12 * 3600
const SESSION_UPDATE_SECONDS = 3600
const SECOND_FACTOR_WAIT_SECONDS = 10 * 60

/** How often a second factor may be wrong in a row, over all sign-ins, and for how long none is taken then. */
export const SECOND_FACTOR_FAILURES_MAX = 10

/** The same. */
export const SECOND_FACTOR_LOCK_SECONDS = 15 * 60

/** better-auth, as we use it. */
export type Auth = ReturnType<typeof openAuth>

/** Opens better-auth. `secretKey` signs the cookies, `publicUrl` says whether they need TLS. */
export function openAuth(
  deps: { db: Database; log: Log },
  options: { secretKey: Uint8Array; publicUrl: string },
) {
  return betterAuth(authOptions(deps, options))
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
    databaseHooks: {
      // Every way in makes a session in the end. Who may nothing, or is kept out, gets none.
      session: { create: { before: async ({ userId }) => (await selectGrants(db, userId)).length > 0 } },
    },
    plugins: [
      twoFactor({
        issuer: 'SmartHydro',
        allowPasswordless: true,
        twoFactorCookieMaxAge: SECOND_FACTOR_WAIT_SECONDS,
        accountLockout: {
          enabled: true,
          maxFailedAttempts: SECOND_FACTOR_FAILURES_MAX,
          durationSeconds: SECOND_FACTOR_LOCK_SECONDS,
        },
      }),
      sessionsFor(),
    ],
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

/** Opens a session for a user whom we ourselves have recognised; `undefined` for who is kept out. */
export async function openSession(
  auth: Auth,
  userId: string,
  headers: Headers,
): Promise<
  { kind: 'signed_in'; user: { id: string; email: string; name: string }; cookies: string[] } | undefined
> {
  try {
    const answer = await auth.api.openSessionFor({ headers, body: { userId }, returnHeaders: true })
    return { kind: 'signed_in', user: answer.response.user, cookies: answer.headers.getSetCookie() }
  } catch (error) {
    if (!(error instanceof APIError) || error.statusCode >= 500) throw error
    return undefined
  }
}

/** Opens a session for somebody whom we ourselves have recognised: by a passkey, or by an issuer's word. */
function sessionsFor() {
  return {
    id: 'sessions-for',
    endpoints: {
      openSessionFor: createAuthEndpoint.serverOnly(
        { method: 'POST', body: z.object({ userId: z.string() }) },
        async context => {
          const { internalAdapter } = context.context
          const user = await internalAdapter.findUserById(context.body.userId)
          const session = user === null ? null : await internalAdapter.createSession(user.id)
          if (user === null || session === null) throw new APIError('UNAUTHORIZED')
          await setSessionCookie(context, { session, user })
          return context.json({ user: { id: user.id, email: user.email, name: user.name } })
        },
      ),
    },
  } satisfies BetterAuthPlugin
}

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
