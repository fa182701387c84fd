// The processor as a service: port 8003. Takes batches that wait, round after round; recomputes when asked.

import type { Hono } from 'hono'
import type { NatsOptions } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { MetricHelp, Metrics } from '../../protocol/runtime/metrics.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { runLateWatch } from '../compliance/late.ts'
import { IMPORT_METRICS, runImports } from '../imports/runner.ts'
import { openHints } from '../nats-hints.ts'
import { COMMITTED_SUBJECT } from '../nats-subjects.ts'
import { type RunningService, serveService } from '../service.ts'
import type { Database } from '../store/database.ts'
import { selectBacklog } from '../store/processing.ts'
import { selectVersion } from '../store/queries.ts'
import type { RetentionRule } from '../store/retention.ts'
import { keepWorking, type WorkLoopOptions } from '../work-loop.ts'
import { openBeat, workersCheck } from '../workers.ts'
import { runLedger } from './ledger.ts'
import { RETENTION_METRICS, runRetention } from './retention.ts'
import {
  continueRecomputation,
  processCarefully,
  processRound,
  type RoundLimits,
  type RoundOutcome,
} from './round.ts'
import { type AuthorizeOperator, processRoutes } from './routes.ts'

/** What the processor counts. */
export const PROCESSOR_METRICS: readonly MetricHelp[] = [
  { name: 'processor_batches_total', type: 'counter', help: 'Batches processed' },
  { name: 'processor_readings_total', type: 'counter', help: 'Readings processed' },
  { name: 'processor_derived_total', type: 'counter', help: 'Derived values written or changed' },
  { name: 'processor_set_aside_total', type: 'counter', help: 'Batches and points set aside with a reason' },
  { name: 'processor_lag_seconds', type: 'gauge', help: 'How long the oldest batch has waited' },
  { name: 'processor_waiting_batches', type: 'gauge', help: 'Batches that wait' },
  {
    name: 'processor_ledger_difference',
    type: 'gauge',
    help: 'Readings that have been neither in a gateway nor here for 15 minutes',
  },
  ...RETENTION_METRICS,
  ...IMPORT_METRICS,
]

/** What startProcessor() is told. */
export interface ProcessorOptions {
  host: string
  port: number
  version: string
  /** How long an idle processor waits before it looks again. */
  pollMs?: number
  limits?: Partial<RoundLimits>
  /** How long raw readings are kept; absent: for ever. */
  retention?: RetentionRule
  /** The nats-server at which collectors tell that they committed something. */
  nats?: NatsOptions
}

/** What the processor works with. */
export interface ProcessorDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  authorizeOperator: AuthorizeOperator
}

const POLL_MS = 500
/** So long an idle processor waits that is told when there is work: it may not hear it. */
const HINTED_MS = 5_000
/** Where batches never end, what is to be computed again has a turn after so many rounds all the same. */
const ROUNDS_BETWEEN = 8
const LIMITS: RoundLimits = { gatewaysMax: 8, batchesEachMax: 8, readingsMax: 50_000 }

/** Starts the processor. */
export async function startProcessor(
  { authorizeOperator, ...deps }: ProcessorDeps,
  { host, port, version, pollMs = POLL_MS, limits, retention, nats }: ProcessorOptions,
): Promise<RunningService> {
  const { db, clock, log, metrics } = deps
  const scope = openScope()
  const checks = {
    database: async () => ({ version: await selectVersion(db) }),
    workers: workersCheck(deps, 'processor'),
    line: async () => {
      scope.signal.throwIfAborted()
      return { ...(await measureBacklog(deps)) }
    },
  }
  const routes: Hono = processRoutes({ db, clock, authorizeOperator })
  const service = await serveService(
    { clock, log, metrics },
    { name: 'processor', host, port, version, checks, routes },
  )
  scope.use(service)
  const loop: WorkLoopOptions = { pollMs }
  if (nats !== undefined) {
    const options = { nats, subject: COMMITTED_SUBJECT, pollMs, hintedMs: HINTED_MS }
    const hints = openHints({ ...deps, random: Math.random }, options)
    scope.run(hints.run)
    loop.rest = hints.next
  }
  scope.run(signal => runProcessor(deps, { ...loop, limits: { ...LIMITS, ...limits } }, signal))
  scope.run(signal => runLedger(deps, signal))
  scope.run(signal => runLateWatch(deps, 'processor.late', signal))
  scope.run(signal => runImports(deps, signal))
  if (retention !== undefined) scope.run(signal => runRetention(deps, retention, signal))
  return { ...service, failed: scope.finished(), close: () => scope[Symbol.asyncDispose]() }
}

/** Takes batches until the signal aborts. A database that does not answer is waited for. */
export function runProcessor(
  deps: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  { limits, ...loop }: WorkLoopOptions & { limits: RoundLimits },
  signal: AbortSignal,
): Promise<void> {
  let rounds = 0
  const work = async () => {
    const hadBatches = await takeBatches(deps, limits)
    rounds = hadBatches ? rounds + 1 : ROUNDS_BETWEEN
    let isBusy = hadBatches
    if (rounds >= ROUNDS_BETWEEN) {
      rounds = 0
      isBusy = (await computeAgain(deps, limits)) || hadBatches
    }
    await measureBacklog(deps)
    return isBusy
  }
  return keepWorking(deps, { ...loop, beat: openBeat(deps, 'processor.batches') }, work, signal)
}

/** One round, and, when it fails for another reason than the database being away, one batch of it with care. */
async function takeBatches(
  deps: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  limits: RoundLimits,
): Promise<boolean> {
  try {
    const outcome = await processRound(deps, limits)
    report(deps, outcome)
    return outcome.batches > 0
  } catch (error) {
    if (error instanceof Unavailable) throw error
    deps.log.warn('round failed', { reason: reasonOf(error) })
    const outcome = await processCarefully(deps, limits)
    report(deps, outcome)
    return outcome.batches > 0
  }
}

/** One step of what is to be computed again, if there is anything. */
async function computeAgain(
  deps: { db: Database; clock: Clock; log: Log; metrics: Metrics },
  limits: RoundLimits,
): Promise<boolean> {
  const outcome = await continueRecomputation(deps, limits)
  if (outcome === undefined) return false
  report(deps, outcome)
  deps.log.debug('recomputation went on', { derived: outcome.derived })
  return true
}

function report(
  { log, metrics }: { log: Log; metrics: Metrics },
  { batches, readings, derived, failures }: RoundOutcome,
): void {
  metrics.count('processor_batches_total', {}, batches)
  metrics.count('processor_readings_total', {}, readings)
  metrics.count('processor_derived_total', {}, derived)
  for (const failure of failures) {
    metrics.count('processor_set_aside_total')
    log.warn('processing set aside', { ...failure })
  }
  if (batches > 0) log.debug('batches processed', { batches, readings, derived })
}

async function measureBacklog({
  db,
  clock,
  metrics,
}: {
  db: Database
  clock: Clock
  metrics: Metrics
}): Promise<{ waitingBatches: number; lagSeconds: number; setAside: number }> {
  const { waiting, oldestAt, setAside } = await selectBacklog(db)
  const lagSeconds = oldestAt === null ? 0 : Math.max(0, clock.now() - oldestAt) / 1000
  metrics.gauge('processor_waiting_batches', waiting)
  metrics.gauge('processor_lag_seconds', lagSeconds)
  return { waitingBatches: waiting, lagSeconds, setAside }
}
