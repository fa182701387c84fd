// The collector's own MQTT broker: who may connect, who may say what, who hears what.
//
// A gateway signs in with its name and its token, and may use its own topics. A subscriber signs in with an API token as
// password, and may receive raw data of its clients. Everything else is refused and counted. Who was let in is asked
// again from time to time: a token that was withdrawn ends its connections.
//
// Promises:
//   M1. No subscriber holds up a gateway, or another subscriber. What a gateway says goes through the broker to nobody; the
//       rest of the collector has it said to subscribers once it is kept (spread.ts).
//   M2. Filters of a session, how often it asks for them, and what it makes the collector look up at once have a bound each.

import type { Socket } from 'node:net'
import {
  Aedes,
  type AedesOptions,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type Subscription,
} from 'aedes'
import { MESSAGE_BYTES_MAX } from '../../protocol/batch.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Fields, Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { type GatewayTopic, parseGatewayTopic } from '../../protocol/topics.ts'
import type { Cut } from '../store/fleet.ts'
import type { GatewayRow } from '../store/gateways.ts'
import { certificateOf } from './certificate.ts'
import { type Guests, openGuests } from './guests.ts'
import { type Identity, type IdentityDeps, identify, maySubscribe } from './identity.ts'
import { guardSocket } from './packet-guard.ts'
import { openPorts, type PortOptions } from './ports.ts'
import type { RecordRefusal, Refusal } from './refusal-record.ts'
import { openRefusals, type Refuse } from './refusals.ts'
import { type Listener, openSpread } from './spread.ts'

/** Whose connection takes nothing for so long is cut off, however little there is to say. Nobody waits for it. */
const DRAIN_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
/** A batch with its topic is the largest that anybody has to say. */
const PACKET_BYTES_MAX = MESSAGE_BYTES_MAX + 1024
/** Of one session; the next one is refused. */
const FILTERS_MAX = 100
/** How often one may ask, for each time it is shown what was said last. It may connect again. */
const WISHES_MAX = 300
/** Of what was said last, so much before the rest waits until the connection has taken it. */
const SHOWN_AT_ONCE = 100
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
  ) => Promise<unknown>
  /** Writes down what was refused to gateways, and to who says it is one. */
  record?: RecordRefusal
  /** Somebody may now receive `filter`: what was said last of it? What comes later leaves out what was said newer meanwhile. */
  saidLast: (filter: string) => Promise<Iterable<SaidLast>>
}

/** What was said last on a topic. */
export interface SaidLast {
  topic: string
  payload: string
}

/** A broker that listens. */
export interface Broker extends Closable {
  port: number
  tlsPort: number | undefined
  /** Says something to a gateway that asked to hear `filter`. False when nobody hears it. */
  tell(gateway: string, message: { topic: string; filter?: string; payload: string }): boolean
  /** Says something to every subscriber that hears it. Waits for nobody. */
  spread(topic: string, payload: string | Uint8Array): void
  /** Names of the gateways that are connected. */
  connectedGateways(): string[]
  /** Whether anybody receives raw data. */
  hasSubscribers(): boolean
  /** Ends the connections of whoever would not be let in any more, or not as the same. Throws Unavailable. */
  askAgain(): Promise<void>
  /** Ends the sessions of a gateway that was cut off, or of one of its keys alone; returns how many there were. */
  cut(cut: Cut): number
  /** Believes certificates that lead to these roots, PEM, from now on, where there is a port with TLS. */
  believe(roots: string): void
}

/** Starts the broker. Throws ConfigError when a port is taken. */
export async function openBroker(deps: BrokerDeps, options: PortOptions): Promise<Broker> {
  const { log } = deps
  const guests = openGuests()
  const refused = openRefusals(deps)
  const spread = openSpread({ ...deps, listening: topic => listenersOf(guests, topic, log) })
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 128,
    maxTopicLevels: 16,
    ...doorOf(deps, guests, refused),
  })
  aedes.on('clientDisconnect', client => guests.leave(client))
  aedes.on('clientError', (client, error) =>
    log.debug('client failed', { clientId: client.id, reason: error.message }),
  )
  aedes.on('connectionError', (_, error) => log.debug('connection failed', { reason: error.message }))
  aedes.on('subscribe', (subscriptions, client) => {
    // The library names here also what was refused.
    for (const { topic } of subscriptions.filter(one => Number(one.qos) !== REFUSED && isKept(one))) {
      const showing = guests.of(client)?.shows(() => show(deps, client, topic))
      showing?.catch((error: unknown) => {
        log.warn('what was said last was not sent', { topic, reason: reasonOf(error) })
      })
    }
  })
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) guests.unhear(client, filter)
  })

  const welcome = (socket: Socket) => {
    guardSocket(socket, { packetBytesMax: PACKET_BYTES_MAX }, () =>
      refused('packet', { from: socket.remoteAddress }),
    )
    aedes.handle(socket)
  }
  const ports = await openPorts(deps, options, welcome).catch(async (error: unknown) => {
    // Its timers would keep the process from ending.
    await new Promise<void>(done => aedes.close(() => done()))
    throw error
  })
  return {
    port: ports.port,
    tlsPort: ports.tlsPort,
    tell: (gateway, { topic, filter = topic, payload }) => {
      const clients = guests.listening(gateway, filter)
      for (const client of clients) void send(client, { topic, payload, retain: false })
      return clients.length > 0
    },
    spread: spread.say,
    connectedGateways: guests.gateways,
    hasSubscribers: guests.hasSubscribers,
    askAgain: async () => {
      for (const client of await guests.unwelcome((identity, filter) =>
        maySubscribe(deps, identity, filter),
      )) {
        log.warn('connection ended, its sign-in is not valid any more', { clientId: client.id })
        client.close()
      }
    },
    cut: ({ gateway, key }) => {
      const ended = guests.ofGateway(gateway, identity => key === null || identity.key === key)
      for (const client of ended) client.close()
      return ended.length
    },
    believe: ports.believe,
    close: async () => {
      spread.close()
      const closed = ports.close()
      await new Promise<void>(done => aedes.close(() => done()))
      ports.end()
      await closed
    },
  }
}

type Door = Required<
  Pick<
    AedesOptions,
    'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
  >
>

/** Who may come in, and what each may do. */
function doorOf(deps: BrokerDeps, guests: Guests, refused: Refuse): Door {
  const { log } = deps
  const refuse = (what: string, client: Client, fields: Fields) =>
    refused(what, { clientId: client.id, ...fields })
  const record = recorderOf(deps)
  return {
    // A session ends with its connection: the library would keep what one is away for, also of filters it was refused.
    preConnect: (_, packet, done) => {
      packet.clean = true
      done(null, true)
    },
    authenticate: (client, username, password, done) => {
      const certificate = certificateOf(client.conn)
      const again = () => identify(deps, { username, password, certificate })
      again().then(
        identity => {
          if (identity === undefined) {
            if (certificate === undefined) refuse('sign-in', client, { username })
            else {
              const { name, mistake = 'not its key now' } = certificate
              refuse('certificate', client, { username, name, mistake })
              record('certificate', client, name || username, { mistake })
            }
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
        record('publish', client, nameOf(identity), { topic: packet.topic })
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
      const no = (fields: Fields = {}) => {
        refuse('subscription', client, { topic, ...fields })
        record('subscription', client, nameOf(guest?.identity), { topic })
        done(null, null)
      }
      if (guest === undefined || client.closed) return done(null, null)
      guest.wishes += 1
      if (guest.wishes > WISHES_MAX) {
        refuse('subscription', client, { topic, WISHES_MAX })
        return done(new Error('It subscribed too often'))
      }
      guest
        .asks(async () => {
          if (client.closed) return done(null, null)
          const hasEnough = guest.hears.size >= FILTERS_MAX && !guest.hears.has(topic)
          if (hasEnough) return no({ FILTERS_MAX })
          if (!(await maySubscribe(deps, guest.identity, topic))) return no()
          guests.hear(client, topic)
          // Nothing is kept for a subscriber until it confirms.
          done(null, guest.identity.kind === 'gateway' ? subscription : { ...subscription, qos: 0 })
        })
        .catch((error: unknown) => no({ reason: reasonOf(error) }))
    },
    // What somebody said has their name on it, what the collector says has none.
    authorizeForward: (_, packet) => ('clientId' in packet ? null : packet),
  }
}

const nameOf = (identity: Identity | undefined): string | undefined =>
  identity?.kind === 'gateway' ? identity.gateway.slug : undefined

/** Writes down what is refused to a gateway, or to who has shown a certificate. */
const recorderOf =
  ({ record }: BrokerDeps) =>
  (what: Refusal['what'], client: Client, gateway: string | undefined, details: object) =>
    (gateway !== undefined || what === 'certificate') &&
    record?.({ what, gateway, from: (client.conn as Socket).remoteAddress, details })

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

/** Sends what was said last of `filter`, no faster than the connection takes it. */
async function show({ saidLast }: BrokerDeps, client: Client, filter: string): Promise<void> {
  if (client.closed) return
  let sending: Promise<void>[] = []
  for (const { topic, payload } of await saidLast(filter)) {
    sending.push(send(client, { topic, payload, retain: true }))
    if (sending.length < SHOWN_AT_ONCE) continue
    await Promise.all(sending)
    sending = []
    if (client.closed) return
  }
  await Promise.all(sending)
}

/** Who hears a topic and is there. */
function* listenersOf(guests: Guests, topic: string, log: Log): Iterable<Listener> {
  for (const client of guests.hearing(topic)) {
    if (client.closed || !client.connected) continue
    yield {
      behindBytes: () => (client.conn as Socket).writableLength,
      say: (to, payload) => void send(client, { topic: to, payload, retain: false }),
      cutOff: () => {
        log.warn('subscriber cut off: it does not read', { clientId: client.id })
        client.close()
      },
    }
  }
}

/**
 * Resolves when the connection has taken it, or is gone. A client that is gone meanwhile needs nothing: the library calls
 * back without looking whether there is anybody.
 */
function send(
  client: Client,
  { topic, payload, retain }: { topic: string; payload: string | Buffer; retain: boolean },
): Promise<void> {
  if (!client.connected) return Promise.resolve()
  const message = { topic, payload: Buffer.from(payload), qos: 0 as const, retain, dup: false }
  return new Promise(resolve => client.publish({ cmd: 'publish', ...message }, () => resolve()))
}

function toBytes({ payload }: PublishPacket): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

function returnCode(message: string, code: number): AuthenticateError {
  return Object.assign(new Error(message), { returnCode: code })
}
