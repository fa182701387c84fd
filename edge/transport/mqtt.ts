// MQTT 3.1.1, carried by mqtt.js: one session, no store, no queue, no reconnecting.
//
// The library confirms messages it lost, replays its store one message a round trip and reconnects without back-off;
// none of that is used here. A message is published only while connected, and waits for its own PUBACK only.

import { Socket } from 'node:net'
import { rootCertificates, TLSSocket } from 'node:tls'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { deadline } from '../../protocol/runtime/deadline.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { certificateBlocks, hostOf, peerMistake, tlsReason } from '../../protocol/tls.ts'
import type { Link, LinkOptions, Transport } from './transport.ts'

/** The library asks after one keepalive without a confirmation, and gives up half a keepalive later. */
const KEEPALIVES_TO_NOTICE = 1.5

/** How long a peer may take to end a connection after our goodbye. */
const GOODBYE_MS = 1_000

/** Whom to connect to, and as whom. */
export interface MqttOptions {
  url: string
  clientId: string
  username: string
  /** Absent where the certificate says who it is. */
  password?: string
  /** PEM texts, for mqtts. */
  ca?: string
  cert?: string
  key?: string
  /** The clock is not known: who vouches for the server, and for which host, is looked at; since and until when is not. */
  anyTime?: boolean
}

/** Opens a way to the cloud over MQTT. */
export function openMqttTransport({ clock }: { clock: Clock }, options: MqttOptions): Transport {
  return {
    async connect(linkOptions, signal) {
      const client = mqtt.connect(options.url, clientOptions(options, linkOptions))
      // A small message must not wait a round trip until the one before it was confirmed (Nagle's algorithm).
      if (client.stream instanceof Socket) client.stream.setNoDelay(true)
      const gone = new Promise<string>(resolve => {
        let reason = 'connection closed'
        const note = (error: Error) => {
          reason = tlsReason(error, hostOf(options.url))
        }
        client.on('error', note)
        // The library keeps to itself what ends a connection once TLS was agreed on.
        client.stream.on('error', note)
        client.on('close', () => resolve(reason))
        client.on('offline', () => resolve(reason))
      })
      client.on('message', (topic, payload) => linkOptions.onMessage({ topic, payload }))
      try {
        await deadline({ clock }, connected(client, gone), linkOptions.timeoutMs, signal, 'No connection')
        checkPeer(client, options)
        const topics = [...linkOptions.subscribe]
        await deadline(
          { clock },
          subscribed(client, topics),
          linkOptions.timeoutMs,
          signal,
          'No subscription',
        )
      } catch (error) {
        client.end(true)
        throw error
      }
      return toLink({ clock }, client, gone)
    },
  }
}

function clientOptions(options: MqttOptions, { will, timeoutMs, silenceMs }: LinkOptions): IClientOptions {
  const { clientId, username, password, ca, cert, key, anyTime = false } = options
  return {
    clientId,
    username,
    ...(password === undefined ? {} : { password }),
    clean: true,
    protocolVersion: 4,
    keepalive: Math.max(1, Math.floor(silenceMs / 1000 / KEEPALIVES_TO_NOTICE)),
    reconnectPeriod: 0,
    connectTimeout: timeoutMs,
    queueQoSZero: false,
    resubscribe: false,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    ...(anyTime ? { rejectUnauthorized: false } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
}

/** Nothing that was measured is said before this; what was said until here is no secret. Throws Unavailable. */
function checkPeer(client: MqttClient, { url, ca, anyTime = false }: MqttOptions): void {
  if (!anyTime || !(client.stream instanceof TLSSocket)) return
  const anchors = ca === undefined ? rootCertificates : certificateBlocks(ca)
  const mistake = peerMistake(client.stream.getPeerX509Certificate(), { host: hostOf(url), anchors })
  if (mistake !== undefined) throw new Unavailable(`Cannot connect: ${mistake}`)
}

function toLink({ clock }: { clock: Clock }, client: MqttClient, gone: Promise<string>): Link {
  /** How to tell those who wait for a PUBACK that none will come: the library does not. */
  const waiting = new Set<(error: Unavailable) => void>()
  void gone.then(reason => {
    for (const reject of waiting) reject(new Unavailable(`Not published, the link is gone: ${reason}`))
  })
  return {
    gone,
    async publish(topic, payload, { retain, timeoutMs }) {
      if (!client.connected) throw new Unavailable('Not connected')
      const { promise: taken, resolve, reject } = Promise.withResolvers<void>()
      client.publish(topic, Buffer.from(payload), { qos: 1, retain }, error =>
        error ? reject(new Unavailable(`Not published: ${error.message}`, { cause: error })) : resolve(),
      )
      waiting.add(reject)
      try {
        await deadline({ clock }, taken, timeoutMs, undefined, 'No PUBACK')
      } finally {
        waiting.delete(reject)
      }
    },
    async close() {
      const closed = new AbortController()
      client.end(false)
      // The library says goodbye only when every message was confirmed: a peer that does not let go is let go.
      const late = clock.sleep(GOODBYE_MS, closed.signal).catch(() => {})
      await Promise.race([gone, late])
      closed.abort()
      client.stream.destroy()
    },
  }
}

async function connected(client: MqttClient, gone: Promise<string>): Promise<void> {
  const reason = await Promise.race([
    new Promise<undefined>(resolve => client.once('connect', () => resolve(undefined))),
    gone,
  ])
  if (reason !== undefined) throw new Unavailable(`Cannot connect: ${reason}`)
}

async function subscribed(client: MqttClient, topics: string[]): Promise<void> {
  try {
    const granted = await client.subscribeAsync(topics, { qos: 1 })
    const refused = granted.filter(({ qos }) => qos === 128).map(({ topic }) => topic)
    if (refused.length > 0) throw new Unavailable(`Not allowed to receive ${refused.join(', ')}`)
  } catch (cause) {
    if (cause instanceof Unavailable) throw cause
    throw new Unavailable(`Cannot subscribe: ${reasonOf(cause)}`, { cause })
  }
}
