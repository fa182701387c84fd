// DGA's REST service (MEE): Res. Ex. DGA 2.170/2025, Manual Técnico 1/2025.
//
// There is no session: RUT, password and control centre travel in the body of each POST. GET asks with a receipt, and
// carries no credentials.

import { z } from 'zod'
import { regulatorDate, regulatorTime } from '../calendar.ts'
import type { Declaration } from '../declaration.ts'
import type { WorkKind } from '../obligation.ts'
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

/** Where the service is, without `/api/v1/…`. */
export const REST_URL = 'https://apimee.mop.gob.cl'

/** How the time of sending is written. The manual prints `literal` and does not say what its zeros mean. */
export type TimeStampForm = 'literal' | 'offset' | 'utc'

/** What openRestClient() is told. */
export interface RestOptions {
  url?: string
  timeStamp?: TimeStampForm
  limits?: Partial<ExchangeLimits>
  mistakes?: readonly MistakePattern[]
}

/** Opens the client of the REST service. */
export function openRestClient({ fetch }: { fetch: Fetch }, options: RestOptions = {}): DgaClient {
  const { url = REST_URL, timeStamp = 'literal', mistakes = MISTAKE_PATTERNS } = options
  const limits = { ...EXCHANGE_LIMITS, ...options.limits }
  const base = `${url.replace(/\/$/, '')}/api/v1/mediciones`
  return {
    async submit(declaration, credentials, sentAt, signal) {
      const { path } = KINDS[declaration.kind]
      const headers = {
        'content-type': 'application/json',
        codigoObra: declaration.workCode,
        timeStampOrigen: toTimeStamp(sentAt, timeStamp),
      }
      const target = `${base}/${path}`
      const body = JSON.stringify(toBody(declaration, credentials))
      const answer = await exchange(fetch, target, { method: 'POST', headers, body }, limits, signal)
      const shown = JSON.stringify(toBody(declaration, { ...credentials, password: REDACTED }))
      const submission = toOutcome(answer, mistakes)
      return {
        submission: keptSubmission(submission, credentials.password),
        evidence: evidenceOf(requestText(`POST ${target}`, headers, shown), answer, credentials.password),
      }
    },
    async verify(declaration, receipt, signal) {
      const { path } = KINDS[declaration.kind]
      const query = new URLSearchParams({ codigoObra: declaration.workCode, numeroComprobante: receipt })
      const target = `${base}/${path}?${query}`
      const answer = await exchange(fetch, target, { method: 'GET', headers: {} }, limits, signal)
      return {
        verification: keptVerification(toVerification(answer, declaration)),
        evidence: evidenceOf(requestText(`GET ${target}`), answer, ''),
      }
    },
  }
}

/** The path of each kind, the name of its block, and its messages' words. Manual Técnico 1/2025, section 4. */
const KINDS = {
  groundwater: { path: 'subterraneas', block: 'medicionSubterranea' },
  surface_pipe: { path: 'superficiales/flujometro', block: 'medicionSuperficialFlujometro' },
  surface_channel: { path: 'superficiales', block: 'medicionSuperficial' },
} as const satisfies Record<WorkKind, { path: string; block: string }>

/** The body of a POST. Every value is a text, its keys in the manual's order. */
function toBody(declaration: Declaration, { rut, controlCentreRut, password }: Credentials): object {
  const { kind, measuredAt, flow, total, level } = declaration
  const when = { fechaMedicion: regulatorDate(measuredAt), horaMedicion: regulatorTime(measuredAt) }
  const autenticacion = { password, rutEmpresa: controlCentreRut, rutUsuario: rut }
  const values = {
    groundwater: { caudal: flow, ...when, nivelFreaticoDelPozo: level, totalizador: total },
    surface_pipe: { caudal: flow, ...when, totalizador: total },
    surface_channel: { alturaLimnimetrica: level, caudal: flow, ...when },
  }
  return { autenticacion, [KINDS[kind].block]: values[kind] }
}

function toTimeStamp(at: number, form: TimeStampForm): string {
  if (form === 'utc') return `${new Date(at).toISOString().slice(0, 19)}Z`
  return `${regulatorDate(at)}T${regulatorTime(at)}${form === 'literal' ? '-0000' : '-04:00'}`
}

/** Their envelope. Other keys are theirs to add, and what stands oddly beside a status does not undo what it says. */
const Envelope = z.looseObject({
  status: z.union([z.string(), z.number()]).transform(String).optional(),
  message: z.string().nullish().catch(undefined),
  data: z.record(z.string(), z.unknown()).nullish().catch(undefined),
})

function toEnvelope(text: string): z.output<typeof Envelope> | undefined {
  try {
    return Envelope.safeParse(JSON.parse(text)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** "Anything other than 00 is an error": section 5.1. */
const SUCCESS = '00'

function toOutcome(answer: Exchange, mistakes: readonly MistakePattern[]): Submission {
  if (answer.kind === 'lost') {
    return { kind: answer.arrived === 'no' ? 'not_sent' : 'unknown_outcome', reason: answer.reason }
  }
  const envelope = toEnvelope(answer.text)
  if (envelope?.status === undefined && envelope?.message === undefined) {
    return toUnreadSubmission(answer, `HTTP ${answer.status} with something that is not an answer`)
  }
  return toSubmission(
    {
      httpStatus: answer.status,
      retryAfterMs: answer.retryAfterMs,
      succeeded: envelope.status === SUCCESS,
      message: envelope.message ?? '',
      receipt: toReceipt(envelope.data?.numeroComprobante),
    },
    mistakes,
  )
}

function toVerification(answer: Exchange, declaration: Declaration): Verification {
  if (answer.kind === 'lost') return { kind: 'no_answer', reason: answer.reason }
  const envelope = toEnvelope(answer.text)
  if (envelope === undefined || isNoJudgement(answer.status)) {
    const said = envelope?.message ?? 'something that is not an answer'
    return noAnswer(answer, `HTTP ${answer.status} with ${said}`)
  }
  const { status, message, data } = envelope
  if (status !== SUCCESS || data === null || data === undefined || Object.keys(data).length === 0) {
    return { kind: 'not_found', reason: `HTTP ${answer.status}: ${message ?? 'no measurement'}` }
  }
  const found = differences(expectedOf(declaration), textsOf(data))
  return found.length === 0 ? { kind: 'match' } : { kind: 'mismatch', differences: found }
}

/** What GET gives back, in its own order of the date: `DD-MM-YYYY`. */
function expectedOf({
  kind,
  measuredAt,
  flow,
  total,
  level,
}: Declaration): Record<string, string | undefined> {
  return {
    fechaMedicion: regulatorDate(measuredAt).split('-').reverse().join('-'),
    horaMedicion: regulatorTime(measuredAt),
    caudal: flow,
    ...(kind === 'surface_channel' ? { alturaLimnimetrica: level } : { totalizador: total }),
    ...(kind === 'groundwater' ? { nivelFreaticoDelPozo: level } : {}),
  }
}

function textsOf(values: Record<string, unknown>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' || typeof value === 'number' ? String(value) : undefined,
    ]),
  )
}
