// Whatever a gateway may reach the cloud by, as a gateway meets it.

import { connect as connectNats } from 'nats'
import { openBroker } from '../../../cloud/collector/broker.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import type { Credentials } from '../../../edge/config.ts'
import { openTransport } from '../../../edge/transport/open.ts'
import type { LinkOptions, Transport } from '../../../edge/transport/transport.ts'
import { parseGatewayConfig } from '../../../protocol/gateway-config.ts'
import { type Clock, systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { ackTopic, commandTopic, stateTopic, toSubject, toTopic } from '../../../protocol/topics.ts'
import { sha256 } from '../../cloud/collector/site.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { freePort } from '../../doubles/ports.ts'

/** Who signs in. */
export const GATEWAY = 'gw-test'

/** With what. */
export const TOKEN = 'a-token-for-tests'

/** A cloud's end of a way. */
export interface FarEnd {
  /** Where it is. */
  url: string
  /** Says something to the gateway. */
  say(topic: string, payload: string): void
  /** What the gateway said. */
  heard: { topic: string; payload: Buffer }[]
  /** Ends it as a crash does. */
  stop(): Promise<void>
  close(): Promise<void>
}

/** What a far end has of TLS. With `ca`, whoever connects must show a certificate of it. */
export interface FarTls {
  cert: string
  key: string
  ca?: string
}

/** Every way there is. */
export const WAYS: Record<string, (tls?: FarTls) => Promise<FarEnd>> = {
  'the collector’s broker': openCollectorEnd,
  'nats-server': tls => openNatsEnd('nats', tls),
  'nats-server’s MQTT': tls => openNatsEnd('mqtt', tls),
}

async function openCollectorEnd(tls?: FarTls): Promise<FarEnd> {
  const row = { id: 1, slug: GATEWAY, projectId: 1, project: 'p', client: 'c', tokenHash: sha256(TOKEN) }
  const heard: FarEnd['heard'] = []
  const tlsPort = await freePort()
  const ca = tls?.ca
  const broker = await openBroker(
    {
      ...{ clock: systemClock, log: silentLog, metrics: openMetrics(COLLECTOR_METRICS) },
      ...{ findGateway: async () => row, authenticateSubscriber: async () => undefined },
      onMessage: async (_, __, { topic, payload }) =>
        void heard.push({ topic, payload: Buffer.from(payload) }),
      saidLast: async () => [],
    },
    {
      ...{ host: '127.0.0.1', port: 0 },
      ...(tls === undefined
        ? {}
        : {
            tls: {
              key: tls.key,
              cert: tls.cert,
              port: tlsPort,
              ...(ca === undefined ? {} : { clientCa: ca }),
            },
          }),
    },
  )
  const stop = async () => broker.close()
  return {
    url: tls === undefined ? `mqtt://127.0.0.1:${broker.port}` : `mqtts://127.0.0.1:${tlsPort}`,
    say: (topic, payload) =>
      void broker.tell(GATEWAY, { topic, filter: topic.replace(/\/cmd\/.*/, '/cmd/+'), payload }),
    ...{ heard, stop, close: stop },
  }
}

async function openNatsEnd(kind: 'nats' | 'mqtt', tls?: FarTls): Promise<FarEnd> {
  const users = [GATEWAY, 'cloud'].map(user => ({ user, password: TOKEN }))
  const server = await openNatsServer({ users, ...(tls === undefined ? {} : { tls }) })
  const heard: FarEnd['heard'] = []
  const cloud =
    tls === undefined
      ? await connectNats({
          servers: `127.0.0.1:${server.port}`,
          user: 'cloud',
          pass: TOKEN,
          reconnect: false,
        })
      : undefined
  cloud?.subscribe(`gw.v1.${GATEWAY}.health`, {
    callback: (_, { subject, data }) => heard.push({ topic: toTopic(subject), payload: Buffer.from(data) }),
  })
  await cloud?.flush()
  const scheme = { nats: ['nats', 'tls'], mqtt: ['mqtt', 'mqtts'] }[kind][tls === undefined ? 0 : 1]
  return {
    url: `${scheme}://127.0.0.1:${kind === 'nats' ? server.port : server.mqttPort}`,
    say: (topic, payload) => cloud?.publish(toSubject(topic), payload),
    ...{ heard, stop: server.stop },
    async close() {
      await cloud?.close()
      await server.close()
    },
  }
}

/** A gateway's transport to an address, as its configuration gives it. */
export function transportTo(
  url: string,
  credentials: Partial<Credentials> = {},
  clock: Clock = systemClock,
): Transport {
  const uplink = `{ url: "${url}", credentials: . }`
  const yaml = `{ gateway: ${GATEWAY}, client: c, project: p, uplink: ${uplink}, buffer: { path: . } }`
  const config = parseGatewayConfig(yaml, 'gateway.yaml')
  const opened = openTransport({ clock }, config, () => ({ token: TOKEN, ...credentials }))
  return { connect: async (options, signal) => (await opened).connect(options, signal) }
}

/** What a gateway opens a link with. */
export const linkOptions = (more: Partial<LinkOptions> = {}): LinkOptions => ({
  will: { topic: stateTopic(GATEWAY), payload: Buffer.from('{}') },
  subscribe: [ackTopic(GATEWAY), commandTopic(GATEWAY, '+')],
  onMessage: () => {},
  ...{ timeoutMs: 10_000, silenceMs: 20_000 },
  ...more,
})
