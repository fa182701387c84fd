// Commands on their way to gateways: written to the database by whoever asks, sent while their gateway is connected,
// sent again until there is a result or they expire. A gateway executes each once.

import { randomUUID } from 'node:crypto'
import type { Command } from '../../protocol/command.ts'
import { PROVIDER_NAMES } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { commandTopic } from '../../protocol/topics.ts'
import type { Database } from '../store/database.ts'
import { findGatewaysReading, insertCommands, markCommandSent, pendingCommands } from '../store/gateways.ts'
import type { Post } from './post.ts'

const LOOK_EVERY_MS = 2_000
const RESEND_AFTER_MS = 30_000
const EXPIRES_AFTER_MS = 10 * 60_000

/** The providers that `POST /collect/{provider}` knows, and what stands for all of them. */
export const COLLECT_PROVIDERS = [...PROVIDER_NAMES, 'all'] as const

/** Sends what waits, until the signal aborts. */
export async function runCommands(
  { db, post, clock, log }: { db: Database; post: Post; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sendPending({ db, post, clock, log })
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.warn('commands were not looked for', { reason: reasonOf(error) })
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

async function sendPending({ db, post, clock, log }: { db: Database; post: Post; clock: Clock; log: Log }) {
  const gateways = await post.connectedGateways()
  if (gateways.length === 0) return
  const now = clock.now()
  for (const { gateway, id, document } of await pendingCommands(db, gateways, {
    now,
    resendAfterMs: RESEND_AFTER_MS,
  })) {
    const message = { topic: commandTopic(gateway, id), filter: commandTopic(gateway, '+') }
    if (!post.tell(gateway, { ...message, payload: JSON.stringify(document) })) continue
    await markCommandSent(db, gateway, id, now)
    log.info('command sent', { gateway, id })
  }
}

/**
 * Asks every gateway that reads through a provider to do so now, but those for which too many commands wait already.
 * Returns how many were asked.
 */
export async function askToCollect(
  { db, clock }: { db: Database; clock: Clock },
  { provider, by }: { provider: (typeof COLLECT_PROVIDERS)[number]; by: string },
): Promise<number> {
  const chosen = provider === 'all' ? {} : { provider }
  const gateways = await findGatewaysReading(db, chosen.provider)
  const now = clock.now()
  const commands = gateways.map(gatewayId => {
    const id = `collect-${randomUUID()}`
    const document: Command = {
      v: 1,
      id,
      expiresAt: now + EXPIRES_AFTER_MS,
      by,
      kind: 'collect',
      ...chosen,
    }
    return { gatewayId, id, document }
  })
  return insertCommands(db, commands, { now })
}
