import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPacketGuard } from '../../../cloud/collector/packet-guard.ts'

/** A packet with a body of so many bytes: type, length, body. */
function packet(length: number): number[] {
  const header = [0x30]
  let rest = length
  do {
    header.push((rest % 128) | (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return [...header, ...new Array<number>(length).fill(0xff)]
}

test('openPacketGuard() lets packets up to the limit pass, however the bytes are cut', () => {
  const stream = Uint8Array.from([packet(0), packet(1), packet(127), packet(128), packet(1000)].flat())

  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const guard = openPacketGuard({ packetBytesMax: 1000 })
    for (let at = 0; at < stream.length; at += size) {
      assert.ok(guard.accepts(stream.subarray(at, at + size)), `${size} bytes a time, at ${at}`)
    }
  }
})

test('openPacketGuard() refuses a packet above the limit as soon as its length is known', () => {
  const header = Uint8Array.from(packet(1001).slice(0, 3))

  assert.equal(openPacketGuard({ packetBytesMax: 1000 }).accepts(header), false)
})

test('openPacketGuard() refuses a length that does not end', () => {
  const guard = openPacketGuard({ packetBytesMax: 1000 })

  assert.equal(guard.accepts(Uint8Array.from([0x30, 0x80, 0x80, 0x80])), true)
  assert.equal(guard.accepts(Uint8Array.from([0x80])), false)
})
