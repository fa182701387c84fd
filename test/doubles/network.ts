// A network between a client and a server on loopback: it takes its time, is as wide as it is, and can fall silent.
//
// Each connection is carried in both directions in segments, as TCP does. A segment leaves when those before it have
// left, at `bytesPerSecond`, and arrives `delayMs` later; one that is lost arrives `stallMs` later than that, and nothing
// overtakes it: so a loss looks to whoever reads from TCP. What is on its way lies in a queue without end, as in the modems
// of mobile networks. The kernels' own connections to either side are on loopback and take no time.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { openBell } from '../../edge/bell.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'

/** Of Ethernet, without IP's and TCP's headers. */
export const SEGMENT_BYTES = 1_460

const LOOK_EVERY_MS = 3_600_000

/** What a network is like, in each direction. */
export interface NetworkOptions {
  /** The port of the server on loopback. */
  to: number
  delayMs?: number
  bytesPerSecond?: number
  /** Which part of all segments is lost, and how much later each of them arrives. */
  loss?: { rate: number; stallMs: number; random: () => number }
}

/** A network. */
export interface Network {
  /** Connecting here is connecting to the server. */
  port: number
  /** From now on nothing arrives, and nobody is told. New connections are taken, and nothing arrives on them either. */
  mute(): void
  /** How many connections there are. */
  connections(): number
  close(): Promise<void>
}

/** Lays a network. */
export async function openNetwork({ clock }: { clock: Clock }, options: NetworkOptions): Promise<Network> {
  const sockets = new Set<Socket>()
  const closed = new AbortController()
  let isMute = false
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.setNoDelay(true)
  }
  const server = createServer({ allowHalfOpen: false }, near => {
    keep(near)
    if (isMute) return
    const far = connect(options.to, '127.0.0.1')
    keep(far)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      carry({ clock, isMute: () => isMute }, options, from, to, closed.signal)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    mute: () => {
      isMute = true
    },
    connections: () => sockets.size,
    async close() {
      closed.abort()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

/** Carries what `from` says to `to`, and its end. */
function carry(
  { clock, isMute }: { clock: Clock; isMute: () => boolean },
  { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY, loss }: NetworkOptions,
  from: Socket,
  to: Socket,
  signal: AbortSignal,
): void {
  const onItsWay: { bytes: Buffer | 'end'; at: number }[] = []
  const bell = openBell({ clock })
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  let leftAt = 0
  let lastAt = 0

  const put = (bytes: Buffer | 'end') => {
    const takesMs = bytes === 'end' ? 0 : (bytes.length * 1000) / bytesPerSecond
    const isLost = loss !== undefined && bytes !== 'end' && loss.random() < loss.rate
    leftAt = Math.max(leftAt, clock.monotonic()) + takesMs
    lastAt = Math.max(lastAt, leftAt + delayMs + (isLost ? loss.stallMs : 0))
    onItsWay.push({ bytes, at: Math.ceil(lastAt) })
    bell.ring()
  }
  const deliver = async () => {
    for (;;) {
      const [next] = onItsWay
      const waitMs = next === undefined ? LOOK_EVERY_MS : next.at - clock.monotonic()
      if (next === undefined || waitMs > 0) {
        await bell.wait(waitMs, either)
        continue
      }
      onItsWay.shift()
      if (isMute()) continue
      if (next.bytes !== 'end') to.write(next.bytes)
      else {
        to.destroy()
        return
      }
    }
  }

  from.on('data', (chunk: Buffer) => {
    for (let start = 0; start < chunk.length; start += SEGMENT_BYTES) {
      put(chunk.subarray(start, start + SEGMENT_BYTES))
    }
  })
  from.on('close', () => put('end'))
  to.on('close', () => over.abort())
  deliver().catch((error: unknown) => {
    if (!either.aborted) throw error
  })
}
