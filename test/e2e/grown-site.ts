// A site that has run for months, in the real program: two wells whose history was imported, one of which is declared to a
// simulated DGA, with a leak, a counter that was set back, a right, and days that were studied.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVICE_NAMES } from '../../cloud/service.ts'
import { buildWeb } from '../../deploy/web.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { openDga } from '../doubles/dga/server.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { randomFrom } from '../doubles/random.ts'
import { until } from '../doubles/until.ts'

/** A site that has grown. */
export interface GrownSite {
  url: string
  email: string
  password: string
  /** A token of an administrator. */
  token: string
  /** Asks the API as an administrator. */
  ask(method: string, path: string, body?: unknown): Promise<ReturnType<typeof JSON.parse>>
  close(): Promise<void>
}

const EMAIL = 'ana@example.cl'
const RUT = '12345678-5'
const CENTRE = '76543210-3'
const STEP_MS = 15 * 60_000
const DAY_MS = 86_400_000
const WAIT = { timeoutMs: 240_000 }

/** The well that is declared. */
export const WELL = 'campo.los-aromos.pozo-7'

const SITE = `
clients: [{ id: campo, name: Agrícola Campo Ltda., rut: ${CENTRE} }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points:
  - { client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater, latitude: -33.72, longitude: -70.98, wellDepthM: 120, pumpDepthM: 95, sensorDepthM: 80 }
  - { client: campo, project: los-aromos, id: pozo-8, name: Pozo 8, kind: groundwater, latitude: -33.74, longitude: -70.99, wellDepthM: 90, pumpDepthM: 75, sensorDepthM: 60 }
calibrations:
  - { point: ${WELL}, rule: level_to_water_table, from: "2020-01-01T00:00:00Z", sensorDepthM: 80 }
  - { point: ${WELL}, rule: total_to_volume, from: "2020-01-01T00:00:00Z" }
  - { point: ${WELL}, rule: checks, variable: level, from: "2020-01-01T00:00:00Z", range: { min: 0.5, max: 79 } }
  - { point: campo.los-aromos.pozo-8, rule: total_to_volume, from: "2020-01-01T00:00:00Z" }
`

const owed = (from: string, backfillFrom: string): string => `
informants: [{ client: campo, rut: ${RUT}, name: Ana Informante, controlCentreRut: ${CENTRE}, password: una-clave-de-dga }]
obligations:
  - { point: ${WELL}, from: "${from}", backfillFrom: "${backfillFrom}", standard: mayor, channel: rest, workCode: OB-0602-7, informant: ${RUT}, select: 15m, rights: [{ flowLps: 12, yearlyM3: 90000 }] }
`

/** Opens a site with so many days of history. */
export async function openGrownSite({ days }: { days: number }): Promise<GrownSite> {
  const cwd = mkdtempSync(join(tmpdir(), 'smarthydro-grown-'))
  const programs: Program[] = []
  await buildWeb()
  const dga = await openDga({ clock }, { port: 0 })
  dga.registry.controlCentres.push(CENTRE)
  dga.registry.informants.push({ rut: RUT, password: 'una-clave-de-dga' })
  dga.registry.works.push({ code: 'OB-0602-7', kind: 'groundwater', informants: [RUT] })
  const ports = await portsOf()
  const env = {
    ...ports,
    DGA_REST_URL: dga.url,
    DGA_SOAP_URL: dga.url,
    DGA_PACE: '20ms',
    DATA_DIR: join(cwd, 'data'),
  }
  const start = (...args: string[]): Program => {
    const program = startProgram('cloud', args, { cwd, env })
    programs.push(program)
    return program
  }
  const run = async (...args: string[]): Promise<string> => {
    const program = start(...args)
    if ((await program.exited) !== 0) throw new Error(`${args.join(' ')}: ${program.text()}`)
    // Its log comes on the other output, before what it says or after.
    const said = program.text().split('\n')
    return said.findLast(line => line !== '' && !line.startsWith('{')) ?? ''
  }
  const close = async () => {
    for (const program of programs) program.kill('SIGTERM')
    await Promise.all(programs.map(({ exited }) => exited))
    await dga.close()
    rmSync(cwd, { recursive: true, force: true })
  }
  try {
    const now = clock.now()
    writeFileSync(join(cwd, 'site.yaml'), SITE)
    await run('provision', 'site.yaml')
    const person = ['--email', EMAIL, '--name', 'Ana Aguas', '--role', 'administrator']
    const password = await run('user', 'create', ...person)
    const scopes = ['--role', 'administrator', '--scopes', 'read,write']
    const token = await run('token', 'create', '--name', 'prueba', ...scopes)
    const cloud = start('run')
    const url = `http://localhost:${ports.API_PORT}`
    await until('the API is healthy', () => isHealthy(cloud, url), WAIT)
    const ask = asker(url, token)
    for (const [index, point] of [WELL, 'campo.los-aromos.pozo-8'].entries()) {
      await importHistory(ask, point, historyOf(index, now, days))
    }
    const [from, backfillFrom] = [days, Math.min(4, days)].map(ago =>
      new Date(now - ago * DAY_MS).toISOString(),
    )
    writeFileSync(join(cwd, 'owed.yaml'), owed(from ?? '', backfillFrom ?? ''))
    await run('provision', 'owed.yaml')
    return { url, email: EMAIL, password, token, ask, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function portsOf(): Promise<Record<string, string>> {
  const names = [...SERVICE_NAMES.map(name => `${name.toUpperCase()}_PORT`), 'MQTT_PORT']
  const entries: [string, string][] = []
  for (const name of names) entries.push([name, name === 'API_PORT' ? String(await freePort()) : '0'])
  const ports = Object.fromEntries(entries)
  return { ...ports, PUBLIC_URL: `http://localhost:${ports.API_PORT}` }
}

async function isHealthy(cloud: Program, url: string): Promise<boolean> {
  if (/^Cannot|"level":"fatal"/m.test(cloud.text())) throw new Error(cloud.text())
  const answer = await fetch(`${url}/health`).catch(() => undefined)
  return answer?.ok === true
}

function asker(url: string, token: string): GrownSite['ask'] {
  return async (method, path, body) => {
    const isText = typeof body === 'string'
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

async function importHistory(ask: GrownSite['ask'], point: string, csv: string): Promise<void> {
  const { id } = await ask('POST', `/imports?point=${point}&name=historia.csv`, csv)
  let found = await ask('GET', `/imports/${id}`)
  const become = (state: string) => async () => {
    found = await ask('GET', `/imports/${id}`)
    if (found.state === 'refused') throw new Error(JSON.stringify(found.mistakes))
    return found.state === state
  }
  await until('the file is read', become('previewed'), WAIT)
  await ask('POST', `/imports/${id}/confirm`, { accept: found.format.assumed })
  await until('the file is stored', become('done'), WAIT)
}

/** A well that irrigates by day; the first leaks at night in the last ten days, and its counter was set back once. */
function historyOf(seed: number, now: number, days: number): string {
  const random = randomFrom(seed + 1)
  const lines = ['at,total,flow,level']
  const end = Math.floor(now / STEP_MS) * STEP_MS
  let total = 48_000 + 10_000 * seed
  let level = 48
  for (let at = end - days * DAY_MS; at <= end; at += STEP_MS) {
    const hour = Math.floor(at / 3_600_000 - 4) % 24
    const age = (end - at) / DAY_MS
    const leak = seed === 0 && age < 10 ? 1.6 : 0
    const flow = hour >= 7 && hour < 17 ? 10.5 + 1.2 * random() : leak
    total += (flow * STEP_MS) / 1e6
    if (seed === 0 && Math.abs(age - 20) < 0.001) total = 12
    const drawn = 48 - 0.55 * flow - 2 * Math.sin(age / 20)
    level += (drawn - level) * 0.35
    // A day in which nobody listened, and an afternoon in which the sensor said nothing.
    if (age > 33 && age < 34) continue
    const isBroken = seed === 0 && age > 6 && age < 6.2
    lines.push(
      `${new Date(at).toISOString()},${total.toFixed(2)},${flow.toFixed(2)},${isBroken ? '0.1' : level.toFixed(2)}`,
    )
  }
  return `${lines.join('\n')}\n`
}
