// Tells people: sends what is due, and notes what the provider said. Each message is sent at least once: who dies between
// the provider's word and the note of it leaves it to be sent again, under the same id.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import {
  countDeliveries,
  type DeliveryState,
  type DueDelivery,
  finishDelivery,
  takeDeliveries,
} from '../store/deliveries.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat } from '../workers.ts'
import type { SendOutcome } from './channel.ts'
import { toMessage } from './message.ts'
import { sendBy, type WayDeps } from './ways.ts'

/** What telling works with. */
export interface DeliveryDeps extends WayDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  /** Where people look at an incident; absent: messages lead nowhere. */
  publicUrl?: string | undefined
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
  return keepWorking(deps, { pollMs: EVERY_MS, beat: openBeat(deps, 'analytics.deliveries') }, work, signal)
}

/** Sends what is due, a few at a time. Returns how many messages were tried. */
export async function deliverDue(deps: DeliveryDeps, signal?: AbortSignal): Promise<number> {
  const { db, clock, metrics } = deps
  const now = clock.now()
  const due = toGroups(await takeDeliveries(db, { now, leaseUntil: now + LEASE_MS, limit: A_ROUND }))
  for (const group of due) {
    signal?.throwIfAborted()
    await deliver(deps, group)
  }
  const { pending, failed } = await countDeliveries(db)
  metrics.gauge('analytics_messages', pending, { state: 'pending' })
  metrics.gauge('analytics_messages', failed, { state: 'failed' })
  return due.length
}

/** What goes in one message: what is part of a digest to the same place, and each of the others alone. */
function toGroups(due: readonly DueDelivery[]): DueDelivery[][] {
  const keyOf = ({ id, digest, channel, channelId, recipient, language }: DueDelivery) =>
    digest ? JSON.stringify([channel, channelId, recipient, language]) : String(id)
  return [...Map.groupBy(due, keyOf).values()]
}

async function deliver(deps: DeliveryDeps, group: readonly DueDelivery[]): Promise<void> {
  const { db, clock, log, publicUrl } = deps
  const [first] = group
  if (first === undefined) return
  const { kind, answer } = await send(deps, first, toMessage(group, { publicUrl }))
  const now = clock.now()
  for (const { id, attempts, incident, channel, recipient } of group) {
    const state = stateAfter(kind, attempts)
    await finishDelivery(db, id, { state, outcome: kind, answer, dueAt: now + retryMs(attempts), now })
    const facts = { incidentId: incident?.id ?? null, channel, recipient, attempts, answer }
    if (state === 'notified') log.info('person notified', facts)
    else if (state === 'failed') log.error('person could not be notified', facts)
    else log.warn('message was not taken', facts)
  }
}

/** A secret that does not open waits for whoever looks after the keys. */
async function send(
  deps: DeliveryDeps,
  way: DueDelivery,
  message: ReturnType<typeof toMessage>,
): Promise<SendOutcome> {
  try {
    return await sendBy(deps, way, message)
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return { kind: 'unanswered', answer: error.message }
  }
}

function stateAfter(kind: SendOutcome['kind'], attempts: number): DeliveryState {
  if (kind === 'accepted') return 'notified'
  return kind === 'refused' || attempts >= ATTEMPTS_MAX ? 'failed' : 'pending'
}

/** How long until a message that was not taken is tried again. */
export const retryMs = (attempts: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** (attempts - 1), RETRY_MAX_MS)
