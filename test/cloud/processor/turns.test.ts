// The processor's loop and what follows it: late data heals by itself, and what has a turn when there is more to do than is done.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ANALYTICS_METRICS, runAnalytics } from '../../../cloud/analytics/service.ts'
import { continueRecomputation, processRound } from '../../../cloud/processor/round.ts'
import { PROCESSOR_METRICS, runProcessor } from '../../../cloud/processor/service.ts'
import { selectBalances } from '../../../cloud/store/balances.ts'
import { leaveRecomputation, lockPoints } from '../../../cloud/store/processing.ts'
import { selectBuckets } from '../../../cloud/store/rollups.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openLog, silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { describeOnEveryDatabase, openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { until } from '../../doubles/until.ts'
import { LIMITS, openSite, processAll } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describeOnEveryDatabase('runProcessor()', ({ db }) => {
  test('goes on with a recomputation while batches never stop waiting', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, T - MINUTE)
    for (let minute = 0; minute < 30; minute += 1) await site.commit([[T + minute * MINUTE, 'total', minute]])
    await leaveRecomputation(db, await site.pointId(), T)
    const lines: string[] = []
    const log = openLog({ clock: systemClock, write: line => void lines.push(line) }, { level: 'debug' })
    const stop = new AbortController()

    const running = runProcessor(
      { db, clock: systemClock, log, metrics: openMetrics(PROCESSOR_METRICS) },
      { pollMs: 5, limits: { ...LIMITS, gatewaysMax: 1, batchesEachMax: 1 } },
      stop.signal,
    )
    await until('everything is done', async () => {
      const [left] = await db.query<{ count: number }>(
        `select (select count(*) from batches where processed_at is null)
              + (select count(*) from recomputations_due) as count`,
      )
      return left?.count === 0
    })
    stop.abort()
    await running

    const events = lines.map(line => JSON.parse(line).event)
    assert.ok(events.indexOf('recomputation went on') !== -1)
    assert.ok(events.indexOf('recomputation went on') < events.lastIndexOf('batches processed'))
  })
})

describeOnEveryDatabase('late data', ({ db }) => {
  test('of an hour, three days and 400 days ago is in hours and balances within a minute', async () => {
    const site = await openSite(db)
    await site.calibrate('total_to_volume', {}, 0)
    const midnight = Date.parse('2026-01-15T03:00:00Z')
    const borders = [400 * DAY, 3 * DAY, HOUR].map(ago => midnight - ago)
    for (const [index, at] of borders.entries()) {
      const count = 100 * (index + 1)
      await site.commit([
        [at - HOUR / 2, 'total', count],
        [at + HOUR / 2, 'total', count + 4],
      ])
    }
    const deps = { db, clock: systemClock, log: silentLog }
    const stop = new AbortController()
    const running = Promise.all([
      runProcessor(
        { ...deps, metrics: openMetrics(PROCESSOR_METRICS) },
        { pollMs: 20, limits: LIMITS },
        stop.signal,
      ),
      runAnalytics({ ...deps, metrics: openMetrics(ANALYTICS_METRICS) }, { pollMs: 20 }, stop.signal),
    ])
    const pointId = await site.pointId()
    const hours = async () =>
      Promise.all(
        borders.map(async at => {
          const span = { pointId, variable: VARIABLES.volume.code, from: at, to: at + HOUR, limit: 1 }
          return (await selectBuckets(db, 'hour', span))[0]?.consumption
        }),
      )
    const days = async () =>
      Promise.all(
        ['2024-12-11', '2026-01-12'].map(
          async day => (await selectBalances(db, { pointId, from: day, to: day }))[0]?.consumptionM3,
        ),
      )
    const areSo = (hour: number) => async () =>
      [...(await hours()), ...(await days())].every(consumption => consumption === hour)
    await until('all is in the hours and days', areSo(4), { timeoutMs: 60_000 })

    for (const [index, at] of borders.entries()) {
      await site.commit([[at - HOUR / 4, 'total', 100 * (index + 1) + 3]])
    }

    await until('what came late is in the hours and days', areSo(1), { timeoutMs: 60_000 })
    stop.abort()
    await running
  })
})

describe('processRound(), while somebody has a point for long', () => {
  let database: TestDatabase
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())

  test('goes on with the gateways of other points, and with that one when it is free', async () => {
    const { db } = database
    const [previewed, other] = [await openSite(db), await openSite(db)]
    for (const site of [previewed, other]) await site.commit([[T, 'total', 1]])
    const pointId = await previewed.pointId()
    await leaveRecomputation(db, pointId, T)
    const deps = { db, clock: systemClock }
    const limits = { ...LIMITS, gatewaysMax: 1 }
    const held = Promise.withResolvers<void>()
    const given = Promise.withResolvers<void>()
    const holder = db.transaction(async tx => {
      await lockPoints(tx, [pointId])
      held.resolve()
      await given.promise
    })
    await held.promise

    const round = await processRound(deps, limits)
    const nothing = await processRound(deps, limits)
    const recomputation = await continueRecomputation(deps, limits)
    given.resolve()
    await holder

    assert.deepEqual([round.batches, nothing.batches, recomputation], [1, 0, undefined])
    assert.equal((await continueRecomputation(deps, limits))?.failures.length, 0)
    assert.equal(await processAll(db, limits), 1)
  })
})
