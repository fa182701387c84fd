// Frames of Modbus TCP and RTU: what makes bytes an answer to a request, and nothing else one.
//
// Modbus Messaging on TCP/IP 1.0b, section 3.1.3; Modbus over Serial Line 1.02, section 2.5.1; Modbus Application
// Protocol 1.1b3, sections 6.1 to 6.4 and 7.

import type { RegisterTable } from '../../protocol/registers.ts'
import { isWrite, type ReadRequest, type Request, type WriteRequest } from './request.ts'
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

/** The answer to a write: unit, function, address, and the value or how many were written. */
const ECHO_BYTES = 6

/** The function that reads each table. */
const FUNCTIONS: Record<RegisterTable, number> = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** The function of a request. */
export function functionOf(request: Request): number {
  return isWrite(request) ? request.code : FUNCTIONS[request.table]
}

/** Where the reading of an answer has got to. A TCP answer's `body` begins with the unit; an RTU one's is the whole frame. */
export type FrameState =
  | { kind: 'incomplete'; expectedBytes: number }
  | { kind: 'answer'; body: Buffer }
  | { kind: 'broken'; reason: string }

/** What the bytes received so far are to a request. Judged as early as possible, so that nobody waits for the rest. */
export function readFrame(received: Buffer, transaction: number, request: Request): FrameState {
  if (received.length < HEADER_BYTES) return { kind: 'incomplete', expectedBytes: HEADER_BYTES }
  const protocol = received.readUInt16BE(2)
  if (protocol !== 0) return broken(`expected protocol 0 in the answer, got ${protocol}`)
  const answered = received.readUInt16BE(0)
  if (answered !== transaction) {
    return broken(`expected the answer to transaction ${transaction}, got one to ${answered}`)
  }
  const length = received.readUInt16BE(4)
  const expected = bodyBytes(request)
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
export function readRtuFrame(received: Buffer, request: Request): FrameState {
  const states: FrameState[] = []
  for (let stray = 0; stray <= Math.min(STRAY_BYTES_MAX, received.length); stray += 1) {
    states.push(readRtuFrameAt(received.subarray(stray), request))
  }
  const best =
    states.find(({ kind }) => kind === 'answer') ?? states.find(({ kind }) => kind === 'incomplete')
  return best ?? (states[0] as FrameState)
}

function readRtuFrameAt(bytes: Buffer, request: Request): FrameState {
  const [unit, code] = bytes
  const expectedCode = functionOf(request)
  const isException = code === (expectedCode | EXCEPTION_FLAG)
  const length = isException ? EXCEPTION_BYTES : bodyBytes(request)
  const expectedBytes = length + CRC_BYTES
  if (unit !== undefined && unit !== request.unit) return broken(wrongUnit(request, unit))
  if (code !== undefined && code !== expectedCode && !isException) return broken(wrongCode(request, code))
  if (bytes.length < 3) return { kind: 'incomplete', expectedBytes }
  const body = bytes.subarray(0, length)
  // A wrong byte count is known before the answer is whole.
  const early = isException || isWrite(request) ? undefined : countMistake(body, request)
  if (early !== undefined) return broken(early)
  if (bytes.length < expectedBytes) return { kind: 'incomplete', expectedBytes }
  if (crcOf(body) !== bytes.readUInt16LE(length)) return broken('the checksum of the answer is wrong')
  const mistake = isException || !isWrite(request) ? undefined : echoMistake(body, request)
  return mistake === undefined ? { kind: 'answer', body: bytes.subarray(0, expectedBytes) } : broken(mistake)
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

function bodyMistake(body: Buffer, request: Request): string | undefined {
  const [unit, code] = body
  const expectedCode = functionOf(request)
  if (unit !== request.unit) return wrongUnit(request, unit)
  if (code === (expectedCode | EXCEPTION_FLAG) && body.length === EXCEPTION_BYTES) return undefined
  if (code !== expectedCode) return wrongCode(request, code)
  // Only an exception may be this short, whatever it says.
  const isShort = body.length !== bodyBytes(request)
  if (isWrite(request))
    return isShort ? 'the answer does not say what was written' : echoMistake(body, request)
  const mistake = countMistake(body, request)
  if (mistake !== undefined) return mistake
  return isShort ? `expected ${contentBytes(request)} bytes of values, got none` : undefined
}

function countMistake(body: Buffer, request: ReadRequest): string | undefined {
  return body[2] === contentBytes(request)
    ? undefined
    : `expected ${contentBytes(request)} bytes of values, the answer says ${body[2]}`
}

/** Modbus Application Protocol 1.1b3, sections 6.5, 6.6, 6.11 and 6.12. */
function echoMistake(body: Buffer, { address, values, code }: WriteRequest): string | undefined {
  const [about, said] = [body.readUInt16BE(2), body.readUInt16BE(4)]
  if (about !== address) return `expected an answer about address ${address}, got one about ${about}`
  if (code > 6) {
    return said === values.length
      ? undefined
      : `expected ${values.length} to be written, the answer says ${said}`
  }
  const value = code === 5 ? (values[0] === 1 ? COIL_ON : 0) : values[0]
  return said === value ? undefined : `expected ${value} to be written, the answer says ${said}`
}

/** How function 5 says 1. */
const COIL_ON = 0xff00

const wrongUnit = (request: Request, unit: number | undefined) =>
  `expected an answer from unit ${request.unit}, got one from ${unit}`

const wrongCode = (request: Request, code: number | undefined) =>
  `expected function ${functionOf(request)} in the answer, got ${code}`

const contentBytes = ({ table, count }: ReadRequest) => valueBytes(table, count)

/** Of an answer that is no exception, from the unit on and without a checksum. */
const bodyBytes = (request: Request) => (isWrite(request) ? ECHO_BYTES : 3 + contentBytes(request))

const broken = (reason: string): FrameState => ({ kind: 'broken', reason })
