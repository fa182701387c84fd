// Whether the gateway makes progress, part by part: what its watchdog believes, and nothing else.
//
// Promises:
//   V1. A part that was begun and has not moved for longer than it may is stuck, until it moves or ends.
//   V2. To fail is to move: a meter that is silent, a disk that is full and a cloud that is away are told by others, and
//       starting the gateway again would mend none of them.

import type { Clock } from '../protocol/runtime/clock.ts'
import type { Buffer } from './buffer.ts'

/** A part that is stuck, and for how long. */
export interface Stuck {
  part: string
  stillMs: number
}

/** What moves. */
export interface Pulse {
  /** Begins a part that must move again within `stillMaxMs`, again and again until the signal aborts. */
  begin(part: string, stillMaxMs: number, signal: AbortSignal): void
  /** A part moves. Of a part that was not begun this says nothing. */
  beat(part: string): void
  /** Does work that must end within `stillMaxMs`, well or badly. */
  during<Value>(part: string, stillMaxMs: number, work: () => Promise<Value>): Promise<Value>
  /** The parts that are stuck, the longest first. */
  stuck(): Stuck[]
}

/** How long the parts of a gateway may stand still: far longer than their own deadlines let them. */
export const STILL_MAX_MS = {
  /** Between two requests on a bus, or two looks at what is due. */
  line: 300_000,
  /** One poll of a device at a provider, with what it has to catch up on. */
  remote: 1_800_000,
  /** One change of the buffer, on disk. A damaged one is repaired meanwhile. */
  buffer: 600_000,
  /** Between two steps of the way to the cloud: two tries are a minute apart at most. */
  uplink: 300_000,
}

/** Begins with nothing. */
export function openPulse({ clock }: { clock: Pick<Clock, 'monotonic'> }): Pulse {
  const parts = new Map<symbol, { part: string; stillMaxMs: number; movedAt: number }>()
  const open = (part: string, stillMaxMs: number) => {
    const key = Symbol(part)
    parts.set(key, { part, stillMaxMs, movedAt: clock.monotonic() })
    return () => void parts.delete(key)
  }
  return {
    begin(part, stillMaxMs, signal) {
      const end = open(part, stillMaxMs)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    },
    beat(part) {
      for (const one of parts.values()) if (one.part === part) one.movedAt = clock.monotonic()
    },
    async during(part, stillMaxMs, work) {
      const end = open(part, stillMaxMs)
      try {
        return await work()
      } finally {
        end()
      }
    },
    stuck: () =>
      [...parts.values()]
        .map(({ part, stillMaxMs, movedAt }) => ({ part, stillMaxMs, stillMs: clock.monotonic() - movedAt }))
        .filter(({ stillMaxMs, stillMs }) => stillMs > stillMaxMs)
        .map(({ part, stillMs }) => ({ part, stillMs }))
        .toSorted((a, b) => b.stillMs - a.stillMs),
  }
}

/** A buffer whose every change and look must end. */
export function watchedBuffer(buffer: Buffer, pulse: Pulse): Buffer {
  const within = <Value>(work: () => Promise<Value>) => pulse.during('buffer', STILL_MAX_MS.buffer, work)
  return {
    get epoch() {
      return buffer.epoch
    },
    append: measurements => within(() => buffer.append(measurements)),
    read: (from, readingsMax) => within(() => buffer.read(from, readingsMax)),
    ack: (epoch, first, through) => within(() => buffer.ack(epoch, first, through)),
    status: () => buffer.status(),
    room: () => buffer.room(),
    verified: () => buffer.verified(),
    close: () => buffer.close(),
  }
}
