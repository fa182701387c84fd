// What is taken for the answer to a write: its function, its address and its value or count, and nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFrame, readRtuFrame } from '../../../edge/modbus/frame.ts'
import type { WriteRequest } from '../../../edge/modbus/request.ts'
import { withChecksum } from '../../doubles/rtu-instrument.ts'

const word = fc.integer({ min: 0, max: 65535 })
const bit = fc.integer({ min: 0, max: 1 })
const address = fc.integer({ min: 0, max: 60_000 })
const unit = fc.integer({ min: 1, max: 247 })

const request: fc.Arbitrary<WriteRequest> = fc.oneof(
  fc.tuple(unit, address, bit).map(([at, from, value]) => toRequest(at, 5, from, [value])),
  fc.tuple(unit, address, word).map(([at, from, value]) => toRequest(at, 6, from, [value])),
  fc
    .tuple(unit, address, fc.array(bit, { minLength: 1, maxLength: 40 }))
    .map(([at, from, values]) => toRequest(at, 15, from, values)),
  fc
    .tuple(unit, address, fc.array(word, { minLength: 1, maxLength: 8 }))
    .map(([at, from, values]) => toRequest(at, 16, from, values)),
)

function toRequest(at: number, code: 5 | 6 | 15 | 16, from: number, values: readonly number[]): WriteRequest {
  const table = code === 5 || code === 15 ? 'coil' : 'holding'
  return { unit: at, table, address: from, values, code, notAfter: 0 }
}

/** Unit, function, address, and what was written. */
function toBody({ unit: at, code, address: from, values }: WriteRequest): Buffer {
  const [first = 0] = values
  const body = Buffer.from([at, code, 0, 0, 0, 0])
  body.writeUInt16BE(from, 2)
  body.writeUInt16BE(code === 5 ? first * 0xff00 : code === 6 ? first : values.length, 4)
  return body
}

function toTcp(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x12, 0x34, 0, 0, 0, body.length]), body])
}

test('readFrame() takes the answer to a write, or its exception, and waits for all of it', () => {
  fc.assert(
    fc.property(request, fc.option(fc.integer({ min: 1, max: 11 })), fc.nat(), (asked, exception, cut) => {
      const body =
        exception === null ? toBody(asked) : Buffer.from([asked.unit, asked.code | 0x80, exception])
      const frame = toTcp(body)

      assert.deepEqual(readFrame(frame, 0x1234, asked), { kind: 'answer', body })
      assert.equal(readFrame(frame.subarray(0, cut % frame.length), 0x1234, asked).kind, 'incomplete')
    }),
  )
})

test('readFrame() takes nothing for the answer to a write in which any byte is another', () => {
  fc.assert(
    fc.property(request, fc.nat({ max: 11 }), fc.integer({ min: 1, max: 255 }), (asked, at, change) => {
      const frame = toTcp(toBody(asked))
      frame[at] = (frame[at] ?? 0) ^ change

      assert.notEqual(readFrame(frame, 0x1234, asked).kind, 'answer')
    }),
    { numRuns: 5_000 },
  )
})

test('readRtuFrame() takes the answer to a write with its checksum, and none about something else', () => {
  fc.assert(
    fc.property(request, request, (asked, other) => {
      const body = toBody(asked)
      const frame = withChecksum(body)
      const isAbout = toBody(other).equals(body)

      assert.deepEqual(readRtuFrame(frame, asked), { kind: 'answer', body: frame })
      assert.equal(readRtuFrame(frame, other).kind === 'answer', isAbout)
      assert.equal(readRtuFrame(frame.subarray(0, 7), asked).kind, 'incomplete')
    }),
  )
})

test('readRtuFrame() says what another device has written, or another register', () => {
  const asked = toRequest(3, 6, 10, [300])
  for (const [said, reason] of [
    [toRequest(4, 6, 10, [300]), 'expected an answer from unit 3, got one from 4'],
    [toRequest(3, 6, 11, [300]), 'expected an answer about address 10, got one about 11'],
    [toRequest(3, 6, 10, [301]), 'expected 300 to be written, the answer says 301'],
    [toRequest(3, 16, 10, [300]), 'expected function 6 in the answer, got 16'],
  ] as const) {
    assert.deepEqual(readRtuFrame(withChecksum(toBody(said)), asked), { kind: 'broken', reason })
  }
})
