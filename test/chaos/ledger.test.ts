// The ledger under kills: gateway and collector are killed with SIGKILL again and again, the database refuses the readings
// of one series for a while, and an outage overflows a small buffer. At every look no reading is nowhere; in the end the
// ledger says to the one what the tables hold.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { keepLedger } from '../../cloud/processor/ledger.ts'
import { PROCESSOR_METRICS } from '../../cloud/processor/service.ts'
import type { Database } from '../../cloud/store/database.ts'
import { selectLedgerDays } from '../../cloud/store/ledger.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'
import { WELL } from '../doubles/well.ts'

const KILLS = Number(process.env.LEDGER_KILLS ?? 4)
const TOKEN = 'a-token-for-the-ledger-test'
const PATIENCE = { timeoutMs: 60_000 }

test('kills, refusals and an outage: no reading is nowhere at any look, and in the end the ledger is exact', async context => {
  const scene = await openScene(context)
  const { db, gateway, cloud } = scene
  await until('readings flow', async () => (await scene.look()).stored > 100, PATIENCE)
  for (let kill = 0; kill < KILLS; kill += 1) {
    for (const one of [gateway, cloud]) {
      const { polled } = await scene.look()
      await one.kill()
      await until('it goes on', async () => (await scene.look()).polled > polled, PATIENCE)
    }
  }

  const [series] = await db.query<{ id: number }>('select min(series_id) as id from readings')
  await db.script(
    `alter table readings add constraint refuse_one check (series_id <> ${series?.id ?? 0}) not valid`,
  )
  await until('readings are rejected', async () => (await scene.look()).rejected > 0, PATIENCE)
  await db.script('alter table readings drop constraint refuse_one')

  await cloud.stop()
  await until('the buffer overflows', async () => ((await scene.buffer())?.evicted ?? 0) > 0, PATIENCE)
  await gateway.kill()
  const outage = await scene.look()
  cloud.start()
  await until('what was evicted is told', async () => (await scene.look()).evicted > 0, PATIENCE)

  await gateway.stop()
  scene.gatewayPollsNothing()
  gateway.start()
  await until('all is drained', async () => (await scene.buffer())?.readings === 0, PATIENCE)
  await gateway.kill()
  await until('the gateway tells its end', async () => (await scene.look()).buffered === 0, PATIENCE)
  const end = await scene.look()
  const held = await heldIn(db)

  context.diagnostic(JSON.stringify({ outage, end, held }))
  assert.equal(end.polled, held.numbers)
  assert.equal(end.stored, held.readings)
  assert.equal(end.rejected, held.rejected)
  assert.equal(end.evicted, held.evicted)
  assert.equal(end.polled, end.stored + end.rejected + end.evicted + end.damaged)
  assert.ok(end.evicted > 0 && end.rejected > 0 && scene.mostBuffered() > 0)
})

interface Kept {
  start(): void
  stop(): Promise<void>
  /** Kills it without a goodbye, and starts it again. */
  kill(): Promise<void>
}

function keep(context: TestContext, start: () => Program): Kept {
  let program: Program | undefined = start()
  const end = async () => {
    const running = program
    program = undefined
    running?.kill('SIGKILL')
    await running?.exited
  }
  context.after(end)
  const begin = () => {
    program = start()
  }
  return {
    start: begin,
    stop: end,
    async kill() {
      await end()
      begin()
    },
  }
}

async function openScene(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-ledger-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const { db, url, close } = await openTestDatabase()
  context.after(close)
  const ports = { mqtt: await freePort(), status: await freePort() }
  const instrument = await openInstrument(
    { clock: systemClock },
    { registers: wellRegisters({ clock: systemClock }, WELL) },
  )
  context.after(() => instrument.close())
  const env = {
    ...{ COLLECTOR_PORT: '0', MQTT_PORT: String(ports.mqtt), LOG_LEVEL: 'warn', TOKEN, DATABASE_URL: url },
    SMARTHYDRO_SECRET_KEY: Buffer.alloc(32, 5).toString('base64'),
  }
  writeFileSync(join(folder, 'site.yaml'), SITE)
  const provision = startProgram('cloud', ['provision', 'site.yaml'], { cwd: folder, env })
  assert.equal(await provision.exited, 0, provision.text())
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), TOKEN)
  let config = writeGateway(folder, 'polling.yaml', { ...ports, instrument: instrument.port })
  const cloud = keep(context, () =>
    startProgram('cloud', ['run', '--services', 'collector'], { cwd: folder, env }),
  )
  const gateway = keep(context, () => startProgram('edge', ['run', '--config', config]))

  const sums = async () => {
    const span = { from: '2000-01-01', to: '2100-01-01' }
    const days = await selectLedgerDays(db, null, { beforeKey: 2 ** 53 - 1, limit: 100, ...span })
    const sum = (name: 'buffered' | 'sent' | 'stored' | 'rejected' | 'evicted' | 'damaged' | 'difference') =>
      days.reduce((total, day) => total + day[name], 0)
    return {
      polled: days.reduce((total, { polled }) => total + (polled ?? 0), 0),
      ...{ buffered: sum('buffered'), sent: sum('sent'), stored: sum('stored'), rejected: sum('rejected') },
      ...{ evicted: sum('evicted'), damaged: sum('damaged'), difference: sum('difference') },
    }
  }
  let mostBuffered = 0
  const look = async () => {
    await keepLedger({ db, clock: systemClock, log: silentLog, metrics: openMetrics(PROCESSOR_METRICS) })
    const found = await sums()
    mostBuffered = Math.max(mostBuffered, found.buffered)
    assert.equal(found.difference, 0, `some are nowhere: ${JSON.stringify(found)}`)
    return found
  }
  return {
    ...{ db, cloud, gateway, look, mostBuffered: () => mostBuffered },
    gatewayPollsNothing() {
      config = writeGateway(folder, 'draining.yaml', ports)
    },
    async buffer(): Promise<{ evicted: number; readings: number } | undefined> {
      const answer = await fetch(`http://127.0.0.1:${ports.status}/health`).catch(() => undefined)
      return answer === undefined ? undefined : JSON.parse(await answer.text()).buffer
    },
  }
}

/** What the tables hold. */
async function heldIn(db: Database) {
  const [found] = await db.query<{ numbers: number; rejected: number; evicted: number; readings: number }>(
    `select numbers_in(range_agg(int8range(first, last, '[]')))::float8 as numbers,
       -- What was refused and not acknowledged may have come again since, and been stored.
       numbers_in(coalesce(range_agg(refused) - range_agg(int8multirange(int8range(first, last, '[]'))
         - numbers_gone(missing, 'evicted') - refused), '{}'))::float8 as rejected,
       -- What was committed and not acknowledged may have been evicted since: it is stored all the same.
       numbers_in(range_agg(numbers_gone(missing, 'evicted'))
         - range_agg(int8multirange(int8range(first, last, '[]')) - numbers_gone(missing, 'evicted')))::float8 as evicted,
       (select count(*) from readings)::float8 as readings
     from batches cross join lateral (
       select coalesce(range_agg(int8range((r->>'seq')::bigint, (r->>'seq')::bigint, '[]')), '{}') as refused
       from jsonb_array_elements(rejected) as r) as refusals`,
  )
  return found ?? { numbers: -1, rejected: -1, evicted: -1, readings: -1 }
}

const SITE = `clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
gateways: [{ client: campo, project: los-aromos, id: gw-1, token: { env: TOKEN } }]
`

function writeGateway(
  folder: string,
  name: string,
  { mqtt, status, instrument }: { mqtt: number; status: number; instrument?: number },
): string {
  const path = join(folder, name)
  const polls =
    instrument === undefined
      ? ''
      : `buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${instrument} }, timeout: 500ms }]
devices:
  - id: meter
    bus: plant
    point: pozo-7
    every: 100ms
    signals:
      - { variable: flow, address: 0, type: float32, decimals: 2 }
      - { variable: total, address: 2, type: float64, decimals: 2 }
      - { variable: level, address: 6, type: float32, decimals: 2 }
      - { variable: pulses, address: 8, type: uint32 }
`
  writeFileSync(
    path,
    `gateway: gw-1
client: campo
project: los-aromos
uplink:
  { url: "mqtt://127.0.0.1:${mqtt}", credentials: ./identity, minReadings: 20, maxDelay: 200ms, ackTimeout: 2s }
buffer: { path: ./buffer, maxBytes: 8KiB }
status: { host: 127.0.0.1, port: ${status} }
clock: trusted
${polls}`,
  )
  return path
}
