// What the cloud asks for: read, checked, executed once, answered.
//
// The ids of commands that were executed are on disk before they are executed: a command that comes again, also after a
// crash in the middle, is answered and not executed a second time. One that cannot be remembered is not executed.

import { COMMAND_BYTES_MAX, Command, type CommandResult, WRITE_LIFE_MAX_MS } from '../protocol/command.ts'
import { SLUG } from '../protocol/ids.ts'
import { reasonsOf } from '../protocol/mistakes.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import { commandResultTopic } from '../protocol/topics.ts'
import { openCommandMemory } from './command-memory.ts'
import type { Incoming } from './transport/transport.ts'

/** Commands in execution; the next one is refused. */
const AT_ONCE_MAX = 16
const REASON_LENGTH_MAX = 500
const INTERRUPTED = 'The gateway stopped while executing it'

/** What came of a command; `done` unless it says otherwise. */
export type Executed = Partial<
  Pick<CommandResult, 'status' | 'reason' | 'readings' | 'values' | 'units' | 'written' | 'measured'>
>

/** Executes a command; what it gives goes into the result. */
export type Execute = (command: Command) => Promise<Executed>

/** Takes commands. */
export interface Commands {
  /** The result to publish; `undefined` for a message that names no command, which nobody can be told about. */
  handle(message: Incoming): Promise<{ topic: string; payload: string } | undefined>
}

interface CommandDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  execute: Execute
}

/** Opens the memory of executed commands in the folder `path`. */
export async function openCommands(
  { clock, log, metrics, execute }: CommandDeps,
  { gateway, path }: { gateway: string; path: string },
): Promise<Commands> {
  const memory = await openCommandMemory({ clock, log }, path)
  const executing = new Map<string, Promise<CommandResult>>()

  const resultOf = (id: string, status: CommandResult['status'], reason: string): CommandResult => ({
    ...{ v: 1, id, status, at: clock.now() },
    reason: reason.slice(0, REASON_LENGTH_MAX),
  })

  const runOnce = async (command: Command): Promise<CommandResult> => {
    const { id, kind, by } = command
    const keepUntil = kind === 'write' ? command.expiresAt : undefined
    log.info('command accepted', { id, kind, by })
    try {
      const interrupted = kind === 'write' ? `${INTERRUPTED}: it may have been written` : INTERRUPTED
      await memory.remember(resultOf(id, 'failed', interrupted), keepUntil)
    } catch (error) {
      memory.forget(id)
      log.error('command not executed: it could not be remembered', { id, kind, error })
      return resultOf(id, 'failed', `It was not executed, as it cannot be remembered: ${reasonOf(error)}`)
    }
    let result: CommandResult
    try {
      const { reason, ...executed } = await execute(command)
      const cut = reason === undefined ? {} : { reason: reason.slice(0, REASON_LENGTH_MAX) }
      result = { v: 1, id, status: 'done', ...executed, ...cut, at: clock.now() }
    } catch (error) {
      const isExpected = error instanceof Rejected || error instanceof Unavailable
      log.warn('command failed', { id, kind, ...(isExpected ? { reason: error.message } : { error }) })
      result = resultOf(id, 'failed', reasonOf(error))
    }
    metrics.count('gateway_commands_total', { kind, status: result.status })
    await memory
      .remember(result, keepUntil)
      .catch((error: unknown) => log.warn('result of a command not remembered', { id, kind, error }))
    return result
  }

  /** Why a write may not be executed even once. */
  const hindranceOf = (expiresAt: number): string | undefined =>
    expiresAt > clock.now() + WRITE_LIFE_MAX_MS
      ? `It expires too late: ${WRITE_LIFE_MAX_MS / 60_000} minutes ahead at most`
      : memory.hindrance()

  const run = async (command: Command): Promise<CommandResult> => {
    const { id } = command
    const known = executing.get(id) ?? memory.find(id)
    if (known !== undefined) return known
    if (clock.now() > command.expiresAt) return resultOf(id, 'refused', 'It came after it had expired')
    if (executing.size >= AT_ONCE_MAX) {
      return resultOf(id, 'refused', `${AT_ONCE_MAX} commands are being executed, which is the most`)
    }
    const hindrance = command.kind === 'write' ? hindranceOf(command.expiresAt) : undefined
    if (hindrance !== undefined) return resultOf(id, 'refused', hindrance)
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
