// Which commands were executed, and what came of them: on disk before they are executed.
//
// Promises:
//   C1. What was remembered is found again after any crash, as long as it is among the newest thousand; a write as long
//       as it might come again.
//   C2. Where the file was damaged, that is said, and stays so until every write of before has expired.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CommandResult, WRITE_LIFE_MAX_MS } from '../protocol/command.ts'
import { reasonsOf } from '../protocol/mistakes.ts'
import { Instant } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { replaceFile } from './files.ts'

/** More than a gateway gets in the time that a command may live. */
const REMEMBERED_MAX = 1_000
/** Of them, writes that have not expired. */
const WRITES_MAX = 500

/** A command that was executed. `keepUntil`: when it cannot come again; absent where it would do no harm. */
const Remembered = z.strictObject({ result: CommandResult, keepUntil: Instant.optional() })
type Remembered = z.infer<typeof Remembered>

const File = z.strictObject({
  v: z.literal(1),
  /** Whether commands of before were forgotten, and may still come again. */
  forgetful: z.boolean(),
  commands: z.array(Remembered),
})

/** Which commands were executed. */
export interface CommandMemory {
  find(id: string): CommandResult | undefined
  /** On disk when it resolves. */
  remember(result: CommandResult, keepUntil?: number): Promise<void>
  forget(id: string): void
  /** Why no write may be executed now; `undefined` when one may. */
  hindrance(): string | undefined
}

/** Opens the memory in a folder. */
export async function openCommandMemory(
  { clock, log }: { clock: Clock; log: Log },
  folder: string,
): Promise<CommandMemory> {
  const file = join(folder, 'commands.json')
  const { results, forgetful } = await readMemory({ log }, file)
  const openedAt = clock.monotonic()
  const isForgetful = () => forgetful && clock.monotonic() - openedAt < WRITE_LIFE_MAX_MS
  let turn: Promise<void> = Promise.resolve()

  const save = (): Promise<void> => {
    const commands = [...results.values()]
    const text = JSON.stringify({ v: 1, forgetful: isForgetful(), commands } satisfies z.infer<typeof File>)
    const written = turn.then(() => replaceFile(file, text))
    turn = written.catch(() => {})
    return written
  }
  // A file that cannot be written is as damaged at the next start as it was at this one.
  if (forgetful) await save().catch((error: unknown) => log.warn('memory of commands not written', { error }))

  const kept = () => [...results.values()].filter(({ keepUntil = 0 }) => keepUntil >= clock.now())
  return {
    find: id => results.get(id)?.result,
    forget: id => void results.delete(id),
    remember(result, keepUntil) {
      results.delete(result.id)
      results.set(result.id, { result, ...(keepUntil === undefined ? {} : { keepUntil }) })
      const isKept = new Set(kept())
      for (const [id, one] of results) {
        if (results.size <= REMEMBERED_MAX) break
        if (!isKept.has(one)) results.delete(id)
      }
      return save()
    },
    hindrance() {
      if (isForgetful())
        return 'The gateway has forgotten which commands it has executed: it may be one of them'
      return kept().length >= WRITES_MAX
        ? `${WRITES_MAX} writes are remembered, which is the most`
        : undefined
    },
  }
}

async function readMemory(
  { log }: { log: Log },
  file: string,
): Promise<{ results: Map<string, Remembered>; forgetful: boolean }> {
  try {
    const { commands, forgetful } = File.parse(JSON.parse(await readFile(file, 'utf8')))
    return { results: new Map(commands.map(one => [one.result.id, one])), forgetful }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { results: new Map(), forgetful: false }
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    log.error('executed commands forgotten: their file was damaged', { file, reason: reasonsOf(error) })
    return { results: new Map(), forgetful: true }
  }
}
