// What the doubles of HTTP services share: a socket, the requests that came, and what goes wrong on demand.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../protocol/runtime/clock.ts'

/** A request as it came. */
export interface SeenRequest {
  at: number
  method: string
  /** Path and query. */
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** What is answered. A body that is no text is sent as JSON. */
export interface Answer {
  status: number
  headers?: Record<string, string>
  body: unknown
}

/** What goes wrong. */
export type ServiceFault =
  /** Answers with this instead. */
  | ({ kind: 'answer' } & Answer)
  /** Never answers. */
  | { kind: 'hang' }
  /** Ends the connection with a reset, before an answer or in its middle. */
  | { kind: 'reset' }
  | { kind: 'cut' }
  /** Answers with half of what it should. */
  | { kind: 'truncated' }
  /** Answers with so many bytes. */
  | { kind: 'huge'; bytes: number }

/** Which requests a fault hits: those of a channel, if one is named, with this text in their path, so many times. */
export interface ServiceFaultRule {
  fault: ServiceFault
  channel?: string
  text?: string
  times?: number
}

/** A service, listening. */
export interface Service {
  url: string
  requests: SeenRequest[]
  /** The paths of the requests of one channel. */
  paths(channel: string): string[]
  /** How many requests that were never answered their client has given up. */
  abandoned(): number
  /** Adds what goes wrong; the first rule that fits hits. */
  fail(...rules: ServiceFaultRule[]): void
  /** Nothing goes wrong any more. */
  heal(): void
  /** As in an outage; start() listens on the same port again. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Pages and answers that are none, as real servers gave them. */
export const FAULTS = {
  html502: {
    kind: 'answer',
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<html><body>502 Bad Gateway</body></html>',
  },
  html200: {
    kind: 'answer',
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<html><body>Mantención</body></html>',
  },
  notFound: { kind: 'answer', status: 404, body: { status: 'error', code: 404, message: 'Not found' } },
  rateLimited403: { kind: 'answer', status: 403, body: { status: 'error', message: 'Rate limit exceeded' } },
  unauthorized: { kind: 'answer', status: 401, body: { status: 401, message: 'Token has expired' } },
  emptyObject: { kind: 'answer', status: 200, body: {} },
} as const satisfies Record<string, ServiceFault>

/** "Too many requests", with when to come back. */
export function tooMany(retryAfter: string): ServiceFault {
  return {
    kind: 'answer',
    status: 429,
    headers: { 'retry-after': retryAfter },
    body: { message: 'Too many' },
  }
}

const REQUESTS_MAX = 10_000

/** Opens a service. `channelOf` names what a request wants; `answer` is what it gets when nothing goes wrong. */
export async function openService(
  { clock }: { clock: Clock },
  { port = 0 }: { port?: number },
  channelOf: (request: SeenRequest) => string,
  answer: (request: SeenRequest) => Answer,
): Promise<Service> {
  let rules: { rule: ServiceFaultRule; left: number }[] = []
  let bound = port
  let abandoned = 0
  const faultFor = (request: SeenRequest): ServiceFault | undefined => {
    const hit = rules.find(
      ({ rule: { channel, text = '' }, left }) =>
        left > 0 && (channel ?? channelOf(request)) === channelOf(request) && request.path.includes(text),
    )
    if (hit !== undefined) hit.left -= 1
    return hit?.rule.fault
  }
  const receive = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const { method = 'GET', url: path = '/', headers } = incoming
    const body = Buffer.concat(chunks).toString('utf8')
    const request = { at: clock.now(), method, path, headers, body }
    service.requests.push(request)
    if (service.requests.length > REQUESTS_MAX) service.requests.shift()
    const fault = faultFor(request)
    if (fault?.kind === 'hang') response.once('close', () => (abandoned += 1))
    send(response, fault, () => answer(request))
  }
  const server = createServer((incoming, response) => {
    receive(incoming, response).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`The double failed: ${error}`)
    })
  })
  const service: Service = {
    url: '',
    requests: [],
    abandoned: () => abandoned,
    paths: channel => service.requests.filter(one => channelOf(one) === channel).map(({ path }) => path),
    fail: (...added) => void rules.push(...added.map(rule => ({ rule, left: rule.times ?? Infinity }))),
    heal: () => {
      rules = []
    },
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(bound, '127.0.0.1', () => resolve())
      }),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    close: () => service.stop(),
  }
  await service.start()
  bound = (server.address() as AddressInfo).port
  service.url = `http://127.0.0.1:${bound}`
  return service
}

function send(response: ServerResponse, fault: ServiceFault | undefined, answer: () => Answer): void {
  switch (fault?.kind) {
    case 'hang':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 })
      response.write('{"', () => response.socket?.resetAndDestroy())
      return
    case 'huge':
      write(response, { status: 200, body: `[${'0,'.repeat(fault.bytes / 2)}0]` })
      return
    case 'truncated': {
      const text = textOf(answer().body)
      write(response, { status: 200, body: text.slice(0, text.length / 2) })
      return
    }
    default:
      write(response, fault ?? answer())
  }
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
    .end(textOf(body))
}

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))
