// Points, readings, slots: what programs read, page by page, over HTTP.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createSlots, selectOwing } from '../../../cloud/store/compliance-slots.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const POINT = 'campo.los-aromos.pozo-7'
const READINGS = 'GET /api/v1/points/{point}/readings'

describe('the API', () => {
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
      assert.equal(typeof body.requestId, 'string')
    })
  }

  test('answers a problem where nothing is', async () => {
    const { status, body } = await api.ask('GET /api/v1/nothing')
    assert.deepEqual([status, body.title], [404, 'Not found'])
  })

  test('lists slots newest first, with why they are not declared, of whom one may see', async () => {
    const owing = await selectOwing(api.db, NOW + 10, 0, 10)
    for (const obligation of owing) {
      const dueAts = [NOW - 3_600_000, NOW]
      await createSlots(api.db, obligation, { dueAts, through: NOW + 1, now: NOW })
    }
    const all = await api.ask('GET /api/v1/compliance/slots')
    assert.equal(all.body.items.length, 4)
    const token = api.tokens['client_reader of campo'] ?? ''
    const first = await api.ask('GET /api/v1/compliance/slots', {
      path: '/api/v1/compliance/slots?limit=1',
      token,
    })
    const [slot] = first.body.items
    const { point, workCode, channel, measuredAt, state, receipt, flow } = slot
    assert.deepEqual(
      { point, workCode, channel, measuredAt, state, receipt, flow },
      {
        ...{ point: POINT, workCode: 'OB-0602-1', channel: 'rest', measuredAt: '2026-01-15T12:00:00.000Z' },
        ...{ state: 'pending', receipt: null, flow: null },
      },
    )
    const path = `/api/v1/compliance/slots?limit=1&cursor=${first.body.next}`
    const second = await api.ask('GET /api/v1/compliance/slots', { path, token })
    assert.equal(second.body.items[0].measuredAt, '2026-01-15T11:00:00.000Z')
    assert.equal(second.body.next, null)
    const sent = await api.ask('GET /api/v1/compliance/slots', {
      path: '/api/v1/compliance/slots?state=sent',
    })
    assert.deepEqual(sent.body.items, [])
  })
})
