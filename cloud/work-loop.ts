// A service's loop: works while there is work, waits when there is none, and waits for a database that does not answer.

import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { backoffMs } from '../protocol/runtime/retry.ts'
import { isAbort } from '../protocol/runtime/scope.ts'

const RETRY = { firstMs: 500, maxMs: 30_000 }

/**
 * Works until the signal aborts. `work` says whether there was some; then it is asked again at once. Whatever it throws
 * but Unavailable is thrown on.
 */
export async function keepWorking(
  { clock, log }: { clock: Clock; log: Log },
  { pollMs }: { pollMs: number },
  work: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const isBusy = await work(signal)
      failures = 0
      if (!isBusy) await clock.sleep(pollMs, signal)
    } catch (error) {
      if (isAbort(error, signal)) return
      if (!(error instanceof Unavailable)) throw error
      log.warn('database did not answer', { reason: error.message })
      await clock.sleep(backoffMs(RETRY, failures, Math.random), signal)
      failures += 1
    }
  }
}
