// Waiting for something to become true, with an end.

import { systemClock } from '../../protocol/runtime/clock.ts'

const LOOK_EVERY_MS = 20

/** Resolves when `isSo` says yes; throws with `what` when it does not within `timeoutMs`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000 }: { timeoutMs?: number } = {},
): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs
  while (!(await isSo())) {
    if (systemClock.monotonic() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
    await systemClock.sleep(LOOK_EVERY_MS)
  }
}
