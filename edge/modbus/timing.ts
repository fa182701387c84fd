// How long things take on a line: what a request costs, and when an answer must have come.

import type { BusConfig } from '../../protocol/bus-config.ts'
import type { RegisterTable } from '../../protocol/registers.ts'
import type { WriteRequest } from './request.ts'

/** What a bus makes a request wait for. */
export interface Timing {
  /** How long one byte takes. */
  byteMs: number
  /** How long a line is silent between two frames. */
  silenceMs: number
  /** What a request takes besides: the way to the device and back. */
  roundTripMs: number
}

/** Unit, function, address, count or value, checksum: a request to read, and the answer to one that writes. */
const FIXED_BYTES = 8
/** Unit, function, byte count, checksum. Modbus over Serial Line 1.02, section 2.5.1. */
const ANSWER_BYTES = 5
/** A request to write several: what a fixed one has, and its byte count. */
const SEVERAL_BYTES = 9

/** What the size of a request and of its answer depends on. */
type Asked = { table: RegisterTable; count: number } | Pick<WriteRequest, 'table' | 'values' | 'code'>

/** Above this rate the silence between frames no longer shrinks. Modbus over Serial Line 1.02, section 2.5.1.1. */
const FIXED_SILENCE_ABOVE_BAUD = 19_200
const FIXED_SILENCE_MS = 1.75
const SILENCE_BYTES = 3.5

/** A guess at the way over a network to a device and back. */
const NETWORK_MS = 20
/** What a converter's line runs at, unless its configuration says so. */
const CONVERTER_BAUD = 9_600

/** How long things take on a bus. */
export function timingOf({ serial, tcp }: Pick<BusConfig, 'serial' | 'tcp'>): Timing {
  if (serial !== undefined) {
    const { baudRate, parity, stopBits } = serial
    return { ...lineTiming(baudRate, 9 + (parity === 'none' ? 0 : 1) + stopBits), roundTripMs: 0 }
  }
  const baudRate = tcp?.baudRate ?? (tcp?.framing === 'rtu' ? CONVERTER_BAUD : undefined)
  if (baudRate === undefined) return { byteMs: 0, silenceMs: 0, roundTripMs: NETWORK_MS }
  return { ...lineTiming(baudRate, 11), roundTripMs: NETWORK_MS }
}

/** How long a byte and the silence after a frame take at a rate. `bits` are those of a byte, its start and stop included. */
export function lineTiming(baudRate: number, bits: number): Omit<Timing, 'roundTripMs'> {
  const byteMs = (bits * 1000) / baudRate
  const silenceMs = baudRate > FIXED_SILENCE_ABOVE_BAUD ? FIXED_SILENCE_MS : SILENCE_BYTES * byteMs
  return { byteMs, silenceMs }
}

/** How many bytes hold so many registers or bits. */
export function valueBytes(table: RegisterTable, count: number): number {
  return table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : count * 2
}

/** How many bytes a request and its answer have on a line. */
export function frameBytes(asked: Asked): { request: number; answer: number } {
  if ('count' in asked) {
    return { request: FIXED_BYTES, answer: ANSWER_BYTES + valueBytes(asked.table, asked.count) }
  }
  const several = SEVERAL_BYTES + valueBytes(asked.table, asked.values.length)
  return { request: asked.code > 6 ? several : FIXED_BYTES, answer: FIXED_BYTES }
}

/**
 * How long a request keeps its line: its bytes, those of its answer, the silence after each, or `turnaroundMs` after the
 * answer where that is longer. What the device itself takes to answer comes on top.
 */
export function requestMs(
  { byteMs, silenceMs, roundTripMs }: Timing,
  asked: Asked,
  turnaroundMs: number,
): number {
  const { request, answer } = frameBytes(asked)
  return roundTripMs + (request + answer) * byteMs + silenceMs + Math.max(silenceMs, turnaroundMs)
}
