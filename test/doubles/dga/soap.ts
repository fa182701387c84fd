// DGA's SOAP service: envelopes in, envelopes out, with the very prefixes that its other clients depend on.

import { readFileSync } from 'node:fs'
import type { DgaFault } from './faults.ts'
import type { Sent, Verdict } from './judge.ts'
import { type HeldMeasurement, isVisible } from './registry.ts'
import { messageOf } from './rest.ts'
import type { Answer, Parts } from './server.ts'
import { child, escapeXml, parseXml, type XmlElement } from './xml.ts'

/** Where it listens. */
export const SOAP_PATH = '/controlextraccion/datosExtraccion/SendDataExtraccionService'

const SCHEMAS = 'http://www.mop.cl/controlextraccion/xsd/datosExtraccion'
const DESCRIPTION = new URL(
  '../../../cloud/compliance/dga/wsdl/SendDataExtraccionService.wsdl',
  import.meta.url,
)

/** Its own description. */
export const wsdl = (): Answer => ({ status: 200, type: 'text/xml', body: readFileSync(DESCRIPTION) })

/** What a request says. */
export type SoapRequest =
  | { kind: 'submission'; sent: Sent; mistake?: Verdict }
  | { kind: 'check'; work: string; receipt: string }
  | { kind: 'malformed'; message: string }

/** The elements of each measurement, in the order that the schema demands. */
const SEQUENCES: Record<string, readonly string[]> = {
  authDataExtraccionSubterranea: [
    'fechaMedicion',
    'horaMedicion',
    'totalizador',
    'caudal',
    'nivelFreaticoDelPozo',
  ],
  authDataExtraccionSuperficial: ['fechaMedicion', 'horaMedicion', 'caudal', 'alturaLimnimetrica'],
}

/** Reads a request. SOAPAction and content type do not matter. */
export function readSoapSubmission(body: string, strict: boolean): SoapRequest {
  let envelope: XmlElement
  try {
    envelope = parseXml(body)
  } catch (error) {
    return { kind: 'malformed', message: String(error) }
  }
  const inside = child(envelope, 'Body')
  const check = child(inside, 'getDataExtraccionRequest')
  if (check !== undefined) {
    const text = (name: string) => child(check, name)?.text ?? ''
    return { kind: 'check', work: text('codigoDeLaObra'), receipt: text('numeroComprobante') }
  }
  const request = child(inside, 'authSendDataExtraccionRequest')
  if (request === undefined) return { kind: 'malformed', message: 'unknown operation' }
  const values = request.children.find(({ name }) => name in SEQUENCES)
  const sent = toSent(child(child(envelope, 'Header'), 'authSendDataExtraccionTraza'), request, values)
  const mistake = values === undefined || !strict ? undefined : sequenceMistake(values)
  return { kind: 'submission', sent, ...(mistake === undefined ? {} : { mistake }) }
}

function toSent(header: XmlElement | undefined, request: XmlElement, values: XmlElement | undefined): Sent {
  const text = (name: string) => child(values, name)?.text
  const user = child(request, 'authDataUsuario')
  return {
    kind: values?.name === 'authDataExtraccionSuperficial' ? 'surface_channel' : 'groundwater',
    work: child(header, 'codigoDeLaObra')?.text,
    timeStampOrigen: child(header, 'timeStampOrigen')?.text.replace('Z', '-0000'),
    rutUsuario: child(child(user, 'idUsuario'), 'rut')?.text,
    password: child(user, 'password')?.text,
    caudal: text('caudal'),
    totalizador: text('totalizador'),
    level: text('nivelFreaticoDelPozo') ?? text('alturaLimnimetrica'),
    fechaMedicion: text('fechaMedicion')?.split('-').reverse().join('-'),
    horaMedicion: text('horaMedicion'),
  }
}

function sequenceMistake({ name, namespace, children }: XmlElement): Verdict | undefined {
  const wanted = SEQUENCES[name] ?? []
  const found = children.map(one => one.name)
  const isRight = namespace === `${SCHEMAS}/AuthSendDataExtraccionRequest` && found.join() === wanted.join()
  if (isRight) return undefined
  const message = `Error: ${name} tiene ${found.join(', ')} (no observado)`
  return { kind: 'refused', observed: false, message }
}

const envelopeOf = (inside: string): string =>
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${inside}</soapenv:Body></soapenv:Envelope>`

const xml = (inside: string, status = 200): Answer => ({ status, type: 'text/xml', body: envelopeOf(inside) })

const statusOf = (code: string, text: string): string =>
  `<status><Code>${code}</Code><Description>${escapeXml(text)}</Description></status>`

/** What it says to something that is no request. Its form was never seen of the real one: plain SOAP 1.1. */
export const soapFault = (message: string): Answer =>
  xml(
    `<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>${escapeXml(message)}</faultstring></soapenv:Fault>`,
    500,
  )

/** The answer to a measurement. */
export function soapAnswer(verdict: Verdict, fault: DgaFault | undefined): Answer {
  const receipt = verdict.kind === 'accepted' && fault?.kind !== 'no-receipt' ? verdict.held.receipt : ''
  const said =
    verdict.kind === 'accepted'
      ? statusOf('0', 'Ingresado correctamente')
      : statusOf('1', messageOf(verdict, fault))
  return xml(
    `<authSendDataExtraccionResponse xmlns="${SCHEMAS}/AuthSendDataExtraccionResponse"><numeroComprobante>${receipt}</numeroComprobante>${said}</authSendDataExtraccionResponse>`,
  )
}

/** The answer to a question after a receipt. */
export function answerSoapCheck(
  { dga, clock, visibleAfterMs }: Parts,
  { work, receipt }: { work: string; receipt: string },
): Answer {
  const held = dga.holdings.byReceipt(receipt)
  const isThere = held?.work === work && isVisible(held, clock.now(), visibleAfterMs)
  const inside = isThere
    ? `${measurementOf(held)}${statusOf('0', '')}`
    : statusOf('1', 'Comprobante no encontrado (no observado)')
  return xml(
    `<getDataExtraccionResponse xmlns="${SCHEMAS}/GetDataExtraccionResponse">${inside}</getDataExtraccionResponse>`,
  )
}

function measurementOf({ kind, date, flow, total, level }: HeldMeasurement): string {
  const day = date.split('-').reverse().join('-')
  const element = (name: string, value: number | null) => `<${name}>${value ?? 0}</${name}>`
  const isChannel = kind === 'surface_channel'
  return [
    `<medicion><fechaIngreso>${day}</fechaIngreso><fechaMedicion>${day}</fechaMedicion>`,
    element('caudal', flow),
    element('alturaLimnimetrica', isChannel ? level : 0),
    element('totalizador', total),
    `${element('nivelFreaticoDelPozo', isChannel ? 0 : level)}</medicion>`,
  ].join('')
}
