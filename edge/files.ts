// Files that a power cut leaves whole, and that only their owner may read.

import { type FileHandle, mkdir, open, rename, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** For its owner only: who else may enter its folder is not always for us to say. */
export const FILE_MODE = 0o600

/**
 * Puts `text` into the place of the file at `path`; on disk when it resolves. It is written beside its place and then
 * moved there: a power cut leaves the old file or the new one.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: FILE_MODE, flush: true })
  await rename(`${path}.new`, path)
  await syncFolder(dirname(path))
}

/** Writes all of `bytes` at `position`, or throws: a disk that is nearly full takes a part of them, and calls that no error. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    if (bytesWritten === 0)
      throw new Error(`Cannot write ${bytes.length} bytes: the disk took ${written} of them`)
    written += bytesWritten
  }
}

/** Makes a folder that only its owner may enter, and that is still there after a power cut. */
export async function syncedFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  const above = dirname(resolve(made))
  for (let each = resolve(folder); each !== above; each = dirname(each)) await syncFolder(dirname(each))
}

/** Puts the names in a folder on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
