// An instrument that speaks Modbus TCP on its own socket, with faults on demand.
//
// Frames are written by hand from Modbus Messaging on TCP/IP 1.0b: nothing here is shared with what it tests.

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { WELL, type WellSettings, wellAt } from './well.ts'

/** What an instrument does wrong, once or for good. */
export type Fault =
  | { kind: 'silence' }
  | { kind: 'late'; ms: number }
  | { kind: 'wrong-unit' }
  | { kind: 'wrong-function' }
  | { kind: 'wrong-transaction' }
  | { kind: 'wrong-protocol' }
  | { kind: 'wrong-byte-count' }
  | { kind: 'truncated' }
  | { kind: 'bad-length' }
  | { kind: 'exception'; code: number }
  | { kind: 'close' }
  | { kind: 'reset' }
  | { kind: 'trickle' }
  /** Does not hear the request: what it writes is not written. */
  | { kind: 'deaf' }
  /** Another address, or another value or count, in the answer to a write. */
  | { kind: 'wrong-address' }
  | { kind: 'wrong-value' }

/** A request as it came. */
export interface SeenRequest {
  unit: number
  code: number
  address: number
  count: number
  /** What is written; for functions 5, 6, 15 and 16. */
  values?: readonly number[]
}

/** A register by table code (1 coil, 2 discrete, 3 holding, 4 input) and address; `undefined` where there is none. */
export type Registers = (code: number, address: number) => number | undefined

/** Takes a register or bit that is written, or gives the exception that refuses it. */
export type TakeRegister = (code: number, address: number, value: number) => number | undefined

/** An instrument that listens. */
export interface Instrument {
  port: number
  requests: SeenRequest[]
  /** How often somebody has connected. */
  connections(): number
  /** Applies to the requests that come next, one fault each. */
  fail(...faults: Fault[]): void
  /** Applies to every request until it is called with nothing. */
  failAlways(fault?: Fault): void
  /** Ends every connection, and refuses new ones until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Starts an instrument over registers. */
export async function openInstrument(
  { clock }: { clock: Clock },
  { port = 0, registers, take }: { port?: number; registers: Registers; take?: TakeRegister },
): Promise<Instrument> {
  const requests: SeenRequest[] = []
  const queued: Fault[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let always: Fault | undefined
  let server: Server
  let bound = port

  const serve = (socket: Socket) => {
    sockets.add(socket)
    connections += 1
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 12 && received.length >= 6 + received.readUInt16BE(4)) {
        const size = 6 + received.readUInt16BE(4)
        const frame = received.subarray(0, size)
        received = received.subarray(size)
        const unit = frame[6] ?? 0
        const asked = readRequest(frame.subarray(7))
        requests.push({ unit, ...asked })
        const fault = queued.shift() ?? always
        if (fault?.kind === 'deaf') continue
        answer({ clock }, socket, frame, toPdu({ registers, take }, asked, frame.subarray(7)), fault)
      }
    })
  }

  const start = async () => {
    server = createServer(serve)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(bound, '127.0.0.1', resolve)
    })
    bound = (server.address() as AddressInfo).port
  }
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => server.close(() => resolve()))
  }
  await start()
  return {
    port: bound,
    requests,
    connections: () => connections,
    fail: (...faults) => void queued.push(...faults),
    failAlways: fault => {
      always = fault
    },
    start,
    stop,
    close: stop,
  }
}

/**
 * The registers of a well's meter, holding: flow L/s float32 @0, total m³ float64 @2, level m float32 @6, pulses uint32
 * @8; big-endian.
 */
export function wellRegisters({ clock }: { clock: Clock }, settings: WellSettings = WELL): Registers {
  return (code, address) => {
    if (code !== 3 || address > 9) return undefined
    const { flowLps, totalM3, levelM, pulses } = wellAt(clock.now(), settings)
    const view = new DataView(new ArrayBuffer(20))
    view.setFloat32(0, flowLps)
    view.setFloat64(4, totalM3)
    view.setFloat32(12, levelM)
    view.setUint32(16, pulses % 2 ** 32)
    return view.getUint16(address * 2)
  }
}

/** The registers of a list, all tables alike; for tests that know what lies where. */
export function listRegisters(words: readonly number[], from = 0): Registers {
  return (_, address) => words[address - from]
}

/** Reads a request from its function on. Modbus Application Protocol 1.1b3, sections 6.1 to 6.6, 6.11 and 6.12. */
export function readRequest(pdu: Buffer): Omit<SeenRequest, 'unit'> {
  const [code = 0] = pdu
  const [address, second] = [pdu.readUInt16BE(1), pdu.readUInt16BE(3)]
  if (code === 5 || code === 6)
    return { code, address, count: 1, values: [code === 5 ? second >> 15 : second] }
  if (code !== 15 && code !== 16) return { code, address, count: second }
  const values = Array.from({ length: second }, (_, index) =>
    code === 16 ? pdu.readUInt16BE(6 + 2 * index) : ((pdu[6 + (index >> 3)] ?? 0) >> (index & 7)) & 1,
  )
  return { code, address, count: second, values }
}

/** Writes what a request writes, and gives what is answered; `undefined` for one that only reads. */
export function writePdu(
  take: TakeRegister | undefined,
  { code, address, values }: Omit<SeenRequest, 'unit'>,
  request: Buffer,
): Buffer | undefined {
  if (values === undefined) return undefined
  if (take === undefined) return Buffer.from([code | 0x80, 1])
  for (const [index, value] of values.entries()) {
    const exception = take(code === 5 || code === 15 ? 1 : 3, address + index, value)
    if (exception !== undefined) return Buffer.from([code | 0x80, exception])
  }
  return Buffer.from(request.subarray(0, 5))
}

function toPdu(
  { registers, take }: { registers: Registers; take: TakeRegister | undefined },
  asked: Omit<SeenRequest, 'unit'>,
  request: Buffer,
): Buffer {
  const written = writePdu(take, asked, request)
  if (written !== undefined) return written
  const { code, address, count } = asked
  if (code < 1 || code > 4) return Buffer.from([code | 0x80, 1])
  const values = Array.from({ length: count }, (_, index) => registers(code, address + index))
  if (values.some(value => value === undefined)) return Buffer.from([code | 0x80, 2])
  if (code <= 2) {
    const bytes = Buffer.alloc(Math.ceil(count / 8))
    for (const [index, value] of values.entries()) {
      if (value) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7))
    }
    return Buffer.concat([Buffer.from([code, bytes.length]), bytes])
  }
  const bytes = Buffer.alloc(count * 2)
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value ?? 0, index * 2)
  return Buffer.concat([Buffer.from([code, bytes.length]), bytes])
}

function answer(
  { clock }: { clock: Clock },
  socket: Socket,
  request: Buffer,
  pdu: Buffer,
  fault?: Fault,
): void {
  const frame = Buffer.concat([request.subarray(0, 4), Buffer.alloc(2), request.subarray(6, 7), pdu])
  frame.writeUInt16BE(pdu.length + 1, 4)
  const flip = (at: number) => {
    frame[at] = (frame[at] ?? 0) ^ 1
  }
  switch (fault?.kind) {
    case undefined:
      break
    case 'silence':
      return
    case 'late':
      void clock.sleep(fault.ms).then(() => socket.writable && socket.write(frame))
      return
    case 'close':
      socket.end()
      return
    case 'reset':
      socket.resetAndDestroy()
      return
    case 'trickle':
      for (let at = 0; at < frame.length; at += 1) socket.write(frame.subarray(at, at + 1))
      return
    case 'truncated':
      socket.write(frame.subarray(0, frame.length - 3))
      return
    case 'exception':
      socket.write(
        Buffer.concat([
          request.subarray(0, 4),
          Buffer.from([0, 3]),
          request.subarray(6, 7),
          Buffer.from([(request[7] ?? 0) | 0x80, fault.code]),
        ]),
      )
      return
    case 'wrong-unit':
      flip(6)
      break
    case 'wrong-function':
      flip(7)
      break
    case 'wrong-transaction':
      flip(1)
      break
    case 'wrong-protocol':
      flip(3)
      break
    case 'wrong-byte-count':
      frame[8] = (frame[8] ?? 0) + 2
      break
    case 'deaf':
      return
    case 'wrong-address':
      flip(9)
      break
    case 'wrong-value':
      flip(11)
      break
    case 'bad-length':
      frame.writeUInt16BE(60_000, 4)
      break
  }
  socket.write(frame)
}
