// DGA's REST service: its addresses, its blocks, its answers. Manual Técnico 1/2025.

import type { IncomingHttpHeaders } from 'node:http'
import type { DgaFault } from './faults.ts'
import type { Sent, Verdict } from './judge.ts'
import { type HeldMeasurement, isVisible, type WorkKind } from './registry.ts'
import type { Answer, Parts, Unknowns } from './server.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

interface Kind {
  kind: WorkKind
  /** The object in the body that holds the values. */
  block: string
  /** What the message calls it. */
  word: string
}

const KINDS: Record<string, Kind> = {
  subterraneas: { kind: 'groundwater', block: 'medicionSubterranea', word: 'subterránea' },
  'superficiales/flujometro': {
    kind: 'surface_pipe',
    block: 'medicionSuperficialFlujometro',
    word: 'superficial con flujómetro',
  },
  superficiales: { kind: 'surface_channel', block: 'medicionSuperficial', word: 'superficial' },
}

/** What a POST says; `undefined` at an address that is none. */
export function readRestSubmission(
  path: string,
  headers: IncomingHttpHeaders,
  body: string,
): { sent: Sent; word: string; mistake?: Verdict } | undefined {
  const found = KINDS[path.split('?')[0]?.replace('/api/v1/mediciones/', '') ?? '']
  if (found === undefined) return undefined
  const document = readJson(body)
  const { [found.block]: block, autenticacion = {} } = document ?? {}
  const values = isObject(block) ? block : {}
  const { codigoobra, timestamporigen } = headers
  const sent = {
    ...{ kind: found.kind, caudal: undefined, fechaMedicion: undefined, horaMedicion: undefined },
    ...{ rutEmpresa: undefined, rutUsuario: undefined, password: undefined },
    ...autenticacion,
    ...values,
    work: codigoobra === undefined ? undefined : String(codigoobra),
    timeStampOrigen: timestamporigen === undefined ? undefined : String(timestamporigen),
    level: values.nivelFreaticoDelPozo ?? values.alturaLimnimetrica,
  } satisfies Sent
  if (document === undefined) return { sent, word: found.word, mistake: refused('el cuerpo no es JSON') }
  if (!isObject(block)) return { sent, word: found.word, mistake: refused(`falta ${found.block}`) }
  return { sent, word: found.word }
}

const refused = (what: string): Verdict => ({
  kind: 'refused',
  observed: false,
  message: `Error: ${what} (no observado)`,
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function readJson(text: string): Record<string, object> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? (value as Record<string, object>) : undefined
  } catch {
    return undefined
  }
}

const DUPLICATE = 'Ya existe un registro en esa fecha, hora para la obra.'

/** What is wrong, in DGA's words; the first receipt of a duplicate is among them unless a fault hides it. */
export function messageOf(
  verdict: Exclude<Verdict, { kind: 'accepted' }>,
  fault: DgaFault | undefined,
): string {
  if (verdict.kind === 'refused') return verdict.message
  return fault?.kind === 'duplicate-without-receipt'
    ? DUPLICATE
    : `${DUPLICATE} Comprobante: ${verdict.held.receipt}`
}

/** The answer to a POST. */
export function restAnswer(
  verdict: Verdict,
  word: string,
  fault: DgaFault | undefined,
  { refusalStatus }: Unknowns,
): Answer {
  if (verdict.kind !== 'accepted') {
    const isSeen = verdict.kind === 'duplicate' || verdict.observed
    const status = isSeen ? 400 : refusalStatus
    const body = { status: String(status), message: messageOf(verdict, fault), data: null }
    return { status, type: JSON_TYPE, body: JSON.stringify(body) }
  }
  const how = fault?.kind === 'no-receipt' ? fault.how : undefined
  const withReceipt = { numeroComprobante: verdict.held.receipt }
  const data = { missing: {}, empty: { numeroComprobante: '' }, 'no-data': null }
  const body = {
    status: '00',
    message: `Medición ${word} ingresada correctamente`,
    data: how === undefined ? withReceipt : data[how],
  }
  return { status: 200, type: JSON_TYPE, body: JSON.stringify(body) }
}

/** The answer to a GET with a work and a receipt. */
export function answerRestCheck(parts: Parts, query: URLSearchParams): Answer {
  const { dga, clock, unknowns, visibleAfterMs } = parts
  const held = dga.holdings.byReceipt(query.get('numeroComprobante') ?? '')
  if (held?.work === query.get('codigoObra') && isVisible(held, clock.now(), visibleAfterMs)) {
    const body = { status: '00', message: '', data: heldAsJson(held) }
    return { status: 200, type: JSON_TYPE, body: JSON.stringify(body) }
  }
  const body = { status: '01', message: 'Comprobante no encontrado (no observado)', data: {} }
  return { status: unknowns.notFoundStatus, type: JSON_TYPE, body: JSON.stringify(body) }
}

/** Trailing zeros are lost, one decimal stays. */
const decimal = (value: number | null): string =>
  value === null ? '' : Number.isInteger(value) ? `${value}.0` : String(value)

function heldAsJson({ kind, date, time, flow, total, level }: HeldMeasurement): object {
  return {
    ...{ fechaMedicion: date.split('-').reverse().join('-'), horaMedicion: time, caudal: decimal(flow) },
    ...(kind === 'surface_channel'
      ? { alturaLimnimetrica: level === null ? '' : String(level) }
      : { totalizador: String(total) }),
    ...(kind === 'groundwater' ? { nivelFreaticoDelPozo: decimal(level) } : {}),
  }
}
