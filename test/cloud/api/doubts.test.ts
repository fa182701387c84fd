// What a person does about doubts over the API: looks, decides one by one and many at once, declares a sensor faulty,
// takes the table away.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fillSlots, PLAN_LIMITS } from '../../../cloud/compliance/plan.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { fill, NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.pozo-7'
const SLOTS = '/api/v1/compliance/slots'
const HOUR = 3_600_000

describe('doubts over the API', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await api.clock.advance(NOW - api.clock.now())
    await fill(api)
    // Of the three slots of each work the newest is not picked yet: its flow is negative.
    await api.store(POINT, 'flow', NOW, [-0.5])
    await api.store(POINT, 'total', NOW, [139_900])
    await deriveLevel()
    await api.clock.advance(HOUR)
    await fillSlots({ db: api.db, clock: api.clock, log: silentLog }, PLAN_LIMITS)
  })
  after(() => api.close())

  const deriveLevel = () =>
    api.db.query(
      `with s as (insert into series (point_id, variable)
         select p.id, 64 from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
         where c.slug = 'campo' and p.slug = 'pozo-7' returning id)
       insert into derived (series_id, at, value, quality, time_quality)
       select id, to_timestamp($1::float8 / 1000), 23.6, 0, 0 from s`,
      [NOW],
    )
  const manager = () => api.tokens['client_manager of campo'] ?? ''
  const post = (route: string, path: string, body: object, token = manager()) =>
    api.ask(route, {
      path,
      token,
      init: { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    })
  const inReview = async () => (await api.ask(`GET ${SLOTS}`, { path: `${SLOTS}?state=review` })).body.items
  const decide = (slot: number, body: object) =>
    post(`POST ${SLOTS}/{slot}/decisions`, `${SLOTS}/${slot}/decisions`, body)

  test('lists what is in review with what it saw, by code and by work', async () => {
    const [slot, ...others] = await inReview()
    assert.equal(others.length, 0)
    assert.equal(slot.reason, 'negative flow: -0.50')
    assert.deepEqual(slot.findings, [
      {
        ...{ code: 'negative', severity: 'block', quantity: 'flow', message: 'negative flow: -0.50' },
        saw: { value: -0.5 },
      },
    ])
    assert.equal(slot.flow.parts.length, 1)
    const count = async (query: string) =>
      (await api.ask(`GET ${SLOTS}`, { path: `${SLOTS}?${query}` })).body.items.length
    assert.deepEqual(
      [
        await count('code=negative'),
        await count('code=stuck'),
        await count('work=OB-0602-1'),
        await count('code=negative&work=OB-0602-2'),
      ],
      [1, 0, 3, 0],
    )
  })

  test('says what would come of many decisions, refuses each by itself, and decides what can be decided', async () => {
    const [{ id }] = await inReview()
    const bulk = (body: object) => post(`POST ${SLOTS}/decisions`, `${SLOTS}/decisions`, body)
    const all = { slots: [id, 4, 999_999], reason: 'fuera de servicio' }
    const dry = await bulk({ ...all, action: 'reject', dryRun: true })
    const outcomes = (answer: typeof dry) => answer.body.items.map((one: { outcome: string }) => one.outcome)
    assert.deepEqual(outcomes(dry), ['done', 'not_found', 'not_found'])
    assert.equal((await inReview()).length, 1)

    const approved = await bulk({ ...all, action: 'approve' })
    assert.deepEqual(outcomes(approved), ['refused', 'not_found', 'not_found'])
    assert.match(approved.body.items[0].reason, /cannot be declared as it is: negative flow/)
    assert.deepEqual(outcomes(await bulk({ ...all, action: 'reject' })), ['done', 'not_found', 'not_found'])
    assert.equal((await inReview()).length, 0)
    assert.equal((await bulk({ ...all, action: 'replace' })).status, 400)
    assert.equal((await bulk({ ...all, action: 'reject', reason: '  ' })).status, 400)

    await bulk({ ...all, action: 'reopen' })
    await fillSlots({ db: api.db, clock: api.clock, log: silentLog }, PLAN_LIMITS)
    assert.equal((await inReview()).length, 1)
  })

  test('declares what a person gives, beside what was measured, with who and why', async () => {
    const [{ id }] = await inReview()
    const wrong = await decide(id, { action: 'replace', reason: 'aforo', values: { flow: -1 } })
    assert.deepEqual([wrong.status, wrong.body.title], [422, 'It cannot be decided so'])
    for (const body of [
      { action: 'replace', reason: 'aforo', values: {} },
      { action: 'replace', reason: 'aforo', values: { caudal: 1 } },
      { action: 'settle', reason: 'aforo', receipt: 'no es' },
      { action: 'delete', reason: 'aforo' },
    ])
      assert.equal((await decide(id, body)).status, 400, JSON.stringify(body))

    const done = await decide(id, { action: 'replace', reason: 'aforo manual', values: { flow: 13.999 } })
    assert.deepEqual([done.status, done.body.state], [200, 'ready'])
    const { body } = await api.ask(`GET ${SLOTS}/{slot}`, { path: `${SLOTS}/${id}` })
    assert.deepEqual(
      [body.slot.flow.value, body.slot.flow.declared, body.slot.flow.byPerson, body.slot.total.byPerson],
      [-0.5, '14.00', true, false],
    )
    assert.equal(body.slot.person.reason, 'aforo manual')
    assert.deepEqual(
      body.decisions.map(({ action, from, to }: Record<string, string>) => [action, from, to]),
      [
        ['reject', 'review', 'rejected'],
        ['reopen', 'rejected', 'pending'],
        ['replace', 'review', 'ready'],
      ],
    )
    assert.equal((await decide(999_999, { action: 'reject', reason: 'nada' })).status, 404)
  })

  test('gives the table with the very texts that are declared, and no formula in it', async () => {
    const [{ id }] = (await api.ask(`GET ${SLOTS}`, { path: `${SLOTS}?work=OB-0602-1` })).body.items
    await decide(id, { action: 'hold', reason: '=1+1' })
    const { body, headers } = await api.ask(`GET ${SLOTS}/export`, {
      path: `${SLOTS}/export?work=OB-0602-1&state=review`,
    })
    const [header, row, end] = body.split('\r\n')
    assert.match(headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/)
    assert.match(
      header,
      /^point,work,measured_at,regulator_date,regulator_time,state,reason,flow,total,level,/,
    )
    assert.equal(
      row,
      `${POINT},OB-0602-1,2026-01-15T12:00:00.000Z,2026-01-15,08:00:00,review,held: =1+1,14.00,139900,23.60,-0.5,139900,23.6,client_manager of campo,,0,,,`,
    )
    assert.equal(end, '')
    await decide(id, { action: 'reject', reason: '=1+1, "así"' })
    const rejected = await api.ask(`GET ${SLOTS}/export`, { path: `${SLOTS}/export?state=rejected` })
    assert.match(rejected.body, /rejected,"'=1\+1, ""así""",14\.00/)
  })

  test('has a sensor declared faulty within bounds, listed, and ended once', async () => {
    const FAULTS = '/api/v1/compliance/sensor-faults'
    const now = api.clock.now()
    const text = (at: number) => new Date(at).toISOString()
    const declare = (more: object = {}, token?: string) =>
      post(
        `POST ${FAULTS}`,
        FAULTS,
        {
          ...{ point: POINT, quantity: 'level', from: text(now - HOUR), until: text(now + 24 * HOUR) },
          ...{ reason: 'cable cortado', ...more },
        },
        token,
      )
    for (const [more, name] of [
      [{ until: text(now - 2 * HOUR) }, 'until'],
      [{ until: text(now + 91 * 24 * HOUR) }, 'until'],
      [{ from: text(now - 400 * 24 * HOUR) }, 'from'],
      [{ quantity: 'pulses' }, 'quantity'],
    ] as const) {
      const { status, body } = await declare(more)
      assert.deepEqual([status, body.errors[0].name], [400, name])
    }
    assert.equal((await declare({ point: 'otra.los-aromos.pozo-7' })).status, 404)
    assert.equal((await declare({}, api.tokens['client_reader of campo'])).status, 403)
    const { status, body } = await declare()
    assert.deepEqual(
      [status, body.fault.state, body.fault.declaredBy],
      [201, 'declared', 'client_manager of campo'],
    )

    await api.clock.advance(25 * HOUR)
    const list = async () => (await api.ask(`GET ${FAULTS}`, { path: `${FAULTS}?point=${POINT}` })).body.items
    assert.equal((await list())[0].state, 'expired')
    const end = () =>
      post(`POST ${FAULTS}/{fault}/end`, `${FAULTS}/${body.fault.id}/end`, { reason: 'cable cambiado' })
    const ended = await end()
    assert.deepEqual([ended.status, ended.body.fault.state], [200, 'ended'])
    assert.equal(ended.body.fault.until, text(now + 24 * HOUR))
    assert.equal((await end()).status, 422)
  })
})
