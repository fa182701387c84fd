// One rounding for screen, payload, export and comparison.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addExactly, toDecimal, toShownM3 } from '../../cloud/rounding.ts'

const two = (value: number) => toDecimal(value, { decimals: 2 })

test('toDecimal() rounds the shortest decimal of the double, halves away from zero', () => {
  const cases: [number, string][] = [
    [1.005, '1.01'],
    [-1.005, '-1.01'],
    [2.675, '2.68'],
    [14.25, '14.25'],
    [14.2549999, '14.25'],
    [0, '0.00'],
    [-0, '0.00'],
    [-0.004, '0.00'],
    [0.005, '0.01'],
    [1e-7, '0.00'],
    [5e-324, '0.00'],
    [1e21, '1000000000000000000000.00'],
    [123456789.125, '123456789.13'],
  ]
  for (const [value, text] of cases) assert.equal(two(value), text, String(value))
})

test('toDecimal() truncates towards zero when told to', () => {
  assert.equal(toDecimal(139806.999, { decimals: 0, rounding: 'truncate' }), '139806')
  assert.equal(toDecimal(139806.999, { decimals: 0 }), '139807')
  assert.equal(toDecimal(-0.9, { decimals: 0, rounding: 'truncate' }), '0')
})

test('toDecimal() makes centimetres of metres without a binary error', () => {
  assert.equal(toDecimal(0.285, { decimals: 0, shift: 2 }), '29')
  assert.equal(toDecimal(1.15, { decimals: 0, shift: 2 }), '115')
})

test('toDecimal() refuses what is not a number', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => two(value), RangeError)
})

test('toDecimal() is never further away than half of its last digit, and says the same of its own text', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), value => {
      const text = two(value)
      assert.match(text, /^-?\d+\.\d{2}$/)
      assert.ok(Math.abs(Number(text) - value) <= 0.005 + 1e-6)
      assert.equal(two(Number(text)), text)
    }),
  )
})

test('toShownM3() is whole litres, without what adding binary fractions leaves, and null for what is not known', () => {
  assert.deepEqual([0.1 + 0.2, 139_806.700000001, 12.3456, 0.0004, -0.0004, null].map(toShownM3), [
    ...[0.3, 139_806.7, 12.346, 0, 0, null],
  ])
})

test('addExactly() adds as one with a pencil does: nothing is lost before it is truncated', () => {
  assert.equal(addExactly([0.7, 0.1, 0.2]), 1)
  assert.equal(0.7 + 0.1, 0.799_999_999_999_999_9)
  assert.equal(addExactly([0.7, 0.1]), 0.8)
  assert.equal(addExactly([0.1, 0.2]), 0.3)
  assert.equal(addExactly([1e21, 1, -1e21]), 1)
  assert.equal(addExactly([5, -5]), 0)
  assert.equal(addExactly([]), 0)
  assert.throws(() => addExactly([1, Number.NaN]), RangeError)
})

test('addExactly() of cents is the sum of the cents, in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1e12, max: 1e12 }), { maxLength: 20 }), cents => {
      const values = cents.map(cent => Number(`${cent}e-2`))
      const sum = Number(`${cents.reduce((total, cent) => total + BigInt(cent), 0n)}e-2`)
      assert.equal(addExactly(values), sum)
      assert.equal(addExactly(values.toReversed()), sum)
    }),
  )
})
