// The canary: once a week a made-up condition goes the whole way that an alert goes, by the same code: rule, incident,
// delivery, the provider's word. Whoever waits for it (watchdog.ts) is not whoever sends it.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Database } from '../store/database.ts'
import { insertDeliveries } from '../store/deliveries.ts'
import { settleIncidents } from '../store/incidents.ts'
import {
  insertCanary,
  lockNewestCanary,
  noteCanaryArrival,
  retireCanaries,
  selectCanaryArrival,
} from '../store/workers.ts'
import { keepWorking } from '../work-loop.ts'
import { waysTo } from './addressing.ts'
import { beginAt, evaluate } from './evaluate.ts'
import { AlertRule } from './rule.ts'

/** What a canary flies with. */
export interface CanaryDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
}

/** How often one flies. */
export const CANARY_EVERY_MS = 7 * 86_400_000

const LOOK_EVERY_MS = 30_000

const RULE = AlertRule.parse({
  name: 'canary',
  condition: { kind: 'threshold', variable: 'flow', is: 'above', limit: 0 },
  severity: 'critical',
})

/** Flies canaries to a mail address until the signal aborts; without one it is off, and nobody waits for any. */
export async function runCanary(
  deps: CanaryDeps,
  to: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const work = async () => {
    if (to === undefined) await retireCanaries(deps.db)
    else await flyCanary(deps, to)
    return false
  }
  return keepWorking(deps, { pollMs: LOOK_EVERY_MS }, work, signal)
}

/** Begins one when it is time, and notes the arrival of the one that flies. */
export async function flyCanary({ db, clock, log, metrics }: CanaryDeps, to: string): Promise<void> {
  const now = clock.now()
  const became = await db.transaction(async tx => {
    const newest = await lockNewestCanary(tx)
    if (newest !== undefined && now - newest.begunAt < CANARY_EVERY_MS) {
      if (newest.arrivedAt !== null || !(await noteCanaryArrival(tx, newest.id))) return undefined
      await settleIncidents(tx, 'canary', [], now)
      return 'arrived'
    }
    const subject = `canary ${await insertCanary(tx, now)}`
    if (RULE.condition.kind !== 'threshold') throw new Error('The rule of the canary is none over values')
    const watched = { ...RULE, condition: RULE.condition }
    const { firings } = evaluate(watched, beginAt(now - 1), [{ at: now, value: 1 }], now)
    const details = { since: new Date(now).toISOString() }
    await settleIncidents(tx, 'canary', firings.length === 0 ? [] : [{ subject, details }], now)
    const nobody = { preferences: new Map(), channels: new Map() }
    const ways = waysTo({ email: to }, nobody, { now, severity: RULE.severity, clientId: 0 })
    const addressees = ways.map(way => ({ ...way, kind: 'canary' as const, subject, step: 0, afterMs: 0 }))
    await insertDeliveries(tx, addressees, now)
    return 'begun'
  })
  if (became !== undefined) log.info(`canary ${became}`, { to })
  const arrivedAt = await selectCanaryArrival(db)
  if (arrivedAt !== null) metrics.gauge('analytics_canary_arrived_seconds', Math.floor(arrivedAt / 1000))
}
