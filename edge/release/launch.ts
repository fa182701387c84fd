// Starts the gateway: the release that was kept, or the one on trial, of which it then watches that it proves itself.
//
// It is the package's own code, whatever release it starts, so that a release that cannot do anything right cannot keep
// its place either. It needs no root and changes nothing but the shelf.
//
// Promises:
//   L1. A release that was kept takes this process's place: nobody stands between it and systemd.
//   L2. A release on trial is a child. When its time is over and it was not kept, it is stopped, and killed if it does not
//       stop; what is started next is the release of before.
//   L3. Whatever way a release on trial ends by itself, its supervisor starts the gateway again.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { OnShelf, Shelf } from './shelf.ts'

/** How often is looked whether a release on trial was kept, and its time is written down. */
const LOOK_EVERY_MS = 5_000
/** Less than systemd gives a gateway to stop. */
const STOP_MS = 10_000
const EXIT_FAILED = 1
/** A wrong command line and a wrong configuration: what the next start of the same release would not mend. */
const HOPELESS = new Set([64, 78])

/** What launching needs. */
export interface LaunchDeps {
  clock: Clock
  log: Log
  shelf: Shelf
  /** Becomes another program; returns only where a process cannot. */
  become: (program: string, args: readonly string[]) => void
}

/** What is launched. */
export interface LaunchOptions {
  /** Flags for Node, before the program. */
  flags: readonly string[]
  /** What the program is given. */
  args: readonly string[]
}

/** Starts the gateway. Resolves with the exit status of a release on trial; one that was kept does not come back. */
export async function launch(
  { clock, log, shelf, become }: LaunchDeps,
  { flags, args }: LaunchOptions,
  signal: AbortSignal,
): Promise<number> {
  const chosen = await shelf.next()
  const { node, all } = commandOf(chosen, flags, args)
  if (!chosen.isTrial) {
    become(node, all)
    return await untilEnd(spawn(node, all, { stdio: 'inherit' }), signal)
  }
  log.info('release tried', { version: chosen.version, ...shelf.state().trial })
  const child = spawn(node, all, { stdio: 'inherit' })
  const over = new AbortController()
  const ended = untilEnd(child, signal).finally(() => over.abort())
  await watchTrial({ clock, shelf }, child, over.signal)
  const code = await ended
  if (await shelf.keepProven()) return code
  const { trial } = shelf.state()
  if (trial === undefined) return code
  if (trial.leftMs === 0) await shelf.giveUp('No reading of its own was committed in its time')
  else if (HOPELESS.has(code)) await shelf.giveUp(`It ended with ${code}`)
  return signal.aborted ? code : EXIT_FAILED
}

/** Counts the time of a trial, and ends the release whose time is over. */
async function watchTrial(
  { clock, shelf }: Pick<LaunchDeps, 'clock' | 'shelf'>,
  child: ChildProcess,
  over: AbortSignal,
): Promise<void> {
  let lookedAt = clock.monotonic()
  while (!over.aborted) {
    const { trial } = shelf.state()
    const waitMs = Math.min(LOOK_EVERY_MS, trial?.leftMs ?? 0)
    await clock.sleep(waitMs, over).catch(() => {})
    if (over.aborted || (await shelf.keepProven())) return
    const now = clock.monotonic()
    const leftMs = await shelf.tried(now - lookedAt)
    lookedAt = now
    if (leftMs > 0) continue
    child.kill('SIGTERM')
    await clock.sleep(STOP_MS, over).catch(() => {})
    if (!over.aborted) child.kill('SIGKILL')
    return
  }
}

/** A child's exit status, once it has ended; when told to stop, it is told so too. */
async function untilEnd(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const stop = () => void child.kill('SIGTERM')
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : EXIT_FAILED))
  return await ended.catch(() => EXIT_FAILED).finally(() => signal.removeEventListener('abort', stop))
}

function commandOf({ folder }: OnShelf, flags: readonly string[], args: readonly string[]) {
  const program = join(folder, 'program', 'lib', 'cli.js')
  return { node: join(folder, 'runtime', 'bin', 'node'), all: [...flags, program, ...args] }
}
