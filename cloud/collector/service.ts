// The collector: from a gateway's batches to committed rows and acks. Port 8001, and the MQTT port.

import { Hono } from 'hono'
import type { Batch } from '../../protocol/batch.ts'
import { PROVIDER_NAMES } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { Scope } from '../../protocol/runtime/scope.ts'
import { ackTopic } from '../../protocol/topics.ts'
import { Problem } from '../problem.ts'
import { type RunningService, serveService } from '../service.ts'
import type { Database } from '../store/database.ts'
import { findGateway, type GatewayRow, newestOfAll } from '../store/gateways.ts'
import { openSeriesIds } from '../store/series.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { type Broker, openBroker } from './broker.ts'
import { askToCollect, COLLECT_PROVIDERS, runCommands } from './commands.ts'
import { type Committer, openCommitter } from './committer.ts'
import type { Subscriber } from './identity.ts'
import { openIntake } from './intake.ts'
import type { PortOptions } from './ports.ts'
import { openRawFeed } from './raw.ts'
import { openStatusKeeper } from './status.ts'

/** Two workers keep two cores and two connections busy; more brought nothing (measured). */
const WORKERS = 2

/** So long after it was withdrawn a token may still be in use. */
const ASK_AGAIN_EVERY_MS = 60_000

/** What the collector counts. */
export const COLLECTOR_METRICS = [
  { name: 'collector_batches_total', type: 'counter', help: 'Batches, by what became of them.' },
  {
    name: 'collector_numbers_reused_total',
    type: 'counter',
    help: 'Batches whose numbers came before with other readings.',
  },
  { name: 'collector_readings_total', type: 'counter', help: 'Readings, by what became of them.' },
  { name: 'collector_bytes_total', type: 'counter', help: 'Bytes of batches received.' },
  {
    name: 'collector_refused_total',
    type: 'counter',
    help: 'Connections, packets, sign-ins, publishes and subscriptions refused.',
  },
] as const

/** What the collector needs. */
export interface CollectorDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  authenticateSubscriber: (token: string) => Promise<Subscriber | undefined>
  authorizeOperator: (request: Request) => Promise<Verdict<{ principal: { name: string } }>>
}

/** Where the collector listens. */
export interface CollectorOptions {
  host: string
  port: number
  version: string
  mqtt: PortOptions
}

/** A collector that listens, also for gateways. */
export interface RunningCollector extends RunningService {
  mqttPort: number
  failed: Promise<void>
}

/** Starts the collector. It fails as a whole when one of its loops does. */
export async function startCollector(
  deps: CollectorDeps,
  options: CollectorOptions,
): Promise<RunningCollector> {
  const scope = new Scope()
  try {
    return await startInScope(deps, options, scope)
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    throw error
  }
}

async function startInScope(
  deps: CollectorDeps,
  { host, port, version, mqtt }: CollectorOptions,
  scope: Scope,
): Promise<RunningCollector> {
  const { db, clock, log, metrics, random } = deps
  const feed = openRawFeed({ clock })
  const status = openStatusKeeper({ db, log })
  let committer: Committer
  let broker: Broker
  const spread = (topic: string, payload: string) => {
    broker.spread(topic, payload).catch((error: unknown) => {
      log.warn('message was not published', { topic, reason: reasonOf(error) })
    })
  }
  const intake = openIntake({
    db,
    metrics,
    committer: () => committer,
    sendAck: (gateway, ack) =>
      void broker.tell(gateway, { topic: ackTopic(gateway), payload: JSON.stringify(ack) }),
    onCommitted: (gateway: GatewayRow, batch: Batch) => {
      if (!broker.hasSubscribers()) return
      for (const { topic, payload } of feed.messagesOf(gateway, batch.readings)) spread(topic, payload)
    },
  })
  committer = openCommitter(
    { db, series: openSeriesIds(db), clock, log, metrics, random, onDone: intake.done },
    { workers: WORKERS },
  )
  broker = scope.use(
    await openBroker(
      {
        ...{ clock, log, metrics },
        findGateway: slug => findGateway(db, slug),
        authenticateSubscriber: deps.authenticateSubscriber,
        onMessage: (gateway, topic, message) =>
          topic.kind === 'up'
            ? intake.take(gateway, topic.lane, message)
            : status.take(gateway, topic, message),
        onSubscribe: async (filter, send) => {
          for (const { topic, payload } of feed.retained(await newestOfAll(db), filter)) send(topic, payload)
        },
      },
      mqtt,
    ),
  )
  for (let worker = 0; worker < WORKERS; worker += 1) scope.run(signal => committer.work(worker, signal))
  scope.run(signal => runCommands({ db, broker, clock, log }, signal))
  scope.run(signal => runDoorman({ broker, clock, log }, signal))
  const server = scope.use(
    await serveService(
      { clock, log, metrics },
      {
        ...{ name: 'collector', host, port, version, routes: routes(deps) },
        facts: { providers: PROVIDER_NAMES, supported_frequencies: ['1', '5', '60'] },
        checks: {
          database: async () => ({ reachable: (await db.query('select 1 as one', [])).length === 1 }),
          broker: () => ({ port: broker.port, gateways: broker.connectedGateways().length }),
          queue: () => ({ load: committer.load() }),
        },
      },
    ),
  )
  return {
    ...server,
    mqttPort: broker.port,
    failed: scope.finished(),
    close: () => scope[Symbol.asyncDispose](),
  }
}

/** Ends connections whose sign-in is not valid any more, until the signal aborts. */
async function runDoorman(
  { broker, clock, log }: { broker: Broker; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(ASK_AGAIN_EVERY_MS, signal)
    try {
      await broker.askAgain()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.warn('sign-ins were not asked again', { reason: reasonOf(error) })
    }
  }
}

function routes(deps: CollectorDeps): Hono {
  const app = new Hono()
  app.post('/collect/:provider', async context => {
    const { principal } = requireAllowed(await deps.authorizeOperator(context.req.raw))
    const provider = COLLECT_PROVIDERS.find(known => known === context.req.param('provider'))
    if (provider === undefined) {
      throw new Problem(404, 'No such provider', { detail: `There are ${COLLECT_PROVIDERS.join(', ')}` })
    }
    const gateways = await askToCollect(deps, { provider, by: principal.name })
    return context.json({ provider, gateways }, 202)
  })
  return app
}
