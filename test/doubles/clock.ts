// A clock that stands still until a test moves it.

import type { Clock } from '../../protocol/runtime/clock.ts'

/** A clock that a test moves. */
export interface FakeClock extends Clock {
  /** Moves both clocks on and wakes every sleeper whose time has come, in order, letting each act in between. */
  advance(ms: number): Promise<void>
  /** Steps the wall clock alone, as NTP does; sleepers do not notice. */
  step(ms: number): void
  /** How many sleepers there are: for a test that waits until the code under test has gone to sleep. */
  sleepers(): number
}

/** Opens a clock that stands at `start`. */
export function openFakeClock(start = Date.parse('2026-01-15T12:00:00Z')): FakeClock {
  let wall = start
  let steady = 0
  const waiting: { at: number; wake: () => void }[] = []
  return {
    now: () => wall,
    monotonic: () => steady,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        const sleeper = { at: steady + ms, wake: () => {} }
        const remove = () => waiting.splice(waiting.indexOf(sleeper), 1)
        const abort = () => {
          remove()
          reject(signal?.reason)
        }
        sleeper.wake = () => {
          remove()
          signal?.removeEventListener('abort', abort)
          resolve()
        }
        signal?.addEventListener('abort', abort, { once: true })
        waiting.push(sleeper)
      }),
    async advance(ms) {
      const end = steady + ms
      for (;;) {
        await settle()
        const next = waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        wall += Math.max(0, next.at - steady)
        steady = Math.max(steady, next.at)
        next.wake()
      }
      wall += end - steady
      steady = end
      await settle()
    },
    step(ms) {
      wall += ms
    },
    sleepers: () => waiting.length,
  }
}

/** Lets everything that can run without time passing run: promises and immediate callbacks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve))
}
