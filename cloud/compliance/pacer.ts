// Pacing: the hands of one process together send no faster than this.

import type { Clock } from '../../protocol/runtime/clock.ts'

/** Lets through one at a time. */
export interface Pacer {
  /** Resolves when it is the caller's turn. */
  wait(signal: AbortSignal): Promise<void>
}

/** Opens a pacer. */
export function openPacer({ clock }: { clock: Clock }, { everyMs }: { everyMs: number }): Pacer {
  let nextAt = Number.NEGATIVE_INFINITY
  return {
    async wait(signal) {
      const now = clock.monotonic()
      const turnAt = Math.max(now, nextAt)
      nextAt = turnAt + everyMs
      if (turnAt > now) await clock.sleep(turnAt - now, signal)
    },
  }
}
