// Watches: evaluates every rule at every of its points, and makes one incident of each condition.
//
// What is kept of a rule moves on with the values alone, so that what comes a little late is still seen; what silence says
// is found anew each time from there.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { type PauseOfRules, selectPausesOfRules } from '../store/alert-pauses.ts'
import { saveProgress, selectAlertTargets, selectLostGateways } from '../store/alerts.ts'
import type { Database, Sql } from '../store/database.ts'
import { type Addressee, insertDeliveries } from '../store/deliveries.ts'
import { type Condition, settleIncidents } from '../store/incidents.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat } from '../workers.ts'
import { waysTo } from './addressing.ts'
import { readDirectory } from './directory.ts'
import { look, type Seen } from './look.ts'
import { durationMs } from './rule.ts'
import { type Granted, openGranted } from './signals.ts'

/** What watching works with. */
export interface AlertDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  /** What is known of rights from the rounds before. */
  granted?: Granted
}

const EVERY_MS = 15_000
const TARGETS_A_PAGE = 50

/** Maintenance that ended so long ago is over for whatever is looked at now. */
const PAUSE_KEPT_MS = 8 * 86_400_000

const CODES = Object.fromEntries(Object.entries(VARIABLES).map(([name, { code }]) => [name, code]))

/** Watches until the signal aborts. A database that does not answer is waited for. */
export function runAlerts(deps: AlertDeps, signal: AbortSignal): Promise<void> {
  const granted = openGranted()
  const work = async () => {
    await watchAlerts({ ...deps, granted })
    return false
  }
  return keepWorking(deps, { pollMs: EVERY_MS, beat: openBeat(deps, 'analytics.alerts') }, work, signal)
}

/** Evaluates every rule once, and brings the incidents `alert` and `gateway_lost` to what is so now. */
export async function watchAlerts(deps: AlertDeps): Promise<void> {
  const { db, clock, log, metrics } = deps
  const now = clock.now()
  const seen = await lookAtAll(deps, now)
  const lost = (await selectLostGateways(db)).map(
    ({ id, slug, since }): Condition => ({
      ...{ subject: slug, gatewayId: id, details: { since: new Date(since).toISOString() } },
    }),
  )
  const there = seen.flatMap(({ condition }) => condition ?? [])
  const settled = await db.transaction(async tx => {
    for (let first = 0; first < seen.length; first += 1000)
      await saveProgress(tx, seen.slice(first, first + 1000))
    const gateways = await settleIncidents(tx, 'gateway_lost', lost, now)
    const alerts = await settleIncidents(tx, 'alert', there, now)
    const escalated = await insertDeliveries(tx, await addresseesOf(tx, seen, now), now)
    return { gateways, alerts, escalated }
  })
  metrics.gauge('analytics_alert_targets', seen.length)
  metrics.gauge('analytics_alerts_open', there.length)
  metrics.gauge('analytics_alerts_silenced', there.filter(one => one.explainedBy !== undefined).length)
  for (const gateway of settled.gateways.opened) log.warn('gateway is lost', { gateway })
  for (const alert of settled.alerts.opened) log.warn('alert opened', { alert })
  for (const alert of settled.alerts.closed) log.info('alert closed', { alert })
  for (const { incidentId, step } of settled.escalated) log.warn('incident escalated', { incidentId, step })
}

async function lookAtAll({ db, granted = openGranted() }: AlertDeps, now: number): Promise<Seen[]> {
  const pauses = await selectPausesOfRules(db, now - PAUSE_KEPT_MS)
  const seen: Seen[] = []
  for (let after: readonly [number, number] = [0, 0]; ; ) {
    const targets = await selectAlertTargets(db, { after, limit: TARGETS_A_PAGE, variables: CODES })
    seen.push(...(await look({ db, granted, pausesOf: pausesOf(pauses) }, targets, now)))
    const last = targets.at(-1)
    if (last === undefined || targets.length < TARGETS_A_PAGE) return seen
    after = [last.ruleId, last.pointId]
  }
}

const pausesOf =
  (pauses: readonly PauseOfRules[]) =>
  ({ clientId, pointId }: { clientId: number; pointId: number }): PauseOfRules[] =>
    pauses.filter(one => one.clientId === clientId && (one.pointId === null || one.pointId === pointId))

/** Who is told of what, at once and step by step. */
async function addresseesOf(sql: Sql, seen: readonly Seen[], now: number): Promise<Addressee[]> {
  const telling = seen.filter(({ tells }) => tells.length > 0)
  const stepsOf = ({ rule }: Seen) => [
    { step: 0, afterMs: 0, notify: rule.notify },
    ...rule.escalation.map(({ after, notify }, index) => ({
      ...{ step: index + 1, afterMs: durationMs(after), notify },
    })),
  ]
  const directory = await readDirectory(
    sql,
    telling.flatMap(one => stepsOf(one).flatMap(({ notify }) => notify)),
  )
  return telling.flatMap(one =>
    one.tells.flatMap(subject =>
      stepsOf(one).flatMap(({ step, afterMs, notify }) =>
        notify
          .flatMap(recipient =>
            waysTo(recipient, directory, { now, severity: one.rule.severity, clientId: one.clientId }),
          )
          .map(way => ({ ...way, ...subject, step, afterMs })),
      ),
    ),
  )
}
