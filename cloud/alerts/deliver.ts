// Tells people: sends what is due, and notes what the provider said. Each message is sent at least once: who dies between
// the provider's word and the note of it leaves it to be sent again, under the same id.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Database } from '../store/database.ts'
import {
  countDeliveries,
  type DeliveryState,
  type DueDelivery,
  finishDelivery,
  takeDeliveries,
} from '../store/deliveries.ts'
import { keepWorking } from '../work-loop.ts'
import type { Mailer, MailOutcome } from './mail.ts'
import { toMail } from './message.ts'

/** What telling works with. */
export interface DeliveryDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  /** Absent: no server was configured, and messages wait for one as for one that does not answer. */
  mailer?: Mailer | undefined
}

const EVERY_MS = 5_000
const LEASE_MS = 10 * 60_000
const A_ROUND = 10
const RETRY_FIRST_MS = 60_000
const RETRY_MAX_MS = 3_600_000

/** A message that nobody took so often will not arrive: about ten hours. */
export const ATTEMPTS_MAX = 15

/** Tells people until the signal aborts. A database that does not answer is waited for. */
export function runDeliveries(deps: DeliveryDeps, signal: AbortSignal): Promise<void> {
  const work = async (until: AbortSignal) => (await deliverDue(deps, until)) > 0
  return keepWorking(deps, { pollMs: EVERY_MS }, work, signal)
}

/** Sends what is due, a few at a time. Returns how many were tried. */
export async function deliverDue(deps: DeliveryDeps, signal?: AbortSignal): Promise<number> {
  const { db, clock, metrics } = deps
  const now = clock.now()
  const due = await takeDeliveries(db, { now, leaseUntil: now + LEASE_MS, limit: A_ROUND })
  for (const delivery of due) {
    signal?.throwIfAborted()
    await deliver(deps, delivery)
  }
  const { pending, failed } = await countDeliveries(db)
  metrics.gauge('analytics_messages', pending, { state: 'pending' })
  metrics.gauge('analytics_messages', failed, { state: 'failed' })
  return due.length
}

async function deliver({ db, clock, log, mailer }: DeliveryDeps, delivery: DueDelivery): Promise<void> {
  const { id, recipient, attempts, incidentId } = delivery
  const outcome: MailOutcome = (await mailer?.send(toMail(delivery))) ?? {
    ...{ kind: 'unanswered', answer: 'No mail server is configured: SMTP_URL' },
  }
  const state = stateAfter(outcome, attempts)
  const now = clock.now()
  await finishDelivery(db, id, { state, answer: outcome.answer, dueAt: now + retryMs(attempts), now })
  const facts = { incidentId, recipient, attempts, answer: outcome.answer }
  if (state === 'notified') log.info('person notified', facts)
  else if (state === 'failed') log.error('person could not be notified', facts)
  else log.warn('message was not taken', facts)
}

function stateAfter({ kind }: MailOutcome, attempts: number): DeliveryState {
  if (kind === 'accepted') return 'notified'
  return kind === 'refused' || attempts >= ATTEMPTS_MAX ? 'failed' : 'pending'
}

/** How long until a message that was not taken is tried again. */
export const retryMs = (attempts: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** (attempts - 1), RETRY_MAX_MS)
