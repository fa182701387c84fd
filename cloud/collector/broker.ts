// The collector's own MQTT broker: who may connect, who may say what, who hears what.
//
// A gateway signs in with its name and its token, and may use its own topics. A subscriber signs in with an API token as
// password, and may receive raw data of its clients. Everything else is refused and counted. Who was let in is asked
// again from time to time: a token that was withdrawn ends its connections.

import { createHash, timingSafeEqual } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import {
  Aedes,
  type AedesOptions,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type Subscription,
} from 'aedes'
import { BATCH_BYTES_MAX } from '../../protocol/batch.ts'
import { SLUG } from '../../protocol/ids.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import {
  ackTopic,
  commandTopic,
  desiredTopic,
  type GatewayTopic,
  parseGatewayTopic,
} from '../../protocol/topics.ts'
import type { GatewayRow } from '../store/gateways.ts'
import { guardSocket } from './packet-guard.ts'

/** A subscriber that does not read is cut off after this long, so that it holds nobody up. */
const DRAIN_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 10_000
/** A batch with its topic is the largest that anybody has to say. */
const PACKET_BYTES_MAX = BATCH_BYTES_MAX + 1024
/** Connections on each port, signed in or not; the next one is closed at once. */
const CONNECTIONS_MAX = 10_000
/** MQTT 3.1.1, section 3.2.2.3. */
const SERVER_UNAVAILABLE = 3
const BAD_USERNAME_OR_PASSWORD = 4

/** A subscriber, and what it may receive. */
export interface Subscriber {
  clients: 'all' | readonly string[]
}

/** What the broker asks the rest of the collector. */
export interface BrokerDeps {
  log: Log
  metrics: Metrics
  findGateway: (slug: string) => Promise<GatewayRow | undefined>
  authenticateSubscriber: (token: string) => Promise<Subscriber | undefined>
  /** A gateway said something it may say. Its PUBACK waits until this resolves. */
  onMessage: (
    gateway: GatewayRow,
    topic: GatewayTopic,
    message: { topic: string; payload: Uint8Array },
  ) => Promise<void>
  /** Somebody may now receive `filter`: what is retained for it? */
  onSubscribe: (filter: string, send: (topic: string, payload: string) => void) => Promise<void>
}

/** Where the broker listens. */
export interface BrokerOptions {
  host: string
  port: number
  tls?: { port: number; key: string; cert: string }
  connectionsMax?: number
}

/** A broker that listens. */
export interface Broker extends Closable {
  port: number
  publish(topic: string, payload: string | Uint8Array, options: { retain: boolean }): Promise<void>
  /** Names of the gateways that are connected. */
  connectedGateways(): string[]
  /** Whether anybody receives raw data. */
  hasSubscribers(): boolean
  /** Ends the connections of whoever would not be let in any more, or not as the same. Throws Unavailable. */
  askAgain(): Promise<void>
}

type Identity = { kind: 'gateway'; gateway: GatewayRow } | ({ kind: 'subscriber' } & Subscriber)

/** Somebody who was let in. `again` asks whether they would be now. */
type Admitted = Identity & { again: () => Promise<Identity | undefined> }

/** Starts the broker. Throws when a port is taken. */
export async function openBroker(deps: BrokerDeps, options: BrokerOptions): Promise<Broker> {
  const { log, metrics } = deps
  const { host, port, tls, connectionsMax = CONNECTIONS_MAX } = options
  const identities: Identities = new Map()
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 128,
    maxTopicLevels: 16,
    ...doorOf(deps, identities),
  })
  aedes.on('clientDisconnect', client => identities.delete(client))
  aedes.on('clientError', (client, error) =>
    log.debug('client failed', { clientId: client.id, reason: error.message }),
  )
  aedes.on('connectionError', (_, error) => log.debug('connection failed', { reason: error.message }))
  aedes.on('subscribe', (subscriptions, client) => {
    for (const { topic } of subscriptions.filter(isRaw)) {
      deps
        .onSubscribe(topic, (to, payload) => sendRetained(client, to, payload))
        .catch((error: unknown) => {
          log.warn('retained values were not sent', { topic, reason: reasonOf(error) })
        })
    }
  })

  const refuse = (what: string, socket: Socket) => {
    metrics.count('collector_refused_total', { what })
    log.warn(`${what} refused`, { from: socket.remoteAddress })
  }
  const welcome = (socket: Socket) => {
    guardSocket(socket, { packetBytesMax: PACKET_BYTES_MAX }, () => refuse('packet', socket))
    aedes.handle(socket)
  }
  const plain = await listen(createServer(welcome), { host, port, connectionsMax })
  const servers = [plain]
  if (tls !== undefined) {
    const { key, cert } = tls
    const server = createTlsServer({ key, cert, minVersion: 'TLSv1.2' }, welcome)
    servers.push(await listen(server, { host, port: tls.port, connectionsMax }))
  }
  for (const server of servers) {
    server.on('drop', address => {
      metrics.count('collector_refused_total', { what: 'connection' })
      log.warn('connection refused', { from: address?.remoteAddress, connectionsMax })
    })
  }
  return {
    port: (plain.address() as AddressInfo).port,
    publish: (topic, text, { retain }) =>
      new Promise((resolve, reject) => {
        const payload = Buffer.from(text)
        aedes.publish({ cmd: 'publish', topic, payload, qos: 0, retain, dup: false }, error =>
          error ? reject(error) : resolve(),
        )
      }),
    connectedGateways: () =>
      [...identities.values()].flatMap(one => (one.kind === 'gateway' ? [one.gateway.slug] : [])),
    hasSubscribers: () => [...identities.values()].some(({ kind }) => kind === 'subscriber'),
    askAgain: async () => {
      for (const [client, admitted] of [...identities]) {
        if (isSame(admitted, await admitted.again())) continue
        log.warn('connection ended, its sign-in is not valid any more', { clientId: client.id })
        client.close()
      }
    },
    close: async () => {
      const closed = servers.map(server => new Promise<void>(done => server.close(() => done())))
      await new Promise<void>(done => aedes.close(() => done()))
      await Promise.all(closed)
    },
  }
}

type Identities = Map<Client, Admitted>

/** Whether somebody may still what they were let in for. A gateway that was moved must sign in again. */
function isSame(before: Identity, now: Identity | undefined): boolean {
  if (before.kind === 'gateway') {
    return now?.kind === 'gateway' && now.gateway.projectId === before.gateway.projectId
  }
  return now?.kind === 'subscriber' && String(now.clients) === String(before.clients)
}

/** Who may come in, and what each may do. */
function doorOf(
  deps: BrokerDeps,
  identities: Identities,
): Required<Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>> {
  const { log, metrics } = deps
  const refuse = (what: string, client: Client, fields: Record<string, unknown>) => {
    metrics.count('collector_refused_total', { what })
    log.warn(`${what} refused`, { clientId: client.id, ...fields })
  }
  return {
    authenticate: (client, username, password, done) => {
      const again = () => identify(deps, username, password)
      again().then(
        identity => {
          if (identity === undefined) {
            refuse('sign-in', client, { username })
            done(returnCode('Bad user name or password', BAD_USERNAME_OR_PASSWORD), false)
            return
          }
          identities.set(client, { ...identity, again })
          done(null, true)
        },
        (error: unknown) => {
          log.warn('sign-in could not be checked', { username, reason: reasonOf(error) })
          done(returnCode('Server unavailable', SERVER_UNAVAILABLE), false)
        },
      )
    },
    authorizePublish: (client, packet, done) => {
      if (client === null) {
        done(null)
        return
      }
      const identity = identities.get(client)
      const topic = parseGatewayTopic(packet.topic)
      if (identity?.kind !== 'gateway' || topic?.gateway !== identity.gateway.slug) {
        refuse('publish', client, { topic: packet.topic })
        done(new Error('Not allowed'))
        return
      }
      deps.onMessage(identity.gateway, topic, { topic: packet.topic, payload: toBytes(packet) }).then(
        () => done(null),
        (error: unknown) => {
          log.warn('message was not taken', { topic: packet.topic, reason: reasonOf(error) })
          done(new Error('Not taken'))
        },
      )
    },
    authorizeSubscribe: (client, subscription, done) => {
      const allowed = maySubscribe(identities.get(client), subscription.topic)
      if (!allowed) refuse('subscription', client, { topic: subscription.topic })
      done(null, allowed ? subscription : null)
    },
  }
}

async function identify(
  { findGateway, authenticateSubscriber }: BrokerDeps,
  username: string | undefined,
  password: Buffer | undefined,
): Promise<Identity | undefined> {
  if (password === undefined) return undefined
  const token = password.toString('utf8')
  if (username !== undefined && SLUG.test(username)) {
    const gateway = await findGateway(username)
    if (gateway?.tokenHash && isTokenOf(gateway.tokenHash, token)) return { kind: 'gateway', gateway }
  }
  const subscriber = await authenticateSubscriber(token)
  return subscriber === undefined ? undefined : { kind: 'subscriber', clients: subscriber.clients }
}

function isTokenOf(hash: Uint8Array, token: string): boolean {
  const digest = createHash('sha256').update(token).digest()
  return hash.length === digest.length && timingSafeEqual(hash, digest)
}

/** What a gateway or a subscriber may receive. */
export function maySubscribe(identity: Identity | undefined, filter: string): boolean {
  if (identity === undefined) return false
  if (identity.kind === 'gateway') {
    const { slug } = identity.gateway
    return [ackTopic(slug), desiredTopic(slug), commandTopic(slug, '+')].includes(filter)
  }
  const [root, version, client, ...rest] = filter.split('/')
  if (root !== 'raw' || version !== 'v1' || client === undefined) return false
  if (identity.clients === 'all') return true
  return identity.clients.includes(client) && rest.length > 0
}

const isRaw = ({ topic }: Subscription): boolean => topic.startsWith('raw/')

function sendRetained(client: Client, topic: string, payload: string): void {
  if (!client.connected) return
  client.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: true, dup: false })
}

function toBytes({ payload }: PublishPacket): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

function returnCode(message: string, code: number): AuthenticateError {
  return Object.assign(new Error(message), { returnCode: code })
}

function listen(
  server: Server,
  { host, port, connectionsMax }: { host: string; port: number; connectionsMax: number },
): Promise<Server> {
  server.maxConnections = connectionsMax
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}
