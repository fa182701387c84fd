// How many readings of a backlog may be under way.
//
// Both lanes share one connection, which keeps their order: a live batch waits for the bytes of the backlog before it. So
// the backlog has only as much under way as makes its acks come hardly later than they would by themselves. It begins
// with little, doubles each round trip until acks come late, and from then on adds a little for each ack in time and takes
// away at least half when one is late: it fills a wide link, and leaves room on a thin one.

import { BATCH_READINGS_MAX } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'

/** How much later than by itself an ack may come. */
const LATE_MS = 1_000

/** It begins with so many readings, never has fewer, and grows by so many. */
export const ALLOWANCE_MIN = 50

/** What of a backlog may be under way. */
export interface Allowance {
  /** How many readings the next batch may have, when so many are under way; 0 when it has to wait. */
  next(underWay: number): number
  /** A batch was answered that was sent at this instant of the monotonic clock. */
  answered(batch: { readings: number; sentAt: number }): void
  /** How many readings may be under way now. */
  readings(): number
}

/** Opens the allowance of a session. `window` is the most batches under way. */
export function openAllowance({ clock }: { clock: Clock }, { window }: { window: number }): Allowance {
  const most = window * BATCH_READINGS_MAX
  let allowed = ALLOWANCE_MIN
  let isSearching = true
  /** How long an ack takes when nothing else of the backlog is under way. */
  let aloneMs = Number.POSITIVE_INFINITY
  let cutAt = Number.NEGATIVE_INFINITY

  return {
    readings: () => allowed,
    next(underWay) {
      // Two at least are under way, so that the link is not idle while one is answered.
      const half = Math.floor(allowed / Math.min(2, window))
      const readings = Math.max(ALLOWANCE_MIN, Math.min(BATCH_READINGS_MAX, half))
      return underWay === 0 || underWay + readings <= allowed ? readings : 0
    },
    answered({ readings, sentAt }) {
      // What was sent before the allowance was cut says nothing of what it is now.
      if (sentAt < cutAt) return
      const tookMs = clock.monotonic() - sentAt
      // With the least allowance it went by itself: if that takes longer than it did, the link has become another one.
      aloneMs = allowed === ALLOWANCE_MIN ? tookMs : Math.min(aloneMs, tookMs)
      const lateMs = tookMs - aloneMs
      if (lateMs > LATE_MS) {
        allowed = Math.max(ALLOWANCE_MIN, Math.floor(allowed * Math.min(0.5, LATE_MS / lateMs)))
        cutAt = clock.monotonic()
        isSearching = false
      } else allowed = Math.min(most, allowed + (isSearching ? Math.max(readings, 1) : ALLOWANCE_MIN))
    },
  }
}
