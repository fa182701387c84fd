import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daysToBalance, toBalances, totalOf } from '../../../cloud/analytics/balance.ts'

const NOW = Date.parse('2026-01-20T12:00:00-03:00')
const row = {
  day: '2026-01-15',
  consumptionM3: 12.5,
  gapConsumptionM3: null,
  minutes: 288,
  expectedPerHour: 12,
  worstQuality: 0,
}

test('daysToBalance() takes a changed day and the six whose week it is part of, each once', () => {
  const days = daysToBalance([
    { pointId: 7, day: '2026-01-15' },
    { pointId: 7, day: '2026-01-16' },
    { pointId: 8, day: '2026-01-15' },
  ])

  assert.deepEqual(
    days.map(({ pointId, day }) => `${pointId} ${day.slice(8)}`),
    [15, 16, 17, 18, 19, 20, 21, 22]
      .map(day => `7 ${day}`)
      .concat([15, 16, 17, 18, 19, 20, 21].map(day => `8 ${day}`)),
  )
  assert.equal(days[0]?.from, Date.parse('2026-01-15T00:00:00-03:00'))
  assert.equal(days[0]?.weekFrom, Date.parse('2026-01-09T00:00:00-03:00'))
})

test('toBalances() shows every day, and null instead of a number where nothing is known', () => {
  const days = toBalances([row], { from: '2026-01-14', to: '2026-01-15', now: NOW })

  assert.deepEqual(days, [
    {
      day: '2026-01-14',
      hours: 24,
      consumptionM3: null,
      gapConsumptionM3: null,
      coveragePercent: 0,
      worstQuality: null,
    },
    {
      day: '2026-01-15',
      hours: 24,
      consumptionM3: 12.5,
      gapConsumptionM3: null,
      coveragePercent: 100,
      worstQuality: 'good',
    },
  ])
})

test('toBalances() expects of a day that is not over what could have come so far', () => {
  const now = Date.parse('2026-01-15T12:00:00-03:00')

  const [day] = toBalances([{ ...row, minutes: 72 }], { from: row.day, to: row.day, now })

  assert.equal(day?.coveragePercent, 50)
})

test('toBalances() expects less of a day of 23 hours and more of one of 25', () => {
  const coverageOf = (day: string) =>
    toBalances([{ ...row, day, minutes: 276 }], {
      from: day,
      to: day,
      now: Date.parse('2027-01-01T00:00:00Z'),
    })[0]

  assert.deepEqual([coverageOf('2026-09-06')?.hours, coverageOf('2026-09-06')?.coveragePercent], [23, 100])
  assert.deepEqual([coverageOf('2026-04-04')?.hours, coverageOf('2026-04-04')?.coveragePercent], [25, 92])
})

test('toBalances() expects no reading that is not due yet, early in a day', () => {
  const hourly = { ...row, expectedPerHour: 1 }
  const coverageAt = (time: string, minutes: number) =>
    toBalances([{ ...hourly, minutes }], {
      ...{ from: row.day, to: row.day },
      now: Date.parse(`2026-01-15T${time}-03:00`),
    })[0]?.coveragePercent

  assert.deepEqual(
    [coverageAt('00:59:59', 1), coverageAt('01:59:59', 1), coverageAt('02:59:59', 1)],
    [100, 100, 50],
  )
})

test('toBalances() says nothing of a day that has not begun, and judges one without readings by the day before it', () => {
  const coverageAt = (time: string) =>
    toBalances([row], { from: '2026-01-16', to: '2026-01-17', now: Date.parse(time) }).map(
      ({ coveragePercent }) => coveragePercent,
    )

  assert.deepEqual(coverageAt('2026-01-16T00:04:59-03:00'), [null, null])
  assert.deepEqual(coverageAt('2026-01-16T00:05:00-03:00'), [0, null])
  assert.deepEqual(coverageAt('2026-01-17T00:00:01-03:00'), [0, null])
})

test('toBalances() shows whole litres', () => {
  const [day] = toBalances([{ ...row, consumptionM3: 0.1 + 0.2, gapConsumptionM3: 3 * 0.02 }], {
    ...{ from: row.day, to: row.day, now: NOW },
  })

  assert.deepEqual([day?.consumptionM3, day?.gapConsumptionM3], [0.3, 0.06])
})

test('totalOf() adds what is stored and rounds the sum, of the days that are known', () => {
  const rows = [0.0004, 0.0004, null, 0.0004].map(consumptionM3 => ({ ...row, consumptionM3 }))

  assert.deepEqual(totalOf(rows), { consumptionM3: 0.001, daysKnown: 3 })
  assert.deepEqual(totalOf([]), { consumptionM3: null, daysKnown: 0 })
})
