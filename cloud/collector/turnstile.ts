// How many may come in within a second.

import type { Clock } from '../../protocol/runtime/clock.ts'

/** Lets some through. */
export interface Turnstile {
  /** Whether one more may come in now; who may is counted. In any second no more than `perSecond` may. */
  admits(): boolean
}

/** Opens a turnstile. */
export function openTurnstile({ clock }: { clock: Clock }, { perSecond }: { perSecond: number }): Turnstile {
  /** When the last of them came in, as many as may in a second; `next` is the oldest. */
  const cameAt = new Array<number>(perSecond).fill(Number.NEGATIVE_INFINITY)
  let next = 0
  return {
    admits() {
      const now = clock.monotonic()
      if (now - (cameAt[next] ?? 0) < 1_000) return false
      cameAt[next] = now
      next = (next + 1) % perSecond
      return true
    },
  }
}
