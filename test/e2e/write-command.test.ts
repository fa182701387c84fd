// A value set from the API to an instrument's register and back, with every part real: HTTP, PostgreSQL, MQTT, Modbus.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDoor } from '../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../cloud/api/service.ts'
import { createToken } from '../../cloud/api/users.ts'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import { openAuthority, openFleetSecrets } from '../../cloud/fleet/authority.ts'
import { provision } from '../../cloud/provision.ts'
import type { Database } from '../../cloud/store/database.ts'
import { runGateway } from '../../edge/gateway.ts'
import { parseGatewayConfig } from '../../protocol/gateway-config.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { openInstrument } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'

const NO_UPLINK = { url: undefined, ca: undefined }

const GATEWAY_TOKEN = 'a-token-of-a-gateway'

test('what is set over the API is written once, and both sides know by whom, from what to what', async context => {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-write-'))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  const cells = new Map<number, number>()
  const instrument = await openInstrument(
    { clock },
    {
      registers: (_, address) => cells.get(address) ?? 0,
      take: (_, address, value) => void cells.set(address, value),
    },
  )
  atEnd(context, () => instrument.close())
  const { ask, mqttPort, close } = await startCloud(database.db)
  atEnd(context, close)
  const yaml = `
gateway: gw-1
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:${mqttPort}", credentials: ./identity }
buffer: { path: ${folder}, maxBytes: 64MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${instrument.port} } }]
devices:
  - id: pump
    bus: plant
    point: pozo-7
    every: 12h
    signals: [{ variable: level, address: 0, type: uint16 }]
    writable: [{ name: start-level, address: 40, type: uint16, scale: 0.01, unit: m, min: 5, max: 80 }]
`
  const startGateway = () => {
    const stop = new AbortController()
    const config = parseGatewayConfig(yaml, 'gateway.yaml')
    const devices = config.devices.map(device => ({ ...device, signals: device.signals ?? [] }))
    const run = runGateway(
      { clock, log, random: () => 0.2, askClock: async () => true },
      { ...config, devices, providers: [], lanBroker: undefined, credentials: { token: GATEWAY_TOKEN } },
      { version: '0.0.0' },
      stop.signal,
    )
    return async () => {
      stop.abort(new Error('stop'))
      await run
    }
  }
  const command = { kind: 'write', device: 'pump', name: 'start-level', value: 12.5, unit: 'm' }
  const give = (id: string, value: number) => ask('POST', '', { id, command: { ...command, value } })
  const resultOf = async (id: string) => {
    await until(`${id} has a result`, async () => (await ask('GET', `/${id}`)).body.result !== null)
    return (await ask('GET', `/${id}`)).body
  }

  const stopFirst = startGateway()
  await give('w-1', 12.5)
  const first = await resultOf('w-1')
  await stopFirst()
  // As if the result had been lost on its way: the command is sent again, to a gateway that was started again.
  await database.db.query('update commands set result = null, sent_at = null')
  const stopSecond = startGateway()
  const again = await resultOf('w-1')
  await give('w-2', 90)
  const refused = await resultOf('w-2')
  await stopSecond()

  const written = { device: 'pump', name: 'start-level', unit: 'm', asked: 12.5, before: 0, found: 12.5 }
  assert.deepEqual(
    [first.state, first.by, first.result.written],
    ['done', 'olga', { ...written, acknowledged: true }],
  )
  assert.deepEqual(again.result, first.result)
  assert.deepEqual([refused.state, refused.result.written], ['refused', undefined])
  assert.match(refused.result.reason, /may be from 5 to 80, the command says 90/)
  assert.deepEqual(
    instrument.requests.filter(({ code }) => code === 6).map(({ address, values }) => [address, values]),
    [[40, [1250]]],
  )
  const { body } = await ask('GET', '')
  assert.deepEqual(
    body.items.map(({ id, by, state }: Record<string, unknown>) => [id, by, state]),
    [
      ['w-2', 'olga', 'refused'],
      ['w-1', 'olga', 'done'],
    ],
  )
})

async function startCloud(db: Database) {
  const secretKey = new Uint8Array(32).fill(5)
  await provision(
    { db, clock, secretKey, environment: {} },
    `clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
gateways: [{ client: campo, project: los-aromos, id: gw-1, token: ${GATEWAY_TOKEN} }]
`,
    'site.yaml',
  )
  const publicUrl = 'http://localhost:8004'
  const door = openDoor({ db, clock, log }, { secretKey, publicUrl })
  const collector = await startCollector(
    {
      ...{ db, clock, log, random: Math.random, metrics: openMetrics(COLLECTOR_METRICS) },
      authenticateSubscriber: async () => undefined,
      authorizeOperator: async () => ({ kind: 'unknown' }),
    },
    { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port: 0 } },
  )
  const authority = openAuthority({ db, clock, secrets: openFleetSecrets(secretKey, []) })
  const api = await startApi(
    { db, clock, log, ...door, authority, metrics: openMetrics(API_METRICS) },
    { host: '127.0.0.1', port: 0, publicUrl, trustedProxies: [], version: '0.0.0', uplink: NO_UPLINK },
  )
  const token = await createToken(db, {
    ...{ name: 'olga', role: 'operator' as const, scopes: ['read', 'write'] as const, createdBy: 'test' },
  })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return {
    mqttPort: collector.mqttPort,
    async ask(method: 'GET' | 'POST', path: string, body?: unknown) {
      const url = `http://127.0.0.1:${api.port}/api/v1/gateways/gw-1/commands${path}`
      const response = await fetch(url, {
        ...{ method, headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      assert.ok(response.ok, `${response.status}`)
      return { body: JSON.parse(await response.text()) }
    },
    async close() {
      await api.close()
      await collector.close()
    },
  }
}
