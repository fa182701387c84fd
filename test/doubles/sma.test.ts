// The double of SMA's service keeps to what is known of the real one: each test names the behaviour.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type FakeClock, openFakeClock } from './clock.ts'
import { FAULTS } from './providers/service.ts'
import { openSma, type Sma, type SmaOptions } from './sma/server.ts'

const HOUR = 3_600_000
const RECORDS = '/api/v1/ufs/1234/procesos/567/registros'
const LOGIN = { usuario: '76543210-3', password: 'clave-prueba' }

let opened: Sma | undefined

afterEach(async () => {
  await opened?.close()
  opened = undefined
})

interface Opened {
  sma: Sma
  clock: FakeClock
  post: (
    path: string,
    body: unknown,
    token?: string,
  ) => Promise<{ status: number; body: Record<string, string> }>
  token: () => Promise<string>
}

async function open(options: SmaOptions = {}): Promise<Opened> {
  const clock = openFakeClock()
  const sma = await openSma({ clock }, options)
  opened = sma
  sma.registry.users.set(LOGIN.usuario, { password: LOGIN.password })
  sma.registry.users.set('otro', { password: 'otra' })
  sma.registry.processes.push({
    ...{ uf: '1234', process: '567', users: [LOGIN.usuario] },
    devices: {
      890: [
        { name: 'Q', unit: 'l/s' },
        { name: 'VA', unit: 'm3' },
      ],
    },
  })
  const post: Opened['post'] = async (path, body, token) => {
    const response = await fetch(sma.url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  const token = async () => (await post('/api/v1/auth', LOGIN)).body.token ?? ''
  return { sma, clock, post, token }
}

const TIME = '2026-01-15T10:05:00'
const flow = { nombre: 'Q', valor: '14.25', unidad: 'l/s', estampaTiempo: TIME }
const total = { nombre: 'VA', valor: '139806', unidad: 'm3', estampaTiempo: TIME }
const records = (...parametros: unknown[]) => [{ dispositivoId: '890', parametros }]

describe('signing in', () => {
  it('gives a JWT that is good for 24 hours and not a millisecond more', async () => {
    const { post, token, clock } = await open()
    const mine = await token()
    assert.equal(mine.split('.').length, 3)
    await clock.advance(24 * HOUR - 1)
    assert.equal((await post(RECORDS, records(flow, total), mine)).status, 200)
    await clock.advance(1)
    assert.equal((await post(RECORDS, records(flow, total), mine)).status, 401)
    assert.equal((await post(RECORDS, records(flow, total), await token())).status, 200)
  })

  const refusals: Record<string, { body: unknown; status: number }> = {
    'no JSON': { body: '{', status: 400 },
    'no password': { body: { usuario: LOGIN.usuario }, status: 400 },
    'a wrong password': { body: { ...LOGIN, password: 'x' }, status: 401 },
    'an unknown user': { body: { ...LOGIN, usuario: 'nadie' }, status: 401 },
  }
  for (const [what, { body, status }] of Object.entries(refusals)) {
    it(`refuses ${what} with ${status}`, async () => {
      const { post } = await open()
      const answer = await post('/api/v1/auth', body)
      assert.equal(answer.status, status)
      assert.equal(answer.body.token, undefined)
    })
  }

  it('refuses a locked user with 403', async () => {
    const { sma, post } = await open()
    sma.registry.users.set(LOGIN.usuario, { password: LOGIN.password, isLocked: true })
    assert.equal((await post('/api/v1/auth', LOGIN)).status, 403)
  })
})

describe('records', () => {
  it('are held as they were sent, under one verification number', async () => {
    const { sma, post, token } = await open()
    const answer = await post(RECORDS, records(flow, total), await token())
    assert.equal(answer.status, 200)
    assert.match(answer.body.IdVerificacion ?? '', /^[0-9a-f]{24}$/)
    assert.deepEqual(
      sma.held.map(({ device, name, value, unit, time, verification }) => [
        device,
        name,
        value,
        unit,
        time,
        verification,
      ]),
      [
        ['890', 'Q', '14.25', 'l/s', TIME, answer.body.IdVerificacion],
        ['890', 'VA', '139806', 'm3', TIME, answer.body.IdVerificacion],
      ],
    )
  })

  it('of several time stamps are taken together, each complete, with 201 where it is set', async () => {
    const { sma, post, token } = await open({ takenStatus: 201 })
    const later = { estampaTiempo: '2026-01-15T10:10:00' }
    const body = records(flow, total, { ...flow, ...later }, { ...total, ...later })
    assert.equal((await post(RECORDS, body, await token())).status, 201)
    assert.equal(sma.held.length, 4)
  })

  const later = { ...total, estampaTiempo: '2026-01-15T10:10:00' }
  const refusals: Record<string, unknown> = {
    'no JSON': '[',
    'no array': { dispositivoId: '890', parametros: [flow, total] },
    'an empty array': [],
    'no parameters': records(),
    'an incomplete time stamp': records(flow),
    'an incomplete second time stamp': records(flow, total, later),
    'a parameter more': records(flow, total, { ...flow, nombre: 'N', unidad: 'm' }),
    'a parameter twice': records(flow, total, total),
    'another unit': records({ ...flow, unidad: 'm3/h' }, total),
    'a number as a number': records({ ...flow, valor: 14.25 }, total),
    'a decimal comma': records({ ...flow, valor: '14,25' }, total),
    'a zone in the time stamp': records(
      { ...flow, estampaTiempo: `${TIME}Z` },
      { ...total, estampaTiempo: `${TIME}Z` },
    ),
    'a day that does not exist': records(
      { ...flow, estampaTiempo: '2026-02-30T10:05:00' },
      { ...total, estampaTiempo: '2026-02-30T10:05:00' },
    ),
    'an unknown device': [{ dispositivoId: '891', parametros: [flow, total] }],
    'one bad device among good ones': [
      ...records(flow, total),
      { dispositivoId: '891', parametros: [flow, total] },
    ],
  }
  for (const [what, body] of Object.entries(refusals)) {
    it(`refuses ${what} with 400, and holds nothing of the call`, async () => {
      const { sma, post, token } = await open()
      const answer = await post(RECORDS, body, await token())
      assert.equal(answer.status, 400)
      assert.equal(answer.body.IdVerificacion, undefined)
      assert.equal(sma.held.length, 0)
    })
  }

  it('need a token, and the right to the process', async () => {
    const { sma, post } = await open()
    assert.equal((await post(RECORDS, records(flow, total))).status, 401)
    assert.equal((await post(RECORDS, records(flow, total), 'x')).status, 401)
    const { token = '' } = (await post('/api/v1/auth', { usuario: 'otro', password: 'otra' })).body
    assert.equal((await post(RECORDS, records(flow, total), token)).status, 403)
    assert.equal(
      (await post('/api/v1/ufs/1/procesos/567/registros', records(flow, total), token)).status,
      403,
    )
    assert.equal(sma.held.length, 0)
  })

  it('that come again replace what is held, or are refused, as it is set: nobody knows', async () => {
    for (const [duplicates, status, value] of [
      ['replace', 200, '99'],
      ['refuse', 400, '14.25'],
    ] as const) {
      const { sma, post, token } = await open({ duplicates })
      const mine = await token()
      await post(RECORDS, records(flow, total), mine)
      const again = await post(RECORDS, records({ ...flow, valor: '99' }, total), mine)
      assert.deepEqual(
        [again.status, sma.held.length, sma.held.find(({ name }) => name === 'Q')?.value],
        [status, 2, value],
      )
      await sma.close()
    }
  })
})

it('fails as it is told, for one channel, so many times', async () => {
  const { sma, post, token } = await open()
  const mine = await token()
  sma.fail({
    fault: { kind: 'answer', status: 500, body: { mensaje: 'Error interno' } },
    channel: 'records',
    times: 1,
  })
  sma.fail({ fault: { kind: 'reset' }, channel: 'records', times: 1 })
  assert.equal((await post(RECORDS, records(flow, total), mine)).status, 500)
  await assert.rejects(post(RECORDS, records(flow, total), mine))
  assert.equal((await post(RECORDS, records(flow, total), mine)).status, 200)
  sma.fail({ fault: FAULTS.html502 })
  await assert.rejects(post('/api/v1/auth', LOGIN), SyntaxError)
  await sma.stop()
  await assert.rejects(post('/api/v1/auth', LOGIN), /fetch failed/)
  await sma.start()
})
