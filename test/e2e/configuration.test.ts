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

test('a well is brought live: tried through its gateway first, then made at once, and declared by nobody', async context => {
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  const [first, second] = [
    await openInstrument({ clock }, { registers: wellRegisters({ clock }) }),
    await openInstrument({ clock }, { registers: (_, address) => 16_000 + address }),
  ]
  for (const one of [first, second]) atEnd(context, () => one.close())
  const { ask, fleetKey, mqttPort, close } = await startCloud(database.db)
  atEnd(context, close)
  const cloudUrl = `mqtt://127.0.0.1:${mqttPort}`
  const { file, folder } = makeSite(context, { instrument: first.port, cloudUrl, every: '500ms' })
  writeFileSync(join(folder, 'identity', 'fleet-key.pem'), fleetKey)
  runProgram(context, ['run', '--config', file])
  await until('it says what it runs with', async () => (await ask('GET', '')).body.state === 'file')
  const device = {
    ...{ id: 'meter-8', bus: 'new', unit: 3, point: 'pozo-8', every: '1s' },
    signals: [
      { variable: 'level', address: 4, type: 'uint16', scale: 0.001, unit: 'm' },
      { variable: 'total', address: 5, type: 'uint16' },
    ],
  }
  const bus = { id: 'new', tcp: { host: '127.0.0.1', port: second.port } }

  const draft = (await ask('POST', '/device', { bus, device })).body
  assert.deepEqual(draft.mistakes, [])
  assert.deepEqual(draft.effect, { opened: ['bus new'], closed: [], kept: ['bus plant'], restarts: false })
  const trial = await ask('POST', `/v1/gateways/${GATEWAY}/trials`, {
    document: draft.document,
    device: 'meter-8',
  })
  assert.equal(trial.status, 201)
  const path = `/v1/gateways/${GATEWAY}/commands/${trial.body.id}`
  await until('it was tried', async () => (await ask('GET', path)).body.result !== null)
  const tried = (await ask('GET', path)).body
  assert.deepEqual(
    [tried.state, tried.result.measured, tried.command],
    [
      'done',
      [
        { variable: 'level', point: 'pozo-8', value: 16.004, unit: 'm', quality: 'good' },
        { variable: 'total', point: 'pozo-8', value: 16_005, unit: 'm³', quality: 'good' },
      ],
      { kind: 'try', device: 'meter-8' },
    ],
  )
  assert.deepEqual([...new Set(second.requests.map(({ unit }) => unit))], [3])

  const well = {
    ...{ gateway: GATEWAY, document: draft.document, device: 'meter-8' },
    point: { id: 'pozo-8', name: 'Pozo 8', sensorDepthM: 60 },
    obligation: { workCode: 'OB-0602-8', standard: 'mayor', informant: '11111111-1' },
  }
  const wrong = await ask('POST', '/v1/wells', well, { 'if-match': draft.etag })
  assert.deepEqual([wrong.status, wrong.body.errors[0].name], [422, 'obligation.informant'])
  assert.equal((await ask('GET', '/v1/points/pozo-8')).status, 404, 'nothing was made')
  assert.equal((await ask('GET', '')).body.state, 'file')
  const right = { ...well, obligation: { ...well.obligation, informant: '12345678-5' } }
  assert.equal((await ask('POST', '/v1/wells', right, { 'if-match': '"7"' })).status, 412)
  assert.equal((await ask('GET', '/v1/points/pozo-8')).status, 404, 'nothing was made')

  const made = await ask('POST', '/v1/wells', right, { 'if-match': draft.etag })
  assert.deepEqual([made.status, made.body.point], [201, 'campo.los-aromos.pozo-8'])
  await until('its values come', async () => {
    const { latest } = (await ask('GET', '/v1/points/pozo-8/latest')).body
    return latest.some(
      (one: { variable: string; value: number }) => one.variable === 'level' && one.value === 16.004,
    )
  })
  const { versions } = (await ask('GET', '/v1/compliance/works/OB-0602-8')).body
  assert.deepEqual(
    versions.map(({ mode }: { mode: string }) => mode),
    ['shadow'],
  )
  assert.equal((await ask('POST', '/v1/wells', right, { 'if-match': '"1"' })).status, 409)
})

async function startCloud(db: Database) {
  const secretKey = new Uint8Array(32).fill(5)
  const site = `clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
gateways: [{ client: campo, project: los-aromos, id: ${GATEWAY}, token: a-token-nobody-may-see }]
informants: [{ client: campo, rut: 12345678-5, name: Ana, controlCentreRut: 76543210-3, password: una-clave }]
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
      const base = `http://127.0.0.1:${api.port}/api/v1`
      const url = path.startsWith('/v1')
        ? `${base}${path.slice(3)}`
        : `${base}/gateways/${GATEWAY}/configuration${path}`
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
