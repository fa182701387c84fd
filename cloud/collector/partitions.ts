// Which worker has which gateway: partitions of gateways, and the streams that carry what is theirs.
//
// A gateway's partition follows from its name alone, so every replica knows it, and it never changes. Each partition has a
// stream of its own for each lane, whose subjects name its gateways one by one: nats-server then keeps apart and in order
// what one worker is to handle, also one that knows of no partitions itself. What gateways say besides batches is little,
// and is one partition for all of them.

import { hash } from 'node:crypto'
import {
  commandResultTopic,
  healthTopic,
  type Lane,
  reportedTopic,
  stateTopic,
  toSubject,
  upTopic,
} from '../../protocol/topics.ts'
import type { StreamSettings } from './jetstream.ts'

/** Of gateways. With another number every gateway would be another's; streams of the old one would have to be deleted. */
const GATEWAY_PARTITIONS = 16

/** The partition of what gateways say besides batches. */
export const SAID_PARTITION = GATEWAY_PARTITIONS

/** Partitions in all, from 0 on. */
export const PARTITIONS = GATEWAY_PARTITIONS + 1

/** Batches of one gateway and lane that a stream holds; what is too much is refused, and comes again. */
export const CARRIED_OF_ONE_MAX = 64

/** Bytes that a stream of a partition holds: all of them 784 MiB. */
const BYTES_MAX: Record<Lane | 'said', number> = {
  live: 16 * 2 ** 20,
  backlog: 32 * 2 ** 20,
  said: 16 * 2 ** 20,
}

/** What waited for so long its gateway has sent again many times. */
const AGE_MAX_MS = 86_400_000

/** The partition of a gateway. */
export function partitionOf(gateway: string): number {
  return hash('sha256', gateway, 'buffer').readUInt32BE(0) % GATEWAY_PARTITIONS
}

/**
 * The stream of a lane of a partition. What it has no room for it refuses, so that what it has stays and is handled in order:
 * the gateway hears no ack and sends again.
 */
export function laneStream(partition: number, lane: Lane, gateways: readonly string[]): StreamSettings {
  return {
    name: `smarthydro-${lane}-${String(partition).padStart(2, '0')}`,
    subjects: gateways.map(gateway => toSubject(upTopic(gateway, lane))),
    maxBytes: BYTES_MAX[lane],
    maxAgeMs: AGE_MAX_MS,
    maxPerSubject: CARRIED_OF_ONE_MAX,
    whenFull: 'refuse',
  }
}

/** The stream of what gateways say of themselves: of each the last word, for that is the one that stands. */
export function saidStream(): StreamSettings {
  const topics = [stateTopic('+'), healthTopic('+'), reportedTopic('+'), commandResultTopic('+', '+')]
  return {
    name: 'smarthydro-said',
    subjects: topics.map(toSubject),
    maxBytes: BYTES_MAX.said,
    maxAgeMs: AGE_MAX_MS,
    maxPerSubject: 1,
    whenFull: 'forget-oldest',
  }
}
