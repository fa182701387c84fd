// The collector: from a gateway's batches to committed rows and acks. Port 8001, and the MQTT port.

import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import type { Batch } from '../../protocol/batch.ts'
import { PROVIDER_NAMES } from '../../protocol/ids.ts'
import type { NatsOptions } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { Scope } from '../../protocol/runtime/scope.ts'
import { ackTopic, type GatewayTopic, parseGatewayTopic } from '../../protocol/topics.ts'
import { Problem } from '../problem.ts'
import { type RunningService, serveService } from '../service.ts'
import type { Database } from '../store/database.ts'
import type { Cut } from '../store/fleet.ts'
import { findGateway, type GatewayRow, listStates, newestOfAll } from '../store/gateways.ts'
import { openSeriesIds } from '../store/series.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { type Broker, openBroker } from './broker.ts'
import { runClones } from './clones.ts'
import { askToCollect, COLLECT_PROVIDERS, runCommands } from './commands.ts'
import { type Committer, openCommitter } from './committer.ts'
import { runConfigurations } from './configurations.ts'
import { runCuts } from './cuts.ts'
import type { Subscriber } from './identity.ts'
import { type Message, openIntake, TAKEN, type Taken } from './intake.ts'
import { type NatsGate, openNatsGate } from './nats-gate.ts'
import type { LeaseTiming } from './partition-leases.ts'
import { SAID_PARTITION } from './partitions.ts'
import type { PortOptions } from './ports.ts'
import { openPost, type Post, type Way } from './post.ts'
import { runPresence } from './presence.ts'
import { clientOf, openRawFeed, type RawFeed, sayReadings } from './raw.ts'
import { openRefusalRecord } from './refusal-record.ts'
import { openStatusKeeper, statesFor } from './status.ts'
import { openTurns } from './turns.ts'

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
  {
    name: 'collector_letters_dropped_total',
    type: 'counter',
    help: 'Messages set aside that were dropped for newer ones of the same gateway.',
  },
  { name: 'collector_readings_total', type: 'counter', help: 'Readings, by what became of them.' },
  { name: 'collector_bytes_total', type: 'counter', help: 'Bytes of batches received.' },
  {
    name: 'collector_refused_total',
    type: 'counter',
    help: 'Connections, packets, sign-ins, publishes, subscriptions and messages refused.',
  },
  {
    name: 'collector_spread_dropped_total',
    type: 'counter',
    help: 'Messages that subscribers were not told because too many waited, and subscribers cut off because they did not read.',
  },
  {
    name: 'collector_configurations_refused_total',
    type: 'counter',
    help: 'Configurations that gateways refused or took back, by why.',
  },
  { name: 'collector_nats_connected', type: 'gauge', help: 'Whether there is a session with nats-server.' },
  { name: 'collector_nats_behind', type: 'gauge', help: 'Messages that wait at nats-server.' },
  { name: 'collector_nats_waiting', type: 'gauge', help: 'Messages over NATS in hand.' },
  {
    name: 'collector_nats_partitions',
    type: 'gauge',
    help: 'Partitions of gateways over NATS that this process works on.',
  },
] as const

/** Who vouches for gateways. */
export interface Fleet {
  /** The certificates of the roots that are believed, PEM. */
  roots(): Promise<string>
}

/** What the collector needs. */
export interface CollectorDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  authenticateSubscriber: (token: string) => Promise<Subscriber | undefined>
  /** Who vouches for gateways; absent: gateways have tokens. */
  fleet?: Fleet
  authorizeOperator: (request: Request) => Promise<Verdict<{ principal: { name: string } }>>
}

/** Where the collector listens. */
export interface CollectorOptions {
  host: string
  port: number
  version: string
  mqtt: PortOptions
  /** A nats-server over which gateways come too, and other replicas are met. */
  nats?: NatsOptions
  lease?: LeaseTiming
}

/** A collector that listens, also for gateways. */
export interface RunningCollector extends RunningService {
  mqttPort: number
  /** Where there is a certificate. */
  tlsPort: number | undefined
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
  { host, port, version, mqtt, nats: natsOptions, lease }: CollectorOptions,
  scope: Scope,
): Promise<RunningCollector> {
  const { db, clock, log, metrics, random, fleet } = deps
  const roots = mqtt.tls === undefined ? undefined : await fleet?.roots()
  const feed = openRawFeed({ clock })
  const status = openStatusKeeper({ db, log, metrics })
  let committer: Committer
  let broker: Broker
  let post: Post
  let nats: NatsGate | undefined
  const intake = openIntake({
    db,
    metrics,
    committer: () => committer,
    sendAck: (gateway, ack) =>
      void post.tell(gateway, { topic: ackTopic(gateway), payload: JSON.stringify(ack) }),
    load: lane => Math.max(committer.load(lane), nats?.load() ?? 0),
    onCommitted: (gateway: GatewayRow, batch: Batch) => {
      nats?.committed()
      sayReadings({ feed, broker, nats }, gateway, batch)
    },
  })
  committer = openCommitter(
    { db, series: openSeriesIds(db), clock, log, metrics, random, onDone: intake.done },
    { workers: WORKERS },
  )
  const announce = (topic: string, payload: string | Uint8Array) => {
    broker.spread(topic, payload)
    const gateway = parseGatewayTopic(topic)?.gateway
    if (gateway !== undefined) nats?.announce(gateway, payload)
  }
  const take = (way: Way) => async (gateway: GatewayRow, topic: GatewayTopic, message: Message) => {
    post.note(gateway.slug, way)
    if (topic.kind === 'up') return intake.take(gateway, topic.lane, message)
    await status.take(gateway, topic, message, way)
    if (topic.kind === 'state') announce(message.topic, message.payload)
    return TAKEN
  }
  broker = scope.use(await openOurBroker(deps, { feed, onMessage: take('mqtt') }, withRoots(mqtt, roots)))
  if (natsOptions !== undefined) {
    const rest = { feed, broker, load: committer.load, onMessage: take('nats') }
    nats = openOurGate(deps, rest, natsOptions, lease)
  }
  post = openPost({ broker, nats })
  for (let worker = 0; worker < WORKERS; worker += 1) scope.run(signal => committer.work(worker, signal))
  if (nats !== undefined) scope.run(nats.run)
  scope.run(signal => runCommands({ db, post, clock, log }, signal))
  scope.run(signal => runConfigurations({ db, post, clock, log }, signal))
  scope.run(signal => runDoorman({ broker, clock, log }, signal))
  const cut = (one: Cut) => {
    nats?.forget(one.gateway)
    return broker.cut(one)
  }
  scope.run(signal => runCuts({ db, clock, log, cut }, signal))
  scope.run(signal => runClones({ db, clock, log }, signal))
  if (fleet !== undefined && mqtt.tls !== undefined) {
    scope.run(signal => runRoots({ broker, fleet, clock, log }, roots, signal))
  }
  const startedAt = clock.monotonic()
  const presence = { hearsSince: () => (nats === undefined ? startedAt : hearsSince(nats)), announce }
  scope.run(signal => runPresence({ db, clock, log, ...presence }, signal))
  const server = scope.use(
    await serveService(
      { clock, log, metrics },
      {
        ...{ name: 'collector', host, port, version, routes: routes(deps) },
        facts: { providers: PROVIDER_NAMES, supported_frequencies: ['1', '5', '60'] },
        checks: {
          database: async () => ({ reachable: (await db.query('select 1 as one', [])).length === 1 }),
          broker: () => ({ port: broker.port, gateways: broker.connectedGateways().length }),
          ...(nats === undefined ? {} : { nats: () => natsHealth(nats as NatsGate) }),
          queue: () => ({ load: committer.load() }),
        },
      },
    ),
  )
  return {
    ...server,
    mqttPort: broker.port,
    tlsPort: broker.tlsPort,
    failed: scope.finished(),
    close: () => scope[Symbol.asyncDispose](),
  }
}

type OnMessage = (gateway: GatewayRow, topic: GatewayTopic, message: Message) => Promise<Taken>

function openOurBroker(
  { db, clock, log, metrics, authenticateSubscriber }: CollectorDeps,
  { feed, onMessage }: { feed: RawFeed; onMessage: OnMessage },
  options: PortOptions,
): Promise<Broker> {
  const oneByOne = openTurns()
  const saidLast = (filter: string) =>
    oneByOne(async () =>
      filter.startsWith('raw/')
        ? feed.retained(await newestOfAll(db, clientOf(filter)), filter)
        : statesFor(await listStates(db), filter),
    )
  const find = (slug: string) => findGateway(db, slug)
  const record = openRefusalRecord({ db, clock, log })
  const rest = { findGateway: find, onMessage, authenticateSubscriber, saidLast, record }
  return openBroker({ clock, log, metrics, ...rest }, options)
}

function openOurGate(
  { db, clock, log, metrics, random }: CollectorDeps,
  {
    feed,
    broker,
    load,
    onMessage,
  }: { feed: RawFeed; broker: Broker; load: () => number; onMessage: OnMessage },
  options: NatsOptions,
  lease: LeaseTiming | undefined,
): NatsGate {
  const onPeer = (topic: string, payload: Uint8Array) => {
    feed.note(topic, payload)
    broker.spread(topic, payload)
  }
  const find = (slug: string) => findGateway(db, slug)
  const rest = { load, findGateway: find, onMessage, hasSubscribers: broker.hasSubscribers, onPeer }
  const replica = `collector-${randomUUID().slice(0, 8)}`
  return openNatsGate({ db, clock, log, metrics, random, ...rest }, options, { replica, ...lease })
}

/** Since when it is heard here what gateways say of themselves, of all that come over NATS. */
function hearsSince(nats: NatsGate): number | undefined {
  const hearing = nats.hearing()
  return 'since' in hearing && hearing.partitions.includes(SAID_PARTITION) ? hearing.since : undefined
}

/** Throws while gateways that come over NATS cannot be heard. */
function natsHealth(nats: NatsGate): Record<string, unknown> {
  const hearing = nats.hearing()
  if ('reason' in hearing) throw new Unavailable(`No session with nats-server: ${hearing.reason}`)
  return { connected: true, partitions: hearing.partitions }
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

/** Certificates of the fleet are believed, where there is one. */
function withRoots({ tls, ...mqtt }: PortOptions, fleetRoots: string | undefined): PortOptions {
  if (tls === undefined) return mqtt
  return { ...mqtt, tls: { ...tls, ...(fleetRoots === undefined ? {} : { fleetRoots }) } }
}

/** Believes the roots that the fleet has, also new ones, until the signal aborts. */
async function runRoots(
  { broker, fleet, clock, log }: { broker: Broker; fleet: Fleet; clock: Clock; log: Log },
  believed: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  let known = believed
  for (;;) {
    await clock.sleep(ASK_AGAIN_EVERY_MS, signal)
    try {
      const roots = await fleet.roots()
      if (roots === known) continue
      broker.believe(roots)
      known = roots
      log.info('the roots of the fleet have changed', {})
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.warn('the roots of the fleet were not read', { reason: reasonOf(error) })
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
