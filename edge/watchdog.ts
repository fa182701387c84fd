// What systemd is told: that the gateway is ready, how it is, and, again and again, that it makes progress.
//
// Promises:
//   W1. The watchdog is fed while no part is stuck, and not once while one is: then systemd starts the gateway again.
//   W2. A gateway without a network, a cloud, a meter or room on its disk is fed: it works, and says what it lacks.
//   W3. Whoever cannot be told is no reason to stop: without systemd nobody is told.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Pulse } from './pulse.ts'

/** How systemd wants to be told; absent where it does not. */
export interface Supervision {
  /** How often the watchdog wants to be fed at least; absent where there is none. */
  watchdogMs?: number
  /** Tells it lines such as `READY=1`. */
  tell: (lines: readonly string[]) => Promise<void>
}

/** What the watchdog needs. */
export interface WatchdogDeps {
  clock: Clock
  log: Log
  pulse: Pulse
  /** How the gateway is, for who asks systemd. */
  status: () => string
}

/** Without a watchdog the state is told all the same. */
const TELL_EVERY_MS = 60_000
/** So that one that came late does not end the gateway. */
const FEEDS = 3
const TELL_TIMEOUT_MS = 20_000

/** Tells systemd by its own program: Node has no datagrams on sockets of the file system. */
export function openSupervision(
  environment: Readonly<Record<string, string | undefined>>,
): Supervision | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC } = environment
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return undefined
  const watchdogMs = Number(WATCHDOG_USEC) / 1000
  return {
    ...(watchdogMs > 0 ? { watchdogMs } : {}),
    async tell(lines) {
      await promisify(execFile)('systemd-notify', [...lines], {
        timeout: TELL_TIMEOUT_MS,
        env: { PATH: environment.PATH, NOTIFY_SOCKET },
      })
    },
  }
}

/** Opens a watchdog that begins when the gateway first says that it is ready; later ones take its place. */
export function openWatchdog(
  deps: Omit<WatchdogDeps, 'status'>,
  supervision: Supervision | undefined,
): { onReady: (gateway: { status: () => string }) => void; close: () => void } {
  const over = new AbortController()
  let current: { status: () => string } | undefined
  return {
    onReady(gateway) {
      const isFirst = current === undefined
      current = gateway
      if (supervision === undefined || !isFirst) return
      void runWatchdog({ ...deps, status: () => current?.status() ?? '' }, supervision, over.signal)
    },
    close: () => over.abort(),
  }
}

/** Says that the gateway is ready, and feeds the watchdog until the signal aborts. Never rejects. */
export async function runWatchdog(
  { clock, log, pulse, status }: WatchdogDeps,
  { tell, watchdogMs = TELL_EVERY_MS * FEEDS }: Supervision,
  signal: AbortSignal,
): Promise<void> {
  let first = ['READY=1']
  let wasStuck = false
  while (!signal.aborted) {
    const stuck = pulse.stuck()
    const isStuck = stuck.length > 0
    if (isStuck) log.error('gateway stuck: its watchdog is not fed', { stuck })
    else if (wasStuck) log.warn('gateway moves again', {})
    wasStuck = isStuck
    const parts = stuck.map(({ part, stillMs }) => `${part} for ${Math.round(stillMs / 1000)} s`)
    const lines = isStuck ? [`STATUS=stuck: ${parts.join(', ')}`] : ['WATCHDOG=1', `STATUS=${status()}`]
    try {
      await tell([...first, ...lines])
      first = []
    } catch (error) {
      log.warn('systemd not told', { reason: reasonOf(error) })
    }
    await clock.sleep(watchdogMs / FEEDS, signal).catch(() => {})
  }
}
