// What a partition brings, message by message: whose it is, whether it may be, handed on until it is taken.
//
// Messages of one gateway are handed on one after the other, in their order; while the database is away the first of them
// waits, and all behind it. What can never be taken is counted, said, and done with.

import { MESSAGE_BYTES_MAX } from '../../protocol/batch.ts'
import { foreignVersion } from '../../protocol/codec.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { type GatewayTopic, parseGatewayTopic, toTopic } from '../../protocol/topics.ts'
import { DatabaseRefused } from '../store/database.ts'
import type { GatewayRow } from '../store/gateways.ts'
import type { Message, Taken } from './intake.ts'
import { TAKEN } from './intake.ts'
import type { Carried } from './jetstream.ts'
import { openRefusals } from './refusals.ts'

const RETRY = { firstMs: 50, maxMs: 2_000 }

/** Names that are remembered, those of gateways and others. */
const NAMES_MAX = 20_000
const ASK_AGAIN_AFTER_MS = 60_000

/** What taking needs. */
export interface TakerDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  findGateway: (slug: string) => Promise<GatewayRow | undefined>
  /**
   * A gateway said something. Resolves when that has found its place. Throws Unavailable when it may be tried again, and so
   * does a DatabaseRefused.
   */
  onMessage: (gateway: GatewayRow, topic: GatewayTopic, message: Message) => Promise<Taken>
}

/** Takes messages, of one gateway in their order. */
export interface Taker {
  /** Resolves when nothing more is to be done with the message; rejects when the signal aborts before it found its place. */
  take(message: Carried, signal: AbortSignal): Promise<void>
  /** A gateway was cut off: whether it may connect is asked again with its next message. */
  forget(gateway: string): void
}

/** Opens a taker. */
export function openTaker(deps: TakerDeps): Taker {
  const { clock, metrics, random, onMessage } = deps
  const names = openNames(deps)
  const refused = openRefusals(deps)
  const turns = new Map<string, Promise<unknown>>()
  let waiting = 0

  const place = async (topic: GatewayTopic, message: Message, signal: AbortSignal): Promise<Taken> => {
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted()
      try {
        const gateway = await names.find(topic.gateway)
        if (gateway !== undefined) return await onMessage(gateway, topic, message)
        refused('gateway', { topic: message.topic })
        return TAKEN
      } catch (error) {
        if (!isForNow(error)) {
          refused('message', { topic: message.topic, reason: reasonOf(error) })
          return TAKEN
        }
      }
      await clock.sleep(10 + backoffMs(RETRY, attempt, random), signal)
    }
  }

  const inTurn = (gateway: string, act: () => Promise<Taken>): Promise<Taken> => {
    const placed = (turns.get(gateway) ?? Promise.resolve()).then(act)
    const turn = placed.catch(() => {})
    turns.set(gateway, turn)
    void turn.then(() => {
      if (turns.get(gateway) === turn) turns.delete(gateway)
    })
    return placed
  }

  const takeOne = async ({ subject, payload }: Carried, signal: AbortSignal) => {
    const message = { topic: toTopic(subject), payload }
    const topic = parseGatewayTopic(message.topic)
    if (topic === undefined) return refused('publish', { topic: message.topic })
    if (payload.length > MESSAGE_BYTES_MAX) {
      return refused('packet', { topic: message.topic, size: payload.length })
    }
    const version = topic.kind === 'up' ? foreignVersion(payload) : undefined
    // It stays with its gateway until this cloud is newer.
    if (version !== undefined) return refused('version', { topic: message.topic, version })
    const { done } = await inTurn(topic.gateway, () => place(topic, message, signal))
    await done
  }

  return {
    forget: names.forget,
    async take(message, signal) {
      waiting += 1
      metrics.gauge('collector_nats_waiting', waiting)
      try {
        await takeOne(message, signal)
      } finally {
        waiting -= 1
        metrics.gauge('collector_nats_waiting', waiting)
      }
    },
  }
}

const isForNow = (error: unknown): boolean =>
  error instanceof Unavailable || (error instanceof DatabaseRefused && !error.isAboutData)

/** Finds the gateways that may connect by their names, and remembers for a minute what it found. */
function openNames({ clock, findGateway }: Pick<TakerDeps, 'clock' | 'findGateway'>) {
  const known = new Map<string, { found: Promise<GatewayRow | undefined>; at: number }>()
  return {
    forget: (slug: string) => void known.delete(slug),
    find(slug: string): Promise<GatewayRow | undefined> {
      const before = known.get(slug)
      if (before !== undefined && clock.monotonic() - before.at < ASK_AGAIN_AFTER_MS) return before.found
      if (known.size >= NAMES_MAX) known.clear()
      // One with neither token nor key may not connect, by whatever way.
      const found = findGateway(slug).then(row => (row?.tokenHash || row?.enrolledKey ? row : undefined))
      known.set(slug, { found, at: clock.monotonic() })
      found.catch(() => known.delete(slug))
      return found
    },
  }
}
