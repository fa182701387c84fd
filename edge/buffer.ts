// The store-and-forward buffer: what has been measured and not yet acknowledged.
//
// Invariants:
//   B1. A reading is on disk, synced, before append() resolves. Appends that wait at the same time share a write.
//   B2. Readings are numbered from 1 without gaps within an epoch. A number is never given twice: not after a crash,
//       not when everything was answered and deleted. The epoch is drawn anew when a buffer is begun.
//   B3. Readings leave only through ack(), which forgets exactly the numbers it names, of the epoch it names, or through
//       eviction.
//   B4. read() accounts for every number of its stretch, by a reading or by a missing range, and gives no answered one.
//   B5. status().bytes is the sum of the key and value lengths of all live records, to the byte.
//   B6. Above maxBytes unanswered readings are evicted, counted, logged, and reported as missing until answered: those
//       that no authority asks for first, the oldest of them first; then the oldest of the others. Only the newest write
//       may stand above it alone.
//   B7. Damage costs the readings it hit and no others: they are reported as missing, and reading goes on behind them.
//       Whatever state the files are in, the buffer opens unattended.
//   B8. On a full disk append() is refused and nothing earlier is lost; acks work; when there is space again, so does
//       append().
//   B9. Memory does not grow with what lies in the buffer.
//   B10. One process at a time.
//
// The files of a buffer's folder: `level` (LevelDB: blocks, series, one record of state), `series` and `witness` (what
// must not be lost together with it), `reserve` (space for a full disk), `damaged-…` (set aside beyond repair).

import type { Measurement, Reading } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { REGULATORY, type Variable } from '../protocol/variables.ts'
import type { ReadingClass } from './buffer/block.ts'
import type { Range } from './buffer/ranges.ts'
import { openReserve } from './buffer/reserve.ts'
import { firstUnacked, unackedRanges } from './buffer/state.ts'
import { Store } from './buffer/store.ts'
import type { Stretch } from './buffer/stretch.ts'
import { openWitness } from './buffer/witness.ts'
import { syncedFolder } from './files.ts'

export type { Stretch } from './buffer/stretch.ts'

/** How full a buffer is. Counts of readings are since the process started, but for what lies in the buffer. */
export interface BufferStatus {
  epoch: number
  /** The number that the next reading gets. */
  nextSeq: number
  /** The lowest number that is not answered; `nextSeq` when all are. */
  firstUnacked: number
  /** All numbers that are not answered, those that are missing included. */
  unackedRanges: Range[]
  /** Readings on disk that are not answered. */
  readings: number
  bytes: number
  maxBytes: number
  appended: number
  /** Bytes of the records of those. */
  appendedBytes: number
  evicted: number
  /** The same by class: what is evicted last, and what goes first. */
  evictedOf: Record<ReadingClass, number>
  damaged: number
  /** When the oldest reading that is not answered was measured; absent when there is none. */
  oldestAt?: number
}

/** What has been measured and not yet acknowledged. */
export interface Buffer extends Closable {
  /** Drawn when the buffer was begun. It changes only when the files were beyond repair and a new one was begun. */
  readonly epoch: number
  /**
   * Keeps measurements and gives them numbers; on disk when it resolves, in the order of their numbers: those that are
   * evicted last come before the others of the same call. Throws Unavailable when the disk is full or cannot be written, and Rejected for a measurement that could not be read back as it is; then none of them is kept.
   */
  append(measurements: readonly Measurement[]): Promise<Reading[]>
  /**
   * The numbers from the first unanswered one at or above `from`, with at most `maxReadings` readings, none of them
   * answered; `undefined` when there is none. Reading changes nothing: what is not answered is given again.
   */
  read(from: number, maxReadings: number): Promise<Stretch | undefined>
  /**
   * Forgets the numbers of `epoch` from `first` to `through`, and no others; on disk when it resolves. In any order, and
   * again without harm; of an epoch that is over there is nothing to forget. Throws Unavailable when it could not be
   * written, or when the answers leave too many holes.
   */
  ack(epoch: number, first: number, through: number): Promise<void>
  status(): BufferStatus
  /** How many bytes more it can take: what `maxBytes` leaves of them, or the disk. */
  room(): number
  /** Resolves when everything in the buffer has been looked at since it was opened. */
  verified(): Promise<void>
  close(): Promise<void>
}

/** Where a buffer lies and how much it may hold. */
export interface BufferOptions {
  path: string
  maxBytes: number
  /** Variables whose readings are evicted last. */
  evictLast?: readonly Variable[]
  reserveBytes?: number
}

/** Space kept for the day the disk is full. */
const RESERVE_BYTES = 16 * 2 ** 20

/** Opens the buffer in the folder `path`, or begins it. Throws Unavailable when another process has it open. */
export async function openBuffer(
  { clock, log }: { clock: Clock; log: Log },
  { path, maxBytes, evictLast = REGULATORY, reserveBytes = RESERVE_BYTES }: BufferOptions,
): Promise<Buffer> {
  await syncedFolder(path)
  const witness = await openWitness(path, error => log.warn('witness not written', { reason: String(error) }))
  const reserve = openReserve(path, reserveBytes)
  let store: Store
  try {
    const options = { folder: path, maxBytes, evictLast: new Set(evictLast) }
    store = await Store.open({ clock, log, reserve, witness }, options)
  } catch (error) {
    await witness.close()
    throw error
  }
  return {
    get epoch() {
      return store.status().state.epoch
    },
    append: async measurements => (measurements.length === 0 ? [] : await store.append(measurements)),
    read: (from, maxReadings) => store.read(from, maxReadings),
    ack: (epoch, first, through) => store.ack({ epoch, first, through }),
    status() {
      const { state, oldestAt, evicted, ...counts } = store.status()
      return {
        epoch: state.epoch,
        nextSeq: state.nextSeq,
        firstUnacked: firstUnacked(state),
        unackedRanges: unackedRanges(state),
        ...counts,
        maxBytes,
        evicted: evicted.regulatory + evicted.other,
        evictedOf: evicted,
        ...(oldestAt === undefined ? {} : { oldestAt }),
      }
    },
    room: () => Math.max(0, Math.min(maxBytes - store.status().bytes, reserve.freeBytes())),
    verified: () => store.verified(),
    close: () => store.close(),
  }
}
