// Guesses of a password by who is signed in already: counted like those at signing in.

import { createHash } from 'node:crypto'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { beginSignIn, endSignIn } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import type { Auth } from './accounts-auth.ts'

/** How often a password of one user may be wrong in a window. */
export const FAILURES_PER_USER_MAX = 5

/** How long a window is. */
export const FAILURE_WINDOW_MS = 15 * 60_000

/** A guess that was counted as wrong, until wasRight() says otherwise. */
export type Guess =
  | { kind: 'begun'; userId: string; wasRight: () => Promise<void> }
  | { kind: 'nobody' }
  | { kind: 'locked'; retryAfterMs: number }

/** Begins a guess of the password of whoever the cookies belong to. */
export async function beginGuess(
  { db, clock }: { db: Database; clock: Clock },
  auth: Auth,
  headers: Headers,
): Promise<Guess> {
  const session = headers.has('cookie') ? await auth.api.getSession({ headers }) : null
  if (session === null) return { kind: 'nobody' }
  const userKey = failureKey('user', session.user.email)
  const limits = [{ key: userKey, failuresMax: FAILURES_PER_USER_MAX }]
  const retryAfterMs = await beginSignIn(db, limits, { now: clock.now(), windowMs: FAILURE_WINDOW_MS })
  if (retryAfterMs > 0) return { kind: 'locked', retryAfterMs }
  return {
    kind: 'begun',
    userId: session.user.id,
    wasRight: () => endSignIn(db, { userKey, addressKey: '' }),
  }
}

/** Hashed, so that the table tells nobody who tried. */
export const failureKey = (kind: string, subject: string): string =>
  `${kind}:${createHash('sha256').update(subject).digest('hex')}`
