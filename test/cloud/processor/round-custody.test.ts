// What the processor promises of custody (P1-P3 of cloud/processor/round.ts), on a real database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processCarefully, processRound } from '../../../cloud/processor/round.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, LIMITS, openSite, processAll } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const DAY = 86_400_000

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

describeOnEveryDatabase('the processor, with others and through failures', ({ db }) => {
  test('two processors at once share the batches and double nothing (P2)', async () => {
    const sites = await Promise.all(Array.from({ length: 6 }, () => openSite(db)))
    for (const site of sites) {
      await site.calibrate('total_to_volume', {}, T - DAY)
      for (let batch = 0; batch < 5; batch += 1) {
        await site.commit(
          Array.from({ length: 20 }, (_, index) => {
            const minute = batch * 20 + index
            return [T + minute * MINUTE, 'total', 1000 + minute] as const
          }),
        )
      }
    }
    const limits = { ...LIMITS, gatewaysMax: 2, batchesEachMax: 2 }

    const [first, second] = await Promise.all([processAll(db, limits), processAll(db, limits)])
    const rest = await processAll(db, limits)

    assert.equal(first + second + rest, 30)
    assert.ok(first > 0 && second > 0)
    for (const site of sites) {
      const volumes = await allValues(db, await site.pointId(), 'volume')
      assert.equal(volumes.length, 100)
      assert.equal(sum(volumes.map(({ consumed }) => consumed ?? 0)), 99)
      const days = await bucketsIn(db, await site.pointId(), 'volume', 'day')
      assert.equal(sum(days.map(({ consumption }) => consumption ?? 0)), 99)
    }
  })

  test('processRound() that dies before its COMMIT has not happened, and the next one does it (P1)', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'total', 100],
      [T + MINUTE, 'total', 101],
    ])
    const dying: Database = {
      ...db,
      transaction: work =>
        db.transaction(async tx => {
          await work(tx)
          throw new Unavailable('Database went away')
        }),
    }

    await assert.rejects(processRound({ db: dying, clock: systemClock }, LIMITS), Unavailable)

    const pointId = await site.pointId()
    assert.deepEqual(await allValues(db, pointId, 'volume'), [])
    assert.equal(await processAll(db), 1)
    assert.deepEqual(
      (await allValues(db, pointId, 'volume')).map(({ value }) => value),
      [100, 101],
    )
  })

  test('processRound() sets a point with unusable calibrations aside and goes on with the others (P3)', async () => {
    const site = await openSite(db)
    await site.calibrate('pulses_to_volume', { litresPerPulse: -1 }, T - DAY, 'broken')
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100 }, T - DAY, 'sound')
    await site.commit([[T, 'pulses', 10]], 'broken')
    await site.commit([[T, 'pulses', 10]], 'sound')

    await processAll(db)

    assert.equal((await allValues(db, await site.pointId('sound'), 'volume')).length, 1)
    assert.deepEqual(await allValues(db, await site.pointId('broken'), 'volume'), [])
    assert.equal((await bucketsIn(db, await site.pointId('broken'), 'pulses', 'hour')).length, 1)
    const failures = await db.query<{ reason: string }>(
      'select reason from processing_failures where point_id = $1',
      [await site.pointId('broken')],
    )
    assert.match(failures[0]?.reason ?? '', /^Cannot use calibration: litresPerPulse: /)
  })

  test('processCarefully() sets one series aside that cannot be summed, and computes everything else of the batch (P3)', async () => {
    const site = await openSite(db)
    for (const point of ['absurd', 'sound']) await site.calibrate('total_to_volume', {}, T - DAY, point)
    const absurd = await site.pointId('absurd')
    const [series] = await db.query<{ id: number }>(
      'insert into series (point_id, variable) values ($1, 1) returning id',
      [absurd],
    )
    await db.script(
      `alter table rollups_hour add constraint refuse_one check (series_id <> ${series?.id ?? 0})`,
    )
    await site.commit([
      [T, 'flow', 4.2, undefined, 'absurd'],
      [T, 'total', 100, undefined, 'absurd'],
      [T, 'total', 100, undefined, 'sound'],
    ])
    const deps = { db, clock: systemClock }

    await assert.rejects(processRound(deps, LIMITS), { name: 'DatabaseRefused' })
    const { failures, batches, derived } = await processCarefully(deps, LIMITS)
    await db.script('alter table rollups_hour drop constraint refuse_one')

    assert.deepEqual([batches, derived], [1, 2])
    assert.deepEqual(
      failures.map(({ pointId, reason }) => [pointId, /refuse_one/.test(reason)]),
      [[absurd, true]],
    )
    for (const point of ['absurd', 'sound']) {
      const pointId = await site.pointId(point)
      assert.equal((await bucketsIn(db, pointId, 'volume', 'hour')).length, 1)
      assert.equal((await bucketsIn(db, pointId, 'total', 'month')).length, 1)
    }
    assert.deepEqual(await bucketsIn(db, absurd, 'flow', 'hour'), [])
    assert.equal(await processAll(db), 0)
  })

  test('processCarefully() sets a batch aside that the database refuses, and the line moves on (P3)', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([[T, 'total', 100]], 'refused')
    await site.commit([[T, 'total', 100]], 'taken')
    const refused = await site.pointId('refused')
    // A rule of the database's own that refuses one series: what a bug of ours would look like.
    await site.calibrate('total_to_volume', {}, T - DAY, 'refused')
    await site.calibrate('total_to_volume', {}, T - DAY, 'taken')
    const [series] = await db.query<{ id: number }>(
      'insert into series (point_id, variable) values ($1, 65) returning id',
      [refused],
    )
    await db.script(`alter table derived add constraint refuse_one check (series_id <> ${series?.id ?? 0})`)
    const deps = { db, clock: systemClock }

    await assert.rejects(processRound(deps, LIMITS), { name: 'DatabaseRefused' })
    const first = await processCarefully(deps, LIMITS)
    const second = await processCarefully(deps, LIMITS)
    await db.script('alter table derived drop constraint refuse_one')

    assert.match(first.failures[0]?.reason ?? '', /refuse_one/)
    assert.deepEqual(second.failures, [])
    assert.equal((await allValues(db, await site.pointId('taken'), 'volume')).length, 1)
    assert.equal(await processAll(db), 0)
  })
})
