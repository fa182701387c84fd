// The analytics as a service: port 8005. Keeps daily balances as the rollups under them change, watches for alerts, and
// answers with balances.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { MetricHelp, Metrics } from '../../protocol/runtime/metrics.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { runCanary } from '../alerts/canary.ts'
import { runDeliveries } from '../alerts/deliver.ts'
import { type MailSettings, openMailer } from '../alerts/mail.ts'
import { runAlerts } from '../alerts/round.ts'
import { type Outcry, runWatchdog } from '../alerts/watchdog.ts'
import { openOutside } from '../alerts/ways.ts'
import type { Secrets } from '../compliance/secrets.ts'
import { type RunningService, serveService } from '../service.ts'
import { countAnalysesDue, countOpenAnomalies } from '../store/analyses.ts'
import { countBalancesDue, lockBalances, takeBalancesDue, writeBalances } from '../store/balances.ts'
import type { Database } from '../store/database.ts'
import { selectVersion } from '../store/queries.ts'
import type { Network } from '../webhooks/address.ts'
import { runWebhooks } from '../webhooks/deliver.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat, workersCheck } from '../workers.ts'
import { daysToBalance } from './balance.ts'
import { ANOMALY_KINDS } from './judge.ts'
import { type AuthorizeReader, analyticsRoutes } from './routes.ts'
import { STUDY_LIMITS, type StudyLimits, studyDue } from './study.ts'

/** What the analytics count. */
export const ANALYTICS_METRICS: readonly MetricHelp[] = [
  { name: 'analytics_balances_total', type: 'counter', help: 'Daily balances computed' },
  { name: 'analytics_days_due', type: 'gauge', help: 'Days whose balance is to be computed again' },
  { name: 'analytics_studied_days_total', type: 'counter', help: 'Days that were looked at for anomalies' },
  { name: 'analytics_studies_due', type: 'gauge', help: 'Days that are to be looked at for anomalies' },
  {
    name: 'analytics_anomalies_total',
    type: 'counter',
    help: 'Anomalies by what became of them: opened, closed, withdrawn',
  },
  { name: 'analytics_anomalies_open', type: 'gauge', help: 'Anomalies that are open, by kind' },
  { name: 'analytics_alert_targets', type: 'gauge', help: 'Alert rules at points that are watched' },
  { name: 'analytics_alerts_open', type: 'gauge', help: 'Alerts whose condition is there' },
  {
    name: 'analytics_alerts_silenced',
    type: 'gauge',
    help: 'Alerts of no data that a lost gateway explains',
  },
  {
    name: 'analytics_canary_arrived_seconds',
    type: 'gauge',
    help: 'When a canary arrived last, Unix time: a dead man’s switch for whoever scrapes it',
  },
  { name: 'analytics_messages', type: 'gauge', help: 'Messages to people, by state: pending, failed' },
  { name: 'analytics_seconds_total', type: 'counter', help: 'Time spent, by work: balances, study' },
]

/** What startAnalytics() is told. */
export interface AnalyticsOptions {
  host: string
  port: number
  version: string
  /** How long idle analytics wait before they look again. */
  pollMs?: number
  studyLimits?: StudyLimits
  /** Absent: nobody can be told by mail. */
  mail?: MailSettings
  /** Where people look at an incident. */
  publicUrl?: string
  /** Private networks that channels may reach. */
  webhookNetworks?: readonly Network[]
  /** What channels are sealed with; absent: nothing is sent by them. */
  secrets?: Secrets
  /** Where the weekly canary goes; absent: none flies. */
  canaryTo?: string
  /** Where it is told that somebody is missed. */
  outcry?: Outcry
}

/** What the analytics work with. */
export interface AnalyticsDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  authorizeReader: AuthorizeReader
}

const POLL_MS = 1000
const DAYS_MAX = 200

/** Starts the analytics. */
export async function startAnalytics(
  { authorizeReader, ...deps }: AnalyticsDeps,
  {
    host,
    port,
    version,
    pollMs = POLL_MS,
    studyLimits = STUDY_LIMITS,
    mail,
    publicUrl,
    webhookNetworks = [],
    secrets,
    canaryTo,
    outcry,
  }: AnalyticsOptions,
): Promise<RunningService> {
  const { db, clock, log, metrics } = deps
  const scope = openScope()
  const checks = {
    database: async () => ({ version: await selectVersion(db) }),
    workers: workersCheck(deps, 'analytics'),
    balances: async () => {
      scope.signal.throwIfAborted()
      return { daysDue: await measureDue(deps) }
    },
  }
  const routes = analyticsRoutes({ db, clock, authorizeReader })
  const service = await serveService(
    { clock, log, metrics },
    { name: 'analytics', host, port, version, checks, routes },
  )
  scope.use(service)
  scope.run(signal => runAnalytics(deps, { pollMs, studyLimits }, signal))
  scope.run(signal => runAlerts(deps, signal))
  const mailer = mail === undefined ? undefined : openMailer(mail)
  const outside = secrets === undefined ? undefined : openOutside({ clock, secrets }, webhookNetworks)
  scope.run(signal => runDeliveries({ ...deps, mailer, outside, publicUrl }, signal))
  if (outside !== undefined && secrets !== undefined) {
    scope.run(signal => runWebhooks({ ...deps, sender: outside.webhooks, secrets }, signal))
  }
  scope.run(signal => runCanary(deps, canaryTo, signal))
  scope.run(signal => runWatchdog(deps, outcry, signal))
  return { ...service, failed: scope.finished(), close: () => scope[Symbol.asyncDispose]() }
}

/** Computes balances until the signal aborts. A database that does not answer is waited for. */
export function runAnalytics(
  deps: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  { pollMs, studyLimits = STUDY_LIMITS }: { pollMs: number; studyLimits?: StudyLimits },
  signal: AbortSignal,
): Promise<void> {
  const { clock, metrics } = deps
  const timed = async <T>(work: string, does: () => Promise<T>): Promise<T> => {
    const begun = clock.monotonic()
    const done = await does()
    metrics.count('analytics_seconds_total', { work }, (clock.monotonic() - begun) / 1000)
    return done
  }
  const work = async () => {
    const computed = await timed('balances', () => computeDue(deps))
    metrics.count('analytics_balances_total', {}, computed)
    const { days, ...became } = await timed('study', () => studyDue(deps, studyLimits))
    metrics.count('analytics_studied_days_total', {}, days)
    for (const [what, count] of Object.entries(became)) {
      metrics.count('analytics_anomalies_total', { what }, count)
    }
    await measureDue(deps)
    return computed > 0 || days > 0
  }
  return keepWorking(deps, { pollMs, beat: openBeat(deps, 'analytics.balances') }, work, signal)
}

/** Computes the balances of some days that are due, in one transaction. Returns how many. */
export function computeDue({ db, clock }: { db: Database; clock: Clock }): Promise<number> {
  return db.transaction(async tx => {
    const due = await takeBalancesDue(tx, DAYS_MAX)
    if (due.length === 0) return 0
    await lockBalances(
      tx,
      due.map(({ pointId }) => pointId),
    )
    const days = daysToBalance(due)
    await writeBalances(tx, days, clock.now())
    return days.length
  })
}

async function measureDue({ db, metrics }: { db: Database; metrics: Metrics }): Promise<number> {
  const due = await countBalancesDue(db)
  metrics.gauge('analytics_days_due', due)
  metrics.gauge('analytics_studies_due', await countAnalysesDue(db))
  const open = new Map((await countOpenAnomalies(db)).map(one => [one.kind, one.open]))
  for (const kind of ANOMALY_KINDS) metrics.gauge('analytics_anomalies_open', open.get(kind) ?? 0, { kind })
  return due
}
