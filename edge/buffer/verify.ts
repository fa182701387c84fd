// Looking at everything in the buffer, record by record, without holding it: what is there, and what should be.

import { type BlockKey, isIntact, KEYS_END, readKey, seekKey } from './block.ts'
import type { Database } from './database.ts'
import { covers, type Range, type Ranges, size, subtract } from './ranges.ts'
import { expectedWithin, othersAtEnd, othersEvictedWithin, type State } from './state.ts'
import { type Entry, walk } from './walk.ts'

/** What a look at everything showed. */
export interface Findings {
  /** Key and value lengths of every record under a block's prefix. */
  blockBytes: number
  /** Numbers that should be there and are not, or not as they were written. */
  lost: Ranges
  /** Keys of records that belong to nobody: garbage, or answered long ago and come back by a repair. */
  strays: Uint8Array[]
  /** One past the highest number found. */
  nextSeq: number
  /** The lowest number found. */
  first: number | undefined
  /** The lowest number found of the class `other`. */
  firstOther: number | undefined
  /** How many numbers behind `evictedThrough` were evicted for being of that class. */
  othersEvicted: number
}

/** A moment of a database that a look holds fast. */
export type Snapshot = ReturnType<Database['snapshot']>

/** The most strays and lost ranges that one look collects; what is left over is found by the next. */
export const FOUND_MAX = 1000

/** Looks at everything that `snapshot` of `db` shows. `state` must be of the same moment. */
export async function inspect(db: Database, state: State, snapshot: Snapshot): Promise<Findings> {
  const look = openLook(state)
  await look.goOn(db, snapshot, Number.POSITIVE_INFINITY)
  return look.findings()
}

/** A look at everything that can be interrupted. */
export interface Look {
  /** Goes on where it was, for about so many bytes. `true` when everything was looked at. */
  goOn(db: Database, snapshot: Snapshot, bytes: number): Promise<boolean>
  findings(): Findings
}

/** Begins a look. Nothing may change the blocks while it is interrupted. */
export function openLook(state: State): Look {
  const findings: Findings = {
    ...{ blockBytes: 0, lost: [], strays: [], nextSeq: 1 },
    ...{ first: undefined, firstOther: undefined, othersEvicted: 0 },
  }
  const lost: Range[] = []
  let expected = 1
  let from = seekKey(0)
  const gapTo = (to: number, othersBefore: number) => {
    if (expected >= to) return
    const evicted = othersEvictedWithin(state, expected, to - 1, othersBefore)
    findings.othersEvicted += size(evicted)
    if (lost.length < FOUND_MAX) lost.push(...subtract(expectedWithin(state, expected, to - 1), evicted))
  }
  const lookAt = ([key, value]: Entry) => {
    findings.blockBytes += key.length + value.length
    const place = readKey(key)
    if (place?.bytes !== key.length + value.length || isOver(state, place)) {
      if (findings.strays.length < FOUND_MAX) findings.strays.push(key)
      return
    }
    if (!isIntact(key, value)) return
    findings.first ??= place.first
    if (place.class === 'other') findings.firstOther ??= place.first
    gapTo(place.first, place.othersBefore)
    expected = Math.max(expected, place.last + 1)
    findings.nextSeq = expected
  }
  return {
    async goOn(db, snapshot, bytes) {
      const enough = findings.blockBytes + bytes
      const range = { gte: from, lt: KEYS_END, values: true, snapshot, chunk: () => 1000 }
      for await (const entries of walk(db, range, () => {})) {
        for (const entry of entries) lookAt(entry)
        const [last] = entries.at(-1) as Entry
        from = new Uint8Array([...last, 0])
        if (findings.blockBytes >= enough) return false
      }
      gapTo(state.nextSeq, othersAtEnd(state))
      return true
    },
    findings: () => ({ ...findings, lost }),
  }
}

/** Whether the numbers of a block were all answered or evicted. */
function isOver({ acked, evictedThrough, othersEvictedThrough }: State, block: BlockKey): boolean {
  const { first, last } = block
  const gone = block.class === 'other' ? othersEvictedThrough : evictedThrough
  return last <= gone || covers(acked, first, last)
}
