// Waiting with an end.

import type { Clock } from '../../protocol/runtime/clock.ts'

/** Why a deadline is waited for no longer. One for all: to make one for each request is a good part of its cost. */
const OVER = new Error('Over')

/** What `work` gives, or `late` when it takes longer or the signal aborts first. */
export async function within<T>(
  { clock }: { clock: Clock },
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
  late: () => T,
): Promise<T> {
  const done = new AbortController()
  const stop = () => done.abort(OVER)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const waited = clock.sleep(timeoutMs, done.signal).then(late, late)
  try {
    return await Promise.race([work, waited])
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
