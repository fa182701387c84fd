// Reading and writing bytes: varints, little-endian numbers, runs.
//
// A varint is LEB128: seven bits a byte, least significant first, the high bit says that another follows. Only
// whole numbers up to 2^53 − 1 are written. Reading checks every bound and throws Rejected with the offset.

import { Rejected } from './runtime/errors.ts'

/** Writes into a buffer that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** How many bytes are written. */
  get length(): number {
    return this.#length
  }

  /** What is written so far, as a copy. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  f32(value: number): void {
    this.#reserve(4)
    this.#view.setFloat32(this.#length, value, true)
    this.#length += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  varint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  /** A whole number with its sign folded into the lowest bit: 0, −1, 1, −2 … become 0, 1, 2, 3 … */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads what a ByteWriter wrote, from somebody who may not be trusted. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #name: string
  #offset = 0

  /** `name` is what messages call the bytes. */
  constructor(bytes: Uint8Array, name = 'it') {
    this.#bytes = bytes
    this.#name = name
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#offset
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  varint(): number {
    const start = this.#offset
    let value = 0
    let scale = 1
    for (let count = 0; count < 8; count += 1) {
      const byte = this.u8()
      value += (byte & 127) * scale
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 128) return value
      scale *= 128
    }
    throw new Rejected(`byte ${start} of ${this.#name}: a varint above 2^53 − 1`)
  }

  zigzag(): number {
    const folded = this.varint()
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2
  }

  raw(count: number): Uint8Array {
    const start = this.#take(count)
    return this.#bytes.subarray(start, start + count)
  }

  #take(count: number): number {
    if (count > this.left) {
      throw new Rejected(`byte ${this.#offset} of ${this.#name}: ${count} more needed, ${this.left} left`)
    }
    const start = this.#offset
    this.#offset += count
    return start
  }
}

/** Writes a column as runs: (zigzag value, varint length) until all is said. */
export function writeRuns(writer: ByteWriter, values: readonly number[]): void {
  let start = 0
  while (start < values.length) {
    const value = values[start] as number
    let end = start + 1
    while (end < values.length && values[end] === value) end += 1
    writer.zigzag(value)
    writer.varint(end - start)
    start = end
  }
}

/** Reads a column of exactly `count` values that writeRuns() wrote. `name` is what messages call it. */
export function readRuns(reader: ByteReader, count: number, name: string): number[] {
  const values: number[] = []
  while (values.length < count) {
    const value = reader.zigzag()
    const length = reader.varint()
    if (length === 0 || length > count - values.length) {
      throw new Rejected(`column ${name}: a run of ${length} where ${count - values.length} values are left`)
    }
    for (let left = length; left > 0; left -= 1) values.push(value)
  }
  return values
}

/** Reads a part of something. What is wrong with it is told under its name. */
export function within<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    throw new Rejected(`${name}: ${error.message}`, { cause: error })
  }
}
