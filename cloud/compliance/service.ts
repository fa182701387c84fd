// The compliance service: port 8002. Declares to DGA what is owed, and reports to SMA, by itself, and at once when an operator asks.

import { Hono } from 'hono'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { MetricHelp, Metrics } from '../../protocol/runtime/metrics.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { type Outcry, runWatchdog } from '../alerts/watchdog.ts'
import { type RunningService, serveService } from '../service.ts'
import { SLOT_STATES } from '../store/compliance.ts'
import { selectSlotCounts } from '../store/compliance-slots.ts'
import type { Database } from '../store/database.ts'
import { selectVersion } from '../store/queries.ts'
import { runTraceExport } from '../tracing/otlp.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { keepWorking } from '../work-loop.ts'
import { workersCheck } from '../workers.ts'
import { openBreakers } from './breaker.ts'
import { runCredentialsCheck } from './credentials.ts'
import type { Fetch } from './dga/exchange.ts'
import { openRestClient, type RestOptions } from './dga/rest.ts'
import { openSoapClient, type SoapOptions } from './dga/soap.ts'
import { runLateWatch } from './late.ts'
import { openPacer } from './pacer.ts'
import { COMPLIANCE_RULES, type ComplianceRules, complianceLoops, runRound } from './runner.ts'
import type { Secrets } from './secrets.ts'
import type { SendDeps } from './send.ts'
import { openSmaClient } from './sma/client.ts'
import { runSmaWatch } from './sma/late.ts'
import { runSmaRound, SMA_RULES, type SmaDeps, smaLoops } from './sma/runner.ts'

/** What the compliance service counts. */
export const COMPLIANCE_METRICS: readonly MetricHelp[] = [
  { name: 'compliance_submissions_total', type: 'counter', help: 'Submissions by channel and outcome' },
  {
    name: 'compliance_verifications_total',
    type: 'counter',
    help: 'Receipts asked after, by channel and outcome',
  },
  { name: 'compliance_sma_reports_total', type: 'counter', help: 'Reports to SMA by outcome' },
  {
    name: 'compliance_secrets',
    type: 'gauge',
    help: 'Passwords by the key that seals them: current, former, or unreadable',
  },
  { name: 'compliance_slots', type: 'gauge', help: 'Slots by state' },
  {
    name: 'compliance_oldest_owed_seconds',
    type: 'gauge',
    help: 'How long ago the oldest slot that is still owed was due',
  },
]

/** Says whether a request comes from somebody who may have slots sent now. */
export type AuthorizeOperator = (request: Request) => Promise<Verdict>

/** What the compliance service works with. */
export interface ComplianceDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  fetch: Fetch
  secrets: Secrets
  authorizeOperator: AuthorizeOperator
}

/** What startCompliance() is told. */
export interface ComplianceOptions {
  host: string
  port: number
  version: string
  rest?: RestOptions
  soap?: SoapOptions
  rules?: Partial<ComplianceRules>
  /** Between two requests to DGA, of all hands together. */
  paceMs?: number
  sma?: { url?: string; paceMs?: number }
  /** Where traces go. */
  otlpUrl?: string
  /** Where it is told that somebody is missed. */
  outcry?: Outcry
}

const PACE_MS = 250

/** Starts the compliance service. */
export async function startCompliance(
  { authorizeOperator, fetch, ...given }: ComplianceDeps,
  {
    host,
    port,
    version,
    rest,
    soap,
    rules: some,
    paceMs = PACE_MS,
    sma = {},
    otlpUrl,
    outcry,
  }: ComplianceOptions,
): Promise<RunningService> {
  const { db, clock, log, metrics } = given
  const scope = openScope()
  const rules = { ...COMPLIANCE_RULES, ...some }
  const clients = { rest: openRestClient({ fetch }, rest), soap: await openSoapClient({ fetch }, soap) }
  const deps = {
    ...given,
    clients,
    breakers: openBreakers(),
    pacer: openPacer({ clock }, { everyMs: paceMs }),
  }
  const smaDeps = {
    ...given,
    client: openSmaClient({ fetch, clock }, sma.url === undefined ? {} : { url: sma.url }),
    pacer: openPacer({ clock }, { everyMs: sma.paceMs ?? PACE_MS }),
  }
  const checks = {
    database: async () => ({ version: await selectVersion(db) }),
    workers: workersCheck(given, 'compliance'),
    slots: async () => {
      scope.signal.throwIfAborted()
      return measureSlots({ db, clock, metrics })
    },
  }
  const routes = sendRoutes({ ...deps, sma: smaDeps }, { authorizeOperator, rules, signal: scope.signal })
  const service = await serveService(
    { clock, log, metrics },
    { name: 'compliance', host, port, version, checks, routes },
  )
  scope.use(service)
  for (const loop of complianceLoops(deps, rules)) scope.run(loop)
  for (const loop of smaLoops(smaDeps, SMA_RULES)) scope.run(loop)
  scope.run(signal => runSmaWatch(given, signal))
  scope.run(signal => measureForEver(given, signal))
  scope.run(signal => runLateWatch(given, 'compliance.late', signal))
  // Who sends messages cannot be asked whether it does: another process watches it too.
  scope.run(signal => runWatchdog(given, outcry, signal))
  scope.run(signal => runCredentialsCheck(given, signal))
  if (otlpUrl !== undefined)
    scope.run(signal => runTraceExport({ ...given, fetch }, { url: otlpUrl, version }, signal))
  return { ...service, failed: scope.finished(), close: () => scope[Symbol.asyncDispose]() }
}

/** POST /send-pending-data: does everything that can be done now, and answers with the counts. */
function sendRoutes(
  deps: SendDeps & { sma: SmaDeps },
  {
    authorizeOperator,
    rules,
    signal,
  }: { authorizeOperator: AuthorizeOperator; rules: ComplianceRules; signal: AbortSignal },
): Hono {
  const app = new Hono()
  const runAll = async () => {
    const dga = await runRound(deps, rules, signal)
    return { ...dga, sma: await runSmaRound(deps.sma, SMA_RULES, signal) }
  }
  let running: ReturnType<typeof runAll> | undefined
  app.post('/send-pending-data', async context => {
    requireAllowed(await authorizeOperator(context.req.raw))
    running ??= runAll().finally(() => {
      running = undefined
    })
    return context.json(await running)
  })
  return app
}

type MeasureDeps = Pick<SendDeps, 'db' | 'clock' | 'metrics'>

async function measureSlots({ db, clock, metrics }: MeasureDeps): Promise<Record<string, unknown>> {
  const { states, oldestOwedAt } = await selectSlotCounts(db)
  const oldestOwedSeconds = oldestOwedAt === null ? 0 : Math.max(0, clock.now() - oldestOwedAt) / 1000
  for (const state of SLOT_STATES) metrics.gauge('compliance_slots', states[state] ?? 0, { state })
  metrics.gauge('compliance_oldest_owed_seconds', oldestOwedSeconds)
  return { states, oldestOwedSeconds }
}

const MEASURE_EVERY_MS = 15_000

function measureForEver(deps: MeasureDeps & Pick<SendDeps, 'log'>, signal: AbortSignal): Promise<void> {
  const measure = async () => {
    await measureSlots(deps)
    return false
  }
  return keepWorking(deps, { pollMs: MEASURE_EVERY_MS }, measure, signal)
}
