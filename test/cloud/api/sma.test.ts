// /compliance/sma: processes from a site file, their reports, and what a person decides.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { provision } from '../../../cloud/provision.ts'
import { smaKey } from '../../../cloud/store/sma.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const PROCESSES = 'GET /api/v1/compliance/sma'
const REPORTS = 'GET /api/v1/compliance/sma/reports'
const DECIDE = 'POST /api/v1/compliance/sma/reports/{report}/decisions'
const PASSWORD = 'una-clave-de-la-sma'

const site = (extra = '') => `
smaHolders: [{ client: campo, user: 76543210-3, password: { env: SMA_PASSWORD } }]
smaProcesses:
  - client: campo
    user: 76543210-3
    uf: "1234"
    process: "567"
    from: "2026-01-01T00:00:00Z"
    ${extra}
    devices: [{ device: "890", point: campo.los-aromos.pozo-7 }]
`

describe('/compliance/sma', () => {
  let api: ApiScene
  const bring = (text: string, environment: Record<string, string> = { SMA_PASSWORD: PASSWORD }) =>
    provision(
      { db: api.db, clock: api.clock, secretKey: new Uint8Array(32).fill(5), environment },
      text,
      'site.yaml',
    )
  const reader = (client: string) => ({ token: api.tokens[`client_reader of ${client}`] ?? '' })
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  test('a site file makes users and processes once, and says what is wrong where', async () => {
    assert.deepEqual((await bring(site())).changes, [
      'SMA user 76543210-3: created',
      'SMA process 1234/567: created',
    ])
    assert.deepEqual((await bring(site())).changes, [])
    assert.deepEqual((await bring(site('mode: send'))).changes, ['SMA process 1234/567: changed'])
    await assert.rejects(bring(site().replace('pozo-7', 'pozo-99'), {}), (error: Error) => {
      assert.match(error.message, /smaHolders\[0\]\.password: the environment has no SMA_PASSWORD/)
      assert.match(
        error.message,
        /site.yaml:4: smaProcesses\[0\]: Cannot report process 567 .*no point campo.los-aromos.pozo-99/,
      )
      return true
    })
    await assert.rejects(bring(site('every: 7m')), /smaProcesses\[0\]\.every: must .* divide a day/)
  })

  test('shows processes and reports to those whose they are, and no password', async () => {
    const [terms] = await api.db.query<{ id: number }>('select id from sma_terms')
    const value = { device: '890', name: 'Q', unit: 'l/s', seriesId: 1, readAt: api.clock.now(), value: 1 }
    await api.db.query(
      `insert into sma_reports (key, terms_id, at, state, state_at, reason, chosen)
       values ($1, $2, '2026-01-15T13:05:00Z', 'review', now(), 'doubt', $3::jsonb),
              ($1, $2, '2026-01-15T13:10:00Z', 'sent', now(), null, '[]')`,
      [smaKey('1234', '567'), terms?.id ?? 0, JSON.stringify([{ ...value, text: '1.00' }])],
    )
    const { body } = await api.ask(PROCESSES, reader('campo'))
    assert.equal(JSON.stringify(body).includes(PASSWORD), false)
    const [process] = body.items
    assert.deepEqual(
      [process.uf, process.mode, process.states, process.devices[0].point],
      ['1234', 'send', { review: 1, sent: 1 }, 'campo.los-aromos.pozo-7'],
    )
    assert.deepEqual((await api.ask(PROCESSES, reader('otra'))).body.items, [])
    assert.deepEqual((await api.ask(REPORTS, reader('otra'))).body.items, [])
    const listed = await api.ask(REPORTS, {
      ...reader('campo'),
      path: '/api/v1/compliance/sma/reports?process=1234/567&state=review',
    })
    assert.deepEqual(
      listed.body.items.map(({ stamp, state, values }: Record<string, unknown>) => [stamp, state, values]),
      [
        [
          '2026-01-15T10:05:00',
          'review',
          [
            {
              ...{ device: '890', name: 'Q', unit: 'l/s', text: '1.00' },
              readAt: new Date(api.clock.now()).toISOString(),
            },
          ],
        ],
      ],
    )
    const page = await api.ask(REPORTS, { path: '/api/v1/compliance/sma/reports?limit=1' })
    const next = await api.ask(REPORTS, {
      path: `/api/v1/compliance/sma/reports?limit=1&cursor=${page.body.next}`,
    })
    assert.deepEqual(
      [...page.body.items, ...next.body.items].map(({ state }: { state: string }) => state),
      ['sent', 'review'],
    )
  })

  test('a person decides with a reason, once; neither readers nor other clients do', async () => {
    const { body } = await api.ask(REPORTS)
    const [sent, review] = body.items as { id: number }[]
    const decide = (id: number | undefined, decision: string, token?: string) =>
      api.ask(DECIDE, {
        path: `/api/v1/compliance/sma/reports/${id}/decisions`,
        ...(token === undefined ? {} : { token }),
        init: {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ decision, reason: 'revisado' }),
        },
      })
    assert.equal((await decide(review?.id, 'send', reader('campo').token)).status, 403)
    assert.equal((await decide(review?.id, 'send', api.tokens['client_manager of otra'])).status, 404)
    assert.equal((await decide(sent?.id, 'close')).status, 422)
    const decided = await decide(review?.id, 'send', api.tokens['client_manager of campo'])
    assert.deepEqual(
      [decided.status, decided.body.state, decided.body.decision.decision],
      [200, 'ready', 'send'],
    )
    assert.equal((await decide(review?.id, 'send')).status, 200, 'the same again')
    const [count] = await api.db.query<{ count: number }>('select count(*)::int as count from sma_decisions')
    assert.equal(count?.count, 1)
  })
})
