// What is said to subscribers, in order, so many messages at a time.
//
// Promises:
//   S1. Whoever says something waits for nobody, and no subscriber holds another up.
//   S2. What waits has a bound, in messages and in bytes; what is too much is dropped and counted.
//   S3. A subscriber that is too far behind is cut off, and what was kept for it goes with it.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'

/** Messages that wait, and their bytes: what a hundred gateways bring that come back at once. */
const WAITING_MAX = 50_000
const WAITING_BYTES_MAX = 16 * 2 ** 20
/** Said in one turn of the event loop, so that gateways are heard in between. */
const AT_ONCE = 100
/** How far one may be behind, beyond what its connection takes: some ten seconds of a busy site's readings. */
const BEHIND_BYTES_MAX = 4 * 2 ** 20
/** That some was dropped is said once in so long; the metric has all of it. */
const SAY_EVERY_MS = 10_000

/** Somebody to say something to. */
export interface Listener {
  /** Bytes that its connection has not taken yet. */
  behindBytes(): number
  say(topic: string, payload: Buffer): void
  cutOff(): void
}

/** What goes to subscribers. */
export interface Spread {
  /** Says something to whoever hears it, soon; or drops it when too much waits. */
  say(topic: string, payload: string | Uint8Array): void
  /** Drops what waits. */
  close(): void
}

interface SpreadDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  listening: (topic: string) => Iterable<Listener>
}

/** Opens a spread that says nothing yet. */
export function openSpread(
  { clock, log, metrics, listening }: SpreadDeps,
  { waitingMax = WAITING_MAX, waitingBytesMax = WAITING_BYTES_MAX, behindBytesMax = BEHIND_BYTES_MAX } = {},
): Spread {
  const waiting: { topic: string; payload: Buffer }[] = []
  let [waitingBytes, isSaying, isClosed] = [0, false, false]
  let saidAt = Number.NEGATIVE_INFINITY

  const drop = (topic: string) => {
    metrics.count('collector_spread_dropped_total', { what: 'message' })
    if (clock.monotonic() - saidAt < SAY_EVERY_MS) return
    saidAt = clock.monotonic()
    log.warn('messages not said to subscribers: too many wait', {
      topic,
      waiting: waiting.length,
      waitingBytes,
    })
  }
  const sayOne = (topic: string, payload: Buffer) => {
    for (const listener of listening(topic)) {
      if (listener.behindBytes() <= behindBytesMax) {
        listener.say(topic, payload)
        continue
      }
      metrics.count('collector_spread_dropped_total', { what: 'subscriber' })
      listener.cutOff()
    }
  }
  const sayAll = async () => {
    while (waiting.length > 0) {
      for (const { topic, payload } of waiting.splice(0, AT_ONCE)) {
        waitingBytes -= payload.length
        sayOne(topic, payload)
      }
      // The broker writes in the next turn; only then it shows who is behind.
      await nextTurn()
    }
    isSaying = false
  }

  return {
    say(topic, said) {
      const payload = Buffer.from(said)
      if (isClosed) return
      if (waiting.length >= waitingMax || waitingBytes + payload.length > waitingBytesMax) return drop(topic)
      waiting.push({ topic, payload })
      waitingBytes += payload.length
      if (isSaying) return
      isSaying = true
      void sayAll()
    },
    close() {
      isClosed = true
      waiting.length = 0
    },
  }
}
