// The LAN broker: raw data for whoever is on site, with the newest reading of each series retained; beside it, how the
// gateway is (`$state/v1/#`) and where each series comes from (`$meta/v1/#`).
//
// Nobody may publish, but a Sparkplug host application that signed in says its two words. Who gives no name may read only
// where the configuration lets it, or on loopback. After a restart, the next poll brings the retained values back.
//
// Promises:
//   L1. Whoever listens holds nobody up: neither the poll that brings readings nor another listener. Who is too far behind
//       is cut off.
//   L2. Connections, subscriptions, what a listener may say, and readings that wait for listeners have a bound each.
//   L3. A session ends with its connection, whatever a listener asks for: nothing is kept for one that is away.
//   L4. A user is shown what lies below its prefixes and nothing else.

import { createServer, type Socket } from 'node:net'
import { Aedes, type Client } from 'aedes'
import type { LanState } from '../protocol/raw.ts'
import type { Reading } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import type { Fields, Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { lanStateTopic, SPARKPLUG, seriesMetaTopic } from '../protocol/topics.ts'
import {
  type LanAccess,
  type LanUser,
  mayRead,
  maySubscribe,
  openLanAccess,
  type Reader,
} from './lan-access.ts'
import type { SeriesFacts } from './lan-facts.ts'
import { type LanMessage, openLanShow } from './lan-show.ts'
import { type Listening, listenAt } from './listen.ts'
import { hostMaySay } from './sparkplug/host.ts'
import type { SparkplugNode } from './sparkplug/node.ts'

/**
 * How far a subscriber may be behind, beyond what its connection takes. Until then nobody waits for it. It is more than
 * all readings that may wait at once, so that a slow one that reads is not cut off.
 */
const BEHIND_BYTES_MAX = 2 ** 19
/** And then hardly: whoever reads a little now and then would hold the others up for good. */
const DRAIN_TIMEOUT_MS = 1
const CONNECT_TIMEOUT_MS = 10_000
/** MQTT 3.1.1, section 3.2.2.3. */
const NOT_AUTHORISED = 5
/** The next one is closed at once. */
const CONNECTIONS_MAX = 64
/** Of one address, while they have not signed in: so many, and the others have their places still. */
const STRANGERS_MAX = 16
/** Of one subscriber; the next one is refused. */
const SUBSCRIPTIONS_MAX = 100
/** How often one may subscribe, for each time it is shown again what is retained. It may connect again. */
const WISHES_MAX = 300
/** A subscriber has little to say: its wishes, and a ping now and then. Who says more may connect again. */
const RECEIVED_BYTES_MAX = 2 ** 20

/** A broker that listens. */
export interface LanBroker extends Closable {
  port: number
  /** Shows readings, each on its series' topic, to whoever listens. Waits for nobody. */
  publish(readings: readonly Reading[]): void
  /** Says how the gateway is, when that is news. */
  tell(state: LanState): void
}

/** Where the broker listens, and whose readings it shows. */
export interface LanBrokerOptions {
  host: string
  port: number
  client: string
  project: string
  anonymous?: boolean | undefined
  users?: readonly LanUser[]
  series?: readonly SeriesFacts[]
  /** Tells the readings in Sparkplug B too; nobody does when absent. */
  sparkplug?: SparkplugNode | undefined
}

/** Starts the broker. Throws ConfigError when the port is taken; an address that is not there yet is waited for. */
export async function openLanBroker(
  { clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics },
  { host, port, client, project, anonymous, users = [], series = [], sparkplug }: LanBrokerOptions,
): Promise<LanBroker> {
  const sockets = new Set<Socket>()
  const dropped = (what: string, count = 1) => metrics.count('gateway_lan_dropped_total', { what }, count)
  const refused = (from: { remoteAddress?: string | undefined } | undefined, bound: Fields) => {
    dropped('connection')
    log.warn('LAN connection refused', { from: from?.remoteAddress, ...bound })
  }
  const access = openLanAccess({ host, anonymous, users })
  const aedes = await openAedes({ log, access, users, sparkplug, dropped })
  const isStrange = boundStrangers(aedes)
  const server = createServer({ highWaterMark: BEHIND_BYTES_MAX }, socket => {
    if (isStrange(socket)) {
      refused(socket, { STRANGERS_MAX })
      return socket.destroy()
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    boundReceived(socket, () => {
      dropped('connection')
      log.warn('LAN client cut off: it said too much', { from: socket.remoteAddress, RECEIVED_BYTES_MAX })
    })
    aedes.handle(socket)
  })
  server.maxConnections = CONNECTIONS_MAX
  server.on('drop', address => refused(address, { CONNECTIONS_MAX }))
  let listening: Listening
  try {
    listening = await listenAt({ clock, log }, server, { path: 'lanBroker', host, port })
  } catch (error) {
    // Its timers would keep the process from ending.
    aedes.close()
    throw error
  }

  const publish = (message: LanMessage) => publishTo(aedes, message)
  const show = openLanShow({ log, dropped, publish, sparkplug }, { client, project })
  for (const { point, variable, meta } of series) {
    show.note(seriesMetaTopic({ client, project, point, variable }), JSON.stringify(meta))
  }
  if (sparkplug !== undefined) onCommand(aedes, sparkplug, { log, births: show.births })
  let told: string | undefined
  return {
    port: listening.port,
    publish: show.readings,
    tell: state => {
      const payload = JSON.stringify(state)
      if (payload === told) return
      told = payload
      show.note(lanStateTopic({ client, project, gateway: state.gateway }), payload)
    },
    close: async () => {
      await listening.stop()
      await show.close()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await new Promise<void>(resolve => aedes.close(() => resolve()))
      // Who had not signed in is no client of the broker's.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Has births said again when a host application, that the broker has let speak, asks for them. */
function onCommand(
  aedes: Aedes,
  { commandTopic, asksForBirths }: SparkplugNode,
  { log, births }: { log: Log; births: () => void },
): void {
  aedes.on('publish', ({ topic, payload }, from) => {
    if (from === null || topic !== commandTopic) return
    try {
      if (asksForBirths(Buffer.from(payload))) births()
    } catch (error) {
      log.warn('Sparkplug command not understood', { clientId: from.id, reason: reasonOf(error) })
    }
  })
}

/** The broker without its port. */
async function openAedes({
  log,
  access,
  users,
  sparkplug,
  dropped,
}: {
  log: Log
  access: LanAccess
  users: readonly LanUser[]
  sparkplug: SparkplugNode | undefined
  dropped: (what: string) => void
}): Promise<Aedes> {
  const readers = new WeakMap<Client, Reader>()
  const wishes = new WeakMap<Client, number>()
  /** Of clients whose name was proven. */
  const hosts = new WeakMap<Client, string>()
  const readerOf = (client: Client | null): Reader => (client === null ? [] : (readers.get(client) ?? []))
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 1_024,
    maxTopicLevels: 16,
    preConnect: (_, packet, done) => {
      packet.clean = true
      // A client id is its user's: else who takes another's would end its connection.
      if (packet.clientId !== '')
        packet.clientId = `${encodeURIComponent(packet.username ?? '')}/${packet.clientId}`
      done(null, true)
    },
    authenticate: (from, name, password, done) => {
      void access.signIn(name, password).then(reader => {
        if (reader !== undefined) {
          readers.set(from, reader)
          const hostId = users.find(user => user.name === name)?.sparkplugHost
          if (hostId !== undefined) hosts.set(from, hostId)
          return done(null, true)
        }
        dropped('sign-in')
        log.warn('sign-in refused on the LAN', { clientId: from.id, name })
        done(Object.assign(new Error('Not authorised'), { returnCode: NOT_AUTHORISED }), false)
      })
    },
    authorizePublish: (from, packet, done) => {
      const hostId = from === null ? undefined : hosts.get(from)
      const may =
        from === null || (sparkplug && hostId !== undefined && hostMaySay(hostId, packet, sparkplug))
      if (may) return done(null)
      dropped('publish')
      log.warn('publish refused on the LAN', { clientId: from.id, topic: packet.topic })
      done(new Error('This broker only speaks'))
    },
    authorizeSubscribe: (from, subscription, done) => {
      const count = from === null ? 0 : (wishes.get(from) ?? 0) + 1
      if (count > WISHES_MAX) return done(new Error('It subscribed too often'))
      if (from !== null) wishes.set(from, count)
      const isSpoken = sparkplug !== undefined || !subscription.topic.startsWith(`${SPARKPLUG}/`)
      // Hosts also ask for what other versions of Sparkplug say, and some give up when that is refused.
      const isHost = from !== null && hosts.has(from) && !/^[#+]/.test(subscription.topic)
      const allowed =
        isSpoken && (isHost || maySubscribe(readerOf(from), subscription.topic)) && !hasEnough(from)
      done(null, allowed ? subscription : null)
    },
    authorizeForward: (to, packet) => (mayRead(readerOf(to), packet.topic) ? packet : null),
  })
  aedes.on('clientError', (from, { message }) => {
    // Of one that is gone, every write that was under way fails too.
    if (from.closed) return
    if (message !== 'drain timeout')
      return log.info('LAN client failed', { clientId: from.id, reason: message })
    dropped('connection')
    log.warn('LAN client cut off: it does not read', { clientId: from.id, BEHIND_BYTES_MAX })
  })
  return aedes
}

function publishTo(aedes: Aedes, { topic, payload, qos, retain }: LanMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false }, error =>
      error ? reject(error) : resolve(),
    )
  })
}

function hasEnough(client: Client | null): boolean {
  const { subscriptions = {} } = (client ?? {}) as { subscriptions?: Record<string, unknown> }
  return Object.keys(subscriptions).length >= SUBSCRIPTIONS_MAX
}

/** Asks of a new connection whether its address has enough that have not signed in; if not, it is one of them. */
function boundStrangers(aedes: Aedes): (socket: Socket) => boolean {
  const strangers = new Set<Socket>()
  aedes.on('client', ({ conn }) => strangers.delete(conn as Socket))
  return socket => {
    const others = [...strangers].filter(({ remoteAddress }) => remoteAddress === socket.remoteAddress)
    if (others.length >= STRANGERS_MAX) return true
    strangers.add(socket)
    socket.on('close', () => strangers.delete(socket))
    return false
  }
}

/** The broker's parser keeps a packet until it is whole, and MQTT allows 256 MB. */
function boundReceived(socket: Socket, onExceeded: () => void): void {
  socket.on('readable', () => {
    if (socket.bytesRead <= RECEIVED_BYTES_MAX || socket.destroyed) return
    onExceeded()
    socket.destroy()
  })
}
