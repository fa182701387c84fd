// A configuration with what it refers to: every mistake with its path and line, all at once.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readGatewayConfig } from '../../edge/config.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'

const GOOD = `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:1883", credentials: ./identity }
buffer: { path: ./data/buffer }
buses:
  - { id: plant, tcp: { host: 127.0.0.1 } }
devices:
  - { id: meter, bus: plant, point: pozo-7, every: 1m, profile: siemens-mag-6000 }
`

function makeFolder(context: TestContext, text: string, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-config-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'identity'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'identity', name), content)
  writeFileSync(join(folder, 'gateway.yaml'), text)
  return folder
}

function mistakesOf(work: () => unknown): [string, number | undefined, string][] {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(({ path, line, message }) => [path, line, message])
  }
  throw new assert.AssertionError({ message: 'Nothing was found wrong' })
}

test('readGatewayConfig() resolves paths against the file’s folder, profiles, and credentials', context => {
  const folder = makeFolder(context, GOOD, { token: '  a-token\n', 'ca.pem': 'CA' })

  const config = readGatewayConfig(join(folder, 'gateway.yaml'), {})

  assert.equal(config.buffer.path, join(folder, 'data/buffer'))
  assert.deepEqual(config.credentials, { token: 'a-token', ca: 'CA' })
  assert.ok((config.devices[0]?.signals.length ?? 0) >= 2)
})

test('readGatewayConfig() lists what the machine, the profiles and the cross-references say at once, each with its line', context => {
  const text = `${GOOD.replace('siemens-mag-6000', 'no-such-meter')}  - { id: meter, bus: nowhere, point: pozo-8, every: 1m,
      signals: [{ variable: flow, address: 0, type: float32 }] }
providers:
  - { id: pozo-9, provider: twin, every: 5m, point: pozo-9, device: "1",
      username: { env: TWIN_USERNAME }, password: secret, signals: [{ variable: pulses, key: "5001" }] }
`
  const folder = makeFolder(context, text, { 'cert.pem': 'CERT' })

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([path, line]) => [path, line]),
    [
      ['devices[1].id', 10],
      ['devices[1].bus', 10],
      ['devices[0].profile', 9],
      ['providers[0].username', 14],
      ['uplink.credentials', 4],
      ['uplink.credentials', 4],
    ],
  )
  const messages = mistakes.map(([, , message]) => message).join('\n')
  assert.match(messages, /no profile is named "no-such-meter"/)
  assert.match(messages, /the environment has no TWIN_USERNAME/)
  assert.match(messages, /there is no token in .*identity\/token/)
  assert.match(messages, /one of cert\.pem and key\.pem/)
})

test('readGatewayConfig() refuses a way to the cloud that it cannot go', context => {
  for (const scheme of ['nats', 'tls']) {
    const folder = makeFolder(context, GOOD.replace('mqtt:', `${scheme}:`), { token: 'a-token' })
    assert.deepEqual(
      mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {})),
      [['uplink.url', 4, 'this version reaches the cloud over mqtt:// or mqtts:// only']],
    )
  }
})

test('readGatewayConfig() names the signal that no request can fetch', context => {
  const text = GOOD.replace(
    'profile: siemens-mag-6000 }',
    `reads: { maxRegisters: 2 },
      signals: [
        { variable: flow, address: 0, type: float32 },
        { variable: total, address: 2, type: float64 } ] }`,
  )
  const folder = makeFolder(context, text, { token: 'a-token' })

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([path, line]) => [path, line]),
    [['devices[0].signals[1]', 12]],
  )
})

test('a file that cannot be read, and a token that is empty, are mistakes too', context => {
  const folder = makeFolder(context, GOOD, { token: ' \n' })

  assert.match(
    mistakesOf(() => readGatewayConfig(join(folder, 'none.yaml'), {}))[0]?.[2] ?? '',
    /cannot be read: ENOENT/,
  )
  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))
  assert.deepEqual(
    mistakes.map(([path]) => path),
    ['uplink.credentials'],
  )
})
