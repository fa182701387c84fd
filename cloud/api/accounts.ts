// Accounts: who somebody is. better-auth behind one file.
//
// Promises:
//   A1. Nobody registers: users are made by createUser() of users.ts, that is, by an administrator.
//   A2. What sign-in answers, and how long it takes, does not tell whether a user exists.
//   A3. Too many failed sign-ins, for one user or from one address, and no further one is tried for a while, however
//       many come at once.
//   A4. A session is a row: ending it ends it at once. Its cookie is of no use to a script.
//
// better-auth's own HTTP routes are not served; it runs on our database (accounts-auth.ts), so there is one pool and one
// kind of failure. What one signs in with besides a password has a file each.

import { APIError } from 'better-auth/api'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { beginSignIn, endSignIn } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { type Auth, openAuth } from './accounts-auth.ts'
import { beginGuess, FAILURE_WINDOW_MS, FAILURES_PER_USER_MAX, failureKey } from './accounts-guesses.ts'
import { type OidcSettings, type OidcSignIn, oidcSignIn } from './accounts-oidc.ts'
import { type Passkeys, passkeys } from './accounts-passkeys.ts'
import { type SecondFactor, secondFactor } from './accounts-second-factor.ts'

const FAILURES_PER_ADDRESS_MAX = 50
const BROWSER_LENGTH_MAX = 400

/** Somebody who signed in. */
export interface SessionUser {
  id: string
  email: string
  name: string
}

/** What came of trying to sign in. `cookies` are `Set-Cookie` values. */
export type SignIn =
  | { kind: 'signed_in'; user: SessionUser; cookies: string[] }
  /** The password is right, and a second factor is asked for. */
  | { kind: 'second_factor'; cookies: string[] }
  | { kind: 'refused' }
  | { kind: 'locked'; retryAfterMs: number }

/** Signing in, and who is signed in. */
export interface Accounts extends SecondFactor, Passkeys, OidcSignIn {
  /**
   * `address` is where the request came from; it counts failures of one address over all users. It and what the browser
   * calls itself are kept with the session, for its owner to see.
   */
  signIn(
    credentials: { email: string; password: string },
    from: { address: string; browser: string | undefined },
  ): Promise<SignIn>
  /** Who the cookies of a request belong to; `undefined` when to nobody. */
  userOf(headers: Headers): Promise<(SessionUser & { session: string }) | undefined>
  /** Ends the session of the cookies. Returns `Set-Cookie` values that remove them. */
  signOut(headers: Headers): Promise<string[]>
  /** The sessions of whoever the cookies belong to, the newest first; none when they belong to nobody. */
  sessionsOf(headers: Headers): Promise<OpenSession[]>
  /** Ends one of those sessions. False when there is none of this id among them. */
  endSession(headers: Headers, id: string): Promise<boolean>
  /** Gives whoever the cookies belong to another password, and ends all their other sessions. */
  changePassword(headers: Headers, change: { current: string; password: string }): Promise<PasswordChange>
}

/** A session that has not ended. */
export interface OpenSession {
  id: string
  isThis: boolean
  begunAt: number
  address: string | null
  browser: string | null
}

/** What came of changing a password: `wrong` when the current one is another. `cookies` are `Set-Cookie` values. */
export type PasswordChange =
  | { kind: 'changed'; cookies: string[] }
  | { kind: 'wrong' }
  | { kind: 'nobody' }
  | { kind: 'locked'; retryAfterMs: number }

/** What openAccounts() uses. */
export interface AccountsDeps {
  db: Database
  clock: Clock
  log: Log
}

/** Opens the accounts. `secretKey` signs the cookies, `publicUrl` says whether they need TLS. */
export function openAccounts(
  { db, clock, log }: AccountsDeps,
  {
    secretKey,
    publicUrl,
    oidc,
  }: { secretKey: Uint8Array; publicUrl: string; oidc?: OidcSettings | undefined },
): Accounts {
  const auth = openAuth({ db, log }, { secretKey, publicUrl })
  return {
    async signIn({ email: typed, password }, { address, browser }) {
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
          headers: originHeaders(address, browser),
          returnHeaders: true,
        })
        await endSignIn(db, { userKey, addressKey })
        const cookies = headers.getSetCookie()
        // better-auth answers otherwise than its types say when a second factor is asked for.
        if ('twoFactorRedirect' in response) return { kind: 'second_factor', cookies }
        return { kind: 'signed_in', user: toSessionUser(response.user), cookies }
      } catch (error) {
        if (!(error instanceof APIError) || error.statusCode >= 500) throw error
        log.warn('sign-in refused', { address })
        return { kind: 'refused' }
      }
    },
    async userOf(headers) {
      if (!headers.has('cookie')) return undefined
      const session = await auth.api.getSession({ headers })
      return session === null ? undefined : { ...toSessionUser(session.user), session: session.session.id }
    },
    async signOut(headers) {
      const answer = await auth.api.signOut({ headers, returnHeaders: true })
      return answer.headers.getSetCookie()
    },
    ...ownSessions(auth),
    changePassword: (headers, change) => changePassword({ db, clock, log }, auth, headers, change),
    ...secondFactor({ db, clock, log }, auth),
    ...passkeys({ db, clock, log }, auth, { publicUrl }),
    ...oidcSignIn({ db, clock, log }, auth, { publicUrl, oidc }),
  }
}

/** What better-auth reads the origin of a session from. `address` has been judged by ourselves (address.ts). */
function originHeaders(address: string, browser: string | undefined): Headers {
  const headers = new Headers({ 'x-forwarded-for': address })
  if (browser !== undefined) headers.set('user-agent', browser.slice(0, BROWSER_LENGTH_MAX))
  return headers
}

function ownSessions(auth: Auth): Pick<Accounts, 'sessionsOf' | 'endSession'> {
  const list = async (headers: Headers) => {
    const own = headers.has('cookie') ? await auth.api.getSession({ headers }) : null
    if (own === null) return []
    const sessions = await auth.api.listSessions({ headers })
    return sessions.map(session => ({ session, isThis: session.id === own.session.id }))
  }
  return {
    async sessionsOf(headers) {
      const sessions = await list(headers)
      return sessions
        .map(({ session, isThis }) => ({
          ...{ id: session.id, isThis, begunAt: session.createdAt.getTime() },
          ...{ address: session.ipAddress || null, browser: session.userAgent || null },
        }))
        .toSorted((a, b) => b.begunAt - a.begunAt)
    },
    async endSession(headers, id) {
      const found = (await list(headers)).find(({ session }) => session.id === id)
      if (found === undefined) return false
      await auth.api.revokeSession({ headers, body: { token: found.session.token } })
      return true
    },
  }
}

/** Wrong guesses count like those at signing in: who has somebody's browser must not find out their password. */
async function changePassword(
  { db, clock, log }: AccountsDeps,
  auth: Auth,
  headers: Headers,
  { current, password }: { current: string; password: string },
): Promise<PasswordChange> {
  const guess = await beginGuess({ db, clock }, auth, headers)
  if (guess.kind !== 'begun') return guess
  try {
    const body = { currentPassword: current, newPassword: password, revokeOtherSessions: true }
    const answer = await auth.api.changePassword({ headers, body, returnHeaders: true })
    await guess.wasRight()
    return { kind: 'changed', cookies: answer.headers.getSetCookie() }
  } catch (error) {
    if (!(error instanceof APIError) || error.statusCode >= 500) throw error
    log.warn('password change refused', { userId: guess.userId })
    return { kind: 'wrong' }
  }
}

const toSessionUser = ({ id, email, name }: SessionUser): SessionUser => ({ id, email, name })
