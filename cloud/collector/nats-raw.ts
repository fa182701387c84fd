// What subscribers at nats-server hear, and what the replicas tell each other for theirs.
//
// A reading is said once, by the replica that committed it. Whether anybody hears a topic nats-server tells: a message that
// asks for an answer comes back when nobody does, and then the topic is left alone for a while.
//
// Promises:
//   W1. Whoever says something waits for nobody; what nats-server has not taken has a bound, beyond which it is dropped and
//       counted.
//   W2. A topic that nobody hears costs next to nothing. Who begins to hear it misses what is said in the first two seconds
//       at most.

import type { NatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { toSubject } from '../../protocol/topics.ts'

const ASK_AGAIN_AFTER_MS = 2_000
const NO_RESPONDERS = 503
/** Topics of which it is remembered whether anybody hears them. */
const TOPICS_MAX = 50_000
/** Said and not yet taken by nats-server. */
const UNTAKEN_BYTES_MAX = 4 * 2 ** 20
const FLUSH_EVERY_BYTES = 2 ** 18
const FLUSH_TIMEOUT_MS = 20_000

/** Says readings at nats-server. */
export interface RawSpeaker {
  /** Whether it is worth saying something on this topic. */
  wants(topic: string): boolean
  say(topic: string, payload: string): void
}

interface Topic {
  number: number
  askedAt: number
  isHeard: boolean
}

/** Opens one for a session, and ends with it. */
export function openRawSpeaker(
  { session, clock, metrics }: { session: NatsSession; clock: Clock; metrics: Metrics },
  { untakenBytesMax = UNTAKEN_BYTES_MAX } = {},
): RawSpeaker {
  const topics = new Map<string, Topic>()
  const byNumber = new Map<string, Topic>()
  const inbox = session.inbox()
  let [untaken, unflushed, isFlushing, count] = [0, 0, false, 0]

  session.hear(`${inbox}.*`, ({ subject, status }) => {
    const topic = byNumber.get(subject.slice(inbox.length + 1))
    if (topic !== undefined && status?.code === NO_RESPONDERS) topic.isHeard = false
  })

  const topicOf = (name: string): Topic => {
    const known = topics.get(name)
    if (known !== undefined) return known
    if (topics.size >= TOPICS_MAX) {
      topics.clear()
      byNumber.clear()
    }
    count += 1
    const topic = { number: count, askedAt: Number.NEGATIVE_INFINITY, isHeard: true }
    topics.set(name, topic)
    byNumber.set(String(count), topic)
    return topic
  }
  const isStale = (topic: Topic) => clock.monotonic() - topic.askedAt >= ASK_AGAIN_AFTER_MS

  const flush = async () => {
    isFlushing = true
    const bytes = unflushed
    unflushed = 0
    try {
      await session.flush(FLUSH_TIMEOUT_MS)
      untaken -= bytes
    } catch (error) {
      // The session is gone, and with it this.
      if (!(error instanceof Unavailable)) throw error
    } finally {
      isFlushing = false
    }
  }

  return {
    wants(name) {
      const topic = topicOf(name)
      return topic.isHeard || isStale(topic)
    },
    say(name, payload) {
      const topic = topicOf(name)
      const asks = isStale(topic)
      if (!topic.isHeard && !asks) return
      if (untaken + payload.length > untakenBytesMax) {
        metrics.count('collector_spread_dropped_total', { what: 'message' })
        return
      }
      if (asks) {
        topic.askedAt = clock.monotonic()
        topic.isHeard = true
      }
      session.publish(toSubject(name), payload, asks ? `${inbox}.${topic.number}` : undefined)
      untaken += payload.length
      unflushed += payload.length
      if (unflushed >= FLUSH_EVERY_BYTES && !isFlushing) void flush()
    },
  }
}
