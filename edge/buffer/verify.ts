// Looking at everything in the buffer, record by record, without holding it: what is there, and what should be.

import { isIntact, KEYS_END, readKey, seekKey } from './block.ts'
import type { Database } from './database.ts'
import { covers, type Range, type Ranges } from './ranges.ts'
import { expectedWithin, type State } from './state.ts'
import { walk } from './walk.ts'

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
}

/** The most strays and lost ranges that one look collects; what is left over is found by the next. */
export const FOUND_MAX = 1000

/** Looks at everything that `snapshot` of `db` shows. `state` must be of the same moment. */
export async function inspect(
  db: Database,
  state: State,
  snapshot: ReturnType<Database['snapshot']>,
): Promise<Findings> {
  const findings: Findings = { blockBytes: 0, lost: [], strays: [], nextSeq: 1, first: undefined }
  const lost: Range[] = []
  let expected = 1
  const gapTo = (to: number) => {
    if (lost.length < FOUND_MAX) lost.push(...expectedWithin(state, expected, to - 1))
  }
  const range = { gte: seekKey(0), lt: KEYS_END, values: true, snapshot, chunk: () => 1000 }
  for await (const entries of walk(db, range, () => {})) {
    for (const [key, value] of entries) {
      findings.blockBytes += key.length + value.length
      const place = readKey(key)
      if (place?.bytes !== key.length + value.length || isOver(state, place)) {
        if (findings.strays.length < FOUND_MAX) findings.strays.push(key)
        continue
      }
      if (!isIntact(key, value)) continue
      findings.first ??= place.first
      gapTo(place.first)
      expected = Math.max(expected, place.last + 1)
      findings.nextSeq = expected
    }
  }
  gapTo(state.nextSeq)
  return { ...findings, lost }
}

/** Whether the numbers of a block were all answered or evicted. */
function isOver({ acked, evictedThrough }: State, { first, last }: Range): boolean {
  return last <= evictedThrough || covers(acked, first, last)
}
