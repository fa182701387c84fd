import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Batch, MissingRange } from '../../protocol/batch.ts'
import { BATCH_BYTES_MAX, BATCH_READINGS_MAX, SERIES_MAX, TABLE_BYTES_MAX } from '../../protocol/batch.ts'
import { decodeBatch, decodeTable, encodeBatch, encodeTable, readBatchHead } from '../../protocol/codec.ts'
import { scaleOf } from '../../protocol/columns.ts'
import {
  QUALITIES,
  QUALITY_NAMES,
  type Reading,
  TIME_MAX,
  TIME_QUALITY_NAMES,
} from '../../protocol/reading.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { VARIABLE_NAMES, type Variable } from '../../protocol/variables.ts'

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter(number => !Object.is(number, -0)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).filter(number => !Object.is(number, -0)),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map(cents => cents / 100),
)

const batches: fc.Arbitrary<Batch> = fc
  .record({
    points: fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/), { minLength: 1, maxLength: 5 }),
    scales: fc.array(fc.constantFrom(0, 1, 2, 3, 15, 32, 33), { minLength: 1, maxLength: 9 }),
    epoch: fc.integer({ min: 1, max: 0xffffffff }),
    first: fc.integer({ min: 1, max: 2 ** 48 }),
    configVersion: fc.integer({ min: 0, max: 0xffffffff }),
    clock: fc.record(
      { quality: fc.constantFrom(...TIME_QUALITY_NAMES), errorMs: fc.nat() },
      { requiredKeys: ['quality'], noNullPrototype: true },
    ),
    rows: fc.array(
      fc.record({
        pick: fc.nat(),
        at: fc.integer({ min: 0, max: TIME_MAX }),
        value,
        quality: fc.constantFrom(...QUALITY_NAMES),
        timeQuality: fc.constantFrom(...TIME_QUALITY_NAMES),
        /** How many numbers are missing before this one. */
        lost: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 1e6 })),
      }),
      { maxLength: 60 },
    ),
    lostAtEnd: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ points, scales, rows, lostAtEnd, first, ...head }) => {
    const series = points.map((point, index) => ({
      point,
      variable: VARIABLE_NAMES[index % VARIABLE_NAMES.length] ?? 'flow',
      scale: scales[index % scales.length] ?? 0,
    }))
    const missing: MissingRange[] = []
    let next = first
    const lose = (count: number) => {
      if (missing.length >= 60 && count > 0) return
      if (count > 0)
        missing.push({ first: next, last: next + count - 1, reason: count % 2 ? 'evicted' : 'damaged' })
      next += count
    }
    const readings = rows.map(({ pick, lost, quality, value: measured, ...row }): Reading => {
      lose(lost)
      const { point, variable } = series[pick % series.length] as (typeof series)[number]
      const seq = next++
      return { seq, point, variable, ...row, quality, value: QUALITIES[quality].hasValue ? measured : null }
    })
    if (readings.length === 0) lose(lostAtEnd)
    const table = { gateway: 'gw-1', client: 'campo', project: 'los-aromos', series }
    return { ...head, table, first, last: next - 1, readings, missing }
  })

test('decodeBatch() gives back to the last bit what encodeBatch() was given', () => {
  fc.assert(
    fc.property(batches, fc.boolean(), (batch, withTable) => {
      const decoded = decodeBatch(encodeBatch(batch, { withTable }), () => batch.table)

      assert.equal(decoded.kind, 'batch')
      assert.deepEqual(decoded.kind === 'batch' && decoded.batch, batch)
    }),
    { numRuns: 500 },
  )
})

test('decodeBatch() refuses every batch with a flipped bit, and nothing but Rejected is thrown', () => {
  fc.assert(
    fc.property(batches, fc.nat(), fc.integer({ min: 0, max: 7 }), (batch, place, bit) => {
      const bytes = encodeBatch(batch, { withTable: true })
      const at = place % bytes.length
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)

      assert.throws(() => decodeBatch(bytes, () => batch.table), Rejected)
    }),
    { numRuns: 300 },
  )
})

test('decodeBatch() throws nothing but Rejected for bytes with a right CRC and anything inside', async () => {
  const { crc32 } = await import('node:zlib')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 15 }), (body, flags) => {
      const checked = Buffer.from([1, flags, ...body])
      const crc = Buffer.alloc(4)
      crc.writeUInt32LE(crc32(checked))
      try {
        decodeBatch(Buffer.concat([checked, crc]), () => undefined)
      } catch (error) {
        assert.ok(error instanceof Rejected, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('decodeBatch() asks for a table that it does not know, and says which numbers it is about', () => {
  const batch = twoReadings()

  const decoded = decodeBatch(encodeBatch(batch, { withTable: false }), () => undefined)

  assert.deepEqual(decoded, {
    kind: 'table-unknown',
    tableId: encodeTable(batch.table).id,
    head: { epoch: 7, first: 10, last: 11 },
  })
})

test('readBatchHead() still says which numbers a batch is about whose columns are wrong', () => {
  const batch = twoReadings()
  const short = { ...batch.table, series: batch.table.series.slice(0, 1) }
  const bytes = encodeBatch(batch, { withTable: false })

  assert.throws(
    () => decodeBatch(bytes, () => short),
    /^Rejected: Cannot read batch: reading 11: there is no series 1, only 1 of them$/,
  )
  assert.deepEqual(readBatchHead(bytes), { epoch: 7, first: 10, last: 11 })
  assert.equal(readBatchHead(bytes.subarray(0, 9)), undefined)
})

test('decodeBatch() refuses a batch whose readings and numbers do not agree (T1)', () => {
  const batch = { ...twoReadings(), last: 12 }

  assert.throws(
    () => decodeBatch(encodeBatch(batch, { withTable: true }), () => undefined),
    /2 readings for numbers/,
  )
})

test('decodeBatch() refuses more readings than a batch may carry', () => {
  const [reading] = twoReadings().readings
  assert.ok(reading)
  const readings = Array.from({ length: BATCH_READINGS_MAX + 1 }, (_, index) => ({
    ...reading,
    seq: 10 + index,
  }))
  const batch = { ...twoReadings(), last: 10 + BATCH_READINGS_MAX, readings }

  assert.throws(
    () => decodeBatch(encodeBatch(batch, { withTable: true }), () => undefined),
    /501 readings, at most 500/,
  )
})

test('decodeTable() refuses what is not a table, and says where', () => {
  const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json))
  const owner = { gateway: 'gw', client: 'c', project: 'p' }

  assert.throws(() => decodeTable(bytes({ ...owner, series: [['Pozo 7', 'flow', 2]] })), Rejected)
  assert.throws(() => decodeTable(bytes({ ...owner, series: [['p', 'speed', 2]] })), Rejected)
  assert.throws(() => decodeTable(bytes({ ...owner, series: [['p', 'flow', 16]] })), Rejected)
  assert.throws(() => decodeTable(new Uint8Array([0xff, 0xfe])), Rejected)
})

test('decodeBatch() names what is wrong in the table and in which reading', () => {
  const batch = twoReadings()
  const tell = (change: object): string => {
    try {
      decodeBatch(encodeBatch({ ...batch, ...change } as Batch, { withTable: true }), () => undefined)
    } catch (error) {
      if (error instanceof Rejected) return error.message
      throw error
    }
    return ''
  }
  const [flow, total] = batch.table.series
  const [first, second] = batch.readings
  const tableOf = (...series: unknown[]) => ({
    table: { ...batch.table, series },
    readings: [],
    missing: [{ first: 10, last: 11, reason: 'evicted' }],
  })
  const said: [object, string][] = [
    [tableOf({ ...flow, variable: 'flux' }, total), 'its table: series[0]: no variable is named "flux"'],
    [
      tableOf(flow, { ...total, variable: 'totl', scale: 16, point: 'Pozo 7' }),
      'its table: series[1].point: must be 1 to 63 characters of a-z, 0-9 and "-", and must not start with "-"; ' +
        'series[1]: no variable is named "totl"; did you mean `total`?; series[1].scale: must be a scale: 0 to 15, 32 or 33',
    ],
    [
      { readings: [first, { ...second, at: 9e12 }] },
      'reading 11: time 9000000000000 is not from 0 to 4294967295000',
    ],
    [{ readings: [first, { ...second, value: Number.NaN }] }, 'reading 11: value NaN is not a finite number'],
    [{ epoch: 0 }, 'epoch 0 with numbers 10 to 11: both begin at 1'],
  ]

  for (const [change, message] of said) assert.equal(tell(change), `Cannot read batch: ${message}`)
})

test('decodeTable() says what is no JSON, and what is JSON and no table', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  assert.throws(() => decodeTable(bytes('{')), /^Rejected: Cannot read table: it is not JSON: /)
  assert.throws(
    () => decodeTable(bytes('[]')),
    /^Rejected: Cannot read table: it must be keys with values, not a list$/,
  )
  assert.throws(
    () => decodeTable(bytes('{"gateway":"gw","client":"c","projekt":"p","series":[]}')),
    /^Rejected: Cannot read table: projekt: unknown key `projekt`; did you mean `project`\?$/,
  )
})

test('the largest batch there may be, with the longest names in its table, fits its bounds and is read', () => {
  const point = (index: number) => `${String(index).padStart(4, '0')}${'x'.repeat(59)}`
  const longest = VARIABLE_NAMES.toSorted((a, b) => b.length - a.length)[0] as Variable
  const series = Array.from({ length: SERIES_MAX }, (_, index) => ({
    ...{ point: point(index), variable: longest, scale: 33 },
  }))
  const name = 'x'.repeat(63)
  const first = 2 ** 52
  const readings = Array.from({ length: BATCH_READINGS_MAX }, (_, index) => ({
    ...reading(
      first + index,
      point((index * 2053) % SERIES_MAX),
      longest,
      index % 2 === 0 ? 0 : 4294967295000,
      1 / (index + 3),
    ),
    quality: index % 2 === 0 ? ('good' as const) : ('uncertain' as const),
    timeQuality: index % 2 === 0 ? ('synced' as const) : ('device' as const),
  }))
  const table = { gateway: name, client: name, project: name, series }
  const whole: Batch = {
    ...{ table, epoch: 0xffffffff, first, last: first + BATCH_READINGS_MAX - 1, configVersion: 0xffffffff },
    ...{ clock: { quality: 'synced', errorMs: 2 ** 40 }, missing: [] },
    readings,
  }

  const bytes = encodeBatch(whole, { withTable: true })

  assert.ok(encodeTable(table).bytes.length <= TABLE_BYTES_MAX, `${encodeTable(table).bytes.length} bytes`)
  assert.ok(bytes.length <= BATCH_BYTES_MAX + TABLE_BYTES_MAX)
  const decoded = decodeBatch(bytes, () => undefined)
  assert.deepEqual(decoded.kind === 'batch' && decoded.batch, whole)
})

test('scaleOf() finds the fewest decimals that hold every value, or an IEEE form', () => {
  assert.equal(scaleOf([]), 0)
  assert.equal(scaleOf([1, 2, 3]), 0)
  assert.equal(scaleOf([12.47, 3]), 2)
  assert.equal(scaleOf([0.1, 1e-15]), 15)
  assert.equal(scaleOf([Math.fround(1 / 3)]), 32)
  assert.equal(scaleOf([1 / 3]), 33)
  assert.equal(scaleOf([Number.MAX_SAFE_INTEGER]), 33)
  assert.equal(scaleOf([22517998136853, 0.01]), 33)
})

test('a gateway written in another language from protocol/README.md alone is understood', () => {
  const script = new URL('../peers/gateway.py', import.meta.url).pathname
  const bytes = Buffer.from(execFileSync('/usr/bin/python3', [script], { encoding: 'utf8' }).trim(), 'hex')

  const decoded = decodeBatch(bytes, () => undefined)

  assert.equal(decoded.kind, 'batch')
  assert.deepEqual(decoded.kind === 'batch' && decoded.batch.readings, [
    reading(41, 'pozo-7', 'flow', 1767268800123, 12.47),
    reading(42, 'pozo-7', 'total', 1767268800123, 48213.25),
    { ...reading(45, 'pozo-8', 'level', 1767268800150, null), quality: 'no_answer' },
    reading(46, 'pozo-7', 'flow', 1767268860123, 12.4),
  ])
  assert.deepEqual(decoded.kind === 'batch' && decoded.batch.missing, [
    { first: 43, last: 44, reason: 'evicted' },
  ])
})

function reading(
  seq: number,
  point: string,
  variable: Reading['variable'],
  at: number,
  measured: number | null,
): Reading {
  return { seq, point, variable, at, value: measured, quality: 'good', timeQuality: 'synced' }
}

function twoReadings(): Batch {
  const series = [
    { point: 'pozo-7', variable: 'flow' as const, scale: 2 },
    { point: 'pozo-7', variable: 'total' as const, scale: 2 },
  ]
  return {
    table: { gateway: 'gw-1', client: 'campo', project: 'los-aromos', series },
    epoch: 7,
    first: 10,
    last: 11,
    configVersion: 0,
    clock: { quality: 'synced' },
    readings: [reading(10, 'pozo-7', 'flow', 1000, 1.5), reading(11, 'pozo-7', 'total', 1000, 2)],
    missing: [],
  }
}
