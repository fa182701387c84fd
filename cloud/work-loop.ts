// A service's loop: works while there is work, waits when there is none, and waits for a database that does not answer.
// What the database refuses because of one piece of data stops neither the loop nor the services beside it.

import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { backoffMs } from '../protocol/runtime/retry.ts'
import { isAbort } from '../protocol/runtime/scope.ts'
import { DatabaseRefused } from './store/database.ts'
import type { Beat } from './workers.ts'

const RETRY = { firstMs: 500, maxMs: 30_000 }

/** How a loop waits while there is nothing to do. */
export interface WorkLoopOptions {
  pollMs: number
  /** Resolves when it is to look again; `pollMs` later, unless given. */
  rest?: (signal: AbortSignal) => Promise<void>
  /** Says that a round was done. */
  beat?: Beat
}

/**
 * Works until the signal aborts. `work` says whether there was some; then it is asked again at once. After Unavailable,
 * and after data that the database refused, it is asked again later; whatever else it throws is thrown on.
 */
export async function keepWorking(
  { clock, log }: { clock: Clock; log: Log },
  { pollMs, rest = stop => clock.sleep(pollMs, stop), beat }: WorkLoopOptions,
  work: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const isBusy = await work(signal)
      await beat?.()
      failures = 0
      if (!isBusy) await rest(signal)
    } catch (error) {
      if (isAbort(error, signal)) return
      if (error instanceof Unavailable) log.warn('database did not answer', { reason: error.message })
      else if (error instanceof DatabaseRefused && error.isAboutData) {
        log.error('database refused data', { code: error.code, reason: error.message })
      } else throw error
      await clock.sleep(backoffMs(RETRY, failures, Math.random), signal)
      failures += 1
    }
  }
}
