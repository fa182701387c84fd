// What the cloud has answered and the buffer has not forgotten yet.
//
// When the buffer cannot forget some of it now, it lies there a little longer and is tried again; at worst it is sent
// and answered once more.

import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { openBell } from './bell.ts'
import type { Buffer } from './buffer.ts'

/** Even if nothing was added, look so often. */
const IDLE_MS = 1_000
/** How long to wait before the buffer is asked again. */
const AGAIN_MS = 1_000

/** Numbers that were answered, and how many readings they are. */
export interface AnsweredRange {
  epoch: number
  first: number
  last: number
  readings: number
}

/** Answered numbers on their way out of the buffer. */
export interface Answered {
  add(range: AnsweredRange): void
  /** How many ranges are not forgotten yet. Who adds them sees to it that they are not too many. */
  size(): number
  /** Has the buffer forget them, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Begins with nothing. `onForgotten` is called for each range that is gone. */
export function openAnswered(
  { buffer, clock, log }: { buffer: Buffer; clock: Clock; log: Log },
  onForgotten: (range: AnsweredRange) => void,
): Answered {
  const waiting = new Set<AnsweredRange>()
  const bell = openBell({ clock })

  /** Why some could not be forgotten; `undefined` when all could. */
  const forgetAll = async (): Promise<Unavailable | undefined> => {
    const group = [...waiting]
    const results = await Promise.allSettled(
      group.map(({ epoch, first, last }) => buffer.ack(epoch, first, last)),
    )
    let refusal: Unavailable | undefined
    for (const [index, range] of group.entries()) {
      const result = results[index]
      if (result?.status === 'fulfilled') {
        waiting.delete(range)
        onForgotten(range)
      } else if (result?.reason instanceof Unavailable) refusal = result.reason
      else throw result?.reason
    }
    return refusal
  }

  return {
    add(range) {
      waiting.add(range)
      bell.ring()
    },
    size: () => waiting.size,
    async run(signal) {
      while (!signal.aborted) {
        if (waiting.size === 0) {
          await bell.wait(IDLE_MS, signal)
          continue
        }
        const refusal = await forgetAll()
        if (refusal === undefined) continue
        log.warn('acks not written to the buffer yet', { reason: reasonOf(refusal), ranges: waiting.size })
        await clock.sleep(AGAIN_MS, signal)
      }
    },
  }
}
