// Raw readings go when they are old enough and not before (R1-R4 of cloud/store/retention.ts), on every kind of database.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { dropSome, RETENTION_METRICS } from '../../../cloud/processor/retention.ts'
import type { Database } from '../../../cloud/store/database.ts'
import type { RetentionRule } from '../../../cloud/store/retention.ts'
import { prepareServiceRole, SERVICE_ROLE } from '../../../cloud/store/service-role.ts'
import { compressOlderThan } from '../../../cloud/store/timescale.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, openSite, processAll, type Sample } from './site.ts'

const DAY = 86_400_000
const WEEK = 7 * DAY
/** A Thursday, midnight: a week and a chunk begin. */
const THURSDAY = Date.parse('2024-02-01T00:00:00Z')
const NOW = THURSDAY + 40 * WEEK
const RULE: RetentionRule = { keepMs: 10 * WEEK, keepDeclaredMs: undefined }

describeOnEveryDatabase('the retention', ({ db, hasTimescale }) => {
  before(async () => {
    const site = await openSite(db)
    await site.commit([[NOW, 'flow', 1]])
    await processAll(db)
  })

  test('dropSome() drops whole weeks that are older than is kept, and nothing that was computed from them', async () => {
    const { at, pointId, computed } = await openOld(db)
    const before = await computed()

    const dropped = await dropAll(NOW + 3 * DAY, RULE)

    assert.deepEqual(await at(), [THURSDAY + 30 * WEEK, THURSDAY + 31 * WEEK])
    assert.equal(await retainedFrom(pointId), THURSDAY + 30 * WEEK)
    assert.deepEqual(await computed(), before)
    assert.equal(dropped.chunks > 0, hasTimescale)
    assert.equal(dropped.readings > 0, !hasTimescale)
  })

  test('dropSome() drops the columns of a series in a chunk that others need, and then the chunk', async () => {
    const one = await openOld(db)
    const declared = await openOld(db)
    await declare({ db, ...declared })
    if (hasTimescale) assert.ok((await compressOlderThan(db, 30)) > 0)

    await dropAll(NOW, RULE)

    assert.equal((await one.at()).length, 2)
    assert.equal((await declared.at()).length, 5)
    assert.equal(await retainedFrom(declared.pointId), undefined)

    const { chunks } = await dropAll(NOW, { ...RULE, keepDeclaredMs: 20 * WEEK })

    assert.equal((await declared.at()).length, 3)
    assert.equal(await retainedFrom(declared.pointId), THURSDAY + 20 * WEEK)
    assert.equal(chunks > 0, hasTimescale)
  })

  test('dropSome() keeps what was not processed, what a recomputation has to read, and what an open slot may need (R2)', async () => {
    const recomputed = await openOld(db)
    await db.query('insert into recomputations_due values ($1, to_timestamp($2::float8 / 1000))', [
      recomputed.pointId,
      THURSDAY + 20 * WEEK + DAY,
    ])
    const owed = await openOld(db)
    await declare({ db, ...owed }, THURSDAY + 21 * WEEK)
    const unprocessed = await openOld(db, { process: false })

    await dropAll(NOW, { ...RULE, keepDeclaredMs: RULE.keepMs })

    assert.equal((await unprocessed.at()).length, 5)
    assert.equal((await recomputed.at()).length, 3)
    assert.equal((await owed.at()).length, 3)
    await db.query('delete from recomputations_due')
    await processAll(db)
    await dropAll(NOW, { ...RULE, keepDeclaredMs: RULE.keepMs })
    assert.equal((await unprocessed.at()).length, 2)
    assert.equal((await recomputed.at()).length, 2)
  })

  test('dropSome() believes no clock that is later than every gateway’s (R3)', async () => {
    const { at } = await openOld(db)

    await dropAll(NOW + 100 * WEEK, RULE)

    assert.equal((await at()).length, 2)
  })

  test('dropSome() drops a reading again that came after its time was dropped, and what stands beside it', async () => {
    const { site, at, pointId } = await openOld(db)
    await dropAll(NOW, RULE)
    const kept = await at()

    await site.commit([[THURSDAY + DAY, 'flow', 7]])
    await site.commit([[THURSDAY + DAY, 'flow', 8]])
    await processAll(db)
    await dropAll(NOW, RULE)

    assert.deepEqual(await at(), kept)
    const revisions = await db.query(
      'select 1 from revisions v join series s on s.id = v.series_id where s.point_id = $1',
      [pointId],
    )
    assert.deepEqual(revisions, [])
  })

  test('dropSome() leaves a reading that came after its time was dropped until it has been processed', async () => {
    const { site, at, pointId } = await openOld(db)
    await dropAll(NOW, RULE)
    const kept = await at()
    const late = THURSDAY + 2 * DAY
    const hours = async () => (await bucketsIn(db, pointId, 'flow', 'hour')).filter(hour => hour.at === late)

    await site.commit([
      [late, 'flow', 7],
      [late + 60_000, 'flow', 9],
    ])
    await dropAll(NOW, RULE)
    const waiting = await at()
    await processAll(db)
    await dropAll(NOW, RULE)

    assert.deepEqual(waiting, [late, late + 60_000, ...kept])
    assert.deepEqual(await at(), kept)
    assert.deepEqual(
      (await hours()).map(({ count, mean }) => [count, mean]),
      [[2, 8]],
    )
  })

  test('dropSome() works as the role of services, which owns nothing, and so does storing what comes late', async () => {
    await prepareServiceRole(db, { log: silentLog })
    const service = asRole(db, SERVICE_ROLE)
    const { site, at } = await openOld(service)
    if (hasTimescale) assert.ok((await compressOlderThan(db, 30)) > 0)
    await site.commit([[THURSDAY + 30 * WEEK + DAY, 'flow', 3]])
    await processAll(service)

    const { chunks } = await dropAll(NOW, RULE, service)

    assert.deepEqual(await at(), [THURSDAY + 30 * WEEK, THURSDAY + 30 * WEEK + DAY, THURSDAY + 31 * WEEK])
    assert.equal(chunks > 0, hasTimescale)
  })

  /** Everything that may go, in as many steps as it takes. */
  async function dropAll(now: number, rule: RetentionRule, on: Database = db) {
    const metrics = openMetrics(RETENTION_METRICS)
    const deps = { db: on, clock: openFakeClock(now), log: silentLog, metrics }
    while (await dropSome(deps, rule));
    const counted = metrics.read()
    return {
      chunks: counted.processor_dropped_chunks_total ?? 0,
      readings: counted.processor_dropped_readings_total ?? 0,
    }
  }

  async function retainedFrom(pointId: number): Promise<number | undefined> {
    const [row] = await db.query<{ at: number }>('select at from retained_from where point_id = $1', [
      pointId,
    ])
    return row?.at
  }
})

/** A well with a reading at the beginning of weeks 0, 10, 20, 30 and 31. */
async function openOld(db: Database, { process = true }: { process?: boolean } = {}) {
  const site = await openSite(db)
  await site.calibrate('total_to_volume', {}, THURSDAY - DAY)
  const samples = [0, 10, 20, 30, 31].flatMap((week, index): Sample[] => [
    [THURSDAY + week * WEEK, 'total', 1000 + index],
    [THURSDAY + week * WEEK, 'flow', 1 + index],
  ])
  await site.commit(samples)
  if (process) await processAll(db)
  const pointId = await site.pointId()
  return {
    ...{ site, pointId },
    at: async () => (await allValues(db, pointId, 'flow')).map(({ at }) => at),
    computed: async () => ({
      volumes: await allValues(db, pointId, 'volume'),
      hours: await bucketsIn(db, pointId, 'flow', 'hour'),
      months: await bucketsIn(db, pointId, 'volume', 'month'),
    }),
  }
}

let works = 0

/** Makes a point one that is declared, perhaps with a slot that is open. */
async function declare(
  { db, pointId }: { db: Database; pointId: number },
  openSlotAt?: number,
): Promise<void> {
  works += 1
  const work = `OB-0602-${works}`
  const [obligation] = await db.query<{ id: number }>(
    `with k as (select pr.client_id from points p join projects pr on pr.id = p.project_id where p.id = $1),
       i as (insert into informants (client_id, rut, name, control_centre_rut, secret_key_id, secret)
             select client_id, '12345678-5', 'Ana', '76543210-3', 'k', '' from k returning id),
       w as (insert into works (code, client_id) select $2, client_id from k returning code)
     insert into obligations (work_code, point_id, informant_id, valid_from, terms, owed_from, created_through)
     select code, $1, i.id, '2024-01-01', '{}', '2024-01-01', '2024-01-01' from w, i returning id`,
    [pointId, work],
  )
  if (openSlotAt === undefined) return
  await db.query(
    `insert into slots (obligation_id, work_code, point_id, due_at, state, state_at)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000), 'review', now())`,
    [obligation?.id ?? 0, work, pointId, openSlotAt],
  )
}

/** The same database, as another role. */
function asRole(db: Database, role: string): Database {
  const transaction: Database['transaction'] = (work, options) =>
    db.transaction(async tx => {
      await tx.query(`set local role ${role}`)
      return work(tx)
    }, options)
  return {
    ...{ transaction, script: text => db.script(text), close: async () => {} },
    query: (text, params) => transaction(tx => tx.query(text, params)),
  }
}
