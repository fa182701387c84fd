// /compliance/works: what is owed, and how it is changed: seen first, then written.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeSlots, PLAN_LIMITS } from '../../../cloud/compliance/plan.ts'
import { listSlots } from '../../../cloud/store/compliance.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const WORK = 'OB-0602-1'
const PREVIEW = 'POST /api/v1/compliance/works/{work}/obligations/preview'
const PUT = 'PUT /api/v1/compliance/works/{work}/obligations'
const HOUR = 3_600_000

describe('/compliance/works/{work}/obligations', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await api.clock.advance(NOW - api.clock.now())
  })
  after(() => api.close())

  const obligation = (more: object = {}) => ({
    ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest', workCode: WORK },
    ...{ informant: '12345678-5', ...more },
  })
  const ask = (route: string, asked: object, headers: Record<string, string> = {}) =>
    api.ask(route, {
      path: route.replace(/^\w+ /, '').replace('{work}', WORK),
      init: {
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ point: 'campo.los-aromos.pozo-7', reason: 'Res. Ex. 123', obligation: asked }),
      },
    })
  const put = async (asked: object) => {
    const { body } = await ask(PREVIEW, asked)
    return ask(PUT, asked, { 'if-match': `"${body.hash}"` })
  }
  const whole = async () =>
    (await api.ask('GET /api/v1/compliance/works/{work}', { path: `/api/v1/compliance/works/${WORK}` })).body
  const make = () => makeSlots({ db: api.db, clock: api.clock, log: silentLog }, PLAN_LIMITS)
  const slots = async () => {
    const all = await listSlots(api.db, { pointIds: null, workCode: WORK, from: 0, to: 4e12, limit: 1000 })
    return all.toReversed().map(({ dueAt, state }) => [new Date(dueAt).toISOString().slice(5, 16), state])
  }

  test('shows the calendar that a change would bring, and writes nothing', async () => {
    const monthly = obligation({ from: '2026-01-20T04:00:00Z', standard: 'menor' })
    const { status, body, headers } = await ask(PREVIEW, monthly)

    assert.equal(status, 200)
    assert.equal(headers.get('etag'), `"${body.hash}"`)
    assert.deepEqual(body.calendar.before.slice(0, 2), [
      { at: '2026-01-15T12:00:00.000Z', regulator: '2026-01-15 08:00:00' },
      { at: '2026-01-15T13:00:00.000Z', regulator: '2026-01-15 09:00:00' },
    ])
    const { after: due, months } = body.calendar
    assert.equal(due.length, 24)
    assert.deepEqual(months.slice(0, 3), [
      { month: '2026-01', before: 400, after: 112 },
      { month: '2026-02', before: 672, after: 1 },
      { month: '2026-03', before: 744, after: 1 },
    ])
    assert.deepEqual(
      body.versions.map(({ from, until, standard }: Record<string, string>) => [from, until, standard]),
      [
        ['2026-01-01T00:00:00.000Z', '2026-01-20T04:00:00.000Z', 'mayor'],
        ['2026-01-20T04:00:00.000Z', null, 'menor'],
      ],
    )
    assert.equal((await whole()).versions.length, 1)
    assert.equal((await whole()).changes.length, 1)
  })

  test('shows the calendar of every minute as well', async () => {
    const { status, body } = await ask(PREVIEW, obligation({ every: '1m', select: '10s' }))
    assert.equal(status, 200)
    assert.deepEqual(body.calendar.months[1], { month: '2026-02', before: 672, after: 40_320 })
    assert.deepEqual(body.calendar.months[11], { month: '2026-12', before: 744, after: 44_640 })
  })

  test('is written only as a preview has shown it, and says who did it and why', async () => {
    const daily = obligation({ from: '2026-01-20T04:00:00Z', standard: 'medio' })
    assert.equal((await ask(PUT, daily)).status, 428)
    const { body } = await ask(PREVIEW, daily)
    const other = obligation({ from: '2026-01-20T04:00:00Z', standard: 'medio', mode: 'shadow' })
    assert.equal((await ask(PUT, other, { 'if-match': `"${body.hash}"` })).status, 412)
    // Somebody else is faster.
    assert.equal((await put(obligation({ from: '2026-03-01T04:00:00Z', standard: 'menor' }))).status, 200)
    assert.equal((await ask(PUT, daily, { 'if-match': `"${body.hash}"` })).status, 412)

    const written = await put(daily)
    assert.equal(written.status, 200)
    assert.deepEqual(
      written.body.versions.map(({ standard, until }: Record<string, string>) => [standard, until]),
      [
        ['mayor', '2026-01-20T04:00:00.000Z'],
        ['medio', '2026-03-01T04:00:00.000Z'],
        ['menor', null],
      ],
    )
    assert.deepEqual(
      written.body.changes.map(({ by, reason, from }: Record<string, string>) => [by, reason, from]),
      [
        ['administrator', 'Res. Ex. 123', '2026-01-20T04:00:00.000Z'],
        ['administrator', 'Res. Ex. 123', '2026-03-01T04:00:00.000Z'],
        ['provisioning', 'provisioned', '2026-01-01T00:00:00.000Z'],
      ],
    )
  })

  test('owes what is back-filled on request, withdraws what is not owed any more, and owes it again', async () => {
    await make()
    assert.deepEqual(await slots(), [['01-15T12:00', 'pending']])
    const backfill = obligation({ backfillFrom: '2026-01-15T09:00:00Z' })
    const { body } = await ask(PREVIEW, backfill)
    assert.deepEqual(body.effect, { withdrawn: 0, pickedAnew: 0, toMake: 3 })
    await put(backfill)
    await make()
    assert.deepEqual(
      (await slots()).map(([at]) => at),
      ['01-15T09:00', '01-15T10:00', '01-15T11:00', '01-15T12:00'],
    )

    const every2 = obligation({ every: '2h', resolution: 'Res. Ex. 9' })
    assert.deepEqual((await ask(PREVIEW, every2)).body.effect, { withdrawn: 2, pickedAnew: 2, toMake: 0 })
    await put(every2)
    assert.deepEqual(
      (await slots()).map(([, state]) => state),
      ['withdrawn', 'pending', 'withdrawn', 'pending'],
    )
    await put(obligation())
    assert.deepEqual(
      (await slots()).map(([, state]) => state),
      ['pending', 'pending', 'pending', 'pending'],
    )
    await api.clock.advance(HOUR)
    await make()
    assert.equal((await slots()).length, 5)
  })

  test('takes several points as one work, of one client, and warns of water that is declared twice', async () => {
    const together = obligation({
      alsoPoints: ['campo.los-aromos.campo-8'],
      levelPoint: 'campo.los-aromos.campo-8',
    })
    const { status, body } = await ask(PREVIEW, together)
    assert.equal(status, 200)
    const [current] = body.versions
    assert.deepEqual(current.alsoPoints, ['campo.los-aromos.campo-8'])
    assert.equal(current.levelPoint, 'campo.los-aromos.campo-8')
    assert.deepEqual(body.warnings, [])
    for (const [wrong, says] of [
      [{ alsoPoints: ['otra.los-aromos.pozo-7'] }, /no point otra.los-aromos.pozo-7 of this client/],
      [{ alsoPoints: ['campo.los-aromos.pozo-7'] }, /a point stands twice/],
      [{ to: '2025-01-01T00:00:00Z' }, /to must be after from/],
      [{ informant: '11111111-1' }, /no informant 11111111-1/],
      [{ required: ['level'] }, /must name flow and total/],
      [
        { from: '1990-01-01T00:00:00Z', backfillFrom: '1990-01-01T00:00:00Z', every: '1m' },
        /more than 100000 slots/,
      ],
    ] as const) {
      const refused = await ask(PREVIEW, obligation(wrong))
      assert.equal(refused.status, 422)
      assert.match(refused.body.detail, says)
    }
    const second = await api.ask(PREVIEW, {
      path: '/api/v1/compliance/works/OB-0602-99/obligations/preview',
      init: {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ point: 'campo.los-aromos.pozo-7', reason: 'otra obra' },
          obligation: obligation({ workCode: 'OB-0602-99' }),
        }),
      },
    })
    assert.deepEqual(second.body.warnings, ['The same water is declared as OB-0602-1 as well'])
  })

  test('wants of a standard of its own what nothing else says', async () => {
    const { status, body } = await ask(PREVIEW, obligation({ standard: 'custom' }))
    assert.equal(status, 400)
    assert.deepEqual(body.errors.map(({ name }: { name: string }) => name).sort(), [
      'obligation.every',
      'obligation.maxLag',
      'obligation.resolution',
    ])
    const weekly = { kind: 'weeks', weekday: 1, minute: 480 }
    const custom = obligation({ standard: 'custom', every: weekly, maxLag: '10d', resolution: 'Res. Ex. 55' })
    const shown = (await ask(PREVIEW, custom)).body.calendar.after.slice(0, 2)
    assert.deepEqual(
      shown.map(({ regulator }: { regulator: string }) => regulator),
      ['2026-01-19 08:00:00', '2026-01-20 00:00:00'],
    )
  })
})
