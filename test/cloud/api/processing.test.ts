// Rules and meter events over HTTP: what may be said, what is refused and where, and what is kept of it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { flagsOf } from '../../../cloud/flags.ts'
import { continueRecomputation } from '../../../cloud/processor/round.ts'
import { writeJudgements } from '../../../cloud/store/judgements.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const POINT = 'campo.los-aromos.pozo-7'
const RULES = '/api/v1/points/{point}/processing'
const EVENTS = '/api/v1/points/{point}/meter-events'
const text = (at: number) => new Date(at).toISOString()

describe('processing', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  const post = (route: string, body: object, token?: string) =>
    api.ask(`POST ${route}`, {
      path: route.replace('{point}', POINT),
      init: { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
      ...(token === undefined ? {} : { token }),
    })
  const get = (route: string, path = route) =>
    api.ask(`GET ${route}`, { path: path.replace('{point}', POINT) })
  const mistakesOf = (body: { errors: { name: string; detail: string }[] }) =>
    body.errors.map(({ name, detail }) => `${name}: ${detail}`)

  test('begins rules, each once, and never changes one', async () => {
    const rule = { rule: 'checks', variable: 'level', from: text(NOW), range: { max: 60 } }

    const first = await post(RULES, rule)
    const again = await post(RULES, rule)
    const other = await post(RULES, { ...rule, range: { max: 70 } })
    const later = await post(RULES, { ...rule, from: text(NOW + 1), range: { max: 70 } })

    assert.deepEqual([first.status, again.status, other.status, later.status], [201, 200, 409, 201])
    const { body } = await get(RULES)
    const levels = body.rules.filter(({ variable }: { variable: string }) => variable === 'level')
    assert.deepEqual(
      levels.map((one: Record<string, unknown>) => [one.from, one.to, one.params]),
      [
        [text(NOW), text(NOW + 1), { range: { max: 60 }, sentinels: [], clockAheadS: 300 }],
        [text(NOW + 1), null, { range: { max: 70 }, sentinels: [], clockAheadS: 300 }],
      ],
    )
    const changes = (await get(`${RULES}/changes`)).body.items
    assert.deepEqual(
      changes.map((one: Record<string, unknown>) => [one.by, one.variable, one.before, one.after]),
      [
        ['administrator', 'level', levels[0].params, levels[1].params],
        ['administrator', 'level', null, levels[0].params],
      ],
    )
  })

  test('refuses rules that cannot be, and says where', async () => {
    const from = text(NOW)
    const cases: [object, string][] = [
      [{ rule: 'unit_conversion', variable: 'flow', from, unit: 'bar' }, 'unit: is no unit of flow'],
      [{ rule: 'unit_conversion', variable: 'flow', from }, 'unit: must be there, or `factor` instead of it'],
      [{ rule: 'unit_conversion', variable: 'flow', from, factor: 0 }, 'factor: must not be 0'],
      [{ rule: 'checks', variable: 'level', from, range: {} }, 'range: must have `min`, `max` or both'],
      [
        { rule: 'checks', variable: 'level', from, range: { min: 9, max: 1 } },
        'range: `min` must be below `max`',
      ],
      [{ rule: 'total_to_volume', from, baseM3: 1e308 }, 'baseM3: must be at most 1000000000'],
      [
        { rule: 'pulses_to_volume', from, litresPerPulse: 1e300 },
        'litresPerPulse: must be at most 1000000000',
      ],
      [{ rule: 'total_to_volume', from, modulus: 1e300 }, `modulus: must be at most ${2 ** 64}`],
      [{ rule: 'checks', variable: 'volume', from }, 'variable: must be a variable that is measured'],
    ]
    for (const [rule, mistake] of cases) {
      const { status, body } = await post(RULES, rule)
      assert.equal(status, 400, JSON.stringify(rule))
      assert.deepEqual(mistakesOf(body), [mistake])
    }
  })

  test('lets nobody change anything who may only read', async () => {
    const token = api.tokens['client_manager of campo'] ?? ''
    assert.equal((await post(RULES, {}, token)).status, 403)
    assert.equal((await post(EVENTS, {}, token)).status, 403)
  })

  test('enters meter events, recounts, and withdraws them, once each', async () => {
    const event = { at: text(NOW - 60_000), kind: 'replacement', beforeCount: 91_764, afterCount: 50 }
    const without = await post(EVENTS, event)
    assert.equal(without.status, 400)
    assert.match(mistakesOf(without.body).join(), /^at: no rule makes a volume of the counter at that time$/)
    await post(RULES, { rule: 'pulses_to_volume', from: text(NOW - 86_400_000), litresPerPulse: 100 })

    const entered = await post(EVENTS, event)
    const again = await post(EVENTS, event)
    const other = await post(EVENTS, { ...event, afterCount: 51 })
    const ahead = await post(EVENTS, { ...event, at: text(NOW + 3_600_000) })
    const endless = await post(EVENTS, { ...event, at: text(NOW - 30_000), afterCount: 1e300 })
    const rolled = await post(EVENTS, { at: text(NOW - 1), kind: 'rollover' })

    assert.deepEqual([entered.status, again.status, again.body.id], [201, 200, entered.body.id])
    assert.match(mistakesOf(other.body).join(), /^at: another meter event stands at the same instant/)
    assert.deepEqual(mistakesOf(ahead.body), ['at: must not lie ahead'])
    assert.deepEqual(mistakesOf(endless.body), [`afterCount: must be at most ${2 ** 64}`])
    assert.match(mistakesOf(rolled.body).join(), /^beforeCount: is missing/)
    const limits = { gatewaysMax: 1, batchesEachMax: 1, readingsMax: 1000 }
    assert.ok((await continueRecomputation({ db: api.db, clock: api.clock }, limits)) !== undefined)
    const withdraw = (id: number) =>
      api.ask(`POST ${EVENTS}/{event}/withdraw`, {
        path: `${EVENTS.replace('{point}', POINT)}/${id}/withdraw`,
        init: {},
      })
    const withdrawn = await withdraw(entered.body.id)
    assert.equal(withdrawn.body.withdrawnBy, 'administrator')
    assert.deepEqual((await withdraw(entered.body.id)).body, withdrawn.body)
    assert.equal((await withdraw(9_999)).status, 404)
    assert.ok((await continueRecomputation({ db: api.db, clock: api.clock }, limits)) !== undefined)
    assert.equal((await post(EVENTS, event)).status, 201)
    assert.equal((await get(EVENTS)).body.items.length, 2)
  })

  test('shows a reading as it was measured, the value in force, and its flags; the latest too', async () => {
    await api.store(POINT, 'flow', NOW - 2_000, [36, 0.2])
    const [series] = await api.db.query<{ id: number }>(
      `select s.id from series s join points p on p.id = s.point_id join projects r on r.id = p.project_id
       join clients c on c.id = r.client_id where c.slug = 'campo' and p.slug = 'pozo-7' and s.variable = 1`,
    )
    const seriesId = series?.id ?? 0
    await writeJudgements(api.db, [
      { seriesId, at: NOW - 2_000, flags: flagsOf('too_fast', 'clock_unsynced'), adjusted: 10 },
      { seriesId, at: NOW - 1_000, flags: flagsOf('cut_off'), adjusted: 0 },
    ])
    const query = `variable=flow&from=${text(NOW - 5_000)}&to=${text(NOW)}`

    const { body } = await get('/api/v1/points/{point}/readings', `/api/v1/points/${POINT}/readings?${query}`)

    const shown = ({ value, measured, flags }: Record<string, unknown>) => ({ value, measured, flags })
    assert.deepEqual(body.items.map(shown), [
      { value: 10, measured: 36, flags: ['too_fast', 'clock_unsynced'] },
      { value: 0, measured: 0.2, flags: ['cut_off'] },
    ])
    const latest = (await get('/api/v1/points/{point}/latest')).body.latest
    const flow = latest.find(({ variable }: { variable: string }) => variable === 'flow')
    assert.deepEqual([flow.value, flow.goodValue, flow.flags], [0, 0, ['cut_off']])
  })
})
