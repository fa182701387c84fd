// What is an answer on a line, and that nothing else is: against frames that are written by hand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readRtuFrame, withCrc } from '../../../edge/modbus/frame.ts'
import type { ReadRequest } from '../../../edge/modbus/request.ts'
import { REGISTER_TABLES } from '../../../protocol/registers.ts'
import { withChecksum } from '../../doubles/rtu-instrument.ts'

const anyRequest: fc.Arbitrary<ReadRequest> = fc.record({
  unit: fc.integer({ min: 1, max: 247 }),
  table: fc.constantFrom(...REGISTER_TABLES),
  address: fc.integer({ min: 0, max: 60_000 }),
  count: fc.integer({ min: 1, max: 125 }),
})

const anyByte = fc.integer({ min: 0, max: 255 })
const CODES = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** An answer to a request, with values that begin with `seed` and go on as they like. */
function answerTo({ unit, table, count }: ReadRequest, seed: number): Buffer {
  const length = table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : 2 * count
  const values = Array.from({ length }, (_, index) => (seed * 7 + index * 31) & 0xff)
  return withChecksum(Buffer.from([unit, CODES[table], length, ...values]))
}

test('withCrc() puts the checksum of the standard’s example: 02 07 has 41 12', () => {
  assert.deepEqual([...withCrc(Buffer.from([0x02, 0x07]))], [0x02, 0x07, 0x41, 0x12])
})

test('readRtuFrame() knows an answer when it is whole and not before, also after stray bytes', () => {
  fc.assert(
    fc.property(
      anyRequest,
      anyByte,
      fc.array(fc.constantFrom(0, 255), { maxLength: 3 }),
      (request, seed, stray) => {
        const answer = answerTo(request, seed)
        const heard = Buffer.concat([Buffer.from(stray), answer])

        for (let length = 0; length < heard.length; length += 1) {
          assert.equal(readRtuFrame(heard.subarray(0, length), request).kind, 'incomplete')
        }
        const state = readRtuFrame(heard, request)
        assert.ok(state.kind === 'answer' && state.body.equals(answer))
      },
    ),
  )
})

test('readRtuFrame() takes an exception to this request, and no other', () => {
  fc.assert(
    fc.property(
      anyRequest,
      fc.integer({ min: 1, max: 11 }),
      fc.integer({ min: 1, max: 127 }),
      (request, code, other) => {
        const own = CODES[request.table]
        const exception = withChecksum(Buffer.from([request.unit, own | 0x80, code]))
        assert.equal(readRtuFrame(exception, request).kind, 'answer')
        if (other === own) return

        const foreign = withChecksum(Buffer.from([request.unit, other | 0x80, code]))
        assert.notEqual(readRtuFrame(foreign, request).kind, 'answer')
      },
    ),
  )
})

test('readRtuFrame() takes no answer in which any one or two bits are wrong', () => {
  fc.assert(
    fc.property(anyRequest, anyByte, fc.nat(), fc.nat(), (request, seed, first, second) => {
      const answer = answerTo(request, seed)
      for (const bit of new Set([first % (answer.length * 8), second % (answer.length * 8)])) {
        answer[bit >> 3] = (answer[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      }

      assert.notEqual(readRtuFrame(answer, request).kind, 'answer')
    }),
    { numRuns: 2_000 },
  )
})

test('readRtuFrame() takes no answer of another unit, function or length', () => {
  fc.assert(
    fc.property(anyRequest, anyRequest, anyByte, (request, other, seed) => {
      const answer = answerTo(other, seed)
      const isAlike =
        other.unit === request.unit && answerTo(request, seed).subarray(0, 3).equals(answer.subarray(0, 3))
      fc.pre(!isAlike)

      assert.notEqual(readRtuFrame(answer, request).kind, 'answer')
    }),
  )
})

test('readRtuFrame() takes nothing from noise, and does not wait for more of it than an answer has', () => {
  fc.assert(
    fc.property(anyRequest, fc.array(anyByte, { minLength: 260, maxLength: 300 }), (request, noise) => {
      assert.equal(readRtuFrame(Buffer.from(noise), request).kind, 'broken')
    }),
    { numRuns: 1_000 },
  )
})
