// Configurations on their way to gateways: from the database, where they stay wanted until the gateway says that it runs with
// them or why not, and sent while it is connected.

import type { DesiredConfig } from '../../protocol/configuration.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { desiredTopic } from '../../protocol/topics.ts'
import { selectUnsettled } from '../store/configurations.ts'
import type { Database } from '../store/database.ts'
import type { Post } from './post.ts'

const LOOK_EVERY_MS = 1_000
const RESEND_AFTER_MS = 15_000

/** Sends what is wanted, until the signal aborts. */
export async function runConfigurations(
  { db, post, clock, log }: { db: Database; post: Post; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  const sent = new Map<string, { version: number; at: number }>()
  for (;;) {
    try {
      const gateways = await post.connectedGateways()
      const wanted = gateways.length === 0 ? [] : await selectUnsettled(db, gateways)
      const now = clock.monotonic()
      for (const { gateway, ...rest } of wanted) {
        const last = sent.get(gateway)
        if (last?.version === rest.version && now - last.at < RESEND_AFTER_MS) continue
        const document: DesiredConfig = { v: 1, gateway, ...rest }
        if (!post.tell(gateway, { topic: desiredTopic(gateway), payload: JSON.stringify(document) })) continue
        sent.set(gateway, { version: rest.version, at: now })
        log.info('configuration sent', { gateway, version: rest.version })
      }
      const isWanted = new Set(wanted.map(({ gateway }) => gateway))
      for (const gateway of sent.keys()) if (!isWanted.has(gateway)) sent.delete(gateway)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.warn('configurations were not looked for', { reason: reasonOf(error) })
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}
