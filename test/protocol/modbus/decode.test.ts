// Registers → values, against the table of cases in test/cases/modbus.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRegisters, decodeSignal } from '../../../protocol/modbus/decode.ts'
import { roundTo, scaleRaw } from '../../../protocol/modbus/scaling.ts'
import { REGISTER_TYPES, WORD_ORDERS } from '../../../protocol/registers.ts'
import { readCases } from '../../edge/modbus/cases.ts'

const cases = readCases()

for (const { name, what, signal, registers, expected } of cases) {
  test(`decodeSignal() ${name}: ${what}`, () => {
    const decoded = decodeSignal(signal, (address, count) => registers.slice(address, address + count))

    assert.deepEqual(decoded, expected)
  })
}

test('there is a case for every type in every byte order', () => {
  const covered = new Set(
    cases
      .filter(({ expected }) => expected.value !== null)
      .map(({ signal }) => `${signal.type} ${signal.order}`),
  )
  const all = REGISTER_TYPES.flatMap(type => WORD_ORDERS.map(order => `${type} ${order}`))

  assert.deepEqual(
    all.filter(one => !covered.has(one)),
    [],
  )
})

test('decodeRegisters() refuses registers that are too few or too many for the type', () => {
  assert.throws(() => decodeRegisters([], 'bool', 'ABCD'), /Cannot decode bool: it needs 1 registers, got 0/)
  assert.throws(
    () => decodeRegisters([1], 'float32', 'ABCD'),
    /Cannot decode float32: it needs 2 registers, got 1/,
  )
  assert.throws(() => decodeRegisters([1, 2, 3], 'uint32', 'CDAB'), /Cannot decode uint32: it needs 2/)
})

/** A number that was written into registers as float32, read back. */
function throughFloat32(value: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const decoded = decodeRegisters([view.getUint16(0), view.getUint16(2)], 'float32', 'ABCD')
  assert.equal(decoded.kind, 'number')
  return Number((decoded as { value: number }).value)
}

test('decodeRegisters() gives a float32 back that is the very same float32', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), value => {
      assert.ok(Math.fround(throughFloat32(value)) === value)
    }),
    { numRuns: 5_000 },
  )
})

test('decodeRegisters() gives up to six decimal digits back as they were before they became a float32', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999, max: 999_999 }),
      fc.integer({ min: 0, max: 6 }),
      (digits, decimals) => {
        const value = Number(`${digits}e-${decimals}`)
        assert.equal(throughFloat32(value), value)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('scaleRaw() gives what a decimal scale means, for every whole number that a double can hold', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 6 }), (raw, decimals) => {
      const expected = Number(`${raw}e-${decimals}`)
      const scale = Number(`1e-${decimals}`)
      assert.equal(scaleRaw(raw, scale), expected)
    }),
    { numRuns: 5_000 },
  )
})

test('scaleRaw() errs by less than the last bit for whole numbers of 64 bits', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 1, max: 6 }),
      (raw, decimals) => {
        const expected = Number(`${raw}e-${decimals}`)
        const scaled = scaleRaw(raw, Number(`1e-${decimals}`))
        assert.ok(Math.abs(scaled - expected) <= expected * Number.EPSILON, `${scaled} for ${expected}`)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('roundTo() rounds half away from zero on the digits as they are written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 6 }), (digits, decimals) => {
      const half = Number(`${digits * 10 + 5}e-${decimals + 1}`)
      assert.equal(roundTo(half, decimals), Number(`${digits + 1}e-${decimals}`))
      assert.equal(roundTo(-half, decimals), -Number(`${digits + 1}e-${decimals}`))
    }),
    { numRuns: 5_000 },
  )
})
