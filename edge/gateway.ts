// The gateway: what is measured is put on disk, shown on the LAN, and sent until the cloud has committed it.
//
//   sources ──poll──▶ buffer ──▶ LAN broker
//                        └──────▶ uplink ──▶ cloud
//
// Started in this order and stopped in the reverse. A loop that fails ends the gateway: its supervisor starts it again,
// and the buffer goes on where it was.

import type { Measurement } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../protocol/runtime/metrics.ts'
import { aborted, openScope, type Scope } from '../protocol/runtime/scope.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import { type LanBroker, openLanBroker } from './broker.ts'
import { type Buffer, openBuffer } from './buffer.ts'
import { openCommands } from './commands.ts'
import type { RunnableConfig } from './config.ts'
import { executor } from './executor.ts'
import { GATEWAY_METRICS, openHealth, totalOf } from './health.ts'
import { type HoldDeps, openHold, readGuess } from './hold.ts'
import { runLanState, type SeriesFacts, seriesFacts } from './lan-facts.ts'
import { openLedger } from './ledger.ts'
import { type Bus, openBus } from './modbus/bus.ts'
import { pollDevice, toPolledDevice } from './modbus/poll.ts'
import { BATCH_EVERY_MS } from './pace.ts'
import { type Line, openLine, type PollerDeps, type Source, type SourceHealth } from './poller.ts'
import { providerLines } from './providers/lines.ts'
import { openMarks } from './providers/marks.ts'
import { openSeriesBook } from './series-book.ts'
import type { SparkplugNode } from './sparkplug/node.ts'
import { nextBdSeq } from './sparkplug/session.ts'
import { openStatusServer, type StatusDeps } from './status-server.ts'
import { type ClockAnswer, openTimeQuality, readBootId, type TimeQualityProbe } from './time-quality.ts'
import { openTransport } from './transport/open.ts'
import { openUplink } from './uplink.ts'

/** What a gateway needs of the machine. */
export interface GatewayDeps {
  clock: Clock
  log: Log
  random: () => number
  /** Whether the clock is synchronised; `undefined` when nobody can say. */
  askClock: () => Promise<ClockAnswer>
}

/** Runs a gateway until the signal aborts. Resolves when everything is closed; `onReady` is called when it works. */
export async function runGateway(
  { clock, log, random, askClock }: GatewayDeps,
  config: RunnableConfig,
  { version, onReady = () => {} }: { version: string; onReady?: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { gateway, client, project } = config
  await using scope = openScope(signal)
  const metrics = openMetrics(GATEWAY_METRICS)
  const sources = new Map<string, SourceHealth>()
  const buffer = scope.use(await openBuffer({ clock, log }, config.buffer))
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
  const lan = await openLan({ clock, log, metrics }, config)
  if (lan !== undefined) scope.use(lan)
  const buses = config.buses.map(bus => scope.use(openBus({ clock, log, random }, bus)))
  let hindrance: string | undefined
  const latest = new Map<string, Measurement>()
  const store = async (measurements: readonly Measurement[]) => {
    await ledger.look()
    const { readings, held } = await hold.store(measurements).catch((error: unknown) => {
      if (error instanceof Unavailable) hindrance = error.message
      throw error
    })
    for (const one of measurements) latest.set(`${one.point}/${one.variable}`, one)
    hindrance = undefined
    uplink.wake()
    lan?.publish([...readings, ...held.map(one => ({ ...one, seq: 0 }))])
  }
  const poller: PollerDeps = { clock, log, metrics, health: sources, store }
  const remote = { folder: config.buffer.path, devices: config.providers.map(({ id }) => id) }
  const marks = scope.use(await openMarks({ clock, log }, remote))
  const lines = [
    ...busLines(poller, time, config, buses),
    ...providerLines(poller, time, marks, config.providers),
  ]
  const stop = new AbortController()
  const restart = () => stop.abort(new Error('Restart commanded'))
  let lastWrite: GatewayHealth['lastWrite']
  const execute = executor(
    {
      ...{ clock, log, clockState: time.state, lines, buses, devices: config.devices, restart },
      onWrite: write => {
        lastWrite = write
      },
    },
    scope.signal,
  )
  const commands = await openCommands({ clock, log, metrics, execute }, { gateway, path: config.buffer.path })
  const health = openHealth(
    {
      ...{ buffer, metrics, clock, clockState: time.state, sources, buses, lastWrite: () => lastWrite },
      ledger: ledger.tell,
    },
    { version },
  )
  const transport = await openTransport({ clock }, config)
  const uplink = openUplink(
    {
      ...{ buffer, transport, clock, log, metrics, random, health, clockState: time.state },
      book: openSeriesBook({ gateway, client, project }, seriesOf(config)),
      onCommand: commands.handle,
    },
    { gateway, version, ...uplinkOptions(config) },
  )
  const status = { clock, log, health, metrics, connected: uplink.connected, hindrance: () => hindrance }
  await openStatus(scope, status, config, latest)

  isStarted = true
  scope.run(time.run)
  scope.run(hold.run)
  scope.run(uplink.run)
  if (lan !== undefined) {
    const facts = { gateway, version, clockState: time.state, connected: uplink.connected }
    scope.run(until => runLanState({ clock, lan }, { ...facts, hindrance: () => hindrance }, until))
  }
  for (const line of lines) scope.run(line.run)
  // A command to restart ends this process with success; its supervisor starts it again.
  scope.run(until => aborted(AbortSignal.any([until, stop.signal])).then(() => stop.signal.throwIfAborted()))
  log.info('gateway started', { gateway, version, epoch: buffer.epoch, readings: buffer.status().readings })
  onReady()
  await scope.finished().catch((error: unknown) => {
    if (error !== stop.signal.reason) throw error
    log.info('gateway restarts as commanded', {})
  })
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

async function openLan(
  deps: { clock: Clock; log: Log; metrics: Metrics },
  config: RunnableConfig,
): Promise<LanBroker | undefined> {
  const { lanBroker, client, project } = config
  if (lanBroker === undefined) return undefined
  const series = seriesFacts(config)
  const sparkplug = await openSparkplug(deps, config, series)
  return await openLanBroker(deps, { ...lanBroker, client, project, series, sparkplug })
}

async function openSparkplug(
  { clock, log }: { clock: Clock; log: Log },
  { lanBroker, client, gateway, buffer }: RunnableConfig,
  series: readonly SeriesFacts[],
): Promise<SparkplugNode | undefined> {
  if (lanBroker?.sparkplug === undefined) return undefined
  const { groupId = client, nodeId = gateway } = lanBroker.sparkplug
  // Who does not speak it does not load it.
  const { openSparkplugNode } = await import('./sparkplug/node.ts')
  const bdSeq = await nextBdSeq({ log }, buffer.path)
  return openSparkplugNode({ clock }, { groupId, nodeId, bdSeq }, series)
}

async function openStatus(
  scope: Scope,
  deps: StatusDeps,
  config: RunnableConfig,
  latest: ReadonlyMap<string, Measurement>,
): Promise<void> {
  const { gateway, status } = config
  if (status === undefined) return
  const series = () => latestOf(config, latest)
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

function busLines(
  poller: PollerDeps,
  time: TimeQualityProbe,
  { devices }: RunnableConfig,
  buses: readonly Bus[],
): Line[] {
  return buses.flatMap(bus => {
    const sources = devices
      .filter(device => device.bus === bus.id)
      .map((device): Source => {
        const polled = toPolledDevice(device, device.signals, device.reads, bus.timing)
        return {
          ...{ id: device.id, provider: undefined, everyMs: device.every, delayMs: device.delay },
          collect: signal => {
            const { clock, quality } = time.stamp()
            return pollDevice({ bus, clock }, polled, quality, signal)
          },
        }
      })
    return sources.length === 0 ? [] : [openLine(poller, { id: bus.id, sources })]
  })
}

function seriesOf({ devices, providers }: RunnableConfig) {
  return [...devices, ...providers].flatMap(({ point, signals }) =>
    signals.map(signal => ({ point: signal.point ?? point, variable: signal.variable })),
  )
}
