// What a buffer knows of itself: one record, written together with every change that it describes.
//
// Which numbers are answered, lost or evicted is kept as ranges, so the record is small whatever lies in the buffer.

import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import { OTHERS_BEFORE_MAX } from './block.ts'
import { type Range, type Ranges, size, subtract, within, without } from './ranges.ts'

/** The key of the record. Below every other key. */
export const STATE_KEY = new Uint8Array([0x61])

/** The most ranges of either set: what a gateway needs is a handful, and the record is written with every change. */
export const RANGES_MAX = 1024

const VERSION = 2

/** Which formats of a buffer this program reads, and which it leaves. */
export const BUFFER_FORMATS = { reads: [VERSION], writes: VERSION }

/** The plain numbers of a state, in the order of the record. */
const NUMBERS = [
  ...(['nextSeq', 'evictedThrough', 'othersEvictedThrough', 'othersEvicted', 'regulatoryThrough'] as const),
  'blockBytes',
] as const

/** What a buffer knows of itself. */
export interface State {
  epoch: number
  /** The number that the next reading gets. */
  nextSeq: number
  /** Numbers that were answered and are forgotten; from 1 on, with holes where answers are still owed. */
  acked: Ranges
  /** Numbers that were found damaged and are not yet answered. Apart from `acked`. */
  lost: Ranges
  /** Every number up to here that is not in `acked` or `lost` was evicted. */
  evictedThrough: number
  /** Up to here no reading of the class `other` is kept. Which numbers those were, the keys of blocks say. */
  othersEvictedThrough: number
  /** How many numbers between the two were evicted and are not answered. */
  othersEvicted: number
  /** The newest number that is not known to be of the class `other`. */
  regulatoryThrough: number
  /** Key and value lengths of all blocks. */
  blockBytes: number
}

/** The state of a buffer that is begun. */
export function newState(epoch: number): State {
  return {
    ...{ epoch, nextSeq: 1, acked: [], lost: [], blockBytes: 0 },
    ...{ evictedThrough: 0, othersEvictedThrough: 0, othersEvicted: 0, regulatoryThrough: 0 },
  }
}

/** The lowest number that is not answered. */
export function firstUnacked({ acked }: State): number {
  const head = acked[0]
  return head?.first === 1 ? head.last + 1 : 1
}

/** The lowest number that may lie on disk. */
export function firstKept(state: State): number {
  return Math.max(firstUnacked(state), state.evictedThrough + 1)
}

/** The numbers that are not answered. */
export function unackedRanges({ acked, nextSeq }: State): Range[] {
  return without(acked, 1, nextSeq - 1)
}

/** How many numbers at the end of the sequence are of the class `other`. */
export function othersAtEnd({ nextSeq, regulatoryThrough }: State): number {
  return nextSeq - 1 - regulatoryThrough
}

/** The numbers that are not answered and were evicted, but for those of the class `other` behind `evictedThrough`. */
export function evictedRanges({ acked, lost, evictedThrough }: State): Ranges {
  return subtract(without(acked, 1, evictedThrough), lost)
}

/** How many readings are kept: given a number, not answered, not lost, not evicted. */
export function readingsKept(state: State): number {
  return size(unackedRanges(state)) - size(state.lost) - size(evictedRanges(state)) - state.othersEvicted
}

/** Where a number may be on disk that is neither answered nor known to be gone: the unaccounted part of a gap. */
export function expectedWithin({ acked, lost, evictedThrough }: State, first: number, last: number): Ranges {
  const present = without(acked, Math.max(first, evictedThrough + 1), last)
  return subtract(present, within(lost, first, last))
}

/**
 * What of the numbers from `first` to `last`, where no block lies, was evicted for being of the class `other`.
 * `othersBefore` is what the key of the block behind them says.
 */
export function othersEvictedWithin(state: State, first: number, last: number, othersBefore: number): Ranges {
  const from = Math.max(first, state.evictedThrough + 1)
  const to = Math.min(last, state.othersEvictedThrough)
  const spared = othersBefore >= OTHERS_BEFORE_MAX ? first : last + 1 - othersBefore
  const others = without(state.acked, from, last).map(range => {
    // What an answered number follows has no block behind it any more that could speak for it.
    const begin = range.last === last ? Math.max(range.first, spared) : range.first
    return { first: begin, last: Math.min(range.last, to) }
  })
  return subtract(others, within(state.lost, from, to))
}

/** The record of a state. */
export function encodeState(state: State): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.u32(state.epoch)
  for (const number of NUMBERS) writer.varint(state[number])
  for (const ranges of [state.acked, state.lost]) {
    writer.varint(ranges.length)
    let from = 0
    for (const { first, last } of ranges) {
      writer.varint(first - from)
      writer.varint(last - first)
      from = last
    }
  }
  writer.u32(crc32(writer.bytes()))
  return writer.bytes()
}

/**
 * Reads the record of a state; `undefined` when it is damaged. Throws Unavailable when it is sound and of a format that this
 * program does not read: to take that for damage would give up what another release has written.
 */
export function decodeState(bytes: Uint8Array): State | undefined {
  try {
    const reader = new ByteReader(bytes.subarray(0, bytes.length - 4))
    if (new ByteReader(bytes.subarray(bytes.length - 4)).u32() !== crc32(bytes.subarray(0, bytes.length - 4)))
      return undefined
    const version = reader.u8()
    if (version !== VERSION) {
      throw new Unavailable(`The buffer is of format ${version}, and this release reads ${VERSION} only`)
    }
    const epoch = reader.u32()
    const state = newState(epoch)
    for (const number of NUMBERS) state[number] = reader.varint()
    return { ...state, acked: readRanges(reader), lost: readRanges(reader) }
  } catch (error) {
    if (error instanceof Rejected) return undefined
    throw error
  }
}

function readRanges(reader: ByteReader): Ranges {
  const count = reader.varint()
  if (count > RANGES_MAX * 2) throw new Rejected(`Cannot read state: ${count} ranges`)
  const ranges: Range[] = []
  let from = 0
  for (let index = 0; index < count; index += 1) {
    const first = from + reader.varint()
    const last = first + reader.varint()
    ranges.push({ first, last })
    from = last
  }
  return ranges
}
