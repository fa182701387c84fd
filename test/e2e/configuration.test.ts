// A gateway's configuration from the API to what it measures and back, with every part real: HTTP, PostgreSQL, MQTT, Modbus.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDoor } from '../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../cloud/api/service.ts'
import { createToken } from '../../cloud/api/users.ts'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import { openAuthority, openFleetSecrets } from '../../cloud/fleet/authority.ts'
import { provision } from '../../cloud/provision.ts'
import type { Database } from '../../cloud/store/database.ts'
import { documentHash } from '../../protocol/configuration.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { makeSite, runProgram } from '../edge/site.ts'

const GATEWAY = 'gw-test'

test('what is wanted over the API is what a gateway runs with within seconds, or it says why not', async context => {
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const cloud = await startCloud(database.db)
  atEnd(context, cloud.close)
  const { ask, fleetKey, mqttPort } = cloud
  const cloudUrl = `mqtt://127.0.0.1:${mqttPort}`
  const { file, folder } = makeSite(context, { instrument: instrument.port, cloudUrl, every: '500ms' })
  writeFileSync(join(folder, 'identity', 'fleet-key.pem'), fleetKey)
  const own = readFileSync(file, 'utf8')
  const state = async () => (await ask('GET', '')).body.state as string
  const put = (document: string, ifMatch?: string, note = '') =>
    ask('PUT', '', { document, note }, ifMatch === undefined ? {} : { 'if-match': ifMatch })
  assert.deepEqual([await state(), (await ask('GET', '')).etag], ['unknown', '"0"'])

  const program = runProgram(context, ['run', '--config', file])
  await until('it says that its own file is in force', async () => (await state()) === 'file')
  assert.equal((await ask('GET', '')).body.reported.document, own)

  // Taken over as it is: nothing changes on site.
  const adopted = await ask('POST', '/adopt', { hash: documentHash(own) }, { 'if-match': '"0"' })
  assert.deepEqual([adopted.status, adopted.body.version, adopted.body.isAdopted], [201, 1, true])
  await until('it runs with it', async () => (await state()) === 'probation')

  const faster = own.replace('every: 500ms', 'every: 250ms')
  assert.equal((await put(faster)).status, 428)
  assert.equal((await put(faster, '"0"')).status, 412)
  const check = await ask('POST', '/check', { document: faster })
  assert.deepEqual(check.body, {
    mistakes: [],
    effect: { opened: ['bus plant'], closed: [], kept: [], restarts: false },
  })
  const since = clock.monotonic()
  assert.equal((await put(faster, '"1"', 'más seguido')).status, 201)
  await until('it runs with that', async () => (await ask('GET', '')).body.reported.version === 2)
  context.diagnostic(`in force after ${Math.round(clock.monotonic() - since)} ms`)
  const lines = (await ask('GET', '/versions/2/diff')).body.lines as { kind: string; line: string }[]
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'added' || kind === 'removed').map(({ line }) => line.trim()),
    ['every: 500ms', 'every: 250ms'],
  )

  // The cloud sees what is wrong as the gateway would; what only the site knows, the gateway says.
  const wrong = await put(
    own.replace('bus: plant', 'bus: plnt').replace('point: pozo-7', 'point: pozo-77'),
    '"2"',
  )
  assert.equal(wrong.status, 422)
  assert.deepEqual(
    wrong.body.errors.map(({ name, detail }: { name: string; detail: string }) => [name, detail]),
    [
      ['document', 'line 9: devices[0].bus no bus has the id "plnt"; did you mean `plant`?'],
      ['document', 'line 10: devices[0].point los-aromos has no point "pozo-77"; did you mean `pozo-7`?'],
    ],
  )
  const absent = `${faster}providers:\n  - { id: p, provider: novus, every: 5m, point: pozo-7, token: { env: NOT_THERE }, signals: [{ variable: conductivity, key: a }] }\n`
  assert.equal((await put(absent, '"2"')).status, 201)
  await until('it is refused', async () => (await state()) === 'refused')
  const { refused } = (await ask('GET', '')).body.reported
  assert.deepEqual([refused.kind, refused.version], ['mistaken', 3])
  assert.deepEqual(refused.mistakes, [
    { path: 'providers[0].token', line: 18, message: 'the environment has no NOT_THERE' },
  ])

  const back = await ask('POST', '/roll-back', { version: 1, note: 'como antes' }, { 'if-match': '"3"' })
  assert.deepEqual([back.status, back.body.version, back.body.copyOf], [201, 4, 1])
  await until('it runs with that of before', async () => (await ask('GET', '')).body.reported.version === 4)
  assert.equal((await ask('GET', '/versions/4')).body.document, own)

  // What was refused is in its story and in the audit.
  const reports = (await ask('GET', '/reports')).body.items as { refused: { kind: string } | null }[]
  assert.ok(reports.some(one => one.refused?.kind === 'mistaken'))
  const audit = await database.db.query<{ action: string; subject: string }>(
    `select subject, after->'refused'->>'kind' as kind from audit where entity = 'gateway_report' and after->>'refused' is not null`,
    [],
  )
  assert.ok(audit.length > 0 && audit.every(({ subject }) => subject === GATEWAY))

  // Somebody on site changes the file: that is in force from the next start on, and seen.
  program.child.kill('SIGKILL')
  await program.exited
  writeFileSync(file, own.replace('every: 500ms', 'every: 400ms'))
  runProgram(context, ['run', '--config', file])
  await until('the difference is seen', async () => (await state()) === 'drift')
})

async function startCloud(db: Database) {
  const secretKey = new Uint8Array(32).fill(5)
  const site = `clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
gateways: [{ client: campo, project: los-aromos, id: ${GATEWAY}, token: a-token-nobody-may-see }]
`
  await provision({ db, clock, secretKey, environment: {} }, site, 'site.yaml')
  const publicUrl = 'http://localhost:8004'
  const door = openDoor({ db, clock, log }, { secretKey, publicUrl })
  const authority = openAuthority({ db, clock, secrets: openFleetSecrets(secretKey, []) })
  const collector = await startCollector(
    {
      ...{ db, clock, log, random: Math.random, metrics: openMetrics(COLLECTOR_METRICS) },
      authenticateSubscriber: async () => undefined,
      authorizeOperator: async () => ({ kind: 'unknown' }),
    },
    { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port: 0 } },
  )
  const api = await startApi(
    { db, clock, log, ...door, authority, metrics: openMetrics(API_METRICS) },
    {
      host: '127.0.0.1',
      port: 0,
      publicUrl,
      trustedProxies: [],
      version: '0.0.0',
      uplink: { url: undefined, ca: undefined },
    },
  )
  const token = await createToken(db, {
    ...{ name: 'olga', role: 'operator' as const, scopes: ['read', 'write'] as const, createdBy: 'test' },
  })
  const authorized = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return {
    mqttPort: collector.mqttPort,
    fleetKey: await authority.fleetKey(),
    async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const url = `http://127.0.0.1:${api.port}/api/v1/gateways/${GATEWAY}/configuration${path}`
      const response = await fetch(url, {
        ...{ method, headers: { ...authorized, ...headers } },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, etag: response.headers.get('etag'), body: JSON.parse(text) }
    },
    async close() {
      await api.close()
      await collector.close()
    },
  }
}
