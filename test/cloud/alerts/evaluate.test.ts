// What rules say of values: data alone.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  beginAt,
  contextMs,
  evaluate,
  type Firing,
  type Sample,
  toEpisodes,
} from '../../../cloud/alerts/evaluate.ts'
import { AlertRule } from '../../../cloud/alerts/rule.ts'
import { isWithin } from '../../../cloud/alerts/schedule.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
// A Friday, 21:00 in Santiago.
const START = Date.parse('2026-01-17T00:00:00Z')

const ruleOf = (condition: object, more: object = {}) =>
  AlertRule.parse({ name: 'regla', condition, ...more })
const everyMinute = (...values: readonly (number | null)[]): Sample[] =>
  values.flatMap((value, index) => (value === null ? [] : [{ at: START + index * MINUTE, value }]))
const run = (rule: AlertRule, samples: readonly Sample[], minutes: number): string[] =>
  evaluate(rule, beginAt(START - 1), samples, START + minutes * MINUTE).firings.map(spanOf)
const spanOf = ({ from, to }: Firing): string =>
  `${(from - START) / MINUTE}-${to === null ? '' : (to - START) / MINUTE}`

describe('evaluate()', () => {
  test('fires above a limit, and ends only when the value has come back by the hysteresis', () => {
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'above', limit: 10, hysteresis: 2 })

    assert.deepEqual(run(rule, everyMinute(9, 10, 11, 9, 8.5, 8, 9, 10.5), 8), ['2-5', '7-'])
  })

  test('fires below a limit when it has lasted, and begins anew when it was interrupted', () => {
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'below', limit: 5, for: '3m' })

    assert.deepEqual(run(rule, everyMinute(4, 4, 4, 6, 4, 4, 4, 4, 4, 5), 9), ['7-9'])
  })

  test('fires on a value that changes faster than its rate, and never on the first one', () => {
    const rule = ruleOf({ kind: 'rate', variable: 'level', is: 'falling', perHour: 60, over: '2m' })

    assert.deepEqual(run(rule, everyMinute(100, 99.5, 97, 96.9, 96.8, 99), 6), ['2-4'])
  })

  test('fires on silence at the very instant, and ends with the next value', () => {
    const rule = ruleOf({ kind: 'no_data', for: '10m' })
    const samples = [0, 1, 2, 20, 25].map(minute => ({ at: START + minute * MINUTE, value: 0 }))

    assert.deepEqual(run(rule, samples, 34), ['12-20'])
    assert.deepEqual(run(rule, samples, 35), ['12-20', '35-'])
  })

  test('says nothing outside its hours, and ends what it said', () => {
    const hours = { days: ['fri'], from: '21:10', to: '00:30' }
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'above', limit: 0 }, { schedule: [hours] })
    const samples = everyMinute(...Array.from({ length: 300 }, () => 1))

    assert.deepEqual(run(rule, samples, 299), ['10-210'])
  })

  test('says the same of a stretch in pieces as of the whole (A1)', () => {
    const conditions = [
      { kind: 'threshold', variable: 'flow', is: 'above', limit: 5, hysteresis: 1, for: '2m' },
      { kind: 'rate', variable: 'flow', is: 'rising', perHour: 90, over: '3m' },
      { kind: 'no_data', for: '3m' },
    ]
    const values = fc.array(fc.option(fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 60 })
    const cuts = fc.array(fc.integer({ min: 0, max: 60 * 60 }), { maxLength: 6 })
    const property = fc.property(
      fc.constantFrom(...conditions),
      values,
      cuts,
      (condition, given, seconds) => {
        const rule = ruleOf(condition, { quietFor: '5m' })
        const samples = everyMinute(...given)
        const end = START + 61 * MINUTE
        const whole = evaluate(rule, beginAt(START - 1), samples, end)
        let progress = beginAt(START - 1)
        for (const second of [...seconds.toSorted((a, b) => a - b), 61 * 60]) {
          const { through } = progress
          const part = samples.filter(({ at }) => at > through - contextMs(rule))
          progress = evaluate(rule, progress, part, START + second * 1000).progress
        }
        assert.deepEqual(progress, whole.progress)
      },
    )

    fc.assert(property, { numRuns: 300 })
  })
})

describe('isWithin() over years', () => {
  test('agrees with the calendar at every hour, through changes of the clocks', () => {
    const { schedule } = ruleOf(
      { kind: 'no_data', for: '1h' },
      { schedule: [{ days: ['sat'], from: '22:00', to: '24:00' }] },
    )
    const first = Date.parse('2025-01-01T00:00:00Z')
    const wrong = Array.from({ length: 2 * 8766 }, (_, hour) => first + hour * HOUR).filter(at => {
      const { dayOfWeek, hour } =
        Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO('America/Santiago')
      return isWithin(schedule, at) !== (dayOfWeek === 6 && hour >= 22)
    })

    assert.deepEqual(wrong, [])
  })
})

describe('toEpisodes()', () => {
  test('makes one of a weekend that flaps every five minutes: 576 firings', () => {
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'below', limit: 1 })
    const samples = Array.from({ length: 576 * 2 }, (_, index) => ({
      at: START + index * 2.5 * MINUTE,
      value: index % 2,
    }))

    const { firings } = evaluate(rule, beginAt(START - 1), samples, START + 49 * HOUR)

    assert.equal(firings.length, 576)
    assert.deepEqual(
      toEpisodes(firings).map(({ firings: count }) => count),
      [576],
    )
  })

  test('makes two of what comes back later than the rule waits', () => {
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'below', limit: 1 }, { quietFor: '2m' })

    const { firings } = evaluate(rule, beginAt(START - 1), everyMinute(0, 1, 0, 1, 1, 1, 0), START + HOUR)

    assert.deepEqual(
      toEpisodes(firings).map(({ firings: count }) => count),
      [2, 1],
    )
  })
})

describe('isWithin()', () => {
  test('counts hours in civil time, over midnight into the next day', () => {
    const schedule = AlertRule.parse({
      ...{ name: 'noche', condition: { kind: 'no_data', for: '1h' } },
      schedule: [{ days: ['sun'], from: '22:00', to: '06:00' }],
    }).schedule
    const at = (text: string) => isWithin(schedule, Date.parse(text))

    assert.deepEqual(
      [
        at('2026-01-19T00:59:00Z'),
        at('2026-01-19T01:00:00Z'),
        at('2026-01-19T08:59:00Z'),
        at('2026-01-19T09:00:00Z'),
      ],
      [false, true, true, false],
    )
    assert.deepEqual([at('2026-07-06T01:59:00Z'), at('2026-07-06T02:00:00Z')], [false, true])
  })
})
