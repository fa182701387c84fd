// Leases of partitions, on every kind of database.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { forgetReplica, releasePartitions, renewPartitions } from '../../../cloud/store/partitions.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'

const SIX = { partitions: 6, leaseMs: 60_000 }

describeOnEveryDatabase('partitions', on => {
  beforeEach(async () => {
    await on.db.query('delete from collectors', [])
    await on.db.query('delete from collector_partitions', [])
  })
  /** As if a replica had not been seen since before its lease. */
  const fallSilent = async (replica: string) => {
    await on.db.query(`update collectors set seen_at = seen_at - interval '1 hour' where id = $1`, [replica])
    await on.db.query(
      `update collector_partitions set held_until = held_until - interval '1 hour' where holder = $1`,
      [replica],
    )
  }

  test('one replica has all of them; a second gets its part when the first has given it up', async () => {
    assert.deepEqual(await renewPartitions(on.db, 'a', SIX), { held: [0, 1, 2, 3, 4, 5], surplus: 0 })
    assert.deepEqual(await renewPartitions(on.db, 'b', SIX), { held: [], surplus: 0 })
    assert.deepEqual(await renewPartitions(on.db, 'a', SIX), { held: [0, 1, 2, 3, 4, 5], surplus: 3 })

    await releasePartitions(on.db, 'a', [0, 1, 2])
    await releasePartitions(on.db, 'b', [3])

    assert.deepEqual(await renewPartitions(on.db, 'b', SIX), { held: [0, 1, 2], surplus: 0 })
    assert.deepEqual(await renewPartitions(on.db, 'a', SIX), { held: [3, 4, 5], surplus: 0 })
  })

  test('what a replica had that fell silent the others take, and when it comes back it knows that it has nothing', async () => {
    await renewPartitions(on.db, 'a', SIX)
    await fallSilent('a')

    assert.deepEqual(await renewPartitions(on.db, 'b', SIX), { held: [0, 1, 2, 3, 4, 5], surplus: 0 })
    assert.deepEqual(await renewPartitions(on.db, 'a', SIX), { held: [], surplus: 0 })
  })

  test('a replica that was silent for long and whose part nobody took has it still', async () => {
    await renewPartitions(on.db, 'a', SIX)
    await fallSilent('a')

    assert.deepEqual(await renewPartitions(on.db, 'a', SIX), { held: [0, 1, 2, 3, 4, 5], surplus: 0 })
  })

  test('a replica that goes leaves all that it has, at once', async () => {
    await renewPartitions(on.db, 'a', SIX)
    await forgetReplica(on.db, 'a')

    assert.deepEqual(await renewPartitions(on.db, 'b', SIX), { held: [0, 1, 2, 3, 4, 5], surplus: 0 })
  })

  test('many that come at the same time never have the same one', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `r${index}`)
    for (let round = 0; round < 6; round += 1) {
      const shares = await Promise.all(names.map(name => renewPartitions(on.db, name, SIX)))
      const held = shares.flatMap(share => share.held)
      assert.equal(new Set(held).size, held.length)
      for (const [index, { held: own, surplus }] of shares.entries()) {
        await releasePartitions(on.db, names[index] ?? '', own.slice(0, surplus))
      }
    }
    const last = await Promise.all(names.map(name => renewPartitions(on.db, name, SIX)))
    assert.deepEqual(last.flatMap(({ held }) => held).sort(), [0, 1, 2, 3, 4, 5])
    assert.ok(last.every(({ held }) => held.length <= 1))
  })
})
