// Who may connect no more: their sessions end within a second or two, whatever way they come by and on every replica.
//
// Who was cut off lately is asked of the database, which each replica can: one small question a second. What was found is
// found again for half a minute, so that somebody who was let in at the very moment is met too.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { type Cut, selectCuts } from '../store/fleet.ts'

const LOOK_EVERY_MS = 1_000
const LATELY_MS = 30_000

/** What cutting off needs. */
export interface CutDeps {
  db: Database
  clock: Clock
  log: Log
  /** Ends the sessions of whoever a cut names; returns how many there were. */
  cut: (cut: Cut) => number
}

/** Cuts off, until the signal aborts. */
export async function runCuts({ db, clock, log, cut }: CutDeps, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    try {
      for (const one of await selectCuts(db, LATELY_MS)) {
        const sessions = cut(one)
        if (sessions > 0) log.warn('gateway cut off', { gateway: one.gateway, sessions })
      }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.debug('who is cut off was not asked', { reason: reasonOf(error) })
    }
  }
}
