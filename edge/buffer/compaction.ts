// Giving space back: LevelDB keeps what was deleted until somebody asks, and an emptied queue is never asked.

import type { Log } from '../../protocol/runtime/log.ts'
import { seekKey } from './block.ts'
import { type Database, failureOf } from './database.ts'
import { addAll, type Ranges } from './ranges.ts'

/** Deleted bytes after which space is given back: often enough to shrink in step, seldom enough to cost little. */
const FREED_BYTES = 4 * 2 ** 20

/** The same for an empty buffer, where there is little to rewrite. */
const FREED_BYTES_EMPTY = 2 ** 20

/** Deleted blocks after which it is done in any case: reading from the head must not wade through them. */
const FREED_OPERATIONS = 50_000

/** Keeps count of what was deleted, and compacts in the background when it is worth it. */
export interface Compaction {
  freed(db: Database, freed: { ranges: Ranges; bytes: number; operations: number }, isEmpty: boolean): void
  /** Resolves when no compaction is running. */
  idle(): Promise<void>
}

/** Begins with the ranges that earlier processes may have left uncompacted. */
export function openCompaction({ log }: { log: Log }, left: Ranges): Compaction {
  let ranges = left
  let bytes = 0
  let operations = 0
  let running: Promise<void> | undefined
  const compact = async (db: Database, taken: Ranges) => {
    try {
      for (const { first, last } of taken) await db.compactRange(seekKey(first), seekKey(last + 1))
    } catch (error) {
      // The next write meets the same failure and deals with it.
      log.warn('buffer not compacted', { reason: failureOf(error) })
    }
    running = undefined
  }
  return {
    freed(db, freed, isEmpty) {
      ranges = addAll(ranges, freed.ranges)
      bytes += freed.bytes
      operations += freed.operations
      const enough = bytes >= (isEmpty ? FREED_BYTES_EMPTY : FREED_BYTES) || operations >= FREED_OPERATIONS
      if (!enough || running !== undefined) return
      running = compact(db, ranges)
      ranges = []
      bytes = 0
      operations = 0
    },
    idle: () => running ?? Promise.resolve(),
  }
}
