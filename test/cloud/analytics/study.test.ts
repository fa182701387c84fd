// What is studied and found, on a real database: from rollups to anomalies, again, and after late data.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { studyDue } from '../../../cloud/analytics/study.ts'
import { addDays, daySpan } from '../../../cloud/processor/civil-time.ts'
import { countAnalysesDue, noteDays, selectAnomalies } from '../../../cloud/store/analyses.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type WellHistory, wellHistory } from '../../doubles/history.ts'
import { openSite, processAll, type Sample } from '../processor/site.ts'

const FROM = '2025-03-01'
const LEAK = { kind: 'night_flow', from: addDays(FROM, 70), to: addDays(FROM, 75), severity: 0.8 } as const
const LIMITS = { settleMs: 0, pointsMax: 50, daysMax: 400 }

describe('studyDue()', () => {
  let database: TestDatabase
  let db: Database
  const clock = openFakeClock(daySpan(addDays(FROM, 90)).from + 12 * 3_600_000)
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('opens an anomaly, closes it, tells its numbers, and finds the same when it is asked again', async () => {
    const pointId = await pointWith(wellHistory(4, { from: FROM, days: 90, faults: [LEAK] }))
    await studyAll()
    const [found, ...others] = await anomaliesOf(pointId)

    assert.deepEqual(
      [found?.kind, found?.state, found?.firstDay, found?.lastDay, found?.days, others],
      ['night_flow', 'closed', LEAK.from, LEAK.to, 6, []],
    )
    const { nightM3h = 0, boundM3h = 0, usualM3h = 0 } = found?.evidence ?? {}
    assert.ok(nightM3h > boundM3h && boundM3h > usualM3h && usualM3h > 0)

    await noteDays(
      db,
      days().map(day => ({ pointId, day })),
    )
    await studyAll()
    assert.deepEqual(await anomaliesOf(pointId), [found])
  })

  test('keeps an anomaly open while nothing says that it is over, and closes it when a day does', async () => {
    const history = wellHistory(4, { from: FROM, days: 90, faults: [LEAK] })
    const pointId = await pointWith({ ...history, days: history.days.slice(0, 73) })
    await studyAll()
    const [open] = await anomaliesOf(pointId)
    await putHours(pointId, { ...history, days: history.days.slice(73) })
    await studyAll()
    const [closed, ...others] = await anomaliesOf(pointId)

    assert.deepEqual([open?.state, open?.lastDay], ['open', addDays(FROM, 72)])
    assert.deepEqual([closed?.state, closed?.lastDay, others], ['closed', LEAK.to, []])
    assert.deepEqual([closed?.id, closed?.openedAt], [open?.id, open?.openedAt])
  })

  test('withdraws an anomaly of which late data says that there was none, and joins what late days join', async () => {
    const history = wellHistory(4, { from: FROM, days: 90, faults: [LEAK] })
    const sound = wellHistory(4, { from: FROM, days: 90 })
    const gap = addDays(LEAK.from, 2)
    const pointId = await pointWith(history)
    await putHours(pointId, { ...sound, days: sound.days.filter(({ day }) => day === gap) })
    await studyAll()
    const parted = await anomaliesOf(pointId)
    await putHours(pointId, { ...history, days: history.days.filter(({ day }) => day === gap) })
    await studyAll()
    const joined = await anomaliesOf(pointId)
    await putHours(pointId, sound)
    await studyAll()
    const withdrawn = await anomaliesOf(pointId)

    const statesOf = (rows: typeof parted) => rows.map(({ state, days: count }) => `${state} ${count}`).sort()
    assert.deepEqual(statesOf(parted), ['closed 2', 'closed 3'])
    assert.deepEqual(statesOf(joined), ['closed 6', 'withdrawn 3'])
    assert.deepEqual(statesOf(withdrawn), ['withdrawn 3', 'withdrawn 6'])
  })

  test('in two places at once studies every day once', async () => {
    const histories = [4, 7, 10].map(seed => wellHistory(seed, { from: FROM, days: 90, faults: [LEAK] }))
    const ids = await Promise.all(histories.map(pointWith))
    await Promise.all([studyAll(), studyAll()])

    for (const id of ids)
      assert.equal((await anomaliesOf(id)).filter(({ kind }) => kind === 'night_flow').length, 1)
    assert.equal(await countAnalysesDue(db), 0)
  })

  test('is told by the processor which days have changed, also of late data', async () => {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await site.calibrate('total_to_volume', {}, 0)
    const { from } = daySpan(addDays(FROM, 80))
    const samples = Array.from(
      { length: 48 },
      (_, index): Sample => [from + index * 1_800_000, 'total', 100 + index],
    )
    const late = samples.splice(0, 10)
    await site.commit(samples)
    await processAll(db)
    await studyAll()
    const earlier = await factsOf(pointId)
    await site.commit(late)
    await processAll(db)
    await studyAll()

    assert.deepEqual([earlier.nightM3h, earlier.consumptionM3], [null, 37])
    const facts = await factsOf(pointId)
    assert.deepEqual([facts.nightM3h, facts.consumptionM3], [2, 47])
  })

  const days = () => Array.from({ length: 90 }, (_, index) => addDays(FROM, index))
  const anomaliesOf = (pointId: number) =>
    selectAnomalies(db, { pointId, beforeId: Number.MAX_SAFE_INTEGER, limit: 100 })

  async function factsOf(pointId: number): Promise<{ nightM3h: unknown; consumptionM3: unknown }> {
    const [row] = await db.query<{ facts: { nightM3h: unknown; consumptionM3: unknown } }>(
      'select facts from point_days where point_id = $1',
      [pointId],
    )
    assert.ok(row)
    return row.facts
  }

  async function studyAll(): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds += 1) {
      if ((await studyDue({ db, clock }, LIMITS)).days === 0) return
    }
    assert.fail('there is always more to study')
  }

  async function pointWith(history: WellHistory): Promise<number> {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await putHours(pointId, history)
    return pointId
  }

  /** Hours as the processor writes them, without the readings under them. */
  async function putHours(pointId: number, { days: made }: WellHistory): Promise<void> {
    const hours = made.flatMap(({ hours }) => hours)
    const ids = new Map<string, number>()
    for (const variable of ['volume', 'flow', 'water_table'] as const) {
      const [row] = await db.query<{ id: number }>(
        `insert into series (point_id, variable) values ($1, $2)
         on conflict (point_id, variable) do update set variable = excluded.variable returning id`,
        [pointId, VARIABLES[variable].code],
      )
      ids.set(variable, row?.id ?? 0)
    }
    const put = (variable: string, columns: string, values: (readonly (number | null)[])[]) =>
      db.query(
        `insert into rollups_hour as r (series_id, at, count, worst_quality, valid, minutes, ${columns})
         select $1, to_timestamp(at_ms / 1000), 12, 0, 12, 12, ${columns}
         from unnest($2::float8[], $3::float8[], $4::float8[], $5::float8[]) as t(at_ms, ${columns})
         on conflict (series_id, at) do update set (${columns}) = row(${columns
           .split(', ')
           .map(column => `excluded.${column}`)
           .join(', ')})`,
        [ids.get(variable) ?? 0, hours.map(({ at }) => at), ...values],
      )
    const column = (of: (hour: (typeof hours)[number]) => number | null) => hours.map(of)
    await put('volume', 'consumption, gap_consumption, last', [
      column(hour => hour.consumptionM3),
      column(hour => hour.gapM3),
      column(() => null),
    ])
    await put('flow', 'mean, max, last', [
      column(hour => hour.flowMeanLps),
      column(hour => hour.flowMaxLps),
      column(() => null),
    ])
    await put('water_table', 'min, max, last', [
      column(hour => hour.depthMinM),
      column(hour => hour.depthMaxM),
      column(() => null),
    ])
    await noteDays(
      db,
      made.map(({ day }) => ({ pointId, day })),
    )
  }
})
