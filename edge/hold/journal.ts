// The lines of held readings: the first says whose boot they are of, then a reading each; every line has its CRC.

import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { FILE_MODE, syncFolder, writeAll } from '../files.ts'

/** Of which boot the readings are, and what they were stamped with. */
export const Head = z.strictObject({ v: z.literal(1), boot: z.string(), guessMs: z.number() })

/** Of which boot the readings are. */
export type Head = z.infer<typeof Head>

/** Where the files are. */
export interface Files {
  held: string
  shift: string
  folder: string
}

/** Lines that are on disk when append() resolves. */
export interface Journal {
  /** Throws Unavailable. */
  append(documents: readonly unknown[]): Promise<void>
  /** The file is gone when it resolves. */
  clear(): Promise<void>
  close(): Promise<void>
  bytes(): number
}

/** Opens the journal; `found` bytes of it are there. */
export function openJournal({ held, folder }: Files, head: Head, found: number): Journal {
  let file: FileHandle | undefined
  let bytes = found
  const append = async (documents: readonly unknown[]) => {
    if (documents.length === 0) return
    const isNew = bytes === 0
    const text = [...(isNew ? [head] : []), ...documents].map(seal).join('')
    try {
      file ??= await open(held, isNew ? 'w' : 'r+', FILE_MODE)
      await file.truncate(bytes)
      await writeAll(file, Buffer.from(text), bytes)
      await file.datasync()
      if (isNew) await syncFolder(folder)
    } catch (error) {
      throw new Unavailable(`Cannot hold readings: ${reasonOf(error)}`, { cause: error })
    }
    bytes += Buffer.byteLength(text)
  }
  const close = async () => {
    await file?.close()
    file = undefined
  }
  const clear = async () => {
    await close()
    await rm(held, { force: true })
    await syncFolder(folder)
    bytes = 0
  }
  return { append, clear, close, bytes: () => bytes }
}

function seal(document: unknown): string {
  const text = JSON.stringify(document)
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`
}

/** What a line holds; `undefined` for one that is damaged. */
export function unseal(line: string): unknown {
  const text = line.slice(9)
  return crc32(text).toString(16).padStart(8, '0') === line.slice(0, 8) ? JSON.parse(text) : undefined
}

/** How many bytes of the file are whole lines: what a power cut left behind them was never confirmed. */
export async function wholeBytes(path: string): Promise<number> {
  const content = await readFile(path).catch(() => Buffer.alloc(0))
  return content.lastIndexOf('\n') + 1
}

/** Whose the file is; `undefined` when nobody can say. */
export async function readHead(path: string): Promise<Head | undefined> {
  const content = await readFile(path, 'utf8').catch(() => '')
  const line = content.slice(0, content.indexOf('\n') + 1).trimEnd()
  return line === '' ? undefined : Head.safeParse(unseal(line)).data
}
