// How long to wait before the next try.

/** Bounds of a back-off. */
export interface Backoff {
  firstMs: number
  maxMs: number
}

/**
 * Full jitter: uniform between 0 and min(maxMs, firstMs · 2^attempt), so that a thousand gateways that lost the
 * same cloud do not come back in step. `attempt` counts from 0; `random` is in [0, 1).
 */
export function backoffMs({ firstMs, maxMs }: Backoff, attempt: number, random: () => number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30))
  return Math.floor(random() * ceiling)
}
