// The double of DGA's SOAP service, and its administrator's side: each test names the behaviour.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { type Asked, NOW, openAsked, receiptOf, WORK } from './dga/asking.ts'
import { ANSWERS } from './dga/faults.ts'
import type { DgaOptions } from './dga/server.ts'

let asked: Asked | undefined

async function open(options: DgaOptions = {}): Promise<Asked> {
  asked = await openAsked(options)
  return asked
}

afterEach(async () => {
  await asked?.dga.close()
  asked = undefined
})

const SCHEMA = 'http://www.mop.cl/controlextraccion/xsd/datosExtraccion/AuthSendDataExtraccionRequest'
const VALUES =
  '<a:fechaMedicion>15-01-2026</a:fechaMedicion><a:horaMedicion>10:00:00</a:horaMedicion><a:totalizador>139806</a:totalizador><a:caudal>14.25</a:caudal><a:nivelFreaticoDelPozo>23.60</a:nivelFreaticoDelPozo>'

function envelope(values = VALUES, password = 'clave'): string {
  return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="${SCHEMA}"><s:Header><a:authSendDataExtraccionTraza><a:codigoDeLaObra>${WORK}</a:codigoDeLaObra><a:timeStampOrigen>2026-01-15T10:00:42Z</a:timeStampOrigen></a:authSendDataExtraccionTraza></s:Header><s:Body><a:authSendDataExtraccionRequest><a:authDataUsuario><a:idUsuario><a:rut>12345678-5</a:rut></a:idUsuario><a:password>${password}</a:password></a:authDataUsuario><a:authDataExtraccionSubterranea>${values}</a:authDataExtraccionSubterranea></a:authSendDataExtraccionRequest></s:Body></s:Envelope>`
}

describe('the SOAP service', () => {
  it('holds a measurement and answers with the prefixes that its clients depend on', async () => {
    const { soap } = await open({ strict: true })
    const { text } = await soap(envelope())
    assert.match(
      text,
      /^<soapenv:Envelope xmlns:soapenv=.*<soapenv:Body><authSendDataExtraccionResponse xmlns=/,
    )
    assert.match(text, /<numeroComprobante>[A-Za-z0-9]{32}<\/numeroComprobante><status><Code>0<\/Code>/)
  })

  it('refuses with another code and an empty receipt', async () => {
    const { soap } = await open()
    const { text } = await soap(envelope(VALUES, 'x'))
    assert.match(
      text,
      /<numeroComprobante><\/numeroComprobante><status><Code>1<\/Code><Description>Error: clave/,
    )
  })

  it('demands the order of the schema only when strict', async () => {
    const reordered = VALUES.replace(/(<a:totalizador>.*<\/a:totalizador>)(<a:caudal>.*<\/a:caudal>)/, '$2$1')
    for (const strict of [false, true]) {
      const { dga, soap } = await open({ strict })
      assert.match((await soap(envelope(reordered))).text, strict ? /<Code>1</ : /<Code>0</)
      await dga.close()
    }
  })

  it('answers a Fault to what is no XML', async () => {
    const { soap } = await open()
    const { status, text } = await soap('<a><b></a>')
    assert.equal(status, 500)
    assert.match(text, /<soapenv:Fault>/)
  })

  it('knows by receipt what REST was told, and the other way round', async () => {
    const { post, soap } = await open()
    const receipt = receiptOf(await post())
    const question = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><getDataExtraccionRequest xmlns="x"><codigoDeLaObra>${WORK}</codigoDeLaObra><numeroComprobante>${receipt}</numeroComprobante></getDataExtraccionRequest></s:Body></s:Envelope>`
    assert.match((await soap(question)).text, /<caudal>14.25<\/caudal>.*<totalizador>139806<.*<Code>0</)
    assert.match((await soap(envelope())).text, new RegExp(`<Code>1<.*Comprobante: ${receipt}`))
  })

  it('refuses everything once it is retired', async () => {
    const { clock, soap } = await open({ soapRetiredFrom: NOW + 1 })
    assert.match((await soap(envelope())).text, /<Code>0</)
    await clock.advance(1)
    assert.match((await soap(envelope())).text, /<Code>1<.*retirado/)
  })

  it('serves its description', async () => {
    const { dga } = await open()
    const response = await fetch(`${dga.soapUrl}?wsdl`)
    assert.match(await response.text(), /SendDataExtraccionPortType/)
  })
})

describe('its administrator', () => {
  it('registers, reads, breaks and mends over HTTP', async () => {
    const { dga, post, get } = await open()
    const registry = (await get('/admin/registry')).body
    registry.controlCentres = []
    await fetch(`${dga.url}/admin/registry`, { method: 'PUT', body: JSON.stringify(registry) })
    assert.equal((await post()).status, 400)
    const rules = JSON.stringify([{ fault: ANSWERS.html502 }])
    await fetch(`${dga.url}/admin/faults`, { method: 'POST', body: rules })
    assert.equal((await post()).status, 502)
    await fetch(`${dga.url}/admin/faults`, { method: 'DELETE' })
    assert.equal((await post()).status, 400)
    assert.equal((await get('/admin/requests')).body.length, 3)
    assert.deepEqual((await get('/admin/measurements')).body, [])
  })

  it('keeps what is held in a file, and never gives a receipt twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dga-'))
    const file = join(folder, 'held.jsonl')
    try {
      const first = await open({ file })
      const receipt = receiptOf(await first.post())
      await first.dga.close()
      assert.ok(readFileSync(file, 'utf8').endsWith('\n'))
      const second = await open({ file })
      assert.match(JSON.parse((await second.post()).text).message, new RegExp(receipt))
      const next = receiptOf(await second.post({ values: { horaMedicion: '09:00:00' } }))
      assert.notEqual(next, receipt)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
