// Gateways that come over NATS: one session with a nats-server that carries for all of them.
//
// Who a gateway is, the nats-server has checked: its permissions let each user publish below its own name and nowhere else
// (docs/cloud.md). Here a name must be that of a gateway with a token; it is asked again every minute.
//
// Core NATS keeps nothing, and nothing here makes it: what is not taken is sent again by its gateway, which waits for
// an ack. So messages in hand are bounded, what is too much is dropped and counted, and nothing is lost by it.

import { MESSAGE_BYTES_MAX } from '../../protocol/batch.ts'
import { type NatsOptions, type NatsSession, openNatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import {
  commandResultTopic,
  type GatewayTopic,
  healthTopic,
  LANES,
  parseGatewayTopic,
  reportedTopic,
  stateTopic,
  toSubject,
  toTopic,
  upTopic,
} from '../../protocol/topics.ts'
import type { GatewayRow } from '../store/gateways.ts'
import type { Message } from './intake.ts'

const RECONNECT = { firstMs: 500, maxMs: 30_000 }
const CONNECT_TIMEOUT_MS = 10_000
/** A nats-server that answers nothing for so long is gone. */
const SILENCE_MS = 20_000

/** Messages in hand, of all gateways together, and their bytes. */
const WAITING_MAX = 4_096
const WAITING_BYTES_MAX = 64 * 2 ** 20
/** Of one gateway: two lanes of 64 batches at most, and what it said before it connected again. */
const WAITING_OF_ONE_MAX = 256

/** Names that are remembered, those of gateways and others. */
const NAMES_MAX = 20_000
const ASK_AGAIN_AFTER_MS = 60_000
/** A gateway says how it is every minute. */
const HEARD_LATELY_MS = 150_000
/** That something was dropped is said once in so long, for each cause; the metric has all. */
const SAY_EVERY_MS = 10_000

/** What may come. */
const SUBJECTS = [
  ...LANES.map(lane => upTopic('+', lane)),
  ...[stateTopic('+'), healthTopic('+'), reportedTopic('+'), commandResultTopic('+', '+')],
].map(toSubject)

/** What a gate asks the rest of the collector. */
export interface NatsGateDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  findGateway: (slug: string) => Promise<GatewayRow | undefined>
  /** A gateway said something. The message is in hand until this settles. */
  onMessage: (gateway: GatewayRow, topic: GatewayTopic, message: Message) => Promise<void>
}

/** How many messages are in hand at most. */
export interface NatsGateLimits {
  waitingMax?: number
  waitingBytesMax?: number
  waitingOfOneMax?: number
}

/** The way of gateways that come over NATS. */
export interface NatsGate {
  /** Connects, hears, connects again, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Says something to a gateway. False while there is no session, or when the gateway was not heard lately. */
  tell(gateway: string, message: { topic: string; payload: string }): boolean
  /** Names of the gateways that were heard lately. */
  connectedGateways(): string[]
  /** Since when it hears what is said, on the clock's monotonic time; else why it does not. */
  hearing(): { since: number } | { reason: string }
}

/** Opens a gate. Nothing is connected yet. */
export function openNatsGate(
  deps: NatsGateDeps,
  options: NatsOptions,
  limits: NatsGateLimits = {},
): NatsGate {
  const { clock, log, metrics, random } = deps
  const heardAt = new Map<string, number>()
  const taker = openTaker(deps, limits, gateway => heardAt.set(gateway, clock.monotonic()))
  let up: { session: NatsSession; since: number } | undefined
  let reason = 'not yet tried'

  const heardLately = (gateway: string) =>
    clock.monotonic() - (heardAt.get(gateway) ?? Number.NEGATIVE_INFINITY) < HEARD_LATELY_MS

  const runSession = async (signal: AbortSignal, onUp: () => void) => {
    const onMessage = (subject: string, payload: Uint8Array) =>
      taker.take({ topic: toTopic(subject), payload })
    const timing = { timeoutMs: CONNECT_TIMEOUT_MS, silenceMs: SILENCE_MS }
    const session = await openNatsSession(
      { clock },
      options,
      { subjects: SUBJECTS, onMessage, ...timing },
      signal,
    )
    up = { session, since: clock.monotonic() }
    metrics.gauge('collector_nats_connected', 1)
    log.info('NATS connected', { url: options.url })
    onUp()
    const close = () => void session.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    reason = await session.gone
    signal.removeEventListener('abort', close)
    signal.throwIfAborted()
    throw new Unavailable(reason)
  }

  return {
    async run(signal) {
      metrics.gauge('collector_nats_connected', 0)
      for (let attempt = 0; !signal.aborted; attempt += 1) {
        try {
          await runSession(signal, () => {
            attempt = 0
          })
        } catch (error) {
          if (!(error instanceof Unavailable)) throw error
          reason = error.message
          log.warn(up === undefined ? 'NATS not reached' : 'NATS lost', { url: options.url, reason, attempt })
        } finally {
          up = undefined
          metrics.gauge('collector_nats_connected', 0)
        }
        await clock.sleep(backoffMs(RECONNECT, attempt, random), signal)
      }
    },
    tell(gateway, { topic, payload }) {
      if (up === undefined || !heardLately(gateway)) return false
      try {
        up.session.publish(toSubject(topic), payload)
        return true
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        return false
      }
    },
    connectedGateways() {
      for (const gateway of [...heardAt.keys()].filter(name => !heardLately(name))) heardAt.delete(gateway)
      return up === undefined ? [] : [...heardAt.keys()]
    },
    hearing: () => (up === undefined ? { reason } : { since: up.since }),
  }
}

/** Takes messages, so many at a time. */
function openTaker(
  deps: NatsGateDeps,
  limits: NatsGateLimits,
  onHeard: (gateway: string) => void,
): { take(message: Message): void } {
  const { clock, log, metrics, onMessage } = deps
  const { waitingMax = WAITING_MAX, waitingBytesMax = WAITING_BYTES_MAX } = limits
  const { waitingOfOneMax = WAITING_OF_ONE_MAX } = limits
  const names = openNames(deps)
  let [waiting, waitingBytes] = [0, 0]
  const waitingOf = new Map<string, number>()
  const saidAt = new Map<string, number>()

  const refuse = (what: string, fields: Record<string, unknown>) => {
    metrics.count('collector_refused_total', { what })
    if (clock.monotonic() - (saidAt.get(what) ?? Number.NEGATIVE_INFINITY) < SAY_EVERY_MS) return
    saidAt.set(what, clock.monotonic())
    log.warn('message over NATS refused', { what, ...fields })
  }

  const count = (gateway: string, messages: number, bytes: number) => {
    waiting += messages
    waitingBytes += bytes
    const ofIt = (waitingOf.get(gateway) ?? 0) + messages
    if (ofIt === 0) waitingOf.delete(gateway)
    else waitingOf.set(gateway, ofIt)
    metrics.gauge('collector_nats_waiting', waiting)
  }

  const hand = async (topic: GatewayTopic, message: Message) => {
    // Also for a name that is known: messages of one gateway are handed on in the order in which they came.
    const gateway = await names.find(topic.gateway)
    if (gateway === undefined) return refuse('gateway', { topic: message.topic })
    onHeard(gateway.slug)
    await onMessage(gateway, topic, message)
  }

  return {
    take(message) {
      const size = message.payload.length
      const topic = parseGatewayTopic(message.topic)
      if (topic === undefined) return refuse('publish', { topic: message.topic })
      if (size > MESSAGE_BYTES_MAX) return refuse('packet', { topic: message.topic, size })
      if (waiting >= waitingMax || waitingBytes + size > waitingBytesMax) {
        return refuse('overload', { waiting, waitingBytes })
      }
      const ofIt = waitingOf.get(topic.gateway) ?? 0
      if (ofIt >= waitingOfOneMax) return refuse('overload', { gateway: topic.gateway, waiting: ofIt })
      count(topic.gateway, 1, size)
      hand(topic, message)
        .catch((error: unknown) => refuse('message', { topic: message.topic, reason: reasonOf(error) }))
        .finally(() => count(topic.gateway, -1, -size))
    },
  }
}

/** Finds the gateways that may connect by their names, and remembers for a minute what it found. */
function openNames({ clock, findGateway }: Pick<NatsGateDeps, 'clock' | 'findGateway'>) {
  const known = new Map<string, { found: Promise<GatewayRow | undefined>; at: number }>()
  return {
    find(slug: string): Promise<GatewayRow | undefined> {
      const before = known.get(slug)
      if (before !== undefined && clock.monotonic() - before.at < ASK_AGAIN_AFTER_MS) return before.found
      if (known.size >= NAMES_MAX) known.clear()
      // One without a token may not connect, by whatever way.
      const found = findGateway(slug).then(row => (row?.tokenHash ? row : undefined))
      known.set(slug, { found, at: clock.monotonic() })
      found.catch(() => known.delete(slug))
      return found
    },
  }
}
