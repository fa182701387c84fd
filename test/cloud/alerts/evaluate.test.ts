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
  type WatchedRule,
} from '../../../cloud/alerts/evaluate.ts'
import { AlertRule } from '../../../cloud/alerts/rule.ts'
import { isWithin } from '../../../cloud/alerts/schedule.ts'
import { toValueCondition } from '../../../cloud/alerts/signals.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
// A Friday, 21:00 in Santiago.
const START = Date.parse('2026-01-17T00:00:00Z')

/** A rule over values, granted nothing. */
function ruleOf(asked: object, more: object = {}): WatchedRule {
  const { condition, ...rule } = AlertRule.parse({ name: 'regla', condition: asked, ...more })
  assert.ok(condition.kind !== 'dga_late' && condition.kind !== 'gateway_lost')
  const value = toValueCondition(condition, [])
  assert.ok(value)
  return { ...rule, condition: value }
}
const everyMinute = (...values: readonly (number | null)[]): Sample[] =>
  values.flatMap((value, index) => (value === null ? [] : [{ at: START + index * MINUTE, value }]))
const run = (rule: WatchedRule, samples: readonly Sample[], minutes: number): string[] =>
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

  test('fires on a value that stands still, not on a pump that rests, and ends when it moves', () => {
    const rule = ruleOf({ kind: 'stuck', variable: 'flow', for: '3m', tolerance: 0.1 })
    const samples = everyMinute(5, 5, 5.1, 5, 5, 5.3, 0, 0, 0, 0, 0, 4)

    assert.deepEqual(run(rule, samples, 12), ['3-5'])
    assert.deepEqual(run(ruleOf({ ...rule.condition, zero: true }), samples, 12), ['3-5', '9-11'])
  })

  test('fires when a value was beyond its limit for so long altogether, and never counts what nobody has seen', () => {
    const rule = ruleOf({
      ...{ kind: 'duration', variable: 'flow', is: 'above', limit: 1, total: '4m', within: '1h' },
    })
    const apart = [0, 1, 2, 62, 123, 124].map(minute => ({ at: START + minute * MINUTE, value: 2 }))

    assert.deepEqual(run(rule, everyMinute(2, 2, 2, 0, 2, 2, 2, 2, 0), 9), ['6-'])
    assert.deepEqual(run(rule, apart, 125), ['62-123'])
  })

  test('counts what a counter does as firings of one incident, which is over when it does no more', () => {
    const rule = ruleOf({ kind: 'counter_event' }, { quietFor: '10m' })
    const samples = [1, 5, 40].map(minute => ({ at: START + minute * MINUTE, value: 1 }))
    const { firings } = evaluate(rule, beginAt(START - 1), samples, START + HOUR)

    assert.deepEqual(
      firings.map(firing => `${spanOf(firing)} ${firing.number}`),
      ['1-5 1', '5-15 2', '40-50 1'],
    )
  })

  test('is over only when it has been well for as long as the rule wants', () => {
    const rule = ruleOf({ kind: 'threshold', variable: 'flow', is: 'above', limit: 1 }, { clearFor: '2m' })

    assert.deepEqual(run(rule, everyMinute(2, 0, 2, 0, 0, 0, 0), 6), ['0-5'])
  })

  test('says nothing during maintenance, and begins anew after it', () => {
    const rule = {
      ...ruleOf({ kind: 'threshold', variable: 'flow', is: 'above', limit: 1 }),
      pauses: [{ from: START + 10 * MINUTE, to: START + 30 * MINUTE }],
    }

    assert.deepEqual(run(rule, everyMinute(...Array.from({ length: 60 }, () => 2)), 60), ['0-10', '30-'])
  })

  test('makes a limit of what is granted, and nothing of what is not', () => {
    const rights = [5, 10].map(flowLps => ({ workCode: 'OB-1', pointIds: [1], flowLps, yearlyM3: null }))
    const overFlow = AlertRule.parse({
      name: 'derecho',
      condition: { kind: 'over_right', of: 'flow', percent: 120, hysteresis: 10, for: '5m' },
    }).condition
    assert.equal(overFlow.kind, 'over_right')
    assert.ok(overFlow.kind === 'over_right')

    assert.deepEqual(toValueCondition(overFlow, rights), {
      ...{ kind: 'threshold', variable: 'flow', is: 'above', limit: 18, hysteresis: 1.5, for: '5m' },
    })
    assert.equal(toValueCondition(overFlow, []), undefined)
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
      { kind: 'stuck', variable: 'flow', for: '3m', tolerance: 1, zero: true },
      {
        kind: 'duration',
        variable: 'flow',
        is: 'above',
        limit: 4,
        hysteresis: 1,
        total: '10m',
        within: '1h',
      },
      { kind: 'counter_event' },
    ]
    const values = fc.array(fc.option(fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 60 })
    const cuts = fc.array(fc.integer({ min: 0, max: 60 * 60 }), { maxLength: 6 })
    const property = fc.property(
      fc.constantFrom(...conditions),
      values,
      cuts,
      fc.constantFrom({}, { clearFor: '2m' }, { schedule: [{ days: ['fri'], from: '21:10', to: '21:40' }] }),
      (condition, given, seconds, more) => {
        const pauses = [{ from: START + 20 * MINUTE, to: START + 25 * MINUTE }]
        const rule = { ...ruleOf(condition, { quietFor: '5m', ...more }), pauses }
        const samples = everyMinute(...given)
        const end = START + 61 * MINUTE
        const whole = evaluate(rule, beginAt(START - 1), samples, end)
        let progress = beginAt(START - 1)
        for (const second of [...seconds.toSorted((a, b) => a - b), 61 * 60]) {
          const { through } = progress
          const part = samples.filter(({ at }) => at > through - contextMs(rule.condition))
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
