// Looks at everything in the buffer: before it is used where that is soon done or something is doubtful, and else beside
// the work. One look at a time.

import type { Log } from '../../protocol/runtime/log.ts'
import { type Database, failureOf } from './database.ts'
import type { Lane } from './lane.ts'
import { isSame, type Records } from './records.ts'
import type { State } from './state.ts'
import { type Look, openLook, type Snapshot } from './verify.ts'

/** What looking needs. */
export interface VerifierDeps {
  log: Log
  lane: Lane
  records: Records
  /** Opens the database if it is closed. Throws when the buffer is. */
  open: () => Promise<void>
  isClosed: () => boolean
}

/** Looks at everything. */
export interface Verifier {
  /** Begins a look, if none is under way. `isFirst`: nobody uses the buffer until it is done. */
  look(isFirst?: boolean): Promise<void>
  /** Resolves when no look is under way. */
  done(): Promise<void>
}

/** LevelDB maps the files it has read into memory, and lets go of them when it is closed. */
const MAPPED_BYTES = 4 * 2 ** 20

/** The database and what was committed last, of one moment. */
interface Moment {
  db: Database
  state: State
  snapshot: Snapshot
}

/** Opens a verifier. */
export function openVerifier({ log, lane, records, open, isClosed }: VerifierDeps): Verifier {
  let looking: Promise<void> | undefined
  const moment = async (): Promise<Moment> => {
    await open()
    const { db, state } = records
    return { db, state, snapshot: db.snapshot() }
  }
  const openAnew = async () => {
    if (isClosed()) return
    await records.close()
    await open()
  }

  /** `false` when another look is needed. */
  const lookOnce = async (isFirst: boolean): Promise<boolean> => {
    let now = await lane.run(moment)
    const { state } = now
    const look = openLook(state)
    while (!(await goOn(look, now, isFirst ? MAPPED_BYTES : Number.POSITIVE_INFINITY))) {
      await lane.run(openAnew)
      now = await lane.run(moment)
      if (isSame(now.state, state)) continue
      await now.snapshot.close()
      return false
    }
    return await lane.run(() => records.account(now.db, state, look.findings()))
  }

  const lookAtEverything = async (isFirst: boolean) => {
    while (!(await lookOnce(isFirst)));
    if (records.state.blockBytes > MAPPED_BYTES) await lane.run(openAnew)
  }

  return {
    look(isFirst = false) {
      looking ??= lookAtEverything(isFirst)
        .catch((error: unknown) => {
          if (!isClosed()) log.warn('buffer not verified', { reason: failureOf(error) })
        })
        .finally(() => {
          looking = undefined
        })
      return looking
    },
    done: () => looking ?? Promise.resolve(),
  }
}

async function goOn(look: Look, { db, snapshot }: Moment, bytes: number): Promise<boolean> {
  try {
    return await look.goOn(db, snapshot, bytes)
  } finally {
    await snapshot.close()
  }
}
