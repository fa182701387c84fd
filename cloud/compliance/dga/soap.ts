// DGA's SOAP service `SendDataExtraccionService`: the older way. Manual Técnico 1/2025 ends it for declarations after
// 31 July 2025; it is spoken where a work is still declared so.
//
// The package `soap` writes and reads the XML, from the WSDL beside this file. It does not touch the network: its HTTP
// client is replaced by our own bounded exchange. Numbers and instants are handed to it as final texts, because it
// would write a Date with milliseconds and a number without its zeros.

import { fileURLToPath } from 'node:url'
import { Client, createClientAsync, type IHttpClient, type WSDL } from 'soap'
import { z } from 'zod'
import { reasonOf } from '../../../protocol/runtime/errors.ts'
import { regulatorDate, regulatorTime } from '../calendar.ts'
import type { Declaration } from '../declaration.ts'
import type { Credentials, DgaClient, Submission, Verification } from './client.ts'
import { evidenceOf, keptSubmission, keptVerification, REDACTED, requestText } from './evidence.ts'
import { EXCHANGE_LIMITS, type Exchange, type ExchangeLimits, exchange, type Fetch } from './exchange.ts'
import {
  differences,
  isNoJudgement,
  MISTAKE_PATTERNS,
  type MistakePattern,
  noAnswer,
  toReceipt,
  toSubmission,
  toUnreadSubmission,
} from './outcome.ts'

/** Where the service is. */
export const SOAP_URL = 'https://snia.mop.gob.cl/controlextraccion/datosExtraccion/SendDataExtraccionService'

/** The service's own description, written from its published facts. */
export const WSDL_PATH = fileURLToPath(new URL('./wsdl/SendDataExtraccionService.wsdl', import.meta.url))

const NAMESPACE = 'http://www.mop.cl/controlextraccion/xsd/datosExtraccion/AuthSendDataExtraccionRequest'

/** What openSoapClient() is told. */
export interface SoapOptions {
  url?: string
  limits?: Partial<ExchangeLimits>
  mistakes?: readonly MistakePattern[]
}

/** Opens the client of the SOAP service. */
export async function openSoapClient(
  { fetch }: { fetch: Fetch },
  options: SoapOptions = {},
): Promise<DgaClient> {
  const { url = SOAP_URL, mistakes = MISTAKE_PATTERNS } = options
  const limits = { ...EXCHANGE_LIMITS, ...options.limits }
  const { wsdl } = await createClientAsync(WSDL_PATH)
  const wire: Wire = {
    wsdl,
    url,
    send: (body, headers, signal) => post(fetch, url, { body, headers }, limits, signal),
  }
  return {
    async submit(declaration, credentials, sentAt, signal) {
      const call = {
        operation: 'authSendDataExtraccionOp',
        header: toHeader(declaration, sentAt),
        body: toBody(declaration, credentials),
      } as const
      const { exchanged, parsed, request } = await ask(wire, call, signal)
      const secret = credentials.password
      return {
        submission: keptSubmission(toOutcome(exchanged, parsed, mistakes), secret),
        evidence: evidenceOf(request, exchanged, secret),
      }
    },
    async verify(declaration, receipt, signal) {
      const body = { codigoDeLaObra: declaration.workCode, numeroComprobante: receipt }
      const { exchanged, parsed, request } = await ask(
        wire,
        { operation: 'getDataExtraccionOp', body },
        signal,
      )
      return {
        verification: keptVerification(toVerification(exchanged, parsed, declaration)),
        evidence: evidenceOf(request, exchanged, ''),
      }
    },
  }
}

interface Wire {
  wsdl: WSDL
  url: string
  send(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Exchange>
}

interface Call {
  operation: 'authSendDataExtraccionOp' | 'getDataExtraccionOp'
  header?: object
  body: object
}

/** What came of a call: what the wire said, and what the package read in it, or why it could not. */
interface Asked {
  request: string
  exchanged: Exchange
  parsed: { kind: 'read'; result: unknown } | { kind: 'unreadable'; reason: string }
}

function post(
  fetch: Fetch,
  url: string,
  { body, headers }: { body: string; headers: Record<string, string> },
  limits: ExchangeLimits,
  signal: AbortSignal,
): Promise<Exchange> {
  return exchange(fetch, url, { method: 'POST', headers, body }, limits, signal)
}

/** The package keeps headers and the last request in its client: each call has a client of its own. */
async function ask(
  { wsdl, url, send }: Wire,
  { operation, header, body }: Call,
  signal: AbortSignal,
): Promise<Asked> {
  let exchanged: Exchange = { kind: 'lost', reason: 'Nothing was sent', arrived: 'no' }
  let request = ''
  let aborted: { reason: unknown } | undefined
  const carry = async (target: string, xml: string, done: Done, headers: Record<string, string> = {}) => {
    request = requestText(`POST ${target}`, headers, withoutPassword(xml))
    try {
      exchanged = await send(xml, headers, signal)
    } catch (reason) {
      aborted = { reason }
    }
    if (exchanged.kind === 'lost') done(new Error(exchanged.reason))
    else done(null, { status: exchanged.status, headers: {} }, exchanged.text)
  }
  const httpClient = { request: carry } as unknown as IHttpClient
  const client = new Client(wsdl, url, { httpClient })
  if (header !== undefined) client.addSoapHeader(header, '', 'asreq', NAMESPACE)
  const parsed = await new Promise<Asked['parsed']>(resolve => {
    client[operation](body, (error: unknown, result: unknown) =>
      resolve(error ? { kind: 'unreadable', reason: parseReason(error) } : { kind: 'read', result }),
    )
  })
  if (aborted !== undefined) throw aborted.reason
  return { request, exchanged, parsed }
}

/** XML that cannot be parsed is thrown by the package as a plain object; the place in it is not told. */
const ParseFault = z.object({ Fault: z.object({ faultstring: z.string(), detail: z.string() }) })

function parseReason(error: unknown): string {
  const fault = ParseFault.safeParse(error).data?.Fault
  return fault === undefined
    ? reasonOf(error)
    : `${fault.faultstring}: ${/^(?:Error: )?(.*)/.exec(fault.detail)?.[1]}`
}

type Done = (error: Error | null, response?: object, body?: string) => void

function toHeader({ workCode }: Declaration, sentAt: number): object {
  const timeStampOrigen = `${new Date(sentAt).toISOString().slice(0, 19)}Z`
  return { authSendDataExtraccionTraza: { codigoDeLaObra: workCode, timeStampOrigen } }
}

/** The keys stand in the order of the schema's sequences. */
function toBody(declaration: Declaration, { rut, password }: Credentials): object {
  const { kind, measuredAt, flow, total, level } = declaration
  const authDataUsuario = { idUsuario: { rut }, password }
  const when = { fechaMedicion: soapDate(measuredAt), horaMedicion: regulatorTime(measuredAt) }
  switch (kind) {
    case 'groundwater': {
      const values = { ...when, totalizador: total, caudal: flow, nivelFreaticoDelPozo: level }
      return { authDataUsuario, authDataExtraccionSubterranea: values }
    }
    case 'surface_channel': {
      const values = { ...when, caudal: flow, alturaLimnimetrica: level }
      return { authDataUsuario, authDataExtraccionSuperficial: values }
    }
    case 'surface_pipe':
      throw new Error(`Cannot declare ${declaration.workCode} over SOAP: no element for a pipe is known`)
  }
}

/** `dd-mm-yyyy`. */
const soapDate = (at: number): string => regulatorDate(at).split('-').reverse().join('-')

/** The password stands in one element of the request, escaped: everything between its tags is replaced. */
const withoutPassword = (xml: string): string =>
  xml.replace(/(<(?:\w+:)?password>)[^<]*/, (_, tag: string) => tag + REDACTED)

const Status = z.object({ Code: z.coerce.string(), Description: z.string().nullish() })
const SendAnswer = z.object({ numeroComprobante: z.unknown(), status: Status })
const Value = z.union([z.string(), z.number()]).transform(String).nullish()
const GetAnswer = z.object({
  medicion: z
    .object({
      fechaMedicion: Value,
      caudal: Value,
      alturaLimnimetrica: Value,
      totalizador: Value,
      nivelFreaticoDelPozo: Value,
    })
    .nullish(),
  status: Status,
})

/** "0 means success", says the schema. */
const SUCCESS = '0'

function toOutcome(
  exchanged: Exchange,
  parsed: Asked['parsed'],
  mistakes: readonly MistakePattern[],
): Submission {
  if (exchanged.kind === 'lost') {
    return { kind: exchanged.arrived === 'no' ? 'not_sent' : 'unknown_outcome', reason: exchanged.reason }
  }
  const answer = parsed.kind === 'read' ? SendAnswer.safeParse(parsed.result).data : undefined
  if (answer === undefined) return toUnreadSubmission(exchanged, unreadable(exchanged.status, parsed))
  const { Code, Description } = answer.status
  return toSubmission(
    {
      httpStatus: exchanged.status,
      retryAfterMs: exchanged.retryAfterMs,
      succeeded: Code === SUCCESS,
      message: `${Code}) ${Description ?? ''}`,
      receipt: toReceipt(answer.numeroComprobante),
    },
    mistakes,
  )
}

function unreadable(status: number, parsed: Asked['parsed']): string {
  const why = parsed.kind === 'unreadable' ? `: ${parsed.reason}` : ''
  return `HTTP ${status} with something that is not an answer${why}`
}

function toVerification(
  exchanged: Exchange,
  parsed: Asked['parsed'],
  declaration: Declaration,
): Verification {
  if (exchanged.kind === 'lost') return { kind: 'no_answer', reason: exchanged.reason }
  const answer = parsed.kind === 'read' ? GetAnswer.safeParse(parsed.result).data : undefined
  if (answer === undefined || isNoJudgement(exchanged.status))
    return noAnswer(exchanged, unreadable(exchanged.status, parsed))
  const { status, medicion } = answer
  if (status.Code !== SUCCESS || medicion === null || medicion === undefined) {
    return { kind: 'not_found', reason: `${status.Code}) ${status.Description ?? ''}` }
  }
  const held = Object.fromEntries(Object.entries(medicion).map(([name, value]) => [name, value ?? undefined]))
  const found = differences(expectedOf(declaration), held)
  return found.length === 0 ? { kind: 'match' } : { kind: 'mismatch', differences: found }
}

/** What comes back; the time of day does not. */
function expectedOf({
  kind,
  measuredAt,
  flow,
  total,
  level,
}: Declaration): Record<string, string | undefined> {
  const common = { fechaMedicion: soapDate(measuredAt), caudal: flow }
  if (kind === 'surface_channel') return { ...common, alturaLimnimetrica: level }
  return { ...common, totalizador: total, nivelFreaticoDelPozo: level }
}
