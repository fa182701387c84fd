// The series that blocks refer to by number: each is stored once, in the database and in a file beside it.
//
// A block without its series is worthless, so neither place alone can take them away: what one has lost is written
// again from the other.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { SLUG } from '../../protocol/ids.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { isVariable } from '../../protocol/variables.ts'
import { replaceFile } from '../files.ts'
import type { SeriesName } from './block.ts'
import type { Database, Operation } from './database.ts'
import { walk } from './walk.ts'

/** The most series a buffer may know in its life: four times what a gateway may have at once. */
export const SERIES_KNOWN_MAX = 16_384

/** The series of a buffer. */
export interface SeriesList {
  /** The number of a series; a new one gets the next. Throws Rejected when there are too many. */
  idOf(name: SeriesName): number
  nameOf(id: number): SeriesName | undefined
  /** Bytes of the records in the database. */
  bytes(): number
  /** What the database does not have yet, after the file has it. Call `saved()` when they are committed. */
  unsaved(): Promise<Operation[]>
  saved(): void
  /** Looks again at what the database has, after it was opened again. */
  check(db: Database): Promise<void>
}

const PREFIX = 0x73

/** Reads the series of a buffer from the database and from the file in `folder`. */
export async function loadSeries(db: Database, folder: string): Promise<SeriesList> {
  const inFile = await readFileList(folder)
  const texts = [...inFile]
  const ids = new Map<string, number>()
  const missing = new Set<number>()
  let bytes = 0
  let fileHolds = inFile.length
  const check = async (database: Database) => {
    const stored = await readRecords(database)
    missing.clear()
    bytes = 0
    for (const [id, text] of stored) {
      if (texts[id] !== text) fileHolds = 0
      texts[id] = text
      bytes += recordBytes(text)
    }
    for (let id = 0; id < texts.length; id += 1) {
      // Neither place knows it: its number is not given again, and blocks that name it cannot be read.
      texts[id] ??= ''
      ids.set(texts[id] as string, id)
      if (!stored.has(id)) missing.add(id)
    }
  }
  await check(db)
  let written: number[] = []
  return {
    idOf({ point, variable }) {
      const text = `${point}/${variable}`
      const known = ids.get(text)
      if (known !== undefined) return known
      if (texts.length >= SERIES_KNOWN_MAX)
        throw new Rejected(
          `Cannot keep ${text}: the buffer knows ${SERIES_KNOWN_MAX} series, which is the most`,
        )
      const id = texts.length
      texts.push(text)
      ids.set(text, id)
      missing.add(id)
      return id
    },
    nameOf: id => toName(texts[id] ?? ''),
    bytes: () => bytes,
    async unsaved() {
      if (fileHolds < texts.length) {
        const holds = texts.length
        await writeFileList(folder, texts.slice(0, holds))
        fileHolds = holds
      }
      written = [...missing].filter(id => id < fileHolds && texts[id] !== '')
      return written.map(id => ({ type: 'put', ...record(id, texts[id] as string) }))
    },
    saved() {
      for (const id of written) {
        missing.delete(id)
        bytes += recordBytes(texts[id] as string)
      }
      written = []
    },
    check,
  }
}

function toName(text: string): SeriesName | undefined {
  const slash = text.indexOf('/')
  const [point, variable] = [text.slice(0, slash), text.slice(slash + 1)]
  return SLUG.test(point) && isVariable(variable) ? { point, variable } : undefined
}

const recordBytes = (text: string) => 3 + text.length + 4

function record(id: number, text: string): { key: Uint8Array; value: Uint8Array } {
  const key = new Uint8Array([PREFIX, id >> 8, id & 255])
  const value = new Uint8Array(text.length + 4)
  value.set(new TextEncoder().encode(text))
  new DataView(value.buffer).setUint32(text.length, crc32(value.subarray(0, text.length), crc32(key)))
  return { key, value }
}

async function readRecords(db: Database): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  const range = { gte: new Uint8Array([PREFIX]), lt: new Uint8Array([PREFIX + 1]) }
  for await (const entries of walk(db, { ...range, values: true, chunk: () => 1000 }, () => {})) {
    for (const [key, value] of entries) {
      if (key.length !== 3 || value.length < 4) continue
      const id = ((key[1] as number) << 8) | (key[2] as number)
      const text = value.subarray(0, value.length - 4)
      const crc = new DataView(value.buffer, value.byteOffset, value.length).getUint32(text.length)
      if (crc === crc32(text, crc32(key))) found.set(id, new TextDecoder().decode(text))
    }
  }
  return found
}

/** The file: CRC-32 of the rest as eight hexadecimal digits, then one series a line. */
async function readFileList(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'series'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const [crc, ...lines] = text.split('\n')
  return crc === crcText(lines) ? lines : []
}

const writeFileList = (folder: string, lines: readonly string[]) =>
  replaceFile(join(folder, 'series'), [crcText(lines), ...lines].join('\n'))

const crcText = (lines: readonly string[]) => crc32(lines.join('\n')).toString(16).padStart(8, '0')
