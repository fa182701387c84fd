// Alert rules over HTTP: made, replaced and deleted by whom they concern, kept with who did, refused in plain words.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ApiScene, openApiScene } from './scene.ts'

const RULES = '/api/v1/alert-rules'
const TOO_MUCH = { kind: 'threshold', variable: 'flow', is: 'above', limit: 14.5, for: '10m' }

describe('/alert-rules', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  const send = (
    route: string,
    body: unknown,
    more: { path?: string; token?: string; match?: string } = {},
  ) => {
    const { match, ...asked } = more
    const headers = {
      'content-type': 'application/json',
      ...(match === undefined ? {} : { 'if-match': match }),
    }
    return api.ask(route, { ...asked, init: { headers, body: JSON.stringify(body) } })
  }
  const make = (body: object, token?: string) =>
    send(`POST ${RULES}`, { client: 'campo', ...body }, token === undefined ? {} : { token })
  const manager = () => api.tokens['client_manager of campo'] ?? ''

  test('are made, replaced and deleted by the version that was seen, and keep who did', async () => {
    const made = await make({ point: 'pozo-7', rule: { name: 'mucho', condition: TOO_MUCH } }, manager())
    const path = `${RULES}/${made.body.id}`
    const again = { ...made.body.rule, name: 'demasiado', enabled: false }
    const put = (match: string) => send(`PUT ${RULES}/{rule}`, again, { path, token: manager(), match })
    const replaced = await put('"1"')
    const stale = await put('"1"')
    const seen = await api.ask(`GET ${RULES}/{rule}`, { path })
    const remove = (match: string) =>
      send(`DELETE ${RULES}/{rule}`, undefined, { path, token: manager(), match })
    const kept = await remove('"1"')
    const removed = await remove('"2"')
    const gone = await api.ask(`GET ${RULES}/{rule}`, { path })

    assert.deepEqual(
      [made.status, made.headers.get('etag'), made.body.point],
      [201, '"1"', 'campo.los-aromos.pozo-7'],
    )
    assert.deepEqual(made.body.rule, {
      ...{ name: 'mucho', condition: { ...TOO_MUCH, hysteresis: 0 }, severity: 'warning' },
      ...{ schedule: [], quietFor: '1h', notify: [], escalation: [], enabled: true },
    })
    assert.deepEqual([replaced.status, replaced.body.version, stale.status], [200, 2, 412])
    assert.deepEqual(
      seen.body.changes.map((change: ReturnType<typeof JSON.parse>) => [
        change.by,
        change.before?.name ?? null,
        change.after?.name ?? null,
      ]),
      [
        ['client_manager of campo', 'mucho', 'demasiado'],
        ['client_manager of campo', null, 'mucho'],
      ],
    )
    assert.deepEqual([kept.status, removed.status, gone.status], [412, 204, 404])
  })

  test('name every field that is wrong', async () => {
    const rule = {
      ...{ name: ' ', condition: { ...TOO_MUCH, limit: 1e300, for: '8d' }, severity: 'loud', quietFor: '1x' },
      ...{ schedule: [{ days: [], from: '25:00', to: '06:00' }], notify: [{ email: 'ana' }], color: 'red' },
    }
    const { status, body } = await make({ rule })

    assert.equal(status, 400)
    const said = Object.fromEntries(
      body.errors.map(({ name, detail }: { name: string; detail: string }) => [name, detail]),
    )
    assert.equal(said['rule.condition.for'], 'must be from 1s to 7d')
    assert.equal(said['rule.quietFor'], 'must be a duration such as 250ms, 5s, 1m, 2h or 7d')
    assert.equal(said['rule.schedule.0.from'], 'must be a time of day such as 08:30')
    assert.equal(said['rule.notify.0.email'], 'must be a mail address')
    for (const name of [
      'rule.name',
      'rule.condition.limit',
      'rule.severity',
      'rule.schedule.0.days',
      'rule.color',
    ])
      assert.ok(name in said, `${name} of ${Object.keys(said)}`)
  })

  test('are of the client that is named, and of nobody whom one may not see', async () => {
    const rule = { name: 'silencio', condition: { kind: 'no_data', for: '1h' } }

    const foreign = await make({ client: 'otra', rule }, manager())
    const foreignPoint = await make({ point: 'otra.los-aromos.pozo-7', rule })
    const reader = await make({ rule }, api.tokens['client_reader of campo'])

    assert.deepEqual([foreign.status, foreignPoint.status, reader.status], [404, 404, 403])
  })

  test('are tried on at most 93 days', async () => {
    const rule = { name: 'silencio', condition: { kind: 'no_data', for: '1h' } }
    const tryOn = (to: string) =>
      send(`POST ${RULES}/backtest`, {
        point: 'campo.los-aromos.pozo-7',
        rule,
        from: '2026-01-01T00:00:00Z',
        to,
      })

    const ok = await tryOn('2026-04-04T00:00:00Z')
    const long = await tryOn('2026-04-05T00:00:00Z')
    const none = await tryOn('2026-01-01T00:00:00Z')

    assert.deepEqual([ok.status, ok.body.firings, ok.body.incidentsTotal], [200, 1, 1])
    assert.deepEqual([long.status, long.body.errors[0].name, none.status], [400, 'to', 400])
  })
})
