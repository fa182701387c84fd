// A configuration with what it refers to: every mistake with its path and line, all at once.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readGatewayConfig } from '../../edge/config.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { openAuthority } from '../doubles/certificates.ts'
import { skipWithout } from '../peers.ts'

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
  const folder = makeFolder(context, GOOD, { token: '  a-token\n' })

  const config = readGatewayConfig(join(folder, 'gateway.yaml'), {})

  assert.equal(config.buffer.path, join(folder, 'data/buffer'))
  assert.deepEqual(config.credentials, { token: 'a-token' })
  assert.ok((config.devices[0]?.signals.length ?? 0) >= 2)
})

test('readGatewayConfig() lists what the machine, the profiles and the cross-references say at once, each with its line', context => {
  const text = `${GOOD.replace('siemens-mag-6000', 'no-such-meter')}  - { id: meter, bus: nowhere, point: pozo-8, every: 1m,
      signals: [{ variable: flow, address: 0, type: float32 }] }
providers:
  - { id: pozo-9, provider: twin, every: 5m, point: pozo-9, device: "1",
      username: { env: TWIN_USERNAME }, password: secret, signals: [{ variable: pulses, key: "5001" }] }
`
  const folder = makeFolder(context, text, { 'key.pem': 'KEY' })

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([path, line]) => [path, line]),
    [
      ['uplink.credentials', 4],
      ['uplink.credentials', 4],
      ['devices[0].profile', 9],
      ['devices[1].id', 10],
      ['devices[1].bus', 10],
      ['providers[0].username', 14],
    ],
  )
  const messages = mistakes.map(([, , message]) => message).join('\n')
  assert.match(messages, /no profile is named "no-such-meter"/)
  assert.match(messages, /the environment has no TWIN_USERNAME/)
  assert.match(messages, /there is no token in .*identity\/token/)
  assert.match(messages, /one of cert\.pem and key\.pem/)
})

/** Mistakes of every kind in one file; what is right besides them must not be blamed. */
const MANY = `gateway: gw-test
client: campo
uplink: { url: "mqtt://127.0.0.1:1883", credentials: ./identity, maxDelay: 1 minute }
buffer: { path: ./data/buffer, maxBytes: 4GB }
lanBroker: { host: 0.0.0.0, port: "1883", users: [] }
buses:
  - { id: rs485, serial: { path: /dev/ttyUSB0, baudrate: 9600 } }
  - { id: plant, tcp: { port: 502 } }
  - { id: rs485, serial: { path: /dev/ttyUSB0 } }
devices:
  - { id: meter, bus: rs845, unit: 1.5, point: pozo-7, every: 1m, profile: siemens-mag-600 }
  - { id: meter, bus: plant, point: pozo-7, every: 1m, delay: 2m, reads: { maxRegisters: 2 },
      signals: [
        { variable: flux, address: 0, type: float32 },
        { variable: level, address: 2, type: float64, unit: bar } ] }
  - { id: probe, bus: plant, point: Pozo 8, every: 60, profil: siemens-mag-6000 }
  - { id: gauge, bus: plant, every: 1m, point: pozo-9, signals: [
        { variable: level, address: 2, point: Pozo 7, type: int16 },
        { variable: temperature, address: 3, table: coil, type: int17 } ] }
providers:
  - { id: pozo-10, provider: twine, every: 5m, point: pozo-10 }
  - { id: pozo-11, provider: nettra, every: 5m, point: pozo-11, thing: { env: NETTRA_THING },
      signals: [{ variable: level, key: a }, { variable: level, key: b }] }
`

test('readGatewayConfig() lists mistakes of shape and of reference in one round, in the order of the file, and no consequences', context => {
  const folder = makeFolder(context, MANY, {})

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([path, line, message]) => `${line}: ${path}: ${message.replace(folder, '')}`),
    [
      '1: project: is missing',
      '3: uplink.maxDelay: must be a duration such as 250ms, 5s, 1m, 2h or 7d',
      '3: uplink.credentials: there is no token in /identity/token',
      '4: buffer.maxBytes: must be a size such as 512KiB, 64MiB or 4GiB',
      '5: lanBroker.port: must be a number, not text',
      '5: lanBroker: nobody could read: on 0.0.0.0, name users, or say anonymous: true',
      '7: buses[0].serial.baudrate: unknown key `baudrate`; did you mean `baudRate`?',
      '8: buses[1].tcp.host: is missing',
      '9: buses[2].id: "rs485" is already the name of buses[0]',
      '9: buses[2].serial.path: is already the line of rs485',
      '11: devices[0].unit: must be a whole number, not 1.5',
      '11: devices[0].bus: no bus has the id "rs845"; did you mean `rs485`?',
      '11: devices[0].profile: no profile is named "siemens-mag-600"; did you mean `siemens-mag-6000`?',
      '12: devices[1].id: "meter" is already the name of devices[0]',
      '12: devices[1].delay: must be shorter than every',
      '14: devices[1].signals[0].variable: no variable is named "flux"',
      '15: devices[1].signals[1].unit: bar cannot become m, the unit of level',
      '15: devices[1].signals[1]: needs 4 registers in one request, at most 2 are allowed',
      '16: devices[2].point: must be 1 to 63 characters of a-z, 0-9 and "-", and must not start with "-"',
      '16: devices[2].every: must be a duration such as 250ms, 5s, 1m, 2h or 7d',
      '16: devices[2].profil: unknown key `profil`; did you mean `profile`?',
      '18: devices[3].signals[0].point: must be 1 to 63 characters of a-z, 0-9 and "-", and must not start with "-"',
      '19: devices[3].signals[1].type: is not one of bool, int16, uint16, int32, uint32, int64, uint64, float16, float32, float64, bcd16, bcd32, bcd64, mod10k32, mod10k48, mod10k64, ubcd16, ubcd32, ubcd64, ascii32, ascii64, ascii96, ascii128; did you mean `int16`?',
      '21: providers[0].provider: is not one of twin, nettra, novus, json; did you mean `twin`?',
      '22: providers[1].thing: the environment has no NETTRA_THING',
      '23: providers[1].signals[1].variable: level of pozo-11 already comes from providers[1].signals[0]',
    ],
  )
})

test('docs/gateway.md shows configurations that are right', context => {
  const page = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/(### When it is wrong[\s\S]*?)?```yaml\n([\s\S]*?)```/g)]
    .filter(([, wrong]) => wrong === undefined)
    .map(([, , text = '']) => text.replace('$…==', `$${'A'.repeat(86)}==`))
  const names = [...page.matchAll(/\{ env: ([A-Z]\w+) \}/g)].map(([, name = '']) => name)
  const environment = Object.fromEntries(names.map(name => [name, 'given']))
  const rest = [
    ...['gateway: gw-1', 'client: campo', 'project: los-aromos', 'buffer: { path: ./data/buffer }'],
    'uplink: { url: "mqtts://cloud.example", credentials: ./identity }',
    'buses: [{ id: plant, tcp: { host: 192.168.1.20 } }]',
  ]

  assert.ok(blocks.length >= 5)
  for (const text of blocks) {
    const keys = [...text.matchAll(/^(\w+):/gm)].map(([, key]) => key)
    const missing = rest.filter(line => !keys.includes(line.split(':')[0]))
    const folder = makeFolder(context, [...missing, text].join('\n'), { token: 'a-token' })
    for (const [, file = ''] of text.matchAll(/\{ file: ([\w/-]+) \}/g)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), 'given')
    }
    assert.doesNotThrow(() => readGatewayConfig(join(folder, 'gateway.yaml'), environment), text)
  }
})

test('docs/gateway.md shows a file that is wrong with what is said of it', context => {
  const page = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
  const [, text = '', said = ''] =
    /### When it is wrong[\s\S]*?```yaml\n([\s\S]*?)```\n\n([\s\S]*?)\n\n#/.exec(page) ?? []
  const folder = makeFolder(context, text, {})

  assert.throws(
    () => readGatewayConfig(join(folder, 'gateway.yaml'), {}),
    (error: unknown) =>
      error instanceof Error &&
      error.message
        .replaceAll(`${folder}/gateway.yaml`, 'gateway.yaml')
        .replace(folder, '/etc/smarthydro') === said.replace(/^ {4}/gm, ''),
  )
})

test('readGatewayConfig() does not say that a bus is unknown, or a name is taken, where that cannot be known', context => {
  const text = GOOD.replace('id: plant,', 'id: Plant,').replace(
    'devices:\n',
    'devices:\n  - { id: Meter, bus: plant, point: pozo-7, every: 1m, profile: siemens-mag-6000 }\n',
  )
  const folder = makeFolder(context, text, { token: 'a-token' })

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([path]) => path),
    ['buses[0].id', 'devices[0].id', 'devices[1].profile'],
  )
  assert.match(mistakes[2]?.[2] ?? '', /^flow, total.* of pozo-7 already come from devices\[0\]/)
})

test('readGatewayConfig() refuses files of TLS that are none, or that do not belong together', {
  skip: skipWithout('openssl'),
}, context => {
  const [ours, other] = [openAuthority('Ours'), openAuthority('Other')]
  context.after(() => [ours, other].map(authority => authority.close()))
  const [mine, foreign] = [ours.issue('DNS:gw-test'), other.issue('DNS:gw-test')]
  const mistakes = (files: Record<string, string>) => {
    const folder = makeFolder(context, GOOD.replace('mqtt:', 'tls:'), { token: 'a-token', ...files })
    const path = join(folder, 'gateway.yaml')
    return mistakesOf(() => readGatewayConfig(path, {})).map(([, , message]) => message.replace(folder, ''))
  }
  const whole = makeFolder(context, GOOD, {
    'ca.pem': ours.ca,
    token: 't',
    'cert.pem': mine.cert,
    'key.pem': mine.key,
  })

  assert.equal(readGatewayConfig(join(whole, 'gateway.yaml'), {}).credentials.key, mine.key)
  assert.deepEqual(mistakes({ 'ca.pem': mine.key }), ['/identity/ca.pem holds no certificate in PEM'])
  assert.match(
    String(mistakes({ 'ca.pem': ours.ca.replace('\nM', '\nX') })),
    /ca.pem certificate 1 of 1 cannot be read: /,
  )
  assert.deepEqual(mistakes({ 'cert.pem': mine.cert, 'key.pem': foreign.key }), [
    '/identity/key.pem is not the key of the certificate',
  ])
  assert.match(
    String(mistakes({ 'cert.pem': mine.cert, 'key.pem': mine.cert })),
    /key.pem holds no private key in PEM/,
  )
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

test('readGatewayConfig() names bounds that could not be written themselves', context => {
  const text = GOOD.replace(
    'profile: siemens-mag-6000 }',
    `profile: siemens-mag-6000,
      writable: [
        { name: start-level, address: 0, type: uint16, scale: 0.01, min: -0.01, max: 5 },
        { name: stop-level, address: 2, type: int16, scale: 0.01, min: 0, max: 400 },
        { name: step, address: 3, type: int16, scale: 0.1, min: 0.05, max: 1 } ] }`,
  )
  const folder = makeFolder(context, text, { token: 'a-token' })

  assert.deepEqual(
    mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {})),
    [
      ['devices[0].writable[0].min', 11, 'uint16 cannot hold -0.01 as -1'],
      ['devices[0].writable[1].max', 12, 'int16 cannot hold 400 as 40000'],
      ['devices[0].writable[2].min', 13, 'int16 cannot hold 0.05 exactly: the nearest is 0.1'],
    ],
  )
})

const JSON_API = `providers:
  - id: pozo-9
    provider: json
    every: 5m
    point: pozo-9
    device: { file: identity/device }
    auth: { kind: basic, username: ana, password: { env: ACME_PASSWORD } }
    headers: { X-Account: { env: ACME_ACCOUNT }, env: plain }
    latest: { url: "https://api.acme.example/{device}" }
    time: { at: /ts, format: epoch_s }
    signals: [{ variable: level, value: /level }]
`

test('readGatewayConfig() puts secrets in their places, from the environment and from files beside it', context => {
  const folder = makeFolder(context, GOOD + JSON_API, { token: 'a-token', device: 'device-7\n' })
  const environment = { ACME_PASSWORD: 'secret', ACME_ACCOUNT: '42' }

  const config = readGatewayConfig(join(folder, 'gateway.yaml'), environment)

  const [api] = config.providers
  assert.ok(api?.provider === 'json')
  assert.equal(api.device, 'device-7')
  assert.deepEqual(api.auth, { kind: 'basic', username: 'ana', password: 'secret' })
  assert.deepEqual(api.headers, { 'X-Account': '42', env: 'plain' })
})

test('readGatewayConfig() names every secret that is not where it should be, and tells none', context => {
  const text = GOOD + JSON_API.replace('{ file: identity/device }', '{ file: identity/none }')
  const folder = makeFolder(context, text, { token: 'a-token' })

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), { ACME_ACCOUNT: '' }))

  assert.deepEqual(
    mistakes.map(([path, line]) => [path, line]),
    [
      ['providers[0].device', 15],
      ['providers[0].auth.password', 16],
      ['providers[0].headers.X-Account', 17],
    ],
  )
  const messages = mistakes.map(([, , message]) => message).join('\n')
  assert.match(messages, /cannot be read: ENOENT/)
  assert.match(messages, /the environment has no ACME_PASSWORD\nthe environment has no ACME_ACCOUNT/)
})

test('credentials that are no files are mistakes, and are not opened', context => {
  const folder = makeFolder(context, GOOD, {})
  execFileSync('mkfifo', [join(folder, 'identity/token')])
  mkdirSync(join(folder, 'identity/key.pem'))

  const mistakes = mistakesOf(() => readGatewayConfig(join(folder, 'gateway.yaml'), {}))

  assert.deepEqual(
    mistakes.map(([, , message]) => message.replace(folder, '')),
    ['/identity/token is not a regular file', '/identity/key.pem is not a regular file'],
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
