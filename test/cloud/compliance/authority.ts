// DGA's two addresses for tests of the sending: REST and SOAP in front of the double's judge, faults and monitor.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type DgaFault, type FaultScript, openFaultScript } from '../../doubles/dga/faults.ts'
import { type Judge, judge, type Sent, type Verdict } from '../../doubles/dga/judge.ts'
import { type Monitor, openMonitor } from '../../doubles/dga/monitor.ts'
import {
  type HeldMeasurement,
  type Holdings,
  openHoldings,
  type Registry,
  randomFrom,
  type WorkKind,
} from '../../doubles/dga/registry.ts'
import { child, escapeXml, parseXml } from '../../doubles/dga/xml.ts'

/** The authority, listening. */
export interface Authority {
  url: string
  registry: Registry
  holdings: Holdings
  faults: FaultScript
  monitor: Monitor
  /** Requests that submitted something, by channel and work. */
  submissions: { channel: 'rest' | 'soap'; work: string }[]
  /** Called after a measurement was judged and before it is answered. */
  beforeAnswer: ((work: string) => Promise<void>) | undefined
  /** Stops listening, as in an outage; start() listens on the same port again. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

const KINDS: Record<string, { kind: WorkKind; block: string; word: string }> = {
  subterraneas: { kind: 'groundwater', block: 'medicionSubterranea', word: 'subterránea' },
  'superficiales/flujometro': {
    kind: 'surface_pipe',
    block: 'medicionSuperficialFlujometro',
    word: 'superficial con flujómetro',
  },
  superficiales: { kind: 'surface_channel', block: 'medicionSuperficial', word: 'superficial' },
}

/** Opens the authority with nobody registered. */
export async function openAuthority({ clock }: { clock: Clock }, { seed = 1 } = {}): Promise<Authority> {
  const random = randomFrom(seed)
  const registry: Registry = { controlCentres: [], informants: [], works: [] }
  const holdings = openHoldings(random)
  const dga: Judge = { registry, holdings, strict: true, refuseFuture: true }
  const faults = openFaultScript(random)
  const monitor = openMonitor()
  let port = 0
  const server = createServer((request, response) => {
    void read(request).then(body => {
      if (request.method === 'GET') return check(authority, request, response)
      return submit({ authority, dga, clock }, request, response, body)
    })
  })
  const authority: Authority = {
    ...{ url: '', registry, holdings, faults, monitor, submissions: [], beforeAnswer: undefined },
    start: () => new Promise(resolve => server.listen(port, '127.0.0.1', resolve)),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    close: () => authority.stop(),
  }
  await authority.start()
  const address = server.address()
  if (typeof address === 'object' && address !== null) port = address.port
  authority.url = `http://127.0.0.1:${port}`
  return authority
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

interface Parts {
  authority: Authority
  dga: Judge
  clock: Clock
}

async function submit(
  { authority, dga, clock }: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const { faults, monitor, submissions } = authority
  const channel = request.url?.startsWith('/soap') ? 'soap' : 'rest'
  if (channel === 'soap' && body.includes('getDataExtraccionRequest'))
    return checkSoap(authority, response, body)
  const { sent, word } = channel === 'soap' ? soapSent(body) : restSent(request, body)
  const now = clock.now()
  const arrival = {
    work: String(sent.work),
    date: String(sent.fechaMedicion),
    time: String(sent.horaMedicion),
    now,
  }
  submissions.push({ channel, work: arrival.work })
  monitor.arrived(arrival)
  if (`${request.url}${JSON.stringify(request.headers)}`.includes(String(sent.password)))
    monitor.passwordSeen('headers', now)
  const fault = faults.next({ channel, work: arrival.work, informant: String(sent.rutUsuario), now })
  const isHeld = fault === undefined || !['lost', 'answer'].includes(fault.kind)
  const verdict = isHeld ? judge(dga, sent, now, channel) : undefined
  await authority.beforeAnswer?.(arrival.work)
  if (fault?.kind === 'stored-but-lost' || fault?.kind === 'lost') return lose(fault.mode, response)
  if (fault?.kind === 'answer') {
    response
      .writeHead(fault.status, { 'content-type': fault.contentType ?? 'application/json' })
      .end(fault.body)
    return
  }
  if (verdict === undefined) throw new Error('Nothing was judged')
  if (verdict.kind !== 'refused') monitor.told(arrival)
  const answer = channel === 'soap' ? soapAnswer(verdict, fault) : restAnswer(verdict, word, fault)
  response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body)
}

function lose(mode: 'hang' | 'close' | 'reset' | 'cut', response: ServerResponse): void {
  if (mode === 'hang') return
  if (mode === 'cut') response.writeHead(200, { 'content-length': 1000 }).write('{"status":')
  setImmediate(() => response.socket?.destroy())
}

function restSent(request: IncomingMessage, body: string): { sent: Sent; word: string } {
  const path = request.url?.replace('/api/v1/mediciones/', '') ?? ''
  const { kind, block, word } = KINDS[path] ?? { kind: 'groundwater', block: '', word: '' }
  const { autenticacion, [block]: values } = JSON.parse(body)
  const sent: Sent = {
    ...{ kind, ...autenticacion, ...values },
    work: request.headers.codigoobra as string | undefined,
    timeStampOrigen: request.headers.timestamporigen as string | undefined,
    level: values?.nivelFreaticoDelPozo ?? values?.alturaLimnimetrica,
  }
  return { sent, word }
}

function soapSent(body: string): { sent: Sent; word: string } {
  const envelope = parseXml(body)
  const header = child(child(envelope, 'Header'), 'authSendDataExtraccionTraza')
  const request = child(child(envelope, 'Body'), 'authSendDataExtraccionRequest')
  const well = child(request, 'authDataExtraccionSubterranea')
  const values = well ?? child(request, 'authDataExtraccionSuperficial')
  const text = (name: string) => child(values, name)?.text
  const stamp = child(header, 'timeStampOrigen')?.text ?? ''
  const sent: Sent = {
    kind: well === undefined ? 'surface_channel' : 'groundwater',
    work: child(header, 'codigoDeLaObra')?.text,
    timeStampOrigen: stamp.replace('Z', '-0000'),
    rutUsuario: child(child(child(request, 'authDataUsuario'), 'idUsuario'), 'rut')?.text,
    password: child(child(request, 'authDataUsuario'), 'password')?.text,
    caudal: text('caudal'),
    totalizador: text('totalizador'),
    level: text('nivelFreaticoDelPozo') ?? text('alturaLimnimetrica'),
    fechaMedicion: text('fechaMedicion')?.split('-').reverse().join('-'),
    horaMedicion: text('horaMedicion'),
  }
  return { sent, word: '' }
}

const DUPLICATE = 'Ya existe un registro en esa fecha, hora para la obra.'

function messageOf(verdict: Exclude<Verdict, { kind: 'accepted' }>, fault: DgaFault | undefined): string {
  if (verdict.kind === 'refused') return verdict.message
  return fault?.kind === 'duplicate-without-receipt'
    ? DUPLICATE
    : `${DUPLICATE} Comprobante: ${verdict.held.receipt}`
}

function restAnswer(verdict: Verdict, word: string, fault: DgaFault | undefined) {
  const type = 'application/json; charset=utf-8'
  if (verdict.kind !== 'accepted') {
    return {
      status: 400,
      type,
      body: JSON.stringify({ status: '400', message: messageOf(verdict, fault), data: null }),
    }
  }
  const data = fault?.kind === 'no-receipt' ? {} : { numeroComprobante: verdict.held.receipt }
  return {
    status: 200,
    type,
    body: JSON.stringify({ status: '00', message: `Medición ${word} ingresada correctamente`, data }),
  }
}

const RESPONSES = 'http://www.mop.cl/controlextraccion/xsd/datosExtraccion'
const envelope = (inside: string): string =>
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${inside}</soapenv:Body></soapenv:Envelope>`
const status = (code: string, text: string): string =>
  `<status><Code>${code}</Code><Description>${escapeXml(text)}</Description></status>`

function soapAnswer(verdict: Verdict, fault: DgaFault | undefined) {
  const receipt = verdict.kind === 'accepted' && fault?.kind !== 'no-receipt' ? verdict.held.receipt : ''
  const said = verdict.kind === 'accepted' ? status('0', 'ok') : status('1', messageOf(verdict, fault))
  const inside = `<authSendDataExtraccionResponse xmlns="${RESPONSES}/AuthSendDataExtraccionResponse"><numeroComprobante>${receipt}</numeroComprobante>${said}</authSendDataExtraccionResponse>`
  return { status: 200, type: 'text/xml', body: envelope(inside) }
}

/** Trailing zeros are lost, one decimal stays. */
const decimal = (value: number | null): string =>
  value === null ? '' : Number.isInteger(value) ? `${value}.0` : String(value)

const backwards = (date: string): string => date.split('-').reverse().join('-')

function check({ holdings }: Authority, request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? '', 'http://x').searchParams
  const held = holdings.byReceipt(query.get('numeroComprobante') ?? '')
  const found = held?.work === query.get('codigoObra') ? held : undefined
  response.writeHead(200, { 'content-type': 'application/json' })
  if (found === undefined)
    response.end(JSON.stringify({ status: '01', message: 'Comprobante no encontrado', data: {} }))
  else response.end(JSON.stringify({ status: '00', message: '', data: heldAsJson(found) }))
}

function heldAsJson({ kind, date, time, flow, total, level }: HeldMeasurement): object {
  return {
    ...{ fechaMedicion: backwards(date), horaMedicion: time, caudal: decimal(flow) },
    ...(kind === 'surface_channel' ? { alturaLimnimetrica: String(level) } : { totalizador: String(total) }),
    ...(kind === 'groundwater' ? { nivelFreaticoDelPozo: decimal(level) } : {}),
  }
}

function checkSoap({ holdings }: Authority, response: ServerResponse, body: string): void {
  const request = child(child(parseXml(body), 'Body'), 'getDataExtraccionRequest')
  const held = holdings.byReceipt(child(request, 'numeroComprobante')?.text ?? '')
  const measurement =
    held === undefined
      ? ''
      : `<medicion><fechaIngreso>${backwards(held.date)}</fechaIngreso><fechaMedicion>${backwards(held.date)}</fechaMedicion><caudal>${held.flow}</caudal><alturaLimnimetrica>0</alturaLimnimetrica><totalizador>${held.total}</totalizador><nivelFreaticoDelPozo>${held.level}</nivelFreaticoDelPozo></medicion>`
  const said = held === undefined ? status('1', 'no encontrado') : status('0', '')
  response.writeHead(200, { 'content-type': 'text/xml' })
  response.end(
    envelope(
      `<getDataExtraccionResponse xmlns="${RESPONSES}/GetDataExtraccionResponse">${measurement}${said}</getDataExtraccionResponse>`,
    ),
  )
}
