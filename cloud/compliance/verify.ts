// Verifying: every receipt is asked after once, and what DGA holds is compared with what was declared.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import {
  type Channel,
  finishVerification,
  postponeVerification,
  type SlotToVerify,
  takeVerifications,
} from '../store/compliance-sending.ts'
import type { Database } from '../store/database.ts'
import { type Breakers, waysOf } from './breaker.ts'
import type { DgaClient } from './dga/client.ts'
import { keptReason } from './dga/evidence.ts'
import type { Pacer } from './pacer.ts'
import { afterVerification } from './slots.ts'

/** What verifying works with. */
export interface VerifyDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  clients: Readonly<Record<Channel, DgaClient>>
  breakers: Breakers
  pacer: Pacer
}

/** While one process asks after a receipt, no other does, for so long. */
const VERIFY_LEASE_MS = 600_000

/** Asks after receipts whose turn it is, at most `limit`, over the ways that are open. Returns how many were taken. */
export async function verifySlots(
  deps: VerifyDeps,
  { limit }: { limit: number },
  signal: AbortSignal,
): Promise<number> {
  const { db, clock, breakers, pacer } = deps
  const taken = clock.now()
  const closed = breakers.closed(taken)
  const slots = await takeVerifications(db, { now: taken, againAt: taken + VERIFY_LEASE_MS, closed, limit })
  for (const slot of slots) {
    await pacer.wait(signal)
    // Its way may have closed since it was taken: its turn comes again when its lease ends.
    if (isClosed(breakers.closed(clock.now()), slot)) continue
    try {
      await verifySlot(deps, slot, signal)
    } catch (error) {
      if (error instanceof Unavailable || isAbort(error, signal)) throw error
      await postpone(deps, slot, keptReason(reasonOf(error)))
    }
  }
  return slots.length
}

/** A receipt is asked after without credentials: whose slot it is does not matter. */
function isClosed(closed: readonly string[], { channel, declaration }: SlotToVerify): boolean {
  const { endpoint } = waysOf({ channel, kind: declaration.kind, rut: '' })
  return closed.includes(channel) || closed.includes(endpoint)
}

async function verifySlot(
  { db, clock, log, metrics, clients, breakers }: VerifyDeps,
  slot: SlotToVerify,
  signal: AbortSignal,
): Promise<void> {
  const { channel, declaration, receipt, workCode, dueAt } = slot
  const { verification, evidence } = await clients[channel].verify(declaration, receipt, signal)
  const now = clock.now()
  if (verification.kind === 'no_answer' && verification.retryAfterMs !== undefined)
    breakers.leaveAlone(channel, verification.retryAfterMs, now)
  const change = afterVerification(verification, slot.verifyAttempts, now)
  await finishVerification(db, slot, { verification, wire: evidence, change, now })
  metrics.count('compliance_verifications_total', { channel, outcome: verification.kind })
  if (change.state === 'review')
    log.error('receipt does not hold', { workCode, dueAt, receipt, reason: change.reason })
}

/** One receipt that cannot be handled stays with itself, and is asked after again when one without an answer would be. */
async function postpone({ db, clock, log }: VerifyDeps, slot: SlotToVerify, reason: string): Promise<void> {
  const { workCode, dueAt, receipt, verifyAttempts } = slot
  log.error('receipt could not be verified', { workCode, dueAt, receipt, reason })
  const { nextVerifyAt } = afterVerification({ kind: 'no_answer', reason }, verifyAttempts, clock.now())
  await postponeVerification(db, slot, { reason: `not verified: ${reason}`, nextVerifyAt })
}
