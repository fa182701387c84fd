// Frames of Modbus TCP: what makes bytes an answer to a request, and nothing else one.
//
// Modbus Messaging on TCP/IP 1.0b, section 3.1.3, and Modbus Application Protocol 1.1b3, sections 6.1 to 6.4 and 7.

import type { RegisterTable } from '../../protocol/gateway-config.ts'
import type { ReadRequest } from './bus.ts'

/** Transaction, protocol and length come before the unit. */
export const HEADER_BYTES = 6

/** Transactions are numbered with 16 bits. */
export const TRANSACTIONS = 65536

/** Unit, function, exception code. */
const EXCEPTION_BYTES = 3
const EXCEPTION_FLAG = 0x80

const FUNCTIONS: Record<RegisterTable, number> = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** Where the reading of an answer has got to. `body` begins with the unit. */
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

function bodyMistake(body: Buffer, request: ReadRequest): string | undefined {
  const [unit, code, bytes] = body
  const expectedCode = FUNCTIONS[request.table]
  if (unit !== request.unit) return `expected an answer from unit ${request.unit}, got one from ${unit}`
  if (code === (expectedCode | EXCEPTION_FLAG) && body.length === EXCEPTION_BYTES) return undefined
  if (code !== expectedCode) return `expected function ${expectedCode} in the answer, got ${code}`
  const expectedContent = contentBytes(request)
  if (bytes !== expectedContent)
    return `expected ${expectedContent} bytes of values, the answer says ${bytes}`
  // Only an exception may be this short, whatever the byte count says.
  if (body.length !== 3 + expectedContent) return `expected ${expectedContent} bytes of values, got none`
  return undefined
}

function contentBytes({ table, count }: ReadRequest): number {
  return table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : count * 2
}

const broken = (reason: string): FrameState => ({ kind: 'broken', reason })
