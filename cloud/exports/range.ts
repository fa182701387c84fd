// Parts of a body that is made while it is sent (RFC 9110, 14).

/** A part: from a byte to another, both included. */
export interface ByteRange {
  first: number
  last: number
}

/** The part that a header asks for of a body of so many bytes: `undefined` when it asks for none that is understood. */
export function readRange(header: string, total: number): ByteRange | 'beyond' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? []
  if (from === '' && to === '') return undefined
  if (from === '') {
    const count = Math.min(Number(to), total)
    return count === 0 ? 'beyond' : { first: total - count, last: total - 1 }
  }
  const range = { first: Number(from), last: to === '' ? total - 1 : Math.min(Number(to), total - 1) }
  if (range.first >= total) return 'beyond'
  return range.first > range.last ? undefined : range
}

/** A part of bytes. What comes after it is not made any more. */
export async function* cut(
  bytes: AsyncIterable<Uint8Array>,
  { first, last }: ByteRange,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const piece of bytes) {
    const part = piece.subarray(Math.max(0, first - at), Math.max(0, last + 1 - at))
    at += piece.length
    if (part.length > 0) yield part
    if (at > last) return
  }
}

/** How many bytes there are. */
export async function lengthOf(bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0
  for await (const piece of bytes) total += piece.length
  return total
}
