// The store's promises (C1-C3 of cloud/store/batches.ts), on every kind of database it must work on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitBatches, commitWithoutPoison } from '../../../cloud/store/batches.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { setAside } from '../../../cloud/store/gateways.ts'
import { migrate } from '../../../cloud/store/migrate.ts'
import { openSeriesIds } from '../../../cloud/store/series.ts'
import { compressOlderThan, timescaleVersion } from '../../../cloud/store/timescale.ts'
import { AHEAD_MAX_MS, QUALITIES, VALUE_MAX } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { batchOf, reading, site, T } from './site.ts'

const DAY = 86_400_000

describeOnEveryDatabase('the store', ({ db, hasTimescale }) => {
  test('commitBatches() stores every reading of a batch once, with its log and its latest', async () => {
    const { deps, gateway } = await site(db, 'once')
    const batch = batchOf(1, [
      reading(1, 'pozo-7', 'flow', T, 12.47),
      reading(2, 'pozo-7', 'flow', T + 60_000, null),
      reading(3, 'pozo-8', 'level', T, 31.2),
    ])

    const committed = await commitBatches(deps, [{ ...gateway, lane: 'live', batch }])

    assert.deepEqual(committed, [stored({ inserted: 3 })])
    assert.deepEqual(await latestOf(db, gateway.projectId), [
      { point: 'pozo-7', at: T + 60_000, value: null, quality: 17, good_at: T, good_value: 12.47 },
      { point: 'pozo-8', at: T, value: 31.2, quality: 0, good_at: T, good_value: 31.2 },
    ])
  })

  test('commitBatches() changes nothing the second time, also when the numbers are cut differently (C2)', async () => {
    const { deps, gateway } = await site(db, 'twice')
    const readings = [1, 2, 3, 4].map(seq => reading(seq, 'pozo-7', 'flow', T + seq, seq / 10))
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, readings) }])

    const again = await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, readings) }])
    const cut = await commitBatches(deps, [
      { ...gateway, lane: 'backlog', batch: batchOf(1, readings.slice(0, 3)) },
      { ...gateway, lane: 'backlog', batch: batchOf(1, readings.slice(2)) },
      { ...gateway, lane: 'backlog', batch: batchOf(1, readings.slice(2)) },
    ])

    assert.deepEqual(again, [{ kind: 'repeated' }])
    assert.deepEqual(cut, [stored({ duplicate: 3 }), stored({ duplicate: 2 }), { kind: 'repeated' }])
    assert.equal(await countReadings(db, gateway.projectId), 4)
  })

  test('commitBatches() stores readings whose numbers came before with others, and says so (C2)', async () => {
    const { deps, gateway } = await site(db, 'reused')
    const first = batchOf(7, [reading(1, 'pozo-7', 'flow', T, 1), reading(2, 'pozo-7', 'flow', T + 1, 2)])
    const other = batchOf(7, [reading(1, 'pozo-7', 'flow', T + 5, 5), reading(2, 'pozo-7', 'flow', T + 1, 9)])
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: first }])

    const committed = await commitBatches(deps, [{ ...gateway, lane: 'live', batch: other }])
    const again = await commitBatches(
      deps,
      [first, other].map(batch => ({ ...gateway, lane: 'live' as const, batch })),
    )

    assert.deepEqual(committed, [stored({ inserted: 1, revised: 1, reused: true })])
    assert.deepEqual(again, [{ kind: 'repeated' }, { kind: 'repeated' }])
    assert.equal(await countReadings(db, gateway.projectId), 3)
  })

  test('commitBatches() keeps the first value and makes the second a revision', async () => {
    const { deps, gateway } = await site(db, 'revised')
    const first = batchOf(1, [reading(1, 'pozo-7', 'flow', T, 12.47)])
    const second = batchOf(2, [reading(1, 'pozo-7', 'flow', T, 99), reading(2, 'pozo-7', 'flow', T + 1, 1)])
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: first }])

    const committed = await commitBatches(deps, [{ ...gateway, lane: 'live', batch: second }])
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: { ...second, epoch: 3 } }])

    assert.deepEqual(committed, [stored({ inserted: 1, revised: 1 })])
    const kept = await db.query(
      `select r.value as first, v.value as second from revisions v join readings r using (series_id, at)
         join series s on s.id = v.series_id join points p on p.id = s.point_id where p.project_id = $1`,
      [gateway.projectId],
    )
    assert.deepEqual(kept, [{ first: 12.47, second: 99 }])
  })

  test('commitBatches() makes a revision of the same value with another quality', async () => {
    const { deps, gateway } = await site(db, 'requalified')
    const first = reading(1, 'pozo-7', 'flow', T, 12.47)
    const second = { ...first, quality: 'uncertain' as const }
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, [first]) }])

    const committed = await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(2, [second]) }])

    assert.deepEqual(committed, [stored({ revised: 1 })])
    const kept = await db.query(
      `select r.quality as first, v.quality as second from revisions v join readings r using (series_id, at)
         join series s on s.id = v.series_id join points p on p.id = s.point_id where p.project_id = $1`,
      [gateway.projectId],
    )
    assert.deepEqual(kept, [{ first: QUALITIES.good.code, second: QUALITIES.uncertain.code }])
  })

  test('commitBatches() does not let a late reading take the place of the latest', async () => {
    const { deps, gateway } = await site(db, 'late')
    await commitBatches(deps, [
      { ...gateway, lane: 'live', batch: batchOf(1, [reading(1, 'pozo-7', 'flow', T, 2)]) },
    ])

    await commitBatches(deps, [
      { ...gateway, lane: 'backlog', batch: batchOf(2, [reading(1, 'pozo-7', 'flow', T - DAY, 1)]) },
    ])

    assert.deepEqual((await latestOf(db, gateway.projectId))[0]?.at, T)
  })

  test('commitBatches() keeps a reading of a clock that ran ahead, and goes on taking the newest from the others', async () => {
    const { deps, gateway } = await site(db, 'ahead')
    const clock = openFakeClock(T)
    const commit = (seq: number, at: number, value: number) => {
      const batch = batchOf(seq, [reading(seq, 'pozo-7', 'flow', at, value)])
      return commitBatches({ ...deps, clock }, [{ ...gateway, lane: 'live', batch }])
    }
    await commit(1, T, 1)

    await commit(2, T + 10 * 365 * DAY, 2)
    await commit(3, T + AHEAD_MAX_MS, 3)

    const [latest] = await latestOf(db, gateway.projectId)
    assert.partialDeepStrictEqual(latest, { at: T + AHEAD_MAX_MS, value: 3, good_value: 3 })
    assert.equal(await countReadings(db, gateway.projectId), 3)
  })

  test('commitBatches() stores nothing at all when one row is refused (C3)', async () => {
    const { deps, gateway } = await site(db, 'poison')
    const good = {
      ...gateway,
      lane: 'live' as const,
      batch: batchOf(1, [reading(1, 'pozo-7', 'flow', T, 1)]),
    }
    const poison = {
      ...good,
      gatewayId: 999_999,
      batch: batchOf(2, [reading(1, 'pozo-7', 'flow', T + 1, 1)]),
    }

    await assert.rejects(commitBatches(deps, [good, poison]), { name: 'DatabaseRefused', code: '23503' })

    assert.equal(await countReadings(db, gateway.projectId), 0)
  })

  test('commitWithoutPoison() stores what the database takes, and keeps the reading that it refuses whole (C4)', async () => {
    const { deps, gateway } = await site(db, 'spared')
    await db.query('alter table readings add constraint no_beast check (value <> 666) not valid')
    const readings = [1, 2, 3, 4, 5].map(seq => reading(seq, 'pozo-7', 'flow', T + seq, seq))
    const poison = reading(6, 'pozo-7', 'flow', T + 6, 666)
    const one = { ...gateway, lane: 'live' as const, batch: batchOf(1, [...readings, poison]) }
    await assert.rejects(commitBatches(deps, [one]), { isAboutData: true })

    const committed = await commitWithoutPoison(deps, one)

    const again = await commitBatches(deps, [one])
    await db.query('alter table readings drop constraint no_beast')
    assert.ok(committed.kind === 'stored')
    assert.equal(committed.inserted, 5)
    assert.equal(committed.rejected[0]?.seq, 6)
    assert.match(committed.rejected[0]?.reason ?? '', /no_beast/)
    assert.deepEqual(again, [{ kind: 'repeated' }])
    assert.equal(await countReadings(db, gateway.projectId), 5)
    const kept = await db.query<{ rejected: unknown }>('select rejected from batches where gateway_id = $1', [
      gateway.gatewayId,
    ])
    const { reason } = committed.rejected[0] ?? {}
    assert.deepEqual(kept, [{ rejected: [{ ...poison, reason }] }])
  })

  test('commitWithoutPoison() stores what was refused before once the database takes it, and has it processed (C4)', async () => {
    const { deps, gateway } = await site(db, 'mended')
    await db.query('alter table readings add constraint no_beast check (value < 666) not valid')
    const readings = [665, 666, 667].map(value => reading(value, 'pozo-7', 'flow', T + value, value))
    const one = { ...gateway, lane: 'live' as const, batch: batchOf(1, readings) }
    await commitWithoutPoison(deps, one)
    await db.query('update batches set processed_at = now() where gateway_id = $1', [gateway.gatewayId])
    const batch = () =>
      db.query<{ seqs: number[] | null; waits: boolean }>(
        `select (select array_agg((r->>'seq')::int order by 1) from jsonb_array_elements(rejected) r) as seqs,
                processed_at is null as waits
         from batches where gateway_id = $1`,
        [gateway.gatewayId],
      )

    const still = await commitWithoutPoison(deps, one)
    const before = await batch()
    await db.query('alter table readings drop constraint no_beast')
    await db.query('alter table readings add constraint no_beast check (value < 667) not valid')
    const some = await commitWithoutPoison(deps, one)
    const between = await batch()
    await db.query('alter table readings drop constraint no_beast')
    const rest = await commitWithoutPoison(deps, one)

    assert.partialDeepStrictEqual(still, { kind: 'stored', inserted: 0, duplicate: 1 })
    assert.deepEqual(before, [{ seqs: [666, 667], waits: false }])
    assert.partialDeepStrictEqual(some, { kind: 'stored', inserted: 1, rejected: [{ seq: 667 }] })
    assert.deepEqual(between, [{ seqs: [667], waits: true }])
    assert.deepEqual(rest, stored({ inserted: 1, duplicate: 2 }))
    assert.deepEqual(await batch(), [{ seqs: null, waits: true }])
    assert.deepEqual(await commitWithoutPoison(deps, one), { kind: 'repeated' })
    assert.equal(await countReadings(db, gateway.projectId), 3)
  })

  test('commitBatches() of two collectors at once discovers each series once and stores each reading once', async () => {
    const { deps, gateway } = await site(db, 'race')
    const points = ['a', 'b', 'c', 'd', 'e'].map(name => `pozo-${name}`)
    const readings = points.map((point, index) => reading(index + 1, point, 'level', T, index))
    const backwards = readings.toReversed().map((one, index) => ({ ...one, seq: index + 1 }))
    const other = { db, series: openSeriesIds(db), clock: systemClock }

    await Promise.all([
      commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, readings) }]),
      commitBatches(other, [{ ...gateway, lane: 'live', batch: batchOf(2, backwards) }]),
    ])

    assert.equal(await countReadings(db, gateway.projectId), 5)
    assert.equal((await latestOf(db, gateway.projectId)).length, 5)
  })

  test('setAside() keeps a letter whose gateway is gone and whose reason has a NUL', async () => {
    const letter = { gatewayId: 999_999, topic: 'gw/v1/gone/up/live', bytes: new Uint8Array([0, 1]) }

    await setAside(db, { ...letter, reason: 'Cannot read \0 this' })

    const rows = await db.query(`select gateway_id, bytes, reason from dead_letters where topic = $1`, [
      letter.topic,
    ])
    assert.deepEqual(rows, [{ gateway_id: null, bytes: letter.bytes, reason: 'Cannot read \ufffd this' }])
  })

  test('commitBatches() reads back every double to the last bit, and instants to the millisecond', async () => {
    const { deps, gateway } = await site(db, 'exact')
    const values = [0.1 + 0.2, 1e-300, -VALUE_MAX, Number.MAX_SAFE_INTEGER, 5e-324, 1 / 3]
    const readings = values.map((value, index) =>
      reading(index + 1, 'pozo-7', 'flow', T + index * 7 + 1, value),
    )

    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, readings) }])

    const rows = await db.query<{ at: number; value: number }>(
      `select r.at, r.value from readings r join series s on s.id = r.series_id
         join points p on p.id = s.point_id where p.project_id = $1 order by r.at`,
      [gateway.projectId],
    )
    assert.deepEqual(
      rows,
      readings.map(({ at, value }) => ({ at, value })),
    )
  })

  test('readings of 400 days ago go into chunks that are columns already, once', async t => {
    assert.equal((await timescaleVersion(db)) !== undefined, hasTimescale)
    if (!hasTimescale) {
      t.diagnostic('plain PostgreSQL: no chunks')
      return
    }
    const { deps, gateway } = await site(db, 'cold')
    const old = Date.now() - 400 * DAY
    const before = [1, 2].map(seq => reading(seq, 'pozo-7', 'flow', old + seq * 60_000, seq))
    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: batchOf(1, before) }])
    assert.ok((await compressOlderThan(db, 7)) >= 1)

    const late = [...before, reading(3, 'pozo-7', 'flow', old + 180_000, 3)]
    const committed = await commitBatches(deps, [{ ...gateway, lane: 'backlog', batch: batchOf(1, late) }])

    assert.deepEqual(committed, [stored({ inserted: 1, duplicate: 2 })])
    assert.equal(await countReadings(db, gateway.projectId), 3)
  })

  test('migrate() runs a second time without doing anything, and refuses a migration that was changed', async () => {
    const { readMigrations } = await import('../../../cloud/store/migrate.ts')
    const [first, ...rest] = readMigrations()
    assert.ok(first)

    await migrate(db, { log: silentLog })

    const changed = [{ ...first, text: `${first.text}-- more` }, ...rest]
    await assert.rejects(migrate(db, { log: silentLog }, changed), /0001_base.sql ran here with another text/)
    await assert.rejects(migrate(db, { log: silentLog }, [first]), /run a newer version/)
  })
})

const stored = (counts: { inserted?: number; duplicate?: number; revised?: number; reused?: boolean }) => ({
  ...{ kind: 'stored', inserted: 0, duplicate: 0, revised: 0, rejected: [], reused: false },
  ...counts,
})

async function countReadings(db: Database, projectId: number): Promise<number | undefined> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from readings r join series s on s.id = r.series_id
     join points p on p.id = s.point_id where p.project_id = $1`,
    [projectId],
  )
  return row?.count
}

function latestOf(db: Database, projectId: number): Promise<{ at: number }[]> {
  return db.query(
    `select p.slug as point, l.at, l.value, l.quality, l.good_at, l.good_value
     from latest l join series s on s.id = l.series_id join points p on p.id = s.point_id
     where p.project_id = $1 order by p.slug`,
    [projectId],
  )
}
