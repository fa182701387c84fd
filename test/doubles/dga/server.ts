// DGA, on a socket: both of its services, what goes wrong with them, and an administrator's side for tests.
//
//   POST, GET /api/v1/mediciones/…                                     REST (rest.ts)
//   POST      /controlextraccion/datosExtraccion/SendDataExtraccionService   SOAP (soap.ts), ?wsdl for its description
//   GET       /admin/measurements, /admin/requests, /admin/violations   what it holds, was asked, was done wrong
//   GET, PUT  /admin/registry                                          who and what is registered
//   POST      /admin/faults (rules), DELETE /admin/faults, POST /admin/unblock

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { randomFrom } from '../random.ts'
import { type Block, type BlockRule, openBlock } from './block.ts'
import { type DgaFault, type FaultScript, openFaultScript } from './faults.ts'
import type { Judge, Verdict } from './judge.ts'
import { judge } from './judge.ts'
import { type Monitor, openMonitor } from './monitor.ts'
import { type Holdings, openHoldings, type Registry } from './registry.ts'
import { answerRestCheck, readRestSubmission, restAnswer } from './rest.ts'
import { answerSoapCheck, readSoapSubmission, SOAP_PATH, soapAnswer, soapFault, wsdl } from './soap.ts'

/** What DGA answers. */
export interface Answer {
  status: number
  type: string
  body: string | Buffer
}

/** What nobody outside knows of the real one; each can be set. */
export interface Unknowns {
  /** HTTP status of REST refusals whose text was never seen. */
  refusalStatus: number
  /** HTTP status of a GET for a receipt that is not held. */
  notFoundStatus: number
  /** Whether a measurement of later than now is refused. */
  refuseFuture: boolean
}

/** What openDga() is told. */
export interface DgaOptions {
  port?: number
  /** Receipts and chances follow from it. */
  seed?: number
  /** By the letter of the manual; else what the real one was seen to take. */
  strict?: boolean
  unknowns?: Partial<Unknowns>
  /** So long an accepted measurement cannot be asked after. */
  visibleAfterMs?: number
  /** From this instant on SOAP refuses everything. */
  soapRetiredFrom?: number
  /** The perimeter's block; none unless given. */
  block?: BlockRule
  /** A file in which what is held outlives the process. */
  file?: string
}

/** A request as it came. */
export interface SeenRequest {
  at: number
  method: string
  path: string
  body: string
}

/** DGA, listening. */
export interface Dga {
  url: string
  soapUrl: string
  registry: Registry
  holdings: Holdings
  faults: FaultScript
  monitor: Monitor
  /** The latest requests, oldest first. */
  requests: SeenRequest[]
  /** Requests that submitted something, by channel and work. */
  submissions: { channel: 'rest' | 'soap'; work: string }[]
  /** Called after a measurement was judged and before it is answered. */
  beforeAnswer: ((work: string) => Promise<void>) | undefined
  unblock(): void
  /** Stops listening, as in an outage; start() listens on the same port again. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

const REQUESTS_MAX = 10_000

/** Everything that answering needs. */
export interface Parts {
  dga: Dga
  clock: Clock
  rules: Judge
  unknowns: Unknowns
  visibleAfterMs: number
  soapRetiredFrom: number
  block: Block
}

/** Opens DGA with nobody registered. */
export async function openDga({ clock }: { clock: Clock }, options: DgaOptions = {}): Promise<Dga> {
  const { seed = 1, strict = false, visibleAfterMs = 0, soapRetiredFrom = Infinity, file } = options
  const unknowns = { refusalStatus: 400, notFoundStatus: 200, refuseFuture: true, ...options.unknowns }
  const random = randomFrom(seed)
  const registry: Registry = { controlCentres: [], informants: [], works: [] }
  const holdings = openHoldings(random, file)
  const block = openBlock(options.block)
  let port = options.port ?? 0
  const server = createServer((request, response) => {
    void receive(parts, request, response).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`The double failed: ${error}`)
    })
  })
  const dga: Dga = {
    ...{ url: '', soapUrl: '', registry, holdings },
    ...{ faults: openFaultScript(random), monitor: openMonitor() },
    ...{ requests: [], submissions: [], beforeAnswer: undefined, unblock: block.lift },
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject)
          resolve()
        })
      }),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    close: () => dga.stop(),
  }
  const rules: Judge = { registry, holdings, strict, refuseFuture: unknowns.refuseFuture }
  const parts: Parts = { dga, clock, rules, unknowns, visibleAfterMs, soapRetiredFrom, block }
  await dga.start()
  port = (server.address() as AddressInfo).port
  dga.url = `http://127.0.0.1:${port}`
  dga.soapUrl = `${dga.url}${SOAP_PATH}`
  return dga
}

async function receive(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { dga, clock, block } = parts
  const body = await readBody(request)
  const { method = 'GET', url: path = '/' } = request
  const { pathname } = new URL(path, dga.url)
  if (pathname.startsWith('/admin/')) return send(response, administer(parts, method, pathname, body))
  dga.requests.push({ at: clock.now(), method, path, body })
  if (dga.requests.length > REQUESTS_MAX) dga.requests.shift()
  watchPasswords(parts, request)
  const blocked = block.arrived(clock.now())
  if (blocked === 'reset') return void response.socket?.resetAndDestroy()
  if (blocked === 'page') return send(response, html(403, 'Acceso bloqueado'))
  if (pathname.startsWith('/controlextraccion/')) return receiveSoap(parts, request, response, body)
  if (method === 'GET') return receiveRestCheck(parts, request, response)
  return receiveRest(parts, request, response, body)
}

/** A password of anybody belongs into the body of a POST, and nowhere else. */
function watchPasswords({ dga, clock }: Parts, { url = '', headers }: IncomingMessage): void {
  const asked = [...new URL(url, dga.url).searchParams.values()]
  const outside = [url, ...asked, JSON.stringify(headers)]
  const passwords = dga.registry.informants.flatMap(({ password, rotation }) => [
    password,
    rotation?.password,
  ])
  const isSeen = passwords.some(
    password => password !== undefined && password !== '' && outside.some(text => text.includes(password)),
  )
  if (isSeen) dga.monitor.passwordSeen('address or headers', clock.now())
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

const html = (status: number, text: string): Answer => ({
  status,
  type: 'text/html',
  body: `<html><body>${text}</body></html>`,
})

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type }).end(body)
}

async function receiveRest(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const read = readRestSubmission(request.url ?? '', request.headers, body)
  if (read === undefined) return send(response, html(404, 'Not Found'))
  const answer = (verdict: Verdict, fault: DgaFault | undefined) =>
    restAnswer(verdict, read.word, fault, parts.unknowns)
  await submit(parts, { channel: 'rest', ...read, answer }, request, response)
}

async function receiveSoap(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  if (request.method === 'GET') return send(response, wsdl())
  const read = readSoapSubmission(body, parts.rules.strict)
  if (read.kind === 'malformed') return send(response, soapFault(read.message))
  if (read.kind === 'check') {
    const fault = faultOf(parts, 'get', read.work, '')
    if (await tryFault(parts, fault, response)) return
    return send(response, answerSoapCheck(parts, read))
  }
  const retired: Verdict | undefined =
    parts.clock.now() < parts.soapRetiredFrom
      ? undefined
      : { kind: 'refused', observed: false, message: 'Error: servicio retirado (no observado)' }
  const mistake = retired ?? read.mistake
  await submit(
    parts,
    { channel: 'soap', sent: read.sent, ...(mistake === undefined ? {} : { mistake }), answer: soapAnswer },
    request,
    response,
  )
}

async function receiveRestCheck(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const query = new URL(request.url ?? '', parts.dga.url).searchParams
  const fault = faultOf(parts, 'get', query.get('codigoObra') ?? '', '')
  if (await tryFault(parts, fault, response)) return
  send(response, answerRestCheck(parts, query))
}

function faultOf(
  { dga, clock }: Parts,
  channel: 'rest' | 'soap' | 'get',
  work: string,
  informant: string,
): DgaFault | undefined {
  const kind = dga.registry.works.find(({ code }) => code === work)?.kind
  return dga.faults.next({ channel, work, informant, kind, now: clock.now() })
}

interface Received {
  channel: 'rest' | 'soap'
  sent: Parameters<typeof judge>[1]
  /** What is wrong before any judging. */
  mistake?: Verdict
  answer: (verdict: Verdict, fault: DgaFault | undefined) => Answer
}

async function submit(
  parts: Parts,
  { channel, sent, mistake, answer }: Received,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { dga, clock, rules, block } = parts
  const now = clock.now()
  const work = String(sent.work)
  const arrival = { work, date: String(sent.fechaMedicion), time: String(sent.horaMedicion), now }
  dga.submissions.push({ channel, work })
  dga.monitor.arrived(arrival)
  const fault = faultOf(parts, channel, work, String(sent.rutUsuario))
  const isJudged = fault === undefined || !['lost', 'answer'].includes(fault.kind)
  const verdict = isJudged ? (mistake ?? judge(rules, sent, now, channel)) : undefined
  if (verdict?.kind === 'duplicate') block.duplicate(now)
  if (verdict?.kind === 'accepted' && fault?.kind === 'stored-wrong' && verdict.held.flow !== null) {
    dga.holdings.replace({ ...verdict.held, flow: verdict.held.flow + 1 })
  }
  await dga.beforeAnswer?.(work)
  if (await tryFault(parts, fault, response)) return
  if (verdict === undefined) throw new Error('Nothing was judged')
  if (verdict.kind !== 'refused') dga.monitor.told(arrival)
  send(response, answer(verdict, fault))
}

/** Does what goes wrong with the answer; `false` when there is still one to give. */
async function tryFault(
  { clock }: Parts,
  fault: DgaFault | undefined,
  response: ServerResponse,
): Promise<boolean> {
  if (fault?.kind === 'stored-but-lost' || fault?.kind === 'lost') {
    if (fault.mode === 'cut')
      response.writeHead(200, { 'content-length': 1000, 'content-type': 'application/json' })
    if (fault.mode === 'cut') response.write('{"status":')
    if (fault.mode === 'reset') response.socket?.resetAndDestroy()
    else if (fault.mode !== 'hang') setImmediate(() => response.socket?.destroy())
    return true
  }
  if (fault?.kind === 'answer') {
    const { status, contentType = 'application/json', body, encoding = 'utf8' } = fault
    send(response, { status, type: contentType, body: Buffer.from(body, encoding) })
    return true
  }
  if (fault?.kind === 'slow') await clock.sleep(fault.ms)
  return false
}

function administer({ dga, block }: Parts, method: string, path: string, body: string): Answer {
  const json = (value: unknown): Answer => ({
    status: 200,
    type: 'application/json; charset=utf-8',
    body: JSON.stringify(value, null, 2),
  })
  switch (`${method} ${path}`) {
    case 'GET /admin/measurements':
      return json(dga.holdings.all())
    case 'GET /admin/requests':
      return json(dga.requests)
    case 'GET /admin/violations':
      return json({ violations: dga.monitor.violations, late: dga.monitor.late })
    case 'GET /admin/registry':
      return json(dga.registry)
    case 'PUT /admin/registry':
      return json(Object.assign(dga.registry, JSON.parse(body)))
    case 'POST /admin/faults':
      dga.faults.add(...JSON.parse(body))
      return json({})
    case 'DELETE /admin/faults':
      dga.faults.clear()
      return json({})
    case 'POST /admin/unblock':
      block.lift()
      return json({})
    default:
      return html(404, 'Not Found')
  }
}
