// Space that is kept for the day the disk is full: LevelDB must write in order to open, to delete and to shrink.

import { statfsSync } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FILE_MODE, syncFolder, writeAll } from '../files.ts'
import { isFull } from './database.ts'

/** A file of no content that is given up when space runs out. */
export interface Reserve {
  /** Gives the space back to the disk. `false` when there was none to give. */
  release(): Promise<boolean>
  /** Takes the space again. `false` when the disk does not have twice as much free. */
  restore(): Promise<boolean>
  /** How much is free on the disk. */
  freeBytes(): number
  readonly bytes: number
}

/** The reserve in `folder`, which must exist. Nothing is taken before restore(). */
export function openReserve(folder: string, bytes: number): Reserve {
  const path = join(folder, 'reserve')
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  }
  return {
    bytes,
    freeBytes,
    async release() {
      if ((await sizeOf(path)) === undefined) return false
      await rm(path)
      return true
    },
    async restore() {
      if ((await sizeOf(path)) === bytes) return true
      if (freeBytes() < 2 * bytes) return false
      try {
        await fill(path, bytes)
        await syncFolder(folder)
        return true
      } catch (error) {
        if (!isFull(error)) throw error
        await rm(path, { force: true })
        return false
      }
    },
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function fill(path: string, bytes: number): Promise<void> {
  const chunk = new Uint8Array(Math.min(bytes, 2 ** 20))
  const handle = await open(path, 'w', FILE_MODE)
  try {
    for (let at = 0; at < bytes; at += chunk.length) {
      await writeAll(handle, chunk.subarray(0, bytes - at), at)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}
