// One connection to a Modbus TCP device or gateway. modbus-serial writes requests and reads answers; the socket is ours.
//
// The library's own TCP port trusts the header of a frame, ignores the protocol and the byte count, numbers transactions
// from 1 on every connection, hides why a socket failed and may never settle a promise. So it is given a port of ours:
// what reaches it has been checked to the last byte, and every call has a deadline of ours.

import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import modbusSerial from 'modbus-serial'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { ReadOutcome, ReadRequest } from './bus.ts'
import { HEADER_BYTES, readFrame } from './frame.ts'

/** The library speaks RTU to its port: every frame ends with a checksum. */
const CRC_BYTES = 2

/** A connection. */
export interface Wire {
  isOpen(): boolean
  /** Asks. One call at a time; after any outcome but values and exception, the connection is good for nothing. */
  read(request: ReadRequest, timeoutMs: number, signal: AbortSignal): Promise<ReadOutcome>
  /** Ends it at once. Whatever still arrives is not heard. */
  destroy(): void
}

/** The request that is under way. */
interface Pending {
  request: ReadRequest
  transaction: number
  received: Buffer
  settle: (outcome: ReadOutcome) => void
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
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  let lastError = ''
  const opened = new Promise<string | undefined>(resolve => {
    socket.once('connect', () => resolve(undefined))
    socket.on('error', error => {
      lastError = `: ${reasonOf(error)}`
      resolve(`${host}:${port}${lastError}`)
    })
  })
  const late = () => `${host}:${port}: no connection in ${timeoutMs} ms`
  const failure = await within({ clock }, opened, timeoutMs, signal, late)
  if (failure !== undefined) {
    socket.destroy()
    signal.throwIfAborted()
    return failure
  }
  return openWire({ clock, nextTransaction }, socket, () => lastError)
}

function openWire(
  { clock, nextTransaction }: { clock: Clock; nextTransaction: () => number },
  socket: Socket,
  lastError: () => string,
): Wire {
  let pending: Pending | undefined
  const port = openPort(socket, () => pending?.transaction ?? 0)
  const client = new modbusSerial.default(port)
  client.open()
  socket.on('data', (chunk: Buffer) => {
    // Nobody asked: from here on it cannot be told which answer belongs to which request.
    if (pending === undefined || !receive(pending, chunk, body => port.emit('data', withCrc(body)))) {
      socket.destroy()
    }
  })
  socket.once('close', () =>
    pending?.settle({ kind: 'no_answer', reason: `connection closed${progress(pending)}${lastError()}` }),
  )
  return {
    isOpen: () => !socket.destroyed && socket.readyState === 'open',
    destroy: () => socket.destroy(),
    async read(request, deadlineMs, signal) {
      client.setID(request.unit)
      const mine = { request, transaction: nextTransaction(), received: Buffer.alloc(0), settle: () => {} }
      const answered = new Promise<ReadOutcome>(settle => {
        pending = { ...mine, settle }
        ask(client, request).then(
          values => settle({ kind: 'values', values: values.slice(0, request.count).map(Number) }),
          (error: unknown) => settle(toFailure(error)),
        )
      })
      const late = (): ReadOutcome => ({
        kind: 'no_answer',
        reason: `no answer in ${deadlineMs} ms${progress(pending)}`,
      })
      const outcome = await within({ clock }, answered, deadlineMs, signal, late)
      pending = undefined
      if (signal.aborted) socket.destroy()
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

type Client = InstanceType<typeof modbusSerial.default>

async function ask(
  client: Client,
  { table, address, count }: ReadRequest,
): Promise<readonly (number | boolean)[]> {
  switch (table) {
    case 'coil':
      return (await client.readCoils(address, count)).data
    case 'discrete':
      return (await client.readDiscreteInputs(address, count)).data
    case 'holding':
      return (await client.readHoldingRegisters(address, count)).data
    case 'input':
      return (await client.readInputRegisters(address, count)).data
  }
}

function toFailure(error: unknown): ReadOutcome {
  const { modbusCode } = error as { modbusCode?: number }
  return modbusCode === undefined
    ? { kind: 'bad_answer', reason: reasonOf(error) }
    : { kind: 'exception', code: modbusCode }
}

/** What the library takes for a serial port: it puts the header of TCP before what is written. */
function openPort(socket: Socket, transaction: () => number): EventEmitter {
  const write = (rtu: Buffer) => {
    const length = rtu.length - CRC_BYTES
    const frame = Buffer.alloc(HEADER_BYTES + length)
    frame.writeUInt16BE(transaction(), 0)
    frame.writeUInt16BE(length, 4)
    rtu.copy(frame, HEADER_BYTES, 0, length)
    socket.write(frame)
  }
  return Object.assign(new EventEmitter(), {
    isOpen: true,
    open: (done: () => void) => done(),
    close: (done: () => void) => done(),
    write,
  })
}

/** Modbus over Serial Line 1.02, section 6.2.2. */
function withCrc(body: Buffer): Buffer {
  let crc = 0xffff
  for (const byte of body) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  const rtu = Buffer.alloc(body.length + CRC_BYTES)
  body.copy(rtu)
  rtu.writeUInt16LE(crc, body.length)
  return rtu
}

/** Why a deadline is waited for no longer. One for all: to make one for each request is a good part of its cost. */
const OVER = new Error('Over')

/** What `work` gives, or `late` when it takes longer or the signal aborts first. */
async function within<T>(
  { clock }: { clock: Clock },
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
  late: () => T,
): Promise<T> {
  const done = new AbortController()
  const stop = () => done.abort(OVER)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const waited = clock.sleep(timeoutMs, done.signal).then(late, late)
  try {
    return await Promise.race([work, waited])
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
