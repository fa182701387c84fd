// Reading: the next stretch of unanswered numbers, each accounted for by a reading or by a missing range (T1).

import type { MissingRange, MissingReason } from '../../protocol/batch.ts'
import type { Reading } from '../../protocol/reading.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import {
  BLOCK_READINGS_MAX,
  type BlockKey,
  decodeBlock,
  isIntact,
  OTHERS_BEFORE_MAX,
  readKey,
  type SeriesName,
  seekKey,
} from './block.ts'
import type { Database } from './database.ts'
import { nextInside, nextOutside, type Range, type Ranges, subtract, without } from './ranges.ts'
import { expectedWithin, othersAtEnd, othersEvictedWithin, type State } from './state.ts'
import { type Entry, walk } from './walk.ts'

/** The most missing ranges of a stretch: what a batch can carry. */
export const MISSING_RANGES_MAX = 64

/** Numbers of an epoch from `first` to `last`: one reading, or one of `missing`, for each. */
export interface Stretch {
  epoch: number
  first: number
  last: number
  readings: Reading[]
  missing: MissingRange[]
}

/** A stretch, and what was found missing on the way that the state does not know of. */
export interface Assembled {
  stretch: Stretch
  found: Ranges
}

/** What reading needs: the database, a state that fits it, and the names of series. */
export interface View {
  db: Database
  state: State
  nameOf: (id: number) => SeriesName | undefined
}

/** The stretch that begins with the first unanswered number from `from` on; `undefined` when there is none. */
export async function readStretch(
  { db, state, nameOf }: View,
  from: number,
  maxReadings: number,
): Promise<Assembled | undefined> {
  const first = nextOutside(state.acked, Math.max(1, from))
  if (first >= state.nextSeq) return undefined
  const last = (nextInside(state.acked, first) ?? state.nextSeq) - 1
  const part = openPart(state, first, last, maxReadings)
  // What was evicted is not looked for on disk: millions of deleted keys may lie there.
  part.skipTo(Math.min(last + 1, state.evictedThrough + 1), 0)
  let perBlock = BLOCK_READINGS_MAX
  const chunk = () => Math.min(128, Math.max(1, Math.ceil(part.room() / perBlock)))
  // A block usually begins where the last one read ended; otherwise it begins up to a block earlier.
  for (const back of [0, BLOCK_READINGS_MAX - 1]) {
    if (part.isDone()) break
    const range = { gte: seekKey(Math.max(1, part.next() - back)), lt: seekKey(last + 1) }
    let placed = back > 0
    for await (const entries of walk(db, { ...range, values: true, chunk }, () => {})) {
      for (const [key, value] of entries) {
        const place = intactPlace([key, value])
        if (place === undefined || place.last < part.next()) continue
        if (!placed && place.first !== part.next()) break
        placed = true
        const readings = readingsOf(key, value, nameOf)
        if (readings === undefined) continue
        perBlock = readings.length
        part.skipTo(place.first, place.othersBefore)
        part.take(readings)
        if (part.isDone()) break
      }
      if (!placed || part.isDone()) break
    }
  }
  part.skipTo(last + 1, last + 1 === state.nextSeq ? othersAtEnd(state) : OTHERS_BEFORE_MAX)
  return part.result()
}

function intactPlace([key, value]: Entry): BlockKey | undefined {
  return isIntact(key, value) ? readKey(key) : undefined
}

/** The readings of a block; `undefined` for one that no version of this program can read: it is missing then. */
function readingsOf(key: Uint8Array, value: Uint8Array, nameOf: View['nameOf']): Reading[] | undefined {
  try {
    return decodeBlock(key, value, nameOf)
  } catch (error) {
    if (error instanceof Rejected) return undefined
    throw error
  }
}

/** A stretch while it grows. */
function openPart(state: State, first: number, last: number, maxReadings: number) {
  const readings: Reading[] = []
  const missing: MissingRange[] = []
  const found: Range[] = []
  let next = first
  let full = false
  const isDone = () => full || next > last || readings.length >= maxReadings
  return {
    next: () => next,
    room: () => maxReadings - readings.length,
    isDone,
    /** Takes the readings of a block that belong here. */
    take(block: readonly Reading[]) {
      for (const reading of block) {
        if (isDone()) return
        if (reading.seq !== next) continue
        readings.push(reading)
        next += 1
      }
    },
    /** Accounts for the numbers before `to` as missing; so many directly before it are of the class `other`. */
    skipTo(to: number, othersBefore: number) {
      for (const range of isDone() ? [] : missingWithin(state, next, to - 1, othersBefore)) {
        const before = missing[missing.length - 1]
        if (before !== undefined && before.reason === range.reason && before.last === range.first - 1) {
          before.last = range.last
        } else if (missing.length < MISSING_RANGES_MAX) missing.push(range)
        else {
          full = true
          return
        }
        if (range.reason === 'damaged') found.push(...expectedWithin(state, range.first, range.last))
        next = range.last + 1
      }
    },
    result: (): Assembled => ({
      stretch: { epoch: state.epoch, first, last: next - 1, readings, missing },
      found,
    }),
  }
}

/** Numbers that nothing was found for, each with its reason. */
function missingWithin(state: State, first: number, last: number, othersBefore: number): MissingRange[] {
  const evicted = [
    ...without(state.lost, first, Math.min(last, state.evictedThrough)),
    ...othersEvictedWithin(state, first, last, othersBefore),
  ]
  const damaged = subtract([{ first, last }], evicted)
  const withReason = (ranges: Ranges, reason: MissingReason) => ranges.map(range => ({ ...range, reason }))
  return [...withReason(evicted, 'evicted'), ...withReason(damaged, 'damaged')].sort(
    (a, b) => a.first - b.first,
  )
}
