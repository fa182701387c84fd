// /compliance/slots: what is owed, what was declared, what DGA said.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Switched, turnSending } from '../../../cloud/store/switches.ts'
import { fill, NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.pozo-7'
const ROUTE = 'GET /api/v1/compliance/slots'

describe('GET /api/v1/compliance/slots', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  const list = async (query: string, token = api.tokens['client_reader of campo'] ?? '') =>
    api.ask(ROUTE, { path: `/api/v1/compliance/slots?${query}`, token })

  test('lists slots newest first, of whom one may see', async () => {
    const { body } = await list('')
    assert.deepEqual(
      body.items.map(({ point, measuredAt, state }: Record<string, string>) => [point, measuredAt, state]),
      [
        [POINT, '2026-01-15T12:00:00.000Z', 'pending'],
        [POINT, '2026-01-15T11:00:00.000Z', 'ready'],
        [POINT, '2026-01-15T10:00:00.000Z', 'sent'],
      ],
    )
    assert.equal((await list('', api.tokens.operator)).body.items.length, 6)
  })

  test('tells what was declared, from which reading, and the receipt', async () => {
    const { body } = await list('state=sent')
    const [{ id: _, ...slot }] = body.items
    assert.deepEqual(slot, {
      ...{ point: POINT, workCode: 'OB-0602-1', channel: 'rest', measuredAt: '2026-01-15T10:00:00.000Z' },
      ...{ state: 'sent', stateAt: '2026-01-15T12:00:00.000Z', reason: null, heldBecause: null },
      flow: {
        ...{ variable: 'flow', unit: 'L/s', value: 14.2504, declared: '14.25' },
        ...{ readAt: '2026-01-15T09:59:58.000Z', ageMs: 2000, parts: [], mean: null, byPerson: false },
      },
      ...{ findings: [], person: null },
      ...{ total: null, level: null, attempts: 1, nextAttemptAt: null },
      lastOutcome: { attempt: 1, at: '2026-01-15T12:00:00.000Z', outcome: 'accepted', message: null },
      ...{ receipt: 'receipt-of-campo', recovered: false, acceptedAt: '2026-01-15T12:00:00.000Z' },
      ...{ verification: null, verifiedAt: null },
    })
  })

  test('tells what DGA said to one that it did not take, and when it is tried again', async () => {
    const { body } = await list('state=ready')
    const [{ reason, lastOutcome, attempts, nextAttemptAt, receipt }] = body.items
    assert.deepEqual([reason, attempts, receipt], ['refused: Caudal no permitido', 1, null])
    assert.deepEqual([lastOutcome.outcome, lastOutcome.message], ['refused', 'Caudal no permitido'])
    assert.ok(Date.parse(nextAttemptAt) > NOW)
  })

  test('filters by point, short or whole, by state and by time', async () => {
    const count = async (query: string, token?: string) => (await list(query, token)).body.items.length
    assert.equal(await count('point=pozo-7'), 3)
    assert.equal(await count(`point=${POINT}`, api.tokens.operator), 3)
    assert.equal(await count('point=campo-8'), 0)
    assert.equal(await count('state=shadow'), 0)
    assert.equal(await count('from=2026-01-15T10:00:00Z&to=2026-01-15T12:00:00Z'), 2)
    assert.equal((await list('point=pozo-7', api.tokens.operator)).status, 409)
    assert.equal((await list('point=otra.los-aromos.pozo-7')).status, 404)
  })

  for (const [query, name] of [
    ['from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['state=lost', 'state'],
    ['point=Pozo', 'point'],
    ['limit=1001', 'limit'],
    ['limit=0x10', 'limit'],
  ] as const) {
    test(`refuses ${query}, and says that it is ${name}`, async () => {
      const { status, body } = await list(query)
      assert.deepEqual([status, body.errors.map((error: { name: string }) => error.name)], [400, [name]])
    })
  }

  test('says what holds a slot that is ready: its work, or the switch for everything', async () => {
    const held = async () => (await list('state=ready')).body.items[0].heldBecause
    assert.equal(await held(), null)
    const turn = (switched: Switched, sending: boolean, reason: string) =>
      turnSending(api.db, switched, { sending, reason, by: 'ana', at: NOW })
    const work = { what: 'work', workCode: 'OB-0602-1' } as const
    await turn(work, false, 'a meter is replaced')
    assert.match(await held(), /this work is switched off: a meter is replaced/)
    await turn({ what: 'all' }, false, 'DGA asked us to wait')
    assert.match(await held(), /all sending is switched off: DGA asked us to wait/)
    await turn({ what: 'all' }, true, '')
    await turn(work, true, '')
    await turn({ what: 'informant', rut: '12345678-5' }, false, 'Ana left')
    assert.match(await held(), /this informant is switched off: Ana left/)
    await turn({ what: 'informant', rut: '12345678-5' }, true, '')
    assert.equal(await held(), null)
  })
})
