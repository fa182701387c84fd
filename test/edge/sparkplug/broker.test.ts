// Sparkplug B on the LAN broker: who hears it, who may ask for births, and what is said when; over real sockets.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type LanBroker, type LanBrokerOptions, openLanBroker } from '../../../edge/broker.ts'
import { GATEWAY_METRICS } from '../../../edge/health.ts'
import type { SeriesFacts } from '../../../edge/lan-facts.ts'
import { openSparkplugNode } from '../../../edge/sparkplug/node.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { connectClient, type TestClient } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd, keptLog, temporaryFolder } from '../buffer/folder.ts'
import { type DecodedPayload, decodeSparkplug, encodeSparkplug } from './decoder.ts'

const AT = Date.parse('2026-01-15T12:00:00Z')
const NODE = { groupId: 'campo', nodeId: 'gw-1', bdSeq: 3 }
const COMMAND = 'spBv1.0/campo/NCMD/gw-1'
const STATE = 'spBv1.0/STATE/scada-1'

const READING: Reading = {
  ...{ seq: 1, point: 'pozo-7', variable: 'flow', at: AT, value: 12.47 },
  ...{ quality: 'good', timeQuality: 'synced' },
}

const SERIES: SeriesFacts[] = (
  [
    ['pozo-7', 'flow'],
    ['pozo-7', 'level'],
    ['pozo-8', 'flow'],
  ] as [string, Variable][]
).map(([point, variable]) => ({
  point,
  variable,
  meta: {
    ...{ v: 1, gateway: 'gw-1', variable, unit: VARIABLES[variable].unit },
    ...{ source: 'meter', kind: 'modbus', everyMs: 60_000 },
  },
}))

const USERS = [
  { name: 'scada', password: 'host-password', sparkplugHost: 'scada-1' },
  { name: 'reader', password: 'reader-password' },
  { name: 'pozo-7', password: 'well-password', read: ['campo/los-aromos/pozo-7'] },
]

const REBIRTH = encodeSparkplug({
  timestamp: AT,
  metrics: [{ name: 'Node Control/Rebirth', timestamp: AT, datatype: 11, booleanValue: true }],
})

async function openStage(context: TestContext, options: Partial<LanBrokerOptions> = {}) {
  const { log, said } = keptLog()
  const metrics = openMetrics(GATEWAY_METRICS)
  const broker = await openLanBroker(
    { clock: systemClock, log, metrics },
    {
      ...{ host: '127.0.0.1', port: 0, client: 'campo', project: 'los-aromos' },
      ...{
        users: USERS,
        series: SERIES,
        sparkplug: openSparkplugNode({ clock: openFakeClock(AT) }, NODE, SERIES),
        ...options,
      },
    },
  )
  let isOpen = true
  const close = async () => {
    if (isOpen) await broker.close()
    isOpen = false
  }
  atEnd(context, close)
  return { broker, metrics, said, close }
}

async function signIn(
  context: TestContext,
  { port }: LanBroker,
  username: string,
  will?: { topic: string; payload: Buffer; qos: 1; retain: boolean },
): Promise<TestClient> {
  const password = USERS.find(({ name }) => name === username)?.password ?? ''
  const client = await connectClient(port, {
    ...{ clientId: `${username}-${Math.random()}`, username, password },
    ...(will === undefined ? {} : { will }),
  })
  atEnd(context, () => client.close())
  return client
}

/** What the node said, as `[type/device, payload]`. */
const heard = ({ messages }: TestClient): [string, DecodedPayload][] =>
  messages
    .filter(({ topic }) => topic.startsWith('spBv1.0/campo/') && topic !== COMMAND)
    .map(({ topic, payload }) => {
      const [, , type, , device] = topic.split('/')
      return [device === undefined ? `${type}` : `${type}/${device}`, decodeSparkplug(payload)]
    })

const typesOf = (client: TestClient) => heard(client).map(([type]) => type)
const seqsOf = (client: TestClient) => heard(client).map(([, { seq }]) => seq)

test('nothing of Sparkplug is there unless it is configured: nothing to subscribe to, nothing retained, no command', async context => {
  const { broker, metrics } = await openStage(context, { sparkplug: undefined })
  const client = await signIn(context, broker, 'scada')

  assert.equal(await client.subscribe('spBv1.0/#'), 128)
  assert.equal(await client.subscribe('raw/v1/#'), 1)
  broker.publish([READING, { ...READING, seq: 2, variable: 'level' }])
  await until('both came', () => client.messages.length === 2)
  await assert.rejects(client.publish(COMMAND, REBIRTH))

  assert.ok(client.messages.every(({ topic }) => topic.startsWith('raw/v1/')))
  assert.equal(metrics.read()['gateway_lan_dropped_total{what="publish"}'], 1)
})

test('a host that missed the births asks for them, and hears them complete before any further data', async context => {
  const { broker } = await openStage(context)
  const host = await signIn(context, broker, 'scada')
  assert.equal(await host.subscribe('spBv1.0/#'), 1)
  broker.publish([READING, { ...READING, seq: 2, variable: 'level', value: 3 }])
  await until('the data came', () => heard(host).length === 1)

  await host.publish(COMMAND, REBIRTH)
  await until('the births came', () => heard(host).length >= 4)
  broker.publish([{ ...READING, seq: 3, at: AT + 60_000, value: 13 }])
  await until('the next came', () => heard(host).length >= 5)

  assert.deepEqual(typesOf(host), [
    'DDATA/pozo-7',
    'NBIRTH',
    'DBIRTH/pozo-7',
    'DBIRTH/pozo-8',
    'DDATA/pozo-7',
  ])
  const [data, nbirth, pozo7, , next] = heard(host).map(([, payload]) => payload)
  assert.deepEqual(
    data?.metrics.map(({ alias, value }) => [alias, value]),
    [
      [1, 12.47],
      [2, 3],
    ],
  )
  assert.deepEqual(seqsOf(host), [3, 0, 1, 2, 3])
  assert.equal(nbirth?.metrics.find(({ name }) => name === 'bdSeq')?.value, NODE.bdSeq)
  assert.deepEqual(
    pozo7?.metrics.map(({ name, alias, value }) => [name, alias, value]),
    [
      ['flow', 1, 12.47],
      ['level', 2, 3],
    ],
  )
  assert.deepEqual(
    next?.metrics.map(({ alias, value, timestamp }) => [alias, value, timestamp]),
    [[1, 13, AT + 60_000]],
  )
  assert.ok(host.messages.every(({ retain }) => !retain))
})

test('late readings are historical; a point’s readings of one poll travel together, another point’s apart', async context => {
  const { broker } = await openStage(context)
  const host = await signIn(context, broker, 'reader')
  await host.subscribe('spBv1.0/#')

  broker.publish([READING, { ...READING, seq: 2, variable: 'level', value: null, quality: 'no_answer' }])
  broker.publish([{ ...READING, seq: 3, point: 'pozo-8' }])
  broker.publish([
    { ...READING, seq: 4, at: AT - 120_000, value: 8 },
    { ...READING, seq: 5, at: AT - 60_000, value: 9 },
  ])
  await until('all came', () => heard(host).length === 4)

  assert.deepEqual(
    heard(host).map(([type, { metrics }]) => [
      type,
      ...metrics.map(({ alias, value, isNull, isHistorical }) => [
        alias,
        value ?? isNull,
        isHistorical ?? false,
      ]),
    ]),
    [
      ['DDATA/pozo-7', [1, 12.47, false], [2, true, false]],
      ['DDATA/pozo-8', [3, 12.47, false]],
      ['DDATA/pozo-7', [1, 8, true]],
      ['DDATA/pozo-7', [1, 9, true]],
    ],
  )
})

test('only a host may ask: a reader, a reader of one well and who gives no name are refused and counted', async context => {
  const { broker, metrics, said } = await openStage(context)
  const host = await signIn(context, broker, 'scada')
  await host.subscribe('spBv1.0/#')
  const well = await signIn(context, broker, 'pozo-7')
  const reader = await signIn(context, broker, 'reader')
  const nobody = await connectClient(broker.port, { clientId: 'nobody' })
  atEnd(context, () => nobody.close())

  assert.equal(await well.subscribe('spBv1.0/#'), 128)
  assert.equal(await well.subscribe('spBv1.0/campo/DDATA/gw-1/pozo-7'), 128)
  assert.equal(await reader.subscribe('spBv1.0/campo/+/gw-1/#'), 1)
  for (const client of [well, reader, nobody]) await assert.rejects(client.publish(COMMAND, REBIRTH))
  broker.publish([READING])
  await until('data came', () => heard(host).length > 0)

  assert.deepEqual(typesOf(host), ['DDATA/pozo-7'])
  assert.equal(metrics.read()['gateway_lan_dropped_total{what="publish"}'], 3)
  assert.equal(said('publish refused on the LAN').length, 3)
})

test('a host may say nothing but its own state and commands that nobody keeps', async context => {
  const { broker } = await openStage(context)
  for (const [topic, payload, retain] of [
    [COMMAND, REBIRTH, true],
    [COMMAND, Buffer.alloc(4_097), false],
    ['spBv1.0/campo/NCMD/gw-2', REBIRTH, false],
    ['spBv1.0/campo/DCMD/gw-1/pozo-7', REBIRTH, false],
    ['spBv1.0/campo/DDATA/gw-1/pozo-7', REBIRTH, false],
    ['spBv1.0/STATE/scada-2', Buffer.from('{"online":true}'), true],
    ['raw/v1/campo/los-aromos/pozo-7/flow', Buffer.from('{}'), false],
  ] as const) {
    const host = await signIn(context, broker, 'scada')
    await assert.rejects(host.publish(topic, payload, { retain }), /Connection closed/, topic)
  }
})

test('a host says that it is there, retained, and its will says that it is gone', async context => {
  const { broker } = await openStage(context)
  const state = (online: boolean) => Buffer.from(JSON.stringify({ online, timestamp: AT }))
  const will = { topic: STATE, payload: state(false), qos: 1, retain: true } as const
  const host = await signIn(context, broker, 'scada', will)
  await host.publish(STATE, state(true), { retain: true })
  const reader = await signIn(context, broker, 'reader')
  await reader.subscribe('spBv1.0/STATE/#')
  await until('it is there', () => reader.messages.length === 1)

  host.cut()
  await until('it is gone', () => reader.messages.length === 2)

  assert.deepEqual(
    reader.messages.map(({ retain, payload }) => [retain, JSON.parse(String(payload)).online]),
    [
      [true, true],
      [false, false],
    ],
  )
})

test('a host may subscribe to what other versions of Sparkplug say, and hears what it may hear all the same', async context => {
  const { broker } = await openStage(context)
  const host = await signIn(context, broker, 'scada')
  const reader = await signIn(context, broker, 'reader')

  for (const filter of ['a/#', 'STATE/#', '$sparkplug/certificates/#']) {
    assert.equal(await host.subscribe(filter), 1, filter)
    assert.equal(await reader.subscribe(filter), 128, filter)
  }
  assert.equal(await host.subscribe('#'), 128)
  for (const filter of ['$SYS/#', 'spBv1.0/#']) assert.equal(await host.subscribe(filter), 1, filter)
  broker.publish([READING])
  await until('the data came', () => heard(host).length === 1)

  assert.deepEqual(
    host.messages.map(({ topic }) => topic),
    ['spBv1.0/campo/DDATA/gw-1/pozo-7'],
  )
})

test('a command that is no Sparkplug is said, and changes nothing', async context => {
  const { broker, said } = await openStage(context)
  const host = await signIn(context, broker, 'scada')
  await host.subscribe('spBv1.0/#')
  await host.publish(COMMAND, 'Rebirth!')
  await until('it is said', () => said('Sparkplug command not understood').length === 1)

  broker.publish([READING])
  await until('it goes on', () => typesOf(host).includes('DDATA/pozo-7'))

  assert.deepEqual(
    host.messages.map(({ topic }) => topic),
    [COMMAND, 'spBv1.0/campo/DDATA/gw-1/pozo-7'],
  )
})

test('many commands at once bring whole births, one after the other, and the last command is obeyed too', async context => {
  const { broker } = await openStage(context)
  const host = await signIn(context, broker, 'scada')
  await host.subscribe('spBv1.0/#')

  await Promise.all(Array.from({ length: 50 }, () => host.publish(COMMAND, REBIRTH)))
  const topics = () => host.messages.map(({ topic }) => topic)
  await until('all commands came', () => topics().filter(topic => topic === COMMAND).length === 50)
  await until('births came after the last', () =>
    topics().slice(topics().lastIndexOf(COMMAND)).join().includes('NBIRTH'),
  )
  await until('the births are whole', () => heard(host).length % 3 === 0)

  const births = heard(host).length / 3
  assert.ok(births >= 1 && births <= 50)
  assert.deepEqual(
    typesOf(host),
    Array.from({ length: births }, () => ['NBIRTH', 'DBIRTH/pozo-7', 'DBIRTH/pozo-8']).flat(),
  )
})

describe('Mosquitto’s clients and Sparkplug', { skip: skipWithout('mosquitto_sub') }, () => {
  test('mosquitto_sub hears births that mosquitto_pub asks for, and the death with their bdSeq when the gateway stops', async context => {
    const { broker, close } = await openStage(context)
    const { lines, ended } = await listen(context, broker, ['-q', '1', '-t', 'spBv1.0/#'])
    const file = join(await temporaryFolder(context), 'rebirth')
    await writeFile(file, REBIRTH)

    const at = ['-h', '127.0.0.1', '-p', `${broker.port}`, '-u', 'scada', '-P', 'host-password']
    await once(spawn('mosquitto_pub', [...at, '-t', COMMAND, '-f', file]), 'exit')
    await until('the births came', () => lines().some(({ topic }) => topic.endsWith('DBIRTH/gw-1/pozo-8')))
    broker.publish([READING])
    await until('the data came', () => lines().some(({ topic }) => topic.includes('/DDATA/')))
    await close()
    await ended

    assert.deepEqual(
      lines().map(({ topic, qos, retain }) => [topic.split('/').slice(2).join(' '), qos, retain]),
      [
        ['NCMD gw-1', '0', '0'],
        ['NBIRTH gw-1', '0', '0'],
        ['DBIRTH gw-1 pozo-7', '0', '0'],
        ['DBIRTH gw-1 pozo-8', '0', '0'],
        ['DDATA gw-1 pozo-7', '0', '0'],
        ['NDEATH gw-1', '1', '0'],
      ],
    )
    const [, birth, , , , death] = lines().map(({ payload }) => decodeSparkplug(payload))
    const bdSeqOf = (payload: DecodedPayload | undefined) =>
      payload?.metrics.find(({ name }) => name === 'bdSeq')?.value
    assert.equal(bdSeqOf(death), NODE.bdSeq)
    assert.equal(bdSeqOf(birth), NODE.bdSeq)
    assert.equal(death?.seq, undefined)
  })
})

interface Line {
  topic: string
  qos: string
  retain: string
  payload: Buffer
}

/** mosquitto_sub as `scada`, subscribed. */
async function listen(
  context: TestContext,
  { port }: LanBroker,
  args: readonly string[],
): Promise<{ lines: () => Line[]; ended: Promise<unknown> }> {
  const at = ['-h', '127.0.0.1', '-p', `${port}`, '-u', 'scada', '-P', 'host-password', '-d']
  const child: ChildProcess = spawn(
    'stdbuf',
    ['-oL', 'mosquitto_sub', ...at, ...args, '-F', 'message %q %r %x %t'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  let text = ''
  // It connects again and again; the end of the first connection is what is waited for.
  const ended = new Promise<void>(resolve => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/NDEATH/.test(text)) resolve()
    })
  })
  atEnd(context, async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await until('it is subscribed', () => /Subscribed|SUBACK/.test(text))
  const lines = () =>
    text
      .split('\n')
      .filter(line => line.startsWith('message '))
      .map(line => {
        const [, qos = '', retain = '', hex = '', ...topic] = line.split(' ')
        return { topic: topic.join(' '), qos, retain, payload: Buffer.from(hex, 'hex') }
      })
  return { lines, ended }
}
