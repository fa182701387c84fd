// What a lane may send now: live data everything; a backlog no faster than its pace, and no more at the same time than its
// allowance.

import { BATCH_READINGS_MAX } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import { openAllowance } from './allowance.ts'
import type { Pace } from './pace.ts'

/** Holds a lane back. */
export interface Throttle {
  /** How many readings the next batch may have when so many are under way, and how long it must wait. 0: for an ack. */
  next(underWay: number): { readings: number; waitMs: number }
  sent(bytes: number): void
  /** A batch was answered that was sent at this instant of the monotonic clock. */
  answered(batch: { readings: number; sentAt: number }): void
}

/** For live data. */
export const unthrottled: Throttle = {
  next: () => ({ readings: BATCH_READINGS_MAX, waitMs: 0 }),
  sent: () => {},
  answered: () => {},
}

/** For the backlog of a session. The pace outlives it, so that a new session is no new beginning. */
export function openThrottle(
  { clock, metrics, pace }: { clock: Clock; metrics: Metrics; pace: Pace },
  options: { window: number },
): Throttle {
  const allowance = openAllowance({ clock }, options)
  return {
    next: underWay => ({ readings: allowance.next(underWay), waitMs: pace.waitMs() }),
    sent: pace.spend,
    answered(batch) {
      allowance.answered(batch)
      metrics.gauge('gateway_backlog_allowance', allowance.readings())
    },
  }
}
