// The path from an instrument to committed rows, with every part real: Modbus TCP, LevelDB, MQTT, PostgreSQL.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import { runGateway } from '../../edge/gateway.ts'
import { parseGatewayConfig } from '../../protocol/gateway-config.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'

const TOKEN = 'a-token-for-tests'

describe('from an instrument to committed rows', () => {
  let database: TestDatabase
  let instrument: Instrument
  let folder: string
  let mqttPort = 0
  before(async () => {
    database = await openTestDatabase()
    instrument = await openInstrument(
      { clock: systemClock },
      { registers: wellRegisters({ clock: systemClock }) },
    )
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-e2e-'))
    await database.db.query(
      `with c as (insert into clients (slug, name) values ('campo', 'Campo') returning id),
            p as (insert into projects (client_id, slug, name) select id, 'los-aromos', 'Los Aromos' from c returning id)
       insert into gateways (project_id, slug, token_hash) select id, 'gw-1', $1 from p`,
      [createHash('sha256').update(TOKEN).digest()],
    )
  })
  after(async () => {
    await instrument.close()
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const startCloud = (port: number) =>
    startCollector(
      {
        ...{ db: database.db, clock: systemClock, log: silentLog, random: Math.random },
        metrics: openMetrics(COLLECTOR_METRICS),
        authenticateSubscriber: async () => undefined,
        authorizeOperator: async () => ({ kind: 'unknown' }),
      },
      { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port } },
    )

  const startGateway = (signal: AbortSignal) => {
    const config = parseGatewayConfig(gatewayYaml(folder, instrument.port, mqttPort), 'gateway.yaml')
    const devices = config.devices.map(device => ({ ...device, signals: device.signals ?? [] }))
    return runGateway(
      { clock: systemClock, log: silentLog, random: () => 0.2, askClock: async () => true },
      { ...config, devices, providers: [], lanBroker: undefined, credentials: { token: TOKEN } },
      { version: '0.0.0' },
      signal,
    )
  }

  test('what is polled while the cloud is away is stored once it is back, each reading once, none missing', async () => {
    const first = await startCloud(0)
    mqttPort = first.mqttPort
    const stop = new AbortController()
    const gateway = startGateway(stop.signal)
    await until('the first readings are stored', async () => (await stored(database)).readings > 20)
    await first.close()
    const polledBefore = instrument.requests.length
    await until('ten more polls are made', () => instrument.requests.length > polledBefore + 10)

    const second = await startCloud(mqttPort)
    await until('the backlog is stored', async () => {
      const { readings, last } = await stored(database)
      return last > 0 && readings >= last && readings >= polledBefore * 4 + 40
    })

    stop.abort(new Error('stop'))
    await gateway
    const { readings, last, revisions } = await stored(database)
    assert.equal(readings, last, 'as many readings as numbers')
    assert.equal(revisions, 0)
    const [state] = await database.db.query<{ state: { state: string } }>('select state from gateways')
    await until('the goodbye is kept', async () => {
      const [row] = await database.db.query<{ state: { state: string } }>('select state from gateways')
      return row?.state.state === 'disconnected'
    })
    assert.ok(state)
    await second.close()
  })
})

async function stored({ db }: TestDatabase): Promise<{ readings: number; last: number; revisions: number }> {
  const [row] = await db.query<{ readings: number; last: number; revisions: number }>(
    `select (select count(*) from readings)::int as readings, coalesce((select max(last) from batches), 0)::int as last,
            (select count(*) from revisions)::int as revisions`,
  )
  assert.ok(row)
  return row
}

function gatewayYaml(folder: string, modbusPort: number, mqttPort: number): string {
  return `
gateway: gw-1
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:${mqttPort}", credentials: ./identity, maxDelay: 200ms, ackTimeout: 2s }
buffer: { path: ${folder}/buffer, maxBytes: 64MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${modbusPort} } }]
devices:
  - id: meter
    bus: plant
    point: pozo-7
    every: 100ms
    signals:
      - { variable: flow, address: 0, type: float32, unit: L/s, decimals: 2 }
      - { variable: total, address: 2, type: float64, unit: m3, decimals: 2 }
      - { variable: level, address: 6, type: float32, unit: m }
      - { variable: pulses, address: 8, type: uint32 }
`
}
