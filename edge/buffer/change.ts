// What a commit will do, thought out before it is done: the operations of one batch, and the state after them.
//
// Invariant: a change is written whole, with the state it leads to, or not at all.

import { Unavailable } from '../../protocol/runtime/errors.ts'
import {
  BLOCK_READINGS_MAX,
  type BlockBody,
  type BlockKey,
  blockRecord,
  KEY_BYTES,
  type ReadingClass,
  readKey,
  seekKey,
} from './block.ts'
import type { Database, Operation } from './database.ts'
import { add, covers, type Ranges, size, subtract } from './ranges.ts'
import { expectedWithin, firstKept, othersAtEnd, RANGES_MAX, type State } from './state.ts'
import { walk } from './walk.ts'

/** The most blocks that one commit deletes for one ack, or by eviction: what it holds in memory is bounded. */
export const DELETES_MAX = 2000

/** A change while it grows. */
export interface Change {
  operations: Operation[]
  /** After the change. */
  state: State
  /** The numbers of deleted blocks, and how many bytes of records they were. */
  freed: Ranges
  freedBytes: number
  evicted: Record<ReadingClass, number>
}

/** A change that changes nothing yet. */
export function openChange(state: State): Change {
  return { operations: [], state, freed: [], freedBytes: 0, evicted: { regulatory: 0, other: 0 } }
}

/** Adds blocks at the end, and gives the number of their first reading. */
export function addBlocks(change: Change, blocks: readonly BlockBody[]): number {
  const first = change.state.nextSeq
  for (const block of blocks) {
    const { state } = change
    const { key, value } = blockRecord(state.nextSeq, block, othersAtEnd(state))
    change.operations.push({ type: 'put', key, value })
    const nextSeq = state.nextSeq + block.count
    const regulatoryThrough = block.class === 'regulatory' ? nextSeq - 1 : state.regulatoryThrough
    const blockBytes = state.blockBytes + key.length + value.length
    change.state = { ...state, nextSeq, regulatoryThrough, blockBytes }
  }
  return first
}

/** Numbers that were answered. Those of another epoch than the buffer's say nothing of its own. */
export interface AckedNumbers {
  epoch: number
  first: number
  through: number
}

/**
 * Forgets the numbers from `first` to `through`, and deletes the blocks of which nothing is left to answer. Returns
 * how far it came: an ack over very many blocks takes several commits. Throws Unavailable when the answers leave too
 * many holes to remember.
 */
export async function addAck(
  db: Database,
  change: Change,
  { epoch, first, through }: AckedNumbers,
): Promise<number> {
  const { state } = change
  const last = Math.min(through, state.nextSeq - 1)
  if (epoch !== state.epoch || first > last || covers(state.acked, first, last)) return through
  const blocks = await blocksBetween(db, Math.max(first, state.evictedThrough + 1), last)
  const cut = blocks.length < DELETES_MAX ? undefined : blocks[blocks.length - 1]
  const done = cut === undefined ? last : Math.min(last, cut.last)
  const acked = add(state.acked, first, done)
  if (acked.length > RANGES_MAX) {
    throw new Unavailable(
      `Cannot ack ${first} to ${done}: ${RANGES_MAX} separate ranges are acked, which is the most`,
    )
  }
  const othersEvicted = state.othersEvicted - othersGone(state, blocks, first, done)
  change.state = { ...state, acked, lost: subtract(state.lost, [{ first, last: done }]), othersEvicted }
  for (const block of blocks) {
    if (!covers(acked, block.first, block.last)) continue
    deleteBlock(change, block)
    change.freed = add(change.freed, block.first, block.last)
  }
  return cut === undefined ? through : done
}

/** How many numbers from `first` to `last` were evicted behind `evictedThrough`; `blocks` are all that lie there. */
function othersGone(state: State, blocks: readonly BlockKey[], first: number, last: number): number {
  const within = (from: number, to: number) => {
    const end = Math.min(to, last, state.othersEvictedThrough)
    return size(expectedWithin(state, Math.max(from, first), end))
  }
  const kept = blocks.reduce((sum, block) => sum + within(block.first, block.last), 0)
  // Damage that nobody has noticed looks the same here; verifying puts the count right.
  return Math.min(state.othersEvicted, within(first, last) - kept)
}

/** What eviction has to keep to. */
interface Eviction {
  /** Evict until so many bytes are left. */
  target: number
  /** Evict no number from here on. */
  protectedFrom: number
}

/**
 * Evicts until the rest fits into `maxBytes`, never a block of `protectedFrom` or later: the oldest of the class
 * `other` first, and when none is left, the oldest regulatory ones.
 */
export async function addEviction(
  db: Database,
  change: Change,
  { maxBytes, protectedFrom }: { maxBytes: number; protectedFrom: number },
): Promise<void> {
  if (change.state.blockBytes <= maxBytes) return
  // A little more than needed, so that a full buffer does not evict with every append.
  const target = maxBytes - Math.min(64 * 1024, Math.floor(maxBytes / 64))
  const deletes = change.operations.length
  await evictOthers(db, change, { target, protectedFrom })
  const isDone = change.state.blockBytes <= maxBytes || change.operations.length - deletes >= DELETES_MAX
  if (!isDone) await evictOldest(db, change, { target, protectedFrom })
}

async function evictOthers(db: Database, change: Change, { target, protectedFrom }: Eviction): Promise<void> {
  const before = change.state
  const from = Math.max(firstKept(before), before.othersEvictedThrough + 1)
  let through = protectedFrom - 1
  let deletes = 0
  // There is no telling where the next one lies; but what was once looked through is not looked through again.
  for await (const block of blocksFrom(db, from, protectedFrom - 1, 1000)) {
    if (change.state.blockBytes <= target || deletes >= DELETES_MAX) {
      through = block.first - 1
      break
    }
    if (block.class !== 'other' || covers(before.acked, block.first, block.last)) continue
    deleteBlock(change, block)
    deletes += 1
    const { first, last } = block
    const evicted = size(expectedWithin(before, first, last))
    change.evicted.other += evicted
    change.state = { ...change.state, othersEvicted: change.state.othersEvicted + evicted }
  }
  change.state = { ...change.state, othersEvictedThrough: Math.max(before.othersEvictedThrough, through) }
  // One range over all that was looked through: those to compact would be without number otherwise.
  if (deletes > 0) change.freed = add(change.freed, from, through)
}

async function evictOldest(db: Database, change: Change, { target, protectedFrom }: Eviction): Promise<void> {
  const before = change.state
  const from = firstKept(before)
  let evictedThrough = before.evictedThrough
  const blocks: BlockKey[] = []
  for (const block of await blocksBetween(db, from, protectedFrom - 1)) {
    if (change.state.blockBytes <= target) break
    // Already deleted in the same commit, by an ack or by evictOthers().
    if (block.class === 'other' || covers(before.acked, block.first, block.last)) continue
    deleteBlock(change, block)
    change.freed = add(change.freed, block.first, block.last)
    blocks.push(block)
    evictedThrough = block.last
  }
  const others = othersGone(before, blocks, before.evictedThrough + 1, evictedThrough)
  change.evicted.regulatory +=
    size(expectedWithin(before, before.evictedThrough + 1, evictedThrough)) - others
  change.state = {
    ...change.state,
    ...{ evictedThrough, othersEvicted: change.state.othersEvicted - others },
    othersEvictedThrough: Math.max(change.state.othersEvictedThrough, evictedThrough),
  }
}

function deleteBlock(change: Change, block: BlockKey & { key: Uint8Array }): void {
  change.operations.push({ type: 'del', key: block.key })
  change.freedBytes += block.bytes
  // The count may be short while damage is not accounted for yet; verifying puts it right.
  change.state = { ...change.state, blockBytes: Math.max(0, change.state.blockBytes - block.bytes) }
}

/** A block as its key says, and the key. */
type Found = BlockKey & { key: Uint8Array }

/** The blocks that hold any of the numbers, in order, at most DELETES_MAX of them. */
async function blocksBetween(db: Database, first: number, last: number): Promise<Found[]> {
  const blocks: Found[] = []
  for await (const block of blocksFrom(db, first, last, 16)) {
    blocks.push(block)
    if (blocks.length === DELETES_MAX) break
  }
  return blocks
}

/** The blocks that hold any of the numbers, in order. `few` are fetched first. */
async function* blocksFrom(db: Database, first: number, last: number, few: number): AsyncGenerator<Found> {
  if (first > last) return
  let found = 0
  // An iterator keeps room for what it was last asked for until it is collected: small questions first.
  const chunk = () => Math.min(1000, few + 2 * found)
  const range = { gte: seekKey(Math.max(1, first - BLOCK_READINGS_MAX + 1)), lt: seekKey(last + 1) }
  for await (const entries of walk(db, { ...range, values: false, chunk }, () => {})) {
    for (const [key] of entries) {
      const block = key.length === KEY_BYTES ? readKey(key) : undefined
      if (block === undefined || block.last < first) continue
      found += 1
      yield { ...block, key }
    }
  }
}
