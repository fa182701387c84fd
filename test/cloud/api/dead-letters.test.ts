// Dead letters that are taken in again.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setAside } from '../../../cloud/store/gateways.ts'
import { selectGateway } from '../../../cloud/store/queries.ts'
import type { Batch } from '../../../protocol/batch.ts'
import { encodeBatch } from '../../../protocol/codec.ts'
import { upTopic } from '../../../protocol/topics.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const AT = Date.parse('2026-01-15T11:00:00Z')
const BATCH: Batch = {
  table: {
    ...{ gateway: 'gw-campo', client: 'campo', project: 'los-aromos' },
    series: [{ point: 'pozo-7', variable: 'level', scale: 2 }],
  },
  ...{ epoch: 7, first: 1, last: 2, configVersion: 0, clock: { quality: 'synced' }, missing: [] },
  readings: [1, 2].map(seq => ({
    ...{ seq, point: 'pozo-7', variable: 'level', at: AT + seq * 60_000, value: 30 + seq },
    ...{ quality: 'good', timeQuality: 'synced' },
  })),
}

describe('POST /api/v1/dead-letters/{letter}/replay', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  /** Sets a message of gw-campo aside. Returns its number. */
  const letterOf = async (topic: string, bytes: Uint8Array): Promise<number> => {
    const gateway = await selectGateway(api.db, null, 'gw-campo')
    await setAside(api.db, { gatewayId: gateway?.id ?? 0, topic, bytes, reason: 'a disk was full' })
    const { body } = await api.ask('GET /api/v1/dead-letters')
    return body.items[0].id
  }
  const replay = (id: number | string, token?: string) =>
    api.ask('POST /api/v1/dead-letters/{letter}/replay', {
      path: `/api/v1/dead-letters/${id}/replay`,
      ...(token === undefined ? {} : { token }),
    })

  test('stores what the batch brought, says so in the list, and changes nothing the second time', async () => {
    const id = await letterOf(upTopic('gw-campo', 'backlog'), encodeBatch(BATCH, { withTable: true }))

    const first = await replay(id)
    const second = await replay(id)
    const { body } = await api.ask('GET /api/v1/points/{point}/readings', {
      path: '/api/v1/points/campo.los-aromos.pozo-7/readings?variable=level&from=2026-01-15T00:00:00Z&to=2026-01-16T00:00:00Z',
    })
    const listed = await api.ask('GET /api/v1/dead-letters')

    assert.deepEqual(first.body, { id, inserted: 2, duplicate: 0, revised: 0, rejected: [] })
    assert.deepEqual(second.body, { id, inserted: 0, duplicate: 2, revised: 0, rejected: [] })
    assert.deepEqual(
      body.items.map(({ value }: { value: number }) => value),
      [31, 32],
    )
    assert.equal(listed.body.items[0].replayedAt, new Date(api.clock.now()).toISOString())
    assert.match(api.lines.join('\n'), /"event":"dead letter replayed".*"by":"administrator"/)
  })

  test('takes in what the database refused of a batch, and counts it as taken in only when that is all of it', async () => {
    const readings = [3, 4].map(seq => ({
      ...BATCH.readings[0],
      seq,
      at: AT + seq * 60_000,
      value: 665 + seq,
    }))
    const batch = { ...BATCH, first: 3, last: 4, readings } as Batch
    const id = await letterOf(upTopic('gw-campo', 'live'), encodeBatch(batch, { withTable: true }))
    const replayedAt = async () =>
      (await api.ask('GET /api/v1/dead-letters/{letter}', { path: `/api/v1/dead-letters/${id}` })).body
        .replayedAt
    await api.db.query('alter table readings add constraint no_beast check (value < 669) not valid')

    const first = await replay(id)
    const between = await replayedAt()
    await api.db.query('alter table readings drop constraint no_beast')
    const second = await replay(id)

    assert.partialDeepStrictEqual(first.body, { inserted: 1, rejected: [{ seq: 4 }] })
    assert.equal(between, null)
    assert.deepEqual(second.body, { id, inserted: 1, duplicate: 1, revised: 0, rejected: [] })
    assert.notEqual(await replayedAt(), null)
  })

  test('says why a message still cannot be used', async () => {
    const table = {
      ...BATCH.table,
      series: [{ point: 'pozo-7', variable: 'flow' as const, scale: 2 as const }],
    }
    const readings = BATCH.readings.map(reading => ({ ...reading, variable: 'flow' as const }))
    const ofAnother = encodeBatch({ ...BATCH, table, readings }, { withTable: false })
    const letters = [
      { topic: upTopic('gw-campo', 'live'), bytes: new Uint8Array([1, 2, 3, 4, 5]), why: /CRC-32/ },
      { topic: upTopic('gw-campo', 'live'), bytes: ofAnother, why: /table/ },
      { topic: upTopic('gw-otra', 'live'), bytes: encodeBatch(BATCH, { withTable: true }), why: /gw-otra/ },
      { topic: 'gw/v1/gw-campo/health', bytes: new Uint8Array([1]), why: /Only batches/ },
    ]
    for (const { topic, bytes, why } of letters) {
      const { status, body } = await replay(await letterOf(topic, bytes))
      assert.equal(status, 422)
      assert.match(body.detail, why)
    }
    assert.equal((await replay(99_999)).status, 404)
    assert.equal((await replay('x')).status, 400)
  })

  test('takes nothing for a gateway of the same name that is not the one which sent it', async () => {
    const table = { ...BATCH.table, gateway: 'gw-otra', client: 'otra' }
    const bytes = encodeBatch({ ...BATCH, table }, { withTable: true })
    const [campo, otra] = [
      await selectGateway(api.db, null, 'gw-campo'),
      await selectGateway(api.db, null, 'gw-otra'),
    ]
    const answers = []
    for (const gatewayId of [campo?.id ?? 0, null, otra?.id ?? 0]) {
      await setAside(api.db, {
        gatewayId,
        topic: upTopic('gw-otra', 'live'),
        bytes,
        reason: 'a disk was full',
      })
      const { body } = await api.ask('GET /api/v1/dead-letters')
      answers.push(await replay(body.items[0].id))
    }

    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.detail ?? body.inserted]),
      [...[1, 2].map(() => [422, 'There is no gateway gw-otra any more that it could be of']), [200, 2]],
    )
  })

  test('is for operators alone', async () => {
    const id = await letterOf(upTopic('gw-campo', 'live'), encodeBatch(BATCH, { withTable: true }))

    assert.equal((await replay(id, api.tokens['client_manager of campo'])).status, 403)
  })
})

describe('GET /api/v1/dead-letters', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  test('lists what came last first, page by page, also where it came before', async () => {
    const gateway = await selectGateway(api.db, null, 'gw-campo')
    for (const text of ['a', 'b', 'c', 'a']) {
      const letter = { topic: upTopic('gw-campo', 'live'), bytes: Buffer.from(text), reason: `no ${text}` }
      await setAside(api.db, { gatewayId: gateway?.id ?? 0, ...letter })
    }

    const reasons: string[] = []
    let path = '/api/v1/dead-letters?limit=1'
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await api.ask('GET /api/v1/dead-letters', { path })
      reasons.push(body.items[0].reason)
      path = `/api/v1/dead-letters?limit=1&cursor=${body.next}`
      if (pages === 2) assert.equal(body.next, null)
    }

    assert.deepEqual(reasons, ['no a', 'no c', 'no b'])
  })

  test('shows one with its bytes, to operators alone', async () => {
    const { body: list } = await api.ask('GET /api/v1/dead-letters', {
      path: '/api/v1/dead-letters?limit=1',
    })
    const ask = (id: number, token?: string) =>
      api.ask('GET /api/v1/dead-letters/{letter}', {
        path: `/api/v1/dead-letters/${id}`,
        ...(token === undefined ? {} : { token }),
      })

    const { body } = await ask(list.items[0].id)

    assert.deepEqual(body, { ...list.items[0], base64: Buffer.from('a').toString('base64') })
    assert.equal((await ask(99_999)).status, 404)
    assert.equal((await ask(list.items[0].id, api.tokens['client_manager of campo'])).status, 403)
  })
})
