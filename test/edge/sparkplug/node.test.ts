// What a Sparkplug edge node says, read by another implementation of Sparkplug.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SeriesFacts } from '../../../edge/lan-facts.ts'
import { openSparkplugNode, type ShownReading } from '../../../edge/sparkplug/node.ts'
import { asksForRebirth } from '../../../edge/sparkplug/payload.ts'
import {
  QUALITIES,
  QUALITY_NAMES,
  type Reading,
  TIME_MAX,
  TIME_QUALITY_NAMES,
} from '../../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { decodeSparkplug, encodeSparkplug } from './decoder.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
/** Sparkplug 3.0, section 6.4.16. */
const [INT32, INT64, DOUBLE, BOOLEAN, STRING] = [3, 4, 10, 11, 12]

const seriesOf = (...names: readonly [string, Variable][]): SeriesFacts[] =>
  names.map(([point, variable]) => ({
    point,
    variable,
    meta: {
      ...{ v: 1, gateway: 'gw-1', variable, unit: VARIABLES[variable].unit },
      ...{ source: 'meter', kind: 'modbus', everyMs: 60_000 },
    },
  }))

const SERIES = seriesOf(['pozo-7', 'flow'], ['pozo-8', 'flow'], ['pozo-7', 'level'], ['pozo-7', 'pulses'])

function openNode({ bdSeq = 7, series = SERIES } = {}) {
  const clock = openFakeClock(NOW)
  return {
    clock,
    node: openSparkplugNode({ clock }, { groupId: 'Campo Sur', nodeId: 'gw-1', bdSeq }, series),
  }
}

const shown = (change: Partial<Reading> = {}, late = false): ShownReading => ({
  late,
  reading: {
    ...{ seq: 1, point: 'pozo-7', variable: 'flow', at: NOW - 5_000 },
    ...{ value: 12.47, quality: 'good', timeQuality: 'synced', ...change },
  },
})

const NO_VALUE = { value: null, quality: 'no_answer' } as const

test('the node’s birth has bdSeq, the rebirth control and seq 0; each point’s birth follows (S1, S2)', () => {
  const { node } = openNode()

  const births = node.births()

  assert.deepEqual(
    births.map(({ topic, qos }) => [topic, qos]),
    [
      ['spBv1.0/Campo Sur/NBIRTH/gw-1', 0],
      ['spBv1.0/Campo Sur/DBIRTH/gw-1/pozo-7', 0],
      ['spBv1.0/Campo Sur/DBIRTH/gw-1/pozo-8', 0],
    ],
  )
  const [nbirth, pozo7, pozo8] = births.map(({ payload }) => decodeSparkplug(payload))
  assert.deepEqual(nbirth, {
    timestamp: NOW,
    seq: 0,
    metrics: [
      { name: 'bdSeq', timestamp: NOW, datatype: INT64, value: 7 },
      { name: 'Node Control/Rebirth', timestamp: NOW, datatype: BOOLEAN, value: false },
    ],
  })
  assert.deepEqual([pozo7?.seq, pozo8?.seq], [1, 2])
  const unknown = (name: string, alias: number, unit: string) => ({
    ...{ name, alias, timestamp: NOW, datatype: DOUBLE, isNull: true },
    properties: { engUnit: { type: STRING, value: unit }, Quality: { type: INT32, value: 500 } },
  })
  assert.deepEqual(pozo7?.metrics, [
    unknown('flow', 1, 'L/s'),
    unknown('level', 3, 'm'),
    unknown('pulses', 4, 'pulses'),
  ])
  assert.deepEqual(pozo8?.metrics, [unknown('flow', 2, 'L/s')])
})

test('data names a metric by its alias alone, with the value, the time it was measured, and its quality', () => {
  const { node } = openNode()
  node.births()

  const { topic, payload, qos } = node.data('pozo-7', [
    shown(),
    shown({ variable: 'pulses', value: 2 ** 53 - 1 }),
  ])

  assert.deepEqual([topic, qos], ['spBv1.0/Campo Sur/DDATA/gw-1/pozo-7', 0])
  const properties = {
    Quality: { type: INT32, value: 192 },
    detail: { type: STRING, value: 'good' },
    clock: { type: STRING, value: 'synced' },
  }
  assert.deepEqual(decodeSparkplug(payload), {
    timestamp: NOW,
    seq: 3,
    metrics: [
      { alias: 1, timestamp: NOW - 5_000, value: 12.47, properties },
      { alias: 4, timestamp: NOW - 5_000, value: 9_007_199_254_740_991, properties },
    ],
  })
})

test('a value that is absent is null and not good, never a number (S4)', () => {
  const { node } = openNode()

  for (const quality of QUALITY_NAMES) {
    const value = QUALITIES[quality].hasValue ? 0 : null
    const [metric] = decodeSparkplug(node.data('pozo-7', [shown({ value, quality })]).payload).metrics

    assert.equal(metric?.value, value ?? undefined, quality)
    assert.equal(metric?.isNull, value === null ? true : undefined, quality)
    const sparkplug = metric?.properties?.Quality?.value
    assert.ok(quality === 'good' ? sparkplug === 192 : sparkplug === 0 || sparkplug === 500, quality)
    assert.equal(metric?.properties?.detail?.value, quality)
  }
})

test('a late value is historical, and no birth takes it for the current one (S1, S4)', () => {
  const { node } = openNode()
  node.births()
  node.data('pozo-7', [shown({ at: NOW - 1_000, value: 13 })])

  const late = decodeSparkplug(node.data('pozo-7', [shown({ at: NOW - 90_000, value: 9 }, true)]).payload)
  const [, pozo7] = node.births().map(({ payload }) => decodeSparkplug(payload))

  assert.deepEqual(
    late.metrics.map(({ value, isHistorical, timestamp }) => [value, isHistorical, timestamp]),
    [[9, true, NOW - 90_000]],
  )
  const flow = pozo7?.metrics.find(({ name }) => name === 'flow')
  assert.deepEqual([flow?.value, flow?.timestamp, flow?.isHistorical], [13, NOW - 1_000, undefined])
})

test('what is current goes on in the next births, also when there is no value; metrics stand in the order of time', () => {
  const { clock, node } = openNode({ bdSeq: 255 })
  node.births()
  node.data('pozo-7', [shown({ variable: 'level', at: NOW + 2_000, value: 3.5 }), shown({ at: NOW + 1_000 })])
  node.data('pozo-7', [shown({ at: NOW + 3_000, ...NO_VALUE })])
  clock.step(5_000)

  const [nbirth, pozo7] = node.births().map(({ payload }) => decodeSparkplug(payload))

  assert.deepEqual([nbirth?.seq, nbirth?.timestamp, nbirth?.metrics[0]?.value], [0, NOW + 5_000, 255])
  assert.deepEqual(
    pozo7?.metrics.map(({ name, timestamp, value, isNull }) => [name, timestamp, value, isNull]),
    [
      ['level', NOW + 2_000, 3.5, undefined],
      ['flow', NOW + 3_000, undefined, true],
      ['pulses', NOW + 5_000, undefined, true],
    ],
  )
})

test('metrics of one message stand in the order of their time, whatever order they came in', () => {
  const { node } = openNode()

  const { metrics } = decodeSparkplug(
    node.data('pozo-7', [shown({ at: NOW }), shown({ variable: 'level', at: NOW - 1 })]).payload,
  )

  assert.deepEqual(
    metrics.map(({ alias }) => alias),
    [3, 1],
  )
})

test('seq counts every message of the node, and begins again after 255 (S2)', () => {
  const { node } = openNode()
  const numbers = node.births().map(({ payload }) => decodeSparkplug(payload).seq)
  for (let count = 0; count < 600; count += 1) {
    numbers.push(decodeSparkplug(node.data('pozo-8', [shown({ point: 'pozo-8' })]).payload).seq)
  }

  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index % 256),
  )
  assert.equal(decodeSparkplug(node.births()[0]?.payload ?? new Uint8Array()).seq, 0)
})

test('the death has the bdSeq of the birth and nothing else, without a seq, at QoS 1 (S3)', () => {
  const { node } = openNode({ bdSeq: 200 })
  node.births()

  const { topic, payload, qos } = node.death()

  assert.deepEqual([topic, qos], ['spBv1.0/Campo Sur/NDEATH/gw-1', 1])
  assert.deepEqual(decodeSparkplug(payload), {
    timestamp: NOW,
    metrics: [{ name: 'bdSeq', timestamp: NOW, datatype: INT64, value: 200 }],
  })
})

test('any reading comes back from the other implementation as it was, to the last bit', () => {
  const variables = Object.keys(VARIABLES) as Variable[]
  const { node } = openNode({
    series: seriesOf(...variables.map((name): [string, Variable] => ['pozo-7', name])),
  })
  const reading = fc
    .record({
      ...{ seq: fc.nat(), point: fc.constant('pozo-7'), variable: fc.constantFrom(...variables) },
      ...{ at: fc.integer({ min: 0, max: TIME_MAX }), timeQuality: fc.constantFrom(...TIME_QUALITY_NAMES) },
      ...{
        number: fc.double({ noNaN: true, noDefaultInfinity: true }),
        quality: fc.constantFrom(...QUALITY_NAMES),
      },
    })
    .map(
      ({ number, ...one }): Reading => ({ ...one, value: QUALITIES[one.quality].hasValue ? number : null }),
    )

  fc.assert(
    fc.property(reading, fc.boolean(), (one, late) => {
      const { metrics } = decodeSparkplug(node.data('pozo-7', [{ reading: one, late }]).payload)
      assert.equal(metrics.length, 1)
      const [metric] = metrics
      assert.ok(Object.is(metric?.value ?? null, one.value))
      assert.equal(metric?.timestamp, one.at)
      assert.equal(metric?.alias, variables.indexOf(one.variable) + 1)
      assert.equal(metric?.isHistorical ?? false, late)
      assert.equal(metric?.properties?.clock?.value, one.timeQuality)
    }),
  )
})

test('asksForRebirth() obeys the control set to true, whatever stands beside it, and nothing else', () => {
  const name = 'Node Control/Rebirth'
  const command = (...metrics: object[]) => encodeSparkplug({ timestamp: NOW, metrics })

  assert.ok(asksForRebirth(command({ name, datatype: BOOLEAN, booleanValue: true })))
  assert.ok(
    asksForRebirth(
      command({ name: 'Scan Rate', datatype: INT64, longValue: 5 }, { name, booleanValue: true }),
    ),
  )
  for (const other of [
    command(),
    command({ name, datatype: BOOLEAN, booleanValue: false }),
    command({ name, datatype: BOOLEAN, isNull: true }),
    command({ name: 'Node Control/Reboot', datatype: BOOLEAN, booleanValue: true }),
    command({ name, datatype: BOOLEAN, booleanValue: false }, { name: 'x', booleanValue: true }),
    command({ name, datatype: STRING, stringValue: 'true' }),
    new Uint8Array(),
  ]) {
    assert.equal(asksForRebirth(other), false)
  }
})

test('asksForRebirth() throws at what is cut short, and never takes noise for a command', () => {
  const whole = encodeSparkplug({ metrics: [{ name: 'Node Control/Rebirth', booleanValue: true }] })

  assert.throws(() => asksForRebirth(whole.subarray(0, whole.length - 1)))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      let asks = false
      try {
        asks = asksForRebirth(bytes)
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      assert.equal(asks, false)
    }),
  )
})
