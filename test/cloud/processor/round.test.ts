// From committed batches to derived values and rollups, on a real database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ObligationSettings, termsOf } from '../../../cloud/compliance/obligation.ts'
import { pickValues } from '../../../cloud/compliance/selection.ts'
import { dayOf } from '../../../cloud/processor/civil-time.ts'
import { continueRecomputation } from '../../../cloud/processor/round.ts'
import { selectCandidates } from '../../../cloud/store/compliance-slots.ts'
import { TIME_QUALITIES } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, LIMITS, openSite, processAll, valuesIn } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

const OBLIGATION = ObligationSettings.parse({
  ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest', workCode: 'OB-0602-7' },
  informant: '12345678-5',
})

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

describeOnEveryDatabase('the processor', ({ db }) => {
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

  test('processRound() knows a derived value’s clock no better than its reading’s, and nothing of it is declared', async () => {
    const site = await openSite(db)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100 }, T - DAY)
    await site.commit(
      [
        [T, 'level', 31.5],
        [T, 'pulses', 1000],
      ],
      'pozo-7',
      'unsynced',
    )

    await processAll(db)

    const pointId = await site.pointId()
    const candidates = await selectCandidates(db, [{ slotId: 1, pointId, dueAt: T, reachMs: MINUTE }])
    assert.deepEqual(
      candidates.map(({ variable, timeQuality }) => [variable, timeQuality]).sort(),
      [VARIABLES.volume.code, VARIABLES.water_table.code].sort().map(code => [code, TIME_QUALITIES.unsynced]),
    )
    const terms = termsOf(OBLIGATION, 'groundwater')
    const picked = pickValues({ dueAt: T, pointId, metered: [], terms }, { candidates, means: [] }, T + HOUR)
    assert.ok(picked.kind === 'no_data')
    const clocks = Object.values(picked.values).map(chosen => chosen?.parts?.[0]?.timeQuality)
    assert.deepEqual(clocks, [TIME_QUALITIES.unsynced, TIME_QUALITIES.unsynced])
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
        qualities: { 17: 1 },
        flags: null,
        firstAt: T,
        throughAt: T + 30 * MINUTE,
        late: 0,
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

  test('processRound() adds hours up to civil days of 23 and 25 hours', async () => {
    for (const { date, hours } of [
      { date: '2026-09-06T12:00:00Z', hours: 23 },
      { date: '2026-04-04T12:00:00Z', hours: 25 },
    ]) {
      const site = await openSite(db)
      const day = dayOf(Date.parse(date))
      await site.calibrate('total_to_volume', {}, day.from - DAY)
      const samples = Array.from({ length: 80 }, (_, index) => {
        const at = day.from - DAY + index * HOUR
        return [at, 'total', 10_000 + index * index] as const
      })
      await site.commit(samples)

      await processAll(db)

      const pointId = await site.pointId()
      const inDay = ({ at }: { at: number }) => at >= day.from && at < day.to
      const ofHours = (await bucketsIn(db, pointId, 'volume', 'hour')).filter(inDay)
      const [ofDay, ...rest] = (await bucketsIn(db, pointId, 'volume', 'day')).filter(inDay)
      assert.equal(ofHours.length, hours)
      assert.deepEqual(rest, [])
      assert.equal(ofDay?.at, day.from)
      assert.equal(ofDay?.count, hours)
      assert.equal(ofDay?.consumption, sum(ofHours.map(({ consumption }) => consumption ?? 0)))
      const days = await bucketsIn(db, pointId, 'volume', 'day')
      const months = await bucketsIn(db, pointId, 'volume', 'month')
      assert.equal(
        sum(days.map(({ consumption }) => consumption ?? 0)),
        sum(months.map(({ consumption }) => consumption ?? 0)),
      )
      assert.equal(sum(days.map(({ consumption }) => consumption ?? 0)), 79 * 79)
    }
  })

  test('processRound() lets a calibration from today on leave yesterday’s values as they were', async () => {
    const site = await openSite(db)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100 }, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.commit([
      [T, 'pulses', 1000],
      [T, 'level', 30],
    ])
    await processAll(db)

    await site.calibrate('pulses_to_volume', { litresPerPulse: 1000 }, T + HOUR)
    await site.calibrate('level_to_water_table', { sensorDepthM: 90 }, T + HOUR)
    await site.commit([
      [T + 30 * MINUTE, 'pulses', 1010],
      [T + 30 * MINUTE, 'level', 30],
      [T + HOUR, 'pulses', 1012],
      [T + HOUR, 'level', 30],
    ])
    await processAll(db)

    const pointId = await site.pointId()
    assert.deepEqual(await valuesIn(db, pointId, 'water_table'), [
      [T, 50, 'good'],
      [T + 30 * MINUTE, 50, 'good'],
      [T + HOUR, 60, 'good'],
    ])
    const volumes = await allValues(db, pointId, 'volume')
    assert.deepEqual(
      volumes.map(({ value, consumed }) => [value, consumed]),
      [
        [100, null],
        [101, 1],
        [103, 2],
      ],
    )
  })

  test('processRound() changes nothing when the same readings come again in other batches', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    const samples = Array.from(
      { length: 50 },
      (_, index) => [T + index * MINUTE, 'total', 100 + index] as const,
    )
    await site.commit(samples)
    await processAll(db)
    const before = await everythingOf(site)

    await site.commit(samples.slice(10))
    await site.commit([...samples].reverse())
    const batches = await processAll(db)

    assert.equal(batches, 2)
    assert.deepEqual(await everythingOf(site), before)
  })

  test('processRound() re-judges suspects when a late reading shows that they were right', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'total', 1000],
      [T + MINUTE, 'total', 1001],
    ])
    await site.commit([[T + 10 * MINUTE, 'total', 1400]])
    await processAll(db)
    const pointId = await site.pointId()
    const doubted = (await valuesIn(db, pointId, 'volume')).at(-1)

    await site.commit([[T - 5 * HOUR, 'total', 400]])
    await site.commit([[T + 40 * MINUTE, 'total', 1401]])
    await site.commit([[T + 41 * MINUTE, 'total', 1402]])
    await processAll(db)

    assert.deepEqual(doubted, [T + 10 * MINUTE, 1400, 'uncertain'])
    const volumes = await allValues(db, pointId, 'volume')
    assert.deepEqual(
      volumes.map(({ value, quality, consumed }) => [value, quality, consumed]),
      [
        [400, 0, null],
        [1000, 0, 600],
        [1001, 0, 1],
        [1001, 0, null],
        [1002, 0, 1],
        [1003, 0, 1],
      ],
    )
  })

  test('latest of a derived series follows its newest value, and a recomputed one', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'total', 1000],
      [T + MINUTE, 'total', null],
    ])
    await processAll(db)

    const [latest] = await db.query(
      `select l.at, l.value, l.quality, l.good_at, l.good_value from latest l join series s on s.id = l.series_id
       where s.point_id = $1 and s.variable = 65`,
      [await site.pointId()],
    )
    assert.deepEqual(latest, { at: T + MINUTE, value: null, quality: 17, good_at: T, good_value: 1000 })
  })

  test('latest of a derived series does not follow a clock that ran ahead', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - DAY)
    await site.commit([
      [T, 'total', 1000],
      [systemClock.now() + 365 * DAY, 'total', 1001],
    ])
    await processAll(db)

    const [latest] = await db.query(
      `select l.at, l.value from latest l join series s on s.id = l.series_id
       where s.point_id = $1 and s.variable = 65`,
      [await site.pointId()],
    )
    assert.deepEqual(latest, { at: T, value: 1000 })
  })

  test('processRound() goes on in later transactions when a recomputation is too long for one', async () => {
    const site = await openSite(db)
    const whole = await openSite(db)
    const samples = Array.from(
      { length: 3500 },
      (_, index) => [T + index * MINUTE, 'total', 100 + index] as const,
    )
    for (const one of [site, whole]) await one.calibrate('total_to_volume', {}, T - DAY)
    for (let start = 0; start < samples.length; start += 500)
      await site.commit(samples.slice(start, start + 500))
    await processAll(db)
    // A meter that stood at 50,000 before: every volume after it moves.
    const late = [
      [T - 2 * HOUR, 'total', 49_999],
      [T - HOUR, 'total', 50_000],
    ] as const
    const small = { ...LIMITS, readingsMax: 1500 }
    await site.commit(late)
    await processAll(db, small)
    let more = 0
    while ((await continueRecomputation({ db, clock: systemClock }, small)) !== undefined) more += 1

    await whole.commit(late)
    for (let start = 0; start < samples.length; start += 500)
      await whole.commit(samples.slice(start, start + 500))
    await processAll(db)
    assert.ok(more >= 1)
    assert.deepEqual(await everythingOf(site), await everythingOf(whole))
  })

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
