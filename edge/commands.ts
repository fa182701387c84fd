// What the cloud asks for: read, checked, executed once, answered.
//
// The ids of commands that were executed are on disk before they are executed: a command that comes again, also after a
// crash in the middle, is answered and not executed a second time.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { COMMAND_BYTES_MAX, Command, type CommandResult } from '../protocol/command.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { commandResultTopic } from '../protocol/topics.ts'
import type { Incoming } from './transport/transport.ts'

/** More than a gateway gets in the time that a command may live. */
const REMEMBERED_MAX = 1_000

/** Executes one kind of command; what it gives goes into the result. */
export type Execute = (command: Command) => Promise<{ readings?: number }>

/** Takes commands. */
export interface Commands {
  /** The result to publish; `undefined` for a message that names no command, which nobody can be told about. */
  handle(message: Incoming): Promise<{ topic: string; payload: string } | undefined>
}

/** Opens the memory of executed commands in the folder `path`. */
export async function openCommands(
  { clock, log, execute }: { clock: Clock; log: Log; execute: Execute },
  { gateway, path }: { gateway: string; path: string },
): Promise<Commands> {
  const file = join(path, 'commands.json')
  const results = await readResults(file)
  let writing: Promise<void> = Promise.resolve()

  const remember = (result: CommandResult) => {
    results.delete(result.id)
    results.set(result.id, result)
    for (const id of [...results.keys()].slice(0, -REMEMBERED_MAX)) results.delete(id)
    writing = writing.then(() => writeResults(file, [...results.values()]))
    return writing
  }

  const run = async (command: Command): Promise<CommandResult> => {
    const { id, kind, by } = command
    const before = results.get(id)
    if (before !== undefined) return before
    if (clock.now() > command.expiresAt) {
      return { v: 1, id, status: 'refused', at: clock.now(), reason: 'It came after it had expired' }
    }
    log.info('command accepted', { id, kind, by })
    await remember({
      v: 1,
      id,
      status: 'failed',
      at: clock.now(),
      reason: 'The gateway stopped while executing it',
    })
    let result: CommandResult
    try {
      result = { v: 1, id, status: 'done', at: clock.now(), ...(await execute(command)) }
    } catch (error) {
      log.warn('command failed', { id, kind, error })
      result = { v: 1, id, status: 'failed', at: clock.now(), reason: reasonOf(error).slice(0, 500) }
    }
    await remember(result)
    return result
  }

  return {
    async handle({ topic, payload }) {
      const id = topic.split('/').at(-1) ?? ''
      const result = await judge(id, payload, run, clock)
      if (result === undefined) {
        log.warn('command ignored: it has no name', { topic })
        return undefined
      }
      return { topic: commandResultTopic(gateway, result.id), payload: JSON.stringify(result) }
    },
  }
}

async function judge(
  id: string,
  payload: Uint8Array,
  run: (command: Command) => Promise<CommandResult>,
  clock: Clock,
): Promise<CommandResult | undefined> {
  if (id === '') return undefined
  const refused = (reason: string): CommandResult => ({
    v: 1,
    id,
    status: 'refused',
    at: clock.now(),
    reason,
  })
  if (payload.length > COMMAND_BYTES_MAX)
    return refused(`It has ${payload.length} bytes, at most ${COMMAND_BYTES_MAX}`)
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    return refused(`It is not JSON: ${reasonOf(error)}`.slice(0, 500))
  }
  const parsed = Command.safeParse(document)
  if (!parsed.success) return refused(`It is none this gateway knows: ${parsed.error.message}`.slice(0, 500))
  if (parsed.data.id !== id) return refused(`Its topic says ${id}, it says ${parsed.data.id}`)
  return run(parsed.data)
}

async function readResults(file: string): Promise<Map<string, CommandResult>> {
  try {
    const results = JSON.parse(await readFile(file, 'utf8')) as CommandResult[]
    return new Map(results.map(result => [result.id, result]))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return new Map()
    throw error
  }
}

/** Beside its place, then moved there: a power cut leaves the old file or the new one. */
async function writeResults(file: string, results: readonly CommandResult[]): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(results), { flush: true })
  await rename(`${file}.new`, file)
}
