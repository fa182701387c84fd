// The analytics as a service, after the processor, on a real database.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ANALYTICS_METRICS, computeDue, startAnalytics } from '../../../cloud/analytics/service.ts'
import type { RunningService } from '../../../cloud/service.ts'
import { countBalancesDue } from '../../../cloud/store/balances.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { makeSlot } from '../imports/well.ts'
import { openSite, processAll, type Sample, type Site } from '../processor/site.ts'

const MIDNIGHT = Date.parse('2026-01-15T00:00:00-03:00')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

describe('startAnalytics()', () => {
  let database: TestDatabase
  let db: Database
  let service: RunningService
  let seen: readonly number[] | null = null
  const authorizeReader = async (request: Request) =>
    request.headers.get('authorization') === null
      ? { kind: 'unknown' as const }
      : { kind: 'allowed' as const, clientIds: seen }
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    service = await startAnalytics(
      { db, clock: systemClock, log: silentLog, metrics: openMetrics(ANALYTICS_METRICS), authorizeReader },
      { host: '127.0.0.1', port: 0, version: '1.2.3', pollMs: 20 },
    )
  })
  after(async () => {
    await service.close()
    await database.close()
  })

  test('GET /balances gives consumption and coverage of each day, gaps shown, and heals with late data', async () => {
    const { site, key } = await wellWithTotals()
    const samples = everyFiveMinutes()
    const held = samples.filter(([at]) => at >= MIDNIGHT + 12 * HOUR && at < MIDNIGHT + 18 * HOUR)
    await site.commit(samples.filter(sample => !held.includes(sample)))
    await processAll(db)
    await untilNothingDue(db)

    const before = await balances(`point=${key}&from=2026-01-14&to=2026-01-16`)
    await site.commit(held)
    await processAll(db)
    await untilNothingDue(db)
    const healed = await balances(`point=${key}&from=2026-01-14&to=2026-01-16`)

    assert.deepEqual(before.days.map(factsOf), [
      ['2026-01-14', null, 0, null],
      ['2026-01-15', 287, 75, 73],
      ['2026-01-16', 288, 100, null],
    ])
    assert.deepEqual(healed.days.map(factsOf), [
      ['2026-01-14', null, 0, null],
      ['2026-01-15', 287, 100, null],
      ['2026-01-16', 288, 100, null],
    ])
    assert.deepEqual([healed.consumptionM3, healed.daysKnown], [575, 2])
  })

  test('GET /balances judges a day that has just begun by the one before it', async context => {
    const { site, key } = await wellWithTotals()
    await site.commit(everyFiveMinutes())
    await processAll(db)
    await untilNothingDue(db)
    const clock = openFakeClock(MIDNIGHT + 2 * DAY + 4 * MINUTE)
    const early = await startAnalytics(
      { db, clock, log: silentLog, metrics: openMetrics(ANALYTICS_METRICS), authorizeReader },
      { host: '127.0.0.1', port: 0, version: '1.2.3' },
    )
    context.after(() => early.close())
    const today = async () => {
      const url = `http://127.0.0.1:${early.port}/balances?point=${key}&from=2026-01-17`
      const { days, consumptionM3, daysKnown } = await json(
        await fetch(url, { headers: { authorization: 'Bearer reader' } }),
      )
      return [days.length, days[0].day, days[0].coveragePercent, consumptionM3, daysKnown]
    }

    assert.deepEqual(await today(), [1, '2026-01-17', null, null, 0])
    clock.step(6 * MINUTE)
    assert.deepEqual(await today(), [1, '2026-01-17', 0, null, 0])
  })

  test('GET /balances shows a point only to who may see it, and refuses what it cannot read', async () => {
    const { key } = await wellWithTotals()
    seen = [-1]
    const hidden = await get(`point=${key}`)
    seen = null
    const shown = await get(`point=${key}`)
    const mistaken = await get(`point=${key}&from=yesterday`)
    const tooLong = await get(`point=${key}&from=2020-01-01&to=2026-01-01`)
    const before = await get(`point=${key}&from=0001-01-01&to=0001-01-02`)
    const after = await get(`point=${key}&from=9999-12-01&to=9999-12-02`)
    const anonymous = await fetch(`http://127.0.0.1:${service.port}/balances?point=${key}`)

    assert.deepEqual(
      [hidden.status, shown.status, mistaken.status, tooLong.status, anonymous.status],
      [404, 200, 400, 400, 401],
    )
    assert.deepEqual([before.status, after.status], [400, 400])
  })

  test('answers the other documents of a point and its project', async () => {
    const { site, key } = await wellWithTotals()
    await site.commit(everyFiveMinutes())
    await processAll(db)
    await untilNothingDue(db)
    const [client, project] = key.split('.')
    const ask = async (path: string) =>
      json(
        await fetch(`http://127.0.0.1:${service.port}/${path}`, {
          headers: { authorization: 'Bearer reader' },
        }),
      )

    const months = await ask(`balances?point=${key}&by=month&from=2025-12-20&to=2026-01-02`)
    assert.deepEqual(
      [months.from, months.to, months.consumptionM3, months.days],
      ['2025-12-01', '2026-01-31', 575, []],
    )
    assert.deepEqual(
      months.months.map((one: Record<string, unknown>) => [
        one.month,
        one.days,
        one.daysKnown,
        one.consumptionM3,
      ]),
      [
        ['2025-12', 31, 0, null],
        ['2026-01', 31, 2, 575],
      ],
    )
    const both = await ask(`project-balances?project=${client}.${project}&from=2026-01-15&to=2026-01-16`)
    assert.deepEqual(
      both.periods.map((one: Record<string, unknown>) => [one.period, one.pointsKnown, one.consumptionM3]),
      [
        ['2026-01-15', 1, 287],
        ['2026-01-16', 1, 288],
      ],
    )
    assert.deepEqual([both.points, both.consumptionM3, both.byPoint[0].point], [1, 575, key])
    assert.equal((await ask(`baseline?point=${key}`)).hours.length, 168)
    assert.deepEqual((await ask(`anomalies?point=${key}`)).items, [])
    assert.equal((await ask(`use?point=${key}&year=2026`)).takenM3, 575)
    assert.equal((await ask(`projection?point=${key}`)).month, null)
    assert.deepEqual((await ask(`specific-capacity?point=${key}`)).days, [])
    assert.equal((await ask(`project-balances?project=${client}.nada`)).status, 404)
  })

  test('GET /use holds what all wells of a work have taken against its rights', async () => {
    const { site, key } = await wellWithTotals()
    const pointId = await site.pointId()
    const other = await site.pointId('pozo-8')
    const rights = [
      { flowLps: 5, yearlyM3: 1000 },
      { flowLps: 2.5, yearlyM3: 1300 },
    ]
    const slot = { dueAt: MIDNIGHT, state: 'sent', attempts: 1 }
    await makeSlot(db, other, { ...slot, terms: { alsoPointIds: [pointId], rights } })
    await site.calibrate('total_to_volume', {}, MIDNIGHT - DAY, 'pozo-8')
    await site.commit(everyFiveMinutes())
    await site.commit(everyFiveMinutes(), 'pozo-8')
    await processAll(db)
    await untilNothingDue(db)

    const use = await json(
      await fetch(`http://127.0.0.1:${service.port}/use?point=${key}&year=2026`, {
        headers: { authorization: 'Bearer reader' },
      }),
    )
    assert.deepEqual(
      [use.workCodes, use.points, use.grantedFlowLps, use.grantedYearM3, use.takenM3, use.percentOfYear],
      [[`OB-0602-${other}`], 2, 7.5, 2300, 1150, 50],
    )
  })

  test('GET /health and /metrics say how many days are due', async () => {
    await untilNothingDue(db)

    const health = await fetch(`http://127.0.0.1:${service.port}/health`)
    const metrics = await (await fetch(`http://127.0.0.1:${service.port}/metrics`)).text()

    assert.equal(health.status, 200)
    assert.deepEqual((await json(health)).parts.balances, { status: 'healthy', daysDue: 0 })
    assert.match(metrics, /^analytics_balances_total \d+$/m)
  })

  test('computeDue() in two places at once computes every day', async () => {
    const wells = await Promise.all([wellWithTotals(), wellWithTotals(), wellWithTotals()])
    for (const { site } of wells) await site.commit(everyFiveMinutes())
    await processAll(db)

    await Promise.all([computeDue({ db, clock: systemClock }), computeDue({ db, clock: systemClock })])
    await untilNothingDue(db)

    for (const { key } of wells) {
      const { consumptionM3 } = await balances(`point=${key}&from=2026-01-15&to=2026-01-16`)
      assert.equal(consumptionM3, 575)
    }
  })

  async function wellWithTotals(): Promise<{ site: Site; key: string }> {
    const site = await openSite(db)
    await site.pointId()
    await site.calibrate('total_to_volume', {}, MIDNIGHT - DAY)
    const [row] = await db.query<{ slug: string }>('select slug from projects where id = $1', [
      site.projectId,
    ])
    return { site, key: `${row?.slug}.${row?.slug}.pozo-7` }
  }

  const get = (query: string) =>
    fetch(`http://127.0.0.1:${service.port}/balances?${query}`, {
      headers: { authorization: 'Bearer reader' },
    })
  const balances = async (query: string) => json(await get(query))
})

/** Two days, one m³ every five minutes. */
function everyFiveMinutes(): Sample[] {
  return Array.from(
    { length: 576 },
    (_, index) => [MIDNIGHT + index * 5 * MINUTE, 'total', 1000 + index] as const,
  )
}

function factsOf(day: Record<string, unknown>): unknown[] {
  return [day.day, day.consumptionM3, day.coveragePercent, day.gapConsumptionM3]
}

/** A document of which a test looks at parts. */
const json = async (response: Response): Promise<ReturnType<typeof JSON.parse>> => response.json()

async function untilNothingDue(db: Database): Promise<void> {
  const deadline = systemClock.monotonic() + 10_000
  while ((await countBalancesDue(db)) > 0) {
    assert.ok(systemClock.monotonic() < deadline, 'balances are still due')
    await systemClock.sleep(10)
  }
}
