// What a device can be asked, and what can become of it.

import type { RegisterTable } from '../../protocol/registers.ts'

/** Some registers or bits of one device, one after the other. */
export interface ReadRequest {
  unit: number
  table: RegisterTable
  address: number
  count: number
  /** How long this device wants its line to be silent after its answer. */
  turnaroundMs?: number
  /** How long to wait for its answer, when not as long as for others. */
  timeoutMs?: number
}

/** Functions that write: 5 and 6 one, 15 and 16 several that lie one after the other. */
export type WriteFunction = 5 | 6 | 15 | 16

/** Registers or bits for one device, written in one request. Bits are 0 or 1. */
export interface WriteRequest {
  unit: number
  table: 'coil' | 'holding'
  address: number
  values: readonly number[]
  code: WriteFunction
  /** Not a byte of it is to leave after this instant. */
  notAfter: number
  turnaroundMs?: number
  timeoutMs?: number
}

/** What a device can be asked. */
export type Request = ReadRequest | WriteRequest

/** Why a request brought nothing. */
export type Failure =
  | { kind: 'exception'; code: number }
  | { kind: 'no_answer'; reason: string }
  | { kind: 'bad_answer'; reason: string }

/** What became of a request to read. Bits are 0 or 1. */
export type ReadOutcome = { kind: 'values'; values: readonly number[] } | Failure

/**
 * What became of a request to write. `unsent`: not a byte of it has left. After `no_answer`, `bad_answer`
 * and some exceptions (see write.ts) it may have been done all the same.
 */
export type WriteOutcome = { kind: 'written' } | { kind: 'unsent'; reason: string } | Failure

/** What became of a request. */
export type Outcome = ReadOutcome | WriteOutcome

/** Whether a request changes its device. */
export function isWrite(request: Request): request is WriteRequest {
  return 'values' in request
}

/** What a request comes to that was not made: for a write, that it has surely not been done. */
export function unasked(request: Request, failure: Failure): Outcome {
  return isWrite(request) && failure.kind !== 'exception'
    ? { kind: 'unsent', reason: failure.reason }
    : failure
}

/** What a write comes to whose time is over; `undefined` for what may leave now. */
export function expired(request: Request, now: number): Outcome | undefined {
  return isWrite(request) && now > request.notAfter
    ? { kind: 'unsent', reason: 'it expired before its turn came' }
    : undefined
}

/** Why a request brought nothing, for whoever must find the device or the mistake. */
export function failureText(bus: string, request: Request, outcome: Failure): string {
  const { unit, table, address } = request
  const count = countOf(request)
  const last = address + count - 1
  const where = count === 1 ? `${table} ${address}` : `${table} ${address} to ${last}`
  const reason =
    outcome.kind === 'exception'
      ? `exception ${outcome.code} (${EXCEPTIONS[outcome.code] ?? 'not in the standard'})`
      : outcome.reason
  return `bus ${bus}, unit ${unit}, ${where}: ${reason}`
}

/** Modbus Application Protocol 1.1b3, section 7. */
const EXCEPTIONS: Record<number, string> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'device failure',
  5: 'accepted, still at work',
  6: 'device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'device does not answer its gateway',
}

/** How many registers or bits a request is about. */
export function countOf(request: Request): number {
  return isWrite(request) ? request.values.length : request.count
}

/** Modbus Application Protocol 1.1b3, sections 6.1 to 6.4, 6.11 and 6.12. */
const MOST = { read: { bits: 2000, registers: 125 }, write: { bits: 1968, registers: 123 } }

/** Throws for a request that Modbus cannot carry. */
export function checkRequest(request: Request): void {
  const { unit, table, address } = request
  const count = countOf(request)
  const most = MOST[isWrite(request) ? 'write' : 'read']
  const countMax = table === 'coil' || table === 'discrete' ? most.bits : most.registers
  if (count < 1 || count > countMax || address < 0 || address + count > 65536 || unit < 0 || unit > 255) {
    const what = `${count} of ${table} at ${address}`
    throw new Error(
      isWrite(request) ? `Cannot write ${what} of unit ${unit}` : `Cannot ask unit ${unit} for ${what}`,
    )
  }
  if (isWrite(request)) checkWrite(request)
}

/** What a device would not refuse, and the wire would carry as something else. */
function checkWrite({ unit, table, address, values, code }: WriteRequest): void {
  const valueMax = table === 'coil' ? 1 : 65535
  const isRight = (table === 'coil') === (code === 5 || code === 15) && (code > 6 || values.length === 1)
  if (isRight && values.every(value => Number.isInteger(value) && value >= 0 && value <= valueMax)) return
  throw new Error(
    `Cannot write ${values.join(' ')} to ${table} ${address} of unit ${unit} by function ${code}`,
  )
}
