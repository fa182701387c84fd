// How long a step may take.

import type { Clock } from './clock.ts'
import { Unavailable } from './errors.ts'

/**
 * What `work` gives, if it does so in time. Else throws Unavailable, which begins with `what`; with the signal's reason
 * when that aborted. What `work` does later is nobody's concern.
 */
export async function deadline<T>(
  { clock }: { clock: Clock },
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  what: string,
): Promise<T> {
  const done = new AbortController()
  const stop = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal])
  const late = clock.sleep(timeoutMs, stop).then(
    () => new Unavailable(`${what} in ${timeoutMs} ms`),
    () => new Unavailable('Stopped'),
  )
  try {
    const first = await Promise.race([work, late])
    if (first instanceof Unavailable) {
      work.catch(() => {})
      signal?.throwIfAborted()
      throw first
    }
    return first
  } finally {
    done.abort()
  }
}
