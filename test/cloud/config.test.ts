import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONFIG_NAMES, openSecretKey, readConfig } from '../../cloud/config.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'

const EXAMPLE = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')

test('.env.example lists every setting once, and none that does not exist', () => {
  const listed = [...EXAMPLE.matchAll(/^#([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name)
  assert.deepEqual(listed.toSorted(), CONFIG_NAMES.toSorted())
})

test('.env.example shows the defaults', () => {
  const shown = Object.fromEntries(
    [...EXAMPLE.matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm)]
      .map(([, name, value]) => [name ?? '', value ?? ''] as const)
      .filter(([name, value]) => value !== '' && !/^(DATABASE_URL|MQTT_TLS_)/.test(name)),
  )
  assert.deepEqual(readConfig(shown), readConfig({}))
})

test('readConfig() takes an empty value for an absent one, as compose files write it', () => {
  assert.deepEqual(readConfig({ DATABASE_URL: '', API_PORT: '' }), readConfig({}))
})

const KEY = Buffer.alloc(32, 7).toString('base64')

const WRONG: readonly [string, Record<string, string>, RegExp][] = [
  ['a port that is none', { API_PORT: '65536' }, /API_PORT: must be a port/],
  ['a database of another kind', { DATABASE_URL: 'mysql://x' }, /DATABASE_URL: .*postgres:\/\//],
  ['a server without a key', { DATABASE_URL: 'postgres://x' }, /SMARTHYDRO_SECRET_KEY/],
  ['a key of the wrong length', { SMARTHYDRO_SECRET_KEY: 'abc' }, /32 bytes in base64/],
  [
    'a rate of none a second',
    { MQTT_CONNECTIONS_PER_SECOND: '0' },
    /MQTT_CONNECTIONS_PER_SECOND: must be a number from 1 to 9999/,
  ],
  ['half of what TLS needs', { MQTT_TLS_PORT: '8883' }, /MQTT_TLS_/],
  ['a retention of days', { RAW_RETENTION: '30d' }, /RAW_RETENTION: must be from 62d/],
  [
    'a retention of what is declared alone',
    { RAW_RETENTION_DECLARED: '9999d' },
    /DECLARED: needs RAW_RETENTION/,
  ],
  [
    'a shorter retention of what is declared',
    { RAW_RETENTION: '400d', RAW_RETENTION_DECLARED: '399d' },
    /DECLARED: must not be shorter/,
  ],
  ['clients’ certificates without TLS', { MQTT_TLS_CLIENT_CA: '/x' }, /MQTT_TLS_CLIENT_CA: needs/],
  ['a level nobody knows', { LOG_LEVEL: 'loud' }, /LOG_LEVEL/],
  ['a time stamp nobody knows', { DGA_TIME_STAMP: 'local' }, /DGA_TIME_STAMP/],
  ['a pace that is no duration', { DGA_PACE: '5' }, /DGA_PACE: must be a duration/],
  ['a name of ours that is misspelt', { SMARTHYDRO_SECRET: KEY }, /SMARTHYDRO_SECRET: unknown setting/],
]

for (const [what, environment, says] of WRONG) {
  test(`readConfig() refuses ${what}`, () => {
    assert.throws(
      () => readConfig(environment),
      (error: unknown) => error instanceof ConfigError && says.test(error.message),
    )
  })
}

test('readConfig() lists every mistake at once', () => {
  assert.throws(
    () => readConfig({ API_PORT: 'x', MQTT_PORT: 'y', DGA_REST_URL: 'ftp://x' }),
    (error: unknown) => error instanceof ConfigError && error.mistakes.length === 3,
  )
})

test('readConfig() does not ask for a setting whose name is misspelt', () => {
  assert.throws(
    () => readConfig({ DATABASE_URL: 'postgres://x', SMARTHYDRO_SECRT_KEY: KEY }),
    (error: unknown) =>
      error instanceof ConfigError &&
      error.mistakes.map(({ path, message }) => `${path}: ${message}`).join() ===
        'SMARTHYDRO_SECRT_KEY: unknown setting; did you mean `SMARTHYDRO_SECRET_KEY`?',
  )
})

test('openSecretKey() draws a key once, keeps it where only its owner reads, and finds it again', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'smarthydro-key-'))
  try {
    const config = { ...readConfig({}), dataDir }
    const key = await openSecretKey(config)
    assert.equal(key.length, 32)
    assert.deepEqual(await openSecretKey(config), key)
    const [file] = [join(dataDir, 'secrets')]
    assert.equal(statSync(file).mode & 0o077, 0)
    assert.deepEqual(
      await openSecretKey(readConfig({ DATABASE_URL: 'postgres://x', SMARTHYDRO_SECRET_KEY: KEY })),
      new Uint8Array(Buffer.alloc(32, 7)),
    )
  } finally {
    rmSync(dataDir, { recursive: true })
  }
})
