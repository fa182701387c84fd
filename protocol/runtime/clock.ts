// Time, handed in. The only file that reads the machine's clocks.
//
// Instants are epoch milliseconds UTC. A test passes a clock of its own; nothing else calls Date.now().

import { setTimeout as delay } from 'node:timers/promises'

/** What time it is, and waiting. */
export interface Clock {
  /** The wall clock: epoch milliseconds UTC. It may step. */
  now(): number
  /** Milliseconds of a clock that never steps back; only differences mean something, also between processes of one boot. */
  monotonic(): number
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  },
}
