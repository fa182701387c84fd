// Frames of Modbus TCP and RTU: what makes bytes an answer to a request, and nothing else one.
//
// Modbus Messaging on TCP/IP 1.0b, section 3.1.3; Modbus over Serial Line 1.02, section 2.5.1; Modbus Application
// Protocol 1.1b3, sections 6.1 to 6.4 and 7.

import type { RegisterTable } from '../../protocol/registers.ts'
import type { ReadRequest } from './bus.ts'
import { valueBytes } from './timing.ts'

/** Transaction, protocol and length come before the unit. */
export const HEADER_BYTES = 6

/** Transactions are numbered with 16 bits. */
export const TRANSACTIONS = 65536

/** A frame on a line ends with a checksum. */
export const CRC_BYTES = 2

/** A line that nobody drives gives a stray byte or two when a transmitter is switched on. So many before an answer are no fault. */
export const STRAY_BYTES_MAX = 3

/** Unit, function, exception code. */
const EXCEPTION_BYTES = 3
const EXCEPTION_FLAG = 0x80

/** The function that reads each table. */
export const FUNCTIONS: Record<RegisterTable, number> = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** Where the reading of an answer has got to. A TCP answer's `body` begins with the unit; an RTU one's is the whole frame. */
export type FrameState =
  | { kind: 'incomplete'; expectedBytes: number }
  | { kind: 'answer'; body: Buffer }
  | { kind: 'broken'; reason: string }

/** What the bytes received so far are to a request. Judged as early as possible, so that nobody waits for the rest. */
export function readFrame(received: Buffer, transaction: number, request: ReadRequest): FrameState {
  if (received.length < HEADER_BYTES) return { kind: 'incomplete', expectedBytes: HEADER_BYTES }
  const protocol = received.readUInt16BE(2)
  if (protocol !== 0) return broken(`expected protocol 0 in the answer, got ${protocol}`)
  const answered = received.readUInt16BE(0)
  if (answered !== transaction) {
    return broken(`expected the answer to transaction ${transaction}, got one to ${answered}`)
  }
  const length = received.readUInt16BE(4)
  const expected = 3 + contentBytes(request)
  if (length !== expected && length !== EXCEPTION_BYTES) {
    return broken(`expected an answer of ${expected} bytes, its header says ${length}`)
  }
  const expectedBytes = HEADER_BYTES + length
  if (received.length < expectedBytes) return { kind: 'incomplete', expectedBytes }
  const body = received.subarray(HEADER_BYTES, expectedBytes)
  const mistake = bodyMistake(body, request)
  return mistake === undefined ? { kind: 'answer', body } : broken(mistake)
}

/**
 * What the bytes heard on a line so far are to a request. Nothing on a line says which request an answer belongs to: that
 * it can be no other's is for whoever asks to see to.
 */
export function readRtuFrame(received: Buffer, request: ReadRequest): FrameState {
  const states: FrameState[] = []
  for (let stray = 0; stray <= Math.min(STRAY_BYTES_MAX, received.length); stray += 1) {
    states.push(readRtuFrameAt(received.subarray(stray), request))
  }
  const best =
    states.find(({ kind }) => kind === 'answer') ?? states.find(({ kind }) => kind === 'incomplete')
  return best ?? (states[0] as FrameState)
}

function readRtuFrameAt(bytes: Buffer, request: ReadRequest): FrameState {
  const [unit, code] = bytes
  const expectedCode = FUNCTIONS[request.table]
  const isException = code === (expectedCode | EXCEPTION_FLAG)
  const length = isException ? EXCEPTION_BYTES : 3 + contentBytes(request)
  const expectedBytes = length + CRC_BYTES
  if (unit !== undefined && unit !== request.unit) return broken(wrongUnit(request, unit))
  if (code !== undefined && code !== expectedCode && !isException) return broken(wrongCode(request, code))
  if (bytes.length < 3) return { kind: 'incomplete', expectedBytes }
  const body = bytes.subarray(0, length)
  if (!isException && body[2] !== contentBytes(request)) return broken(wrongCount(request, body[2]))
  if (bytes.length < expectedBytes) return { kind: 'incomplete', expectedBytes }
  return crcOf(body) === bytes.readUInt16LE(length)
    ? { kind: 'answer', body: bytes.subarray(0, expectedBytes) }
    : broken('the checksum of the answer is wrong')
}

/** A frame with its checksum. */
export function withCrc(body: Buffer): Buffer {
  const rtu = Buffer.alloc(body.length + CRC_BYTES)
  body.copy(rtu)
  rtu.writeUInt16LE(crcOf(body), body.length)
  return rtu
}

/** Modbus over Serial Line 1.02, section 6.2.2. */
function crcOf(bytes: Buffer): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}

function bodyMistake(body: Buffer, request: ReadRequest): string | undefined {
  const [unit, code, bytes] = body
  const expectedCode = FUNCTIONS[request.table]
  if (unit !== request.unit) return wrongUnit(request, unit)
  if (code === (expectedCode | EXCEPTION_FLAG) && body.length === EXCEPTION_BYTES) return undefined
  if (code !== expectedCode) return wrongCode(request, code)
  const expectedContent = contentBytes(request)
  if (bytes !== expectedContent) return wrongCount(request, bytes)
  // Only an exception may be this short, whatever the byte count says.
  if (body.length !== 3 + expectedContent) return `expected ${expectedContent} bytes of values, got none`
  return undefined
}

const wrongUnit = (request: ReadRequest, unit: number | undefined) =>
  `expected an answer from unit ${request.unit}, got one from ${unit}`

const wrongCode = (request: ReadRequest, code: number | undefined) =>
  `expected function ${FUNCTIONS[request.table]} in the answer, got ${code}`

const wrongCount = (request: ReadRequest, bytes: number | undefined) =>
  `expected ${contentBytes(request)} bytes of values, the answer says ${bytes}`

const contentBytes = ({ table, count }: ReadRequest) => valueBytes(table, count)

const broken = (reason: string): FrameState => ({ kind: 'broken', reason })
