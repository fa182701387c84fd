// Lets raw readings go that are older than they are to be kept. Off unless the settings say how long that is.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { MetricHelp, Metrics } from '../../protocol/runtime/metrics.ts'
import type { Database } from '../store/database.ts'
import { advanceRetention, type DropLimits, dropReadings, type RetentionRule } from '../store/retention.ts'
import { keepWorking } from '../work-loop.ts'

/** What the retention counts. */
export const RETENTION_METRICS: readonly MetricHelp[] = [
  { name: 'processor_dropped_readings_total', type: 'counter', help: 'Raw readings dropped by retention' },
  {
    name: 'processor_dropped_chunks_total',
    type: 'counter',
    help: 'Chunks of raw readings dropped by retention',
  },
]

const LOOK_EVERY_MS = 6 * 3_600_000
const LIMITS: DropLimits = { weeksMax: 100, rowsMax: 10_000 }

/** Drops what is no longer kept, now and every six hours, until the signal aborts. */
export function runRetention(
  deps: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  rule: RetentionRule,
  signal: AbortSignal,
): Promise<void> {
  return keepWorking(deps, { pollMs: LOOK_EVERY_MS }, () => dropSome(deps, rule), signal)
}

/** One step of it. Returns whether there may be more. */
export async function dropSome(
  { db, clock, log, metrics }: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  rule: RetentionRule,
): Promise<boolean> {
  const points = await advanceRetention(db, { ...rule, now: clock.now() })
  const { chunks, readings, beside } = await dropReadings(db, LIMITS)
  metrics.count('processor_dropped_readings_total', {}, readings)
  metrics.count('processor_dropped_chunks_total', {}, chunks)
  if (points + chunks + readings > 0) log.info('raw readings dropped', { points, chunks, readings })
  return points + chunks + readings + beside > 0
}
