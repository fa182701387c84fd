// JetStream, down to its requests: streams that are as they should be, and their messages, pulled by one reader.
//
// Only what nats-server 2.9 knows is asked of it. A stream here carries and keeps nothing: a message leaves it when the
// reader says that it is done with.
//
// Promises:
//   J1. A stream has one reader. Whoever begins to read ends the one that read before, which is told so.
//   J2. What a reader has in hand has a bound, in messages and in bytes; the rest waits in the stream.
//   J3. What a reader was handed and did not finish, the next one is handed again, in order.

import { z } from 'zod'
import { MESSAGE_BYTES_MAX } from '../../protocol/batch.ts'
import type { NatsMessage, NatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'

const ANSWER_TIMEOUT_MS = 10_000
const NS_PER_MS = 1_000_000
/** So long a pull waits for messages; then another takes its place. */
const PULL_EXPIRES_MS = 30_000
/** The server says so often that a pull is still there. */
const HEARTBEAT_MS = 2_000
/** A pull of which nothing is heard for so long is gone, as after its stream was deleted. */
const SILENCE_MS = 6_000
/** So often a reader looks whether it may go on, and whether its pull is still there. */
const LOOK_EVERY_MS = 100
/** A message comes again to a reader that did not finish it; while it lives, it does. */
const ACK_WAIT_MS = 3_600_000
/** A message with its subject and headers, as the server counts it. */
const LARGEST_BYTES = MESSAGE_BYTES_MAX + 4096

/** How a stream should be. */
export interface StreamSettings {
  name: string
  subjects: readonly string[]
  maxBytes: number
  maxAgeMs: number
  maxPerSubject: number
  /** What becomes of a message for which there is no room: itself, or the oldest there is. */
  whenFull: 'refuse' | 'forget-oldest'
}

/** A message that was pulled. */
export interface Carried {
  subject: string
  payload: Uint8Array
}

/** How much a reader has in hand. */
export interface ReaderLimits {
  messagesMax: number
  /** At least one message of the largest size. */
  bytesMax: number
}

const NOT_FOUND = 10059
const NOT_ENABLED = [10039, 10076]
const NO_JETSTREAM =
  'nats-server has no JetStream: its configuration needs jetstream { store_dir: "/var/lib/nats" }'

const ApiAnswer = z.object({
  error: z.object({ err_code: z.number().optional(), description: z.string().optional() }).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  /** Their names, or, where it is asked for everything, their number. */
  consumers: z.union([z.array(z.string()), z.number()]).nullish(),
})
type ApiAnswer = z.infer<typeof ApiAnswer>

/** Whether there is a JetStream to carry anything. Throws Unavailable with what to change when there is none. */
export async function checkJetStream(session: NatsSession): Promise<void> {
  const { error } = await ask(session, 'INFO')
  if (error !== undefined) throw refusal('JetStream', error)
}

/** Makes the stream, or makes it what it should be. Throws Unavailable with what to change when that cannot be. */
export async function keepStream(session: NatsSession, settings: StreamSettings): Promise<void> {
  const { name } = settings
  const wanted = toConfig(settings)
  const { error, config } = await ask(session, `STREAM.INFO.${name}`)
  if (error !== undefined && error.err_code !== NOT_FOUND) throw refusal(`Stream ${name}`, error)
  if (config === undefined) await askFor(session, name, `STREAM.CREATE.${name}`, wanted)
  else if (!isAsWanted(config, wanted)) {
    // How many copies there are of it, and where, is the operator's to say.
    await askFor(session, name, `STREAM.UPDATE.${name}`, { ...config, ...wanted })
  }
}

/** The same in the server's words. */
function toConfig(settings: StreamSettings): Record<string, unknown> {
  const { name, subjects, maxBytes, maxAgeMs, maxPerSubject, whenFull } = settings
  return {
    ...{ name, subjects, retention: 'workqueue', storage: 'file' },
    ...{ max_bytes: maxBytes, max_age: maxAgeMs * NS_PER_MS, max_msgs_per_subject: maxPerSubject },
    ...(whenFull === 'refuse' ? { discard: 'new', discard_new_per_subject: true } : { discard: 'old' }),
  }
}

function isAsWanted(config: Record<string, unknown>, wanted: Record<string, unknown>): boolean {
  const plain = (value: unknown) => (Array.isArray(value) ? value.toSorted().join(' ') : value)
  return Object.entries(wanted).every(([key, value]) => plain(config[key]) === plain(value))
}

/** What a reader is told. */
export interface ReaderOptions {
  stream: string
  /** The reader's name. Each has its own. */
  reader: string
  limits: ReaderLimits
}

/** What becomes of what is read. */
export interface ReaderWork {
  /** While it says no, nothing more is pulled. */
  mayPull: () => boolean
  /** Gets the messages in order. One leaves the stream when this resolves, and stays there when it rejects. */
  handle: (message: Carried) => Promise<void>
  /** It is read from now on. */
  onReading: () => void
  /** So many messages wait at the server. */
  onWaiting: (count: number) => void
}

/**
 * Reads a stream until the signal aborts. What is in hand then leaves the stream still when it is finished before another
 * reader comes. Throws Unavailable when the session or the stream ends, and when another reader came (J1).
 */
export async function readStream(
  { session, clock }: { session: NatsSession; clock: Clock },
  options: ReaderOptions,
  work: ReaderWork,
  signal: AbortSignal,
): Promise<void> {
  await becomeReader(session, options)
  work.onReading()
  const puller = openPuller({ session, clock }, options, work)
  try {
    while (!signal.aborted) {
      puller.look()
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
    }
  } finally {
    puller.stop()
  }
}

/** Ends whoever read before. */
async function becomeReader(session: NatsSession, { stream, reader, limits }: ReaderOptions): Promise<void> {
  const { consumers } = await askFor(session, stream, `CONSUMER.NAMES.${stream}`)
  for (const name of Array.isArray(consumers) ? consumers : [])
    await ask(session, `CONSUMER.DELETE.${stream}.${name}`)
  const config = {
    ...{ durable_name: reader, ack_policy: 'explicit', deliver_policy: 'all', replay_policy: 'instant' },
    ...{ ack_wait: ACK_WAIT_MS * NS_PER_MS, max_ack_pending: limits.messagesMax, mem_storage: true },
  }
  await askFor(session, stream, `CONSUMER.DURABLE.CREATE.${stream}.${reader}`, {
    stream_name: stream,
    config,
  })
}

interface Puller {
  /** Pulls if there is room and no pull is open. Throws Unavailable when nothing is to be had any more. */
  look(): void
  stop(): void
}

function openPuller(
  { session, clock }: { session: NatsSession; clock: Clock },
  { stream, reader, limits }: ReaderOptions,
  { mayPull, handle, onWaiting }: ReaderWork,
): Puller {
  const inbox = session.inbox()
  let [inHand, inHandBytes, pulls] = [0, 0, 0]
  let open: { inbox: string; left: number; heardAt: number } | undefined
  let ended: Unavailable | undefined

  const pull = () => {
    if (ended !== undefined || open !== undefined) return
    const [room, roomBytes] = [limits.messagesMax - inHand, limits.bytesMax - inHandBytes]
    // Few large pulls cost less than many small ones.
    if (room * 2 < limits.messagesMax || roomBytes < LARGEST_BYTES || !mayPull()) return
    pulls += 1
    open = { inbox: `${inbox}.${pulls}`, left: room, heardAt: clock.monotonic() }
    const [expires, idle_heartbeat] = [PULL_EXPIRES_MS * NS_PER_MS, HEARTBEAT_MS * NS_PER_MS]
    const wish = { batch: room, max_bytes: roomBytes, expires, idle_heartbeat }
    try {
      session.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${reader}`, JSON.stringify(wish), open.inbox)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      ended = error
    }
  }

  const finish = (size: number, reply: string | undefined, isDone: boolean) => {
    inHand -= 1
    inHandBytes -= size
    try {
      if (isDone && reply !== undefined) session.publish(reply, '')
    } catch (error) {
      // The next reader is handed it again.
      if (!(error instanceof Unavailable)) throw error
    }
    pull()
  }

  const onStatus = (to: string, { code, text }: { code: number; text: string }) => {
    if (open === undefined || to !== open.inbox) return
    if (code === 100) open.heardAt = clock.monotonic()
    else if (/deleted/i.test(text))
      ended = new Unavailable(`Stream ${stream}: ${text}, another reads it or it is gone`)
    else {
      open = undefined
      pull()
    }
  }

  const onMessage = ({ subject, payload, reply, status }: NatsMessage) => {
    if (status !== undefined) return onStatus(subject, status)
    const size = payload.length
    inHand += 1
    inHandBytes += size
    if (open !== undefined) {
      open.left -= 1
      open.heardAt = clock.monotonic()
      if (open.left === 0) open = undefined
    }
    onWaiting(waitingOf(reply))
    handle({ subject, payload }).then(
      () => finish(size, reply, true),
      () => finish(size, reply, false),
    )
  }
  const unhear = session.hear(`${inbox}.*`, onMessage)

  return {
    look() {
      if (ended !== undefined) throw ended
      if (open !== undefined && clock.monotonic() - open.heardAt > SILENCE_MS) {
        throw new Unavailable(`Stream ${stream}: nothing is heard of it any more`)
      }
      pull()
    },
    stop() {
      ended ??= new Unavailable('Stopped')
      unhear()
    },
  }
}

/** How many wait is the last that an ack subject says: `$JS.ACK.stream.consumer.delivered.sequence.….pending`. */
function waitingOf(reply: string | undefined): number {
  const count = Number(reply?.slice(reply.lastIndexOf('.') + 1))
  return Number.isSafeInteger(count) ? count : 0
}

/** Asks; a refusal is thrown, as Unavailable. */
async function askFor(
  session: NatsSession,
  stream: string,
  request: string,
  body?: object,
): Promise<ApiAnswer> {
  const answer = await ask(session, request, body)
  if (answer.error !== undefined) throw refusal(`Stream ${stream}`, answer.error)
  return answer
}

async function ask(session: NatsSession, request: string, body?: object): Promise<ApiAnswer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const bytes = await session.ask(`$JS.API.${request}`, text, ANSWER_TIMEOUT_MS)
  if (bytes === undefined) throw new Unavailable(NO_JETSTREAM)
  try {
    return ApiAnswer.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new Unavailable(`nats-server answered ${request} with what is no answer: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function refusal(
  what: string,
  { err_code: code, description }: NonNullable<ApiAnswer['error']>,
): Unavailable {
  if (code !== undefined && NOT_ENABLED.includes(code)) return new Unavailable(NO_JETSTREAM)
  return new Unavailable(`${what}: nats-server says "${description}"`)
}
