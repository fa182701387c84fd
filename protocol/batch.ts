// A batch: a stretch of a gateway's buffer on its way to the cloud, and the answer to it.
//
// Invariants:
//   T1. Every number from `first` to `last` is accounted for: by one reading, or by one range of `missing`.
//   T2. An ack covers exactly the numbers `first` to `through` of one epoch, and is sent after their COMMIT.

import { z } from 'zod'
import type { Scale } from './columns.ts'
import type { Reading, TimeQuality } from './reading.ts'
import { LANES } from './topics.ts'
import type { Variable } from './variables.ts'

/** The most readings a batch may carry. */
export const BATCH_READINGS_MAX = 500

/** The most series a gateway may have. */
export const SERIES_MAX = 4096

/** The most bytes a batch may have, compressed or not. */
export const BATCH_BYTES_MAX = 128 * 1024

/** The most bytes the series table in a batch may have: room for all the series there may be, with the longest names. */
export const TABLE_BYTES_MAX = 384 * 1024

/** The most bytes a message may have: a batch with its table is the largest that anybody has to say. */
export const MESSAGE_BYTES_MAX = BATCH_BYTES_MAX + TABLE_BYTES_MAX

/** One series of a gateway, and how its values are usually written. */
export interface SeriesEntry {
  point: string
  variable: Variable
  scale: Scale
}

/**
 * What a batch refers to instead of repeating it: whose it is, and its series by index.
 *
 * The cloud keeps every table it has seen under the hash of its bytes, so a batch names it by eight bytes; where
 * the cloud does not know it, it says so, and the gateway sends the batch again with the table inside.
 */
export interface SeriesTable {
  gateway: string
  client: string
  project: string
  series: readonly SeriesEntry[]
}

/** Why numbers are missing for ever: the buffer was full, or the disk gave them back damaged. */
export type MissingReason = 'evicted' | 'damaged'

/** Numbers that no reading will ever come for. Both ends included. */
export interface MissingRange {
  first: number
  last: number
  reason: MissingReason
}

/** What the gateway knew of its clock when it sent the batch. */
export interface ClockState {
  quality: TimeQuality
  /** How far off it may be; undefined when nobody can say. */
  errorMs?: number
}

/** A stretch of a gateway's buffer. */
export interface Batch {
  table: SeriesTable
  /** Drawn anew whenever a buffer is begun; numbers of two epochs have nothing to do with each other. */
  epoch: number
  first: number
  last: number
  /** The version of the configuration in force when the batch was made; 0 for one that came from a file. */
  configVersion: number
  clock: ClockState
  readings: readonly Reading[]
  missing: readonly MissingRange[]
}

/** A reading that the cloud will never store, and why. It counts as answered: the gateway may forget it. */
export const RejectedReading = z.strictObject({ seq: z.int().min(1), reason: z.string().max(200) })

/** A reading that the cloud will never store, and why. */
export type RejectedReading = z.infer<typeof RejectedReading>

/** The cloud's answer to a batch. */
export const Ack = z.strictObject({
  v: z.literal(1),
  epoch: z.int().min(1).max(0xffffffff),
  lane: z.enum(LANES),
  first: z.int().min(1),
  through: z.int().min(1),
  /**
   * `committed`: on the cloud's disk, or in `rejected`; forget them. `table-unknown`: not stored; send the same
   * again with the table inside. `set-aside`: not understood; the cloud keeps the bytes; forget them.
   */
  status: z.enum(['committed', 'table-unknown', 'set-aside']),
  rejected: z.array(RejectedReading).max(BATCH_READINGS_MAX).default([]),
  /** Why, when it was set aside. */
  reason: z.string().max(500).optional(),
  /** Wait so long before the next batch of this lane: the database is behind. */
  slowDownMs: z.int().min(0).max(600_000).optional(),
})

/** The cloud's answer to a batch. */
export type Ack = z.infer<typeof Ack>

/** The cloud's answer to a message in which not even the numbers can be read: it is set aside as it came. */
export const UnreadableAck = z.strictObject({
  v: z.literal(1),
  lane: z.enum(LANES),
  status: z.literal('unreadable'),
  /** Which message: the first eight bytes of its SHA-256, in hexadecimal digits. */
  message: z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits'),
  reason: z.string().max(500),
})

/** The cloud's answer to a message in which not even the numbers can be read. */
export type UnreadableAck = z.infer<typeof UnreadableAck>

/** What comes back for a batch. */
export const Answer = z.union([Ack, UnreadableAck])

/** What comes back for a batch. */
export type Answer = z.infer<typeof Answer>
