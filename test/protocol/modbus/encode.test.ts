// A value → registers: the way back of decoding, exactly or not at all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRegisters } from '../../../protocol/modbus/decode.ts'
import { decodeValue, encodeRegisters, encodeValue } from '../../../protocol/modbus/encode.ts'
import {
  REGISTER_COUNT,
  REGISTER_TYPES,
  type RegisterType,
  WORD_ORDERS,
  type WordOrder,
} from '../../../protocol/registers.ts'
import { readCases } from '../../edge/modbus/cases.ts'

const TYPES = REGISTER_TYPES.filter(type => !type.startsWith('ascii'))
const anyType = fc.constantFrom(...TYPES)
const anyOrder = fc.constantFrom(...WORD_ORDERS)
const word = fc.oneof(
  fc.integer({ min: 0, max: 65535 }),
  // Digits, so that decimal types are met often.
  fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 })
    .map(([a = 0, b = 0, c = 0, d = 0]) => (a << 12) | (b << 8) | (c << 4) | d),
  fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })).map(([a, b]) => (a << 8) | b),
)

/** Registers of a type: for `bool` a bit. */
const held = anyType.chain(type =>
  fc.record({
    type: fc.constant(type),
    order: anyOrder,
    registers:
      type === 'bool'
        ? fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 1 })
        : fc.array(word, { minLength: REGISTER_COUNT[type], maxLength: REGISTER_COUNT[type] }),
  }),
)

/** The one number that is written in two ways, of which one is never written. */
function isNegativeZero(registers: readonly number[], type: RegisterType, order: WordOrder): boolean {
  const decoded = decodeRegisters(registers, type, order)
  const isZero = decoded.kind === 'number' && Number(decoded.value) === 0
  return isZero && type.startsWith('float') && registers.some(one => one !== 0)
}

test('encodeRegisters() gives the very registers from which a number was decoded, for every type and order', () => {
  let numbers = 0
  fc.assert(
    fc.property(held, ({ type, order, registers }) => {
      const decoded = decodeRegisters(registers, type, order)
      if (decoded.kind !== 'number' || isNegativeZero(registers, type, order)) return
      numbers += 1

      assert.deepEqual(encodeRegisters(decoded.value, type, order), registers)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(numbers > 5_000, String(numbers))
})

test('encodeValue() gives registers from which that very value is read, or none', () => {
  let encodedCount = 0
  const shape = fc.record({
    type: anyType.filter(type => type !== 'bool'),
    order: anyOrder,
    scale: fc.constantFrom(1, 0.1, 0.01, 0.001, 10, 1000, 0.25, 0.3, -0.5, 1 / 3),
    offset: fc.constantFrom(0, 0, -40, 0.5, 1.1),
  })
  const value = fc.oneof(
    fc.integer({ min: -70_000, max: 70_000 }).map(whole => whole / 100),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(shape, value, (one, asked) => {
      const encoded = encodeValue(asked, one)
      if (encoded.kind === 'refused') {
        assert.match(encoded.reason, /cannot hold/)
        return
      }
      encodedCount += 1

      assert.equal(encoded.registers.length, REGISTER_COUNT[one.type])
      assert.equal(decodeValue(encoded.registers, one), asked === 0 ? 0 : asked)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(encodedCount > 2_000, String(encodedCount))
})

test('encodeValue() takes every value that the scale of its type can say', () => {
  for (const scale of [0.1, 0.01, 0.001]) {
    for (let raw = -32768; raw <= 32767; raw += 1) {
      const value = Number((raw * scale).toPrecision(12))
      const shape = { type: 'int16', order: 'ABCD', scale, offset: 0 } as const

      assert.deepEqual(
        encodeValue(value, shape),
        { kind: 'registers', registers: [raw & 0xffff] },
        String(value),
      )
    }
  }
})

for (const { name, what, signal, registers, expected } of readCases()) {
  const { type, order, bits, plus } = signal
  if (type.startsWith('ascii') || bits !== undefined || plus !== undefined) continue
  test(`encodeRegisters() gives the registers of ${name} back: ${what}`, () => {
    const own = registers.slice(signal.address, signal.address + REGISTER_COUNT[type])
    const decoded = decodeRegisters(own, type, order)
    if (decoded.kind !== 'number') {
      assert.equal(expected.value, null)
      return
    }
    if (isNegativeZero(own, type, order)) return

    assert.deepEqual(encodeRegisters(decoded.value, type, order), own)
  })
}

const SHAPE = { order: 'ABCD', scale: 1, offset: 0 } as const

for (const [type, value, reason] of [
  ['int16', 32768, /^int16 cannot hold 32768$/],
  ['int16', -32769, /^int16 cannot hold -32769$/],
  ['uint16', -1, /^uint16 cannot hold -1$/],
  ['uint16', 1.5, /^uint16 cannot hold 1.5 exactly: the nearest is 2$/],
  ['uint32', 2 ** 32, /cannot hold/],
  ['uint64', 2 ** 60, /cannot hold/],
  ['bcd16', 10_000, /^bcd16 cannot hold 10000$/],
  ['bcd32', -1, /cannot hold/],
  ['ubcd16', 100, /cannot hold/],
  ['mod10k32', 100_000_000, /cannot hold/],
  ['float16', 70_000, /^float16 cannot hold 70000$/],
  ['float32', 0.123456789012, /^float32 cannot hold 0.123456789012 exactly: the nearest is 0.12345679$/],
  ['float32', 1e39, /^float32 cannot hold 1e\+39$/],
  ['ascii32', 1, /cannot hold/],
] as const) {
  test(`encodeValue() does not make something near of ${value} as ${type}`, () => {
    const encoded = encodeValue(value, { ...SHAPE, type })

    assert.equal(encoded.kind, 'refused')
    assert.match((encoded as { reason: string }).reason, reason)
  })
}

test('encodeValue() says what a scale makes of a value that does not fit', () => {
  assert.deepEqual(encodeValue(12.345, { type: 'uint16', order: 'ABCD', scale: 0.01, offset: 0 }), {
    kind: 'refused',
    reason: 'uint16 cannot hold 12.345 exactly: the nearest is 12.35',
  })
  assert.deepEqual(encodeValue(700, { type: 'uint16', order: 'ABCD', scale: 0.01, offset: 0 }), {
    kind: 'refused',
    reason: 'uint16 cannot hold 700 as 70000',
  })
})
