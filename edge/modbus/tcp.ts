// One connection to a Modbus TCP device or gateway, carried by modbus-serial.
//
// The library reads frames, matches transaction numbers and checks unit, function and length. What it leaves open is
// closed here: a deadline for every call (its promises may never settle), the two header fields it does not check, and
// a socket of our own, because it reports neither errors nor resets of its socket.

import { connect, type Socket } from 'node:net'
import modbusSerial from 'modbus-serial'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { ReadOutcome, ReadRequest } from './bus.ts'

/** The library's own timeout comes first, so that its books are in order; ours is for when it does not come. */
const LIBRARY_GRACE_MS = 100

/** Modbus Messaging on TCP/IP 1.0b, section 3.1.3: unit and the longest PDU. */
const MBAP_BYTES = 6
const LENGTH_MAX = 254

/** A connection. */
export interface Wire {
  isOpen(): boolean
  read(request: ReadRequest, timeoutMs: number, signal: AbortSignal): Promise<ReadOutcome>
  /** Ends it at once. Whatever still arrives is not heard. */
  destroy(): void
}

/** Connects, or says why not. */
export async function connectTcp(
  { clock }: { clock: Clock },
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Wire | string> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  const opened = new Promise<string | undefined>(resolve => {
    socket.once('connect', () => resolve(undefined))
    socket.on('error', error => resolve(`${host}:${port}: ${error.message}`))
  })
  const failure = await within(
    { clock },
    opened,
    timeoutMs,
    signal,
    `${host}:${port}: no connection in ${timeoutMs} ms`,
  )
  if (failure !== undefined) {
    socket.destroy()
    signal.throwIfAborted()
    return failure
  }
  const client = new modbusSerial.default()
  client.on('error', () => {})
  await client.linkTCP(socket, { port })
  // Told by the socket to whichever request is under way; a promise that lives as long as the socket would collect them.
  let fail = (_: ReadOutcome): void => {}
  socket.once('close', () => fail({ kind: 'no_answer', reason: 'connection closed' }))
  watchHeaders(socket, reason => {
    fail({ kind: 'bad_answer', reason })
    socket.destroy()
  })
  return {
    isOpen: () => !socket.destroyed && socket.readyState === 'open' && client.isOpen,
    destroy: () => socket.destroy(),
    async read(request, deadlineMs, readSignal) {
      client.setID(request.unit)
      client.setTimeout(deadlineMs)
      const answered = new Promise<ReadOutcome>(resolve => {
        fail = resolve
        ask(client, request).then(
          data => resolve(toOutcome(request, data)),
          (error: unknown) => resolve(toFailure(error, deadlineMs)),
        )
      })
      const late: ReadOutcome = { kind: 'no_answer', reason: `no answer in ${deadlineMs} ms` }
      const outcome = await within({ clock }, answered, deadlineMs + LIBRARY_GRACE_MS, readSignal, late)
      if (readSignal.aborted) socket.destroy()
      readSignal.throwIfAborted()
      return outcome
    },
  }
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

/** Bits come in whole bytes, so there may be up to seven more than were asked for. */
function toOutcome({ table, count }: ReadRequest, data: readonly (number | boolean)[]): ReadOutcome {
  const bits = table === 'coil' || table === 'discrete'
  const expected = bits ? Math.ceil(count / 8) * 8 : count
  if (data.length !== expected && data.length !== count) {
    return { kind: 'bad_answer', reason: `${data.length} values for ${count}` }
  }
  return { kind: 'values', values: data.slice(0, count).map(Number) }
}

function toFailure(error: unknown, timeoutMs: number): ReadOutcome {
  const { modbusCode, name } = error as { modbusCode?: number; name?: string }
  if (modbusCode !== undefined) return { kind: 'exception', code: modbusCode }
  if (name === 'TransactionTimedOutError')
    return { kind: 'no_answer', reason: `no answer in ${timeoutMs} ms` }
  if (name === 'PortNotOpenError') return { kind: 'no_answer', reason: 'connection closed' }
  return { kind: 'bad_answer', reason: reasonOf(error) }
}

/** Looks at the header of every frame: a wrong protocol or an impossible length leaves no way to find the next one. */
function watchHeaders(socket: Socket, onBroken: (reason: string) => void): void {
  const head = Buffer.alloc(MBAP_BYTES)
  let have = 0
  let skip = 0
  socket.on('data', (chunk: Buffer) => {
    let at = 0
    while (at < chunk.length) {
      const skipped = Math.min(skip, chunk.length - at)
      skip -= skipped
      at += skipped
      const copied = chunk.copy(head, have, at, at + MBAP_BYTES - have)
      have += copied
      at += copied
      if (have < MBAP_BYTES) return
      const protocol = head.readUInt16BE(2)
      const length = head.readUInt16BE(4)
      if (protocol !== 0 || length < 3 || length > LENGTH_MAX) {
        onBroken(`header says protocol ${protocol}, length ${length}`)
        return
      }
      have = 0
      skip = length
    }
  })
}

/** What `work` gives, or `late` when it takes longer or the signal aborts first. */
async function within<T>(
  { clock }: { clock: Clock },
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
  late: T,
): Promise<T> {
  const done = new AbortController()
  const stop = AbortSignal.any([signal, done.signal])
  const waited = clock.sleep(timeoutMs, stop).then(
    () => late,
    () => late,
  )
  try {
    return await Promise.race([work, waited])
  } finally {
    done.abort()
  }
}
