// Judgements beside readings, what follows from them, and that late readings heal both, on a real database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enterMeterEvent, takeBackMeterEvent } from '../../../cloud/processor/meter-events.ts'
import { previewRecomputation } from '../../../cloud/processor/preview.ts'
import { recomputeIn } from '../../../cloud/processor/recompute.ts'
import { continueRecomputation } from '../../../cloud/processor/round.ts'
import { selectCandidates } from '../../../cloud/store/compliance-slots.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, flagsIn, LIMITS, openSite, processAll, type Site, valuesIn } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

describeOnEveryDatabase('judging readings', ({ db }) => {
  const measured = (_site: Site, pointId: number) =>
    db.query<{ value: number | null }>(
      'select r.value from readings r join series s on s.id = r.series_id where s.point_id = $1 order by s.variable, r.at',
      [pointId],
    )
  const goOn = async () => {
    while ((await continueRecomputation({ db, clock: systemClock }, LIMITS)) !== undefined);
  }

  test('leaves what was measured, puts the value in force beside it, and computes with that', async () => {
    const site = await openSite(db)
    await site.rule('unit_conversion', 'level', { factor: 0.01 }, T - DAY)
    await site.rule('unit_conversion', 'total', { unit: 'L' }, T - DAY)
    await site.rule('low_flow_cut_off', 'flow', { belowLps: 0.5 }, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'flow', 0.2],
      [T, 'level', 3150],
      [T, 'total', 100_000],
      [T + MINUTE, 'total', 101_500],
    ])

    await processAll(db)

    const pointId = await site.pointId()
    assert.deepEqual(await flagsIn(db, pointId, 'flow'), [[T, 0, ['cut_off']]])
    assert.deepEqual(await flagsIn(db, pointId, 'level'), [[T, 31.5, []]])
    assert.deepEqual(await flagsIn(db, pointId, 'water_table'), [[T, 48.5, []]])
    const volumes = await allValues(db, pointId, 'volume')
    assert.deepEqual(
      volumes.map(({ value, consumed }) => [value, consumed]),
      [
        [100, null],
        [101.5, 1.5],
      ],
    )
    assert.deepEqual(
      (await measured(site, pointId)).map(({ value }) => value),
      [0.2, 100_000, 101_500, 3150],
    )
    const [hour] = await bucketsIn(db, pointId, 'flow', 'hour')
    assert.deepEqual([hour?.mean, hour?.valid, hour?.flags], [0, 1, { 6: 1 }])
  })

  test('computes nothing from a sentinel, and counts a flag in every rollup without counting the value', async () => {
    const site = await openSite(db)
    await site.rule('checks', 'level', { sentinels: [999], range: { max: 60 } }, T - DAY)
    await site.rule('checks', 'pulses', { sentinels: [65_535] }, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100 }, T - DAY)
    await site.commit([
      [T, 'level', 999],
      [T + MINUTE, 'level', 70],
      [T + 2 * MINUTE, 'level', 30],
      [T, 'pulses', 65_530],
      [T + MINUTE, 'pulses', 65_535],
      [T + 2 * MINUTE, 'pulses', 65_540],
    ])

    await processAll(db)

    const pointId = await site.pointId()
    assert.deepEqual(await flagsIn(db, pointId, 'water_table'), [
      [T, null, ['sentinel']],
      [T + MINUTE, 10, ['out_of_range']],
      [T + 2 * MINUTE, 50, []],
    ])
    assert.deepEqual(await flagsIn(db, pointId, 'volume'), [
      [T, 6553, []],
      [T + MINUTE, null, ['sentinel']],
      [T + 2 * MINUTE, 6554, []],
    ])
    for (const size of ['hour', 'day', 'month'] as const) {
      for (const variable of ['level', 'water_table'] as const) {
        const [bucket] = await bucketsIn(db, pointId, variable, size)
        const { count, valid, flags } = bucket ?? {}
        assert.deepEqual({ count, valid, flags }, { count: 3, valid: 1, flags: { 0: 1, 3: 1 } })
      }
    }
  })

  test('heals what comes after a late reading, with the water table and the rollup', async () => {
    const site = await openSite(db)
    await site.rule('checks', 'level', { rate: { maxPerMinute: 1 } }, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.commit([
      [T, 'level', 30],
      [T + 10 * MINUTE, 'level', 41],
      [T + 11 * MINUTE, 'level', 41.5],
    ])
    await processAll(db)
    const pointId = await site.pointId()
    const jumped = [
      [T, 50, []],
      [T + 10 * MINUTE, 39, ['too_fast']],
      [T + 11 * MINUTE, 38.5, ['too_fast']],
    ]
    assert.deepEqual(await flagsIn(db, pointId, 'water_table'), jumped)
    assert.equal((await bucketsIn(db, pointId, 'level', 'hour'))[0]?.valid, 1)

    await site.commit([
      [T + MINUTE, 'level', 31],
      [T + 2 * MINUTE, 'level', 32],
      [T + 3 * MINUTE, 'level', 33],
      [T + 4 * MINUTE, 'level', 34],
      [T + 5 * MINUTE, 'level', 36],
    ])
    await site.commit([[T + 6 * MINUTE, 'level', 37]])
    await processAll(db)

    assert.deepEqual(
      (await flagsIn(db, pointId, 'water_table')).map(([, , flags]) => flags.join()),
      ['', '', '', '', '', 'too_fast', 'too_fast', '', ''],
    )
    const [hour] = await bucketsIn(db, pointId, 'level', 'hour')
    assert.deepEqual([hour?.count, hour?.valid, hour?.flags], [9, 7, { 1: 2 }])
  })

  test('makes flow of the volume, and none of a gap or of too much: it is never 0 for what nobody knows', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', { maxM3PerHour: 100_000 }, T - DAY)
    await site.calibrate(
      'volume_to_flow',
      { maxGapMinutes: 30, maxConsumptionM3: 500, maxFlowLps: 150 },
      T - DAY,
    )
    await site.commit([
      [T, 'total', 100],
      [T + 10 * MINUTE, 'total', 106],
      [T + 20 * MINUTE, 'total', 106],
      [T + 60 * MINUTE, 'total', 130],
      [T + 70 * MINUTE, 'total', 700],
      [T + 71 * MINUTE, 'total', 712],
      [T + 72 * MINUTE, 'total', null],
    ])
    await processAll(db)
    const pointId = await site.pointId()

    assert.deepEqual(await flagsIn(db, pointId, 'mean_flow'), [
      [T, null, []],
      [T + 10 * MINUTE, 10, []],
      [T + 20 * MINUTE, 0, []],
      [T + 60 * MINUTE, null, ['gap']],
      [T + 70 * MINUTE, null, ['excess']],
      [T + 71 * MINUTE, null, ['excess']],
      [T + 72 * MINUTE, null, []],
    ])
    assert.deepEqual(
      (await valuesIn(db, pointId, 'mean_flow')).map(([, , quality]) => quality),
      ['no_data', 'good', 'good', 'no_data', 'no_data', 'no_data', 'no_answer'],
    )

    await site.commit([[T + 40 * MINUTE, 'total', 118]])
    await processAll(db)

    assert.deepEqual((await flagsIn(db, pointId, 'mean_flow')).slice(3, 5), [
      [T + 40 * MINUTE, 10, []],
      [T + 60 * MINUTE, 10, []],
    ])
  })

  test('takes the mean flow over as long as the rule says, through readings that were set aside', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.calibrate('volume_to_flow', { overMinutes: 10 }, T - DAY)
    await site.commit([
      [T, 'total', 100],
      [T + 5 * MINUTE, 'total', 106],
      [T + 6 * MINUTE, 'total', 0],
      [T + 10 * MINUTE, 'total', 106],
      [T + 20 * MINUTE, 'total', 118],
    ])

    await processAll(db)

    assert.deepEqual(await flagsIn(db, await site.pointId(), 'mean_flow'), [
      [T, null, []],
      [T + 5 * MINUTE, null, []],
      [T + 6 * MINUTE, null, ['zero']],
      [T + 10 * MINUTE, 10, []],
      [T + 20 * MINUTE, 20, []],
    ])
  })

  test('a meter event that is entered later moves all that came after, and withdrawn it moves it back', async () => {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.calibrate('volume_to_flow', {}, T - DAY)
    await site.commit([
      [T, 'total', 91_750],
      [T + HOUR, 'total', 91_755],
      [T + 2 * HOUR, 'total', 60],
      [T + 3 * HOUR, 'total', 64],
      [T + 4 * HOUR, 'total', 68],
      [T + 30 * DAY, 'total', 90],
    ])
    await processAll(db)
    const before = await allValues(db, pointId, 'volume')
    const replaced = { kind: 'replacement', beforeCount: 91_758, afterCount: 58, note: null } as const
    const event = { pointId, at: T + 90 * MINUTE, ...replaced, createdBy: 'ana' }

    const entered = await db.transaction(tx => enterMeterEvent({ tx, clock: systemClock }, event))
    await goOn()

    assert.equal(entered.kind, 'entered')
    const volumes = (await allValues(db, pointId, 'volume')).map(({ value, consumed }) => [value, consumed])
    assert.deepEqual(volumes, [
      ...[
        [91_750, null],
        [91_755, 5],
      ],
      ...[
        [91_760, 5],
        [91_764, 4],
      ],
      ...[
        [91_768, 4],
        [91_790, 22],
      ],
    ])
    const [month] = await bucketsIn(db, pointId, 'volume', 'month')
    assert.equal(month?.consumption, 18)
    const flows = (await allValues(db, pointId, 'mean_flow')).map(({ value }) => value)
    assert.equal(flows[2], (5 * 1000) / 3600)

    assert.ok(entered.kind === 'entered')
    const withdrawal = { pointId, id: entered.event.id, by: 'ana' }
    await db.transaction(tx => takeBackMeterEvent({ tx, clock: systemClock }, withdrawal))
    await goOn()
    assert.deepEqual(await allValues(db, pointId, 'volume'), before)
  })

  test('a rule for a time that has passed changes nothing until the range is computed again, and that can be seen first', async () => {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.commit([
      [T, 'total', 1000],
      [T + MINUTE, 'total', 1005],
      [T, 'level', 3150],
      [T + MINUTE, 'level', 3160],
    ])
    await processAll(db)
    await site.rule('unit_conversion', 'total', { unit: 'L' }, T - HOUR)
    await site.rule('unit_conversion', 'level', { factor: 0.01 }, T - HOUR)
    const asked = { pointId, from: T - HOUR, to: T + HOUR }
    const clock = systemClock
    const recompute = () => db.transaction(async tx => (await recomputeIn({ tx, clock }, asked)).outcome)

    const { outcome: shown } = await previewRecomputation({ db, clock }, { ...asked, askedBy: 'ana' })
    const { days: _, daysMore: __, ...preview } = shown
    assert.deepEqual(preview.consumptionM3, { before: 5, after: 0.005 })
    assert.equal(preview.judged, 4)
    assert.deepEqual((await flagsIn(db, pointId, 'water_table'))[0]?.[1], -3070)
    const outcome = await recompute()

    assert.deepEqual(outcome, preview)
    assert.deepEqual(
      (await allValues(db, pointId, 'water_table')).map(({ value }) => value),
      [48.5, 48.4],
    )
    assert.deepEqual(
      (await allValues(db, pointId, 'volume')).map(({ value }) => value),
      [1, 1.005],
    )
    const again = await recompute()
    assert.deepEqual(
      again.variables.map(({ changed, removed }) => changed + removed),
      [0, 0],
    )
  })

  test('offers nothing to be declared that its rules have not been asked of yet', async () => {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await site.rule('unit_conversion', 'flow', { unit: 'm³/h' }, T - DAY)
    await site.commit([[T, 'flow', 36]])
    const candidates = async () =>
      (await selectCandidates(db, [{ slotId: 1, pointId, dueAt: T, reachMs: MINUTE }])).map(
        ({ value }) => value,
      )

    assert.deepEqual(await candidates(), [])
    await processAll(db)
    assert.deepEqual(await candidates(), [10])
  })
})
