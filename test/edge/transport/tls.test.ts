// TLS on every way to the cloud: whose certificate is believed, and what is said of one that is not.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openBroker } from '../../../cloud/collector/broker.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import type { Credentials } from '../../../edge/config.ts'
import { openTransport } from '../../../edge/transport/open.ts'
import type { Link } from '../../../edge/transport/transport.ts'
import { parseGatewayConfig } from '../../../protocol/gateway-config.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { sha256 } from '../../cloud/collector/site.ts'
import { type Authority, EXPIRED, openAuthority } from '../../doubles/certificates.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd } from '../buffer/folder.ts'

const GATEWAY = 'gw-test'
const TOKEN = 'a-token-for-tests'

interface TlsServer {
  /** Where it is with TLS, but for the host. */
  scheme: string
  port: number
  close(): Promise<void>
}

interface ServerTls {
  cert: string
  key: string
  ca?: string
}

/** Whatever a gateway may reach the cloud by. */
const SERVERS: Record<string, (tls: ServerTls) => Promise<TlsServer>> = {
  'the collector’s broker': async tls => {
    const port = await freePort()
    const row = { id: 1, slug: GATEWAY, projectId: 1, project: 'p', client: 'c', tokenHash: sha256(TOKEN) }
    const { ca, ...own } = tls
    const broker = await openBroker(
      {
        ...{
          clock: systemClock,
          log: silentLog,
          metrics: openMetrics(COLLECTOR_METRICS),
          findGateway: async () => row,
        },
        ...{ authenticateSubscriber: async () => undefined, onMessage: async () => {} },
        onSubscribe: async () => {},
      },
      {
        ...{ host: '127.0.0.1', port: 0 },
        tls: { ...own, port, ...(ca === undefined ? {} : { clientCa: ca }) },
      },
    )
    return { scheme: 'mqtts', port, close: async () => broker.close() }
  },
  'nats-server': async tls => {
    const { port, close } = await openNatsServer({ users: [{ user: GATEWAY, password: TOKEN }], tls })
    return { scheme: 'tls', port, close }
  },
  'nats-server’s MQTT': async tls => {
    const { mqttPort, close } = await openNatsServer({ users: [{ user: GATEWAY, password: TOKEN }], tls })
    return { scheme: 'mqtts', port: mqttPort, close }
  },
}

function connect(url: string, credentials: Omit<Credentials, 'token'>): Promise<Link> {
  const yaml = `{ gateway: ${GATEWAY}, client: c, project: p, uplink: { url: "${url}", credentials: . }, buffer: { path: . } }`
  const config = parseGatewayConfig(yaml, 'gateway.yaml')
  const transport = openTransport(
    { clock: systemClock },
    { ...config, credentials: { token: TOKEN, ...credentials } },
  )
  const topic = `gw/v1/${GATEWAY}/state`
  return transport.connect(
    {
      ...{ will: { topic, payload: Buffer.from('{}') }, subscribe: [`gw/v1/${GATEWAY}/down/ack`] },
      ...{ onMessage: () => {}, timeoutMs: 10_000, silenceMs: 20_000 },
    },
    new AbortController().signal,
  )
}

/** Why it could not be reached. */
async function refusal(url: string, credentials: Omit<Credentials, 'token'>): Promise<string> {
  try {
    const link = await connect(url, credentials)
    await link.close()
  } catch (error) {
    assert.ok(error instanceof Unavailable, String(error))
    return error.message
  }
  throw new assert.AssertionError({ message: 'It was let in' })
}

for (const [name, open] of Object.entries(SERVERS)) {
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
        const url = `${server.scheme}://${host}:${server.port}`
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
      const reason = (server: TlsServer, host: string) =>
        refusal(`${server.scheme}://${host}:${server.port}`, { ca: ours.ca })

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
      const url = `${server.scheme}://127.0.0.1:${server.port}`

      const link = await connect(url, { ca: ours.ca, ...ours.issue(`DNS:${GATEWAY}`) })
      await link.close()

      // What the server says before it ends the connection may be lost with it, and come the next time. Node says nothing
      // of a foreign one.
      const untilSaid = (credentials: Omit<Credentials, 'token'>, says: RegExp) =>
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
