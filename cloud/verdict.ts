// Whether a request may be answered, as each service is told by who knows.

import { Problem } from './problem.ts'

/** What came of asking whether a request may be answered; what it then comes with. */
export type Verdict<Allowed extends object = object> =
  | ({ kind: 'allowed' } & Allowed)
  | { kind: 'unknown' }
  | { kind: 'refused'; reason: string }

/** What an allowed request comes with. Throws Problem when it may not be answered. */
export function requireAllowed<Allowed extends object>(verdict: Verdict<Allowed>): Allowed {
  if (verdict.kind === 'unknown') {
    throw new Problem(401, 'Not signed in', { detail: 'Send a token that is in force, or sign in' })
  }
  if (verdict.kind === 'refused') throw new Problem(403, 'Not allowed', { detail: verdict.reason })
  return verdict
}
