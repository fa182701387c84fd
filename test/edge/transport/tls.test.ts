// TLS on every way to the cloud: whose certificate is believed, and what is said of one that is not.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Credentials } from '../../../edge/config.ts'
import type { Link } from '../../../edge/transport/transport.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { type Authority, EXPIRED, openAuthority } from '../../doubles/certificates.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd } from '../buffer/folder.ts'
import { type FarEnd, GATEWAY, linkOptions, transportTo, WAYS } from './ways.ts'

const never = new AbortController().signal

const connect = (url: string, credentials: Partial<Credentials>): Promise<Link> =>
  transportTo(url, credentials).connect(linkOptions(), never)

/** Why it could not be reached. */
async function refusal(url: string, credentials: Partial<Credentials>): Promise<string> {
  try {
    const link = await connect(url, credentials)
    await link.close()
  } catch (error) {
    assert.ok(error instanceof Unavailable, String(error))
    return error.message
  }
  throw new assert.AssertionError({ message: 'It was let in' })
}

for (const [name, open] of Object.entries(WAYS)) {
  describe(`TLS to ${name}`, { skip: skipWithout('nats_server', 'openssl') }, () => {
    let ours: Authority
    let theirs: Authority
    before(() => {
      ours = openAuthority('Ours')
      theirs = openAuthority('Theirs')
    })
    after(() => {
      ours.close()
      theirs.close()
    })

    test('a certificate of the authority in ca.pem is believed, for a name and for an address; of another it is not', async context => {
      const server = await open(ours.issue('DNS:localhost,IP:127.0.0.1'))
      atEnd(context, () => server.close())

      for (const host of ['127.0.0.1', 'localhost']) {
        const url = server.url.replace('127.0.0.1', host)
        const link = await connect(url, { ca: ours.ca })
        await link.publish(`gw/v1/${GATEWAY}/health`, Buffer.from('{}'), { retain: false, timeoutMs: 10_000 })
        await link.close()
        for (const other of [{ ca: theirs.ca }, {}]) {
          assert.match(
            await refusal(url, other),
            new RegExp(`^Cannot connect: The certificate of ${host} is signed by an`),
          )
        }
      }
    })

    test('a certificate for another host, or one that has expired, is refused with the reason', async context => {
      const foreign = await open(ours.issue('DNS:other.example,IP:127.0.0.2'))
      atEnd(context, () => foreign.close())
      const expired = await open(ours.issue('IP:127.0.0.1', EXPIRED))
      atEnd(context, () => expired.close())
      const reason = (server: FarEnd, host: string) =>
        refusal(server.url.replace('127.0.0.1', host), { ca: ours.ca })

      for (const host of ['127.0.0.1', 'localhost']) {
        assert.match(
          await reason(foreign, host),
          new RegExp(`The certificate is not for the host name ${host}: `),
        )
      }
      assert.equal(
        await reason(expired, '127.0.0.1'),
        'Cannot connect: The certificate of 127.0.0.1 has expired',
      )
    })

    test('where a client’s certificate is asked for, who has none or a foreign one is told so', async context => {
      const server = await open({ ...ours.issue('IP:127.0.0.1'), ca: ours.ca })
      atEnd(context, () => server.close())
      const url = server.url

      const link = await connect(url, { ca: ours.ca, ...ours.issue(`DNS:${GATEWAY}`) })
      await link.close()

      // What the server says before it ends the connection may be lost with it, and come the next time. Node says nothing
      // of a foreign one.
      const untilSaid = (credentials: Partial<Credentials>, says: RegExp) =>
        until('it is told so', async () => says.test(await refusal(url, credentials)))
      const wants = /127\.0\.0\.1 wants a certificate of ours that it believes: cert\.pem and key\.pem/
      await untilSaid({ ca: ours.ca }, wants)
      const foreign = { ca: ours.ca, ...theirs.issue(`DNS:${GATEWAY}`) }
      await untilSaid(foreign, name.startsWith('nats') ? wants : /^Cannot connect: /)
    })
  })
}

test('TLS to what speaks none is refused with the reason', {
  skip: skipWithout('nats_server'),
}, async context => {
  const server = await openNatsServer({})
  atEnd(context, () => server.close())

  assert.match(await refusal(`tls://127.0.0.1:${server.port}`, {}), /127\.0\.0\.1:\d+ offers no TLS/)
  assert.match(await refusal(`mqtts://127.0.0.1:${server.port}`, {}), /does not speak TLS on this port/)
})
