// The nights on which calendars go wrong, lived through: what is measured, declared and held, with every instant written
// out. DGA’s double compares each with its own clock.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { HOUR, openScene, type Scene } from './scene.ts'

describe('what is declared', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(() => scene.close())

  const goTo = (instant: string) => scene.clock.advance(Date.parse(instant) - scene.clock.now())
  const liveThrough = async (points: number[], hours: number) => {
    for (let hour = 0; hour < hours; hour += 1) {
      await scene.toNextHour(...points)
      await scene.site.round()
    }
  }
  const due = async (pointId?: number) => {
    const slots = await scene.site.slots(pointId)
    return slots.map(({ dueAt, state }) => [new Date(dueAt).toISOString().slice(0, 16), state])
  }
  const held = (work: string) =>
    scene.dga.holdings
      .all()
      .filter(one => one.work === work)
      .map(({ date, time }) => `${date} ${time}`)
  const sent = (...instants: string[]) => instants.map(instant => [instant, 'sent'])

  test('in April’s night, in which Chile lives an hour twice, is each hour of the regulator, once', async () => {
    await goTo('2026-04-05T00:30:00Z')
    const hourly = await scene.register('OB-0602-7')
    const daily = await scene.register('OB-0602-8', { standard: 'medio' })
    await liveThrough([hourly, daily], 6)

    // In Santiago: 22:00, 23:00, 23:00 again, 00:00, 01:00, 02:00.
    assert.deepEqual(
      await due(hourly),
      sent(
        ...['2026-04-05T01:00', '2026-04-05T02:00', '2026-04-05T03:00'],
        ...['2026-04-05T04:00', '2026-04-05T05:00', '2026-04-05T06:00'],
      ),
    )
    assert.deepEqual(held('OB-0602-7'), [
      ...['2026-04-04 21:00:00', '2026-04-04 22:00:00', '2026-04-04 23:00:00'],
      ...['2026-04-05 00:00:00', '2026-04-05 01:00:00', '2026-04-05 02:00:00'],
    ])
    assert.deepEqual(await due(daily), sent('2026-04-05T04:00'))
    assert.deepEqual(held('OB-0602-8'), ['2026-04-05 00:00:00'])
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('in September’s night, in which Chile has no hour 00:00, leaves no hour of the regulator out', async () => {
    await goTo('2026-09-06T01:30:00Z')
    const hourly = await scene.register('OB-0602-7')
    const daily = await scene.register('OB-0602-8', { standard: 'medio' })
    await liveThrough([hourly, daily], 6)

    // In Santiago: 22:00, 23:00, 01:00, 02:00, 03:00, 04:00.
    assert.deepEqual(
      await due(hourly),
      sent(
        ...['2026-09-06T02:00', '2026-09-06T03:00', '2026-09-06T04:00'],
        ...['2026-09-06T05:00', '2026-09-06T06:00', '2026-09-06T07:00'],
      ),
    )
    assert.deepEqual(held('OB-0602-7'), [
      ...['2026-09-05 22:00:00', '2026-09-05 23:00:00', '2026-09-06 00:00:00'],
      ...['2026-09-06 01:00:00', '2026-09-06 02:00:00', '2026-09-06 03:00:00'],
    ])
    assert.deepEqual(await due(daily), sent('2026-09-06T04:00'))
    assert.deepEqual(held('OB-0602-8'), ['2026-09-06 00:00:00'])
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('at the year’s end belongs to the regulator’s year, in every standard', async () => {
    await goTo('2027-01-01T01:30:00Z')
    const points: Record<string, number> = {}
    for (const [work, standard] of [
      ['OB-0602-1', 'mayor'],
      ['OB-0602-2', 'medio'],
      ['OB-0602-3', 'menor'],
      ['OB-0602-4', 'caudales_muy_pequenos'],
    ] as const)
      points[work] = await scene.register(work, { standard })
    await liveThrough(Object.values(points), 4)

    assert.deepEqual(
      await due(points['OB-0602-1']),
      sent('2027-01-01T02:00', '2027-01-01T03:00', '2027-01-01T04:00', '2027-01-01T05:00'),
    )
    assert.deepEqual(held('OB-0602-1'), [
      ...['2026-12-31 22:00:00', '2026-12-31 23:00:00', '2027-01-01 00:00:00', '2027-01-01 01:00:00'],
    ])
    for (const work of ['OB-0602-2', 'OB-0602-3', 'OB-0602-4']) {
      assert.deepEqual(await due(points[work]), sent('2027-01-01T04:00'), work)
      assert.deepEqual(held(work), ['2027-01-01 00:00:00'], work)
    }
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('on 29 February is a day like any other, and the last of its month', async () => {
    await goTo('2028-02-29T02:30:00Z')
    const hourly = await scene.register('OB-0602-7')
    const last = { kind: 'months', everyMonths: 1, day: 31, minute: 0 }
    const monthly = await scene.register('OB-0602-8', { standard: 'menor', every: last })
    await liveThrough([hourly, monthly], 27)

    assert.deepEqual(held('OB-0602-7'), [
      '2028-02-28 23:00:00',
      ...['2028-02-29 00:00:00', '2028-02-29 01:00:00', '2028-02-29 02:00:00', '2028-02-29 03:00:00'],
      ...['2028-02-29 04:00:00', '2028-02-29 05:00:00', '2028-02-29 06:00:00', '2028-02-29 07:00:00'],
      ...['2028-02-29 08:00:00', '2028-02-29 09:00:00', '2028-02-29 10:00:00', '2028-02-29 11:00:00'],
      ...['2028-02-29 12:00:00', '2028-02-29 13:00:00', '2028-02-29 14:00:00', '2028-02-29 15:00:00'],
      ...['2028-02-29 16:00:00', '2028-02-29 17:00:00', '2028-02-29 18:00:00', '2028-02-29 19:00:00'],
      ...['2028-02-29 20:00:00', '2028-02-29 21:00:00', '2028-02-29 22:00:00', '2028-02-29 23:00:00'],
      ...['2028-03-01 00:00:00', '2028-03-01 01:00:00'],
    ])
    assert.deepEqual(await due(monthly), sent('2028-02-29T04:00'))
    assert.deepEqual(held('OB-0602-8'), ['2028-02-29 00:00:00'])
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('after seven days in which nothing of ours ran is every hour of them, over April’s night', async () => {
    await goTo('2026-04-01T12:30:00Z')
    const point = await scene.register('OB-0602-7')
    const began = Date.parse('2026-04-01T13:00:00Z')
    for (let hour = 0; hour < 168; hour += 1) await scene.site.measureWell(point, began + hour * HOUR)
    await goTo('2026-04-08T12:00:00Z')
    const { made, ready } = await scene.site.round()

    assert.deepEqual([made, ready], [168, 168])
    const all = (await due(point)).map(([instant]) => instant)
    const hoursOf = (day: string, first: number, last: number) =>
      Array.from(
        { length: last - first + 1 },
        (_, index) => `${day}T${String(first + index).padStart(2, '0')}:00`,
      )
    assert.deepEqual(all, [
      ...hoursOf('2026-04-01', 13, 23),
      ...hoursOf('2026-04-02', 0, 23),
      ...hoursOf('2026-04-03', 0, 23),
      ...hoursOf('2026-04-04', 0, 23),
      ...hoursOf('2026-04-05', 0, 23),
      ...hoursOf('2026-04-06', 0, 23),
      ...hoursOf('2026-04-07', 0, 23),
      ...hoursOf('2026-04-08', 0, 12),
    ])
    // What is fresh first, then the oldest.
    assert.deepEqual(held('OB-0602-7')[0], '2026-04-08 08:00:00')
    // One value every five minutes: fourteen hours, in which fourteen more come.
    for (let minute = 0; minute < 16 * 60; minute += 5) {
      await scene.clock.advance(HOUR / 12)
      if (scene.clock.now() % HOUR === 0) await scene.site.measureWell(point, scene.clock.now())
      await scene.site.round()
    }
    const everything = held('OB-0602-7').toSorted()
    assert.deepEqual([everything.length, new Set(everything).size], [168 + 16, 168 + 16])
    assert.deepEqual([everything[0], everything.at(-1)], ['2026-04-01 09:00:00', '2026-04-09 00:00:00'])
    // The night itself, in the regulator’s hours.
    const night = everything.filter(text => text > '2026-04-04 21' && text < '2026-04-05 03')
    assert.deepEqual(night, [
      ...['2026-04-04 21:00:00', '2026-04-04 22:00:00', '2026-04-04 23:00:00'],
      ...['2026-04-05 00:00:00', '2026-04-05 01:00:00', '2026-04-05 02:00:00'],
    ])
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('is what is owed since a work began late, and since an instant before that when somebody asks', async () => {
    await goTo('2026-01-31T20:30:00Z')
    const point = await scene.register('OB-0602-7', {
      ...{ standard: 'medio', from: '2025-12-01T04:00:00Z', backfillFrom: '2026-01-29T00:00:00Z' },
    })
    for (const day of ['29', '30', '31'])
      await scene.site.measureWell(point, Date.parse(`2026-01-${day}T04:00:00Z`))
    await scene.site.round()
    const later = await scene.register('OB-0602-8', { standard: 'medio', from: '2025-12-01T04:00:00Z' })
    await goTo('2026-02-01T04:00:00Z')
    for (const id of [point, later]) await scene.site.measureWell(id, scene.clock.now())
    await scene.site.round()

    assert.deepEqual(
      (await due(point)).map(([instant]) => instant),
      [...['2026-01-29T04:00', '2026-01-30T04:00', '2026-01-31T04:00', '2026-02-01T04:00']],
    )
    assert.deepEqual(await due(later), sent('2026-02-01T04:00'))
  })
})
