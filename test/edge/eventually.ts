// Waiting in tests: for a condition, with a deadline, and for nothing else.

import { systemClock } from '../../protocol/runtime/clock.ts'

/** Resolves as soon as `condition` holds; rejects with what was waited for when it does not within `timeoutMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await systemClock.sleep(5)
  }
}
