// What `smarthydro-edge doctor` finds, as a person at a silent well sees it.

import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Aedes } from 'aedes'
import { readGatewayConfig } from '../../edge/config.ts'
import { adviceOn } from '../../edge/doctor/devices.ts'
import type { Finding } from '../../edge/doctor/finding.ts'
import { providerAdviceOn } from '../../edge/doctor/providers.ts'
import { examine } from '../../edge/doctor.ts'
import type { ClockAnswer } from '../../edge/time-quality.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../doubles/cloud.ts'
import { openInstrument } from '../doubles/instrument.ts'
import { openNatsServer } from '../doubles/nats-server.ts'
import { freePort } from '../doubles/ports.ts'
import { openTwin } from '../doubles/providers/twin.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { atEnd } from './buffer/folder.ts'
import { makeSite, runProgram, statusOf, untilSaid } from './site.ts'

/** A site where everything is well, but for a gateway that does not run yet. */
async function openSite(context: TestContext, more = 'clock: trusted\n') {
  const cloud = await openFakeCloud({ clock: systemClock })
  atEnd(context, () => cloud.close())
  const instrument = await openInstrument({ clock: systemClock }, { registers: () => 1 })
  atEnd(context, () => instrument.close())
  const status = await freePort()
  const text = `${more}status: { port: ${status} }\n`
  const site = makeSite(context, { instrument: instrument.port, cloudUrl: cloud.url, more: text })
  return { ...site, cloud, instrument, status }
}

async function findings(
  file: string,
  { answer }: { answer: ClockAnswer } = { answer: true },
): Promise<Finding[]> {
  const config = readGatewayConfig(file, {})
  const deps = { clock: systemClock, random: () => 0.5, askClock: async () => answer }
  return await Array.fromAsync(examine(deps, config, new AbortController().signal))
}

const about = (all: readonly Finding[], subject: string): Finding => {
  const found = all.find(one => one.subject === subject)
  assert.ok(found, `nothing was found about ${subject}`)
  return found
}

function change(file: string, from: string | RegExp, to: string): void {
  const text = readFileSync(file, 'utf8')
  assert.notEqual(text.replace(from, to), text)
  writeFileSync(file, text.replace(from, to))
}

async function doctor(context: TestContext, file: string) {
  const program = runProgram(context, ['doctor', '--config', file])
  return { status: await program.exited, text: program.text() }
}

/** Another program on a port, until it is stopped. */
async function listenOn(port: number, serve: (socket: Socket) => void): Promise<() => Promise<unknown>> {
  const sockets = new Set<Socket>()
  const server = createTcpServer(socket => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return () => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  }
}

test('where the gateway runs and all is well, it is asked, nothing is disturbed, and the doctor ends with 0', async context => {
  const { file, cloud, instrument, status } = await openSite(context)
  const gateway = runProgram(context, ['run', '--config', file])
  await untilSaid(gateway, 'cloud connected')
  await until(
    'it was polled',
    async () => ((await statusOf(status)).body.devices as { ok: number }[])[0]?.ok !== 0,
  )
  const sessions = cloud.passwords.length
  instrument.requests.length = 0

  const { status: code, text } = await doctor(context, file)

  assert.equal(code, 0, text)
  assert.match(text, /ok {4}device meter: answered \d+ s ago/)
  assert.match(text, /ok {4}cloud: connected\n/)
  assert.match(text, /nothing wrong was found\n$/)
  assert.equal(cloud.passwords.length, sessions, 'no second session')
})

test('where none runs, lines, devices and the cloud are tried, and it says that none runs', async context => {
  const { file, cloud, instrument } = await openSite(context)

  const { status, text } = await doctor(context, file)

  assert.equal(status, 1)
  assert.match(text, /wrong {1}gateway: does not run \(.*ECONNREFUSED/)
  assert.match(text, /ok {4}device meter: answers\n/)
  assert.match(text, /ok {4}cloud: reached, and it lets this gateway in\n/)
  assert.match(text, /\n1 wrong\n$/)
  assert.equal(instrument.requests.length, 1)
  assert.deepEqual(cloud.passwords, ['a-token-nobody-may-see'])
  assert.doesNotMatch(text, /a-token-nobody-may-see/)
  assert.deepEqual(cloud.states, [], 'what the cloud knows of the gateway is as it was')
})

test('a wrong configuration and missing credentials are told with their lines', async context => {
  const { file, folder } = await openSite(context)
  rmSync(join(folder, 'identity', 'token'))
  change(file, 'gateway: gw-test', 'gateway: GW')

  const { status, text } = await doctor(context, file)

  assert.equal(status, 1)
  assert.match(text, /wrong configuration: wrong, so that no gateway starts with it/)
  assert.match(text, /gateway: must be 1 to 63 characters/)
  change(file, 'gateway: GW', 'gateway: gw-test')
  assert.match((await doctor(context, file)).text, /uplink\.credentials: there is no token in/)
})

test('a device that answers an exception, is silent, or cannot be reached is each told apart, with what to do', async context => {
  const { file, instrument } = await openSite(context)

  instrument.failAlways({ kind: 'exception', code: 2 })
  const exception = about(await findings(file), 'device meter')
  instrument.failAlways({ kind: 'silence' })
  const silence = about(await findings(file), 'device meter')
  await instrument.stop()
  const unreachable = about(await findings(file), 'bus plant')

  assert.match(exception.found, /answers that it cannot: .*exception 2 \(illegal data address\)/)
  assert.match(exception.todo ?? '', /compare profile, table and addresses with its manual/)
  assert.match(silence.found, /is silent/)
  assert.match(silence.todo ?? '', /check its power, its unit number/)
  assert.match(unreachable.found, /not reached: .*ECONNREFUSED/)
  assert.match(unreachable.tried, /a connection to 127\.0\.0\.1:\d+/)
  assert.ok([exception, silence, unreachable].every(one => one.state === 'wrong'))
})

test('a device that answers one request of its poll and not the next is no device that answers', async context => {
  const { file, instrument } = await openSite(context)
  change(file, 'address: 8, type: uint32', 'address: 900, type: uint32')
  const well = about(await findings(file), 'device meter')
  instrument.fail({ kind: 'late', ms: 0 }, { kind: 'exception', code: 2 })

  const half = about(await findings(file), 'device meter')

  assert.deepEqual([well.state, half.state], ['ok', 'wrong'])
  assert.match(half.found, /holding 900 to 901: exception 2/)
})

test('a line that is asked for more than it can carry is told', async context => {
  const { file } = await openSite(context)
  change(file, /tcp: \{.*?\}/, 'serial: { path: /dev/serial/by-id/nothing, baudRate: 1200 }')

  const all = (await findings(file)).filter(({ subject }) => subject === 'bus plant')

  assert.match(all[0]?.found ?? '', /^its devices need \d+(\.\d)? % of its time$/)
  assert.match(all[0]?.todo ?? '', /less often/)
  assert.match(all[1]?.found ?? '', /there is no such port/)
})

test('an adapter that is not there is told', async context => {
  const { file } = await openSite(context)
  change(file, /tcp: \{.*?\}/, 'serial: { path: /dev/serial/by-id/nothing }')
  change(file, 'every: 100ms', 'every: 1m')

  const finding = about(await findings(file), 'bus plant')

  assert.match(`${finding.found} ${finding.todo}`, /there is no such port plug the adapter in/)
})

test('a clock that is not synchronised, or that nobody can tell about, is told', async context => {
  const { file } = await openSite(context, '')

  assert.match(about(await findings(file, { answer: false }), 'clock').todo ?? '', /UDP port 123/)
  assert.match(about(await findings(file, { answer: undefined }), 'clock').todo ?? '', /clock: trusted/)
  assert.equal(about(await findings(file, { answer: { synced: true, errorMs: 3 } }), 'clock').state, 'ok')
})

test('a cloud that is away, that is something else, and that refuses the token are told apart', async context => {
  const { file, cloud } = await openSite(context)
  await cloud.stop()
  const away = about(await findings(file), 'cloud')
  const aedes = await Aedes.createBroker({ authenticate: (_, __, ___, done) => done(null, false) })
  const stopBroker = await listenOn(cloud.port, aedes.handle)
  const refused = about(await findings(file), 'cloud')
  aedes.close()
  await stopBroker()
  const stopWeb = await listenOn(cloud.port, socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const other = about(await findings(file), 'cloud')
  await stopWeb()

  assert.match(away.found, /not reached: .*ECONNREFUSED/)
  assert.match(refused.todo ?? '', /the token is refused/)
  assert.match(other.todo ?? '', /no broker that knows us/)
  assert.ok([away, refused, other].every(one => one.state === 'wrong'))
})

test('a cloud over NATS is signed in to as one over MQTT is', {
  skip: skipWithout('nats_server'),
}, async context => {
  const { file } = await openSite(context)
  const users = [{ user: 'gw-test', password: 'a-token-nobody-may-see' }]
  const server = await openNatsServer({ users })
  atEnd(context, () => server.close())
  change(file, /mqtt:[^"]*/, `nats://127.0.0.1:${server.port}`)
  const well = about(await findings(file), 'cloud')
  change(join(file, '../identity/token'), /.+/, 'another')
  const refused = about(await findings(file), 'cloud')
  change(file, /nats:/, 'tls:')
  const plain = about(await findings(file), 'cloud')

  assert.equal(well.state, 'ok')
  assert.deepEqual([refused.state, plain.state], ['wrong', 'wrong'])
  assert.match(refused.todo ?? '', /the token is refused/)
  assert.match(plain.found, /offers no TLS/)
})

test('a buffer that gives readings up, a disk without space, a failing device and a device it does not know: as the gateway says', async context => {
  const { file, status } = await openSite(context, '')
  const health = {
    ...{
      status: 'unhealthy',
      reason: 'Cannot write: ENOSPC',
      service: 'gateway',
      timestamp: '',
      gateway: 'gw-test',
    },
    ...{ cloud: 'connected', v: 1, at: 1_000_000, version: '1', startedAt: 0, memoryBytes: 1, buses: [] },
    readings: { polled: 9, acked: 0, rejected: 0 },
    clock: { quality: 'synced' },
    buffer: {
      epoch: 1,
      readings: 9,
      bytes: 99,
      maxBytes: 100,
      appended: 9,
      evicted: 4,
      damaged: 0,
      oldestAt: 1,
    } as Record<string, number>,
    devices: [
      { id: 'meter', ok: 0, failed: 3, lastFailure: 'bus plant, unit 1, holding 0: exception 11 (x)' },
    ],
  }
  const server = createServer((_, response) => response.end(JSON.stringify(health)))
  await new Promise<void>(resolve => server.listen(status, '127.0.0.1', resolve))
  atEnd(context, () => server.close())

  const all = await findings(file)

  assert.match(about(all, 'gateway').found, /cannot store readings: Cannot write: ENOSPC/)
  assert.match(about(all, 'buffer').found, /99\.0 % full, 4 given up$/)
  assert.match(about(all, 'device meter').todo ?? '', /the Modbus gateway is there/)
  assert.equal(about(all, 'cloud').state, 'note')
  health.buffer = { ...health.buffer, bytes: 9, evicted: 0, daysLeft: 29.9 }
  const short = about(await findings(file), 'buffer')
  assert.deepEqual(
    [short.state, short.found],
    ['note', '9 readings wait, 9.0 % full, 0 given up, 29 days left without the cloud'],
  )
  assert.match(short.todo ?? '', /an outage of 30 days would fill it: raise buffer\.maxBytes/)
  health.buffer.daysLeft = 30
  assert.equal(about(await findings(file), 'buffer').state, 'ok')
  health.devices = [
    {
      id: 'meter',
      ok: 0,
      failed: 3,
      lastFailure: 'bus plant, unit 1, holding 401 to 403: no answer in 300 ms',
    },
  ]
  assert.match(about(await findings(file), 'device meter').todo ?? '', /its unit number, the wires A and B/)
  health.clock = { quality: 'unsynced' }
  const nobody = about(await findings(file, { answer: undefined }), 'clock')
  assert.match(`${nobody.found}, ${nobody.todo}`, /nobody can say .* install systemd-timesyncd or chrony/)
  assert.match(about(await findings(file, { answer: false }), 'clock').todo ?? '', /UDP port 123/)
  assert.equal(about(await findings(file, { answer: true }), 'clock').state, 'note')
  health.devices = []
  assert.match(about(await findings(file), 'device meter').todo ?? '', /restart the gateway/)
  health.gateway = 'gw-other'
  assert.match(about(await findings(file), 'gateway').found, /another program answers on its port/)
})

test('each kind of failure has its own advice', () => {
  const failures = [
    'exception 1 (illegal function)',
    'exception 2 (illegal data address)',
    'exception 4 (device failure)',
    'exception 11 (device does not answer its gateway)',
    'not connected: ECONNREFUSED',
    'not connected: another program has /dev/ttyUSB0 open',
    'it came too early to be an answer',
    'no answer in 300 ms',
  ]

  assert.equal(new Set(failures.map(adviceOn)).size, failures.length)
})

test('where no gateway runs, a provider is asked once, and one that refuses its password or is away is told apart', async context => {
  const twin = await openTwin({ clock: systemClock }, { users: { well: 'right' } })
  atEnd(context, () => twin.close())
  const { file, folder } = await openSite(
    context,
    `clock: trusted
providers:
  - id: pozo-8
    provider: twin
    every: 5m
    point: pozo-8
    device: dev-1
    username: well
    password: { file: password }
    baseUrl: ${twin.baseUrl}
    signals: [{ variable: flow, key: "5003" }]
`,
  )
  twin.samples.put('dev-1', '5003', systemClock.now(), 12)
  writeFileSync(join(folder, 'password'), 'right')
  const well = about(await findings(file), 'device pozo-8')
  const { length } = twin.requests
  writeFileSync(join(folder, 'password'), 'a-wrong-secret')
  const refused = about(await findings(file), 'device pozo-8')
  const { text } = await doctor(context, file)
  await twin.stop()
  const away = about(await findings(file), 'device pozo-8')

  assert.deepEqual([well.state, refused.state, away.state], ['ok', 'wrong', 'wrong'])
  assert.equal(length, 2, 'to sign in, and for its values')
  assert.match(refused.todo ?? '', /name and password/)
  assert.match(away.todo ?? '', /internet/)
  assert.match(text, /wrong device pozo-8: twin: HTTP 401 when signing in/)
  assert.doesNotMatch(text, /a-wrong-secret/)
})

test('each kind of failure at a provider has its own advice, and none speaks of wires', () => {
  const failures = [
    'nettra: HTTP 403, too many requests',
    'twin: HTTP 401 when signing in',
    'novus: HTTP 404',
    'twin: HTTP 503',
    'the provider has nothing',
    'acme.example: its answer is not JSON',
    'twin: getaddrinfo ENOTFOUND api.twindimension.com',
  ]

  const advice = failures.map(providerAdviceOn)

  assert.equal(new Set(advice).size, failures.length)
  assert.doesNotMatch(advice.join(' '), /wires|parity/)
})
