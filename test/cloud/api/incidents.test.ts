// What people do about an incident, over HTTP: each thing once, and nothing of one person undone by another.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Condition, settleIncidents } from '../../../cloud/store/incidents.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const INCIDENTS = '/api/v1/incidents'
const HOUR = 3_600_000

describe('/incidents/{incident}', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await makeUser(api.db, 'ana@campo.cl', 'client_manager', 'campo')
    await makeUser(api.db, 'eva@otra.cl', 'client_manager', 'otra')
  })
  after(() => api.close())

  const manager = () => api.tokens['client_manager of campo'] ?? ''

  /** Opens an incident of a point of `campo`. */
  const open = async (subject: string, more: Partial<Condition> = {}) => {
    const [point] = await api.db.query<{ id: number }>(
      `select p.id from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
       where c.slug = 'campo' and p.slug = 'pozo-7'`,
    )
    const others = await api.db.query<{ subject: string; pointId: number; details: object }>(
      `select subject, point_id as "pointId", details from incidents where kind = 'alert' and closed_at is null`,
    )
    const condition = { subject, pointId: point?.id ?? 0, details: {}, ...more }
    await api.db.transaction(tx => settleIncidents(tx, 'alert', [...others, condition], api.clock.now()))
    const { body } = await api.ask(`GET ${INCIDENTS}`)
    return body.items.find((one: { subject: string }) => one.subject === subject)
  }
  const act = (
    method: string,
    what: string,
    { id, body, match, token = manager() }: { id: number; body?: object; match?: string; token?: string },
  ) =>
    api.ask(`${method} ${INCIDENTS}/{incident}/${what}`, {
      ...{ path: `${INCIDENTS}/${id}/${what}`, token },
      init: {
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(match === undefined ? {} : { 'if-match': match }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    })
  const story = async (id: number) => {
    const { body } = await api.ask(`GET ${INCIDENTS}/{incident}/events`, {
      path: `${INCIDENTS}/${id}/events`,
      token: manager(),
    })
    return body.items
      .map(({ kind, by, details }: ReturnType<typeof JSON.parse>) => [kind, by, details])
      .toReversed()
  }

  test('keeps who did what about it, in order', async () => {
    const { id } = await open('story')
    await api.db.query('update incidents set steps = 1 where id = $1', [id])
    const until = new Date(api.clock.now() + HOUR).toISOString()

    await act('POST', 'acknowledge', { id })
    const given = await act('PUT', 'assignee', { id, body: { email: 'Ana@campo.cl' }, match: '"2"' })
    await act('POST', 'comments', { id, body: { text: ' voy en camino ' } })
    const snoozed = await act('PUT', 'snooze', { id, body: { until }, match: '"3"' })
    const escalated = await act('POST', 'escalate', { id, match: '"4"' })
    const further = await act('POST', 'escalate', { id, match: '"5"' })

    assert.deepEqual([given.body.assignedTo, given.headers.get('etag')], ['ana@campo.cl', '"3"'])
    assert.deepEqual([snoozed.body.snoozedUntil, escalated.body.escalated, further.status], [until, 1, 422])
    const by = 'client_manager of campo'
    assert.deepEqual(await story(id), [
      ['opened', null, {}],
      ['acknowledged', by, {}],
      ['assigned', by, { to: 'ana@campo.cl' }],
      ['commented', by, { text: 'voy en camino' }],
      ['snoozed', by, { until }],
      ['escalated', by, { step: 1 }],
    ])
  })

  test('lets one of two who act on the same version do so, and tells the other', async () => {
    const { id } = await open('together')

    const answers = await Promise.all(
      ['ana@campo.cl', null].map(email => act('PUT', 'assignee', { id, body: { email }, match: '"1"' })),
    )
    const seen = await Promise.all(['a', 'b', 'c'].map(() => act('POST', 'acknowledge', { id })))

    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 412])
    assert.ok(seen.every(({ status }) => status === 200))
    const kinds = (await story(id)).map(([kind]: [string]) => kind)
    assert.deepEqual(kinds, ['opened', 'assigned', 'acknowledged'])
  })

  test('is given to nobody who may not see it, snoozed neither into the past nor for ever, nor after it is over', async () => {
    const { id } = await open('wrong')
    const snooze = (at: number, match = '"1"') =>
      act('PUT', 'snooze', { id, body: { until: new Date(at).toISOString() }, match })

    const foreign = await act('PUT', 'assignee', { id, body: { email: 'eva@otra.cl' }, match: '"1"' })
    const past = await snooze(api.clock.now())
    const long = await snooze(api.clock.now() + 32 * 24 * HOUR)
    const unnamed = await act('PUT', 'assignee', { id, body: { email: null } })
    const reader = await act('POST', 'acknowledge', { id, token: api.tokens['client_reader of campo'] ?? '' })
    const stranger = await act('POST', 'comments', {
      ...{ id, body: { text: 'x' }, token: api.tokens['client_manager of otra'] ?? '' },
    })
    await api.db.transaction(tx => settleIncidents(tx, 'alert', [], api.clock.now()))
    const over = await snooze(api.clock.now() + HOUR)

    assert.deepEqual(
      [foreign, past, long, unnamed, reader, stranger, over].map(({ status }) => status),
      [422, 422, 422, 428, 403, 404, 422],
    )
    assert.deepEqual(
      (await story(id)).map(([kind]: [string]) => kind),
      ['opened', 'closed'],
    )
  })

  test('is acknowledged with others at once, each once, and only where it may be seen', async () => {
    const first = await open('bulk-1')
    const second = await open('bulk-2')
    await act('POST', 'acknowledge', { id: first.id })
    const asked = (token: string) =>
      api.ask(`POST ${INCIDENTS}/acknowledge`, {
        token,
        init: {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ incidents: [second.id, first.id, 999_999] }),
        },
      })

    const foreign = await asked(api.tokens['client_manager of otra'] ?? '')
    const own = await asked(manager())

    const outcomes = ({ body }: { body: ReturnType<typeof JSON.parse> }) =>
      body.items.map(({ outcome }: { outcome: string }) => outcome)
    assert.deepEqual(outcomes(foreign), ['not_found', 'not_found', 'not_found'])
    assert.deepEqual(outcomes(own), ['done', 'known', 'not_found'])
  })

  test('names what explains it, and says so in its story when that is over', async () => {
    await api.db.transaction(tx =>
      settleIncidents(tx, 'gateway_lost', [{ subject: 'gw-campo', details: {} }], api.clock.now()),
    )
    const silenced = await open('child', { explainedBy: { kind: 'gateway_lost', subject: 'gw-campo' } })
    await api.db.transaction(tx => settleIncidents(tx, 'gateway_lost', [], api.clock.now()))
    const { body: before } = await api.ask(`GET ${INCIDENTS}`, { path: `${INCIDENTS}?silenced=true` })

    const after = await open('child', { explainedBy: { kind: 'gateway_lost', subject: 'gw-campo' } })

    assert.deepEqual(
      before.items.map(({ subject }: { subject: string }) => subject),
      ['child'],
    )
    assert.equal(typeof silenced.parentId, 'number')
    assert.deepEqual([after.id, after.parentId], [silenced.id, null])
    const kinds = (await story(after.id)).map(([kind]: [string]) => kind)
    assert.deepEqual(kinds, ['opened', 'silenced', 'unsilenced'])
  })
})
