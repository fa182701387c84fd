// What DGA's answers are taken for, read from a real socket: every shape that was seen, and those that may come.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { after, before, describe, test } from 'node:test'
import type { Declaration } from '../../../../cloud/compliance/declaration.ts'
import type { DgaClient, Submission } from '../../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../../cloud/compliance/dga/rest.ts'
import { openSoapClient } from '../../../../cloud/compliance/dga/soap.ts'
import { freePort } from '../../../doubles/ports.ts'

const RECEIPT = 'Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF'
const PASSWORD = 'clave"secreta\\1<&'
const declaration: Declaration = {
  ...{ kind: 'groundwater', workCode: 'OB-0602-7', measuredAt: Date.parse('2026-01-15T14:00:00Z') },
  ...{ flow: '14.20', total: '139806', level: '23.60' },
}
const credentials = { rut: '12345678-5', controlCentreRut: '76543210-3', password: PASSWORD }
const never = new AbortController().signal

/** What the far side does next. */
type Reply =
  | { status: number; body: string | Buffer; headers?: Record<string, string> }
  | 'hang'
  | 'reset'
  | 'cut'

describe('the clients of DGA', () => {
  let server: Server
  let url: string
  let reply: Reply
  let requests = 0
  before(async () => {
    server = createServer((request, response) => {
      requests += 1
      request.resume().once('end', () => {
        if (reply === 'hang') return
        if (reply === 'reset') return void request.socket.destroy()
        if (reply === 'cut') {
          response.writeHead(200, { 'content-length': 1000 }).write('{"status":"00"')
          return void setImmediate(() => request.socket.destroy())
        }
        response
          .writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
          .end(reply.body)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    url = `http://127.0.0.1:${address.port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const limits = { timeoutMs: 2000, answerBytesMax: 65_536 }
  const rest = () => openRestClient({ fetch }, { url, limits })
  const soap = () => openSoapClient({ fetch }, { url, limits })
  const outcomeOf = async (client: DgaClient, next: Reply): Promise<Submission> => {
    reply = next
    return (await client.submit(declaration, credentials, declaration.measuredAt, never)).submission
  }
  const json = (status: number, value: unknown): Reply => ({ status, body: JSON.stringify(value) })

  test('openRestClient() reads acceptances', async () => {
    const data = { numeroComprobante: RECEIPT }
    const accepted = { kind: 'accepted', receipt: RECEIPT }
    const without = { kind: 'accepted_without_receipt' }

    assert.deepEqual(await outcomeOf(rest(), json(200, { status: '00', message: 'ok', data })), accepted)
    assert.deepEqual(await outcomeOf(rest(), json(400, { status: '00', message: 'ok', data })), accepted)
    assert.deepEqual(
      await outcomeOf(rest(), { status: 200, body: `\ufeff${JSON.stringify({ status: '00', data })}` }),
      accepted,
    )
    assert.deepEqual(
      await outcomeOf(rest(), json(200, { status: '00', data: { numeroComprobante: '' } })),
      without,
    )
    assert.deepEqual(await outcomeOf(rest(), json(200, { status: '00', data: null })), without)
    assert.deepEqual(await outcomeOf(rest(), json(200, { status: '00', message: 'ok' })), without)
    assert.deepEqual(
      await outcomeOf(rest(), json(200, { status: '00', message: { es: 'ok' }, data })),
      accepted,
    )
    assert.deepEqual(
      await outcomeOf(rest(), json(200, { status: '00', message: 'ok', data: RECEIPT })),
      without,
    )
    assert.deepEqual(
      await outcomeOf(rest(), json(200, { status: '00', message: 'ok', data: [data] })),
      without,
    )
  })

  test('openRestClient() reads a duplicate, with the receipt of the first time', async () => {
    const message = 'Ya existe un registro en esa fecha, hora para la obra.'

    assert.deepEqual(
      await outcomeOf(
        rest(),
        json(400, { status: '400', message: `${message} Comprobante: ${RECEIPT}`, data: null }),
      ),
      { kind: 'duplicate', receipt: RECEIPT },
    )
    assert.deepEqual(await outcomeOf(rest(), json(400, { status: '400', message })), { kind: 'duplicate' })
  })

  test('a client takes for no receipt what stands for nothing, or nobody could write down', async () => {
    const nothing = ['', ' ', 'null', 'NULL', 'undefined', 'None', 'empty', '-', 'n/a', 'a\0b', '\ud800abc']
    for (const numeroComprobante of nothing) {
      const outcome = await outcomeOf(rest(), json(200, { status: '00', data: { numeroComprobante } }))
      assert.deepEqual(outcome, { kind: 'accepted_without_receipt' }, JSON.stringify(numeroComprobante))
    }
    for (const word of ['null', 'undefined', 'None', 'no disponible', 'desconocido', '']) {
      const message = `Ya existe un registro en esa fecha, hora para la obra. Comprobante: ${word}`
      const outcome = await outcomeOf(rest(), json(400, { status: '400', message }))
      assert.deepEqual(outcome, { kind: 'duplicate' }, word)
      assert.deepEqual(
        await outcomeOf(await soap(), soapAnswer('', '9', message)),
        { kind: 'duplicate' },
        word,
      )
    }
    assert.deepEqual(await outcomeOf(await soap(), soapAnswer('null', '0', 'ok')), {
      kind: 'accepted_without_receipt',
    })
  })

  test('a client knows that nothing was taken of what came too fast, and how long to wait', async () => {
    const cases: [Record<string, string>, number | undefined][] = [
      [{}, undefined],
      [{ 'retry-after': '120' }, 120_000],
      [{ 'retry-after': 'soon' }, undefined],
      [{ 'retry-after': 'Thu, 15 Jan 2026 14:01:30 GMT', date: 'Thu, 15 Jan 2026 14:00:00 GMT' }, 90_000],
      [{ 'retry-after': 'Thu, 15 Jan 2026 14:00:00 GMT', date: 'Thu, 15 Jan 2026 14:01:30 GMT' }, undefined],
    ]
    for (const body of ['{"status":"429","message":"Too many requests"}', '<html>Slow down</html>', '']) {
      for (const [headers, retryAfterMs] of cases) {
        for (const client of [rest(), await soap()]) {
          const outcome = await outcomeOf(client, { status: 429, body, headers })
          assert.ok(outcome.kind === 'not_sent', JSON.stringify(outcome))
          assert.match(outcome.reason, /^HTTP 429/)
          assert.equal(outcome.retryAfterMs, retryAfterMs)
        }
      }
    }
  })

  test('a client takes no judgement of a measurement from who lets nobody through, but what DGA itself says', async () => {
    for (const status of [401, 403]) {
      const kindOf = async (value: object) => (await outcomeOf(rest(), json(status, value))).kind

      assert.equal(await kindOf({ message: 'Unauthorized' }), 'unknown_outcome')
      assert.equal(
        await kindOf({ status: 'error', message: 'Error: clave incorrecta' }),
        'configuration_error',
      )
      assert.equal(await kindOf({ status: '00', data: { numeroComprobante: RECEIPT } }), 'accepted')
    }
  })

  test('openRestClient() tells a mistake of configuration from a refusal', async () => {
    const kindOf = async (message: string) => {
      const outcome = await outcomeOf(rest(), json(400, { status: 'error', message, data: {} }))
      return outcome.kind === 'configuration_error' ? outcome.mistake : outcome.kind
    }

    assert.equal(await kindOf('Error: Usuario no es el informante registrado en la Obra.'), 'not_informant')
    assert.equal(await kindOf('Error: clave incorrecta'), 'credentials')
    assert.equal(await kindOf('Error: centro de control no registrado'), 'control_centre')
    assert.equal(await kindOf('Error: obra desconocida'), 'unknown_work')
    assert.equal(await kindOf('Validación falló: fecha futura'), 'refused')
  })

  test('openRestClient() takes what is no answer for an unknown outcome', async () => {
    const cases: [string, Reply][] = [
      [
        '502 with a page',
        { status: 502, body: '<html>502</html>', headers: { 'content-type': 'text/html' } },
      ],
      [
        '200 with a page',
        { status: 200, body: '<html>Mantención</html>', headers: { 'content-type': 'text/html' } },
      ],
      [
        '403 with a page',
        { status: 403, body: '<html>Forbidden</html>', headers: { 'content-type': 'text/html' } },
      ],
      ['500 with JSON', json(500, { status: '500', message: 'Error interno' })],
      ['Latin-1', { status: 500, body: Buffer.from('{"status":"500","message":"Medición"}', 'latin1') }],
      ['nothing', { status: 200, body: '' }],
      ['half an answer', { status: 200, body: '{"status":"00","message":"Medición subt' }],
      ['a list', json(200, [])],
      ['a redirection', { status: 302, body: '', headers: { location: `${url}/elsewhere` } }],
      ['too much', { status: 200, body: `{"status":"00","message":"${'x'.repeat(70_000)}"}` }],
      ['a closed connection', 'reset'],
      ['an answer that was cut', 'cut'],
    ]
    for (const [name, next] of cases) {
      const before = requests
      const outcome = await outcomeOf(rest(), next)
      assert.equal(outcome.kind, 'unknown_outcome', `${name}: ${JSON.stringify(outcome)}`)
      assert.equal(requests, before + 1, `${name}: asked once, never again by itself, never elsewhere`)
    }
  })

  test('a client gives up after its timeout, and does not know whether it arrived', async () => {
    const quick = { url, limits: { timeoutMs: 80 } }

    for (const client of [openRestClient({ fetch }, quick), await openSoapClient({ fetch }, quick)]) {
      const outcome = await outcomeOf(client, 'hang')
      assert.deepEqual(outcome, { kind: 'unknown_outcome', reason: 'No answer within 80 ms' })
    }
  })

  test('a client knows that nothing arrived where nobody listens', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`

    for (const client of [
      openRestClient({ fetch }, { url: nobody }),
      await openSoapClient({ fetch }, { url: nobody }),
    ]) {
      assert.equal((await outcomeOf(client, 'hang')).kind, 'not_sent')
    }
  })

  test('a client throws the reason of the signal that stopped it', async () => {
    const stop = new AbortController()
    reply = 'hang'
    const going = [rest(), await soap()].map(client =>
      client.submit(declaration, credentials, 0, stop.signal),
    )
    const reason = new Error('Stopped')

    stop.abort(reason)

    for (const one of going) await assert.rejects(one, error => error === reason)
  })

  const envelope = (inside: string): string =>
    `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${inside}</soapenv:Body></soapenv:Envelope>`
  const NAMESPACE = 'http://www.mop.cl/controlextraccion/xsd/datosExtraccion/AuthSendDataExtraccionResponse'
  const soapAnswer = (receipt: string, code: string, text: string): Reply => ({
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: envelope(
      `<authSendDataExtraccionResponse xmlns="${NAMESPACE}"><numeroComprobante>${receipt}</numeroComprobante>` +
        `<status><Code>${code}</Code><Description>${text}</Description></status></authSendDataExtraccionResponse>`,
    ),
  })

  test('openSoapClient() reads acceptances, duplicates, mistakes and refusals', async () => {
    const client = await soap()
    const duplicate = `Ya existe un registro en esa fecha, hora para la obra. Comprobante: ${RECEIPT}`

    assert.deepEqual(await outcomeOf(client, soapAnswer(RECEIPT, '0', 'ok')), {
      kind: 'accepted',
      receipt: RECEIPT,
    })
    assert.deepEqual(await outcomeOf(client, soapAnswer('', '0', 'ok')), { kind: 'accepted_without_receipt' })
    assert.deepEqual(await outcomeOf(client, soapAnswer('', '9', duplicate)), {
      kind: 'duplicate',
      receipt: RECEIPT,
    })
    assert.equal(
      (await outcomeOf(client, soapAnswer('', '9', 'Usuario no es el informante registrado en la Obra')))
        .kind,
      'configuration_error',
    )
    assert.equal((await outcomeOf(client, soapAnswer('', '9', 'otra cosa'))).kind, 'refused')
  })

  test('openSoapClient() takes what is no answer for an unknown outcome', async () => {
    const client = await soap()
    const fault = `<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>x</faultstring></soapenv:Fault>`
    const cases: Reply[] = [
      { status: 200, body: '<html><body>Mantención</body></html>', headers: { 'content-type': 'text/html' } },
      { status: 502, body: 'Bad Gateway', headers: { 'content-type': 'text/plain' } },
      { status: 500, body: envelope(fault) },
      { status: 200, body: '' },
      { status: 200, body: envelope('<unknown xmlns="x"/>') },
      { status: 200, body: envelope(`<authSendDataExtraccionResponse xmlns="${NAMESPACE}"><numeroCompro`) },
      'reset',
      'cut',
    ]
    for (const next of cases) {
      const outcome = await outcomeOf(client, next)
      assert.equal(outcome.kind, 'unknown_outcome', `${JSON.stringify(next)}: ${JSON.stringify(outcome)}`)
    }
  })

  test('openSoapClient() says why an answer cannot be read', async () => {
    const outcome = await outcomeOf(await soap(), { status: 200, body: '<a><b></a>' })

    assert.ok(outcome.kind === 'unknown_outcome')
    assert.match(
      outcome.reason,
      /^HTTP 200 with something that is not an answer: Invalid XML: Unexpected close tag$/,
    )
  })

  test('a client keeps what went over the wire without the password, even when DGA sends it back', async () => {
    for (const client of [rest(), await soap()]) {
      for (const echo of [
        PASSWORD,
        JSON.stringify(PASSWORD),
        'clave&quot;secreta\\1&lt;&amp;',
        encodeURIComponent(PASSWORD),
      ]) {
        reply = { status: 400, body: JSON.stringify({ status: '1', message: `Error: ${echo}` }) }
        const plain = await client.submit(declaration, credentials, declaration.measuredAt, never)
        reply = { status: 200, body: `<x>${echo}</x>` }
        const page = await client.submit(declaration, credentials, declaration.measuredAt, never)
        const kept = JSON.stringify([plain, page])
        assert.doesNotMatch(kept, /secreta/)
        assert.match(plain.evidence.request, /OB-0602-7[\s\S]*\*\*\*/)
      }
    }
  })

  test('a client keeps no part of the password, and no more of a text than its bound, where a reason is cut', async () => {
    for (let before = 270; before <= 300; before += 1) {
      const message = `${'x'.repeat(before)}${PASSWORD}${'y'.repeat(1000)}`
      const outcome = await outcomeOf(rest(), json(400, { status: '1', message }))
      assert.ok(outcome.kind === 'refused')
      assert.match(outcome.reason, /^HTTP 400: x+\*{0,3}y*$/)
      assert.ok(outcome.reason.length <= 300)
    }
    reply = json(400, { status: '01', message: 'x'.repeat(10_000) })
    const { verification } = await rest().verify(declaration, RECEIPT, never)
    assert.ok(verification.kind === 'not_found' && verification.reason.length <= 300)
  })

  test('verify() compares as numbers, and says what differs', async () => {
    const held = {
      ...{ fechaMedicion: '15-01-2026', horaMedicion: '10:00:00', caudal: '14.2', totalizador: '139806' },
      nivelFreaticoDelPozo: '23.6',
    }
    const verify = async (next: Reply) => {
      reply = next
      return (await rest().verify(declaration, RECEIPT, never)).verification
    }

    assert.deepEqual(await verify(json(200, { status: '00', message: '', data: held })), { kind: 'match' })
    assert.deepEqual(
      await verify(json(200, { status: '00', data: { ...held, caudal: '14.3', horaMedicion: '11:00:00' } })),
      {
        kind: 'mismatch',
        differences: ['horaMedicion: declared 10:00:00, held 11:00:00', 'caudal: declared 14.20, held 14.3'],
      },
    )
    assert.equal(
      (await verify(json(400, { status: '01', message: 'Comprobante no encontrado', data: {} }))).kind,
      'not_found',
    )
    assert.equal((await verify({ status: 502, body: '<html/>' })).kind, 'no_answer')
    for (const status of [401, 403, 429, 500]) {
      assert.equal((await verify(json(status, { message: 'No' }))).kind, 'no_answer', `HTTP ${status}`)
    }
  })

  test('openSoapClient().verify() compares what SOAP gives back', async () => {
    const namespace = NAMESPACE.replace('AuthSend', 'Get').replace('GetData', 'GetData')
    const held = (flow: string): Reply => ({
      status: 200,
      headers: { 'content-type': 'text/xml' },
      body: envelope(
        `<getDataExtraccionResponse xmlns="${namespace}"><medicion><fechaIngreso>15-01-2026</fechaIngreso>` +
          `<fechaMedicion>15-01-2026</fechaMedicion><caudal>${flow}</caudal><alturaLimnimetrica>0</alturaLimnimetrica>` +
          `<totalizador>139806</totalizador><nivelFreaticoDelPozo>23.6</nivelFreaticoDelPozo></medicion>` +
          `<status><Code>0</Code><Description></Description></status></getDataExtraccionResponse>`,
      ),
    })
    const client = await soap()
    const verify = async (next: Reply) => {
      reply = next
      return (await client.verify(declaration, RECEIPT, never)).verification
    }

    assert.deepEqual(await verify(held('14.2')), { kind: 'match' })
    assert.deepEqual(await verify(held('14.3')), {
      kind: 'mismatch',
      differences: ['caudal: declared 14.20, held 14.3'],
    })
  })
})
