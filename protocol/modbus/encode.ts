// A value → registers, the way back of decode.ts: exactly, or not at all.

import type { Place } from '../mistakes.ts'
import type { RegisterType, WordOrder } from '../registers.ts'
import { REGISTER_COUNT } from '../registers.ts'
import type { Writable } from '../writable-config.ts'
import { decodeRegisters } from './decode.ts'
import { type Raw, scaleRaw } from './scaling.ts'

/** Registers that hold a value, or why none do. */
export type Encoded =
  | { kind: 'registers'; registers: readonly number[] }
  | { kind: 'refused'; reason: string }

type Shape = Pick<Writable, 'type' | 'order' | 'scale' | 'offset'>

/** The registers from which this very value is read back, in its unit. */
export function encodeValue(value: number, shape: Shape): Encoded {
  const { type, order } = shape
  const raw = toRaw(value, shape)
  // A quotient may be off by its last digit; what was meant has fewer.
  const candidates = type.startsWith('float') ? [raw, Number(raw.toPrecision(15))] : [Math.round(raw)]
  let nearest: number | null = null
  for (const candidate of candidates) {
    const registers = Number.isFinite(candidate) ? encodeRegisters(candidate, type, order) : undefined
    if (registers === undefined) continue
    const held = decodeValue(registers, shape)
    if (held === value) return { kind: 'registers', registers }
    nearest ??= held
  }
  const reason =
    nearest === null
      ? `${type} cannot hold ${value}${shape.scale === 1 && shape.offset === 0 ? '' : ` as ${raw}`}`
      : `${type} cannot hold ${value} exactly: the nearest is ${nearest}`
  return { kind: 'refused', reason }
}

/** The value that registers hold, in its unit; null when they hold no number. */
export function decodeValue(
  registers: readonly number[],
  { type, order, scale, offset }: Shape,
): number | null {
  const decoded = decodeRegisters(registers, type, order)
  if (decoded.kind !== 'number') return null
  if (scale === 1 && offset === 0) return withoutSign(Number(decoded.value))
  return withoutSign(Number((scaleRaw(decoded.value, scale) + offset).toPrecision(15)))
}

/** −0 is 0: the sign of nothing is no value. */
const withoutSign = (value: number): number => (value === 0 ? 0 : value)

/** What the registers have to hold, as near as a double comes. 0.01 is not a double, 1/100 is exact. */
function toRaw(value: number, { scale, offset }: Shape): number {
  const divisor = Math.round(1 / scale)
  return 1 / divisor === scale ? (value - offset) * divisor : (value - offset) / scale
}

/** Bounds that could not be written themselves. */
export function boundMistakes(writable: Writable): Place[] {
  return (['min', 'max'] as const).flatMap(key => {
    const bound = writable[key]
    const encoded = bound === undefined ? undefined : encodeValue(bound, writable)
    return encoded?.kind === 'refused' ? [{ path: [key], message: encoded.reason }] : []
  })
}

/** The registers of one number; `undefined` when the type cannot hold it, or nobody could say it exactly. */
export function encodeRegisters(raw: Raw, type: RegisterType, order: WordOrder): number[] | undefined {
  if (type === 'bool') return Number(raw) === 0 || Number(raw) === 1 ? [Number(raw)] : undefined
  const bytes = type.startsWith('float') ? realBytes(Number(raw), type) : wholeBytes(raw, type)
  return bytes === undefined ? undefined : toWords(bytes, order)
}

function realBytes(value: number, type: RegisterType): DataView | undefined {
  const view = viewOf(type)
  if (type === 'float16') view.setFloat16(0, value)
  else if (type === 'float32') view.setFloat32(0, value)
  else view.setFloat64(0, value)
  const held =
    type === 'float16' ? view.getFloat16(0) : type === 'float32' ? view.getFloat32(0) : view.getFloat64(0)
  return Number.isFinite(held) ? view : undefined
}

function wholeBytes(raw: Raw, type: RegisterType): DataView | undefined {
  if (typeof raw === 'number' && !Number.isSafeInteger(raw)) return undefined
  const value = BigInt(raw)
  const count = REGISTER_COUNT[type]
  switch (type) {
    case 'int16':
    case 'int32':
    case 'int64':
      return BigInt.asIntN(16 * count, value) === value
        ? digitBytes(BigInt.asUintN(16 * count, value), type, 256n, 2)
        : undefined
    case 'uint16':
    case 'uint32':
    case 'uint64':
      return digitBytes(value, type, 256n, 2)
    case 'bcd16':
    case 'bcd32':
    case 'bcd64':
      return digitBytes(value, type, 100n, 2, digit => Math.floor(digit / 10) * 16 + (digit % 10))
    case 'ubcd16':
    case 'ubcd32':
    case 'ubcd64':
      return digitBytes(value, type, 10n, 2)
    case 'mod10k32':
    case 'mod10k48':
    case 'mod10k64':
      return digitBytes(value, type, 10_000n, 1)
    default:
      return undefined
  }
}

/** A whole number as digits of a base, so many in each register, most significant first; `undefined` when it needs more. */
function digitBytes(
  value: bigint,
  type: RegisterType,
  base: bigint,
  inRegister: 1 | 2,
  toByte: (digit: number) => number = digit => digit,
): DataView | undefined {
  if (value < 0n) return undefined
  const view = viewOf(type)
  const size = 2 / inRegister
  let left = value
  for (let at = view.byteLength - size; at >= 0; at -= size) {
    const digit = toByte(Number(left % base))
    if (size === 1) view.setUint8(at, digit)
    else view.setUint16(at, digit)
    left /= base
  }
  return left === 0n ? view : undefined
}

const viewOf = (type: RegisterType): DataView => new DataView(new ArrayBuffer(2 * REGISTER_COUNT[type]))

/** The registers of bytes, most significant first. ABCD: as they are · CDAB: words reversed · BADC: bytes swapped · DCBA: both. */
function toWords(bytes: DataView, order: WordOrder): number[] {
  const swapped = order === 'BADC' || order === 'DCBA'
  const words = Array.from({ length: bytes.byteLength / 2 }, (_, index) =>
    bytes.getUint16(2 * index, swapped),
  )
  return order === 'CDAB' || order === 'DCBA' ? words.reverse() : words
}
