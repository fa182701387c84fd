// What SMA answered, and what becomes of a report then. The manual names the statuses, 200, 201, 400, 401, 403 and 500, and
// not what they say of what was sent before; so what is not certain is told as that.

import type { SmaTerms } from './settings.ts'

/** What came of a report. */
export type SmaOutcome =
  /** `verification` is SMA's IdVerificacion; null when the answer had none. */
  | { kind: 'accepted'; verification: string | null }
  /** SMA understood and did not take it. */
  | { kind: 'refused'; reason: string }
  /** Nothing but a change by a person helps: whoever signs in, or the process. */
  | { kind: 'configuration_error'; what: 'holder' | 'process'; reason: string }
  /** It left, and nobody can say whether it is held. */
  | { kind: 'unknown_outcome'; reason: string }
  /** It certainly is not held. */
  | { kind: 'not_sent'; reason: string; retryAfterMs?: number }

/** What is written of a report after an attempt. */
export interface SmaChange {
  state: 'ready' | 'sent' | 'review'
  reason: string | null
  nextAttemptAt: number | null
  acceptedAt: number | null
  verification: string | null
  stop?: { what: 'holder' | 'process'; reason: string }
}

const SOON_MS = 5 * 60_000
const RESEND_MS = 10 * 60_000
const ASKED_WAIT_MAX_MS = 60 * 60_000

/** After SMA answered, or did not. */
export function afterOutcome(
  outcome: SmaOutcome,
  { afterNoAnswer }: Pick<SmaTerms, 'afterNoAnswer'>,
  now: number,
): SmaChange {
  const change = { nextAttemptAt: null, acceptedAt: null, verification: null }
  switch (outcome.kind) {
    case 'accepted':
      return { ...change, state: 'sent', reason: null, acceptedAt: now, verification: outcome.verification }
    case 'refused':
      return { ...change, state: 'review', reason: `refused: ${outcome.reason}` }
    case 'configuration_error': {
      const { what, reason } = outcome
      return { ...change, state: 'ready', reason, nextAttemptAt: now, stop: { what, reason } }
    }
    case 'not_sent': {
      const wait = Math.min(ASKED_WAIT_MAX_MS, Math.max(SOON_MS, outcome.retryAfterMs ?? 0))
      return {
        ...change,
        state: 'ready',
        reason: `not reached: ${outcome.reason}`,
        nextAttemptAt: now + wait,
      }
    }
    case 'unknown_outcome': {
      const reason = `no answer: ${outcome.reason}`
      return afterNoAnswer === 'hold'
        ? { ...change, state: 'review', reason }
        : { ...change, state: 'ready', reason, nextAttemptAt: now + RESEND_MS }
    }
  }
}
