// What a supervisor does: a program that ends is started again, until it is told to stop.

import type { TestContext } from 'node:test'
import { atEnd } from '../edge/buffer/folder.ts'

/** A program that can be kept. */
export interface Keepable {
  exited: Promise<unknown>
  kill(signal: NodeJS.Signals): void
}

/** A program that is kept running. */
export interface Kept<T> {
  /** The one that runs now. */
  current(): T
  /** Resolves when it is gone and the next one was started. */
  kill(): Promise<void>
  /** Ends it in order, and does not start it again. */
  stop(): Promise<void>
  starts(): number
}

/** Keeps a program running: started again as soon as it ends. */
export function keep<T extends Keepable>(context: TestContext, start: () => T): Kept<T> {
  let wanted = true
  let program = start()
  let starts = 1
  const startAgain = async (watched: T): Promise<void> => {
    await watched.exited
    if (!wanted) return
    program = start()
    starts += 1
    startedAgain = startAgain(program)
  }
  let startedAgain = startAgain(program)
  const end = async (signal: NodeJS.Signals) => {
    wanted = false
    program.kill(signal)
    await program.exited
  }
  atEnd(context, () => end('SIGKILL'))
  return {
    current: () => program,
    kill: async () => {
      program.kill('SIGKILL')
      await startedAgain
    },
    stop: () => end('SIGTERM'),
    starts: () => starts,
  }
}
