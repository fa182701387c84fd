// The exact bytes of what DGA is told, over both protocols. To write the files anew: GOLDEN=write node --test …
//
// The SOAP envelopes are read by zeep as well, with our WSDL: a parser that is not ours.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Declaration } from '../../../../cloud/compliance/declaration.ts'
import type { DgaClient } from '../../../../cloud/compliance/dga/client.ts'
import type { Fetch } from '../../../../cloud/compliance/dga/exchange.ts'
import { openRestClient } from '../../../../cloud/compliance/dga/rest.ts'
import { openSoapClient, WSDL_PATH } from '../../../../cloud/compliance/dga/soap.ts'
import { skipWithout } from '../../../peers.ts'

const measuredAt = Date.parse('2026-01-15T14:00:00Z')
const sentAt = Date.parse('2026-01-15T14:00:42.987Z')
const credentials = { rut: '12345678-5', controlCentreRut: '76543210-3', password: 'clave-<prueba>&"ñ"' }
const receipt = 'Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF'
const never = new AbortController().signal

const GROUNDWATER: Declaration = {
  ...{ kind: 'groundwater', workCode: 'OB-0602-7', measuredAt },
  ...{ flow: '14.20', total: '139806', level: '23.60' },
}
const EXEMPT: Declaration = { ...GROUNDWATER, level: '' }
const PIPE: Declaration = {
  kind: 'surface_pipe',
  workCode: 'OB-0602-8',
  measuredAt,
  flow: '15.31',
  total: '50',
}
const CHANNEL: Declaration = {
  ...{ kind: 'surface_channel', workCode: 'OR-1001-12', measuredAt },
  ...{ flow: '16.54', level: '5' },
}

/** What a client sends, as text: it is never answered. */
async function bytesOf(
  open: (deps: { fetch: Fetch }) => DgaClient | Promise<DgaClient>,
  ask: (client: DgaClient) => Promise<unknown>,
): Promise<string> {
  let sent = ''
  const fetch: Fetch = (url, { method, headers, body }) => {
    const lines = Object.entries(headers as Record<string, string>).map(
      ([name, value]) => `${name}: ${value}`,
    )
    sent = [`${method} ${url}`, ...lines, '', String(body ?? '')].join('\n')
    return Promise.reject(new Error('A golden file does not answer'))
  }
  await ask(await open({ fetch }))
  return sent
}

const submit = (declaration: Declaration) => (client: DgaClient) =>
  client.submit(declaration, credentials, sentAt, never)
const verify = (declaration: Declaration) => (client: DgaClient) => client.verify(declaration, receipt, never)

const CASES: {
  name: string
  open: typeof openRestClient | typeof openSoapClient
  ask: (client: DgaClient) => Promise<unknown>
}[] = [
  { name: 'rest-groundwater', open: openRestClient, ask: submit(GROUNDWATER) },
  { name: 'rest-groundwater-exempt', open: openRestClient, ask: submit(EXEMPT) },
  { name: 'rest-surface-pipe', open: openRestClient, ask: submit(PIPE) },
  { name: 'rest-surface-channel', open: openRestClient, ask: submit(CHANNEL) },
  { name: 'rest-verify', open: openRestClient, ask: verify(GROUNDWATER) },
  { name: 'soap-groundwater', open: openSoapClient, ask: submit(GROUNDWATER) },
  { name: 'soap-surface-channel', open: openSoapClient, ask: submit(CHANNEL) },
  { name: 'soap-verify', open: openSoapClient, ask: verify(GROUNDWATER) },
]

for (const { name, open, ask } of CASES) {
  test(`what DGA is told is, byte for byte, ${name}.golden.txt`, async () => {
    const file = new URL(`../../../cases/dga/${name}.golden.txt`, import.meta.url)
    const sent = await bytesOf(deps => open(deps), ask)

    if (process.env.GOLDEN === 'write') writeFileSync(file, sent)
    assert.equal(sent, readFileSync(file, 'utf8'))
  })
}

test('openRestClient() writes the time of sending in the form it is told', async () => {
  const stampOf = async (timeStamp: 'literal' | 'offset' | 'utc') =>
    /timeStampOrigen: (.*)/.exec(
      await bytesOf(deps => openRestClient(deps, { timeStamp }), submit(GROUNDWATER)),
    )?.[1]

  assert.equal(await stampOf('literal'), '2026-01-15T10:00:42-0000')
  assert.equal(await stampOf('offset'), '2026-01-15T10:00:42-04:00')
  assert.equal(await stampOf('utc'), '2026-01-15T14:00:42Z')
})

test('openSoapClient() refuses a kind of work that has no element, before anything is sent', async () => {
  const client = await openSoapClient({ fetch: () => assert.fail('nothing may be sent') })

  await assert.rejects(submit(PIPE)(client), /no element for a pipe/)
})

/** Reads an envelope with the WSDL alone, and prints what it found. */
const READER = `
import json, sys
from lxml import etree
from zeep import Client
from zeep.helpers import serialize_object
client = Client(sys.argv[1])
envelope = etree.fromstring(sys.stdin.buffer.read())
soap = '{http://schemas.xmlsoap.org/soap/envelope/}'
def read(parent):
    for node in envelope.findall(soap + parent + '/*'):
        element = client.wsdl.types.get_element(node.tag)
        yield serialize_object(element.parse(node, client.wsdl.types, allow_none=False), dict)
found = {'header': next(read('Header'), None), 'body': next(read('Body'))}
print(json.dumps(found, default=str))
`

describe('zeep, with our WSDL', { skip: skipWithout('zeep') }, () => {
  const read = (envelope: string) => {
    const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', READER, WSDL_PATH], {
      input: envelope,
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }
  const envelopeOf = async (ask: (client: DgaClient) => Promise<unknown>) =>
    (await bytesOf(deps => openSoapClient(deps), ask)).split('\n\n')[1] ?? ''

  test('reads in a groundwater envelope what was declared', async () => {
    const { header, body } = read(await envelopeOf(submit(GROUNDWATER)))

    assert.equal(header.codigoDeLaObra, 'OB-0602-7')
    assert.match(header.timeStampOrigen, /^2026-01-15 14:00:42(\+00:00)?$/)
    assert.deepEqual(body.authDataUsuario, {
      idUsuario: { rut: '12345678-5' },
      password: credentials.password,
    })
    assert.deepEqual(body.authDataExtraccionSubterranea, {
      ...{ fechaMedicion: '15-01-2026', horaMedicion: '10:00:00' },
      ...{ totalizador: '139806', caudal: '14.20', nivelFreaticoDelPozo: '23.60' },
    })
    assert.equal(body.authDataExtraccionSuperficial, null)
  })

  test('reads in a channel’s envelope what was declared', async () => {
    const { body } = read(await envelopeOf(submit(CHANNEL)))

    assert.deepEqual(body.authDataExtraccionSuperficial, {
      ...{ fechaMedicion: '15-01-2026', horaMedicion: '10:00:00', caudal: '16.54', alturaLimnimetrica: '5' },
    })
  })

  test('reads in a question what is asked', async () => {
    const { body } = read(await envelopeOf(verify(GROUNDWATER)))

    assert.deepEqual(body, { codigoDeLaObra: 'OB-0602-7', numeroComprobante: receipt })
  })
})
