// What DGA says to a measurement: held, a duplicate, or refused. The same for REST and SOAP.
//
// It checks who declares what and how it is written, and nothing else: it takes a totalizer that falls, a flow a hundred
// times too high, and dates of long ago, as the real one was seen to do. Where its real answer is not known the text says
// so ("no observado"), and `unknownRefusal` sets the HTTP status.

import type { HeldMeasurement, Holdings, Registry, WorkKind } from './registry.ts'

/** A measurement as it was sent, before anything is checked. */
export interface Sent {
  kind: WorkKind
  work: string | undefined
  timeStampOrigen: string | undefined
  /** `undefined` over SOAP, which does not carry it. */
  rutEmpresa?: unknown
  rutUsuario: unknown
  password: unknown
  caudal: unknown
  totalizador?: unknown
  /** Level of a well, or height of a channel. */
  level?: unknown
  fechaMedicion: unknown
  horaMedicion: unknown
}

/** What it says. */
export type Verdict =
  | { kind: 'accepted'; held: HeldMeasurement }
  | { kind: 'duplicate'; held: HeldMeasurement }
  | { kind: 'refused'; observed: boolean; message: string }

/** How DGA judges. Strict follows the manual to the letter; lenient takes what the real one was seen to take. */
export interface Judge {
  registry: Registry
  holdings: Holdings
  strict: boolean
  /** Refuse measurements of later than now. Unknown of the real one. */
  refuseFuture: boolean
}

/** Judges a measurement, and holds it when it is accepted. */
export function judge(dga: Judge, sent: Sent, now: number, channel: 'rest' | 'soap'): Verdict {
  const mistake = registrationMistake(dga, sent, now) ?? formatMistake(dga, sent, channel)
  if (mistake !== undefined) return mistake
  const work = String(sent.work)
  const date = String(sent.fechaMedicion)
  const time = String(sent.horaMedicion)
  if (dga.refuseFuture && Date.parse(`${date}T${time}-04:00`) > now) return unseen('fecha futura')
  const before = dga.holdings.find(work, date, time)
  if (before !== undefined) return { kind: 'duplicate', held: before }
  const held = dga.holdings.add({
    ...{ work, kind: sent.kind, date, time, arrivedAt: now, channel },
    flow: toNumber(sent.caudal),
    total: toNumber(sent.totalizador),
    level: toNumber(sent.level),
  })
  return { kind: 'accepted', held }
}

function registrationMistake({ registry, strict }: Judge, sent: Sent, now: number): Verdict | undefined {
  if (sent.work === undefined || sent.work === '') return unseen('falta codigoObra')
  if (sent.timeStampOrigen === undefined || sent.timeStampOrigen === '')
    return unseen('falta timeStampOrigen')
  if (strict && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-0000$/.test(sent.timeStampOrigen))
    return unseen('timeStampOrigen')
  if ('rutEmpresa' in sent && !registry.controlCentres.includes(String(sent.rutEmpresa))) {
    return unseen('centro de control no registrado')
  }
  const informant = registry.informants.find(({ rut }) => rut === sent.rutUsuario)
  if (informant === undefined) return unseen('usuario desconocido')
  const { rotation } = informant
  const password = rotation !== undefined && now >= rotation.at ? rotation.password : informant.password
  if (sent.password !== password) return unseen('clave incorrecta')
  const work = registry.works.find(({ code }) => code === sent.work)
  if (work === undefined) return unseen('obra desconocida')
  if (work.kind !== sent.kind) return unseen('tipo de obra')
  if (!work.informants.includes(informant.rut)) {
    return {
      kind: 'refused',
      observed: true,
      message: 'Error: Usuario no es el informante registrado en la Obra.',
    }
  }
  return undefined
}

function formatMistake(
  { registry, strict }: Judge,
  sent: Sent,
  channel: 'rest' | 'soap',
): Verdict | undefined {
  const text = (value: unknown) => (typeof value === 'number' && !strict ? String(value) : value)
  const matches = (value: unknown, pattern: RegExp) =>
    typeof text(value) === 'string' && pattern.test(String(value))
  const decimals = strict ? /^-?\d+\.\d{2}$/ : /^-?\d+(\.\d{1,2})?$/
  const exempt = registry.works.find(({ code }) => code === sent.work)?.exempt === true
  const empty = sent.level === '' || sent.level === undefined
  if (!matches(sent.caudal, decimals)) return unseen('formato de caudal')
  if (sent.kind !== 'surface_channel' && !matches(sent.totalizador, /^\d{1,15}$/))
    return unseen('formato de totalizador')
  if (sent.kind === 'surface_channel' && sent.totalizador !== undefined && strict)
    return unseen('totalizador no corresponde')
  if (sent.kind !== 'surface_pipe' && empty && !exempt) return unseen('falta nivel')
  if (sent.kind === 'groundwater' && !empty && !matches(sent.level, decimals))
    return unseen('formato de nivel')
  if (
    sent.kind === 'surface_channel' &&
    !empty &&
    !matches(sent.level, channel === 'rest' ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/)
  ) {
    return unseen('formato de altura')
  }
  if (!matches(sent.fechaMedicion, /^\d{4}-\d\d-\d\d$/) || !isDate(String(sent.fechaMedicion)))
    return unseen('formato de fecha')
  if (!matches(sent.horaMedicion, /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/)) return unseen('formato de hora')
  return undefined
}

/** A refusal whose text and status nobody has reported of the real one. */
const unseen = (what: string): Verdict => ({
  kind: 'refused',
  observed: false,
  message: `Error: ${what} (no observado)`,
})

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

const toNumber = (value: unknown): number | null =>
  value === '' || value === undefined ? null : Number(value)
