// That there may be work, told by nats-server, for who finds its work in the database: it need not ask the database again and
// again then. A hint that does not come costs a wait and nothing else.

import { type NatsOptions, openNatsSession } from '../protocol/nats.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { backoffMs } from '../protocol/runtime/retry.ts'
import { aborted } from '../protocol/runtime/scope.ts'

const RECONNECT = { firstMs: 500, maxMs: 30_000 }
const CONNECT_TIMEOUT_MS = 10_000
const SILENCE_MS = 20_000

/** Hints, as long as there is a session. */
export interface Hints {
  /** Connects, hears, connects again, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves at the next hint, or one that came since the last time; at the latest after a while. */
  next(signal: AbortSignal): Promise<void>
}

/** Opens hints on a subject. They are waited for as long as `hintedMs` while they can be heard, and `pollMs` else. */
export function openHints(
  { clock, log, random }: { clock: Clock; log: Log; random: () => number },
  {
    nats,
    subject,
    pollMs,
    hintedMs,
  }: { nats: NatsOptions; subject: string; pollMs: number; hintedMs: number },
): Hints {
  let [isUp, hint] = [false, Promise.withResolvers<void>()]

  const hear = async (onUp: () => void, signal: AbortSignal) => {
    const onMessage = () => hint.resolve()
    const timing = { timeoutMs: CONNECT_TIMEOUT_MS, silenceMs: SILENCE_MS }
    const session = await openNatsSession(
      { clock },
      nats,
      { subjects: [subject], onMessage, ...timing },
      signal,
    )
    isUp = true
    onUp()
    log.info('NATS connected', { url: nats.url })
    try {
      const reason = await Promise.race([session.gone, aborted(signal)])
      signal.throwIfAborted()
      throw new Unavailable(String(reason))
    } finally {
      isUp = false
      // Something may have been said that nobody heard.
      hint.resolve()
      await session.close()
    }
  }

  return {
    async run(signal) {
      let attempt = 0
      const onUp = () => {
        attempt = 0
      }
      for (; !signal.aborted; attempt += 1) {
        try {
          await hear(onUp, signal)
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof Unavailable)) throw error
          log.warn('NATS not heard, the database is asked instead', { url: nats.url, reason: error.message })
        }
        await clock.sleep(backoffMs(RECONNECT, attempt, random), signal)
      }
    },
    async next(signal) {
      const over = new AbortController()
      const late = clock.sleep(isUp ? hintedMs : pollMs, AbortSignal.any([signal, over.signal]))
      try {
        await Promise.race([hint.promise, late])
      } finally {
        late.catch(() => {})
        over.abort()
      }
      hint = Promise.withResolvers()
    },
  }
}
