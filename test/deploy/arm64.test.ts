// The package of a Raspberry Pi, built on this machine and run by an emulated processor: every byte that runs there is
// the one that is installed on site.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'
import { builtPackage, folderFor, run, start, unpackInto } from './unpacked.ts'

const TOKEN = 'a-token-for-tests'
/** An emulated Node takes many times as long, and longer on a busy machine. */
const PATIENCE = { timeoutMs: 120_000 }

test('the arm64 package checks, runs, reads a meter, buffers while the cloud is away, delivers, and tells why a well is silent', {
  skip: skipWithout('dpkg', 'qemu_aarch64', 'arm64_libraries', 'arm64_atomic'),
}, async context => {
  const program = await unpackedForArm(context)
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  await addGateway(database)
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const first = await startCloud(database, 0)
  const file = writeSite(context, { modbus: instrument.port, mqtt: first.mqttPort })

  const plan = run(program, ['check', file])
  assert.match(plan, /^gw-1 of campo\/los-aromos: 1 device/)

  const gateway = start(context, program, ['run', '--config', file])
  await until('readings are stored', async () => (await stored(database)).readings > 20, PATIENCE)
  await first.close()
  const before = instrument.requests.length
  await until('polls go on without the cloud', () => instrument.requests.length > before + 10, PATIENCE)
  const second = await startCloud(database, first.mqttPort)
  atEnd(context, () => second.close())
  await until(
    'what was buffered is stored',
    async () => (await stored(database)).readings > (before + 10) * 2,
    PATIENCE,
  )
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exited, 0, gateway.text())
  const { readings, last } = await stored(database)
  assert.equal(readings, last, 'as many readings as numbers')

  const well = start(context, program, ['doctor', '--config', file])
  assert.equal(await well.exited, 0, well.text())
  await instrument.close()
  const silent = start(context, program, ['doctor', '--config', file])
  assert.equal(await silent.exited, 1, silent.text())
  assert.match(silent.text(), /wrong bus plant: not reached/)
})

/** The program as it is unpacked, with the emulator before its Node: this machine's kernel cannot start that by itself. */
async function unpackedForArm(context: TestContext): Promise<string> {
  const root = join(folderFor(context, 'arm64'), 'root')
  mkdirSync(root)
  unpackInto(root, await builtPackage('arm64'))
  const node = join(root, 'usr/lib/smarthydro-edge/runtime/bin/node')
  renameSync(node, `${node}.arm64`)
  writeFileSync(node, `#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu "${node}.arm64" "$@"\n`)
  chmodSync(node, 0o755)
  return join(root, 'usr/bin/smarthydro-edge')
}

async function addGateway({ db }: TestDatabase): Promise<void> {
  await db.query(
    `with c as (insert into clients (slug, name) values ('campo', 'Campo') returning id),
          p as (insert into projects (client_id, slug, name) select id, 'los-aromos', 'Los Aromos' from c returning id)
     insert into gateways (project_id, slug, token_hash) select id, 'gw-1', $1 from p`,
    [createHash('sha256').update(TOKEN).digest()],
  )
}

function startCloud({ db }: TestDatabase, port: number) {
  return startCollector(
    {
      ...{ db, clock, log: silentLog, random: Math.random, metrics: openMetrics(COLLECTOR_METRICS) },
      authenticateSubscriber: async () => undefined,
      authorizeOperator: async () => ({ kind: 'unknown' }),
    },
    { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port } },
  )
}

async function stored({ db }: TestDatabase): Promise<{ readings: number; last: number }> {
  const [row] = await db.query<{ readings: number; last: number }>(
    `select (select count(*) from readings)::int as readings,
            coalesce((select max(last) from batches), 0)::int as last`,
  )
  assert.ok(row)
  return row
}

function writeSite(context: TestContext, { modbus, mqtt }: { modbus: number; mqtt: number }): string {
  const folder = folderFor(context, 'site')
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), TOKEN)
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `gateway: gw-1
client: campo
project: los-aromos
clock: trusted
uplink: { url: "mqtt://127.0.0.1:${mqtt}", credentials: ./identity, minReadings: 8, maxDelay: 500ms, ackTimeout: 10s }
buffer: { path: ./buffer, maxBytes: 16MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${modbus} }, timeout: 2s }]
devices:
  - id: meter
    bus: plant
    point: pozo-7
    every: 500ms
    signals:
      - { variable: flow, address: 0, type: float32 }
      - { variable: total, address: 2, type: float64 }
`,
  )
  return file
}
