// Points and readings: what programs read, page by page, over HTTP.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ApiScene, openApiScene } from './scene.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const POINT = 'campo.los-aromos.pozo-7'
const READINGS = 'GET /api/v1/points/{point}/readings'

describe('points and readings', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await api.store(
      POINT,
      'flow',
      NOW - 100_000,
      Array.from({ length: 95 }, (_, index) => (index % 7 === 3 ? null : index / 4)),
    )
    await api.store(POINT, 'flow', NOW - 2_000, [12.5])
    await api.store(POINT, 'level', NOW - 5_000, [31.2, null])
  })
  after(() => api.close())

  const pointsOf = (query: string, token?: string) =>
    api.ask('GET /api/v1/points', {
      path: `/api/v1/points?${query}`,
      ...(token === undefined ? {} : { token }),
    })
  const readingsOf = (query: string, name = POINT) =>
    api.ask(READINGS, { path: `/api/v1/points/${name}/readings?${query}` })
  const latestOf = (name: string, token?: string) =>
    api.ask('GET /api/v1/points/{point}/latest', {
      path: `/api/v1/points/${name}/latest`,
      ...(token === undefined ? {} : { token }),
    })

  test('gives the latest values of a point, those that are absent with their reason', async () => {
    const { status, body } = await latestOf(POINT)
    assert.equal(status, 200)
    const values = body.latest.map((one: Record<string, unknown>) => [
      one.variable,
      one.value,
      one.unit,
      one.quality,
    ])
    assert.deepEqual(values.toSorted(), [
      ['flow', 12.5, 'L/s', 'good'],
      ['level', null, 'm', 'no_answer'],
    ])
  })

  test('knows a point by its last name while that is one, and asks which when it is not', async () => {
    const reader = api.tokens['client_reader of campo']
    assert.equal((await latestOf('pozo-7', reader)).body.point, POINT)
    const several = await latestOf('pozo-7')
    assert.equal(several.status, 409)
    assert.deepEqual(several.body.candidates, [POINT, 'otra.los-aromos.pozo-7'])
    assert.equal((await latestOf('pozo-99')).status, 404)
  })

  test('lists points, all that one may see or those of one client or project', async () => {
    const keys = async (query: string, token?: string) =>
      (await pointsOf(query, token)).body.items.map(({ key }: { key: string }) => key)
    const [campo, otra] = ['campo', 'otra'].map(client => [
      `${client}.los-aromos.pozo-7`,
      `${client}.los-aromos.${client}-8`,
    ])
    assert.deepEqual(await keys(''), [...(campo ?? []), ...(otra ?? [])])
    assert.deepEqual(await keys('', api.tokens['regulator_reader of otra']), otra)
    assert.deepEqual(await keys('client=campo&project=los-aromos'), campo)
    assert.deepEqual(await keys('project=los-olmos'), [])
  })

  test('shows one point as it was provisioned', async () => {
    const { body } = await api.ask('GET /api/v1/points/{point}', { path: `/api/v1/points/${POINT}` })
    const { createdAt, ...point } = body
    assert.ok(Date.parse(createdAt) > 0)
    assert.deepEqual(point, {
      ...{ key: POINT, client: 'campo', project: 'los-aromos', point: 'pozo-7', name: 'Pozo 7' },
      ...{ kind: 'groundwater', latitude: null, longitude: null, origin: 'provisioned', archived: false },
      ...{ wellDepthM: null, pumpDepthM: null, sensorDepthM: 80, note: null },
      ...{ dischargeDiameterIn: null, meterDiameterIn: null, meterInitialM3: null },
    })
  })

  test('says that nothing has changed to who names what it has, and only then', async () => {
    const path = '/api/v1/points/campo.los-aromos.campo-8/latest'
    const route = 'GET /api/v1/points/{point}/latest'
    await api.store('campo.los-aromos.campo-8', 'pressure', NOW - 60_000, [101.3])
    const etag = (await api.ask(route, { path })).headers.get('etag') ?? ''
    const again = () => api.ask(route, { path, init: { headers: { 'if-none-match': etag } } })
    const same = await again()
    assert.deepEqual([same.status, same.body, same.headers.get('etag')], [304, '', etag])
    assert.equal(same.headers.get('cache-control'), 'private, no-cache')
    assert.equal(
      (await api.ask(route, { path, token: '', init: { headers: { 'if-none-match': etag } } })).status,
      401,
    )
    await api.store('campo.los-aromos.campo-8', 'pressure', NOW - 59_000, [101.4])
    const changed = await again()
    assert.deepEqual([changed.status, changed.body.latest[0].value], [200, 101.4])
  })

  test('gives the last good value beside the newest that is none', async () => {
    const [level] = (await latestOf(POINT)).body.latest.filter(
      ({ variable }: { variable: string }) => variable === 'level',
    )
    assert.deepEqual(
      [level.value, level.goodValue, level.at, level.goodAt],
      [null, 31.2, '2026-01-15T11:59:56.000Z', '2026-01-15T11:59:55.000Z'],
    )
  })

  test('loses nothing at the end of a stretch that nobody named, however long paging takes', async () => {
    const dayAgo = NOW - 24 * 3_600_000
    await api.store(POINT, 'temperature', dayAgo, [10, 11, 12, 13])
    const seen: number[] = []
    let cursor = ''
    let spans = new Set<string>()
    do {
      const { body } = await readingsOf(`variable=temperature&order=desc&limit=1${cursor}`)
      seen.push(body.items[0].value)
      spans = spans.add(`${body.from} ${body.to}`)
      cursor = body.next === null ? '' : `&cursor=${body.next}`
      await api.clock.advance(5_000)
    } while (cursor !== '' && seen.length < 10)
    assert.deepEqual(seen, [13, 12, 11, 10])
    assert.deepEqual([...spans], ['2026-01-14T12:00:00.000Z 2026-01-15T12:00:00.000Z'])
  })

  test('keeps a gap a gap, and a failed poll a reading without a value', async () => {
    await api.store(POINT, 'battery', NOW - 600_000, [90, null])
    await api.store(POINT, 'battery', NOW - 300_000, [89])
    const { body } = await readingsOf('variable=battery&to=2026-01-15T12:00:00Z')
    assert.deepEqual(
      body.items.map(({ at, value, quality }: Record<string, unknown>) => [at, value, quality]),
      [
        ['2026-01-15T11:50:00.000Z', 90, 'good'],
        ['2026-01-15T11:50:01.000Z', null, 'no_answer'],
        ['2026-01-15T11:55:00.000Z', 89, 'good'],
      ],
    )
    assert.deepEqual((await readingsOf('variable=voltage')).body.items, [])
  })

  test('keeps what came again with another value beside the first, which stands', async () => {
    await api.store(POINT, 'ph', NOW - 60_000, [7.1])
    await api.store(POINT, 'ph', NOW - 60_000, [7.2])
    const { body } = await api.ask('GET /api/v1/points/{point}/revisions', {
      path: `/api/v1/points/${POINT}/revisions?to=2026-01-15T12:00:00Z`,
    })
    const [{ variable, at, value, standingValue }] = body.items
    assert.deepEqual([variable, at, value, standingValue], ['ph', '2026-01-15T11:59:00.000Z', 7.2, 7.1])
    const [reading] = (await readingsOf('variable=ph&to=2026-01-15T12:00:00Z')).body.items
    assert.equal(reading.value, 7.1)
  })

  test('takes an instant with any offset', async () => {
    const { body } = await readingsOf(
      'variable=flow&from=2026-01-15T08:00:00-04:00&to=2026-01-15T13:00:00%2B00:30',
    )
    assert.deepEqual([body.from, body.to], ['2026-01-15T12:00:00.000Z', '2026-01-15T12:30:00.000Z'])
  })

  test('pages through readings without losing or doubling one, in both directions', async () => {
    for (const order of ['asc', 'desc']) {
      const seen: string[] = []
      let path: string | undefined =
        `/api/v1/points/${POINT}/readings?variable=flow&limit=10&order=${order}&to=2026-01-15T12:00:00Z`
      let pages = 0
      while (path !== undefined) {
        const { body, headers } = await api.ask(READINGS, { path })
        seen.push(...body.items.map(({ at }: { at: string }) => at))
        path = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
        pages += 1
        assert.equal(body.next === null, path === undefined)
      }
      assert.equal(pages, 10)
      assert.equal(new Set(seen).size, 96)
      assert.deepEqual(seen, order === 'asc' ? seen.toSorted() : seen.toSorted().reverse())
    }
  })

  test('keeps to the stretch that is asked for, its end left out', async () => {
    const span = 'from=2026-01-15T11:58:20Z&to=2026-01-15T11:58:23Z'
    const { body } = await api.ask(READINGS, {
      path: `/api/v1/points/${POINT}/readings?variable=flow&${span}`,
    })
    const values = body.items.map(({ at, value }: { at: string; value: number }) => [at.slice(17, 19), value])
    assert.deepEqual(values, [
      ['20', 0],
      ['21', 0.25],
      ['22', 0.5],
    ])
  })

  const WRONG: readonly [string, string, string][] = [
    ['no variable', '', 'variable'],
    ['a variable that is none', 'variable=colour', 'variable'],
    ['an instant without a zone', 'variable=flow&from=2026-01-15T12:00:00', 'from'],
    [
      'an end before the beginning',
      'variable=flow&from=2026-01-15T12:00:00Z&to=2026-01-15T11:00:00Z',
      'from',
    ],
    ['too many at once', 'variable=flow&limit=10001', 'limit'],
    [
      'a cursor of another list',
      `variable=flow&cursor=${Buffer.from('["points",1]').toString('base64url')}`,
      'cursor',
    ],
    ['a cursor that is none', 'variable=flow&cursor=x', 'cursor'],
    ['a limit that is no number', 'variable=flow&limit=0x10', 'limit'],
    ['a limit said twice', 'variable=flow&limit=1&limit=2', 'limit'],
    ['an instant that cannot be', 'variable=flow&to=2120-01-01T00:00:00Z', 'to'],
    ['a parameter nobody knows', 'variable=flow&colour=red', 'colour'],
  ]
  for (const [what, query, name] of WRONG) {
    test(`names what is wrong with ${what}`, async () => {
      const { status, headers, body } = await api.ask(READINGS, {
        path: `/api/v1/points/${POINT}/readings?${query}`,
      })
      assert.equal(status, 400)
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.ok(JSON.stringify(body.errors).includes(name), JSON.stringify(body))
      assert.doesNotMatch(JSON.stringify(body.errors), /Invalid|expected|received/)
      assert.equal(typeof body.requestId, 'string')
    })
  }

  test('takes a cursor for the stretch alone that it was given for', async () => {
    const { next, from, to } = (await readingsOf('variable=flow&limit=1')).body
    assert.equal((await readingsOf(`variable=flow&limit=1&from=${from}&to=${to}&cursor=${next}`)).status, 200)
    for (const name of ['from', 'to']) {
      const other = `${name}=2026-01-15T11:59:00Z`
      const { status, body } = await readingsOf(`variable=flow&limit=1&cursor=${next}&${other}`)
      assert.deepEqual([status, body.errors[0].name], [400, name])
    }
    assert.equal((await readingsOf(`variable=level&limit=1&cursor=${next}`)).status, 400)
  })
})
