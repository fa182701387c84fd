// Baselines, holidays, rights and specific capacity, by data alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baselineOf } from '../../../cloud/analytics/baseline.ts'
import { capacityOf } from '../../../cloud/analytics/capacity.ts'
import type { HourOfPoint } from '../../../cloud/analytics/facts.ts'
import { isHoliday } from '../../../cloud/analytics/holidays.ts'
import { project } from '../../../cloud/analytics/projection.ts'
import { medianOf, quantileOf, slopeOf, spreadOf } from '../../../cloud/analytics/robust.ts'
import { useOf } from '../../../cloud/analytics/use.ts'
import { addDays, daySpan } from '../../../cloud/processor/civil-time.ts'
import { wellHistory } from '../../doubles/history.ts'

const HOUR = 3_600_000

test('isHoliday() knows the holidays of 2026, those that move among them', () => {
  const days = Array.from({ length: 365 }, (_, index) => addDays('2026-01-01', index)).filter(isHoliday)

  assert.deepEqual(
    days.map(day => day.slice(5)),
    [
      ...['01-01', '04-03', '04-04', '05-01', '05-21', '06-21', '06-29', '07-16', '08-15', '09-18', '09-19'],
      ...['10-12', '10-31', '11-01', '12-08', '12-25'],
    ],
  )
})

test('isHoliday() moves to a Monday what falls in the middle of a week, and bridges September', () => {
  // 2023: 31 October is a Tuesday; 2022: 29 June a Wednesday, 12 October too; 2027: 17 September a Friday.
  assert.deepEqual(
    [
      '2023-10-27',
      '2023-10-31',
      '2022-06-27',
      '2022-06-29',
      '2022-10-10',
      '2027-09-17',
      '2024-09-20',
      '2024-06-20',
    ].map(isHoliday),
    [true, false, true, false, true, true, true, true],
  )
})

test('baselineOf() gives the middle and the spread of each hour, whatever one odd week and its gaps were', () => {
  const hours = (week: number) => ({ from: daySpan(addDays('2026-05-04', 7 * week)).from })
  const rows = Array.from({ length: 8 }, (_, week) => hours(week)).flatMap(({ from }, week) =>
    Array.from({ length: 168 }, (_, hour) =>
      row(from + hour * HOUR, week === 3 ? 500 : 10 + (week % 3), week === 5 && hour === 20 ? 90 : null),
    ),
  )

  const baseline = baselineOf(rows)

  assert.equal(baseline.length, 168)
  const monday = baseline.find(({ weekday, hour }) => weekday === 1 && hour === 9)
  assert.deepEqual(monday && [monday.usualM3, monday.seen], [11, 8])
  assert.ok((monday?.spreadM3 ?? 99) < 2)
  const gapped = baseline.find(({ weekday, hour }) => weekday === 1 && hour === 20)
  assert.equal(gapped?.seen, 7)
})

test('baselineOf() counts a holiday as a Sunday, and bears days of 23 and 25 hours', () => {
  // 1 May 2026 is a Friday; the clocks change on 5 April (back) and 6 September (forward).
  const of = (day: string) => {
    const { from, to } = daySpan(day)
    return Array.from({ length: (to - from) / HOUR }, (_, hour) => row(from + hour * HOUR, 1, null))
  }
  const seen = (days: string[], weekday: number, hour: number) =>
    baselineOf(days.flatMap(of)).find(one => one.weekday === weekday && one.hour === hour)?.seen

  assert.deepEqual([seen(['2026-05-01'], 5, 9), seen(['2026-05-01'], 7, 9)], [0, 1])
  assert.deepEqual(
    [seen(['2026-04-04'], 7, 23), seen(['2026-09-06'], 7, 0), seen(['2026-09-06'], 7, 1)],
    [2, 0, 1],
  )
})

test('useOf() adds rights, and says nothing of a yearly volume where one has none', () => {
  const right = (flowLps: number, yearlyM3: number | null) => ({
    pointIds: [1],
    workCode: 'OB-0602-7',
    flowLps,
    yearlyM3,
  })
  const [facts] = wellHistory(1, { from: '2026-01-01', days: 1, gaps: false }).days.map(day => day.facts)
  assert.ok(facts)
  const of = (rights: ReturnType<typeof right>[]) =>
    useOf(rights, { facts: [{ ...facts, flowMaxLps: 12 }], takenM3: 500 })

  const both = of([right(5, 1000), right(6, 1000)])
  assert.deepEqual(
    [both.grantedFlowLps, both.maxFlowLps, both.daysAboveFlow, both.grantedYearM3, both.percentOfYear],
    [11, 12, 1, 2000, 25],
  )
  const half = of([right(5, 1000), right(8, null)])
  assert.deepEqual([half.daysAboveFlow, half.grantedYearM3, half.percentOfYear], [0, null, null])
  const none = of([])
  assert.deepEqual([none.grantedFlowLps, none.daysAboveFlow, none.takenM3], [null, 0, 500])
})

test('capacityOf() finds by how much a well loses of its capacity, and none where it loses none', context => {
  let within = 0
  const errors: number[] = []
  for (let seed = 1; seed <= 30; seed += 1) {
    const declineAYear = (seed % 5) * 0.06
    const { days } = wellHistory(seed, { from: '2025-01-01', days: 365, declineAYear })
    const { trendPercentAYear, trendLow, trendHigh } = capacityOf(days.map(day => day.facts))
    // Percent of the capacity in the middle of the year.
    const truth = (-100 * declineAYear) / (1 - declineAYear / 2)
    assert.ok(trendPercentAYear !== null && trendLow !== null && trendHigh !== null)
    errors.push(Math.abs(trendPercentAYear - truth))
    if (trendLow <= truth && truth <= trendHigh) within += 1
  }

  context.diagnostic(
    `trend of specific capacity: ${within} of 30 within the interval of 90 %, median error ${medianOf(errors).toFixed(2)} points a year, worst ${Math.max(...errors).toFixed(2)}`,
  )
  assert.ok(within >= 24, String(within))
  assert.ok(Math.max(...errors) < 2)
})

test('capacityOf() says nothing where the water does not sink', () => {
  const { days } = wellHistory(1, { from: '2025-01-01', days: 60 })
  const flat = days.map(({ facts }) => ({ ...facts, drawdownM: 0.05 }))

  assert.deepEqual(capacityOf(flat).days, [])
  assert.equal(capacityOf(flat).lpsPerM, null)
})

test('project() spreads what passed in a gap over its days, and leaves room for the days that were not read', () => {
  const steady = Array.from({ length: 60 }, (_, index) => ({
    ...{ day: addDays('2026-04-02', index), m3: 10 as number | null, gapM3: null as number | null },
  }))
  const gapped = steady.map((one, index) =>
    index >= 20 && index < 24 ? { ...one, m3: null } : index === 24 ? { ...one, m3: 50, gapM3: 40 } : one,
  )
  const asked = { from: '2026-06-01', to: '2026-06-30', today: '2026-06-01', todayM3: 0 }

  assert.equal(project(gapped, asked)?.projectedM3.toFixed(6), '300.000000')
  assert.equal(project(steady.slice(0, 55), asked)?.projectedM3.toFixed(6), '300.000000')
  assert.equal(project(steady.slice(0, 10), asked), undefined)
  assert.equal(project(steady.slice(0, 29), asked), undefined)
  assert.ok(project(steady.slice(0, 30), asked))
})

test('project() of a last day that is over in all but name says what has passed', () => {
  const days = Array.from({ length: 60 }, (_, index) => ({
    day: addDays('2026-05-01', index),
    m3: 10,
    gapM3: null,
  }))
  const projected = project(days, { from: '2026-06-01', to: '2026-06-30', today: '2026-06-30', todayM3: 25 })

  assert.equal(projected?.projectedM3, 29 * 10 + 25)
  assert.ok((projected?.lowM3 ?? 0) >= 29 * 10 + 25)
})

test('medians and slopes bear what is wrong', () => {
  assert.equal(medianOf([1, 2, 1000]), 2)
  assert.equal(medianOf([4, 2]), 3)
  assert.ok(Number.isNaN(medianOf([])))
  assert.equal(quantileOf([0, 10], 0.25), 2.5)
  assert.equal(spreadOf([1, 1, 1, 90]), 0)
  const line = Array.from({ length: 21 }, (_, x) => ({ x, y: x === 7 ? 1e6 : 3 * x }))
  assert.equal(slopeOf(line)?.slope, 3)
  assert.equal(slopeOf(line.slice(0, 2)), undefined)
})

const row = (at: number, consumptionM3: number, gapM3: number | null): HourOfPoint => ({
  ...{ at, consumptionM3, gapM3, counterMinutes: 12, flowMeanLps: null, flowMaxLps: null, flowCount: 0 },
  ...{ depthMinM: null, depthMaxM: null },
})
