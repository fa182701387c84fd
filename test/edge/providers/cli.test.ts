// read of a device at its provider, as a person at the gateway uses it.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { startProgram } from '../../doubles/program.ts'
import { openJsonApi } from '../../doubles/providers/json.ts'
import { atEnd, temporaryFolder } from '../buffer/folder.ts'

const AT = Date.parse('2026-01-15T12:00:00Z')
const DEVICE = 'secret-device'

async function openScene(context: TestContext) {
  const api = await openJsonApi(
    { clock: systemClock },
    {
      ...{ devices: [DEVICE], keys: ['flow', 'level'], since: Number.MAX_SAFE_INTEGER },
      isAllowed: ({ headers }) => headers['x-api-key'] === 'secret-key',
    },
  )
  atEnd(context, () => api.close())
  const folder = await temporaryFolder(context)
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token\n')
  writeFileSync(join(folder, 'key'), 'secret-key\n')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:1", credentials: ./identity }
buffer: { path: ./buffer }
providers:
  - id: pozo-9
    provider: json
    every: 5m
    point: pozo-9
    device: { env: ACME_DEVICE }
    auth: { kind: header, name: X-Api-Key, value: { file: key } }
    latest: { url: "${api.baseUrl}/devices/{device}/latest" }
    time: { at: /time, format: iso }
    signals:
      - { variable: flow, value: /flow, unit: m3/h, decimals: 2 }
      - { variable: level, value: /level, point: pozo-10 }
`,
  )
  const read = async (id: string) => {
    const program = startProgram('edge', ['read', '--config', file, id], { env: { ACME_DEVICE: DEVICE } })
    const status = await program.exited
    return { status, text: program.text() }
  }
  return { api, read }
}

test('read shows what a provider gives: the value, what it was made of, and the device’s own time', async context => {
  const { api, read } = await openScene(context)
  api.samples.put(DEVICE, 'flow', AT, 36)
  api.samples.put(DEVICE, 'level', AT - 60_000, 'ERR')

  const { status, text } = await read('pozo-9')

  assert.equal(status, 0, text)
  const [heading = '', ...lines] = text.trimEnd().split('\n')
  assert.match(heading, /^pozo-9 \(json\) at 20\d\d-/)
  assert.deepEqual(lines, [
    '  pozo-9/flow    10 L/s  good          /flow: 36 at 2026-01-15T12:00:00.000Z',
    '  pozo-10/level  none    not_a_number  /level: "ERR" at 2026-01-15T11:59:00.000Z',
  ])
  assert.equal(api.requests.length, 1)
})

test('read says why a provider gives nothing, ends with 1, and tells no secret', async context => {
  const { api, read } = await openScene(context)
  api.samples.put(DEVICE, 'flow', AT, 36)
  const part = await read('pozo-9')
  api.fail({ fault: { kind: 'answer', status: 401, body: {} } })
  const refused = await read('pozo-9')
  const unknown = await read('pozo-7')

  assert.deepEqual([part.status, refused.status, unknown.status], [1, 1, 78])
  assert.match(
    part.text,
    /pozo-10\/level {2}none {4}no_data {2}\/level\n127.0.0.1:\d+: no sample of its answer holds/,
  )
  assert.match(refused.text, /auth_failed.*\n.*auth_failed.*\n127.0.0.1:\d+: HTTP 401\n$/)
  assert.match(unknown.text, /no device is named "pozo-7"; there are pozo-9/)
  for (const { text } of [part, refused, unknown]) assert.doesNotMatch(text, /secret/)
})
