// Which Sparkplug session this is: `bdSeq`, one more with each start, so that a death that comes late, through a bridge,
// is not taken for that of the session after it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { replaceFile } from '../files.ts'

const BD_SEQ_MAX = 255
const File = z.strictObject({ v: z.literal(1), bdSeq: z.int().min(0).max(BD_SEQ_MAX) })

/** Begins a session: the number after the last one's, kept in `folder`. It starts at 0, and after 255 comes 0. */
export async function nextBdSeq({ log }: { log: Log }, folder: string): Promise<number> {
  const file = join(folder, 'sparkplug.json')
  const last = await readLast({ log }, file)
  const bdSeq = last === undefined || last === BD_SEQ_MAX ? 0 : last + 1
  try {
    await replaceFile(file, JSON.stringify({ v: 1, bdSeq }))
  } catch (error) {
    log.warn('session of Sparkplug not written', { file, reason: reasonOf(error) })
  }
  return bdSeq
}

async function readLast({ log }: { log: Log }, file: string): Promise<number | undefined> {
  try {
    return File.parse(JSON.parse(await readFile(file, 'utf8'))).bdSeq
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const reason = error instanceof z.ZodError ? 'it is not what we write' : reasonOf(error)
    log.warn('sessions of Sparkplug counted from 0: their file could not be read', { file, reason })
    return undefined
  }
}
