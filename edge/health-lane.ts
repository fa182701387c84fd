// The third way up, of the lowest priority: how the gateway is.
//
// Promises:
//   H1. It goes when no live batch is unanswered, and the backlog gives way for what it takes.
//   H2. It does not wait for ever: a cloud that hears nothing of a gateway takes it for lost.

import type { Clock } from '../protocol/runtime/clock.ts'
import { healthTopic } from '../protocol/topics.ts'
import type { Throttle } from './throttle.ts'
import type { Link } from './transport/transport.ts'

const EVERY_MS = 60_000
const LOOK_EVERY_MS = 250
/** How long it waits for live data at most. */
const PATIENCE_MS = 30_000

/** What the lane of health needs. */
export interface HealthLaneDeps {
  clock: Clock
  link: Link
  /** What holds the backlog back. */
  throttle: Throttle
  /** What is said, in bytes. It is asked for when it can go. */
  health: () => Promise<Uint8Array>
  isLiveBusy: () => boolean
}

/** Says once a minute how the gateway is, until the signal aborts. */
export async function sendHealth(
  { clock, link, throttle, health, isLiveBusy }: HealthLaneDeps,
  { gateway, ackTimeoutMs }: { gateway: string; ackTimeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const latest = clock.monotonic() + PATIENCE_MS
    while (isLiveBusy() && clock.monotonic() < latest) await clock.sleep(LOOK_EVERY_MS, signal)
    const bytes = await health()
    throttle.sent(bytes.length)
    await link.publish(healthTopic(gateway), bytes, { retain: false, timeoutMs: ackTimeoutMs })
    await clock.sleep(EVERY_MS, signal)
  }
}
