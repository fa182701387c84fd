// The processor as a service: it takes what waits by itself, and recomputes when an operator asks.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PROCESSOR_METRICS, startProcessor } from '../../../cloud/processor/service.ts'
import type { RunningService } from '../../../cloud/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { allValues, openSite, type Site, valuesIn } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const HOUR = 3_600_000
const DAY = 86_400_000

describeOnEveryDatabase('startProcessor()', ({ db }) => {
  let service: RunningService
  before(async () => {
    const authorizeOperator = async (request: Request) => {
      const token = request.headers.get('authorization')
      if (token === null) return { kind: 'unknown' as const }
      if (token !== 'Bearer operator') return { kind: 'refused' as const, reason: 'Only operators' }
      return { kind: 'allowed' as const, principal: { name: 'Ana' } }
    }
    service = await startProcessor(
      { db, clock: systemClock, log: silentLog, metrics: openMetrics(PROCESSOR_METRICS), authorizeOperator },
      { host: '127.0.0.1', port: 0, version: '1.2.3', pollMs: 20 },
    )
  })
  after(async () => {
    await service.close()
  })

  test('takes batches that wait, and says in /health and /metrics how far behind it is', async () => {
    const site = await openSite(db)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)

    await site.commit([[T, 'level', 30]])
    await untilProcessed(db)

    assert.deepEqual(await valuesIn(db, await site.pointId(), 'water_table'), [[T, 50, 'good']])
    const health = await get('/health')
    assert.equal(health.status, 200)
    assert.deepEqual((await json(health)).parts, {
      database: { status: 'healthy', version: (await json(await get('/health'))).parts.database.version },
      workers: { status: 'healthy', silent: [] },
      line: { status: 'healthy', waitingBatches: 0, lagSeconds: 0, setAside: 0 },
    })
    const metrics = await (await get('/metrics')).text()
    assert.match(metrics, /^processor_batches_total [1-9]/m)
    assert.match(metrics, /^processor_waiting_batches 0$/m)
  })

  test('POST /process is for operators alone', async () => {
    const body = { point: 'pozo-7', from: text(T), to: text(T + DAY) }

    assert.equal((await post(body, {})).status, 401)
    assert.equal((await post(body, { authorization: 'Bearer reader' })).status, 403)
  })

  test('POST /process names every mistake, an unknown point, and a name that stands for several', async () => {
    await Promise.all([openSite(db), openSite(db)].map(async site => (await site).pointId('twice')))

    const mistaken = await post({ point: 'pozo-7', from: 'today', to: text(T), extra: 1 })
    const tooLong = await post({ point: 'pozo-7', from: text(T), to: text(T + 367 * DAY) })
    const unknown = await post({ point: 'nowhere', from: text(T), to: text(T + 1) })
    const several = await post({ point: 'twice', from: text(T), to: text(T + 1) })

    assert.equal(mistaken.status, 400)
    const named = (await json(mistaken)).errors.map(({ name }: { name: string }) => name)
    assert.deepEqual(named.sort(), ['extra', 'from'])
    assert.equal((await json(several)).candidates.length, 2)
    assert.deepEqual([tooLong.status, unknown.status, several.status], [400, 404, 409])
  })

  test('POST /process previews, recomputes after a calibration for the past, once, and keeps who asked', async () => {
    const site = await openSite(db)
    const key = await readTenHours(site)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 1000 }, T + 4.5 * HOUR)
    const body = { point: key, from: text(T + 4 * HOUR), to: text(T + 6 * HOUR) }

    const preview = await json(await post(body))
    const unchanged = await volumesOf(site)
    const done = await json(await execute(preview.preview))
    const again = await json(await execute((await json(await post(body))).preview))

    assert.deepEqual(unchanged, [100, 101, 102, 103, 104, 105, 106, 107, 108, 109])
    assert.deepEqual(await volumesOf(site), [100, 101, 102, 103, 104, 114, 124, 134, 144, 154])
    assert.deepEqual(preview, done)
    assert.deepEqual(done.days, [
      { day: '2026-01-15', variable: 'volume', unit: 'm³', before: 9, after: 54, delta: 45 },
    ])
    assert.deepEqual(done.consumptionM3, { before: 2, after: 11 })
    const [volume] = done.variables
    assert.deepEqual(
      [volume.variable, volume.changed, volume.removed, volume.changedFrom, volume.changedTo],
      ['volume', 5, 0, text(T + 5 * HOUR), text(T + 9 * HOUR)],
    )
    assert.deepEqual(
      again.variables.map(({ changed }: { changed: number }) => changed),
      [0],
    )
    const asked = await db.query(
      'select asked_by, why, preview_id, refused from recomputations where point_id = $1 order by id limit 1',
      [await site.pointId()],
    )
    assert.deepEqual(asked, [{ asked_by: 'Ana', why: 'a test', preview_id: preview.preview, refused: null }])
  })

  test('POST /process shows consumption in whole litres', async () => {
    const site = await openSite(db)
    const key = await readTenHours(site, 20)

    const { consumptionM3 } = await json(await post({ point: key, from: text(T), to: text(T + 3.5 * HOUR) }))

    assert.deepEqual(consumptionM3, { before: 0.6, after: 0.6 })
    const stored = await db.query<{ consumed: number }>(
      `select sum(consumed order by at) as consumed from derived
       where series_id in (select id from series where point_id = $1) and at < to_timestamp($2::float8 / 1000)`,
      [await site.pointId(), T + 3.5 * HOUR],
    )
    assert.deepEqual(stored, [{ consumed: 0.2 + 0.2 + 0.2 }])
  })

  test('POST /process takes away the values of a source that another one has replaced', async () => {
    const site = await openSite(db)
    const key = await readTenHours(site)
    await site.commit(
      Array.from({ length: 10 }, (_, hour) => [T + hour * HOUR + 60_000, 'total', 500 + hour] as const),
    )
    await untilProcessed(db)
    await site.calibrate('total_to_volume', {}, T + 4.5 * HOUR)

    const { preview } = await json(await post({ point: key, from: text(T), to: text(T + DAY) }))
    const done = await json(await execute(preview))

    assert.equal(done.variables[0].removed, 5)
    const volumes = await allValues(db, await site.pointId(), 'volume')
    assert.deepEqual(
      volumes.map(({ at, value }) => [(at - T) / 60_000, value]),
      [
        [0, 100],
        [60, 101],
        [120, 102],
        [180, 103],
        [240, 104],
        [301, 104],
        [361, 105],
        [421, 106],
        [481, 107],
        [541, 108],
      ],
    )
  })

  test('POST /process/{preview} does what was shown, once, and nothing when it would do something else', async () => {
    const site = await openSite(db)
    const key = await readTenHours(site)
    await site.calibrate('pulses_to_volume', { litresPerPulse: 1000 }, T + 4.5 * HOUR)
    const body = { point: key, from: text(T + 4 * HOUR), to: text(T + 6 * HOUR) }
    const shown = async () => (await json(await post(body))).preview

    const beforeLate = await shown()
    await site.commit([[T + 5.5 * HOUR, 'pulses', 1055]])
    await untilProcessed(db)
    const late = await execute(beforeLate)
    const beforeRule = await shown()
    await site.calibrate('pulses_to_volume', { litresPerPulse: 100 }, T + 7.5 * HOUR)
    const rule = await execute(beforeRule)
    const unchanged = (await volumesOf(site)).length
    const beforeLive = await shown()
    await site.commit([[T + 11 * HOUR, 'pulses', 1110]])
    await untilProcessed(db)
    const live = await execute(beforeLive)
    const again = await execute(beforeLive)
    const unnamed = await execute(beforeLive, { why: ' ' })

    assert.deepEqual(
      [late.status, rule.status, live.status, again.status, unnamed.status],
      [409, 409, 200, 409, 400],
    )
    assert.equal((await execute(2 ** 40)).status, 404)
    assert.equal(unchanged, 11)
    assert.match((await json(again)).detail, /executed already/)
    const ends = await db.query<{ refused: string | null }>(
      'select refused from recomputations where point_id = $1 order by id',
      [await site.pointId()],
    )
    assert.deepEqual(
      ends.map(({ refused }) => refused?.split(/[:.]/)[0] ?? null),
      [
        'It would not do any more what was shown',
        'It would not do any more what was shown',
        null,
        'This preview was executed already',
      ],
    )
  })

  test('POST /process refuses a stretch whose readings are no longer all kept', async () => {
    const site = await openSite(db)
    const key = await readTenHours(site)
    await db.query('insert into retained_from (point_id, at) values ($1, to_timestamp($2::float8 / 1000))', [
      await site.pointId(),
      T + 3 * HOUR,
    ])

    const gone = await post({ point: key, from: text(T), to: text(T + DAY) })
    const kept = await post({ point: key, from: text(T + 3 * HOUR), to: text(T + DAY) })

    assert.deepEqual([gone.status, kept.status], [422, 200])
    assert.match((await json(gone)).detail, /are kept from 2026-01-15T15:00:00.000Z on/)
  })

  async function readTenHours(site: Site, litresPerPulse = 100): Promise<string> {
    await site.calibrate('pulses_to_volume', { litresPerPulse }, T - DAY)
    await site.commit(
      Array.from({ length: 10 }, (_, hour) => [T + hour * HOUR, 'pulses', 1000 + 10 * hour] as const),
    )
    await untilProcessed(db)
    const [row] = await db.query<{ slug: string }>('select slug from projects where id = $1', [
      site.projectId,
    ])
    return `${row?.slug}.${row?.slug}.pozo-7`
  }

  async function volumesOf(site: Site): Promise<(number | null)[]> {
    return (await allValues(db, await site.pointId(), 'volume')).map(({ value }) => value)
  }

  const get = (path: string) => fetch(`http://127.0.0.1:${service.port}${path}`)
  const post = (body: object, headers: Record<string, string> = { authorization: 'Bearer operator' }) =>
    fetch(`http://127.0.0.1:${service.port}/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const execute = (preview: number, body: object = { why: 'a test' }) =>
    fetch(`http://127.0.0.1:${service.port}/process/${preview}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer operator' },
      body: JSON.stringify(body),
    })
})

const text = (at: number): string => new Date(at).toISOString()

/** A document of which a test looks at parts. */
const json = async (response: Response): Promise<ReturnType<typeof JSON.parse>> => response.json()

async function untilProcessed(db: Database): Promise<void> {
  const deadline = systemClock.monotonic() + 10_000
  for (;;) {
    const [row] = await db.query<{ waiting: number }>(
      'select count(*) as waiting from batches where processed_at is null',
    )
    if (row?.waiting === 0) return
    assert.ok(systemClock.monotonic() < deadline, 'batches still wait')
    await systemClock.sleep(10)
  }
}
