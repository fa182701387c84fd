// The checks of a series: what is found out about a reading from it and the ones before it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Flag, flagNames } from '../../../../cloud/flags.ts'
import { seriesRulesOf } from '../../../../cloud/processor/rules/calibration.ts'
import {
  AGREEING,
  type CheckState,
  judgeReading,
  type ReadingToJudge,
  type SeriesRules,
} from '../../../../cloud/processor/rules/checks.ts'
import type { CalibrationRow } from '../../../../cloud/store/processing.ts'
import { TIME_QUALITIES } from '../../../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../../../protocol/variables.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test('judgeReading() flags what is beyond the range, its borders not, and keeps the value', () => {
  const rules = rulesFor('level', { checks: { range: { min: 0, max: 50 } } })

  assert.deepEqual(judged(rules, [0, 50, -0.01, 50.01]), [
    [0, []],
    [50, []],
    [-0.01, ['out_of_range']],
    [50.01, ['out_of_range']],
  ])
})

test('judgeReading() flags a change that is too fast, and believes it when AGREEING readings follow from each other', () => {
  const rules = rulesFor('level', { checks: { rate: { maxPerMinute: 1 } } })

  assert.deepEqual(judged(rules, [10, 11, 40, 11.5, 40, 41, 41.5, 42]), [
    ...[[10, []] as const, [11, []] as const, [40, ['too_fast']] as const, [11.5, []] as const],
    ...[[40, ['too_fast']] as const, [41, ['too_fast']] as const, [41.5, []] as const, [42, []] as const],
  ])
})

test('judgeReading() lets a change be as large as the time since the last value that was believed allows', () => {
  const rules = rulesFor('level', { checks: { rate: { maxPerMinute: 1 } } })

  assert.deepEqual(
    judgedAt(rules, [
      [0, 10],
      [30 * MINUTE, 40],
      [31 * MINUTE, 90],
      [31 * MINUTE + 1_000, 41],
    ]),
    [
      [10, []],
      [40, []],
      [90, ['too_fast']],
      [41, []],
    ],
  )
})

test('judgeReading() flags a value that stands still for longer than it may, but not one that is excepted or moves', () => {
  const rules = rulesFor('flow', { checks: { stuck: { afterMinutes: 3, within: 0.1, except: [0] } } })

  assert.deepEqual(judged(rules, [5, 5.05, 5.1, 5, 5.05, 5.2, 0, 0, 0, 0, 0, 5]), [
    ...[[5, []] as const, [5.05, []] as const, [5.1, []] as const],
    ...[[5, ['stuck']] as const, [5.05, ['stuck']] as const, [5.2, []] as const],
    ...[0, 0, 0, 0, 0].map(zero => [zero, []] as const),
    [5, []],
  ])
})

test('judgeReading() does not take two equal values with nothing between them for one that stands still', () => {
  const rules = rulesFor('flow', { checks: { stuck: { afterMinutes: 60 } } })

  assert.deepEqual(
    judgedAt(rules, [
      [0, 5],
      [2 * HOUR, 5],
    ]),
    [
      [5, []],
      [5, []],
    ],
  )
})

test('judgeReading() knows a sentinel before any conversion, and compares nothing with what is no value', () => {
  const rules = rulesFor('flow', {
    unit_conversion: { unit: 'm³/h' },
    checks: { sentinels: [65535], range: { max: 100 }, rate: { maxPerMinute: 1 } },
  })

  assert.deepEqual(judged(rules, [36, 65535, 720, 39.6]), [
    [10, []],
    [65535, ['sentinel']],
    [200, ['out_of_range']],
    [11, []],
  ])
})

test('judgeReading() converts by a unit, or by a factor and an offset', () => {
  assert.deepEqual(judged(rulesFor('total', { unit_conversion: { unit: 'L' } }), [12_500]), [[12.5, []]])
  assert.deepEqual(judged(rulesFor('level', { unit_conversion: { factor: 0.01, offset: -1 } }), [250]), [
    [1.5, []],
  ])
})

test('judgeReading() cuts a low flow off, either way, and what is at the border not', () => {
  const rules = rulesFor('flow', { low_flow_cut_off: { belowLps: 0.5 } })

  assert.deepEqual(judged(rules, [0.5, 0.49, -0.2, 0]), [
    [0.5, []],
    [0, ['cut_off']],
    [0, ['cut_off']],
    [0, []],
  ])
})

test('judgeReading() flags clocks that run ahead of the arrival, and those that were never synchronised', () => {
  const rules = rulesFor('flow', {})
  const reading = { at: 10 * MINUTE, value: 5, timeQuality: TIME_QUALITIES.synced, receivedAt: 5 * MINUTE }
  const flagsOf = (other: Partial<ReadingToJudge>) =>
    flagNames(judgeReading(undefined, { ...reading, ...other }, rules).flags)

  assert.deepEqual(flagsOf({}), [])
  assert.deepEqual(flagsOf({ at: 10 * MINUTE + 1 }), ['clock_ahead'])
  assert.deepEqual(flagsOf({ at: HOUR, receivedAt: null }), [])
  assert.deepEqual(flagsOf({ timeQuality: TIME_QUALITIES.unsynced }), ['clock_unsynced'])
})

test('judgeReading() begins anew with another rule, whose values may be in another unit', () => {
  const rules: SeriesRules = {
    ...rulesFor('level', { checks: { rate: { maxPerMinute: 1 } } }),
    conversions: [{ validFrom: 2 * MINUTE, value: { calibrationId: 9, factor: 100 } }],
  }

  assert.deepEqual(judged(rules, [1, 1, 1, 9]), [
    [1, []],
    [1, []],
    [100, []],
    [900, ['too_fast']],
  ])
})

test('judgeReading() rejects nothing for ever, whatever comes (C3)', () => {
  const rules = rulesFor('level', { checks: { rate: { maxPerMinute: 0.5 } } })
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 60 }), values => {
      const calm = Array.from({ length: AGREEING }, () => 250)

      const found = judged(rules, [...values, ...calm])

      assert.deepEqual(found.at(-1), [250, []])
    }),
  )
})

test('judgeReading() from any state that was kept as JSON goes on as without a break (C1)', () => {
  const rules = rulesFor('level', {
    checks: { rate: { maxPerMinute: 3 }, stuck: { afterMinutes: 4, within: 1 }, range: { max: 90 } },
  })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constant(20)), { maxLength: 60 }),
      values => {
        let state: CheckState | undefined
        const resumed = values.map((value, index) => {
          const kept = state === undefined ? undefined : JSON.parse(JSON.stringify(state))
          const judging = judgeReading(kept, readingAt(index * MINUTE, value), rules)
          state = judging.state
          return [judging.value, flagNames(judging.flags)]
        })

        assert.deepEqual(resumed, judged(rules, values))
      },
    ),
  )
})

function rulesFor(variable: Variable, rules: Record<string, object>): SeriesRules {
  const rows = Object.entries(rules).map(([rule, params], index) => ({
    ...{ id: index + 1, pointId: 1, rule, variable: VARIABLES[variable].code, params, validFrom: 0 },
  })) as CalibrationRow[]
  return seriesRulesOf(rows, variable)
}

const readingAt = (at: number, value: number): ReadingToJudge => ({
  ...{ at, value, timeQuality: TIME_QUALITIES.synced, receivedAt: at },
})

/** Judges values a minute apart. */
const judged = (rules: SeriesRules, values: readonly number[]) =>
  judgedAt(
    rules,
    values.map((value, index) => [index * MINUTE, value] as const),
  )

function judgedAt(
  rules: SeriesRules,
  values: readonly (readonly [at: number, value: number])[],
): [number | null, Flag[]][] {
  let state: CheckState | undefined
  return values.map(([at, value]) => {
    const judging = judgeReading(state, readingAt(at, value), rules)
    state = judging.state
    return [judging.value, flagNames(judging.flags)]
  })
}
