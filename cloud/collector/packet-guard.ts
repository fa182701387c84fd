// How large a packet a client may send. The parser behind us keeps a packet until it is whole, and MQTT allows 256 MB.

import type { Socket } from 'node:net'

/** MQTT 3.1.1, section 2.2.3: the remaining length is at most four bytes. */
const LENGTH_BYTES_MAX = 4

/** Follows the packets in a stream of bytes. */
export interface PacketGuard {
  /** False when `chunk` begins a packet that is too large, or that has no length: nothing after it can be read. */
  accepts(chunk: Uint8Array): boolean
}

/** Opens a guard for one connection. */
export function openPacketGuard({ packetBytesMax }: { packetBytesMax: number }): PacketGuard {
  /** Bytes of the body that are still to come. */
  let body = 0
  /** Within a header: how many bytes of the length have come, and what they say so far. */
  let lengthBytes: number | undefined
  let length = 0
  return {
    accepts(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (body > 0) {
          const step = Math.min(body, chunk.length - at)
          body -= step
          at += step
          continue
        }
        const byte = chunk[at] as number
        at += 1
        if (lengthBytes === undefined) {
          // The first byte says which packet it is; that is the parser's business.
          lengthBytes = 0
          length = 0
          continue
        }
        length += (byte & 127) * 128 ** lengthBytes
        lengthBytes += 1
        if (length > packetBytesMax) return false
        if (byte < 128) {
          body = length
          lengthBytes = undefined
        } else if (lengthBytes === LENGTH_BYTES_MAX) return false
      }
      return true
    },
  }
}

/** Ends a connection at the first packet that is too large. The broker takes its bytes with read(). */
export function guardSocket<Guarded extends Socket>(
  socket: Guarded,
  options: { packetBytesMax: number },
  onRefused: () => void,
): Guarded {
  const guard = openPacketGuard(options)
  const read = socket.read.bind(socket)
  socket.read = size => {
    const chunk: Uint8Array | null = read(size)
    if (chunk === null || guard.accepts(chunk)) return chunk
    onRefused()
    socket.destroy()
    return null
  }
  return socket
}
