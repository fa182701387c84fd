// How fast a backlog may go up: so many bytes a second, and a batch every so many milliseconds, whatever the link would carry.
//
// In any stretch of time no more goes than the rate gives for it, and one batch.

import type { Clock } from '../protocol/runtime/clock.ts'

/**
 * A backlog's batches are so far apart: 20,000 readings a second. What reading and sending them leaves behind in memory is
 * collected meanwhile; faster, it stood 20 MB higher for moments (test/bench/memory.ts).
 */
export const BATCH_EVERY_MS = 25

/** Bytes spent over time. */
export interface Pace {
  /** How long the next bytes must wait; 0 when they may go now. */
  waitMs(): number
  spend(bytes: number): void
}

/** Opens a pace. */
export function openPace(
  { clock }: { clock: Clock },
  { bytesPerSecond, everyMs }: { bytesPerSecond: number; everyMs: number },
): Pace {
  let freeAt = Number.NEGATIVE_INFINITY
  return {
    waitMs: () => Math.max(0, Math.ceil(freeAt - clock.monotonic())),
    spend(bytes) {
      freeAt = Math.max(freeAt, clock.monotonic()) + Math.max(everyMs, (bytes * 1000) / bytesPerSecond)
    },
  }
}
