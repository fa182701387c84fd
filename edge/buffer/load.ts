// From the files of a buffer to its state: what was committed last, or the best that can still be known.

import { randomInt } from 'node:crypto'
import type { Log } from '../../protocol/runtime/log.ts'
import { type Database, isDamage, type Opened } from './database.ts'
import { add, addAll, size, subtract } from './ranges.ts'
import { decodeState, firstUnacked, newState, STATE_KEY, type State } from './state.ts'
import { inspect } from './verify.ts'
import type { Witnessed } from './witness.ts'

/** A state, and whether everything must be looked at before it can be relied on. */
export interface Loaded {
  state: State
  /** Whether it differs from what is on disk. */
  changed: boolean
  doubtful: boolean
}

/**
 * The state of an opened buffer. `known` is what another place knows of it: the witness, or the memory of this very
 * process when the database was opened again.
 */
export async function loadState(
  { log }: { log: Log },
  { db, condition }: Opened,
  known: Witnessed | State | undefined,
): Promise<Loaded> {
  if (condition === 'begun') {
    const state = newState(drawEpoch())
    if (known !== undefined && known.nextSeq > firstUnackedOf(known)) {
      const [first, last] = [firstUnackedOf(known), known.nextSeq - 1]
      log.error('readings lost', {
        reason: 'set aside',
        count: last - first + 1,
        epoch: known.epoch,
        first,
        last,
      })
    }
    return { state, changed: true, doubtful: false }
  }
  const stored = await readState(db)
  const state = stored ?? (await rebuildState(db, known))
  if (stored === undefined && state.nextSeq > 1) {
    log.error('buffer state rebuilt', { epoch: state.epoch, nextSeq: state.nextSeq })
  }
  const changed = stored === undefined
  const loaded = { state, changed, doubtful: changed || condition === 'repaired' }
  if (known === undefined || known.epoch !== state.epoch) return loaded
  return withKnown(loaded, known)
}

/** A number for a buffer that is begun: two buffers of one gateway must not share it. */
function drawEpoch(): number {
  return randomInt(1, 2 ** 32)
}

async function readState(db: Database): Promise<State | undefined> {
  try {
    const bytes = await db.get(STATE_KEY)
    return bytes === undefined ? undefined : decodeState(bytes)
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}

/**
 * What the blocks themselves say, and up to where `known` says that all was answered; where nobody knows, what lay
 * before the first block counts as answered. Keeps the epoch only when `known` has seen every number that was given.
 */
async function rebuildState(db: Database, known: Witnessed | State | undefined): Promise<State> {
  const empty = newState(drawEpoch())
  const snapshot = db.snapshot()
  try {
    const { first = 1, firstOther, blockBytes, ...found } = await inspect(db, empty, snapshot)
    const epoch = known !== undefined && known.nextSeq >= found.nextSeq ? known.epoch : empty.epoch
    const head = known === undefined ? first : firstUnackedOf(known)
    const nextSeq = Math.max(found.nextSeq, head)
    const state = {
      ...{ ...empty, epoch, nextSeq, blockBytes, acked: add([], 1, head - 1) },
      // Readings of the class \`other\` that are missing before the first of them went by eviction.
      ...{ othersEvictedThrough: (firstOther ?? nextSeq) - 1, regulatoryThrough: nextSeq - 1 },
    }
    const { othersEvicted } = await inspect(db, state, snapshot)
    return { ...state, othersEvicted }
  } finally {
    await snapshot.close()
  }
}

const firstUnackedOf = (known: Witnessed | State) =>
  'acked' in known ? firstUnacked(known) : known.firstUnacked

/** What is missing of the numbers that only `known` has seen is found by looking at everything. */
function withKnown(loaded: Loaded, known: Witnessed | State): Loaded {
  const { state } = loaded
  const acked = addAll(state.acked, 'acked' in known ? known.acked : add([], 1, known.firstUnacked - 1))
  const isShort = known.nextSeq > state.nextSeq
  return {
    changed: loaded.changed || isShort,
    doubtful: loaded.doubtful || isShort || size(acked) > size(state.acked),
    state: {
      ...{ ...state, acked, lost: subtract(state.lost, acked) },
      ...(isShort ? { nextSeq: known.nextSeq, regulatoryThrough: known.nextSeq - 1 } : {}),
    },
  }
}
