// Going through the records of a database, past what is damaged in it.
//
// LevelDB's iterator steps over a part that it cannot read and says so only at the end, where it throws away what it
// had read last. So after a failure the walk goes on one by one from the last record it was given.

import { type Database, isDamage } from './database.ts'

/** A record. The value is empty when only keys were asked for. */
export type Entry = [key: Uint8Array, value: Uint8Array]

type Cursor = { nextv(size: number): Promise<Entry[]>; close(): Promise<void> }

/** Where to go, and how. */
export interface Walk {
  gte: Uint8Array
  lt: Uint8Array
  values: boolean
  /** How many records to fetch next, at most. */
  chunk: () => number
  snapshot?: ReturnType<Database['snapshot']>
}

/** `ReadMany` of the binding stops after so many bytes; its own 16 KiB are too few for a scan. */
const CHUNK_BYTES = 256 * 1024

/** How many records are fetched one by one after a failure before it goes on in chunks. */
const CAREFUL = 1000

/** Gives every record that can be read, in order, in chunks. `onDamage` is called when a part could not be. */
export async function* walk(
  db: Database,
  { gte, lt, values, chunk, snapshot }: Walk,
  onDamage: () => void,
): AsyncGenerator<Entry[]> {
  let lower: { gte: Uint8Array } | { gt: Uint8Array } = { gte }
  let careful = false
  for (;;) {
    const iterator: Cursor = db.iterator({
      ...lower,
      lt,
      values,
      fillCache: false,
      highWaterMarkBytes: CHUNK_BYTES,
      ...(snapshot === undefined ? {} : { snapshot }),
    })
    try {
      for (let left = careful ? CAREFUL : Number.POSITIVE_INFINITY; left > 0; left -= 1) {
        const entries: Entry[] = await iterator.nextv(careful ? 1 : chunk())
        const last = entries[entries.length - 1]
        if (last === undefined) return
        yield entries
        lower = { gt: last[0] }
      }
      careful = false
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamage()
      if (careful) return
      careful = true
    } finally {
      await iterator.close()
    }
  }
}
