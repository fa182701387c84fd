// A second place that knows how far numbers were given and answered, for the day the database has lost its newest
// writes.
//
// Twenty-four bytes beside the database: epoch, next number, first unanswered one, CRC-32. They are written after each commit and not synced:
// they outlive the process at once, and a power cut by half a minute later. They never say more than was committed.

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { FILE_MODE, writeAll } from '../files.ts'

/** How far numbers were given, and up to where all were answered. */
export interface Witnessed {
  epoch: number
  nextSeq: number
  firstUnacked: number
}

/** The second place. */
export interface Witness {
  /** What was found when it was opened; `undefined` when nothing readable was there. */
  readonly found: Witnessed | undefined
  /** Writes soon; only the newest of several is written. */
  note(now: Witnessed): void
  /** Waits for what was noted and closes the file. */
  close(): Promise<void>
}

const BYTES = 24
const EPOCH_AT = 0
const NEXT_AT = 4
const FIRST_AT = 12
const CRC_AT = 20

/** Opens the witness in `folder`, which must exist. `onError` hears of a write that failed; nothing depends on it. */
export async function openWitness(folder: string, onError: (error: unknown) => void): Promise<Witness> {
  const path = join(folder, 'witness')
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return open(path, 'w+', FILE_MODE)
    throw error
  })
  const bytes = new Uint8Array(BYTES)
  const { bytesRead } = await handle.read(bytes, 0, BYTES, 0)
  let next: Witnessed | undefined
  let writing = Promise.resolve()
  let busy = false
  const write = async () => {
    while (next !== undefined) {
      const now = next
      next = undefined
      await writeAll(handle, encode(now), 0).catch(onError)
    }
    busy = false
  }
  return {
    found: bytesRead === BYTES ? decode(bytes) : undefined,
    note(now) {
      next = now
      if (busy) return
      busy = true
      writing = write()
    },
    async close() {
      await writing
      await handle.close()
    },
  }
}

function encode({ epoch, nextSeq, firstUnacked }: Witnessed): Uint8Array {
  const bytes = new Uint8Array(BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(EPOCH_AT, epoch)
  view.setFloat64(NEXT_AT, nextSeq)
  view.setFloat64(FIRST_AT, firstUnacked)
  view.setUint32(CRC_AT, crc32(bytes.subarray(0, CRC_AT)))
  return bytes
}

function decode(bytes: Uint8Array): Witnessed | undefined {
  const view = new DataView(bytes.buffer)
  if (view.getUint32(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT))) return undefined
  return {
    epoch: view.getUint32(EPOCH_AT),
    nextSeq: view.getFloat64(NEXT_AT),
    firstUnacked: view.getFloat64(FIRST_AT),
  }
}
