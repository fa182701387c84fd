// How fast a backlog may go up: so many bytes a second, whatever the link would carry.
//
// In any stretch of time no more goes than the rate gives for it, and one batch.

import type { Clock } from '../protocol/runtime/clock.ts'

/** Bytes spent over time. */
export interface Pace {
  /** How long the next bytes must wait; 0 when they may go now. */
  waitMs(): number
  spend(bytes: number): void
}

/** Opens a pace. */
export function openPace({ clock }: { clock: Clock }, { bytesPerSecond }: { bytesPerSecond: number }): Pace {
  let freeAt = Number.NEGATIVE_INFINITY
  return {
    waitMs: () => Math.max(0, Math.ceil(freeAt - clock.monotonic())),
    spend(bytes) {
      freeAt = Math.max(freeAt, clock.monotonic()) + (bytes * 1000) / bytesPerSecond
    },
  }
}
