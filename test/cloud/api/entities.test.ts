// What people look after: changed by what they name and nothing else, archived instead of lost, each change in the audit.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.campo-8'

describe('entities', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
  })
  after(() => api.close())

  const send = (
    route: string,
    path: string,
    body?: unknown,
    more: Record<string, string> = {},
    token?: string,
  ) =>
    api.ask(route, {
      path,
      ...(token === undefined ? {} : { token }),
      init: {
        headers: { 'content-type': 'application/json', ...more },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    })
  const get = (route: string, path: string) => api.ask(`GET ${route}`, { path })
  const etagAt = async (route: string, path: string) => (await get(route, path)).headers.get('etag') ?? ''
  const patch = async (route: string, path: string, body: object) =>
    send(`PATCH ${route}`, path, body, { 'if-match': await etagAt(route, path) })
  const remove = async (route: string, path: string) =>
    send(`DELETE ${route}`, path, undefined, { 'if-match': await etagAt(route, path) })

  const CLIENTS = '/api/v1/clients'
  const PROJECTS = '/api/v1/projects'
  const POINTS = '/api/v1/points'
  const GATEWAYS = '/api/v1/gateways'

  test('come to be one within the other, and go in the other order', async () => {
    const client = await send(`POST ${CLIENTS}`, CLIENTS, {
      client: 'agro',
      name: 'Agro',
      rut: '76.543.210-3',
    })
    const project = await send(`POST ${PROJECTS}`, PROJECTS, { client: 'agro', project: 'sur', name: 'Sur' })
    const point = await send(`POST ${POINTS}`, POINTS, {
      project: 'agro.sur',
      point: 'pozo-1',
      name: 'Pozo 1',
    })
    const again = await send(`POST ${POINTS}`, POINTS, { project: 'agro.sur', point: 'pozo-1', name: 'Otro' })
    const kept = await remove(`${CLIENTS}/{client}`, `${CLIENTS}/agro`)
    const archived = await patch(`${CLIENTS}/{client}`, `${CLIENTS}/agro`, { archived: true })

    assert.deepEqual([client.status, project.status, point.status], [201, 201, 201])
    assert.deepEqual(
      [client.body.rut, point.body.key, point.body.wellDepthM],
      ['76543210-3', 'agro.sur.pozo-1', null],
    )
    assert.deepEqual([again.status, again.body.title], [409, 'The name is taken'])
    assert.deepEqual([kept.status, archived.status], [422, 422])
    assert.match(kept.body.detail, /has projects, and nothing of that may be lost: archive it instead/)
    assert.match(archived.body.detail, /1 projects in use/)
    const gone = [
      await remove(`${POINTS}/{point}`, `${POINTS}/agro.sur.pozo-1`),
      await remove(`${PROJECTS}/{project}`, `${PROJECTS}/agro.sur`),
      await remove(`${CLIENTS}/{client}`, `${CLIENTS}/agro`),
    ]
    assert.deepEqual(
      gone.map(({ status }) => status),
      [204, 204, 204],
    )
  })

  test('are not changed by who was slower, nor without saying what was seen', async () => {
    const path = `${POINTS}/${POINT}`
    const etag = await etagAt(`${POINTS}/{point}`, path)

    const first = await send(`PATCH ${POINTS}/{point}`, path, { note: 'primera' }, { 'if-match': etag })
    const second = await send(`PATCH ${POINTS}/{point}`, path, { note: 'segunda' }, { 'if-match': etag })
    const blind = await send(`PATCH ${POINTS}/{point}`, path, { note: 'ciega' })

    assert.deepEqual([first.status, second.status, blind.status], [200, 412, 428])
    assert.match(second.body.detail, /point campo.los-aromos.campo-8/)
    assert.equal((await get(`${POINTS}/{point}`, path)).body.note, 'primera')
  })

  test('refuse what they do not know and what cannot be, by the field', async () => {
    const path = `${POINTS}/${POINT}`
    await patch(`${POINTS}/{point}`, path, { wellDepthM: 100, latitude: -34, longitude: -71 })

    const unknown = await patch(`${POINTS}/{point}`, path, { deph: 3 })
    const deep = await patch(`${POINTS}/{point}`, path, { pumpDepthM: 100.5, sensorDepthM: 101 })
    const alone = await patch(`${POINTS}/{point}`, path, { latitude: null })
    const rut = await patch(`${CLIENTS}/{client}`, `${CLIENTS}/campo`, { rut: '76543210-9' })

    const said = (answer: typeof deep) =>
      answer.body.errors.map(({ name, detail }: { name: string; detail: string }) => [name, detail])
    assert.deepEqual([unknown.status, said(unknown)[0]?.[0]], [400, 'deph'])
    assert.deepEqual(said(deep), [
      ['pumpDepthM', 'must not be deeper than the well, 100 m'],
      ['sensorDepthM', 'must not be deeper than the well, 100 m'],
    ])
    assert.deepEqual(said(alone), [['latitude', 'latitude and longitude go together']])
    assert.deepEqual(said(rut), [['rut', 'has a wrong check digit']])
  })

  test('that are owed or connected are not archived; those that are stay whole', async () => {
    await api.store(POINT, 'flow', Date.parse('2026-01-15T00:00:00Z'), [1, 2])
    await api.db.query(
      `update gateways set state = '{"v":1,"state":"ready","version":"1","since":1}' where slug = 'gw-campo'`,
    )

    const owed = await patch(`${POINTS}/{point}`, `${POINTS}/campo.los-aromos.pozo-7`, { archived: true })
    const connected = await patch(`${GATEWAYS}/{gateway}/settings`, `${GATEWAYS}/gw-campo/settings`, {
      archived: true,
    })
    const archived = await patch(`${POINTS}/{point}`, `${POINTS}/${POINT}`, { archived: true })
    const kept = await remove(`${POINTS}/{point}`, `${POINTS}/${POINT}`)
    const listed = async (which: string) =>
      (await get(POINTS, `${POINTS}?client=campo&archived=${which}`)).body.items.map(
        ({ point }: { point: string }) => point,
      )

    assert.match(owed.body.detail, /OB-0602-1 is owed of point campo.los-aromos.pozo-7/)
    assert.match(connected.body.detail, /gw-campo is connected/)
    assert.deepEqual([archived.status, archived.body.archived, kept.status], [200, true, 422])
    assert.match(kept.body.detail, /has readings/)
    assert.deepEqual(await listed('false'), ['pozo-7'])
    assert.deepEqual(await listed('true'), ['campo-8'])
    const readings = await get(`${POINTS}/{point}/latest`, `${POINTS}/${POINT}/latest`)
    assert.equal(readings.body.latest.length, 1)
    assert.equal(
      (await patch(`${POINTS}/{point}`, `${POINTS}/${POINT}`, { archived: false })).body.archived,
      false,
    )
  })

  test('give a gateway a token once, that only its hash is kept of', async () => {
    const made = await send(`POST ${GATEWAYS}`, GATEWAYS, {
      project: 'campo.los-aromos',
      gateway: 'gw-nuevo',
    })
    const other = await send(`POST ${GATEWAYS}/{gateway}/token`, `${GATEWAYS}/gw-nuevo/token`)
    const archived = await patch(`${GATEWAYS}/{gateway}/settings`, `${GATEWAYS}/gw-nuevo/settings`, {
      archived: true,
    })
    const audit = await get('/api/v1/audit', '/api/v1/audit?subject=gw-nuevo')

    assert.match(made.body.token, /^shg_/)
    assert.notEqual(other.body.token, made.body.token)
    assert.deepEqual([archived.body.hasToken, archived.body.archived], [false, true])
    assert.ok(!JSON.stringify(audit.body).includes('shg_'))
    assert.equal((await send(`POST ${GATEWAYS}/{gateway}/token`, `${GATEWAYS}/gw-nuevo/token`)).status, 422)
  })

  test('keep documents of the types that are taken, and give back the very bytes as a download', async () => {
    const route = `${POINTS}/{point}/documents`
    const path = `${POINTS}/${POINT}/documents`
    const upload = (name: string, type: string, body: Uint8Array | string) =>
      api.ask(`POST ${route}`, {
        path: `${path}?name=${encodeURIComponent(name)}&kind=resolution`,
        init: {
          headers: { 'content-type': type },
          body: typeof body === 'string' ? body : new Uint8Array(body),
        },
      })
    const pdf = new TextEncoder().encode('%PDF-1.7 resolución')

    const made = await upload('resolución 123.pdf', 'application/pdf', pdf)
    const same = await upload('otra.pdf', 'application/pdf', pdf)
    const html = await upload('a.html', 'text/html', '<script>alert(1)</script>')
    const lying = await upload('a.png', 'image/png', '<svg onload=alert(1)>')
    const large = await upload('a.txt', 'text/plain', 'a'.repeat(10 * 1024 * 1024 + 1))
    const content = await fetch(`${api.url}${path}/${made.body.id}/content`, {
      headers: { authorization: `Bearer ${api.tokens['client_reader of campo']}` },
    })

    assert.deepEqual([made.status, same.status, same.body.id], [201, 200, made.body.id])
    assert.deepEqual([html.status, lying.status, large.status], [415, 422, 413])
    assert.deepEqual(new Uint8Array(await content.arrayBuffer()), pdf)
    assert.equal(
      content.headers.get('content-disposition'),
      `attachment; filename="resolucio_n 123.pdf"; filename*=UTF-8''resoluci%C3%B3n%20123.pdf`,
    )
    assert.match(content.headers.get('content-security-policy') ?? '', /default-src 'none'; sandbox/)
    const foreign = await fetch(`${api.url}${path}/${made.body.id}/content`, {
      headers: { authorization: `Bearer ${api.tokens['client_reader of otra']}` },
    })
    assert.equal(foreign.status, 404)
  })

  test('are in the audit with who changed them, for those whose they are', async () => {
    const manager = api.tokens['client_manager of campo'] ?? ''
    const made = await send(
      `POST ${POINTS}/{point}/contacts`,
      `${POINTS}/${POINT}/contacts`,
      { name: 'Ana', phone: '+56 9 1234 5678' },
      {},
      manager,
    )
    const path = `${POINTS}/${POINT}/contacts/${made.body.id}`
    await patch(`${POINTS}/{point}/contacts/{contact}`, path, { phone: null })
    await remove(`${POINTS}/{point}/contacts/{contact}`, path)

    const seen = await api.ask('GET /api/v1/audit', {
      path: `/api/v1/audit?entity=contact&point=${POINT}`,
      token: manager,
    })
    const foreign = await api.ask('GET /api/v1/audit', {
      path: '/api/v1/audit?entity=contact',
      token: api.tokens['client_manager of otra'] ?? '',
    })
    const reader = await api.ask('GET /api/v1/audit', { token: api.tokens['client_reader of campo'] ?? '' })

    type Entry = {
      action: string
      before: object | null
      after: object | null
      by: { name: string; address: string | null }
    }
    assert.deepEqual(
      seen.body.items.map(({ action, by }: Entry) => [action, by.name, by.address]),
      [
        ['deleted', 'administrator', null],
        ['changed', 'administrator', null],
        ['created', 'client_manager of campo', null],
      ],
    )
    assert.deepEqual(
      [seen.body.items[1].before, seen.body.items[1].after],
      [{ phone: '+56 9 1234 5678' }, { phone: null }],
    )
    assert.deepEqual([foreign.body.items, reader.status], [[], 403])
    const [whole] = (await get('/api/v1/audit', '/api/v1/audit?entity=contact')).body.items
    assert.deepEqual(
      [whole.by.kind, whole.by.address, whole.route],
      ['token', '127.0.0.1', 'DELETE /api/v1/points/{point}/contacts/{contact}'],
    )
  })
})
