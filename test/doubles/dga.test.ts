// The double of DGA's REST service keeps to what is known of the real one: each test names the behaviour.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type Asked, NOW, openAsked, type Post, receiptOf, WORK } from './dga/asking.ts'
import { ANSWERS } from './dga/faults.ts'
import type { DgaOptions } from './dga/server.ts'
import { until } from './until.ts'

const RECEIPT = /^[A-Za-z0-9]{32}$/

let asked: Asked | undefined

async function open(options: DgaOptions = {}): Promise<Asked> {
  asked = await openAsked(options)
  return asked
}

afterEach(async () => {
  await asked?.dga.close()
  asked = undefined
})

describe('the REST service', () => {
  it('holds a measurement and answers with its message and a receipt', async () => {
    const { dga, post } = await open({ strict: true })
    const answer = await post()
    assert.equal(answer.status, 200)
    assert.equal(answer.type, 'application/json; charset=utf-8')
    const { status, message, data } = JSON.parse(answer.text)
    assert.deepEqual([status, message], ['00', 'Medición subterránea ingresada correctamente'])
    assert.match(data.numeroComprobante, RECEIPT)
    assert.equal(dga.holdings.all().length, 1)
  })

  it('says a duplicate with the first receipt, whatever the values', async () => {
    const { dga, post } = await open()
    const first = receiptOf(await post())
    const again = await post({ values: { caudal: '99.00' } })
    assert.equal(again.status, 400)
    const message = `Ya existe un registro en esa fecha, hora para la obra. Comprobante: ${first}`
    assert.equal(JSON.parse(again.text).message, message)
    assert.equal(dga.holdings.all()[0]?.flow, 14.25)
  })

  const refusals: Record<string, Post> = {
    'no work': { work: null },
    'no time stamp': { stamp: null },
    'no JSON': { text: '{' },
    'no block': { block: 'otra' },
    'the block of another kind': { block: 'medicionSuperficial' },
    'a work of another kind': { work: 'OB-0602-9' },
    'an unknown work': { work: 'OB-0602-77' },
    'an unknown control centre': { login: { rutEmpresa: '1-9' } },
    'an unknown user': { login: { rutUsuario: '1-9' } },
    'a wrong password': { login: { password: 'x' } },
    'a decimal comma': { values: { caudal: '14,25' } },
    'a thousands dot': { values: { totalizador: '139.806' } },
    'an exponent': { values: { caudal: '1e3' } },
    'not a number': { values: { caudal: 'NaN' } },
    '16 digits': { values: { totalizador: '1234567890123456' } },
    'an impossible date': { values: { fechaMedicion: '2026-02-30' } },
    'a date the other way round': { values: { fechaMedicion: '15-01-2026' } },
    'no seconds': { values: { horaMedicion: '10:00' } },
    'no level': { values: { nivelFreaticoDelPozo: '' } },
    'the future': { values: { horaMedicion: '11:00:00' } },
  }
  for (const [what, request] of Object.entries(refusals)) {
    it(`refuses ${what}, and says that nobody has seen how`, async () => {
      const { dga, post } = await open({ unknowns: { refusalStatus: 422 } })
      const answer = await post(request)
      assert.equal(answer.status, 422)
      assert.match(JSON.parse(answer.text).message, /\(no observado\)$/)
      assert.equal(dga.holdings.all().length, 0)
    })
  }

  it('refuses who is not the informant of the work in the known words', async () => {
    const { post } = await open()
    const answer = await post({ login: { rutUsuario: '11111111-1', password: 'otra' } })
    assert.equal(answer.status, 400)
    assert.equal(JSON.parse(answer.text).message, 'Error: Usuario no es el informante registrado en la Obra.')
  })

  it('takes by default what the manual forbids and clients send, and refuses it when strict', async () => {
    const loose: Post[] = [
      { values: { caudal: '14.2' } },
      { values: { caudal: 14.25, totalizador: 139_806 } },
      { stamp: '2026-01-15T10:00:42-04:00' },
      { stamp: '2026-01-15T14:00:42Z' },
    ]
    for (const strict of [false, true]) {
      for (const request of loose) {
        const { dga, post } = await open({ strict })
        assert.equal((await post(request)).status, strict ? 400 : 200, JSON.stringify({ strict, request }))
        await dga.close()
      }
    }
  })

  it('has no opinion on whether a value can be true', async () => {
    const { post } = await open({ strict: true })
    const doubtful = [
      { totalizador: '139806', horaMedicion: '05:00:00' },
      { totalizador: '214', horaMedicion: '06:00:00' },
      { totalizador: '0', caudal: '99999.00', horaMedicion: '07:00:00' },
      { fechaMedicion: '2019-01-15' },
    ]
    for (const values of doubtful) assert.equal((await post({ values })).status, 200)
  })

  it('takes an empty level of an exempt work, a pipe without and a channel with a height', async () => {
    const { post } = await open({ strict: true })
    const pipe = { nivelFreaticoDelPozo: undefined }
    const channel = { totalizador: undefined, nivelFreaticoDelPozo: undefined, alturaLimnimetrica: '5' }
    const requests: Post[] = [
      { work: 'OB-0602-8', values: { nivelFreaticoDelPozo: '' } },
      {
        ...{ path: 'superficiales/flujometro', work: 'OB-0602-9', block: 'medicionSuperficialFlujometro' },
        values: pipe,
      },
      { path: 'superficiales', work: 'OB-0602-10', block: 'medicionSuperficial', values: channel },
    ]
    const messages = []
    for (const request of requests) messages.push(JSON.parse((await post(request)).text).message)
    assert.deepEqual(messages, [
      'Medición subterránea ingresada correctamente',
      'Medición superficial con flujómetro ingresada correctamente',
      'Medición superficial ingresada correctamente',
    ])
  })

  it('turns a password at its instant', async () => {
    const { clock, dga, post } = await open()
    const informant = dga.registry.informants[0]
    if (informant !== undefined) informant.rotation = { at: NOW + 1000, password: 'nueva' }
    assert.equal((await post()).status, 200)
    await clock.advance(1000)
    assert.equal((await post({ values: { horaMedicion: '09:00:00' } })).status, 400)
    const renewed = { login: { password: 'nueva' }, values: { horaMedicion: '09:00:00' } }
    assert.equal((await post(renewed)).status, 200)
  })

  it('gives back numbers, without the zeros behind them, to the pair of work and receipt alone', async () => {
    const { clock, post, get } = await open({ visibleAfterMs: 5000, unknowns: { notFoundStatus: 404 } })
    const receipt = receiptOf(await post({ values: { caudal: '0.00' } }))
    const query = (work: string) =>
      `/api/v1/mediciones/subterraneas?codigoObra=${work}&numeroComprobante=${receipt}`
    assert.equal((await get(query(WORK))).status, 404)
    await clock.advance(5000)
    assert.deepEqual((await get(query(WORK))).body.data, {
      fechaMedicion: '15-01-2026',
      horaMedicion: '10:00:00',
      caudal: '0.0',
      totalizador: '139806',
      nivelFreaticoDelPozo: '23.6',
    })
    assert.equal((await get(query('OB-0602-8'))).status, 404)
  })
})

describe('what goes wrong', () => {
  for (const mode of ['close', 'reset', 'cut'] as const) {
    it(`loses an answer (${mode}) after holding, or without: it looks the same`, async () => {
      const { dga, post } = await open()
      const seen: unknown[] = []
      for (const kind of ['stored-but-lost', 'lost'] as const) {
        dga.faults.add({ fault: { kind, mode }, times: 1 })
        const values = { horaMedicion: kind === 'lost' ? '08:00:00' : '09:00:00' }
        seen.push(await post({ values }).then(String, (error: Error) => `${error.message}`))
      }
      assert.equal(seen[0], seen[1])
      assert.deepEqual(
        dga.holdings.all().map(({ time }) => time),
        ['09:00:00'],
      )
    })
  }

  it('forgets the receipt in each of three ways', async () => {
    const { dga, post } = await open()
    const data: unknown[] = []
    for (const [index, how] of (['missing', 'empty', 'no-data'] as const).entries()) {
      dga.faults.add({ fault: { kind: 'no-receipt', how }, times: 1 })
      const answer = await post({ values: { horaMedicion: `0${index}:00:00` } })
      data.push(JSON.parse(answer.text).data)
    }
    assert.deepEqual(data, [{}, { numeroComprobante: '' }, null])
  })

  it('says a duplicate without its receipt', async () => {
    const { dga, post } = await open()
    await post()
    dga.faults.add({ fault: { kind: 'duplicate-without-receipt' }, times: 1 })
    assert.match(JSON.parse((await post()).text).message, /^Ya existe .* para la obra\.$/)
  })

  it('holds another value than was sent', async () => {
    const { dga, post } = await open()
    dga.faults.add({ fault: { kind: 'stored-wrong' }, times: 1 })
    const receipt = receiptOf(await post())
    assert.equal(dga.holdings.byReceipt(receipt)?.flow, 15.25)
  })

  it('answers what real servers answered, byte for byte', async () => {
    const { dga, post } = await open()
    for (const fault of Object.values(ANSWERS)) {
      dga.faults.add({ fault, times: 1 })
      const { status, bytes } = await post()
      assert.equal(status, fault.status)
      assert.deepEqual(bytes, Buffer.from(fault.body, 'encoding' in fault ? fault.encoding : 'utf8'))
    }
    assert.equal(dga.holdings.all().length, 0)
  })

  it('is slow, and then fine', async () => {
    const { clock, dga, post } = await open()
    dga.faults.add({ fault: { kind: 'slow', ms: 45_000 }, times: 1 })
    const answer = post()
    await until('it waits', () => clock.sleepers() === 1)
    await clock.advance(45_000)
    assert.equal((await answer).status, 200)
  })

  it('fails for one work, one informant, one service or one while only', async () => {
    const { clock, dga, post } = await open()
    const fault = ANSWERS.html502
    dga.faults.add({ fault, work: 'OB-0602-8' }, { fault, from: NOW + 1000, to: NOW + 2000 })
    assert.equal((await post()).status, 200)
    assert.equal((await post({ work: 'OB-0602-8' })).status, 502)
    await clock.advance(1000)
    assert.equal((await post({ values: { horaMedicion: '07:00:00' } })).status, 502)
    await clock.advance(1000)
    assert.equal((await post({ values: { horaMedicion: '07:00:00' } })).status, 200)
    dga.faults.add({ fault, channel: 'soap' }, { fault, informant: '11111111-1' })
    assert.equal((await post({ values: { horaMedicion: '06:00:00' } })).status, 200)
  })

  it('fails at one endpoint only, and comes and goes', async () => {
    const { clock, dga, post } = await open()
    const fault = ANSWERS.html503
    dga.faults.add(
      { fault, kind: 'surface_pipe' },
      { fault, flapping: { everyMs: 60_000, brokenMs: 30_000 } },
    )
    const pipe = {
      work: 'OB-0602-9',
      path: 'superficiales/flujometro',
      block: 'medicionSuperficialFlujometro',
    }
    const statuses = []
    for (const horaMedicion of ['07:00:00', '06:00:00', '05:00:00']) {
      statuses.push([(await post({ values: { horaMedicion } })).status, (await post(pipe)).status])
      await clock.advance(30_000)
    }
    // It is 42 s past the minute at first.
    assert.deepEqual(statuses, [
      [200, 503],
      [503, 503],
      [200, 503],
    ])
  })

  it('shuts out who asks too much, until a ticket or the time lifts it', async () => {
    const { dga, post } = await open({
      block: { requests: 2, duplicates: 1, windowMs: 60_000, forMs: 600_000, how: 'page' },
    })
    const statuses = []
    for (let hour = 0; hour < 3; hour += 1) {
      statuses.push((await post({ values: { horaMedicion: `0${hour}:00:00` } })).status)
    }
    assert.deepEqual(statuses, [200, 200, 403])
    dga.unblock()
    assert.equal((await post({ values: { horaMedicion: '02:00:00' } })).status, 200)
  })

  it('counts what breaks the rules of the regulator', async () => {
    const { dga, get, post } = await open()
    const backlog = ['05:00:00', '06:00:00']
    for (const horaMedicion of backlog) await post({ values: { horaMedicion } })
    await post({ values: { horaMedicion: '05:00:00' } })
    await post({ path: 'subterraneas?p=clave', values: { horaMedicion: '10:00:00' } })
    // Santiago's summer time: an hour ahead of UTC-4.
    await post({ values: { horaMedicion: '11:00:00' } })
    assert.deepEqual(
      new Set(dga.monitor.violations.map(({ rule }) => rule)),
      new Set(['spacing', 'resend-accepted', 'retry-per-day', 'password-outside-body', 'clock']),
    )
    assert.equal(dga.monitor.late, 3)
    const outside = () => dga.monitor.violations.filter(({ rule }) => rule === 'password-outside-body').length
    assert.equal(outside(), 1)
    await get('/api/v1/mediciones/subterraneas?codigoObra=OB-0602-7&numeroComprobante=x&p=cl%61ve')
    assert.equal(outside(), 2)
  })
})
