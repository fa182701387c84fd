// From the buffer to the cloud: batches in two lanes, health in a third, acks back.
//
// Invariants:
//   U1. A reading leaves the buffer only after the cloud answered the batch that held it.
//   U2. Live data never waits for a backlog: each lane has a window of its own, and of a backlog no more is under way, nor
//       faster, than leaves room on the one connection that both go over.
//   U3. A link that brings no ack within its deadline, or nothing at all for longer than the cloud may be silent, is dead,
//       whatever it says of itself; what was under way on it is sent again on the next one.
//   U4. A message of the cloud that makes no sense is counted and ignored.
//   U5. Between two tries the uplink waits longer each time, with jitter; from the start again once the cloud answered.

import { Answer, type ClockState } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import { backoffMs } from '../protocol/runtime/retry.ts'
import { aborted, openScope } from '../protocol/runtime/scope.ts'
import type { GatewayHealth, GatewayState } from '../protocol/status.ts'
import { ackTopic, commandTopic, reportedTopic, stateTopic } from '../protocol/topics.ts'
import { addAll, type Ranges } from './buffer/ranges.ts'
import type { Buffer } from './buffer.ts'
import { sendHealth } from './health-lane.ts'
import { type Lane, openLane } from './lane.ts'
import { openPace, type Pace } from './pace.ts'
import { type Pulse, STILL_MAX_MS } from './pulse.ts'
import type { SeriesBook } from './series-book.ts'
import { openThrottle, type Throttle, unthrottled } from './throttle.ts'
import type { Incoming, Link, Transport } from './transport/transport.ts'

/** The pauses between two tries. */
export const RECONNECT = { firstMs: 1_000, maxMs: 60_000 }
const LOOK_EVERY_MS = 250

/** What an uplink needs. */
export interface UplinkDeps {
  buffer: Buffer
  transport: Transport
  book: SeriesBook
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  clockState: () => ClockState
  health: () => Promise<GatewayHealth>
  /** A command came, or a message of another topic that is heard; what it gives is published. */
  onCommand: (message: Incoming) => Promise<{ topic: string; payload: string; retain?: boolean } | undefined>
  /** Topics that are heard besides. */
  hears?: readonly string[]
  /** Which configuration is in force, said as each session begins and when told to. */
  reported?: () => string
  /** Told that the uplink moves, be it that it failed. */
  pulse?: Pulse
  /** The version of it, for batches. */
  configVersion?: () => number
}

/** How an uplink behaves. */
export interface UplinkOptions {
  gateway: string
  version: string
  minReadings: number
  maxDelayMs: number
  ackTimeoutMs: number
  silenceMs: number
  window: number
  /** The most bytes of a backlog in a second; Infinity for no bound. */
  backlogBytesPerSecond: number
  /** How far apart the batches of a backlog are at least. */
  backlogEveryMs: number
}

/** The way to the cloud, kept open. */
export interface Uplink {
  /** Connects, sends, reconnects, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Something was appended: look at it now. */
  wake(): void
  connected(): boolean
  /** Says now which configuration is in force, where the cloud is reached. Never rejects. */
  report(): Promise<void>
  /** The numbers that were sent in this session and are not answered. */
  underWay(): Ranges
}

/** Opens an uplink. */
export function openUplink(deps: UplinkDeps, options: UplinkOptions): Uplink {
  const { clock, log, random } = deps
  /** Names of tables that the cloud has answered for, in this process. */
  const knownTables = new Set<string>()
  const { backlogBytesPerSecond: bytesPerSecond, backlogEveryMs: everyMs } = options
  const pace = openPace({ clock }, { bytesPerSecond, everyMs })
  let openLanes: readonly Lane[] = []
  let isConnected = false
  let say: (() => Promise<void>) | undefined

  return {
    connected: () => isConnected,
    report: async () => {
      await say?.().catch((error: unknown) =>
        log.warn('configuration was not reported', { reason: reasonOf(error) }),
      )
    },
    wake: () => openLanes[0]?.wake(),
    underWay: () =>
      addAll(
        [],
        openLanes.flatMap(lane => lane.underWay()),
      ),
    async run(signal) {
      deps.pulse?.begin('uplink', STILL_MAX_MS.uplink + 3 * options.ackTimeoutMs, signal)
      for (let attempt = 0; !signal.aborted; attempt += 1) {
        deps.pulse?.beat('uplink')
        try {
          await runSession(deps, options, { knownTables, pace }, signal, {
            onUp: (lanes, report) => {
              isConnected = true
              openLanes = lanes
              say = report
            },
            onDown: () => {
              isConnected = false
              say = undefined
              openLanes = []
            },
            onAnswer: () => {
              attempt = 0
            },
          })
        } catch (error) {
          if (!(error instanceof Unavailable)) throw error
          log.warn('cloud not reached', { reason: reasonOf(error), attempt })
          deps.pulse?.beat('uplink')
        }
        await clock.sleep(backoffMs(RECONNECT, attempt, random), signal)
      }
    },
  }
}

/** What a session tells of itself. */
interface SessionEvents {
  /** It works, over these lanes; the first one is that of live data. `report` says which configuration is in force. */
  onUp(lanes: readonly Lane[], report: () => Promise<void>): void
  onDown(): void
  /** The cloud answered a batch. */
  onAnswer(): void
}

/**
 * One session. Resolves when the signal aborts; throws Unavailable when the link is gone or brings no ack, or when the
 * buffer was begun anew.
 */
async function runSession(
  deps: UplinkDeps,
  options: UplinkOptions,
  { knownTables, pace }: { knownTables: Set<string>; pace: Pace },
  signal: AbortSignal,
  { onUp, onDown, onAnswer }: SessionEvents,
): Promise<void> {
  const { buffer, transport, clock, log, metrics } = deps
  const { gateway, version, ackTimeoutMs, silenceMs } = options
  const since = clock.now()
  const stateMessage = (state: GatewayState['state']) =>
    toBytes({ v: 1, state, version, since } satisfies GatewayState)
  const lanes = new Map<string, Lane>()
  const linked = Promise.withResolvers<Link>()
  const answer = async (message: Incoming) => {
    const result = await deps.onCommand(message)
    if (result === undefined) return
    // A command may come together with the confirmation of the subscription, before connect() has resolved.
    const link = await linked.promise
    const { topic, payload, retain = false } = result
    await link.publish(topic, toBytes(payload), { retain, timeoutMs: ackTimeoutMs })
  }
  const open = await transport.connect(
    {
      will: { topic: stateTopic(gateway), payload: stateMessage('lost') },
      subscribe: [ackTopic(gateway), commandTopic(gateway, '+'), ...(deps.hears ?? [])],
      timeoutMs: ackTimeoutMs,
      silenceMs,
      onMessage: message => {
        if (message.topic !== ackTopic(gateway)) {
          answer(message).catch((error: unknown) =>
            log.warn('command was not answered', { reason: reasonOf(error) }),
          )
          return
        }
        const ack = readAnswer(message.payload)
        if (ack !== undefined && lanes.get(ack.lane)?.take(ack) === true) onAnswer()
        else {
          metrics.count('gateway_acks_ignored_total')
          log.warn('ack ignored', { ack: ack ?? 'unreadable' })
        }
      },
    },
    signal,
  )
  linked.resolve(open)
  await using scope = openScope(signal)
  scope.use({ close: () => leave(open) })
  const { epoch, nextSeq: boundary } = buffer.status()
  const throttle = openThrottle({ clock, metrics, pace }, options)
  const shared = { ...deps, link: open, knownTables }
  const live = openLane(
    { ...shared, throttle: watched(deps.pulse, 'live', unthrottled) },
    { ...options, lane: 'live', epoch, from: boundary, to: Infinity },
  )
  const backlog = openLane(
    { ...shared, throttle: watched(deps.pulse, 'backlog', throttle) },
    { ...options, lane: 'backlog', epoch, from: 1, to: boundary - 1 },
  )
  lanes.set('live', live).set('backlog', backlog)
  const report = () => tellConfiguration(open, deps, options)
  onUp([live, backlog], report)
  log.info('cloud connected', { backlog: buffer.status().readings })
  await open.publish(stateTopic(gateway), stateMessage('ready'), { retain: true, timeoutMs: ackTimeoutMs })
  await report()
  for (const [name, lane] of lanes) {
    deps.pulse?.begin(`lane ${name}`, STILL_MAX_MS.uplink, scope.signal)
    scope.run(lane.forget)
    scope.run(lane.send)
  }
  const health = async () => toBytes(await deps.health())
  const isLiveBusy = () => live.oldestSentAt() < Infinity
  scope.run(until => sendHealth({ clock, link: open, throttle, health, isLiveBusy }, options, until))
  scope.run(watchLink)
  scope.run(until => watchAcks(deps, options, [...lanes.values()], until))
  await scope.finished()

  /** Ends the session when its link is gone. */
  async function watchLink(until: AbortSignal): Promise<void> {
    const reason = await Promise.race([open.gone, aborted(until)])
    until.throwIfAborted()
    throw new Unavailable(`Link lost: ${reason}`)
  }

  /** A goodbye when we are asked to stop, and none when the link is what failed. */
  async function leave(leaving: Link): Promise<void> {
    onDown()
    if (signal.aborted) {
      const goodbye = leaving.publish(stateTopic(gateway), stateMessage('disconnected'), {
        retain: true,
        timeoutMs: 1_000,
      })
      await goodbye.catch((error: unknown) => log.debug('goodbye was not heard', { reason: reasonOf(error) }))
    }
    await leaving.close()
  }
}

async function tellConfiguration(
  link: Link,
  { reported }: UplinkDeps,
  { gateway, ackTimeoutMs }: UplinkOptions,
): Promise<void> {
  if (reported === undefined) return
  await link.publish(reportedTopic(gateway), toBytes(reported()), { retain: true, timeoutMs: ackTimeoutMs })
}

/** A throttle that tells that its lane moves: a lane asks it each time it looks for what to send. */
function watched(pulse: Pulse | undefined, lane: string, throttle: Throttle): Throttle {
  return {
    ...throttle,
    next(busy) {
      pulse?.beat(`lane ${lane}`)
      return throttle.next(busy)
    },
  }
}

/** Throws when one of the lanes got no ack in time, whatever the link says of itself (U3). */
async function watchAcks(
  { clock, pulse }: UplinkDeps,
  { ackTimeoutMs }: UplinkOptions,
  lanes: readonly Lane[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    pulse?.beat('uplink')
    const oldest = Math.min(...lanes.map(lane => lane.oldestSentAt()))
    if (clock.monotonic() - oldest > ackTimeoutMs) throw new Unavailable(`No ack in ${ackTimeoutMs} ms`)
  }
}

function readAnswer(payload: Uint8Array): Answer | undefined {
  try {
    return Answer.parse(JSON.parse(new TextDecoder().decode(payload)))
  } catch {
    return undefined
  }
}

function toBytes(message: object | string): Uint8Array {
  return new TextEncoder().encode(typeof message === 'string' ? message : JSON.stringify(message))
}
