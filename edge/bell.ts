// A bell: one loop waits for it, anybody rings it. A ring that comes while nobody waits is heard at the next wait.

import type { Clock } from '../protocol/runtime/clock.ts'

/** Something to wait for. */
export interface Bell {
  ring(): void
  /** Resolves when it rings, has rung since the last wait, or `ms` have passed. Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

/** Opens a bell. */
export function openBell({ clock }: { clock: Clock }): Bell {
  let rung = false
  let wake = () => {}
  return {
    ring() {
      rung = true
      wake()
    },
    async wait(ms, signal) {
      if (!rung) {
        const stop = new AbortController()
        const abort = () => stop.abort(signal.reason)
        signal.addEventListener('abort', abort, { once: true })
        wake = () => stop.abort()
        try {
          signal.throwIfAborted()
          await clock.sleep(ms, stop.signal)
        } catch (error) {
          if (!rung || signal.aborted) throw error
        } finally {
          wake = () => {}
          signal.removeEventListener('abort', abort)
        }
      }
      rung = false
      signal.throwIfAborted()
    },
  }
}
