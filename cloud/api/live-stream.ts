// One listener's stream of server-sent events: bounded, with heartbeats, ended when nobody reads it any more.
//
// It is pulled by whoever reads; what waits meanwhile is bounded. Who does not keep up is told so and its stream ends:
// it comes back with the id of the last event that it has read, and is told the rest.

/** What waits for a slow reader, at most. */
export const QUEUE_MAX = 2_000
const BEAT_EVERY_MS = 15_000

/** A stream to write events to. */
export interface EventStream {
  body: ReadableStream<Uint8Array>
  /** Writes one event. Nothing happens once the stream has ended. */
  send(event: { name: string; id?: string; data: unknown }): void
  /** Says every quarter of a minute that it is there, and which event it would go on after. */
  beat(now: number, id: string | undefined): void
  /** Resolves when nothing waits any more: with false when nobody reads it any more. */
  drained(): Promise<boolean>
  /** Ends it when all that waits is read. */
  end(): void
}

/** Opens a stream. `onGone` is called once, when it was read to its end or nobody reads it any more. */
export function openEventStream({
  now,
  onGone,
  signal,
}: {
  now: number
  onGone: () => void
  signal: AbortSignal
}): EventStream {
  const encoder = new TextEncoder()
  let waiting: string[] = []
  let lastAt = now
  let isEnding = false
  let isGone = false
  let wake: (() => void) | undefined
  let drain: (() => void) | undefined

  const gone = () => {
    if (isGone) return
    isGone = true
    waiting = []
    signal.removeEventListener('abort', gone)
    wake?.()
    drain?.()
    onGone()
  }
  const write = (text: string) => {
    if (isEnding || isGone) return
    if (waiting.length >= QUEUE_MAX) {
      isEnding = true
      waiting = ['event: lagging\ndata: {}\n\n']
    } else waiting.push(text)
    wake?.()
  }
  if (signal.aborted) gone()
  else signal.addEventListener('abort', gone, { once: true })
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (waiting.length === 0 && !isEnding && !isGone) {
          await new Promise<void>(resolve => {
            wake = resolve
          })
          wake = undefined
        }
        if (waiting.length > 0) {
          const text = waiting.join('')
          waiting = []
          controller.enqueue(encoder.encode(text))
          drain?.()
          return
        }
        if (!isGone) controller.close()
        gone()
      },
      cancel: gone,
    },
    { highWaterMark: 0 },
  )
  return {
    body,
    send({ name, id, data }) {
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    beat(at, id) {
      if (at - lastAt < BEAT_EVERY_MS) return
      lastAt = at
      write(id === undefined ? ': beat\n\n' : `: beat\nid: ${id}\n\n`)
    },
    async drained() {
      if (waiting.length > 0 && !isGone) {
        await new Promise<void>(resolve => {
          drain = resolve
        })
        drain = undefined
      }
      return !isGone
    },
    end() {
      isEnding = true
      wake?.()
    },
  }
}
