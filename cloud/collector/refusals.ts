// What the broker refuses: all of it is counted, and said once in so long for each cause.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Fields, Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'

/** The metric has all of them. */
const SAY_EVERY_MS = 10_000

/** Counts that something was refused, and says so unless it has just done. */
export type Refuse = (what: string, fields: Fields) => void

/** Opens a book of refusals. */
export function openRefusals({ clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics }): Refuse {
  const saidAt = new Map<string, number>()
  return (what, fields) => {
    metrics.count('collector_refused_total', { what })
    if (clock.monotonic() - (saidAt.get(what) ?? Number.NEGATIVE_INFINITY) < SAY_EVERY_MS) return
    saidAt.set(what, clock.monotonic())
    log.warn(`${what} refused`, fields)
  }
}
