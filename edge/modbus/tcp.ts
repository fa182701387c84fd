// One connection to a Modbus TCP device or gateway. modbus-serial writes requests and reads answers; the socket is ours.
//
// The library's own TCP port trusts the header of a frame, ignores the protocol and the byte count, numbers transactions
// from 1 on every connection and hides why a socket failed. After `no_answer` and `bad_answer` the connection is
// destroyed, so that what comes late has nowhere to arrive.

import type { Socket } from 'node:net'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { within } from './deadline.ts'
import { CRC_BYTES, HEADER_BYTES, readFrame, withCrc } from './frame.ts'
import { openLibrary } from './library.ts'
import { expired, type Outcome, type Request } from './request.ts'
import { connectSocket } from './socket.ts'
import type { Wire } from './wire.ts'

/** The request that is under way. */
interface Pending {
  request: Request
  transaction: number
  received: Buffer
  settle: (outcome: Outcome) => void
}

/**
 * Connects, or says why not. `nextTransaction` numbers the requests; it outlives the connection, so that what a gateway
 * still owes to an earlier one is not taken for an answer here.
 */
export async function connectTcp(
  { clock, nextTransaction }: { clock: Clock; nextTransaction: () => number },
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Wire | string> {
  const connected = await connectSocket({ clock }, { host, port, timeoutMs }, signal)
  if (typeof connected === 'string') return connected
  return openWire({ clock, nextTransaction, ...connected }, timeoutMs)
}

function openWire(
  {
    clock,
    nextTransaction,
    socket,
    lastError,
  }: { clock: Clock; nextTransaction: () => number; socket: Socket; lastError: () => string },
  timeoutMs: number,
): Wire {
  let pending: Pending | undefined
  const library = openLibrary(rtu => socket.write(withHeader(rtu, pending?.transaction ?? 0)))
  socket.on('data', (chunk: Buffer) => {
    // Nobody asked: from here on it cannot be told which answer belongs to which request.
    if (pending === undefined || !receive(pending, chunk, body => library.answer(withCrc(body)))) {
      socket.destroy()
    }
  })
  socket.once('close', () =>
    pending?.settle({ kind: 'no_answer', reason: `connection closed${progress(pending)}${lastError()}` }),
  )
  return {
    isOpen: () => !socket.destroyed && socket.readyState === 'open',
    destroy: () => (pending === undefined ? socket.destroy() : socket.resetAndDestroy()),
    async ask(request, signal) {
      const expiredMeanwhile = expired(request, clock.now())
      if (expiredMeanwhile !== undefined) return expiredMeanwhile
      const deadlineMs = request.timeoutMs ?? timeoutMs
      const mine = { request, transaction: nextTransaction(), received: Buffer.alloc(0), settle: () => {} }
      const answered = new Promise<Outcome>(settle => {
        pending = { ...mine, settle }
        void library.ask(request).then(settle)
      })
      const late = (): Outcome => ({
        kind: 'no_answer',
        reason: `no answer in ${deadlineMs} ms${progress(pending)}`,
      })
      const outcome = await within({ clock }, answered, deadlineMs, signal, late)
      pending = undefined
      // What lies in the kernel's queue would be sent after the end, when the network is back: a reset throws it away.
      if (signal.aborted || outcome.kind === 'no_answer' || outcome.kind === 'bad_answer')
        socket.resetAndDestroy()
      signal.throwIfAborted()
      return outcome
    },
  }
}

/** Takes what has arrived. Says whether the connection can go on. */
function receive(pending: Pending, chunk: Buffer, deliver: (body: Buffer) => void): boolean {
  const received = pending.received.length === 0 ? chunk : Buffer.concat([pending.received, chunk])
  const frame = readFrame(received, pending.transaction, pending.request)
  pending.received = received
  switch (frame.kind) {
    case 'incomplete':
      return true
    case 'broken':
      pending.settle({ kind: 'bad_answer', reason: frame.reason })
      return false
    case 'answer':
      deliver(frame.body)
      return received.length === HEADER_BYTES + frame.body.length
  }
}

/** How much of an answer came, when some of it did. */
function progress(pending: Pending | undefined): string {
  if (pending === undefined || pending.received.length === 0) return ''
  const frame = readFrame(pending.received, pending.transaction, pending.request)
  return frame.kind === 'incomplete'
    ? ` after ${pending.received.length} of ${frame.expectedBytes} bytes`
    : ''
}

/** A request with the header of TCP before it, in the place of its checksum. */
function withHeader(rtu: Buffer, transaction: number): Buffer {
  const length = rtu.length - CRC_BYTES
  const frame = Buffer.alloc(HEADER_BYTES + length)
  frame.writeUInt16BE(transaction, 0)
  frame.writeUInt16BE(length, 4)
  rtu.copy(frame, HEADER_BYTES, 0, length)
  return frame
}
