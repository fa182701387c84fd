// Which gateways are lost, where nobody says so.
//
// MQTT tells of a connection that died (the last will); NATS does not, and neither does a collector that was away itself.
// A gateway says how it is every minute: one that is said to be there and was silent for longer than two of these is lost;
// one that is said to be anything else and speaks is there, though nobody heard it come. Silence counts only while we
// could have heard.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { stateTopic } from '../../protocol/topics.ts'
import type { Database } from '../store/database.ts'
import { type JudgedGateway, markHeardReady, markSilentLost } from '../store/gateways.ts'

const LOOK_EVERY_MS = 15_000
const LOST_AFTER_MS = 150_000

/** What presence needs. */
export interface PresenceDeps {
  db: Database
  clock: Clock
  log: Log
  /** Since when everybody can be heard, on the clock's monotonic time; `undefined` while that is not so. */
  hearsSince: () => number | undefined
  /** Tells subscribers. */
  announce: (topic: string, payload: string) => void
}

/** Judges, until the signal aborts. */
export async function runPresence(
  { db, clock, log, hearsSince, announce }: PresenceDeps,
  signal: AbortSignal,
): Promise<void> {
  let storesSince = clock.monotonic()
  const tell = (judged: readonly JudgedGateway[]) => {
    for (const { slug, state } of judged) {
      log.info('gateway judged by what is heard of it', { gateway: slug, state: state.state })
      announce(stateTopic(slug), JSON.stringify(state))
    }
  }
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    try {
      tell(await markHeardReady(db))
      const listensSince = Math.max(storesSince, hearsSince() ?? Number.POSITIVE_INFINITY)
      if (clock.monotonic() - listensSince >= LOST_AFTER_MS) tell(await markSilentLost(db, LOST_AFTER_MS))
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      storesSince = clock.monotonic()
      log.debug('presence was not judged', { reason: reasonOf(error) })
    }
  }
}
