// What a configuration may say of an API that answers in JSON, and every mistake in it, with its path.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseGatewayConfig } from '../../protocol/gateway-config.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'

const HEAD = `gateway: gw-campo-01
client: campo
project: los-aromos
uplink: { url: "mqtts://cloud.example:8883", credentials: ./identity }
buffer: { path: ./data/buffer }
buses: [{ id: plant, tcp: { host: 192.168.1.20 } }]
devices:
  - { id: probe, bus: plant, point: pozo-7, every: 1m, signals: [{ variable: level, address: 4, type: int16 }] }
providers:
`

/** A device behind an API that answers in JSON. */
const JSON_API = `  - id: pozo-9
    provider: json
    every: 5m
    point: pozo-9
    device: { env: ACME_DEVICE }
    auth: { kind: bearer, token: { file: acme-token } }
    latest: { url: "https://api.acme.example/devices/{device}/last" }
    history: { url: "https://api.acme.example/devices/{device}/data?from={from}&to={to}" }
    time: { at: /ts, format: epoch_s }
    signals: [{ variable: flow, value: /flow, unit: L/s }]
`

test('parseGatewayConfig() reads a JSON API, with what it need not say', () => {
  const { providers } = parseGatewayConfig(HEAD + JSON_API, 'gateway.yaml')

  const [api] = providers
  assert.ok(api?.provider === 'json')
  assert.deepEqual(api.latest, { url: 'https://api.acme.example/devices/{device}/last', method: 'GET' })
  assert.deepEqual([api.samples, api.expect, api.decimalComma, api.headers], ['', {}, false, {}])
  assert.deepEqual(api.signals[0]?.codes, [])
})

for (const [name, from, to, mistakes] of [
  [
    'a URL of another kind',
    '"https://api.acme.example/devices/{device}/last"',
    'ftp://x',
    [['latest.url', /must be a URL that begins with http/]],
  ],
  [
    'credentials in a URL',
    'https://api.acme.example/devices/{device}/last',
    'https://ana:secret@api.acme.example/{device}',
    [['latest.url', /must hold no credentials: they belong in auth/]],
  ],
  [
    'a host that is not said',
    'https://api.acme.example/devices/{device}/last',
    'https://{device}.acme.example/',
    [['latest.url', /must name its host itself/]],
  ],
  [
    'a placeholder that nothing stands for',
    '{device}/last',
    '{device}/last?x={thing}',
    [['latest.url', /put in the place of \{thing\}: there is \{device\}$/]],
  ],
  [
    'a stretch of time for the newest',
    '{device}/last',
    '{device}/last?x={from}',
    [['latest.url', /\{from\}/]],
  ],
  [
    'a history without a stretch of time',
    '?from={from}&to={to}',
    '?from={from}',
    [['history', /by \{from\} and \{to\}/]],
  ],
  [
    'a device that is not known',
    '    device: { env: ACME_DEVICE }\n',
    '',
    [['device', /is needed for \{device\}/]],
  ],
  ['a body of a GET', '/last" }', '/last", body: "{}" }', [['latest.body', /needs method POST/]]],
  [
    'a body that is no JSON',
    '/last" }',
    '/last", method: POST, body: "{device: {device}}" }',
    [['latest.body', /is not JSON/]],
  ],
  [
    'a secret in the file',
    'token: { file: acme-token }',
    'token: secret',
    [['auth.token', /must be keys with values|must be/]],
  ],
  [
    'a way to show who asks that there is not',
    'kind: bearer',
    'kind: beaver',
    [['auth.kind', /did you mean `bearer`/]],
  ],
  [
    'what is no pointer',
    'value: /flow',
    'value: data.flow',
    [['signals[0].value', /must be a JSON pointer such as \/data\/0\/flow/]],
  ],
  [
    'a pointer with a stray tilde',
    'value: /flow',
    'value: /a~2b',
    [['signals[0].value', /must be a JSON pointer/]],
  ],
  [
    'a way of writing time that there is not',
    'format: epoch_s',
    'format: unix',
    [['time.format', /must be epoch_s, epoch_ms, iso, or a pattern/]],
  ],
  [
    'a pattern without minutes',
    'format: epoch_s',
    'format: dd/MM/yyyy HH',
    [['time.format', /must be epoch_s/]],
  ],
  [
    'a pattern without a zone',
    'format: epoch_s',
    'format: dd/MM/yyyy HH:mm',
    [['time.zone', /is needed: dd\/MM\/yyyy HH:mm does not say it/]],
  ],
  [
    'an epoch in a zone',
    'format: epoch_s',
    'format: epoch_s, zone: America/Santiago',
    [['time.zone', /epoch_s has no zone/]],
  ],
  [
    'a zone that there is not',
    'format: epoch_s',
    'format: iso, zone: America/Santiagooo',
    [['time.zone', /must be a time zone/]],
  ],
  [
    'a header twice',
    '    time:',
    '    headers: { Authorization: x, accept: y }\n    time:',
    [['headers', /authorization is given twice/]],
  ],
  [
    'a header of the connection',
    '    time:',
    '    headers: { Host: x }\n    time:',
    [['headers.Host', /must not be a header of the connection/]],
  ],
  ['a unit of another kind', 'unit: L/s', 'unit: bar', [['signals[0].unit', /bar cannot become L\/s/]]],
  [
    'a series from two places',
    'variable: flow, value',
    'variable: level, point: pozo-7, value',
    [
      ['signals[0].variable', /already comes from devices\[0\]/],
      ['signals[0].unit', /cannot become/],
    ],
  ],
] as const) {
  test(`parseGatewayConfig() names ${name} of a JSON API`, () => {
    const text = HEAD + JSON_API.replace(from, () => to)
    assert.notEqual(text, HEAD + JSON_API)

    assert.throws(
      () => parseGatewayConfig(text, 'gateway.yaml'),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.deepEqual(
          error.mistakes.map(({ path }) => path).sort(),
          mistakes.map(([path]) => `providers[0].${path}`).sort(),
          error.message,
        )
        for (const [path, message] of mistakes) {
          const found = error.mistakes.find(one => one.path === `providers[0].${path}`)
          assert.match(found?.message ?? '', message)
        }
        return true
      },
    )
  })
}

test('the example in the manual is one', () => {
  const manual = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
  const example = /^```yaml\nproviders:\n((?: {2}.*\n)*? {4}provider: json\n(?: {2}.*\n)*)```$/m.exec(
    manual,
  )?.[1]

  const { providers } = parseGatewayConfig(HEAD + example, 'docs/gateway.md')

  assert.equal(providers[0]?.signals.length, 3)
})
