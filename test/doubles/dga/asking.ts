// Asks DGA's double as a client would, by hand: nothing here is shared with our own clients.

import { type FakeClock, openFakeClock } from '../clock.ts'
import { type Dga, type DgaOptions, openDga } from './server.ts'

/** When it is. */
export const NOW = Date.parse('2026-01-15T14:00:42Z')
/** A groundwater work. */
export const WORK = 'OB-0602-7'
const STAMP = '2026-01-15T10:00:42-0000'

/** A double with some who are registered, and its clock. */
export interface Asked {
  clock: FakeClock
  dga: Dga
  post(request?: Post): Promise<{ status: number; type: string | null; text: string; bytes: Buffer }>
  get(path: string): Promise<{ status: number; body: ReturnType<typeof JSON.parse> }>
  soap(body: string): Promise<{ status: number; text: string }>
}

/** A POST that departs from a right one. */
export interface Post {
  path?: string
  work?: string | null
  stamp?: string | null
  login?: object
  block?: string
  values?: object
  text?: string
}

const WELL = {
  caudal: '14.25',
  fechaMedicion: '2026-01-15',
  horaMedicion: '10:00:00',
  nivelFreaticoDelPozo: '23.60',
  totalizador: '139806',
}
const LOGIN = { password: 'clave', rutEmpresa: '76543210-3', rutUsuario: '12345678-5' }

/** Opens a double with a work of each kind. */
export async function openAsked(options: DgaOptions = {}): Promise<Asked> {
  const clock = openFakeClock(NOW)
  const dga = await openDga({ clock }, options)
  const informants = [LOGIN.rutUsuario]
  dga.registry.controlCentres.push(LOGIN.rutEmpresa)
  dga.registry.informants.push(
    { rut: LOGIN.rutUsuario, password: LOGIN.password },
    { rut: '11111111-1', password: 'otra' },
  )
  dga.registry.works.push(
    { code: WORK, kind: 'groundwater', informants },
    { code: 'OB-0602-8', kind: 'groundwater', informants, exempt: true },
    { code: 'OB-0602-9', kind: 'surface_pipe', informants },
    { code: 'OB-0602-10', kind: 'surface_channel', informants },
  )
  return {
    clock,
    dga,
    post: request => post(dga, request),
    async get(path) {
      const response = await fetch(`${dga.url}${path}`)
      return { status: response.status, body: JSON.parse(await response.text()) }
    },
    async soap(body) {
      const response = await fetch(dga.soapUrl, { method: 'POST', body })
      return { status: response.status, text: await response.text() }
    },
  }
}

async function post(dga: Dga, request: Post = {}) {
  const { path = 'subterraneas', work = WORK, stamp = STAMP, block = 'medicionSubterranea' } = request
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (work !== null) headers.CODIGOOBRA = work
  if (stamp !== null) headers.timestamporigen = stamp
  const document = { autenticacion: { ...LOGIN, ...request.login }, [block]: { ...WELL, ...request.values } }
  const body = request.text ?? JSON.stringify(document)
  const response = await fetch(`${dga.url}/api/v1/mediciones/${path}`, { method: 'POST', headers, body })
  const bytes = Buffer.from(await response.arrayBuffer())
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: bytes.toString(),
    bytes,
  }
}

/** The receipt in an answer to a POST. */
export function receiptOf({ text }: { text: string }): string {
  return JSON.parse(text).data.numeroComprobante
}
