// Raw data for the cloud's subscribers: each reading once it is committed, and the newest of each series to whoever
// comes. The newest are read from the database when somebody subscribes, so nothing is kept for nobody.

import type { Batch } from '../../protocol/batch.ts'
import { type RawMessage, toRawMessage } from '../../protocol/raw.ts'
import { AHEAD_MAX_MS, qualityOf, type Reading, timeQualityOf } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { parseRawTopic, rawTopic } from '../../protocol/topics.ts'
import { VARIABLES, variableOf } from '../../protocol/variables.ts'
import type { RetainedRow } from '../store/gateways.ts'
import type { Broker } from './broker.ts'
import type { NatsGate } from './nats-gate.ts'

/** The project that readings are of. */
export interface Owner {
  client: string
  project: string
}

/**
 * Remembers, for each series, when its newest reading was measured, so that late ones can be told. What a clock stamped
 * that is ahead of ours is nobody's newest, and goes out as if late.
 */
export interface RawFeed {
  /** The messages for readings that were committed just now, in order. */
  messagesOf(owner: Owner, readings: readonly Reading[]): { topic: string; payload: string; late: boolean }[]
  /** Another replica said this. */
  note(topic: string, payload: Uint8Array): void
  /** The newest readings, for the topics that match `filter`; of each series it is looked up when its turn comes. */
  retained(rows: readonly RetainedRow[], filter: string): Iterable<{ topic: string; payload: string }>
}

/** Opens a feed that knows of no reading yet. */
export function openRawFeed({ clock }: { clock: Clock }): RawFeed {
  const newest = new Map<string, number>()
  return {
    messagesOf: (owner, readings) =>
      readings.map(reading => {
        const topic = rawTopic({ ...owner, point: reading.point, variable: reading.variable })
        const before = newest.get(topic)
        const isAhead = reading.at > clock.now() + AHEAD_MAX_MS
        const late = isAhead || (before !== undefined && reading.at < before)
        if (!late) newest.set(topic, reading.at)
        return { topic, payload: JSON.stringify(toRawMessage(reading, { late })), late }
      }),
    note(topic, payload) {
      const at = Number(/"ts":(\d+)/.exec(new TextDecoder().decode(payload))?.[1])
      if (parseRawTopic(topic) === undefined || !(at <= clock.now() + AHEAD_MAX_MS)) return
      newest.set(topic, Math.max(at, newest.get(topic) ?? at))
    },
    *retained(rows, filter) {
      for (const row of rows) {
        const message = toRetained(row)
        if (message === undefined || !matches(filter, message.topic)) continue
        // A newer one was committed meanwhile: the subscriber has it already.
        if (row.at < (newest.get(message.topic) ?? 0)) continue
        newest.set(message.topic, row.at)
        yield message
      }
    },
  }
}

/** Says the readings of a batch that was committed, to whoever hears them here or at nats-server. */
export function sayReadings(
  { feed, broker, nats }: { feed: RawFeed; broker: Broker; nats: NatsGate | undefined },
  owner: Owner,
  { readings }: Batch,
): void {
  const isHeardHere = broker.hasSubscribers()
  const isWanted = ({ point, variable }: Reading) =>
    isHeardHere || nats?.raw.wants(rawTopic({ ...owner, point, variable })) === true
  if (!isHeardHere && nats === undefined) return
  for (const { topic, payload } of feed.messagesOf(owner, readings.filter(isWanted))) {
    if (isHeardHere) broker.spread(topic, payload)
    nats?.raw.say(topic, payload)
  }
}

/** The client that a filter of raw data names; `undefined` when it is for several. */
export function clientOf(filter: string): string | undefined {
  const client = filter.split('/')[2]
  return client === '+' || client === '#' ? undefined : client
}

function toRetained(row: RetainedRow): { topic: string; payload: string } | undefined {
  const variable = variableOf(row.variable)
  const quality = qualityOf(row.quality)
  const timeQuality = timeQualityOf(row.timeQuality)
  if (variable === undefined || quality === undefined || timeQuality === undefined) return undefined
  const message: RawMessage = {
    v: row.value,
    ts: row.at,
    q: quality,
    u: VARIABLES[variable].unit,
    seq: row.seq,
    tq: timeQuality,
  }
  return { topic: rawTopic({ ...row, variable }), payload: JSON.stringify(message) }
}

/** MQTT 3.1.1, section 4.7: `+` stands for one level, `#` at the end for all that follow and for none. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true
    if (level !== '+' && level !== levels[index]) return false
    if (levels[index] === undefined) return false
  }
  return wanted.length === levels.length
}
