// SMA's connection service, on a socket (Res. Ex. SMA 254/2020, "Manual API REST-SMA v1.0").
//
//   POST /api/v1/auth                                            {usuario, password} → {token}, for 24 hours
//   POST /api/v1/ufs/{uf}/procesos/{proceso}/registros           [{dispositivoId, parametros: […]}] → {mensaje, IdVerificacion}
//
// What the manual does not say (texts, duplicates, which of 200 and 201) can be set. A call is taken whole or not at all.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type Answer, openService, type SeenRequest, type Service } from '../providers/service.ts'

/** What SMA knows: who may sign in, and what each process must report. */
export interface SmaRegistry {
  /** Passwords by user. One that is locked gets 403. */
  users: Map<string, { password: string; isLocked?: boolean }>
  processes: SmaProcess[]
}

/** A process of a unit, with the parameters that each of its devices has to give, all for the same time stamp. */
export interface SmaProcess {
  uf: string
  process: string
  /** Who may report for it. */
  users: readonly string[]
  devices: Record<string, readonly { name: string; unit: string }[]>
}

/** What SMA holds of one parameter at one time stamp. */
export interface SmaRecord {
  uf: string
  process: string
  device: string
  name: string
  value: string
  unit: string
  /** As it was sent: no zone is written. */
  time: string
  verification: string
}

/** What openSma() is told. */
export interface SmaOptions {
  port?: number
  /** The status of a call that was taken. */
  takenStatus?: 200 | 201
  /** What becomes of a time stamp that is held already. */
  duplicates?: 'replace' | 'refuse'
}

/** SMA, listening. Its channels are `auth` and `records`. */
export interface Sma extends Service {
  registry: SmaRegistry
  held: SmaRecord[]
}

/** The manual's. */
const TOKEN_LIFE_MS = 24 * 3_600_000
const RECORDS = /^\/api\/v1\/ufs\/([^/]+)\/procesos\/([^/]+)\/registros$/
const TIME = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/

/** Opens SMA with nobody registered. */
export async function openSma(
  { clock }: { clock: Clock },
  { port = 0, takenStatus = 200, duplicates = 'replace' }: SmaOptions = {},
): Promise<Sma> {
  const registry: SmaRegistry = { users: new Map(), processes: [] }
  const held: SmaRecord[] = []
  const tokens = new Map<string, { user: string; until: number }>()

  const authenticate = ({ body }: SeenRequest): Answer => {
    const { usuario, password } = readObject(body)
    if (typeof usuario !== 'string' || typeof password !== 'string') {
      return refused(400, 'Faltan usuario o password')
    }
    const user = registry.users.get(usuario)
    if (user === undefined || user.password !== password) return refused(401, 'Credenciales inválidas')
    if (user.isLocked === true) return refused(403, 'Usuario bloqueado')
    const token = `${part({ alg: 'HS256' })}.${part({ usuario })}.${randomBytes(16).toString('base64url')}`
    tokens.set(token, { user: usuario, until: clock.now() + TOKEN_LIFE_MS })
    return { status: 200, body: { token } }
  }

  const register = ({ path, headers, body }: SeenRequest): Answer => {
    const token = tokens.get(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '')
    if (token === undefined || token.until <= clock.now()) return refused(401, 'Token inválido o expirado')
    const [, uf, name] = RECORDS.exec(path) ?? []
    const process = registry.processes.find(one => one.uf === uf && one.process === name)
    if (process === undefined || !process.users.includes(token.user)) {
      return refused(403, 'Sin permiso para el proceso')
    }
    const verification = randomBytes(12).toString('hex')
    const read = readRecords(body, process, verification)
    if (typeof read === 'string') return refused(400, read)
    const known = read.filter(record => held.some(other => isSame(record, other)))
    if (known.length > 0 && duplicates === 'refuse') return refused(400, 'Registro duplicado (no observado)')
    const kept = held.filter(record => !known.some(other => isSame(record, other)))
    held.splice(0, held.length, ...kept, ...read)
    return { status: takenStatus, body: { mensaje: 'Registros recibidos', IdVerificacion: verification } }
  }

  const service = await openService(
    { clock },
    { port },
    ({ path }) => (path === '/api/v1/auth' ? 'auth' : 'records'),
    request => {
      if (request.method === 'POST' && request.path === '/api/v1/auth') return authenticate(request)
      if (request.method === 'POST' && RECORDS.test(request.path)) return register(request)
      return refused(404, 'No encontrado')
    },
  )
  return Object.assign(service, { registry, held })
}

const refused = (status: number, mensaje: string): Answer => ({ status, body: { mensaje } })

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function isSame(one: SmaRecord, other: SmaRecord): boolean {
  return (['uf', 'process', 'device', 'name', 'time'] as const).every(key => one[key] === other[key])
}

function readJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function readObject(body: string): Record<string, unknown> {
  const document = readJson(body)
  return typeof document === 'object' && document !== null ? { ...document } : {}
}

/** The records of a body, or why it is refused: each time stamp of a device needs exactly its parameters. */
function readRecords(body: string, process: SmaProcess, verification: string): SmaRecord[] | string {
  const document = readJson(body)
  if (!Array.isArray(document) || document.length === 0) return 'Se espera un arreglo'
  const records: SmaRecord[] = []
  for (const entry of document as Record<string, unknown>[]) {
    const device = String(entry?.dispositivoId)
    const expected = Object.hasOwn(process.devices, device) ? process.devices[device] : undefined
    if (expected === undefined) return `Dispositivo ${device} desconocido`
    if (!Array.isArray(entry.parametros)) return 'Faltan parametros'
    for (const parameter of entry.parametros as Record<string, unknown>[]) {
      const { nombre, valor, unidad, estampaTiempo } = parameter ?? {}
      if (![nombre, valor, unidad, estampaTiempo].every(value => typeof value === 'string')) {
        return 'Parámetro incompleto'
      }
      const [name, value, unit, time] = [nombre, valor, unidad, estampaTiempo] as [
        string,
        string,
        string,
        string,
      ]
      if (!/^-?\d+(\.\d+)?$/.test(value)) return `Valor inválido: ${value}`
      if (!isTime(time)) return `Estampa de tiempo inválida: ${time}`
      if (!expected.some(one => one.name === name && one.unit === unit))
        return `Parámetro de más: ${name} ${unit}`
      records.push({
        uf: process.uf,
        process: process.process,
        device,
        name,
        value,
        unit,
        time,
        verification,
      })
    }
    const stamps = Map.groupBy(
      records.filter(one => one.device === device),
      ({ time }) => time,
    )
    if (stamps.size === 0) return 'Faltan parametros'
    for (const [time, group] of stamps) {
      if (group.length > expected.length) return `Parámetros repetidos para ${time}`
      if (expected.some(({ name }) => !group.some(one => one.name === name))) {
        return `Parámetros incompletos para ${time}`
      }
    }
  }
  return records
}

/** A date that exists, without a zone. */
function isTime(text: string): boolean {
  if (!TIME.test(text)) return false
  const date = new Date(`${text}Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}
