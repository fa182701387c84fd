// Room at the end of LevelDB's log, taken before it is needed.
//
// A log that grows with each write has the file system write down its new length at each sync: five blocks of 4 KiB for a
// poll of eight variables, on flash that wears. Where the log is longer already, by zeros, a sync writes what was written
// and nothing else: one block. LevelDB itself takes zeros behind a record for the end of the log (log_reader.cc: files
// that were made longer ahead of time).
//
// Invariant: nothing is written below a length that the file has, so no record is ever written over.

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isFull } from './database.ts'

const ROOM_BYTES = 64 * 1024

/** Keeps room in the log. */
export interface LogRoom {
  /** To be called between two writes: takes room where the log has none. */
  take(): Promise<void>
}

/** Room in the log of the database at `location`. */
export function openLogRoom(location: string): LogRoom {
  let log: { path: string; through: number } | undefined
  return {
    async take() {
      if (log !== undefined && ((await sizeOf(log.path)) ?? Number.POSITIVE_INFINITY) <= log.through) return
      const path = await newestLog(location)
      const size = path === undefined ? undefined : await sizeOf(path)
      if (path === undefined || size === undefined) return
      if (await fill(path, size)) log = { path, through: size + ROOM_BYTES }
    },
  }
}

async function newestLog(location: string): Promise<string | undefined> {
  const logs = (await readdir(location)).filter(name => name.endsWith('.log'))
  const newest = logs.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1)
  return newest === undefined ? undefined : join(location, newest)
}

/** `undefined` for a log that LevelDB has deleted meanwhile. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Makes a file longer by zeros. `false` when the disk has no room for them, or the file is gone. */
async function fill(path: string, size: number): Promise<boolean> {
  try {
    const handle = await open(path, 'r+')
    try {
      await handle.write(new Uint8Array(ROOM_BYTES), 0, ROOM_BYTES, size)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (isFull(error) || (error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
