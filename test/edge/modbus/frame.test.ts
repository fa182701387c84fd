// What is taken for an answer: the bytes the standard prescribes, and no others.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFrame } from '../../../edge/modbus/frame.ts'
import type { ReadRequest } from '../../../edge/modbus/request.ts'
import { REGISTER_TABLES } from '../../../protocol/registers.ts'

const CODES = { coil: 1, discrete: 2, holding: 3, input: 4 }

const exchange = fc
  .record({
    transaction: fc.integer({ min: 0, max: 65535 }),
    unit: fc.integer({ min: 0, max: 255 }),
    table: fc.constantFrom(...REGISTER_TABLES),
    address: fc.integer({ min: 0, max: 60_000 }),
    count: fc.integer({ min: 1, max: 125 }),
    exception: fc.option(fc.integer({ min: 1, max: 11 }), { freq: 4 }),
    filler: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ transaction, exception, filler, ...request }) => ({
    transaction,
    request,
    frame: toFrame(transaction, request, exception, filler),
  }))

function toFrame(
  transaction: number,
  { unit, table, count }: ReadRequest,
  exception: number | null,
  filler: number,
) {
  const bytes = table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : 2 * count
  const pdu =
    exception === null
      ? [CODES[table], bytes, ...Array.from({ length: bytes }, () => filler)]
      : [CODES[table] + 128, exception]
  const frame = Buffer.from([0, 0, 0, 0, 0, pdu.length + 1, unit, ...pdu])
  frame.writeUInt16BE(transaction)
  return frame
}

test('readFrame() takes an answer to the request for one, with its unit, function and content', () => {
  fc.assert(
    fc.property(exchange, ({ transaction, request, frame }) => {
      assert.deepEqual(readFrame(frame, transaction, request), { kind: 'answer', body: frame.subarray(6) })
    }),
  )
})

test('readFrame() waits for the rest of an answer, however little has come', () => {
  fc.assert(
    fc.property(exchange, fc.nat(), ({ transaction, request, frame }, cut) => {
      const state = readFrame(frame.subarray(0, cut % frame.length), transaction, request)

      assert.equal(state.kind, 'incomplete')
    }),
  )
})

test('readFrame() takes nothing for an answer in which one byte before the values is another', () => {
  fc.assert(
    fc.property(
      exchange,
      fc.nat({ max: 8 }),
      fc.integer({ min: 1, max: 255 }),
      ({ transaction, request, frame }, at, change) => {
        const isException = frame.length === 9 && (frame[7] ?? 0) > 128
        fc.pre(!(isException && at === 8))
        const other = Buffer.from(frame)
        other[at] = (other[at] ?? 0) ^ change

        const state = readFrame(other, transaction, request)

        assert.notEqual(state.kind, 'answer')
        if (state.kind === 'broken') assert.match(state.reason, /^expected .+ (got|says) /)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('readFrame() never takes the answer to one request for the answer to another of the same shape', () => {
  fc.assert(
    fc.property(exchange, fc.integer({ min: 1, max: 65535 }), ({ transaction, request, frame }, later) => {
      const state = readFrame(frame, (transaction + later) % 65536, {
        ...request,
        address: request.address + 1,
      })

      assert.equal(state.kind, 'broken')
    }),
  )
})
