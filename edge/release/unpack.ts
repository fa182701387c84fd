// A part of a release, from its archive to files on disk.
//
// What was signed is trusted to be what it says, and unpacked as if it were not: folders and plain files, below their own
// place, no more than was announced.

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createZstdDecompress } from 'node:zlib'
import type { ReleasePart } from '../../protocol/release.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { syncedFolder, syncFolder } from '../files.ts'

const BLOCK = 512
const ENTRIES_MAX = 4_096
/** A file is written in pieces of this size: a gateway has little memory. */
const PIECE = 256 * 1024

interface Header {
  path: string
  kind: 'file' | 'folder'
  bytes: number
  isExecutable: boolean
}

/** Unpacks the archive at `file` into `folder`; on disk when it resolves. Throws Rejected for what no release holds. */
export async function unpackPart(file: string, part: ReleasePart, folder: string): Promise<void> {
  const source = createReadStream(file).pipe(createZstdDecompress())
  const failed = new Promise<never>((_, reject) => source.on('error', reject))
  failed.catch(() => {})
  const reader = openReader(source[Symbol.asyncIterator](), part.unpackedBytes)
  const folders = new Set([folder])
  await syncedFolder(folder)
  try {
    for (let count = 0; ; count += 1) {
      if (count > ENTRIES_MAX) throw new Rejected(`Part ${part.name} holds more than ${ENTRIES_MAX} files`)
      const header = readHeader(await reader.take(BLOCK))
      if (header === undefined) break
      const path = join(folder, header.path)
      if (header.kind === 'folder') {
        await syncedFolder(path)
        folders.add(path)
      } else await writeFile(path, header, reader.take)
      await reader.take((BLOCK - (header.bytes % BLOCK)) % BLOCK)
    }
  } finally {
    source.destroy()
  }
  for (const each of folders) await syncFolder(each)
}

async function writeFile(
  path: string,
  { bytes, isExecutable }: Header,
  take: (length: number) => Promise<Uint8Array>,
): Promise<void> {
  const file = await open(path, 'wx', isExecutable ? 0o700 : 0o600)
  try {
    for (let left = bytes; left > 0; ) {
      const piece = await take(Math.min(left, PIECE))
      await file.write(piece)
      left -= piece.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Gives a stream in pieces of the lengths that are asked for. */
function openReader(source: AsyncIterator<Uint8Array>, bytesMax: number) {
  let held: Uint8Array = new Uint8Array()
  let taken = 0
  return {
    async take(length: number): Promise<Uint8Array> {
      const pieces: Uint8Array[] = []
      taken += length
      if (taken > bytesMax)
        throw new Rejected(`An archive is longer than the ${bytesMax} bytes it was announced with`)
      for (let missing = length; missing > 0; ) {
        if (held.length === 0) {
          const { value, done } = await source.next()
          if (done === true) throw new Rejected('An archive ends in the middle')
          held = value
        }
        pieces.push(held.subarray(0, missing))
        missing -= pieces.at(-1)?.length ?? 0
        held = held.subarray(pieces.at(-1)?.length ?? 0)
      }
      return Buffer.concat(pieces)
    },
  }
}

/** The header of an entry; `undefined` at the archive's end. */
function readHeader(block: Uint8Array): Header | undefined {
  const bytes = Buffer.from(block)
  if (bytes.every(byte => byte === 0)) return undefined
  const text = (from: number, length: number) => {
    const field = bytes.subarray(from, from + length)
    const end = field.indexOf(0)
    return field.toString('latin1', 0, end < 0 ? length : end)
  }
  const number = (from: number, length: number) => Number.parseInt(text(from, length).trim() || '0', 8)
  const sum = bytes.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  if (number(148, 8) !== sum || text(257, 5) !== 'ustar') throw new Rejected('An archive is none of ours')
  const prefix = text(345, 155)
  const path = `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`.replace(/\/$/, '')
  const type = text(156, 1)
  if (type !== '0' && type !== '5')
    throw new Rejected(`An archive holds ${path}, which is neither file nor folder`)
  if (path.split('/').some(name => name === '' || name === '.' || name === '..')) {
    throw new Rejected(`An archive holds ${path}, which is not below its folder`)
  }
  const isFile = type === '0'
  return {
    path,
    kind: isFile ? 'file' : 'folder',
    bytes: isFile ? number(124, 12) : 0,
    isExecutable: (number(100, 8) & 0o100) !== 0,
  }
}
