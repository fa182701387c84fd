// The regulator's calendar: UTC-4 all year, whatever Chile's clocks do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  dueInstants,
  type Frequency,
  regulatorDate,
  regulatorDay,
  regulatorTime,
  regulatorYear,
} from '../../../cloud/compliance/calendar.ts'

const HOUR = 3_600_000
const hourly: Frequency = { kind: 'interval', everyMs: HOUR }
const daily: Frequency = { kind: 'interval', everyMs: 24 * HOUR }
const at = (text: string) => Date.parse(text)
const due = (frequency: Frequency, from: string, to: string, limit = 1000) =>
  dueInstants(frequency, { from: at(from), to: at(to), limit }).map(instant =>
    new Date(instant).toISOString(),
  )
const declared = (instant: number) => `${regulatorDate(instant)} ${regulatorTime(instant)}`

test('regulatorDate() and regulatorTime() are four hours behind UTC in summer and in winter', () => {
  assert.equal(declared(at('2026-01-15T14:00:42Z')), '2026-01-15 10:00:42')
  assert.equal(declared(at('2026-07-15T14:00:42Z')), '2026-07-15 10:00:42')
  assert.equal(declared(at('2026-01-15T03:59:59Z')), '2026-01-14 23:59:59')
})

test('dueInstants() declares the hour that happens twice in April twice, under two hours', () => {
  // In Santiago 23:00 to 24:00 of 4 April 2026 happens twice: 02:00Z to 04:00Z.
  const hours = dueInstants(hourly, {
    from: at('2026-04-05T01:00:00Z'),
    to: at('2026-04-05T06:00:00Z'),
    limit: 99,
  })

  assert.deepEqual(hours.map(declared), [
    '2026-04-04 21:00:00',
    '2026-04-04 22:00:00',
    '2026-04-04 23:00:00',
    '2026-04-05 00:00:00',
    '2026-04-05 01:00:00',
  ])
})

test('dueInstants() leaves no hole where September has no hour 00:00', () => {
  // In Santiago 6 September 2026 begins at 01:00: 04:00Z.
  const hours = dueInstants(hourly, {
    from: at('2026-09-06T02:00:00Z'),
    to: at('2026-09-06T07:00:00Z'),
    limit: 99,
  })

  assert.deepEqual(hours.map(declared), [
    '2026-09-05 22:00:00',
    '2026-09-05 23:00:00',
    '2026-09-06 00:00:00',
    '2026-09-06 01:00:00',
    '2026-09-06 02:00:00',
  ])
})

test('dueInstants() begins the year and the day at the regulator’s midnight', () => {
  assert.deepEqual(due(daily, '2026-12-31T00:00:00Z', '2027-01-03T00:00:00Z'), [
    '2026-12-31T04:00:00.000Z',
    '2027-01-01T04:00:00.000Z',
    '2027-01-02T04:00:00.000Z',
  ])
})

test('dueInstants() gives a month without the anchor’s day its last day, and skips none', () => {
  const monthly: Frequency = { kind: 'months', everyMonths: 1, day: 31, minute: 0 }

  assert.deepEqual(due(monthly, '2028-01-02T00:00:00Z', '2028-06-01T04:00:00Z'), [
    '2028-01-31T04:00:00.000Z',
    '2028-02-29T04:00:00.000Z',
    '2028-03-31T04:00:00.000Z',
    '2028-04-30T04:00:00.000Z',
    '2028-05-31T04:00:00.000Z',
  ])
})

test('dueInstants() has 29 February in leap years only', () => {
  assert.equal(due(hourly, '2028-02-29T04:00:00Z', '2028-03-01T04:00:00Z').length, 24)
  assert.deepEqual(due(daily, '2028-02-28T04:00:00Z', '2028-03-02T00:00:00Z'), [
    '2028-02-28T04:00:00.000Z',
    '2028-02-29T04:00:00.000Z',
    '2028-03-01T04:00:00.000Z',
  ])
  assert.deepEqual(due(daily, '2027-02-28T04:00:00Z', '2027-03-02T00:00:00Z'), [
    '2027-02-28T04:00:00.000Z',
    '2027-03-01T04:00:00.000Z',
  ])
})

test('dueInstants() owes very small flows on 1 January and 1 July', () => {
  const halfYearly: Frequency = { kind: 'months', everyMonths: 6, day: 1, minute: 0 }

  assert.deepEqual(due(halfYearly, '2026-01-01T04:00:00.001Z', '2027-07-01T04:00:00Z'), [
    '2026-07-01T04:00:00.000Z',
    '2027-01-01T04:00:00.000Z',
  ])
})

test('dueInstants() gives the same instants in one call as in many', () => {
  const frequencies: Frequency[] = [
    ...[hourly, daily, { kind: 'interval', everyMs: 8 * HOUR, minute: 61 } as const],
    { kind: 'weeks', weekday: 7, minute: 1439 },
    { kind: 'months', everyMonths: 1, day: 30, minute: 125 },
    { kind: 'months', everyMonths: 2, month: 12, day: 31, minute: 0 },
  ]
  for (const frequency of frequencies) {
    const whole = due(frequency, '2027-11-03T01:23:45.678Z', '2028-04-01T00:00:00Z', 10_000)
    const parts: string[] = []
    for (let from = at('2027-11-03T01:23:45.678Z'); from < at('2028-04-01T00:00:00Z'); ) {
      const to = Math.min(at('2028-04-01T00:00:00Z'), from + 7_777_777_777 / 13)
      const some = dueInstants(frequency, { from, to, limit: 10_000 })
      parts.push(...some.map(instant => new Date(instant).toISOString()))
      from = to
    }
    assert.deepEqual(parts, whole)
  }
})

test('dueInstants() counts intervals from a minute of the day, weeks from a weekday, years from a month', () => {
  const noon: Frequency = { kind: 'interval', everyMs: 12 * HOUR, minute: 450 }
  assert.deepEqual(due(noon, '2026-04-04T12:00:00Z', '2026-04-06T00:00:00Z'), [
    '2026-04-04T23:30:00.000Z',
    '2026-04-05T11:30:00.000Z',
    '2026-04-05T23:30:00.000Z',
  ])
  // 5 January 2026 was a Monday.
  const mondays: Frequency = { kind: 'weeks', weekday: 1, minute: 0 }
  assert.deepEqual(due(mondays, '2025-12-29T04:00:01Z', '2026-01-19T04:00:00Z'), [
    '2026-01-05T04:00:00.000Z',
    '2026-01-12T04:00:00.000Z',
  ])
  const december: Frequency = { kind: 'months', everyMonths: 12, month: 12, day: 1, minute: 0 }
  assert.deepEqual(due(december, '2025-12-01T04:00:01Z', '2028-01-01T00:00:00Z'), [
    '2026-12-01T04:00:00.000Z',
    '2027-12-01T04:00:00.000Z',
  ])
  const quarters: Frequency = { kind: 'months', everyMonths: 3, month: 2, day: 31, minute: 0 }
  assert.deepEqual(due(quarters, '2027-12-01T00:00:00Z', '2028-12-01T00:00:00Z'), [
    '2028-02-29T04:00:00.000Z',
    '2028-05-31T04:00:00.000Z',
    '2028-08-31T04:00:00.000Z',
    '2028-11-30T04:00:00.000Z',
  ])
})

test('regulatorYear() begins at its own midnight, an hour after that of Santiago', () => {
  const year = Date.parse('2027-01-01T04:00:00Z')
  assert.equal(regulatorYear(year), year)
  assert.equal(regulatorYear(year - 1), Date.parse('2026-01-01T04:00:00Z'))
  assert.equal(regulatorYear(Date.parse('2027-12-31T23:00:00Z')), year)
})

test('dueInstants() stops at its limit', () => {
  assert.equal(due(hourly, '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z', 7).length, 7)
})

test("regulatorDay() begins at the regulator's midnight, which belongs to it", () => {
  const day = { from: at('2026-01-15T04:00:00Z'), to: at('2026-01-16T04:00:00Z') }

  assert.deepEqual([day.from, at('2026-01-15T23:59:59Z'), day.to - 1].map(regulatorDay), Array(3).fill(day))
  assert.equal(regulatorDay(day.to).from, day.to)
})
