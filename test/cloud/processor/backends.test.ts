// The processor's statements on every kind of database it must work on, late data into old columns among them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAGS, type Flag, flagsOf } from '../../../cloud/flags.ts'
import { rollUp } from '../../../cloud/processor/buckets.ts'
import { writeJudgements } from '../../../cloud/store/judgements.ts'
import type { Bucket } from '../../../cloud/store/rollups.ts'
import { compressOlderThan, timescaleVersion } from '../../../cloud/store/timescale.ts'
import { QUALITIES } from '../../../protocol/reading.ts'
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

    const late = Array.from({ length: 50 }, (_, index) => LONG_AGO + index * MINUTE + 30_000)
    await site.commit(late.slice(0, 20).map(at => [at, 'flow', 777]))
    await site.commit([[late[0] ?? 0, 'total', 777], ...late.slice(20).map(at => [at, 'flow', 777] as const)])
    await processAll(db)

    assert.deepEqual(await everythingOf(site), { ...before, flows: lateIn(before.flows, 50) })
    const failures = await db.query<{ reason: string }>(
      'select reason from processing_failures where point_id = $1 order by reason',
      [await site.pointId()],
    )
    assert.deepEqual(
      failures.map(({ reason }) => reason.split(':')[0]),
      [
        'Readings came for hours whose others are no longer kept',
        'The readings of that time are no longer kept',
      ],
    )
  })

  test('processRound() computes hours of which nothing was known when their time was dropped', async () => {
    const behind = await openSite(db)
    const onTime = await openSite(db)
    const samples = Array.from(
      { length: 90 },
      (_, index): Sample => [LONG_AGO + index * MINUTE, 'flow', index % 7],
    )
    await behind.commit([[LONG_AGO - DAY, 'flow', 1]])
    await onTime.commit([[LONG_AGO - DAY, 'flow', 1]])
    await processAll(db)
    await forgetReadings(behind)
    await db.query(`insert into retained_from (point_id, at) values ($1, now() - interval '30 days')`, [
      await behind.pointId(),
    ])

    for (const part of [samples.slice(40), samples.slice(0, 20), samples.slice(20, 40)])
      await behind.commit(part)
    await onTime.commit(samples)
    await processAll(db)

    const hours = async (site: Site) => bucketsIn(db, await site.pointId(), 'flow', 'hour')
    assert.deepEqual(await hours(behind), await hours(onTime))
    assert.equal((await hours(behind)).length, 3)
  })

  test('rollUp() makes an hour smaller only for readings that were taken back on purpose', async () => {
    const site = await openSite(db)
    await site.commit([0, 1, 2, 61].map(minute => [LONG_AGO + minute * MINUTE, 'flow', minute + 1]))
    await processAll(db)
    const pointId = await site.pointId()
    const gone = await db.query<{ seriesId: number; at: number }>(
      `delete from readings r using series s where s.id = r.series_id and s.point_id = $1
         and r.at >= to_timestamp($2::float8 / 1000) returning r.series_id as "seriesId", r.at`,
      [pointId, LONG_AGO + 2 * MINUTE],
    )
    const hours = async () =>
      (await bucketsIn(db, pointId, 'flow', 'hour')).map(({ count, max }) => [count, max])

    await db.transaction(tx => rollUp(tx, { measured: gone, derived: [] }, new Map()))
    const untold = await hours()
    await db.transaction(tx => rollUp(tx, { measured: [], withdrawn: gone, derived: [] }, new Map()))

    assert.deepEqual(untold, [
      [3, 3],
      [1, 62],
    ])
    assert.deepEqual(await hours(), [[2, 2]])
  })

  test('rollUp() counts qualities and flags from hour to month, and takes no doubtful value for a good one', async () => {
    const site = await openSite(db)
    await site.commit([
      [LONG_AGO, 'flow', 10],
      [LONG_AGO + MINUTE, 'flow', 99],
      [LONG_AGO + 2 * MINUTE, 'flow', null],
      [LONG_AGO + 3 * MINUTE, 'flow', 0.2],
      [LONG_AGO + HOUR, 'flow', null],
      [LONG_AGO + HOUR + MINUTE, 'flow', 12],
    ])
    await processAll(db)
    const pointId = await site.pointId()
    const [series] = await db.query<{ id: number }>('select id from series where point_id = $1', [pointId])
    const seriesId = series?.id ?? 0
    const judged = await db.transaction(async tx => {
      const judgements = [
        { at: LONG_AGO + MINUTE, flags: flagsOf('out_of_range', 'clock_unsynced'), adjusted: null },
        { at: LONG_AGO + 3 * MINUTE, flags: flagsOf('cut_off'), adjusted: 0 },
        { at: LONG_AGO + HOUR + MINUTE, flags: flagsOf('out_of_range'), adjusted: null },
      ]
      return writeJudgements(
        tx,
        judgements.map(one => ({ seriesId, ...one })),
      )
    })
    await db.transaction(tx => rollUp(tx, { measured: judged, derived: [] }, new Map()))

    const [first, second] = await bucketsIn(db, pointId, 'flow', 'hour')
    const [day] = await bucketsIn(db, pointId, 'flow', 'day')
    const [month] = await bucketsIn(db, pointId, 'flow', 'month')
    const noAnswer = String(QUALITIES.no_answer.code)
    const bit = (flag: Flag) => String(FLAGS[flag].bit)
    assert.deepEqual(first?.qualities, { [noAnswer]: 1 })
    assert.deepEqual(first?.flags, {
      [bit('out_of_range')]: 1,
      [bit('clock_unsynced')]: 1,
      [bit('cut_off')]: 1,
    })
    assert.deepEqual([first?.count, first?.valid, first?.min, first?.max, first?.mean], [4, 2, 0, 10, 5])
    assert.deepEqual([second?.count, second?.valid, second?.last], [2, 0, null])
    for (const bucket of [day, month]) {
      assert.deepEqual([bucket?.count, bucket?.valid, bucket?.mean], [6, 2, 5])
      assert.deepEqual(bucket?.qualities, { [noAnswer]: 2 })
      assert.deepEqual(bucket?.flags, {
        [bit('out_of_range')]: 2,
        [bit('clock_unsynced')]: 1,
        [bit('cut_off')]: 1,
      })
    }
  })

  async function openWell(): Promise<Site> {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, LONG_AGO - DAY)
    return site
  }

  async function everythingOf(site: Site) {
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
      await db.query(`select drop_chunks('readings', interval '30 days')`)
      return
    }
    await db.query(
      `delete from readings r using series s where s.id = r.series_id and s.point_id = $1 and r.at < now() - interval '30 days'`,
      [await site.pointId()],
    )
  }
})

/** So many came late, for the first hour. */
function lateIn(hours: readonly Bucket[], late: number): Bucket[] {
  return hours.map((hour, index) => (index === 0 ? { ...hour, late } : hour))
}

function counting(): Sample[] {
  return Array.from({ length: 36 }, (_, index): Sample[] => [
    [LONG_AGO + index * 10 * MINUTE, 'total', 1000 + index],
    [LONG_AGO + index * 10 * MINUTE, 'flow', 1 + (index % 3)],
  ]).flat()
}
