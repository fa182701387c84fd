// The files of TLS that settings name: wrong ones are found before anything listens, all of them at once.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { readConfig } from '../../cloud/config.ts'
import { readWays } from '../../cloud/ways.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { type Authority, EXPIRED, openAuthority } from '../doubles/certificates.ts'
import { keptLog } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'

type Texts = Partial<Record<'cert' | 'key' | 'ca' | 'natsCert' | 'natsKey' | 'natsCa', string>>

/** What is read of these texts, and what is said of it. */
async function read(context: TestContext, texts: Texts) {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-tls-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
  const at = (name: keyof Texts) => (texts[name] === undefined ? '' : join(folder, name))
  const { log, said } = keptLog()
  const config = readConfig({
    ...{ HOST: '0.0.0.0', MQTT_TLS_PORT: '8883', MQTT_TLS_CLIENT_CA: at('ca') },
    ...{ MQTT_TLS_CERT: join(folder, 'cert'), MQTT_TLS_KEY: join(folder, 'key') },
    ...{ NATS_URL: 'tls://nats.example', NATS_USER: '_collector', NATS_PASSWORD: 'secret' },
    ...{ NATS_CA: at('natsCa'), NATS_CERT: at('natsCert'), NATS_KEY: at('natsKey') },
  })
  const ways = await readWays({ clock: systemClock, log }, config)
  return { ways, said }
}

/** What is wrong with these texts. */
async function mistakes(context: TestContext, texts: Texts): Promise<string[]> {
  try {
    await read(context, texts)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(({ path, message }) => `${path}: ${message.replace(/^\S+ /, '')}`)
  }
  throw new assert.AssertionError({ message: 'Nothing was found wrong' })
}

describe('readWays()', { skip: skipWithout('openssl') }, () => {
  let authority: Authority
  before(() => {
    authority = openAuthority('Ours')
  })
  after(() => authority.close())

  test('reads certificates with their keys; TLS is on HOST, plain MQTT where its own settings say', async context => {
    const [server, client] = [authority.issue('DNS:localhost'), authority.issue('DNS:collector')]
    const texts = {
      ...server,
      ca: authority.ca,
      natsCert: client.cert,
      natsKey: client.key,
      natsCa: authority.ca,
    }

    const { ways, said } = await read(context, texts)

    assert.deepEqual(ways.mqtt.tls, { host: '0.0.0.0', port: 8883, ...server, clientCa: authority.ca })
    assert.deepEqual([ways.mqtt.host, ways.mqtt.port], ['127.0.0.1', 1884])
    const who = { name: 'smarthydro-collector', username: '_collector', password: 'secret' }
    assert.deepEqual(ways.nats, { url: 'tls://nats.example', ...who, ca: authority.ca, ...client })
    assert.deepEqual(said('certificate has expired'), [])
  })

  test('names each file that is wrong', async context => {
    const [one, other] = [authority.issue('DNS:localhost'), authority.issue('DNS:localhost')]

    assert.deepEqual(
      await mistakes(context, { ...one, ca: one.key, natsCa: 'x', natsCert: one.cert, natsKey: 'x' }),
      [
        'MQTT_TLS_CLIENT_CA: holds no certificate in PEM',
        'NATS_CA: holds no certificate in PEM',
        'NATS_KEY: holds no private key in PEM, or one with a password',
      ],
    )
    assert.deepEqual(await mistakes(context, { ...one, key: other.key }), [
      'MQTT_TLS_KEY: is not the key of the certificate',
    ])
    assert.match(
      String(await mistakes(context, {})),
      /^MQTT_TLS_CERT: cannot be read: ENOENT.*MQTT_TLS_KEY: cannot/,
    )
  })

  test('takes a certificate that has expired, and says so', async context => {
    const { said } = await read(context, authority.issue('DNS:localhost', EXPIRED))

    assert.equal(said('certificate has expired').length, 1)
  })
})
