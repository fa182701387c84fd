// From committed batches to derived values and rollups, on a real database.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../../../cloud/store/database.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, openSite, processAll, valuesIn } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

describe('the processor', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('processRound() derives the water table from the level, and keeps a negative one as uncertain', async () => {
    const site = await openSite(db)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80, offsetM: 0.5 }, T - DAY)
    await site.commit([
      [T, 'level', 31.5],
      [T + MINUTE, 'level', null],
      [T + 2 * MINUTE, 'level', 90],
    ])

    await processAll(db)

    assert.deepEqual(await valuesIn(db, await site.pointId(), 'water_table'), [
      [T, 48, 'good'],
      [T + MINUTE, null, 'no_answer'],
      [T + 2 * MINUTE, -10.5, 'uncertain'],
    ])
  })

  test('processRound() derives nothing without a calibration', async () => {
    const site = await openSite(db)
    await site.commit([
      [T, 'level', 31.5],
      [T, 'pulses', 100],
    ])

    await processAll(db)

    assert.deepEqual(await valuesIn(db, await site.pointId(), 'water_table'), [])
    assert.deepEqual(await valuesIn(db, await site.pointId(), 'volume'), [])
  })

  test('processRound() derives the volume from pulses: pulses × litresPerPulse / 1000 + baseM3', async () => {
    const site = await openSite(db)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100, baseM3: 5000 }, T - DAY)
    await site.commit([
      [T, 'pulses', 1000],
      [T + MINUTE, 'pulses', 1010],
      [T + 2 * MINUTE, 'pulses', null],
      [T + 3 * MINUTE, 'pulses', 1030],
    ])

    await processAll(db)

    const values = await allValues(db, await site.pointId(), 'volume')
    assert.deepEqual(
      values.map(({ at, value, consumed }) => [at, value, consumed]),
      [
        [T, 5100, null],
        [T + MINUTE, 5101, 1],
        [T + 2 * MINUTE, null, null],
        [T + 3 * MINUTE, 5103, 2],
      ],
    )
  })

  test('processRound() rolls measured and derived values up by hour, civil day and month', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'flow', 10],
      [T, 'total', 100],
      [T + MINUTE, 'flow', null],
      [T + 30 * MINUTE, 'flow', 14],
      [T + 30 * MINUTE, 'total', 107],
      [T + HOUR, 'total', 115],
    ])

    await processAll(db)

    const pointId = await site.pointId()
    assert.deepEqual(await bucketsIn(db, pointId, 'flow', 'hour'), [
      {
        at: T,
        count: 3,
        valid: 2,
        minutes: 2,
        min: 10,
        max: 14,
        mean: 12,
        last: 14,
        lastAt: T + 30 * MINUTE,
        consumption: null,
        gapConsumption: null,
        worstQuality: 17,
      },
    ])
    assert.deepEqual(
      (await bucketsIn(db, pointId, 'volume', 'hour')).map(({ at, consumption }) => [at, consumption]),
      [
        [T, 7],
        [T + HOUR, 8],
      ],
    )
    const day = Date.parse('2026-01-15T00:00:00-03:00')
    assert.deepEqual(
      (await bucketsIn(db, pointId, 'volume', 'day')).map(({ at, count, consumption }) => [
        at,
        count,
        consumption,
      ]),
      [[day, 3, 15]],
    )
    const month = Date.parse('2026-01-01T00:00:00-03:00')
    assert.deepEqual(
      (await bucketsIn(db, pointId, 'volume', 'month')).map(({ at, last }) => [at, last]),
      [[month, 115]],
    )
  })

  for (const { name, late } of [
    { name: 'an hour', late: HOUR },
    { name: 'three days', late: 3 * DAY },
  ]) {
    test(`processRound() heals volumes and rollups when readings come ${name} late`, async () => {
      const onTime = await openSite(db)
      const behind = await openSite(db)
      const samples = Array.from(
        { length: 5 * 24 },
        (_, index) => [T + index * HOUR, 'total', 1000 + index * 3] as const,
      )
      const heldBack = samples.filter(([at]) => at > T + late - HOUR && at <= T + late + 2 * HOUR)
      for (const site of [onTime, behind]) await site.calibrate('total_to_volume', {}, T - DAY)
      await onTime.commit(samples)
      await behind.commit(samples.filter(sample => !heldBack.includes(sample)))
      await processAll(db)
      const before = await everythingOf(behind)

      await behind.commit(heldBack)
      await processAll(db)

      const healed = await everythingOf(behind)
      assert.equal(heldBack.length, 3)
      assert.notDeepEqual(before, healed)
      assert.deepEqual(healed, await everythingOf(onTime))
    })
  }

  async function everythingOf(site: Awaited<ReturnType<typeof openSite>>): Promise<unknown> {
    const pointId = await site.pointId()
    return {
      volumes: await allValues(db, pointId, 'volume'),
      hours: await bucketsIn(db, pointId, 'volume', 'hour'),
      days: await bucketsIn(db, pointId, 'volume', 'day'),
      months: await bucketsIn(db, pointId, 'volume', 'month'),
      totals: await bucketsIn(db, pointId, 'total', 'month'),
    }
  }
})
