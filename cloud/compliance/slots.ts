// What becomes of a slot: pure decisions, one for each thing that can happen to it.
//
//   pending ─▶ ready ─▶ sending ─▶ sent ─▶ (verified)
//      │  ▲      ▲ └──────┘ │         └─▶ review
//      ▼  │      └──────────┤ next day, or soon
//   no_data              review
//
// What persons decide is in review.ts.
//
// Promises:
//   S1. What DGA has accepted is never sent again, with a receipt or without.
//   S2. What was refused, or went and was not answered, is tried again the next day: once a day (Res. Ex. 2.170, 6.2).
//   S3. A mistake of configuration stops its work or its informant and burns no attempt; all others go on. Once a person
//       has mended it, what DGA was not asked goes at once, and what DGA refused on the regulator's next day.
//   S4. What certainly did not arrive may be tried again soon, and burns no attempt.

import { DAY_MS, nextDay } from './calendar.ts'
import { HEALING } from './checks.ts'
import { buildDeclaration, type ChosenValues, type Declaration, type Quantity } from './declaration.ts'
import type { Submission, Verification } from './dga/client.ts'
import type { ObligationTerms } from './obligation.ts'
import type { Picked } from './selection.ts'
import { type Background, type Finding, toFinding, validate } from './validation.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The longest that anything here waits: what lies further ahead was written by a clock that ran ahead. */
export const LONGEST_WAITS = { checkMs: HOUR_MS, attemptMs: DAY_MS, verifyMs: DAY_MS }

/** What is written of a slot after it was looked at. */
export interface CheckChange {
  state: 'pending' | 'no_data' | 'ready' | 'review' | 'shadow' | 'not_measured'
  reason: string | null
  chosen: ChosenValues | null
  findings: readonly Finding[]
  declaration: Declaration | null
  nextCheckAt: number | null
  nextAttemptAt: number | null
}

/** States in which a slot's values are looked for. In review: while better readings may come and nobody has decided. */
export type CheckedState = 'pending' | 'no_data' | 'review'

const NOTHING: Omit<CheckChange, 'state'> = {
  ...{ reason: null, chosen: null, findings: [], declaration: null, nextCheckAt: null, nextAttemptAt: null },
}

/** After looking for a slot's values. */
export function afterPicking(
  slot: { state: CheckedState; workCode: string; dueAt: number; terms: ObligationTerms },
  picked: Picked,
  background: Background,
  now: number,
): CheckChange {
  switch (picked.kind) {
    case 'waiting':
      return { ...NOTHING, state: slot.state, nextCheckAt: picked.nextCheckAt }
    case 'no_data':
      return afterTooLittle(slot, picked, now)
    case 'chosen':
      return afterChoosing(slot, picked.values, background, now)
  }
}

function afterTooLittle(
  slot: { dueAt: number; terms: ObligationTerms },
  { reason, values }: Extract<Picked, { kind: 'no_data' }>,
  now: number,
): CheckChange {
  const change = { ...NOTHING, reason, nextCheckAt: reopenCheckAt(slot, now) }
  const saw = Object.fromEntries(
    Object.entries(values).map(([quantity, chosen]) => [quantity, chosen?.text ?? null]),
  )
  if (Object.keys(saw).length === 0) return { ...change, state: 'no_data' }
  const partial = toFinding({ code: 'partial', quantity: null, message: reason, saw }, slot.terms)
  const state = partial?.severity === 'review' ? 'review' : 'no_data'
  return { ...change, state, chosen: values, findings: partial === undefined ? [] : [partial] }
}

function afterChoosing(
  slot: { workCode: string; dueAt: number; terms: ObligationTerms },
  chosen: ChosenValues,
  background: Background,
  now: number,
): CheckChange {
  const { terms } = slot
  const findings = validate({ values: chosen, terms }, background)
  const held = findings.filter(({ severity }) => severity !== 'note')
  if (held.length > 0) {
    const mayHeal = held.every(({ code }) => HEALING.includes(code))
    const nextCheckAt = mayHeal ? reopenCheckAt(slot, now) : null
    return { ...NOTHING, state: 'review', reason: reasonOfFindings(held), chosen, findings, nextCheckAt }
  }
  const built = buildDeclaration(slot, terms, chosen)
  if (built.kind === 'missing') {
    return {
      ...NOTHING,
      state: 'review',
      reason: `missing: ${built.quantities.join(', ')}`,
      chosen,
      findings,
    }
  }
  return { ...NOTHING, ...toBeSent(terms, built.declaration, now), chosen, findings }
}

/** What is declared goes at once, or in shadow mode not. */
export function toBeSent(
  { mode }: Pick<ObligationTerms, 'mode'>,
  declaration: Declaration,
  at: number,
): Pick<CheckChange, 'state' | 'reason' | 'declaration' | 'nextAttemptAt'> {
  return mode === 'send'
    ? { state: 'ready', reason: null, declaration, nextAttemptAt: at }
    : { state: 'shadow', reason: 'not sent: shadow mode', declaration, nextAttemptAt: null }
}

/** What a person reads first. */
export function reasonOfFindings(findings: readonly Pick<Finding, 'message'>[]): string {
  return findings.map(({ message }) => message).join('; ')
}

/** When sensors were declared faulty for what must be declared: the rest is kept, for who measures by hand. */
export function whileFaulty(
  slot: { state: CheckedState },
  faults: readonly { quantity: Quantity; reason: string; until: number }[],
  picked: Picked,
): CheckChange {
  if (picked.kind === 'waiting') return { ...NOTHING, state: slot.state, nextCheckAt: picked.nextCheckAt }
  const reason = faults
    .map(
      one =>
        `${one.quantity}: sensor declared faulty until ${new Date(one.until).toISOString()}: ${one.reason}`,
    )
    .join('; ')
  return { ...NOTHING, state: 'not_measured', reason, chosen: picked.values }
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
      // However long DGA is away: who does not answer has not said that it does not know the receipt.
      return { state: 'sent', reason: null, nextVerifyAt: now + wait }
  }
}
