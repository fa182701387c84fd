// The collector's own MQTT broker: who may connect, who may say what, who hears what.
//
// A gateway signs in with its name and its token, and may use its own topics. A subscriber signs in with an API token as
// password, and may receive raw data of its clients. Everything else is refused and counted. Who was let in is asked
// again from time to time: a token that was withdrawn ends its connections.

import type { Socket } from 'node:net'
import {
  Aedes,
  type AedesOptions,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type Subscription,
} from 'aedes'
import { BATCH_BYTES_MAX, TABLE_BYTES_MAX } from '../../protocol/batch.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { type GatewayTopic, parseGatewayTopic } from '../../protocol/topics.ts'
import type { GatewayRow } from '../store/gateways.ts'
import { type Guests, openGuests } from './guests.ts'
import { type Identity, type IdentityDeps, identify, maySubscribe } from './identity.ts'
import { guardSocket } from './packet-guard.ts'
import { openPorts, type PortOptions } from './ports.ts'

/** A subscriber that does not read is cut off after this long, so that it holds nobody up. */
const DRAIN_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 10_000
/** A batch with its topic is the largest that anybody has to say. */
const PACKET_BYTES_MAX = BATCH_BYTES_MAX + TABLE_BYTES_MAX + 1024
/** MQTT 3.1.1, section 3.2.2.3. */
const SERVER_UNAVAILABLE = 3
const BAD_USERNAME_OR_PASSWORD = 4
/** MQTT 3.1.1, section 3.9.3. */
const REFUSED = 128

/** What the broker asks the rest of the collector. */
export interface BrokerDeps extends IdentityDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  /** A gateway said something it may say. Its PUBACK waits until this resolves. */
  onMessage: (
    gateway: GatewayRow,
    topic: GatewayTopic,
    message: { topic: string; payload: Uint8Array },
  ) => Promise<void>
  /** Somebody may now receive `filter`: what was said last of it? */
  onSubscribe: (filter: string, send: (topic: string, payload: string) => void) => Promise<void>
}

/** A broker that listens. */
export interface Broker extends Closable {
  port: number
  /**
   * Says something to a gateway that asked to hear `filter`. It goes straight to its connection, past the queue that a
   * subscriber who does not read holds up. False when nobody hears it.
   */
  tell(gateway: string, message: { topic: string; filter?: string; payload: string }): boolean
  /** Says something to every subscriber that may hear it. */
  spread(topic: string, payload: string | Uint8Array): Promise<void>
  /** Names of the gateways that are connected. */
  connectedGateways(): string[]
  /** Whether anybody receives raw data. */
  hasSubscribers(): boolean
  /** Ends the connections of whoever would not be let in any more, or not as the same. Throws Unavailable. */
  askAgain(): Promise<void>
}

/** Starts the broker. Throws ConfigError when a port is taken. */
export async function openBroker(deps: BrokerDeps, options: PortOptions): Promise<Broker> {
  const { log, metrics } = deps
  const guests = openGuests()
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 128,
    maxTopicLevels: 16,
    ...doorOf(deps, guests),
  })
  aedes.on('clientDisconnect', client => guests.leave(client))
  aedes.on('clientError', (client, error) =>
    log.debug('client failed', { clientId: client.id, reason: error.message }),
  )
  aedes.on('connectionError', (_, error) => log.debug('connection failed', { reason: error.message }))
  aedes.on('subscribe', (subscriptions, client) => {
    // The library names here also what was refused.
    for (const { topic } of subscriptions.filter(one => Number(one.qos) !== REFUSED && isKept(one))) {
      deps
        .onSubscribe(topic, (to, payload) => send(client, { topic: to, payload, retain: true }))
        .catch((error: unknown) => {
          log.warn('what was said last was not sent', { topic, reason: reasonOf(error) })
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
  const ports = await openPorts(deps, options, welcome).catch(async (error: unknown) => {
    // Its timers would keep the process from ending.
    await new Promise<void>(done => aedes.close(() => done()))
    throw error
  })
  return {
    port: ports.port,
    tell: (gateway, { topic, filter = topic, payload }) => {
      const clients = guests.listening(gateway, filter)
      for (const client of clients) send(client, { topic, payload, retain: false })
      return clients.length > 0
    },
    spread: (topic, said) =>
      new Promise((resolve, reject) => {
        const payload = Buffer.from(said)
        aedes.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, error =>
          error ? reject(error) : resolve(),
        )
      }),
    connectedGateways: guests.gateways,
    hasSubscribers: guests.hasSubscribers,
    askAgain: async () => {
      for (const client of await guests.unwelcome()) {
        log.warn('connection ended, its sign-in is not valid any more', { clientId: client.id })
        client.close()
      }
    },
    close: async () => {
      const closed = ports.close()
      await new Promise<void>(done => aedes.close(() => done()))
      ports.end()
      await closed
    },
  }
}

/** Who may come in, and what each may do. */
function doorOf(
  deps: BrokerDeps,
  guests: Guests,
): Required<Pick<AedesOptions, 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>> {
  const { log, metrics } = deps
  const refuse = (what: string, client: Client, fields: Record<string, unknown>) => {
    metrics.count('collector_refused_total', { what })
    log.warn(`${what} refused`, { clientId: client.id, ...fields })
  }
  return {
    // A session ends with its connection: the library would keep what one is away for, also of filters it was refused.
    preConnect: (_, packet, done) => {
      packet.clean = true
      done(null, true)
    },
    authenticate: (client, username, password, done) => {
      const again = () => identify(deps, username, password)
      again().then(
        identity => {
          if (identity === undefined) {
            refuse('sign-in', client, { username })
            done(returnCode('Bad user name or password', BAD_USERNAME_OR_PASSWORD), false)
            return
          }
          client.id = sessionName(identity, client.id)
          guests.admit(client, { identity, again })
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
      const identity = guests.of(client)?.identity
      const topic = parseGatewayTopic(packet.topic)
      if (identity?.kind !== 'gateway' || topic?.gateway !== identity.gateway.slug) {
        refuse('publish', client, { topic: packet.topic })
        done(new Error('Not allowed'))
        return
      }
      // What was said last is in the database, where it outlives this process.
      packet.retain = false
      deps.onMessage(identity.gateway, topic, { topic: packet.topic, payload: toBytes(packet) }).then(
        () => done(null),
        (error: unknown) => {
          log.warn('message was not taken', { topic: packet.topic, reason: reasonOf(error) })
          done(new Error('Not taken'))
        },
      )
    },
    authorizeSubscribe: (client, subscription, done) => {
      const { topic } = subscription
      const guest = guests.of(client)
      const refused = (fields: Record<string, unknown> = {}) => {
        refuse('subscription', client, { topic, ...fields })
        done(null, null)
      }
      maySubscribe(deps, guest?.identity, topic).then(
        may => {
          if (guest === undefined || !may) return refused()
          guest.hears.add(topic)
          // Nothing is kept for a subscriber until it confirms.
          done(null, guest.identity.kind === 'gateway' ? subscription : { ...subscription, qos: 0 })
        },
        (error: unknown) => refused({ reason: reasonOf(error) }),
      )
    },
  }
}

/**
 * Under which name the broker knows a session. Who takes a name ends the session that had it (MQTT 3.1.1, section
 * 3.1.4), so everybody chooses among names of their own: a gateway has one, whatever it calls itself.
 */
function sessionName(identity: Identity, clientId: string): string {
  return identity.kind === 'gateway'
    ? `gateway/${identity.gateway.slug}`
    : `subscriber/${identity.token}/${clientId}`
}

/** Raw data, and the state of gateways. */
const isKept = ({ topic }: Subscription): boolean => /^raw\/|\/state$/.test(topic)

/** A client that is gone meanwhile needs nothing. The library calls back without looking whether there is anybody. */
function send(
  client: Client,
  { topic, payload, retain }: { topic: string; payload: string; retain: boolean },
): void {
  if (!client.connected) return
  const message = { topic, payload: Buffer.from(payload), qos: 0 as const, retain, dup: false }
  client.publish({ cmd: 'publish', ...message }, () => {})
}

function toBytes({ payload }: PublishPacket): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

function returnCode(message: string, code: number): AuthenticateError {
  return Object.assign(new Error(message), { returnCode: code })
}
