// The processor's statements on every kind of database it must work on, late data into old columns among them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressOlderThan, dropReadingsOlderThan, timescaleVersion } from '../../../cloud/store/timescale.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, openSite, processAll, type Sample, type Site } from './site.ts'

const LONG_AGO = Date.parse('2025-03-10T12:00:00Z')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

describeOnEveryDatabase('the processor', ({ db }) => {
  test('processRound() heals what is long past, also where it has become columns', async () => {
    const behind = await openWell()
    const onTime = await openWell()
    const samples = counting()
    const held = samples.filter(([at]) => at >= LONG_AGO + HOUR && at < LONG_AGO + 2 * HOUR)
    await behind.commit(samples.filter(sample => !held.includes(sample)))
    await processAll(db)
    if ((await timescaleVersion(db)) !== undefined) assert.ok((await compressOlderThan(db, 30)) > 0)

    await behind.commit(held)
    await onTime.commit(samples)
    await processAll(db)

    assert.deepEqual(await everythingOf(behind), await everythingOf(onTime))
  })

  test('processRound() leaves rollups and volumes as they are where the readings are no longer kept', async () => {
    const site = await openWell()
    await site.commit(counting())
    await processAll(db)
    const before = await everythingOf(site)
    await forgetReadings(site)

    await site.commit([
      [LONG_AGO + 30.5 * MINUTE, 'total', 777],
      [LONG_AGO + 30.5 * MINUTE, 'flow', 777],
    ])
    await processAll(db)

    assert.deepEqual(await everythingOf(site), before)
    const failures = await db.query('select reason from processing_failures where point_id = $1', [
      await site.pointId(),
    ])
    assert.equal(failures.length, 1)
  })

  async function openWell(): Promise<Site> {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, LONG_AGO - DAY)
    return site
  }

  async function everythingOf(site: Site): Promise<unknown> {
    const pointId = await site.pointId()
    return {
      volumes: await allValues(db, pointId, 'volume'),
      hours: await bucketsIn(db, pointId, 'volume', 'hour'),
      days: await bucketsIn(db, pointId, 'volume', 'day'),
      months: await bucketsIn(db, pointId, 'volume', 'month'),
      flows: await bucketsIn(db, pointId, 'flow', 'hour'),
    }
  }

  /** By chunk where there are chunks, by hand where there are none. */
  async function forgetReadings(site: Site): Promise<void> {
    if ((await timescaleVersion(db)) !== undefined) {
      await dropReadingsOlderThan(db, 30)
      return
    }
    await db.query(
      `delete from readings r using series s where s.id = r.series_id and s.point_id = $1 and r.at < now() - interval '30 days'`,
      [await site.pointId()],
    )
  }
})

function counting(): Sample[] {
  return Array.from({ length: 36 }, (_, index): Sample[] => [
    [LONG_AGO + index * 10 * MINUTE, 'total', 1000 + index],
    [LONG_AGO + index * 10 * MINUTE, 'flow', 1 + (index % 3)],
  ]).flat()
}
