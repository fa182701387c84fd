// What a commit will do, thought out before it is done: the operations of one batch, and the state after them.
//
// Invariant: a change is written whole, with the state it leads to, or not at all.

import { Unavailable } from '../../protocol/runtime/errors.ts'
import { BLOCK_READINGS_MAX, type BlockKey, blockRecord, KEY_BYTES, readKey, seekKey } from './block.ts'
import type { Database, Operation } from './database.ts'
import { add, covers, type Ranges, size, subtract } from './ranges.ts'
import { expectedWithin, firstUnacked, RANGES_MAX, type State } from './state.ts'
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
  evicted: number
}

/** A change that changes nothing yet. */
export function openChange(state: State): Change {
  return { operations: [], state, freed: [], freedBytes: 0, evicted: 0 }
}

/** Adds blocks at the end, and gives the number of their first reading. */
export function addBlocks(change: Change, blocks: readonly { body: Uint8Array; count: number }[]): number {
  const first = change.state.nextSeq
  let { nextSeq, blockBytes } = change.state
  for (const { body, count } of blocks) {
    const { key, value } = blockRecord(nextSeq, count, body)
    change.operations.push({ type: 'put', key, value })
    nextSeq += count
    blockBytes += key.length + value.length
  }
  change.state = { ...change.state, nextSeq, blockBytes }
  return first
}

/**
 * Forgets the numbers from `first` to `through`, and deletes the blocks of which nothing is left to answer. Returns
 * how far it came: an ack over very many blocks takes several commits. Throws Unavailable when the answers leave too
 * many holes to remember.
 */
export async function addAck(db: Database, change: Change, first: number, through: number): Promise<number> {
  const { state } = change
  const last = Math.min(through, state.nextSeq - 1)
  if (first > last || covers(state.acked, first, last)) return through
  const blocks = await blocksBetween(db, Math.max(first, state.evictedThrough + 1), last)
  const cut = blocks.length < DELETES_MAX ? undefined : blocks[blocks.length - 1]
  const done = cut === undefined ? last : Math.min(last, cut.last)
  const acked = add(state.acked, first, done)
  if (acked.length > RANGES_MAX) {
    throw new Unavailable(
      `Cannot ack ${first} to ${done}: ${RANGES_MAX} separate ranges are acked, which is the most`,
    )
  }
  change.state = { ...state, acked, lost: subtract(state.lost, [{ first, last: done }]) }
  for (const block of blocks) if (covers(acked, block.first, block.last)) deleteBlock(change, block)
  return cut === undefined ? through : done
}

/** Evicts the oldest blocks until the rest fits into `maxBytes`; never one of `protectedFrom` or later. */
export async function addEviction(
  db: Database,
  change: Change,
  { maxBytes, protectedFrom }: { maxBytes: number; protectedFrom: number },
): Promise<void> {
  if (change.state.blockBytes <= maxBytes) return
  const from = Math.max(firstUnacked(change.state), change.state.evictedThrough + 1)
  // A little more than needed, so that a full buffer does not evict with every append.
  const target = maxBytes - Math.min(64 * 1024, Math.floor(maxBytes / 64))
  const before = change.state
  let evictedThrough = before.evictedThrough
  for (const block of await blocksBetween(db, from, protectedFrom - 1)) {
    if (change.state.blockBytes <= target) break
    // Already deleted by an ack of the same commit.
    if (covers(before.acked, block.first, block.last)) continue
    deleteBlock(change, block)
    evictedThrough = block.last
  }
  change.evicted += size(expectedWithin(before, before.evictedThrough + 1, evictedThrough))
  change.state = { ...change.state, evictedThrough }
}

function deleteBlock(change: Change, block: BlockKey & { key: Uint8Array }): void {
  change.operations.push({ type: 'del', key: block.key })
  change.freed = add(change.freed, block.first, block.last)
  change.freedBytes += block.bytes
  // The count may be short while damage is not accounted for yet; verifying puts it right.
  change.state = { ...change.state, blockBytes: Math.max(0, change.state.blockBytes - block.bytes) }
}

/** The blocks that hold any of the numbers, in order, at most DELETES_MAX of them. */
async function blocksBetween(
  db: Database,
  first: number,
  last: number,
): Promise<(BlockKey & { key: Uint8Array })[]> {
  const blocks: (BlockKey & { key: Uint8Array })[] = []
  if (first > last) return blocks
  // An iterator keeps room for what it was last asked for until it is collected: small questions first.
  const chunk = () => Math.min(1000, 16 + 2 * blocks.length)
  const range = { gte: seekKey(Math.max(1, first - BLOCK_READINGS_MAX + 1)), lt: seekKey(last + 1) }
  for await (const entries of walk(db, { ...range, values: false, chunk }, () => {})) {
    for (const [key] of entries) {
      const block = key.length === KEY_BYTES ? readKey(key) : undefined
      if (block === undefined || block.last < first) continue
      blocks.push({ ...block, key })
      if (blocks.length === DELETES_MAX) return blocks
    }
  }
  return blocks
}
