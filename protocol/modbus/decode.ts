// Registers → a value in its variable's unit, or the reason why there is none.

import type { ModbusSignal } from '../gateway-config.ts'
import type { RegisterType, WordOrder } from '../registers.ts'
import { REGISTER_COUNT } from '../registers.ts'
import { type Decoded, type Raw, scaleRaw, scaleValue } from './scaling.ts'

/** Reads one signal. `registersAt` gives so many registers from an address on, as they came. */
export function decodeSignal(
  signal: ModbusSignal,
  registersAt: (address: number, count: number) => readonly number[],
): Decoded {
  const main = decodeRegisters(
    registersAt(signal.address, REGISTER_COUNT[signal.type]),
    signal.type,
    signal.order,
  )
  if (main.kind !== 'number') return { value: null, quality: main.kind }
  const raw = signal.bits === undefined ? main.value : bitsOf(Number(main.value), signal.bits)
  const { plus } = signal
  if (plus === undefined) return scaleValue(raw, signal)
  const added = decodeRegisters(registersAt(plus.address, REGISTER_COUNT[plus.type]), plus.type, plus.order)
  if (added.kind !== 'number') return { value: null, quality: added.kind }
  return scaleValue(raw, signal, scaleRaw(added.value, plus.scale))
}

/** A number as its registers hold it, before any scale. Whole numbers of 64 bits come exactly, as bigint. */
export type Registers = { kind: 'number'; value: Raw } | { kind: 'sensor_code' } | { kind: 'not_a_number' }

/** Reads the registers of one number. */
export function decodeRegisters(
  registers: readonly number[],
  type: RegisterType,
  order: WordOrder,
): Registers {
  const bytes = orderBytes(registers, order)
  if (registers.length !== REGISTER_COUNT[type]) {
    throw new Error(
      `Cannot decode ${type}: it needs ${REGISTER_COUNT[type]} registers, got ${registers.length}`,
    )
  }
  switch (type) {
    case 'bool':
      return whole(Number(registers[0]))
    case 'int16':
      return whole(bytes.getInt16(0))
    case 'uint16':
      return whole(bytes.getUint16(0))
    case 'int32':
      return whole(bytes.getInt32(0))
    case 'uint32':
      return whole(bytes.getUint32(0))
    case 'int64':
      return whole(bytes.getBigInt64(0))
    case 'uint64':
      return whole(bytes.getBigUint64(0))
    case 'float16':
      return real(shortest(bytes.getFloat16(0), 5, value => Math.f16round(value)))
    case 'float32':
      return real(shortest(bytes.getFloat32(0), 9, value => Math.fround(value)))
    case 'float64':
      return real(bytes.getFloat64(0))
    case 'bcd16':
    case 'bcd32':
    case 'bcd64':
      return digits(bytes)
    case 'mod10k32':
    case 'mod10k48':
    case 'mod10k64':
      return mod10k(bytes)
    case 'ubcd16':
    case 'ubcd32':
    case 'ubcd64':
      return unpackedDigits(bytes)
    case 'ascii32':
    case 'ascii64':
    case 'ascii96':
    case 'ascii128':
      return written(bytes)
  }
}

const whole = (value: Raw): Registers => ({ kind: 'number', value })

/** NaN is how instruments say that they have no value; an infinity is a fault. */
function real(value: number): Registers {
  if (Number.isNaN(value)) return { kind: 'sensor_code' }
  return Number.isFinite(value) ? { kind: 'number', value } : { kind: 'not_a_number' }
}

/** The number with the fewest digits that the instrument would have written the same: 12.47, not 12.470000267. */
function shortest(value: number, digitsMax: number, round: (value: number) => number): number {
  if (!Number.isFinite(value)) return value
  for (let count = 1; count < digitsMax; count += 1) {
    const candidate = Number(value.toPrecision(count))
    if (round(candidate) === value) return candidate
  }
  return Number(value.toPrecision(digitsMax))
}

/** One decimal digit in each half byte. */
function digits(bytes: DataView): Registers {
  let text = ''
  for (let index = 0; index < bytes.byteLength; index += 1) {
    const byte = bytes.getUint8(index)
    if (byte >> 4 > 9 || (byte & 15) > 9) return { kind: 'not_a_number' }
    text += `${byte >> 4}${byte & 15}`
  }
  return whole(BigInt(text))
}

/** One decimal digit in each byte. */
function unpackedDigits(bytes: DataView): Registers {
  let value = 0n
  for (let index = 0; index < bytes.byteLength; index += 1) {
    const digit = bytes.getUint8(index)
    if (digit > 9) return { kind: 'not_a_number' }
    value = value * 10n + BigInt(digit)
  }
  return whole(value)
}

/** A decimal number that is written out, with spaces or zero bytes around it. A reading is a number: other text is none. */
function written(bytes: DataView): Registers {
  let text = ''
  for (let index = 0; index < bytes.byteLength; index += 1) text += String.fromCharCode(bytes.getUint8(index))
  const [, number, exact] = WRITTEN.exec(text) ?? []
  if (number === undefined) return { kind: 'not_a_number' }
  return exact === undefined ? real(Number(number)) : whole(BigInt(exact))
}

/** The second group is there when the number is whole. */
const WRITTEN = /^[ \0]*((?:([+-]?\d+)(?![\d.Ee]))|[+-]?\d+(?:\.\d+)?(?:[Ee][+-]?\d{1,2})?)[ \0]*$/

/** Four decimal digits in each register: its value is below 10,000. */
function mod10k(bytes: DataView): Registers {
  let value = 0n
  for (let index = 0; index < bytes.byteLength; index += 2) {
    const register = bytes.getUint16(index)
    if (register > 9999) return { kind: 'not_a_number' }
    value = value * 10_000n + BigInt(register)
  }
  return whole(value)
}

function bitsOf(register: number, { from, count }: { from: number; count: number }): number {
  return (register >> from) & ((1 << count) - 1)
}

/** The bytes, most significant first. ABCD: as they came · CDAB: words reversed · BADC: bytes swapped · DCBA: both. */
function orderBytes(registers: readonly number[], order: WordOrder): DataView {
  const words = order === 'CDAB' || order === 'DCBA' ? registers.toReversed() : registers
  const swapped = order === 'BADC' || order === 'DCBA'
  const view = new DataView(new ArrayBuffer(words.length * 2))
  for (const [index, word] of words.entries()) view.setUint16(index * 2, word, swapped)
  return view
}
