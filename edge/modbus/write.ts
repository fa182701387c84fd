// One value of a device, written once and read back.
//
// Promises:
//   W1. Only what the device's configuration allows is written, within its range, in its unit, and exactly.
//   W2. What cannot be read is not written: what it was before, and what it is after, is known or nothing is done.
//   W3. The write leaves at most once, whatever becomes of it, and not after the command has expired; not out of the
//       kernel's queue either, once it is told that it was not answered.
//   W4. What is told is what was read back, whether or not the device acknowledged.

import { decodeValue, encodeValue } from '../../protocol/modbus/encode.ts'
import { REGISTER_COUNT } from '../../protocol/registers.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { unitOf } from '../../protocol/variables.ts'
import { rangeOf, type Writable, writeFunction } from '../../protocol/writable-config.ts'
import type { RunnableConfig } from '../config.ts'
import type { Bus } from './bus.ts'
import { failureText, type ReadRequest, type WriteOutcome, type WriteRequest } from './request.ts'

/**
 * Exceptions of a device that has done nothing: it cannot, or shall be asked later. Any other may come when something was
 * done: 5 says that it is being done, 4 that it failed on the way, 10 and 11 are a gateway's that has heard nothing from the
 * device. Modbus Application Protocol 1.1b3, section 7.
 */
const REFUSALS: readonly number[] = [1, 2, 3, 6]

/** What a write was, and what it came to. */
export interface Wrote {
  before: number | null
  /** Absent when it could not be read back. */
  found?: number | null
  acknowledged: boolean
  /** Why it has not come to what was asked. */
  failure: string | undefined
  /** What is to be known besides, when it has. */
  remark: string | undefined
}

type Device = Pick<RunnableConfig['devices'][number], 'id' | 'unit' | 'turnaround' | 'writable'>

/** What is to be written, checked. */
export interface Order {
  writable: Writable
  value: number
  registers: readonly number[]
}

/** Checks what is asked against what the device's configuration allows (W1). Throws Rejected. */
export function checkOrder(
  device: Device,
  { name, value, unit }: { name: string; value: number; unit?: string | undefined },
): Order {
  const writable = device.writable.find(one => one.name === name)
  if (writable === undefined)
    throw new Rejected(`Nothing of ${device.id} that may be written is named ${name}`)
  const named = unit === undefined ? undefined : unitOf(unit)
  if (unit !== undefined && named === undefined) throw new Rejected(`Unknown unit ${unit}`)
  if (named !== writable.unit) {
    throw new Rejected(
      `${name} of ${device.id} is in ${writable.unit ?? 'no unit'}, the command says ${unit ?? 'none'}`,
    )
  }
  const { min, max } = rangeOf(writable)
  if (value < min || value > max) {
    throw new Rejected(`${name} of ${device.id} may be from ${min} to ${max}, the command says ${value}`)
  }
  const encoded = encodeValue(value, writable)
  if (encoded.kind === 'refused') throw new Rejected(`${name} of ${device.id}: ${encoded.reason}`)
  return { writable, value, registers: encoded.registers }
}

/**
 * Writes what was checked, and reads it back. Throws Rejected when it expired before, and Unavailable when it is known
 * that nothing was written, or when nobody can know any more because the signal aborted.
 */
export async function writeOrder(
  { bus, clock }: { bus: Bus; clock: Clock },
  device: Device,
  { writable, value, registers }: Order,
  { notAfter }: { notAfter: number },
  signal: AbortSignal,
): Promise<Wrote> {
  const { table, address } = writable
  const place = { unit: device.unit, table, address, turnaroundMs: device.turnaround ?? 0 }
  const request: WriteRequest = { ...place, values: registers, code: writeFunction(writable), notAfter }
  const looking: ReadRequest = { ...place, count: REGISTER_COUNT[writable.type] }
  const look = async () => {
    const outcome = await bus.read(looking, signal)
    return outcome.kind === 'values'
      ? { value: decodeValue(outcome.values, writable) }
      : { failure: failureText(bus.id, looking, outcome) }
  }

  const before = await look()
  if (before.failure !== undefined) {
    throw new Unavailable(`Nothing was written, for it cannot be read: ${before.failure}`)
  }
  const outcome = await whatever(bus.write(request, signal))
  if (outcome.kind === 'unsent') {
    if (clock.now() > notAfter) throw new Rejected(`Nothing was written: ${outcome.reason}`)
    throw new Unavailable(`Nothing was written: ${outcome.reason}`)
  }
  const said = outcome.kind === 'written' ? undefined : failureText(bus.id, request, outcome)
  if (writable.settle !== undefined) await whatever(clock.sleep(writable.settle, signal))
  const after = await whatever(look())
  const known = { before: before.value, acknowledged: outcome.kind === 'written' }
  if (after.failure !== undefined) {
    const failure = `${toldOf(outcome, said)}, and what it holds now cannot be read: ${after.failure}`
    return { ...known, failure, remark: undefined }
  }
  return { ...known, found: after.value, ...judge(outcome, said, { asked: value, found: after.value }) }
}

/** From here on an abort leaves open what happened. */
async function whatever<Value>(doing: Promise<Value>): Promise<Value> {
  try {
    return await doing
  } catch (error) {
    throw new Unavailable(
      `It may have been written: the gateway stopped before it was read back (${reasonOf(error)})`,
    )
  }
}

function judge(
  outcome: WriteOutcome,
  said: string | undefined,
  { asked, found }: { asked: number; found: number | null },
): Pick<Wrote, 'failure' | 'remark'> {
  const holds = `it holds ${found ?? 'no number'}`
  // Who refuses has not written, whatever it holds.
  if (isRefusal(outcome)) return { failure: `${toldOf(outcome, said)}; ${holds}`, remark: undefined }
  if (found !== asked) return { failure: `${toldOf(outcome, said)}, but ${holds}`, remark: undefined }
  const remark = said === undefined ? undefined : `${toldOf(outcome, said)}, and ${holds}`
  return { failure: undefined, remark }
}

function isRefusal(outcome: WriteOutcome): boolean {
  return outcome.kind === 'exception' && REFUSALS.includes(outcome.code)
}

function toldOf(outcome: WriteOutcome, said: string | undefined): string {
  if (outcome.kind === 'written') return 'It was acknowledged'
  return isRefusal(outcome) ? `It was refused: ${said}` : `It was not acknowledged: ${said}`
}
