// A session with a NATS server, carried by nats.js: no queue, no reconnecting.
//
// The library cannot be told to stop connecting, forgets who waits when a connection ends, and goes on after the server
// has forbidden something. Here every session that is not wanted ends, sockets and all, and says why.
//
// `nats:` is in the clear unless the server insists on TLS; `tls:` is TLS or nothing.

import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe as observe, unsubscribe as unobserve } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  createInbox,
  ErrorCode,
  type Msg,
  type NatsConnection,
  NatsError,
} from 'nats'
import { MESSAGE_BYTES_MAX } from './batch.ts'
import type { Clock } from './runtime/clock.ts'
import { deadline } from './runtime/deadline.ts'
import { reasonOf, Unavailable } from './runtime/errors.ts'
import type { Closable } from './runtime/scope.ts'
import { hostOf, tlsReason } from './tls.ts'

/** The library asks at its intervals, and gives up when the question before is still unanswered. */
const PINGS_TO_NOTICE = 2

/** Whom to connect to, and as whom. */
export interface NatsOptions {
  url: string
  /** What the server's operator sees of us. */
  name: string
  username?: string
  password?: string
  /** PEM texts, for TLS. */
  ca?: string
  cert?: string
  key?: string
}

/** What a session is opened with. */
export interface NatsSessionOptions {
  subjects: readonly string[]
  /** Called for every message, in order. Must not throw. */
  onMessage: (subject: string, payload: Uint8Array) => void
  timeoutMs: number
  /** A session with a server that answers nothing for so long is gone. */
  silenceMs: number
}

/** A message as it came. */
export interface NatsMessage {
  subject: string
  payload: Uint8Array
  /** Where an answer goes. */
  reply: string | undefined
  /** What the server itself says instead of a message, with its reason. */
  status: { code: number; text: string } | undefined
}

/** A session, from connecting to its end. */
export interface NatsSession extends Closable {
  /** Says something. Throws Unavailable when the session has ended. */
  publish(subject: string, payload: Uint8Array | string, reply?: string): void
  /** Hears a subject from now on, in order, until what it returns is called. `onMessage` must not throw. */
  hear(subject: string, onMessage: (message: NatsMessage) => void): () => void
  /** What is answered; `undefined` when nobody is there who could. Throws Unavailable when no answer came in time. */
  ask(subject: string, payload: string, timeoutMs: number): Promise<Uint8Array | undefined>
  /** A subject that nobody else has, for answers. */
  inbox(): string
  /** Resolves when the server has all that was said; throws Unavailable when the session ends first, or too late. */
  flush(timeoutMs: number): Promise<void>
  /** Resolves with the reason when the session has ended, for whatever cause. Never rejects. */
  readonly gone: Promise<string>
}

/** Connects, and resolves when the subscriptions are in force. Throws Unavailable when it did not work in time. */
export async function openNatsSession(
  { clock }: { clock: Clock },
  options: NatsOptions,
  { subjects, onMessage, timeoutMs, silenceMs }: NatsSessionOptions,
  signal: AbortSignal,
): Promise<NatsSession> {
  const connection = await dial({ clock }, options, { timeoutMs, silenceMs }, signal)
  const gone = watch(connection, options.url)
  const orGone = openWaits(gone, reason => `The link is gone: ${reason}`)
  try {
    const taken = connection.info?.max_payload ?? 0
    if (taken < MESSAGE_BYTES_MAX) {
      throw new Unavailable(`Takes ${taken} bytes a message (max_payload), and needs ${MESSAGE_BYTES_MAX}`)
    }
    const subscribed = openWaits(gone, reason => reason)(listen(connection, subjects, onMessage))
    await deadline({ clock }, subscribed, timeoutMs, signal, 'No subscription')
  } catch (error) {
    await connection.close()
    throw error
  }
  return {
    gone,
    publish(subject, payload, reply) {
      if (connection.isClosed()) throw new Unavailable('Not connected')
      connection.publish(subject, payload, reply === undefined ? {} : { reply })
    },
    hear(subject, onMessage) {
      if (connection.isClosed()) throw new Unavailable('Not connected')
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) onMessage(toMessage(message))
        },
      })
      return () => subscription.unsubscribe()
    },
    ask: (subject, payload, ms) =>
      deadline({ clock }, orGone(ask(connection, subject, payload, ms)), ms, undefined, 'No answer'),
    inbox: () => createInbox(),
    flush: ms => deadline({ clock }, orGone(connection.flush()), ms, undefined, 'Not taken over'),
    close: () => connection.close(),
  }
}

/** Only what the server itself says has a status and no content; headers of others are not read. */
function toMessage(message: Msg): NatsMessage {
  const { subject, data: payload, reply } = message
  const said = payload.length === 0 ? message.headers : undefined
  const status =
    said === undefined || said.code === 0 ? undefined : { code: said.code, text: said.description }
  return { subject, payload, reply: reply === '' ? undefined : reply, status }
}

async function ask(
  connection: NatsConnection,
  subject: string,
  payload: string,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  if (connection.isClosed()) throw new Unavailable('Not connected')
  try {
    return (await connection.request(subject, payload, { timeout: timeoutMs })).data
  } catch (error) {
    if (!(error instanceof NatsError)) throw error
    if (error.code === ErrorCode.NoResponders) return undefined
    const { permissionContext } = error
    if (permissionContext === undefined) throw error
    throw new Unavailable(forbidden(permissionContext), { cause: error })
  }
}

type Timing = Pick<NatsSessionOptions, 'timeoutMs' | 'silenceMs'>

/** Connects. Where that comes to nothing, no socket stays behind. */
async function dial(
  { clock }: { clock: Clock },
  options: NatsOptions,
  timing: Timing,
  signal: AbortSignal,
): Promise<NatsConnection> {
  signal.throwIfAborted()
  const { work, sockets } = withSockets(() => connect(connectionOptions(options, timing)))
  const connecting = work.catch((cause: unknown) => {
    throw new Unavailable(`Cannot connect: ${refusalOf(cause, options.url)}`, { cause })
  })
  try {
    return await deadline({ clock }, connecting, timing.timeoutMs, signal, 'No connection')
  } catch (error) {
    for (const socket of sockets) socket.destroy()
    void connecting.then(
      late => late.close(),
      () => {},
    )
    throw error
  }
}

/** Node announces every client's socket here, in the asynchronous context that opens it. */
const NEW_SOCKETS = 'net.client.socket'
const opener = new AsyncLocalStorage<Set<Socket>>()

/** Does something, and notes which sockets are opened for it until it is done. */
function withSockets<T>(start: () => Promise<T>): { work: Promise<T>; sockets: ReadonlySet<Socket> } {
  const sockets = new Set<Socket>()
  const note = (message: unknown) => {
    if (opener.getStore() === sockets) sockets.add((message as { socket: Socket }).socket)
  }
  observe(NEW_SOCKETS, note)
  const work = opener.run(sockets, start).finally(() => unobserve(NEW_SOCKETS, note))
  return { work, sockets }
}

function connectionOptions(
  { url, name, username, password, ca, cert, key }: NatsOptions,
  { timeoutMs, silenceMs }: Timing,
): ConnectionOptions {
  const { host, protocol } = new URL(url)
  // Without a host the library has Node compare the certificate of an address with "localhost".
  const tls = {
    host: hostOf(url),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
  return {
    ...{ servers: host, name, reconnect: false, resolve: false, ignoreClusterUpdates: true, noEcho: true },
    ...{ timeout: timeoutMs, pingInterval: silenceMs / PINGS_TO_NOTICE, maxPingOut: PINGS_TO_NOTICE - 1 },
    ...(username === undefined ? {} : { user: username, pass: password ?? '' }),
    ...(protocol === 'tls:' ? { tls } : {}),
  }
}

/** Why the library could not connect; its own texts are codes. */
function refusalOf(error: unknown, url: string): string {
  const { host, protocol } = new URL(url)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case ErrorCode.ConnectionRefused: {
      const inner = error instanceof Error && 'chainedError' in error ? error.chainedError : undefined
      const wasRefused = inner instanceof Error && 'code' in inner
      return wasRefused ? `ECONNREFUSED ${host}` : `${host} ended the connection`
    }
    case ErrorCode.ServerOptionNotAvailable:
      return `${host} offers no TLS`
    case ErrorCode.AuthorizationViolation:
    case ErrorCode.AuthenticationExpired:
      return 'Not authorized: bad user name or password'
  }
  const reason = tlsReason(error, hostOf(url))
  return protocol === 'nats:' && reason !== reasonOf(error)
    ? `${reason}; ca.pem is asked with tls:// only`
    : reason
}

/** Resolves with the reason when the connection is gone. What the server forbids ends it: nothing would be heard of it. */
async function watch(connection: NatsConnection, url: string): Promise<string> {
  let reason = 'connection closed'
  // The library does not end this loop when it closes: nobody waits for it.
  void (async () => {
    for await (const { type, data, permissionContext } of connection.status()) {
      if (type !== 'error') continue
      reason = permissionContext === undefined ? String(data) : forbidden(permissionContext)
      await connection.close()
    }
  })()
  const error = await connection.closed()
  return error instanceof Error ? refusalOf(error, url) : reason
}

function forbidden({ operation, subject }: { operation: string; subject: string }): string {
  return `Not allowed to ${operation === 'publish' ? 'publish' : 'receive'} ${subject}`
}

/** Resolves when the server has the subscriptions. A refusal comes before the answer, and ends the connection. */
async function listen(
  connection: NatsConnection,
  subjects: readonly string[],
  onMessage: NatsSessionOptions['onMessage'],
): Promise<void> {
  let refused: string | undefined
  for (const subject of subjects) {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) onMessage(message.subject, message.data)
        else refused ??= `Not allowed to receive ${subject}`
      },
    })
  }
  await connection.flush()
  if (refused !== undefined) throw new Unavailable(refused)
}

/**
 * What it returns gives what `work` gives, or throws Unavailable: at the latest when the session has ended, where the
 * library leaves for ever those who wait. Nothing stays behind of work that is done.
 */
function openWaits(
  gone: Promise<string>,
  words: (reason: string) => string,
): <T>(work: Promise<T>) => Promise<T> {
  const waiting = new Set<(error: Unavailable) => void>()
  let lost: Unavailable | undefined
  void gone.then(reason => {
    lost = new Unavailable(words(reason))
    for (const reject of waiting) reject(lost)
  })
  return async <T>(work: Promise<T>) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    work.then(resolve, (cause: unknown) =>
      reject(cause instanceof Unavailable ? cause : new Unavailable(reasonOf(cause), { cause })),
    )
    if (lost !== undefined) reject(lost)
    waiting.add(reject)
    try {
      return await promise
    } finally {
      waiting.delete(reject)
    }
  }
}
