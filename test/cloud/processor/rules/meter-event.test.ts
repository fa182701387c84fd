// What people write down of a meter moves the volume on, and nothing is counted that nobody knows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagNames } from '../../../../cloud/flags.ts'
import type { Meter } from '../../../../cloud/processor/rules/calibration.ts'
import type { MeterEvent } from '../../../../cloud/processor/rules/meter-event.ts'
import { beginRun, continueRun } from '../../../../cloud/processor/volume.ts'

const HOUR = 3_600_000
const TOTAL = 2
const METER: Meter = { calibrationId: 1, source: TOTAL, litresPerCount: 1000, baseM3: 0, maxM3PerHour: 500 }

test('a replacement counts what the old meter rose by until it was taken out, and what the new one did since', () => {
  const event = { at: 90 * 60_000, kind: 'replacement', beforeCount: 91_764, afterCount: 50 } as const

  const { values, events } = run([91_750, 91_755, 56, 58], [event])

  assert.deepEqual(values, [
    [91_750, null, []],
    [91_755, 5, []],
    [91_770, 15, ['meter_event']],
    [91_772, 2, []],
  ])
  assert.deepEqual(events, [['entered', 9]])
})

test('a replacement of which nobody wrote down the last count counts the new meter alone', () => {
  const event = { at: 90 * 60_000, kind: 'replacement', beforeCount: null, afterCount: 50 } as const

  const { values, events } = run([91_750, 91_755, 56], [event])

  assert.deepEqual(values.at(-1), [91_761, 6, ['meter_event']])
  assert.deepEqual(events, [['entered', null]])
})

test('a last count that cannot be is not counted, and is told', () => {
  const event = { at: 90 * 60_000, kind: 'replacement', beforeCount: 917_640, afterCount: 50 } as const

  const { values, events } = run([91_750, 91_755, 56], [event])

  assert.deepEqual(values.at(-1), [91_761, 6, ['meter_event']])
  assert.deepEqual(events, [['entered_mismatch', 0]])
})

test('a rollover that was seen counts up to the modulus of the rule, where nothing else is said', () => {
  const event = { at: 90 * 60_000, kind: 'rollover', beforeCount: null, afterCount: 0 } as const

  const { values } = run([99_990, 99_995, 4], [event], { ...METER, modulus: 100_000 })

  assert.deepEqual(values.at(-1), [100_004, 9, ['meter_event']])
})

test('a count that rolled over between the last reading and the event is counted through', () => {
  const event = { at: 90 * 60_000, kind: 'reset', beforeCount: 3, afterCount: 0 } as const

  const { values } = run([99_990, 99_995, 4], [event], { ...METER, modulus: 100_000 })

  assert.deepEqual(values.at(-1), [100_007, 12, ['meter_event']])
})

test('an event that is written down later than the new meter’s first reading takes back what that seemed to be', () => {
  const event = { at: 150 * 60_000, kind: 'replacement', beforeCount: 91_764, afterCount: 50 } as const

  const { values, events } = run([91_750, 91_755, 56, 58, 60], [event])

  assert.deepEqual(values, [
    [91_750, null, []],
    [91_755, 5, []],
    [56, null, ['dropped']],
    [91_772, 17, ['meter_event']],
    [91_774, 2, []],
  ])
  assert.deepEqual(events, [
    ['drop', null],
    ['entered', 9],
  ])
})

test('an event after the counter stood at zero for a while counts on from before', () => {
  const event = { at: 330 * 60_000, kind: 'replacement', beforeCount: 91_764, afterCount: 50 } as const

  const { values } = run([91_750, 91_755, 0, 0, 0, 0, 58], [event])

  assert.deepEqual(values.at(-1), [91_772, 17, ['gap', 'meter_event']])
})

test('two events between two readings are both counted', () => {
  const events = [
    { at: 70 * 60_000, kind: 'replacement', beforeCount: 91_758, afterCount: 10 },
    { at: 100 * 60_000, kind: 'replacement', beforeCount: 14, afterCount: 900 },
  ] as const

  const { values } = run([91_750, 91_755, 901], events)

  assert.deepEqual(values.at(-1), [91_763, 8, ['meter_event']])
})

test('an event before the first reading, or of a counter that was not read yet, changes nothing', () => {
  const event = { at: -1, kind: 'reset', beforeCount: 9, afterCount: 0 } as const

  assert.deepEqual(run([5, 6], [event]).values, [
    [5, null, []],
    [6, 1, []],
  ])
})

test('a gap is as long as nothing was read, whatever was written down meanwhile', () => {
  const event = { at: 90 * 60_000, kind: 'replacement', beforeCount: 91_764, afterCount: 50 } as const

  const { values, events } = run([91_750, 91_755, null, null, 56], [event])

  assert.deepEqual(values.at(-1), [91_770, 15, ['gap', 'meter_event']])
  assert.deepEqual(events, [
    ['entered', 9],
    ['gap', 15],
  ])
})

/** Reads counts an hour apart. */
function run(counts: readonly (number | null)[], meterEvents: readonly MeterEvent[], meter: Meter = METER) {
  const reading = beginRun(undefined)
  const readings = counts.map((value, index) => ({
    ...{ variable: TOTAL, at: index * HOUR, value, timeQuality: 0, flags: 0 },
    quality: value === null ? 17 : 0,
  }))
  const meters = [{ validFrom: -2, value: meter }]
  continueRun(reading, readings, {
    ...{ meters, meterEvents, screens: new Map(), before: new Map(), dirtyUntil: 0 },
  })
  return {
    values: [...reading.values.values()].map(({ value, consumed, flags }) => [
      value,
      consumed,
      flagNames(flags),
    ]),
    events: reading.events.map(({ kind, amountM3 }) => [kind, amountM3]),
  }
}
