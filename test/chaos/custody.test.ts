// Custody: gateway, collector and database are each killed with SIGKILL at random moments under load, and every reading
// that was polled is stored exactly once.
//
// Three witnesses say what was polled. The instruments count what they answered: of that, a kill of the gateway may cost
// what was between the wire and the disk, a poll of each well, and nothing else may cost any. The gateway's numbers are
// gap-free, so the highest one counts all that reached its disk. And whoever listens on its LAN broker hears a reading
// only once it is on disk, and must find it in the database.
// CUSTODY_KILLS=500 node --test test/chaos/custody.test.ts makes more of them.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'mqtt'
import type { Database } from '../../cloud/store/database.ts'
import { isRunning } from '../../cloud/store/embedded-owner.ts'
import { findRunningPostgres } from '../../cloud/store/embedded-running.ts'
import { openPostgres } from '../../cloud/store/postgres.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { freePort } from '../doubles/ports.ts'
import { startProgram } from '../doubles/program.ts'
import { randomFrom } from '../doubles/random.ts'
import { until } from '../doubles/until.ts'
import { WELL } from '../doubles/well.ts'
import { keep } from './keep.ts'

const KILLS = Number(process.env.CUSTODY_KILLS ?? 50)
const SEED = Number(process.env.CUSTODY_SEED ?? systemClock.now() % 1_000_000)
/** Between two kills of the same part. Long enough that work is done in between, short enough to hit every stage. */
const PAUSE_MS = { min: 400, max: 3_000 }
/** While the cloud is killed again and again on a slow machine, its database may hardly ever come up. */
const SERVER_WITHIN_MS = KILLS * PAUSE_MS.max
const WELLS = 6
/** A well's registers are asked for in one request, and make so many readings. */
const READINGS_OF_A_POLL = 4
const TOKEN = 'a-token-for-the-custody-test'

interface Ports {
  mqtt: number
  lan: number
  status: number
}

test(`${KILLS} kills each of gateway, collector and database under load: all that was polled is stored once`, async context => {
  const random = randomFrom(SEED)
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-custody-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const ports: Ports = { mqtt: await freePort(), lan: await freePort(), status: await freePort() }
  const instruments = await openWells(context)
  await provision(folder, ports)
  const cloud = keep(context, () =>
    startProgram('cloud', ['run', '--services', 'collector'], { cwd: folder, env: cloudEnvironment(ports) }),
  )
  const polling = writeGateway(folder, 'polling.yaml', ports, instruments)
  const gateway = keep(context, () => startProgram('edge', ['run', '--config', polling]))
  const heard = listen(context, ports.lan)
  const postgres = join(folder, 'data', 'postgres')
  await until('readings flow', () => heard.size > 100)

  await Promise.all([
    killOften(random, () => gateway.kill()),
    killOften(random, () => cloud.kill()),
    killOften(random, () => killDatabase(postgres)),
  ])

  await gateway.stop()
  const draining = writeGateway(folder, 'draining.yaml', ports, [])
  const drained = keep(context, () => startProgram('edge', ['run', '--config', draining]))
  const last = await waitUntilEmpty(ports.status)
  await drained.stop()
  const db = await openDatabase(context, postgres)
  const answered = instruments.reduce((sum, { requests }) => sum + requests.length, 0)
  const report = { answered: answered * READINGS_OF_A_POLL, ...(await compare(db, heard, last)) }
  await cloud.stop()

  context.diagnostic(`seed ${SEED}, starts: gateway ${gateway.starts()}, cloud ${cloud.starts()}`)
  context.diagnostic(JSON.stringify(report))
  assert.ok(report.produced > KILLS * 20, 'there was hardly any load')
  assert.equal(report.duplicates, 0)
  assert.equal(report.missing, 0)
  assert.equal(report.stored, report.produced)
  assert.equal(report.heardAndNotStored, 0)
  assert.equal(report.revisions + report.deadLetters + report.evicted + report.damaged, 0)
  assert.ok(report.stored <= report.answered, 'more was stored than any instrument ever said')
  const lostOnTheWay = (KILLS + 1) * WELLS * READINGS_OF_A_POLL
  assert.ok(report.answered - report.stored <= lostOnTheWay, 'answered by instruments, and lost')
  assert.ok(gateway.starts() > KILLS && cloud.starts() > KILLS)
})

async function openWells(context: TestContext): Promise<Instrument[]> {
  const instruments: Instrument[] = []
  for (let index = 0; index < WELLS; index += 1) {
    const well = { ...WELL, since: WELL.since + index * 60_000 }
    const registers = wellRegisters({ clock: systemClock }, well)
    const instrument = await openInstrument({ clock: systemClock }, { registers })
    context.after(() => instrument.close())
    instruments.push(instrument)
  }
  return instruments
}

function cloudEnvironment({ mqtt }: Pick<Ports, 'mqtt'>): Record<string, string> {
  return { COLLECTOR_PORT: '0', MQTT_PORT: String(mqtt), LOG_LEVEL: 'warn', TOKEN }
}

async function provision(folder: string, ports: Ports): Promise<void> {
  writeFileSync(
    join(folder, 'site.yaml'),
    `clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
gateways: [{ client: campo, project: los-aromos, id: gw-1, token: { env: TOKEN } }]
`,
  )
  const program = startProgram('cloud', ['provision', 'site.yaml'], {
    cwd: folder,
    env: cloudEnvironment(ports),
  })
  assert.equal(await program.exited, 0, program.text())
}

function writeGateway(
  folder: string,
  name: string,
  ports: Ports,
  instruments: readonly Instrument[],
): string {
  mkdirSync(join(folder, 'identity'), { recursive: true })
  writeFileSync(join(folder, 'identity', 'token'), TOKEN)
  const buses = instruments.map(
    ({ port }, index) =>
      `  - { id: well-${index}, tcp: { host: 127.0.0.1, port: ${port} }, timeout: 500ms }\n`,
  )
  const devices = instruments.map(
    (_, index) => `  - id: meter-${index}
    bus: well-${index}
    point: well-${index}
    every: 100ms
    signals:
      - { variable: flow, address: 0, type: float32, decimals: 2 }
      - { variable: total, address: 2, type: float64, decimals: 2 }
      - { variable: level, address: 6, type: float32, decimals: 2 }
      - { variable: pulses, address: 8, type: uint32 }
`,
  )
  const path = join(folder, name)
  writeFileSync(
    path,
    `gateway: gw-1
client: campo
project: los-aromos
uplink:
  { url: "mqtt://127.0.0.1:${ports.mqtt}", credentials: ./identity, minReadings: 20, maxDelay: 200ms, ackTimeout: 2s }
buffer: { path: ./buffer, maxBytes: 256MiB }
lanBroker: { host: 127.0.0.1, port: ${ports.lan} }
status: { host: 127.0.0.1, port: ${ports.status} }
clock: trusted
${buses.length === 0 ? '' : `buses:\n${buses.join('')}devices:\n${devices.join('')}`}`,
  )
  return path
}

async function killOften(random: () => number, kill: () => Promise<void>): Promise<void> {
  for (let count = 0; count < KILLS; count += 1) {
    await systemClock.sleep(PAUSE_MS.min + random() * (PAUSE_MS.max - PAUSE_MS.min))
    await kill()
  }
}

/** Kills the server itself, not what supervises it; waits for one to be there. */
async function killDatabase(dir: string): Promise<void> {
  const cluster = join(dir, 'cluster')
  const killed = async () => {
    if ((await findRunningPostgres({ dir })) === undefined) return false
    try {
      const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
      if (!isRunning(pid, cluster)) return false
      process.kill(pid, 'SIGKILL')
      return true
    } catch {
      return false
    }
  }
  await until('there is a server to kill', killed, { timeoutMs: SERVER_WITHIN_MS })
}

/** What was heard on the LAN: `variable point instant`, and the highest number. */
function listen(context: TestContext, port: number): Set<string> {
  const heard = new Set<string>()
  const client = connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50, resubscribe: true })
  context.after(() => client.endAsync(true))
  client.on('error', () => {})
  client.on('connect', () => client.subscribe('raw/v1/#'))
  client.on('message', (topic, payload) => {
    const [, , , , point, variable] = topic.split('/')
    const { ts } = JSON.parse(payload.toString('utf8'))
    heard.add(`${VARIABLES[variable as Variable].code} ${point} ${ts}`)
  })
  return heard
}

interface Emptied {
  epoch: number
  appended: number
  evicted: number
  damaged: number
}

async function waitUntilEmpty(port: number): Promise<Emptied> {
  let buffer: (Emptied & { readings: number }) | undefined
  await until(
    'the buffer is empty',
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
      buffer = answer === undefined ? undefined : JSON.parse(await answer.text()).buffer
      return buffer?.readings === 0
    },
    { timeoutMs: 60_000 },
  )
  if (buffer === undefined) throw new Error('The gateway said nothing of its buffer')
  return buffer
}

async function openDatabase(context: TestContext, dir: string): Promise<Database> {
  const url = await findRunningPostgres({ dir })
  if (url === undefined) throw new Error('No database runs')
  const db = openPostgres({ log: silentLog }, { url, poolMax: 2 })
  context.after(() => db.close())
  return db
}

async function compare(db: Database, heard: ReadonlySet<string>, { evicted, damaged }: Emptied) {
  const rows = await db.query<{ variable: number; point: string; at: number }>(
    `select s.variable, p.slug as point, r.at from readings r
     join series s on s.id = r.series_id join points p on p.id = s.point_id`,
  )
  const stored = new Set(rows.map(({ variable, point, at }) => `${variable} ${point} ${at}`))
  const batches = await db.query<{ epoch: number; first: number; last: number }>(
    'select epoch, first, last from batches',
  )
  const numbers = new Set(
    batches.flatMap(({ epoch, first, last }) => rangeOf(first, last).map(n => `${epoch} ${n}`)),
  )
  const highest = new Map<number, number>()
  for (const { epoch, last } of batches) highest.set(epoch, Math.max(highest.get(epoch) ?? 0, last))
  const produced = [...highest.values()].reduce((sum, last) => sum + last, 0)
  const count = async (table: string) => {
    const [row] = await db.query<{ count: number }>(`select count(*) from ${table}`)
    return row?.count ?? -1
  }
  return {
    produced,
    stored: stored.size,
    duplicates: rows.length - stored.size,
    missing: produced - numbers.size,
    heard: heard.size,
    heardAndNotStored: [...heard].filter(one => !stored.has(one)).length,
    batches: batches.length,
    revisions: await count('revisions'),
    deadLetters: await count('dead_letters'),
    ...{ evicted, damaged },
  }
}

function rangeOf(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
