// Watching, on a real database, with what the collector commits and the processor has judged.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../../../cloud/store/database.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { processAll } from '../processor/site.ts'
import { FRIDAY, openWatch } from './watch.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const TOO_LITTLE = { kind: 'threshold', variable: 'flow', is: 'below', limit: 1 }

describe('watchAlerts()', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('makes one incident of a weekend that flaps: 576 firings, one incident with their count', async () => {
    const scene = await openWatch(db)
    const step = 2.5 * MINUTE
    await scene.site.commit(
      Array.from({ length: 576 * 2 }, (_, index) => [FRIDAY + index * step, 'flow', (index + 1) % 2]),
    )
    await processAll(db)
    await scene.make(TOO_LITTLE)

    for (let round = 0; round < 576 * 2; round += 1) {
      await scene.watch()
      scene.clock.step(step)
    }

    const incidents = await scene.incidents()
    assert.equal(incidents.length, 1)
    assert.equal(incidents[0]?.details.firings, 576)
    assert.equal(incidents[0]?.reopened, 575)
    assert.equal(incidents[0]?.details.severity, 'warning')
  })

  test('closes what is over, and opens a new incident for what comes back later than the rule waits', async () => {
    const scene = await openWatch(db)
    await scene.make(TOO_LITTLE, { quietFor: '10m' })

    const seen = []
    for (const value of [0, 2, 0, 2, 2, 2, 2, 0]) {
      await scene.measure(value)
      await scene.watch()
      seen.push((await scene.incidents()).filter(({ closedAt }) => closedAt === null).length)
      scene.clock.step(5 * MINUTE)
    }

    assert.deepEqual(seen, [1, 0, 1, 0, 0, 0, 0, 1])
    assert.deepEqual(
      (await scene.incidents()).map(({ details }) => details.firings),
      [1, 2],
    )
  })

  test('opens an incident also for what came and went between two looks', async () => {
    const scene = await openWatch(db)
    await scene.make(TOO_LITTLE)
    await scene.measure(2)
    await scene.watch()
    for (const value of [0, 2]) {
      scene.clock.step(MINUTE)
      await scene.measure(value)
    }

    await scene.watch()
    await scene.watch()

    assert.deepEqual(
      (await scene.incidents()).map(({ closedAt }) => closedAt === null),
      [false],
    )
  })

  test('sees what comes late, and takes silence back that was none', async () => {
    const scene = await openWatch(db)
    await scene.make({ kind: 'no_data', for: '10m' })
    await scene.measure(1)
    scene.clock.step(11 * MINUTE)
    await scene.watch()
    const silent = (await scene.incidents()).map(({ closedAt }) => closedAt)
    await scene.site.commit([[scene.clock.now() - 2 * MINUTE, 'flow', 1]])
    await processAll(db)

    await scene.watch()

    assert.deepEqual(silent, [null])
    assert.ok((await scene.incidents()).every(({ closedAt }) => closedAt !== null))
  })

  test('does not count a poll that failed as data, nor as the end of anything', async () => {
    const scene = await openWatch(db)
    await scene.make(TOO_LITTLE)
    await scene.make({ kind: 'no_data', for: '10m' })
    await scene.measure(0)
    scene.clock.step(11 * MINUTE)
    await scene.measure(null)

    await scene.watch()

    assert.deepEqual(
      (await scene.incidents()).map(({ details, closedAt }) => [details.condition.kind, closedAt]),
      [
        ['no_data', null],
        ['threshold', null],
      ],
    )
  })

  test('watches what is computed, leaves doubted values out, and says the value', async () => {
    const scene = await openWatch(db)
    await scene.site.calibrate('level_to_water_table', { sensorDepthM: 80, offsetM: 0 }, 0)
    await scene.site.rule('checks', 'level', { range: { min: 0, max: 90 } }, 0)
    await scene.make({ kind: 'threshold', variable: 'water_table', is: 'above', limit: 60 })
    await scene.make({ kind: 'threshold', variable: 'level', is: 'above', limit: 70 })
    for (const level of [30, 95, 15]) {
      await scene.site.commit([[scene.clock.now(), 'level', level]])
      await processAll(db)
      await scene.watch()
      scene.clock.step(MINUTE)
    }

    assert.deepEqual(
      (await scene.incidents()).map(({ details }) => [details.condition.variable, details.value]),
      [['water_table', 65]],
    )
  })

  test('names no instant of a value for a point that never had one', async () => {
    const scene = await openWatch(db)
    await scene.make({ kind: 'no_data', for: '10m' })
    scene.clock.step(10 * MINUTE)

    await scene.watch()

    assert.deepEqual(
      (await scene.incidents()).map(({ details }) => [details.value, details.valueAt]),
      [[null, null]],
    )
  })

  test('leaves a point alone that is archived, and closes what it had opened', async () => {
    const scene = await openWatch(db)
    await scene.make({ kind: 'no_data', for: '10m' })
    scene.clock.step(10 * MINUTE)
    await scene.watch()

    await db.query('update points set archived_at = now() where id = $1', [await scene.site.pointId()])
    scene.clock.step(MINUTE)
    await scene.watch()

    const [only, ...others] = await scene.incidents()
    assert.ok(only?.closedAt)
    assert.deepEqual(others, [])
  })

  test('makes one incident of a lost gateway, which explains the silence of its points', async () => {
    const scene = await openWatch(db)
    await scene.make({ kind: 'no_data', for: '10m' })
    await scene.measure(1)
    await scene.setState('lost')
    scene.clock.step(HOUR)
    await scene.watch()
    const lost = await scene.incidents()
    await scene.setState('ready')

    await scene.watch()

    const [silent, gateway] = lost
    assert.deepEqual(
      [silent?.kind, silent?.parentId, gateway?.kind, gateway?.parentId],
      ['alert', gateway?.id, 'gateway_lost', null],
    )
    assert.deepEqual(
      (await scene.incidents()).map(({ kind, closedAt, parentId }) => [kind, closedAt === null, parentId]),
      [
        ['alert', true, null],
        ['gateway_lost', false, null],
      ],
    )
  })

  test('begins anew with a rule that was changed, and closes what a deleted one has opened', async () => {
    const scene = await openWatch(db)
    const id = await scene.make(TOO_LITTLE)
    await scene.measure(0)
    await scene.watch()
    await scene.change(id, { ...TOO_LITTLE, limit: -1 })
    await scene.watch()
    const changed = (await scene.incidents()).map(({ closedAt }) => closedAt === null)
    await scene.change(id, TOO_LITTLE)
    await scene.watch()
    const back = (await scene.incidents()).map(({ closedAt }) => closedAt === null)
    await scene.remove(id)

    await scene.watch()

    assert.deepEqual([changed, back], [[false], [true]])
    assert.ok((await scene.incidents()).every(({ closedAt }) => closedAt !== null))
  })
})
