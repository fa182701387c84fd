// What becomes of a slot: pure decisions, one for each thing that can happen to it.
//
//   pending ─▶ ready ─▶ sending ─▶ sent ─▶ (verified)
//      │  ▲      ▲ └──────┘ │         └─▶ review
//      ▼  │      └──────────┤ next day, or soon
//   no_data              review
//
// Promises:
//   S1. What DGA has accepted is never sent again, with a receipt or without.
//   S2. What was refused, or went and was not answered, is tried again the next day: once a day (Res. Ex. 2.170, 6.2).
//   S3. A mistake of configuration stops its work or its informant and burns no attempt; all others go on. Once a person
//       has mended it, what DGA was not asked goes at once, and what DGA refused on the regulator's next day.
//   S4. What certainly did not arrive may be tried again soon, and burns no attempt.

import { DAY_MS, nextDay } from './calendar.ts'
import { buildDeclaration } from './declaration.ts'
import type { Submission, Verification } from './dga/client.ts'
import type { ObligationTerms } from './obligation.ts'
import type { Picked } from './selection.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The longest that anything here waits: what lies further ahead was written by a clock that ran ahead. */
export const LONGEST_WAITS = { checkMs: HOUR_MS, attemptMs: DAY_MS, verifyMs: DAY_MS }

/** What is written of a slot after it was looked at. */
export interface CheckChange {
  state: 'pending' | 'no_data' | 'ready' | 'review' | 'shadow'
  reason: string | null
  chosen: Extract<Picked, { kind: 'chosen' }>['values'] | null
  declaration: Extract<ReturnType<typeof buildDeclaration>, { kind: 'built' }>['declaration'] | null
  nextCheckAt: number | null
  nextAttemptAt: number | null
}

/** After looking for a slot's values. */
export function afterPicking(
  slot: { state: 'pending' | 'no_data'; workCode: string; dueAt: number; terms: ObligationTerms },
  picked: Picked,
  now: number,
): CheckChange {
  const nothing = { reason: null, chosen: null, declaration: null, nextCheckAt: null, nextAttemptAt: null }
  switch (picked.kind) {
    case 'waiting':
      return { ...nothing, state: slot.state, nextCheckAt: picked.nextCheckAt }
    case 'no_data':
      return { ...nothing, state: 'no_data', reason: picked.reason, nextCheckAt: reopenCheckAt(slot, now) }
    case 'chosen': {
      const chosen = picked.values
      const built = buildDeclaration(slot, slot.terms, chosen)
      if (built.kind !== 'built') {
        const reason = built.kind === 'doubtful' ? built.reason : `missing: ${built.quantities.join(', ')}`
        return { ...nothing, state: 'review', reason, chosen }
      }
      const { declaration } = built
      if (slot.terms.mode === 'send')
        return { ...nothing, state: 'ready', chosen, declaration, nextAttemptAt: now }
      return { ...nothing, state: 'shadow', reason: 'not sent: shadow mode', chosen, declaration }
    }
  }
}

const REOPEN_MIN_MS = 5 * MINUTE_MS
const REOPEN_MAX_MS = HOUR_MS

/** A late reading reopens a slot until its maximum lag: the older the slot, the rarer it is looked at. */
function reopenCheckAt(
  { dueAt, terms }: { dueAt: number; terms: ObligationTerms },
  now: number,
): number | null {
  const lastAt = dueAt + terms.maxLagMs
  if (now >= lastAt) return null
  const wait = Math.min(REOPEN_MAX_MS, Math.max(REOPEN_MIN_MS, (now - dueAt) / 10))
  return Math.min(lastAt, now + Math.round(wait))
}

/** What is written of a slot after an attempt. */
export interface SlotChange {
  state: 'ready' | 'sent' | 'review'
  reason: string | null
  nextAttemptAt: number | null
  receipt: string | null
  /** The receipt is that of an earlier attempt, told by a duplicate's message. */
  recovered: boolean
  acceptedAt: number | null
  nextVerifyAt: number | null
  isAttemptSpared: boolean
  stop?: { what: 'work' | 'informant'; reason: string }
}

const VERIFY_AFTER_MS = MINUTE_MS
const UNREACHABLE_RETRY_MS = 5 * MINUTE_MS

const UNCHANGED: Omit<SlotChange, 'state' | 'reason'> = {
  nextAttemptAt: null,
  receipt: null,
  recovered: false,
  acceptedAt: null,
  nextVerifyAt: null,
  isAttemptSpared: false,
}

/** After DGA answered, or did not. `now` is when it did. */
export function afterSubmission(submission: Submission, now: number): SlotChange {
  switch (submission.kind) {
    case 'accepted':
      return sent(submission.receipt, false, now)
    case 'duplicate':
      if (submission.receipt !== undefined) return sent(submission.receipt, true, now)
      return review('DGA holds it already, and did not tell its receipt', now)
    case 'accepted_without_receipt':
      return review('accepted without a receipt', now)
    case 'configuration_error': {
      const { mistake, reason } = submission
      const what = mistake === 'credentials' || mistake === 'control_centre' ? 'informant' : 'work'
      const stop = { what, reason: `${mistake}: ${reason}` } as const
      return {
        ...UNCHANGED,
        state: 'ready',
        reason,
        nextAttemptAt: nextDay(now),
        isAttemptSpared: true,
        stop,
      }
    }
    case 'refused':
      return {
        ...UNCHANGED,
        state: 'ready',
        reason: `refused: ${submission.reason}`,
        nextAttemptAt: nextDay(now),
      }
    case 'unknown_outcome':
      return {
        ...UNCHANGED,
        state: 'ready',
        reason: `no answer: ${submission.reason}`,
        nextAttemptAt: nextDay(now),
      }
    case 'not_sent': {
      const reason = `not reached: ${submission.reason}`
      return {
        ...UNCHANGED,
        state: 'ready',
        reason,
        nextAttemptAt: now + UNREACHABLE_RETRY_MS,
        isAttemptSpared: true,
      }
    }
  }
}

function sent(receipt: string, recovered: boolean, at: number): SlotChange {
  const nextVerifyAt = at + VERIFY_AFTER_MS
  return { ...UNCHANGED, state: 'sent', reason: null, receipt, recovered, acceptedAt: at, nextVerifyAt }
}

function review(reason: string, at: number): SlotChange {
  return { ...UNCHANGED, state: 'review', reason, acceptedAt: at }
}

/** What the evidence of an earlier attempt says. */
export interface EarlierAcceptance {
  outcome: 'accepted' | 'duplicate' | 'accepted_without_receipt'
  receipt: string | null
  at: number
}

/** When the evidence shows that DGA has accepted a slot already. */
export function afterEarlierAcceptance({ outcome, receipt, at }: EarlierAcceptance): SlotChange {
  if (receipt === null)
    return afterSubmission({ kind: outcome === 'accepted' ? 'accepted_without_receipt' : outcome }, at)
  return afterSubmission({ kind: outcome === 'duplicate' ? 'duplicate' : 'accepted', receipt }, at)
}

/** When the process that was sending a slot did not come back: the evidence decides, else nobody knows. */
export function afterAbandonment(earlier: EarlierAcceptance | undefined, takenAt: number): SlotChange {
  if (earlier !== undefined) return afterEarlierAcceptance(earlier)
  return afterSubmission({ kind: 'unknown_outcome', reason: 'the process that sent it ended' }, takenAt)
}

const VERIFY_ATTEMPTS_MAX = 8
const VERIFY_RETRY_MS = [10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS]

/** After asking what DGA holds under a receipt, for the nth time. */
export function afterVerification(
  verification: Verification,
  attempt: number,
  now: number,
): { state: 'sent' | 'review'; reason: string | null; nextVerifyAt: number | null } {
  const wait = VERIFY_RETRY_MS[Math.min(attempt, VERIFY_RETRY_MS.length) - 1] ?? HOUR_MS
  const again = attempt < VERIFY_ATTEMPTS_MAX ? now + wait : null
  switch (verification.kind) {
    case 'match':
      return { state: 'sent', reason: null, nextVerifyAt: null }
    case 'mismatch':
      return {
        state: 'review',
        reason: `DGA holds another value: ${verification.differences.join('; ')}`,
        nextVerifyAt: null,
      }
    case 'not_found':
      if (again !== null) return { state: 'sent', reason: null, nextVerifyAt: again }
      return {
        state: 'review',
        reason: `DGA does not know the receipt: ${verification.reason}`,
        nextVerifyAt: null,
      }
    case 'no_answer':
      return { state: 'sent', reason: null, nextVerifyAt: again }
  }
}
