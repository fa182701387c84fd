// The users of a nats-server, kept as they are in the database: the file is written when it would read otherwise, and the server
// told to read it again. It then ends the sessions of users that are no more; so a revoked gateway is gone in a second or two.

import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'

const LOOK_EVERY_MS = 1_000

/** What following needs. */
export interface FollowDeps {
  clock: Clock
  log: Log
  /** The file as it should read now. Throws Unavailable. */
  users: () => Promise<string>
}

/** Keeps `file` as it should read, until the signal aborts. `pidFile` holds the process to tell; absent: something else watches. */
export async function followUsers(
  { clock, log, users }: FollowDeps,
  { file, pidFile }: { file: string; pidFile: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  let written: string | undefined
  while (!signal.aborted) {
    try {
      const text = await users()
      if (text !== written) {
        await writeFile(`${file}.new`, text, { mode: 0o600, flush: true })
        await rename(`${file}.new`, file)
        if (pidFile !== undefined) process.kill(Number(readFileSync(pidFile, 'utf8').trim()), 'SIGHUP')
        written = text
        log.info('users of nats-server written', { file })
      }
    } catch (error) {
      // A server that is not there reads the file when it starts; it is tried again all the same.
      const isForNow = error instanceof Unavailable || (error instanceof Error && 'code' in error)
      if (!isForNow) throw error
      log.warn('users of nats-server not written', { file, reason: reasonOf(error) })
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}
