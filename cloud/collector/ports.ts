// The collector's MQTT ports: a plain one, and one with TLS where there is a certificate.
//
// Connections are bounded, and so are new ones in a second, on both ports together: when all gateways come back after an
// outage, they come no faster than handshakes and sign-ins can be borne. Who is too many is closed before anything is read
// or answered, counted, and comes again after a pause of its own.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { cannotListen } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { openTurnstile } from './turnstile.ts'

/** Connections on each port, signed in or not. */
const CONNECTIONS_MAX = 10_000
/** New connections in a second. */
const CONNECTIONS_PER_SECOND = 100
/** For a TLS handshake: as long as for signing in. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** That some were too many is said once in so long; the metric has them all. */
const SAY_EVERY_MS = 10_000

/** Where to listen, and for how many. */
export interface PortOptions {
  host: string
  port: number
  /** PEM texts. With `clientCa`, whoever connects must show a certificate of it, or of the fleet, besides what else it shows. */
  tls?: { host?: string; port: number; key: string; cert: string; clientCa?: string; fleetRoots?: string }
  connectionsMax?: number
  connectionsPerSecond?: number
  handshakeTimeoutMs?: number
}

/** Ports that are listened on. */
export interface Ports extends Closable {
  port: number
  tlsPort: number | undefined
  /** New connections may show certificates that lead to these roots, PEM. */
  believe(roots: string): void
  /** Ends the connections there are, also those that never began a handshake. */
  end(): void
  /** Lets nobody in any more; resolves when all connections have ended. */
  close(): Promise<void>
}

/** What the ports need. */
export interface PortDeps {
  clock: Clock
  log: Log
  metrics: Metrics
}

/**
 * Listens; `welcome` gets each connection that is let in, after its TLS handshake. Throws ConfigError when a port
 * is taken. */
export async function openPorts(
  deps: PortDeps,
  options: PortOptions,
  welcome: (socket: Socket) => void,
): Promise<Ports> {
  const { log, metrics } = deps
  const { tls, connectionsMax = CONNECTIONS_MAX, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options
  const admits = openDoor(deps, options.connectionsPerSecond ?? CONNECTIONS_PER_SECOND)
  const servers: Server[] = []
  let believe = (_: string): void => {}
  const sockets = new Set<Socket>()
  const close = async () => {
    await Promise.all(servers.map(server => new Promise<void>(done => server.close(() => done()))))
  }
  const open = async (
    setting: string,
    at: { host: string; port: number },
    letIn: (socket: Socket) => void,
  ): Promise<void> => {
    // An ack must not wait a round trip until the one before it was confirmed (Nagle's algorithm).
    const server = createServer({ noDelay: true }, socket => {
      if (!admits(socket)) {
        socket.destroy()
        return
      }
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      letIn(socket)
    })
    server.maxConnections = connectionsMax
    server.on('drop', address => {
      metrics.count('collector_refused_total', { what: 'connection' })
      log.warn('connection refused', { from: address?.remoteAddress, connectionsMax })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(cannotListen('environment', setting, at, error)))
      server.listen(at.port, at.host, resolve)
    })
    servers.push(server)
  }
  await open('MQTT_PORT', options, welcome)
  if (tls !== undefined) {
    const { clientCa, fleetRoots = '' } = tls
    // Who shows none may have a token; who shows one that is not believed is refused when it signs in, and counted as such.
    const mustShow = clientCa !== undefined
    const wanted = { requestCert: mustShow || fleetRoots !== '', rejectUnauthorized: mustShow }
    // It does not listen itself: whoever is too many must not cost a handshake.
    const common = { minVersion: 'TLSv1.2', handshakeTimeout: handshakeTimeoutMs } as const
    const handshakes = createTlsServer({ ...contextOf(tls, fleetRoots), ...common, ...wanted }, welcome)
    believe = roots => handshakes.setSecureContext({ ...contextOf(tls, roots), ...common })
    handshakes.on('tlsClientError', (error, socket) => {
      metrics.count('collector_refused_total', { what: 'handshake' })
      log.warn('handshake refused', { from: socket.remoteAddress, reason: error.message })
      // One that timed out is left open otherwise.
      socket.destroy()
    })
    try {
      await open('MQTT_TLS_PORT', { host: options.host, ...tls }, socket =>
        handshakes.emit('connection', socket),
      )
    } catch (error) {
      await close()
      throw error
    }
  }
  const [port = 0, tlsPort] = servers.map(server => (server.address() as AddressInfo).port)
  return {
    ...{ port, tlsPort, close, believe: roots => believe(roots) },
    end: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** With no roots at all, whoever shows a certificate is believed nothing. */
function contextOf({ key, cert, clientCa }: NonNullable<PortOptions['tls']>, fleetRoots: string) {
  const believed = [clientCa, fleetRoots].filter(pem => pem !== undefined && pem !== '')
  return { key, cert, ...(believed.length === 0 ? {} : { ca: believed.join('\n') }) }
}

function openDoor({ clock, log, metrics }: PortDeps, perSecond: number): (socket: Socket) => boolean {
  const turnstile = openTurnstile({ clock }, { perSecond })
  let saidAt = Number.NEGATIVE_INFINITY
  return socket => {
    if (turnstile.admits()) return true
    metrics.count('collector_refused_total', { what: 'connection-rate' })
    if (clock.monotonic() - saidAt >= SAY_EVERY_MS) {
      saidAt = clock.monotonic()
      log.warn('more connections in a second than are let in', { perSecond, from: socket.remoteAddress })
    }
    return false
  }
}
