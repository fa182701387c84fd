// The LAN broker: raw data for whoever is on site, with the newest reading of each series retained; beside it, how the
// gateway is (`$state/v1/#`) and where each series comes from (`$meta/v1/#`).
//
// Nobody may publish. Who gives no name may read only where the configuration lets it, or on loopback. After a restart,
// the next poll brings the retained values back.
//
// Promises:
//   L1. Whoever listens holds nobody up: neither the poll that brings readings nor, for long, another listener.
//   L2. Connections, subscriptions, what a listener may say, and readings that wait for listeners have a bound each.
//   L3. A session ends with its connection, whatever a listener asks for: nothing is kept for one that is away.
//   L4. A user is shown what lies below its prefixes and nothing else.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Aedes, type Client } from 'aedes'
import { type LanState, toRawMessage } from '../protocol/raw.ts'
import type { Reading } from '../protocol/reading.ts'
import { ConfigError, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { lanStateTopic, rawTopic, seriesMetaTopic } from '../protocol/topics.ts'
import {
  type LanAccess,
  type LanUser,
  mayRead,
  maySubscribe,
  openLanAccess,
  type Reader,
} from './lan-access.ts'
import type { SeriesFacts } from './lan-facts.ts'

/** A subscriber that does not read is cut off after this long, so that it holds nobody up. */
const DRAIN_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 10_000
/** MQTT 3.1.1, section 3.2.2.3. */
const NOT_AUTHORISED = 5
/** The next one is closed at once. */
const CONNECTIONS_MAX = 64
/** Of one subscriber; the next one is refused. */
const SUBSCRIPTIONS_MAX = 100
/** A subscriber has little to say: its wishes, and a ping now and then. Who says more may connect again. */
const RECEIVED_BYTES_MAX = 2 ** 20
/** Readings that wait for subscribers; the next ones are not shown. */
const WAITING_MAX = 2_000

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
}

/** Starts the broker. Throws ConfigError when the port is taken. */
export async function openLanBroker(
  { log, metrics }: { log: Log; metrics: Metrics },
  { host, port, client, project, anonymous, users = [], series = [] }: LanBrokerOptions,
): Promise<LanBroker> {
  const notes = new Map<string, string>()
  const waiting: Reading[] = []
  const sockets = new Set<Socket>()
  const dropped = (what: string, count = 1) => metrics.count('gateway_lan_dropped_total', { what }, count)
  const access = openLanAccess({ host, anonymous, users })
  const aedes = await openAedes({ log, access, dropped })
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    boundReceived(socket, () => {
      dropped('connection')
      log.warn('LAN client cut off: it said too much', { from: socket.remoteAddress, RECEIVED_BYTES_MAX })
    })
    aedes.handle(socket)
  })
  server.maxConnections = CONNECTIONS_MAX
  server.on('drop', address => {
    dropped('connection')
    log.warn('LAN connection refused', { from: address?.remoteAddress, CONNECTIONS_MAX })
  })
  try {
    await listen(server, host, port)
  } catch (error) {
    // Its timers would keep the process from ending.
    aedes.close()
    throw error
  }

  const show = openShow(aedes, { client, project })
  let showing = false
  const showNotes = async () => {
    for (const [topic, payload] of notes) {
      notes.delete(topic)
      await publishTo(aedes, topic, Buffer.from(payload), true).catch((error: unknown) =>
        log.warn('note not shown on the LAN', { topic, reason: reasonOf(error) }),
      )
    }
  }
  const showWaiting = async () => {
    if (showing) return
    showing = true
    await showNotes()
    for (let reading = waiting.shift(); reading !== undefined; reading = waiting.shift()) {
      await show(reading).catch((error: unknown) =>
        log.warn('reading not shown on the LAN', { reason: reasonOf(error) }),
      )
      await showNotes()
    }
    showing = false
  }
  for (const { point, variable, meta } of series) {
    notes.set(seriesMetaTopic({ client, project, point, variable }), JSON.stringify(meta))
  }
  void showWaiting()
  let told: string | undefined
  return {
    port: (server.address() as AddressInfo).port,
    publish: readings => {
      const shown = readings.slice(0, WAITING_MAX - waiting.length)
      waiting.push(...shown)
      void showWaiting()
      const count = readings.length - shown.length
      if (count === 0) return
      dropped('reading', count)
      log.warn('readings not shown on the LAN: a subscriber does not read', { count })
    },
    tell: state => {
      const payload = JSON.stringify(state)
      if (payload === told) return
      told = payload
      notes.set(lanStateTopic({ client, project, gateway: state.gateway }), payload)
      void showWaiting()
    },
    close: async () => {
      waiting.length = 0
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await new Promise<void>(resolve => aedes.close(() => resolve()))
      // Who had not signed in is no client of the broker's.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** The broker without its port. */
async function openAedes({
  log,
  access,
  dropped,
}: {
  log: Log
  access: LanAccess
  dropped: (what: string) => void
}): Promise<Aedes> {
  const readers = new WeakMap<Client, Reader>()
  const readerOf = (client: Client | null): Reader => (client === null ? [] : (readers.get(client) ?? []))
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 128,
    maxTopicLevels: 16,
    preConnect: (_, packet, done) => {
      packet.clean = true
      done(null, true)
    },
    authenticate: (from, name, password, done) => {
      void access.signIn(name, password).then(reader => {
        if (reader !== undefined) {
          readers.set(from, reader)
          return done(null, true)
        }
        dropped('sign-in')
        log.warn('sign-in refused on the LAN', { clientId: from.id, name })
        done(Object.assign(new Error('Not authorised'), { returnCode: NOT_AUTHORISED }), false)
      })
    },
    authorizePublish: (from, packet, done) => {
      if (from === null) return done(null)
      dropped('publish')
      log.warn('publish refused on the LAN', { clientId: from.id, topic: packet.topic })
      done(new Error('This broker only speaks'))
    },
    authorizeSubscribe: (from, subscription, done) => {
      const allowed = maySubscribe(readerOf(from), subscription.topic) && !hasEnough(from)
      done(null, allowed ? subscription : null)
    },
    authorizeForward: (to, packet) => (mayRead(readerOf(to), packet.topic) ? packet : null),
  })
  aedes.on('clientError', (from, error) =>
    log.info('LAN client failed', { clientId: from.id, reason: error.message }),
  )
  return aedes
}

/** Shows one reading, retained unless it is late. One after the other: the broker drops what overtakes. */
function openShow(
  aedes: Aedes,
  { client, project }: { client: string; project: string },
): (reading: Reading) => Promise<void> {
  const newest = new Map<string, number>()
  return reading => {
    const topic = rawTopic({ client, project, point: reading.point, variable: reading.variable })
    const before = newest.get(topic)
    const late = before !== undefined && reading.at < before
    // A time that is a guess makes nothing late.
    if (!late && reading.timeQuality !== 'unsynced') newest.set(topic, reading.at)
    const payload = Buffer.from(JSON.stringify(toRawMessage(reading, { late })))
    return publishTo(aedes, topic, payload, !late)
  }
}

function publishTo(aedes: Aedes, topic: string, payload: Buffer, retained: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    aedes.publish({ cmd: 'publish', topic, payload, qos: 0, retain: retained, dup: false }, error =>
      error ? reject(error) : resolve(),
    )
  })
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      const message = `cannot listen on ${host}:${port}: ${reasonOf(error)}`
      reject(new ConfigError('the configuration', [{ path: 'lanBroker', message }]))
    })
    server.listen(port, host, resolve)
  })
}

function hasEnough(client: Client | null): boolean {
  const { subscriptions = {} } = (client ?? {}) as { subscriptions?: Record<string, unknown> }
  return Object.keys(subscriptions).length >= SUBSCRIPTIONS_MAX
}

/** The broker's parser keeps a packet until it is whole, and MQTT allows 256 MB. */
function boundReceived(socket: Socket, onExceeded: () => void): void {
  socket.on('readable', () => {
    if (socket.bytesRead <= RECEIVED_BYTES_MAX || socket.destroyed) return
    onExceeded()
    socket.destroy()
  })
}
