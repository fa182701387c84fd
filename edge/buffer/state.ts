// What a buffer knows of itself: one record, written together with every change that it describes.
//
// Which numbers are answered, lost or evicted is kept as ranges, so the record is small whatever lies in the buffer.

import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { type Range, type Ranges, size, subtract, within, without } from './ranges.ts'

/** The key of the record. Below every other key. */
export const STATE_KEY = new Uint8Array([0x61])

/** The most ranges of either set: what a gateway needs is a handful, and the record is written with every change. */
export const RANGES_MAX = 1024

const VERSION = 1

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
  /** Key and value lengths of all blocks. */
  blockBytes: number
}

/** The state of a buffer that is begun. */
export function newState(epoch: number): State {
  return { epoch, nextSeq: 1, acked: [], lost: [], evictedThrough: 0, blockBytes: 0 }
}

/** The lowest number that is not answered. */
export function firstUnacked({ acked }: State): number {
  const head = acked[0]
  return head?.first === 1 ? head.last + 1 : 1
}

/** The numbers that are not answered. */
export function unackedRanges({ acked, nextSeq }: State): Range[] {
  return without(acked, 1, nextSeq - 1)
}

/** The numbers that are not answered and were evicted. */
export function evictedRanges({ acked, lost, evictedThrough }: State): Ranges {
  return subtract(without(acked, 1, evictedThrough), lost)
}

/** How many readings are kept: given a number, not answered, not lost, not evicted. */
export function readingsKept(state: State): number {
  return size(unackedRanges(state)) - size(state.lost) - size(evictedRanges(state))
}

/** Where a number may be on disk that is neither answered nor known to be gone: the unaccounted part of a gap. */
export function expectedWithin({ acked, lost, evictedThrough }: State, first: number, last: number): Ranges {
  const present = without(acked, Math.max(first, evictedThrough + 1), last)
  return subtract(present, within(lost, first, last))
}

/** The record of a state. */
export function encodeState({ epoch, nextSeq, acked, lost, evictedThrough, blockBytes }: State): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.u32(epoch)
  writer.varint(nextSeq)
  writer.varint(evictedThrough)
  writer.varint(blockBytes)
  for (const ranges of [acked, lost]) {
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

/** Reads the record of a state; `undefined` when it is damaged. */
export function decodeState(bytes: Uint8Array): State | undefined {
  try {
    const reader = new ByteReader(bytes.subarray(0, bytes.length - 4))
    if (new ByteReader(bytes.subarray(bytes.length - 4)).u32() !== crc32(bytes.subarray(0, bytes.length - 4)))
      return undefined
    const version = reader.u8()
    if (version !== VERSION) return undefined
    const epoch = reader.u32()
    const [nextSeq, evictedThrough, blockBytes] = [reader.varint(), reader.varint(), reader.varint()]
    return {
      epoch,
      nextSeq,
      evictedThrough,
      blockBytes,
      acked: readRanges(reader),
      lost: readRanges(reader),
    }
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
