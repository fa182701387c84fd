// The gateway: what is measured is put on disk, shown on the LAN, and sent until the cloud has committed it.
//
//   sources ──poll──▶ buffer ──▶ LAN broker
//                        └──────▶ uplink ──▶ cloud
//
// Started in this order and stopped in the reverse. A loop that fails ends the gateway: its supervisor starts it again,
// and the buffer goes on where it was.

import { isDeepStrictEqual } from 'node:util'
import type { Measurement } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Fields, Log } from '../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../protocol/runtime/metrics.ts'
import { aborted, openScope, type Scope } from '../protocol/runtime/scope.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import { desiredTopic, reportedTopic } from '../protocol/topics.ts'
import { type Buffer, openBuffer } from './buffer.ts'
import { type Commands, openCommands } from './commands.ts'
import type { RunnableConfig } from './config.ts'
import type { Configuration } from './configuration.ts'
import { type Configured, openConfigured } from './configured.ts'
import { openIdentity } from './enrolment/renewal.ts'
import { executor } from './executor.ts'
import { GATEWAY_METRICS, openHealth, totalOf } from './health.ts'
import { type Hold, type HoldDeps, openHold, readGuess } from './hold.ts'
import { type Lan, openLan } from './lan.ts'
import { runLanState, seriesFacts } from './lan-facts.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { BATCH_EVERY_MS } from './pace.ts'
import type { PollerDeps, SourceHealth } from './poller.ts'
import type { Vitals } from './probation.ts'
import { openMarks } from './providers/marks.ts'
import { openPulse, type Pulse, watchedBuffer } from './pulse.ts'
import type { Releases } from './release/releases.ts'
import { openSeriesBook } from './series-book.ts'
import { openSite, type Site } from './site.ts'
import { openStatusServer, type StatusDeps } from './status-server.ts'
import { type ClockAnswer, openTimeQuality, readBootId } from './time-quality.ts'
import { openTransport } from './transport/open.ts'
import { openUplink, type UplinkDeps } from './uplink.ts'

/** What a gateway needs of the machine. */
export interface GatewayDeps {
  clock: Clock
  log: Log
  random: () => number
  /** Whether the clock is synchronised; `undefined` when nobody can say. */
  askClock: () => Promise<ClockAnswer>
  /** Where the configuration is from, and may be changed by the cloud. Without it, it stays as it is. */
  configuration?: Configuration
  /** The releases beside this one, where it was started so that there may be some. */
  releases?: Releases | undefined
  /** Told what moves; for a watchdog. */
  pulse?: Pulse
}

/** What a gateway that works says of itself. */
export interface RunningGateway {
  /** In a line, for who asks its supervisor. */
  status(): string
}

/** Why a gateway ended: it was told to, or its configuration is now one that it must be begun anew for. */
export type Ended = 'stopped' | 'again'

/** Runs a gateway until the signal aborts. Resolves when everything is closed; `onReady` is called when it works. */
export async function runGateway(
  deps: GatewayDeps,
  config: RunnableConfig,
  { version, onReady = () => {} }: { version: string; onReady?: (gateway: RunningGateway) => void },
  signal: AbortSignal,
): Promise<Ended> {
  const { clock, log } = deps
  await using scope = openScope(signal)
  const stop = new AbortController()
  const gateway = await openParts(deps, config, { version, stop }, scope)
  for (const loop of gateway.loops) scope.run(loop)
  // A command to restart ends this process with success; its supervisor starts it again.
  scope.run(until => aborted(AbortSignal.any([until, stop.signal])).then(() => stop.signal.throwIfAborted()))
  log.info('gateway started', { gateway: config.gateway, version, ...gateway.facts() })
  onReady(gateway)
  try {
    await scope.finished()
    return 'stopped'
  } catch (error) {
    if (error !== stop.signal.reason) throw error
    log.info(error === ANOTHER ? 'gateway begins anew' : 'gateway restarts as commanded', { at: clock.now() })
    return error === ANOTHER ? 'again' : 'stopped'
  }
}

const ANOTHER = new Error('Another configuration')

/** Opens all parts of a gateway, in order, and says which loops are to run. */
async function openParts(
  { clock, log, random, askClock, configuration, releases, pulse = openPulse({ clock }) }: GatewayDeps,
  config: RunnableConfig,
  { version, stop }: { version: string; stop: AbortController },
  scope: Scope,
): Promise<RunningGateway & { loops: ((signal: AbortSignal) => Promise<void>)[]; facts: () => Fields }> {
  const { gateway, client, project } = config
  const metrics = openMetrics(GATEWAY_METRICS)
  const sources = new Map<string, SourceHealth>()
  const buffer = scope.use(watchedBuffer(await openBuffer({ clock, log }, config.buffer), pulse))
  let isStarted = false
  const { time, hold } = await openTime(
    { clock, log, askClock, buffer },
    { connected: () => isStarted && uplink.connected(), onReleased: () => isStarted && uplink.wake() },
    config.buffer.path,
  )
  scope.use(hold)
  const lost = () => totalOf(metrics, 'gateway_readings_lost_total')
  const underWay = () => (isStarted ? uplink.underWay() : [])
  const ledger = await openLedger({ clock, log, buffer, lost, underWay }, config.buffer.path)
  const lan = scope.use(openLan({ clock, log, metrics }))
  const { store, latest, hindrance } = openStore({ ledger, hold, lan, wake: () => uplink.wake() })
  const poller: PollerDeps = { clock, log, metrics, health: sources, store, pulse }
  const remote = { folder: config.buffer.path, devices: config.providers.map(({ id }) => id) }
  const marks = scope.use(await openMarks({ clock, log }, remote))
  const site = scope.use(openSite({ poller, time, marks, clock, log, random }, scope.signal))
  const current = openCurrent(config, { lan, site, stop })
  const writes = openLastWrite()
  const execute = executor(
    {
      clock,
      log,
      clockState: time.state,
      ...{ site, random, restart: () => stop.abort(new Error('Restart commanded')) },
      updater: releases?.updater(() => current.config()),
      ...writes,
      ...(configuration === undefined ? {} : { readTrial: configuration.trial }),
    },
    scope.signal,
  )
  const commands = await openCommands({ clock, log, metrics, execute }, { gateway, path: config.buffer.path })
  const health = openHealth(
    {
      ...{ buffer, metrics, clock, clockState: time.state, sources, buses: () => site.buses },
      ...{ lastWrite: writes.lastWrite, ledger: ledger.tell, release: releases?.tell },
    },
    { version },
  )
  const identity = openIdentity(config)
  const isClockKnown = () => time.state().quality !== 'unsynced'
  const transport = await openTransport({ clock }, config, identity.credentials, isClockKnown)
  const configured =
    configuration &&
    openConfigured({
      ...{ clock, log, metrics, configuration, apply: current.apply, report: () => uplink.report() },
      vitals: () => vitalsOf({ sources, metrics, connected: uplink.connected() }),
    })
  const uplink = openUplink(
    {
      ...{ buffer, transport, clock, log, metrics, random, health, clockState: time.state, pulse },
      book: openSeriesBook({ gateway, client, project }, seriesOf(config)),
      ...talkOf(gateway, commands, configuration, configured),
    },
    { gateway, version, ...uplinkOptions(config) },
  )
  const status = { clock, log, health, metrics, connected: uplink.connected, hindrance }
  await openStatus(scope, status, current.config, latest)
  await current.begin()
  isStarted = true
  const facts = { gateway, version, clockState: time.state, connected: uplink.connected }
  const ownCommitted = () => metrics.read()['gateway_readings_acked_total{lane="live"}'] ?? 0
  return {
    loops: [
      ...[time.run, hold.run, uplink.run, identity.run({ clock, log, random, isClockKnown })],
      ...(configured === undefined ? [] : [configured.run]),
      signal => runLanState({ clock, lan }, { ...facts, hindrance }, signal),
      signal => Promise.race([site.failed, aborted(signal)]),
      async signal => await releases?.prove(ownCommitted, signal),
    ],
    facts: () => ({ epoch: buffer.epoch, readings: buffer.status().readings }),
    status: () => statusLine(buffer.status().readings, uplink.connected(), hindrance()),
  }
}

function statusLine(readings: number, isConnected: boolean, hindrance: string | undefined): string {
  const cloud = isConnected ? 'the cloud is connected' : 'the cloud is not connected'
  const disk = hindrance === undefined ? '' : `; readings cannot be stored: ${hindrance}`
  return `${readings} readings wait, ${cloud}${disk}`
}

/** What was measured goes to the disk, and from there on. */
function openStore({ ledger, hold, lan, wake }: { ledger: Ledger; hold: Hold; lan: Lan; wake: () => void }) {
  let hindrance: string | undefined
  const latest = new Map<string, Measurement>()
  return {
    latest,
    hindrance: () => hindrance,
    async store(measurements: readonly Measurement[]) {
      await ledger.look()
      const { readings, held } = await hold.store(measurements).catch((error: unknown) => {
        if (error instanceof Unavailable) hindrance = error.message
        throw error
      })
      for (const one of measurements) latest.set(`${one.point}/${one.variable}`, one)
      hindrance = undefined
      wake()
      lan.publish([...readings, ...held.map(one => ({ ...one, seq: 0 }))])
    },
  }
}

/** What of a configuration is applied by beginning anew: the rest is changed while the gateway runs. */
const coreOf = ({
  lanBroker: _,
  buses: __,
  devices: ___,
  providers: ____,
  // Read again each time: a certificate may have been renewed meanwhile, and no configuration changes whose it is.
  credentials: _____,
  ...core
}: RunnableConfig) => core

/** The configuration that is in force now, and how another one comes into force. */
function openCurrent(
  first: RunnableConfig,
  { lan, site, stop }: { lan: Lan; site: Site; stop: AbortController },
) {
  let config = first
  const apply = async (next: RunnableConfig): Promise<void> => {
    if (!isDeepStrictEqual(coreOf(next), coreOf(first))) return stop.abort(ANOTHER)
    config = next
    await lan.apply(next)
    await site.apply(next)
  }
  return { config: () => config, apply, begin: () => apply(first) }
}

/** What the uplink hears and says of commands and of the configuration. */
function talkOf(
  gateway: string,
  commands: Commands,
  configuration: Configuration | undefined,
  configured: Configured | undefined,
): Pick<UplinkDeps, 'onCommand' | 'hears' | 'reported' | 'configVersion'> {
  if (configuration === undefined || configured === undefined) return { onCommand: commands.handle }
  return {
    async onCommand(message) {
      if (message.topic !== desiredTopic(gateway)) return commands.handle(message)
      const payload = await configured.onDesired(message)
      return payload === undefined ? undefined : { topic: reportedTopic(gateway), payload, retain: true }
    },
    hears: [desiredTopic(gateway)],
    reported: () => JSON.stringify(configuration.reported()),
    configVersion: configuration.version,
  }
}

function vitalsOf({
  sources,
  metrics,
  connected,
}: {
  sources: ReadonlyMap<string, SourceHealth>
  metrics: Metrics
  connected: boolean
}): Vitals {
  return {
    sources: [...sources].map(([id, { ok, failed, lastFailure }]) => ({ id, ok, failed, lastFailure })),
    connected,
    rejected: totalOf(metrics, 'gateway_readings_rejected_total'),
  }
}

function openLastWrite() {
  let last: GatewayHealth['lastWrite']
  return {
    lastWrite: () => last,
    onWrite: (write: NonNullable<GatewayHealth['lastWrite']>) => {
      last = write
    },
  }
}

async function openTime(
  { clock, log, askClock, buffer }: Pick<GatewayDeps, 'clock' | 'log' | 'askClock'> & { buffer: Buffer },
  uplink: Pick<HoldDeps, 'connected' | 'onReleased'>,
  folder: string,
) {
  const boot = await readBootId()
  const time = await openTimeQuality({ clock }, askClock, { guessMs: await readGuess(folder, boot) })
  return { time, hold: await openHold({ clock, log, buffer, time, ...uplink }, { folder, boot }) }
}

async function openStatus(
  scope: Scope,
  deps: StatusDeps,
  config: () => RunnableConfig,
  latest: ReadonlyMap<string, Measurement>,
): Promise<void> {
  const { gateway, status } = config()
  if (status === undefined) return
  const series = () => latestOf(config(), latest)
  scope.use(await openStatusServer({ ...deps, series }, { gateway, ...status }))
}

function latestOf(config: RunnableConfig, latest: ReadonlyMap<string, Measurement>) {
  return seriesFacts(config).map(({ point, variable, meta: { source } }) => {
    return { point, variable, source, latest: latest.get(`${point}/${variable}`) }
  })
}

function uplinkOptions({ uplink }: RunnableConfig) {
  const { minReadings, maxDelay, ackTimeout, silence, window, backlogRate } = uplink
  return {
    ...{ minReadings, maxDelayMs: maxDelay, ackTimeoutMs: ackTimeout, silenceMs: silence, window },
    backlogBytesPerSecond: backlogRate ?? Number.POSITIVE_INFINITY,
    backlogEveryMs: BATCH_EVERY_MS,
  }
}

function seriesOf({ devices, providers }: RunnableConfig) {
  return [...devices, ...providers].flatMap(({ point, signals }) =>
    signals.map(signal => ({ point: signal.point ?? point, variable: signal.variable })),
  )
}
