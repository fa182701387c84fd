// Live readings wait for no backlog on their way to the database (K2 of cloud/collector/committer.ts).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { batchOf, connectGateway } from '../../doubles/gateway-client.ts'
import { addGateway, openCollector, readingsOf, TOKEN } from './site.ts'

describe('startCollector()', () => {
  let database: TestDatabase
  let db: Database
  let collector: RunningCollector
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    collector = await openCollector(db)
  })
  after(async () => {
    await collector.close()
    await database.close()
  })

  test('startCollector() commits live readings before the backlog that waits, and all of that in its order', async () => {
    const table = await addGateway(db, 'gw-back')
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-back', token: TOKEN })
    const backlog = Array.from({ length: 40 }, (_, index) =>
      batchOf(table, 1, readingsOf(table, index * 500 + 1, 500)),
    )
    const live = batchOf(table, 1, readingsOf(table, 20_001, 1))

    // While the table is locked, what comes waits in the queue.
    await db.transaction(async tx => {
      await tx.query('lock table readings in exclusive mode')
      for (const batch of backlog) await gateway.send(batch, { lane: 'backlog' })
      await gateway.send(live)
    })
    await Promise.all([...backlog, live].map(batch => gateway.ackOf(batch)))

    const rows = await db.query<{ first: number }>('select first from batches order by id')
    const order = rows.map(({ first }) => first)
    assert.deepEqual(
      order.filter(first => first !== live.first),
      backlog.map(({ first }) => first),
    )
    // In hand when it came were a group that waited for the lock, and no more than that.
    assert.ok(order.indexOf(live.first) <= 10, `it was number ${order.indexOf(live.first)}`)
    await gateway.close()
  })
})
