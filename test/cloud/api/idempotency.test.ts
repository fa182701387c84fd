// A POST with an Idempotency-Key: done once, answered alike, whoever sends it twice and when.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.pozo-7'

describe('Idempotency-Key', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  const send = (route: string, path: string, body: object, key?: string, token?: string) =>
    api.ask(route, {
      path,
      ...(token === undefined ? {} : { token }),
      init: {
        headers: {
          'content-type': 'application/json',
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        body: JSON.stringify(body),
      },
    })
  /** A rule of a day of its own, so that each test has its own. */
  const post = (day: number, key?: string, token?: string, baseM3 = 100) => {
    const rule = { rule: 'total_to_volume', from: `2026-01-0${day}T00:00:00Z`, baseM3 }
    return send(
      'POST /api/v1/points/{point}/processing',
      `/api/v1/points/${POINT}/processing`,
      rule,
      key,
      token,
    )
  }
  const rules = async (day: number) =>
    (
      await api.db.query(`select from calibrations where valid_from = $1::timestamptz`, [
        `2026-01-0${day}T00:00:00Z`,
      ])
    ).length

  test('gives the first answer again, and does nothing more', async () => {
    const key = crypto.randomUUID()

    const first = await post(1, key)
    const second = await post(1, key)

    assert.deepEqual([first.status, first.headers.get('idempotency-replayed')], [201, null])
    assert.deepEqual([second.status, second.headers.get('idempotency-replayed')], [201, 'true'])
    assert.deepEqual(second.body, first.body)
    assert.equal(await rules(1), 1)
    assert.equal((await post(1)).status, 200, 'without the key it is another request')
  })

  test('is refused with another request, and is nobody else’s', async () => {
    const key = crypto.randomUUID()
    await post(2, key)

    const other = await post(2, key, undefined, 200)
    const somebody = await post(2, key, api.tokens.operator)

    assert.deepEqual([other.status, other.body.title], [422, 'Another request'])
    assert.deepEqual([somebody.status, somebody.headers.get('idempotency-replayed')], [200, null])
  })

  test('is not used up by a request that was refused', async () => {
    const key = crypto.randomUUID()
    const rule = { name: 'silencio', condition: { kind: 'no_data', for: '1h' } }
    const make = () => send('POST /api/v1/alert-rules', '/api/v1/alert-rules', { client: 'nueva', rule }, key)

    const missing = await make()
    await api.db.query(`insert into clients (slug, name) values ('nueva', 'Nueva')`)
    const made = await make()
    const again = await make()

    assert.deepEqual([missing.status, made.status, again.body.id], [404, 201, made.body.id])
  })

  test('is done once by those that come at the same time', async () => {
    const key = crypto.randomUUID()

    const answers = await Promise.all([1, 2, 3].map(() => post(3, key)))

    assert.equal(await rules(3), 1)
    const statuses = answers.map(({ status }) => status)
    assert.ok(statuses.includes(201), `one of ${statuses}`)
    for (const { status, headers, body } of answers) {
      if (status === 201) continue
      assert.deepEqual([status, body.title, headers.get('retry-after')], [409, 'Asked before', '2'])
    }
  })

  test('is kept for a day, and unreadable', async () => {
    const key = crypto.randomUUID()
    await post(4, key)

    const [kept] = await api.db.query<{ answer: Uint8Array; keyHash: Uint8Array }>(
      'select answer, key_hash as "keyHash" from idempotency_keys order by at desc limit 1',
    )
    await api.clock.advance(24 * 3_600_000 + 1)
    const late = await post(4, key)

    assert.ok(!Buffer.from(kept?.answer ?? []).includes('total_to_volume'))
    assert.ok(!Buffer.from(kept?.keyHash ?? []).includes(key))
    assert.deepEqual([late.status, late.headers.get('idempotency-replayed')], [200, null])
  })

  test('must look like a key', async () => {
    const { status, body } = await post(5, 'short')

    assert.deepEqual([status, body.errors[0].in, body.errors[0].name], [400, 'header', 'Idempotency-Key'])
  })
})
