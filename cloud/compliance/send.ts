// Sending: one slot after another, each once, by as many hands as are allowed, and recovering what was abandoned.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import {
  type Channel,
  finishAttempt,
  recoverAbandoned,
  type TakenSlot,
  takeSlot,
} from '../store/compliance-sending.ts'
import { NOT_ASKED } from '../store/compliance-waits.ts'
import type { Database } from '../store/database.ts'
import type { Breakers } from './breaker.ts'
import type { DgaClient, Submission, Submitted } from './dga/client.ts'
import type { Pacer } from './pacer.ts'
import { secretOwner } from './provisioning.ts'
import type { Secrets } from './secrets.ts'
import { afterAbandonment, afterEarlierAcceptance, afterSubmission } from './slots.ts'

/** What sending works with. */
export interface SendDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  clients: Readonly<Record<Channel, DgaClient>>
  secrets: Secrets
  breakers: Breakers
  pacer: Pacer
}

/** The rules of sending. */
export interface SendRules {
  /** For how long a slot is ours: longer than an exchange may take. */
  leaseMs: number
  /** What was due longer ago is backlog: Res. Ex. 2.170 wants values within the hour. */
  freshMs: number
  /** Between two backlog values of a work: Res. Ex. 2.170, section 6.1. */
  backlogSpacingMs: number
}

/** Rules of sending unless told otherwise. */
export const SEND_RULES: SendRules = { leaseMs: 300_000, freshMs: 55 * 60_000, backlogSpacingMs: 5 * 60_000 }

/** Takes the slot whose turn it is and sends it. Undefined when there is none now. */
export async function sendNext(
  deps: SendDeps,
  rules: SendRules,
  signal: AbortSignal,
): Promise<Submission['kind'] | 'settled' | undefined> {
  await deps.pacer.wait(signal)
  const { db, clock, breakers } = deps
  const now = clock.now()
  const taking = await takeSlot(
    db,
    {
      ...{ now, closed: breakers.closed(now), leaseUntil: now + rules.leaseMs },
      ...{ freshAfter: now - rules.freshMs, spacedBefore: now - rules.backlogSpacingMs },
    },
    afterEarlierAcceptance,
  )
  if (taking.kind === 'none') return undefined
  if (taking.kind === 'settled') return 'settled'
  try {
    return await sendSlot(deps, taking.slot, now + rules.leaseMs, signal)
  } catch (error) {
    if (error instanceof Unavailable || isAbort(error, signal)) throw error
    // One slot that cannot be handled stays with itself: its lease ends, and the evidence says what is known of it.
    const { workCode, dueAt } = taking.slot
    deps.log.error('slot could not be handled', { workCode, dueAt, reason: reasonOf(error) })
    return 'unknown_outcome'
  }
}

async function sendSlot(
  deps: SendDeps,
  slot: TakenSlot,
  leaseUntil: number,
  signal: AbortSignal,
): Promise<Submission['kind']> {
  const { db, clock, log, metrics, breakers } = deps
  const { channel, workCode, dueAt, attempt } = slot
  const asking = { channel, kind: slot.declaration.kind, rut: slot.rut, workCode }
  breakers.began(asking, clock.now())
  const { submission, evidence } = await submit(deps, slot, leaseUntil, signal)
  const now = clock.now()
  breakers.ended(asking, submission.kind !== 'unknown_outcome' && submission.kind !== 'not_sent', now)
  if (submission.kind === 'not_sent' && submission.retryAfterMs !== undefined)
    breakers.leaveAlone(channel, submission.retryAfterMs, now)
  const change = afterSubmission(submission, now)
  const ours = await finishAttempt(db, slot, { submission, wire: evidence, change, now })
  metrics.count('compliance_submissions_total', { channel, outcome: submission.kind })
  const fields = { workCode, dueAt, attempt, channel, outcome: submission.kind, reason: change.reason }
  if (!ours) log.warn('slot was taken over while it was sent', fields)
  if (change.stop !== undefined) {
    log.error('sending stopped', {
      ...fields,
      what: change.stop.what,
      rut: slot.rut,
      reason: change.stop.reason,
    })
  } else if (change.state === 'sent') log.info('slot declared', { ...fields, receipt: change.receipt })
  else log.warn('slot not declared', fields)
  return submission.kind
}

/**
 * A secret that cannot be opened is a mistake of ours: DGA is not asked. Nor is it by a process that stood still until its
 * lease had ended: another may have the slot.
 */
async function submit(
  { clients, clock, secrets }: SendDeps,
  { channel, declaration, rut, controlCentreRut, secretKeyId, secret }: TakenSlot,
  leaseUntil: number,
  signal: AbortSignal,
): Promise<Submitted> {
  let password: string
  const notAsked = { request: NOT_ASKED, status: null, answer: null }
  try {
    password = secrets.open({ keyId: secretKeyId, bytes: secret }, secretOwner(rut))
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    const submission = {
      kind: 'configuration_error',
      mistake: 'credentials',
      reason: reasonOf(error),
    } as const
    return { submission, evidence: notAsked }
  }
  if (clock.now() >= leaseUntil) {
    const reason = 'the process stood still until its lease had ended'
    return { submission: { kind: 'not_sent', reason }, evidence: notAsked }
  }
  return clients[channel].submit(declaration, { rut, controlCentreRut, password }, clock.now(), signal)
}

/** Settles what a process took for sending and did not come back from. Returns how many. */
export async function recoverSlots({
  db,
  clock,
  log,
}: Pick<SendDeps, 'db' | 'clock' | 'log'>): Promise<number> {
  const recovered = await recoverAbandoned(db, clock.now(), afterAbandonment)
  for (const { workCode, dueAt, attempt } of recovered) {
    log.warn('abandoned slot recovered', { workCode, dueAt, attempt })
  }
  return recovered.length
}
