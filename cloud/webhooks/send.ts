// Sends one message to somebody's address, signed in the form of Standard Webhooks (standardwebhooks.com).
//
//   W1. What is signed is the message's id, the instant of sending and the body, with each secret that is in force.
//   W2. Nothing goes to an address that the guard does not let through, whatever name stands for it.
//   W3. A redirect is not followed, and is no word that the message was taken.
//   W4. Accepted is what was answered with 2xx within the time; 410 says never again; all else may be tried again.

import { createHmac } from 'node:crypto'
import { type IncomingMessage, request as requestPlainly } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { isIP } from 'node:net'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import { type AddressGuard, AddressRefused, type Network, openAddressGuard } from './address.ts'

/** A message to somebody's address. */
export interface WebhookMessage {
  /** The same each time that it is sent, so that whoever gets it twice can tell. */
  id: string
  url: string
  /** JSON. */
  body: string
  /** `whsec_…`: the one in force first, then one that still is for a while. */
  secrets: readonly string[]
}

/** What came of sending: taken, refused for ever, or not taken this time. */
export interface WebhookOutcome {
  kind: 'accepted' | 'refused' | 'unanswered'
  /** What was answered, or why nothing was. */
  answer: string
  /** The status, when there was an answer. */
  status?: number
}

/** A way to send webhooks. */
export interface WebhookSender {
  /** What is wrong with an address, as far as it can be said without asking; `undefined` when nothing is. */
  mistakeOf(url: string): string | undefined
  /** Sends a message and waits for the answer. Never throws. */
  send(message: WebhookMessage): Promise<WebhookOutcome>
}

const TIMEOUT_MS = 15_000
const ANSWER_BYTES_MAX = 500
const URL_LENGTH_MAX = 2_000
const GONE = 410

/** Opens a sender. `networks` are the private ones that it may send to. */
export function openWebhookSender(
  { clock }: { clock: Clock },
  { networks, timeoutMs = TIMEOUT_MS }: { networks: readonly Network[]; timeoutMs?: number },
): WebhookSender {
  const guard = openAddressGuard(networks)
  return {
    mistakeOf: url => mistakeOfAddress(guard, url),
    async send({ id, url, body, secrets }) {
      const mistake = mistakeOfAddress(guard, url)
      if (mistake !== undefined) return { kind: 'refused', answer: `The address ${mistake}` }
      const headers = signedHeaders({ id, atS: Math.floor(clock.now() / 1000), body, secrets })
      try {
        return outcomeOf(await ask({ method: 'POST', url: new URL(url), headers, body }, guard, timeoutMs))
      } catch (error) {
        const kind = error instanceof AddressRefused ? 'refused' : 'unanswered'
        return { kind, answer: reasonOf(error).slice(0, ANSWER_BYTES_MAX) }
      }
    },
  }
}

/** The three headers of a message, and its type. */
export function signedHeaders({
  id,
  atS,
  body,
  secrets,
}: {
  id: string
  atS: number
  body: string
  secrets: readonly string[]
}): Record<string, string> {
  const signatures = secrets.map(secret => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${atS}.${body}`).digest('base64')}`
  })
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(atS),
    'webhook-signature': signatures.join(' '),
  }
}

/** What is wrong with an address, as far as it can be said without asking. */
export function mistakeOfAddress(guard: AddressGuard, text: string): string | undefined {
  if (text.length > URL_LENGTH_MAX) return `must have at most ${URL_LENGTH_MAX} characters`
  if (!URL.canParse(text)) return 'is no URL'
  const { protocol, hostname, username, password } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https://'
  if (username !== '' || password !== '') return 'must not hold a user or a password'
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) === 0) return protocol === 'https:' ? undefined : 'must begin with https://'
  if (!guard.allows(host)) return `is ${host}, which is no public address and not in WEBHOOK_NETWORKS`
  if (protocol === 'http:' && !guard.isNamed(host)) return 'must begin with https://'
  return undefined
}

/** A request to somebody's address. */
export interface Asked {
  method: 'POST' | 'PUT' | 'GET'
  url: URL
  headers: Record<string, string>
  body: string
}

/** The beginning of an answer. */
export interface Said {
  status: number
  text: string
}

/** Asks an address that the guard lets through, and reads the beginning of the answer. */
export function ask(
  { method, url, headers, body }: Asked,
  guard: AddressGuard,
  timeoutMs: number,
): Promise<Said> {
  const signal = AbortSignal.timeout(timeoutMs)
  const bytes = Buffer.from(body, 'utf8')
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestSecurely : requestPlainly)(url, {
      ...{ method, agent: false, signal, lookup: guard.lookup },
      headers: { ...headers, 'content-length': String(bytes.length), 'user-agent': 'SmartHydro' },
    })
    request.once('error', error =>
      reject(signal.aborted ? new Error(`No answer within ${timeoutMs} ms`) : error),
    )
    request.once('response', response => readStart(response).then(resolve, reject))
    request.end(bytes)
  })
}

/** As much of an answer as is kept; the rest is not waited for. */
async function readStart(response: IncomingMessage): Promise<Said> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes >= ANSWER_BYTES_MAX) break
  }
  response.destroy()
  const text = Buffer.concat(pieces).toString('utf8').slice(0, ANSWER_BYTES_MAX)
  return { status: response.statusCode ?? 0, text: text.replaceAll('\u0000', '') }
}

function outcomeOf({ status, text }: Said): WebhookOutcome {
  const answer = text === '' ? String(status) : `${status}: ${text}`
  if (status >= 200 && status < 300) return { kind: 'accepted', answer, status }
  return { kind: status === GONE ? 'refused' : 'unanswered', answer, status }
}
