// What the cloud asks for: read, checked, executed once, answered.
//
// The ids of commands that were executed are on disk before they are executed: a command that comes again, also after a
// crash in the middle, is answered and not executed a second time. One that cannot be remembered is not executed.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { COMMAND_BYTES_MAX, Command, CommandResult } from '../protocol/command.ts'
import { SLUG } from '../protocol/ids.ts'
import { reasonsOf } from '../protocol/mistakes.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { commandResultTopic } from '../protocol/topics.ts'
import { syncFolder } from './buffer/database.ts'
import type { Incoming } from './transport/transport.ts'

/** More than a gateway gets in the time that a command may live. */
const REMEMBERED_MAX = 1_000
/** Commands in execution; the next one is refused. */
const AT_ONCE_MAX = 16
const REASON_LENGTH_MAX = 500

/** Executes one kind of command; what it gives goes into the result. */
export type Execute = (command: Command) => Promise<Pick<CommandResult, 'readings' | 'values' | 'units'>>

/** Takes commands. */
export interface Commands {
  /** The result to publish; `undefined` for a message that names no command, which nobody can be told about. */
  handle(message: Incoming): Promise<{ topic: string; payload: string } | undefined>
}

interface CommandDeps {
  clock: Clock
  log: Log
  execute: Execute
}

/** Opens the memory of executed commands in the folder `path`. */
export async function openCommands(
  { clock, log, execute }: CommandDeps,
  { gateway, path }: { gateway: string; path: string },
): Promise<Commands> {
  const memory = await openMemory({ log }, path)
  const executing = new Map<string, Promise<CommandResult>>()

  const resultOf = (id: string, status: CommandResult['status'], reason: string): CommandResult => ({
    ...{ v: 1, id, status, at: clock.now() },
    reason: reason.slice(0, REASON_LENGTH_MAX),
  })

  const runOnce = async (command: Command): Promise<CommandResult> => {
    const { id, kind, by } = command
    log.info('command accepted', { id, kind, by })
    try {
      await memory.remember(resultOf(id, 'failed', 'The gateway stopped while executing it'))
    } catch (error) {
      memory.forget(id)
      log.error('command not executed: it could not be remembered', { id, kind, error })
      return resultOf(id, 'failed', `It was not executed, as it cannot be remembered: ${reasonOf(error)}`)
    }
    let result: CommandResult
    try {
      result = { v: 1, id, status: 'done', ...(await execute(command)), at: clock.now() }
    } catch (error) {
      const isExpected = error instanceof Rejected || error instanceof Unavailable
      log.warn('command failed', { id, kind, ...(isExpected ? { reason: error.message } : { error }) })
      result = resultOf(id, 'failed', reasonOf(error))
    }
    await memory
      .remember(result)
      .catch((error: unknown) => log.warn('result of a command not remembered', { id, kind, error }))
    return result
  }

  const run = async (command: Command): Promise<CommandResult> => {
    const { id } = command
    const known = executing.get(id) ?? memory.find(id)
    if (known !== undefined) return known
    if (clock.now() > command.expiresAt) return resultOf(id, 'refused', 'It came after it had expired')
    if (executing.size >= AT_ONCE_MAX) {
      return resultOf(id, 'refused', `${AT_ONCE_MAX} commands are being executed, which is the most`)
    }
    const result = runOnce(command).finally(() => executing.delete(id))
    executing.set(id, result)
    return result
  }

  return {
    async handle({ topic, payload }) {
      const id = topic.split('/').at(-1) ?? ''
      if (!SLUG.test(id)) {
        log.warn('command ignored: it has no name', { topic })
        return undefined
      }
      const read = readCommand(id, payload)
      const result = typeof read === 'string' ? resultOf(id, 'refused', read) : await run(read)
      return { topic: commandResultTopic(gateway, id), payload: JSON.stringify(result) }
    },
  }
}

/** The command, or why there is none. */
function readCommand(id: string, payload: Uint8Array): Command | string {
  if (payload.length > COMMAND_BYTES_MAX) {
    return `It has ${payload.length} bytes, at most ${COMMAND_BYTES_MAX} are allowed`
  }
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    return `It is not JSON: ${reasonOf(error)}`
  }
  const parsed = Command.safeParse(document)
  if (!parsed.success) return `It is none this gateway knows: ${reasonsOf(parsed.error)}`
  return parsed.data.id === id ? parsed.data : `Its topic says ${id}, it says ${parsed.data.id}`
}

/** Which commands were executed, and what came of them. */
interface Memory {
  find(id: string): CommandResult | undefined
  /** On disk when it resolves. */
  remember(result: CommandResult): Promise<void>
  forget(id: string): void
}

async function openMemory({ log }: { log: Log }, folder: string): Promise<Memory> {
  const file = join(folder, 'commands.json')
  const results = await readResults({ log }, file)
  let turn: Promise<void> = Promise.resolve()
  return {
    find: id => results.get(id),
    forget: id => void results.delete(id),
    remember(result) {
      results.delete(result.id)
      results.set(result.id, result)
      for (const id of [...results.keys()].slice(0, -REMEMBERED_MAX)) results.delete(id)
      const written = turn.then(() => writeResults(folder, file, [...results.values()]))
      turn = written.catch(() => {})
      return written
    },
  }
}

async function readResults({ log }: { log: Log }, file: string): Promise<Map<string, CommandResult>> {
  try {
    const results = z.array(CommandResult).parse(JSON.parse(await readFile(file, 'utf8')))
    return new Map(results.map(result => [result.id, result]))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    log.error('executed commands forgotten: their file was damaged', { file, reason: reasonsOf(error) })
    return new Map()
  }
}

/** Beside its place, then moved there: a power cut leaves the old file or the new one. */
async function writeResults(folder: string, file: string, results: readonly CommandResult[]): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(results), { flush: true })
  await rename(`${file}.new`, file)
  await syncFolder(folder)
}
