// Requests to a provider's API, over HTTP: a deadline for each, a bound for each answer, and every outcome a value.
//
// What may pass is asked again, twice, after one and two seconds. A provider that says for how long it wants to be left
// alone is, by all of its devices. Reasons name the provider and a status, never a URL or what an answer says.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import { type Failure, failed } from './provider.ts'

/** What is asked. */
export interface ApiRequest {
  method: 'GET' | 'POST'
  /** Behind the base URL, from its slash on. */
  path: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  timeoutMs: number
  /** What must not be told to anybody. */
  secrets: readonly string[]
}

/** What came of it. `status` is that of HTTP, where there was one. */
export type Reply =
  | { kind: 'answered'; document: unknown }
  /** Well, and without an answer: 204, 304. */
  | { kind: 'empty' }
  | (Failure & { status?: number })

/** A provider's API. */
export interface Api {
  /** Rejects with the signal's reason only. */
  ask(request: ApiRequest, signal: AbortSignal): Promise<Reply>
}

/** An answer of 1,000 samples of 40 keys takes about 2.5 MB. */
export const ANSWER_BYTES_MAX = 4 * 2 ** 20
const TRIES_MAX = 3
const PAUSE_MS = 1_000
/** When a provider says "too many requests" and not for how long. */
const WAIT_DEFAULT_MS = 30_000
/** A poll waits so long for a provider that asks to; one that asks for more is asked again by a later poll. */
const WAIT_IN_POLL_MAX_MS = 60_000
/** Whatever a provider says, a well is not left unread for longer. */
const WAIT_MAX_MS = 3_600_000

/** Opens an API. Nothing is asked yet. */
export function openApi(
  { clock }: { clock: Clock },
  { name, baseUrl }: { name: string; baseUrl: string },
): Api {
  const base = baseUrl.replace(/\/+$/, '')
  let notBefore = Number.NEGATIVE_INFINITY
  let waitReason = ''

  const leaveAlone = (ms: number): void => {
    if (clock.monotonic() + ms <= notBefore) return
    notBefore = clock.monotonic() + ms
    waitReason = `${name} asked to wait until ${new Date(clock.now() + ms).toISOString()}`
  }
  /** Why it is not this request's turn, after having waited for it. */
  const turn = async (signal: AbortSignal): Promise<Failure | undefined> => {
    const waitMs = notBefore - clock.monotonic()
    if (waitMs > WAIT_IN_POLL_MAX_MS) return failed(waitReason, { isAway: true })
    if (waitMs > 0) await clock.sleep(waitMs, signal)
    return undefined
  }

  return {
    async ask(request, signal) {
      for (let attempt = 1; ; attempt += 1) {
        const wait = await turn(signal)
        if (wait !== undefined) return wait
        const { reply, waitMs, isFinal = false } = await askOnce({ clock }, name, base, request, signal)
        if (waitMs !== undefined) leaveAlone(Math.min(waitMs, WAIT_MAX_MS))
        if (reply.kind !== 'request_failed' || isFinal || attempt === TRIES_MAX) return reply
        await clock.sleep(PAUSE_MS * 2 ** (attempt - 1), signal)
      }
    },
  }
}

interface Once {
  reply: Reply
  /** For how long the provider wants to be left alone. */
  waitMs?: number
  /** Asking again is of no use. */
  isFinal?: boolean
}

async function askOnce(
  { clock }: { clock: Clock },
  name: string,
  base: string,
  { method, path, headers, body, timeoutMs, secrets }: ApiRequest,
  signal: AbortSignal,
): Promise<Once> {
  const work = async (stop: AbortSignal): Promise<Once> => {
    const response = await fetch(base + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: stop,
    })
    const bytes = await readBounded(response)
    return judge({ clock }, name, response, bytes)
  }
  try {
    const once = await within({ clock }, work, timeoutMs, signal)
    return once ?? { reply: failed(`${name}: no answer in ${timeoutMs} ms`, { isAway: true }) }
  } catch (error) {
    if (isAbort(error, signal)) throw signal.reason
    return { reply: failed(redact(`${name}: ${causeOf(error)}`, secrets), { isAway: true }) }
  }
}

/** What `work` gives, or nothing when it takes longer. Its signal aborts when nobody waits any more. */
async function within<T>(
  { clock }: { clock: Clock },
  work: (stop: AbortSignal) => Promise<T>,
  ms: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const abort = () => stop.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const done = work(stop.signal)
  const late = clock.sleep(ms, stop.signal).then(() => undefined)
  done.catch(() => {})
  late.catch(() => {})
  try {
    return await Promise.race([done, late])
  } finally {
    signal.removeEventListener('abort', abort)
    stop.abort(signal.aborted ? signal.reason : new Error('Over'))
  }
}

async function readBounded(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > ANSWER_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function judge(
  { clock }: { clock: Clock },
  name: string,
  response: Response,
  bytes: Uint8Array | undefined,
): Once {
  const { status } = response
  if (bytes === undefined) {
    return { reply: failed(`${name}: its answer is longer than ${ANSWER_BYTES_MAX} bytes`), isFinal: true }
  }
  if (status === 204 || status === 304) return { reply: { kind: 'empty' } }
  const text = new TextDecoder().decode(bytes)
  if (response.ok) {
    try {
      return { reply: { kind: 'answered', document: JSON.parse(text) } }
    } catch {
      return { reply: failed(`${name}: its answer is not JSON`) }
    }
  }
  const reason = `${name}: HTTP ${status}`
  const waitMs = waitOf({ clock }, response)
  // thethings.io says 403 for "too many requests" too (developers.thethings.io, HTTP status codes).
  const isTooMany =
    status === 429 || (status === 403 && (waitMs !== undefined || /rate|limit|too many/i.test(text)))
  if (isTooMany) {
    const tooMany = failed(`${reason}, too many requests`, { isAway: true })
    return { reply: { ...tooMany, status }, waitMs: waitMs ?? WAIT_DEFAULT_MS }
  }
  if (status === 401 || status === 403) {
    return { reply: { kind: 'auth_failed', reason, isAway: true, status } }
  }
  return { reply: { ...failed(reason), status }, ...(waitMs === undefined ? {} : { waitMs }) }
}

/** RFC 9110, 10.2.3: seconds, or a date, which is told by the provider's own clock where it shows it. */
function waitOf({ clock }: { clock: Clock }, { headers }: Response): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const shown = Date.parse(headers.get('date') ?? '')
  const waitMs = Date.parse(text) - (Number.isNaN(shown) ? clock.now() : shown)
  return waitMs >= 0 ? waitMs : undefined
}

/** fetch wraps what happened as its cause. What it says itself may show a header or a URL, and is not passed on. */
function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  if (!(cause instanceof Error)) return 'the request could not be made'
  if (cause instanceof AggregateError) return [...new Set(cause.errors.map(reasonOf))].join('; ')
  return reasonOf(cause)
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap(secret => [secret, encodeURIComponent(secret)])
    .filter(secret => secret !== '')
    .reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
}
