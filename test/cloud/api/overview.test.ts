// Every point at once, a series thinned to a screen, consumption, the calendar of what was due: what the web application draws.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { intervalOf, stateOfPoint } from '../../../cloud/api/point-state.ts'
import { planThinning } from '../../../cloud/api/series.ts'
import { flagsOf } from '../../../cloud/flags.ts'
import { rollUpHours } from '../../../cloud/store/rollups.ts'
import { fill, NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.pozo-7'
const HOUR_MS = 3_600_000

describe('/overview', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
    await api.clock.advance(Math.max(0, NOW - api.clock.now()))
  })
  after(() => api.close())

  const overview = async () => (await api.ask('GET /api/v1/overview')).body

  test('shows each point with its state, its newest values and what became of what it owes', async () => {
    const { items, next } = await overview()
    assert.equal(next, null)
    assert.equal(items.length, 4)
    const point = items.find(({ key }: { key: string }) => key === POINT)
    assert.deepEqual(
      point.latest.map(({ variable, value, quality }: Record<string, unknown>) => [variable, value, quality]),
      [['flow', 12.5, 'good']],
    )
    const [work] = point.works
    assert.equal(work.workCode, 'OB-0602-1')
    assert.deepEqual([work.sent, work.waiting, work.review, work.noData, work.closed], [1, 2, 0, 0, 0])
    assert.equal(items.find(({ point: name }: { point: string }) => name === 'campo-8').state, 'never')
  })

  test('is compressed for who can read that', async () => {
    const headers = { authorization: `Bearer ${api.tokens.administrator}`, 'accept-encoding': 'gzip' }
    const answer = await fetch(`${api.url}/api/v1/overview`, { headers })
    assert.equal(answer.headers.get('content-encoding'), 'gzip')
    assert.equal(JSON.parse(await answer.text()).items.length, 4)
  })

  test('has an hour of the calendar for each in which something was due', async () => {
    const { status, body } = await api.ask('GET /api/v1/points/{point}/slot-hours', {
      path: `/api/v1/points/${POINT}/slot-hours?from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`,
    })
    assert.equal(status, 200)
    assert.deepEqual(
      body.items.map(({ at, sent, review, waiting }: Record<string, unknown>) => [at, sent, review, waiting]),
      [
        ['2026-01-15T10:00:00.000Z', 1, 0, 0],
        ['2026-01-15T11:00:00.000Z', 0, 0, 1],
        ['2026-01-15T12:00:00.000Z', 0, 0, 1],
      ],
    )
    const tooLong = await api.ask('GET /api/v1/points/{point}/slot-hours', {
      path: `/api/v1/points/${POINT}/slot-hours?from=2025-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`,
    })
    assert.deepEqual([tooLong.status, tooLong.body.errors[0].name], [400, 'from'])
  })
})

describe('stateOfPoint()', () => {
  const at = (agoMs: number, value: number | null = 1) => ({ at: NOW - agoMs, value })
  const state = (...latest: ReturnType<typeof at>[]) =>
    stateOfPoint(latest, { now: NOW, intervalMs: intervalOf(60) })

  test('is by the age of the newest reading, and by what has no value', () => {
    assert.equal(state(), 'never')
    assert.equal(state(at(30_000), at(40_000)), 'current')
    assert.equal(state(at(30_000), at(40_000, null)), 'fault')
    assert.equal(state(at(30_000), at(20 * 60_000)), 'fault', 'one variable has stopped')
    assert.equal(state(at(5 * 60_000)), 'current')
    assert.equal(state(at(5 * 60_000 + 1)), 'late')
    assert.equal(state(at(HOUR_MS)), 'late')
    assert.equal(state(at(HOUR_MS + 1, null)), 'silent')
    assert.equal(state(at(-60_000)), 'current', 'a clock that runs ahead')
  })

  test('waits longer for a point that is read seldom', () => {
    const hourly = { now: NOW, intervalMs: intervalOf(1) }
    assert.equal(stateOfPoint([at(2 * HOUR_MS)], hourly), 'current')
    assert.equal(stateOfPoint([at(4 * HOUR_MS)], hourly), 'late')
    assert.equal(stateOfPoint([at(13 * HOUR_MS)], hourly), 'silent')
    assert.equal(intervalOf(undefined), intervalOf(0))
  })
})

describe('/points/{point}/series', () => {
  let api: ApiScene
  const from = Date.parse('2026-01-15T10:00:00Z')
  before(async () => {
    api = await openApiScene()
    // A peak of one second, a poll that failed, and a minute in which nothing was read.
    const values = Array.from({ length: 240 }, (_, second) =>
      second === 97 ? 99 : second === 30 ? null : 10,
    )
    await api.store(POINT, 'flow', from, values.slice(0, 120))
    await api.store(POINT, 'flow', from + 180_000, values.slice(180))
  })
  after(() => api.close())

  const series = async (query: string) => {
    const path = `/api/v1/points/${POINT}/series?variable=flow&${query}`
    return api.ask('GET /api/v1/points/{point}/series', { path })
  }

  test('keeps every peak, and shows what is missing', async () => {
    const { status, body } = await series('from=2026-01-15T10:00:00Z&to=2026-01-15T10:04:00Z&steps=4')
    assert.equal(status, 200)
    assert.deepEqual([body.stepMs, body.source, body.unit], [60_000, 'values', 'L/s'])
    assert.deepEqual(
      body.at.map((at: number) => (at - from) / 60_000),
      [0, 1, 3],
    )
    assert.deepEqual(body.max, [10, 99, 10])
    assert.deepEqual(body.min, [10, 10, 10])
    assert.deepEqual(body.count, [60, 60, 60])
    assert.deepEqual(body.valid, [59, 60, 60])
    assert.deepEqual(body.quality, ['no_answer', 'good', 'good'])
  })

  test('cuts time at the same instants wherever the question begins', async () => {
    const ask = async (begin: string) => (await series(`from=${begin}&to=2026-01-15T10:04:00Z&steps=4`)).body
    const [one, other] = [await ask('2026-01-15T10:00:00Z'), await ask('2026-01-15T10:00:01Z')]
    assert.equal(one.from, '2026-01-15T10:00:00.000Z')
    assert.ok(other.at.every((at: number) => at % other.stepMs === 0))
  })

  test('draws what is in force and not what was measured, and counts what is doubtful as not good', async () => {
    const start = from + 86_400_000
    const route = 'GET /api/v1/points/{point}/series'
    await api.store(POINT, 'level', start, [10, 20, 30, 40])
    await api.db.query(
      `insert into judgements (series_id, at, flags, adjusted)
       select s.id, to_timestamp($1::float8 / 1000) + make_interval(secs => v.second), v.flags, v.adjusted
       from series s join points p on p.id = s.point_id and p.slug = 'pozo-7',
         (values (1, $2::int, 2.5::float8), (3, $3::int, null)) as v (second, flags, adjusted)
       where s.variable = 3`,
      [start, flagsOf('cut_off'), flagsOf('out_of_range')],
    )
    const query = 'variable=level&from=2026-01-16T10:00:00Z&to=2026-01-16T10:01:00Z&steps=1'

    const { body } = await api.ask(route, { path: `/api/v1/points/${POINT}/series?${query}` })

    assert.deepEqual([body.min, body.max, body.mean, body.last], [[2.5], [40], [20.625], [40]])
    assert.deepEqual([body.count, body.valid], [[4], [3]])
  })

  test('draws long stretches from the hours, which count the same', async () => {
    const hours = [{ seriesId: 1, from, to: from + HOUR_MS }]
    await api.db.transaction(tx => rollUpHours(tx, 'measured', hours))
    const { body } = await series('from=2026-01-01T00:00:00Z&to=2026-02-15T00:00:00Z&steps=2000')
    assert.deepEqual([body.source, body.stepMs], ['hours', HOUR_MS])
    assert.deepEqual([body.at, body.max, body.min], [[from], [99], [10]])
    assert.deepEqual([body.count, body.valid], [[180], [179]])
  })

  test('has nothing of a variable that never came, and refuses a stretch that ends before it begins', async () => {
    const path = `/api/v1/points/${POINT}/series?variable=ph`
    const { status, body } = await api.ask('GET /api/v1/points/{point}/series', { path })
    assert.deepEqual([status, body.at, body.last], [200, [], []])
    const backwards = await series('from=2026-01-16T10:00:00Z&to=2026-01-15T10:04:00Z')
    assert.deepEqual([backwards.status, backwards.body.errors[0].name], [400, 'from'])
    assert.equal((await series('steps=2001')).status, 400)
  })
})

describe('planThinning()', () => {
  test('never has more steps than asked for, but the one that its beginning falls into', () => {
    for (const span of [1_000, 3_600_000, 86_400_000, 31 * 86_400_000, 33 * 86_400_000, 4e11]) {
      for (const steps of [1, 7, 600, 2_000]) {
        const { from, to, stepMs, source } = planThinning(
          { from: 1_000_000_007, to: 1_000_000_007 + span },
          steps,
        )
        assert.ok((to - from) / stepMs <= steps + 1, `${span} in ${steps}`)
        assert.equal(from % stepMs, 0)
        assert.equal(source === 'hours', stepMs % HOUR_MS === 0 && stepMs >= HOUR_MS)
      }
    }
  })
})

describe('/points/{point}/consumption', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  const consumption = (query: string) =>
    api.ask('GET /api/v1/points/{point}/consumption', {
      path: `/api/v1/points/${POINT}/consumption?${query}`,
    })

  test('is what the rollups of the volume hold, by hour, day and month', async () => {
    await api.store(POINT, 'volume', NOW, [1])
    await api.db.query(
      `insert into rollups_day (series_id, at, count, valid, minutes, consumption, gap_consumption, worst_quality)
       select s.id, to_timestamp($1::float8 / 1000), 3, 3, 3, 12.3456, 0.5, 0 from series s where s.variable = 65`,
      [Date.parse('2026-01-14T03:00:00Z')],
    )
    const { status, body } = await consumption('by=day&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z')
    assert.equal(status, 200)
    assert.deepEqual(body.items, [
      {
        ...{ at: '2026-01-14T03:00:00.000Z', consumptionM3: 12.346, gapConsumptionM3: 0.5 },
        ...{ minutes: 3, quality: 'good' },
      },
    ])
    assert.deepEqual((await consumption('by=month')).body.items, [])
  })

  test('is told of no longer a stretch than fits into one answer', async () => {
    const { status, body } = await consumption('by=hour&from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z')
    assert.equal(status, 400)
    assert.match(body.errors[0].detail, /by hour: at most 92 days/)
  })
})

describe('/points/{point}/export', () => {
  let api: ApiScene
  const from = Date.parse('2026-01-15T05:59:59Z')
  before(async () => {
    api = await openApiScene()
    await api.store(POINT, 'flow', from, [12.5, null, 13.25])
    await api.store(POINT, 'total', from + 1000, [1000.5])
  })
  after(() => api.close())

  const exported = async (query: string) => {
    const path = `/api/v1/points/${POINT}/export?${query}`
    return api.ask('GET /api/v1/points/{point}/export', { path })
  }
  const day = 'from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z'

  test('has a line for each instant, and says why a value is absent', async () => {
    const { status, headers, body } = await exported(day)
    assert.equal(status, 200)
    assert.match(headers.get('content-disposition') ?? '', /filename="pozo-7-2026-01-15-2026-01-16\.csv"/)
    assert.deepEqual(body.split('\r\n'), [
      'utc,local,flow (L/s),flow quality,total (m³),total quality',
      '2026-01-15T05:59:59.000Z,2026-01-15 02:59:59,12.5,good,,',
      '2026-01-15T06:00:00.000Z,2026-01-15 03:00:00,,no_answer,1000.5,good',
      '2026-01-15T06:00:01.000Z,2026-01-15 03:00:01,13.25,good,,',
      '',
    ])
  })

  test('can be opened by a spreadsheet where the comma is decimal', async () => {
    const { body } = await exported(`${day}&style=spreadsheet`)
    assert.ok(body.startsWith('\uFEFFutc;local;') || body.startsWith('utc;local;'))
    assert.match(body, /02:59:59;12,5;good;;/)
  })

  test('has its head alone where there is nothing, and a bound', async () => {
    const { body } = await exported('from=2025-01-15T00:00:00Z&to=2025-01-16T00:00:00Z')
    assert.equal(body.split('\r\n').length, 2)
    const tooLong = await exported('from=2020-01-15T00:00:00Z&to=2026-01-16T00:00:00Z')
    assert.deepEqual([tooLong.status, tooLong.body.errors[0].name], [400, 'from'])
  })

  test('stops reading when nobody listens any more', async () => {
    const asked = new AbortController()
    const headers = { authorization: `Bearer ${api.tokens.administrator}` }
    const path = `/api/v1/points/${POINT}/export?from=2024-01-15T00:00:00Z&to=2026-01-16T00:00:00Z`
    const answer = await fetch(`${api.url}${path}`, { headers, signal: asked.signal })
    asked.abort()
    await assert.rejects(answer.text(), { name: 'AbortError' })
    assert.equal((await exported(day)).status, 200)
    assert.ok(!api.lines.some(line => line.includes('"error"')))
  })
})
