// The processor's loop: what has a turn when there is more to do than is done.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { continueRecomputation, processRound } from '../../../cloud/processor/round.ts'
import { PROCESSOR_METRICS, runProcessor } from '../../../cloud/processor/service.ts'
import { leaveRecomputation, lockPoints } from '../../../cloud/store/processing.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { describeOnEveryDatabase, openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { until } from '../../doubles/until.ts'
import { LIMITS, openSite, processAll } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000

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
