// Who may read what on the LAN broker: users, prefixes, and what is kept for nobody.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { type LanBroker, type LanBrokerOptions, openLanBroker } from '../../../edge/broker.ts'
import { GATEWAY_METRICS } from '../../../edge/health.ts'
import { maySubscribe } from '../../../edge/lan-access.ts'
import { runLanState } from '../../../edge/lan-facts.ts'
import { LanState, SeriesMeta } from '../../../protocol/raw.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { connectClient, type TestClient } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd, keptLog } from '../buffer/folder.ts'

/** Of `agua-de-pozo`, by Python's hashlib.pbkdf2_hmac('sha512'), written as Mosquitto's password files are. */
const HASH =
  '$7$101$AAECAwQFBgcICQoL$M23TZ+v8SVibaz0MDNq22qQ/UIT/cBE5UchjRH/ZYeo+gGtGS6/943huBhz+GeK2peNIDYtLbMx/Cb2jXfDU1A=='

const USERS = [
  { name: 'scada', password: HASH },
  { name: 'pozo-7', password: 'only-one-well', read: ['campo/los-aromos/pozo-7'] },
  {
    name: 'flows',
    password: 'only-flow',
    read: ['campo/los-aromos/pozo-7/flow', 'campo/los-aromos/pozo-8/flow'],
  },
]

const READING: Reading = {
  ...{ seq: 1, point: 'pozo-7', variable: 'flow', at: Date.parse('2026-01-15T12:00:00Z') },
  ...{ value: 12.47, quality: 'good', timeQuality: 'synced' },
}
const THREE: Reading[] = [
  READING,
  { ...READING, seq: 2, variable: 'level', value: 3 },
  { ...READING, seq: 3, point: 'pozo-8', value: 4 },
]

async function openStage(context: TestContext, options: Partial<LanBrokerOptions> = {}) {
  const { log, said } = keptLog()
  const metrics = openMetrics(GATEWAY_METRICS)
  const broker = await openLanBroker(
    { clock: systemClock, log, metrics },
    { host: '127.0.0.1', port: 0, client: 'campo', project: 'los-aromos', users: USERS, ...options },
  )
  atEnd(context, () => broker.close())
  return { broker, metrics, said }
}

async function signIn(
  context: TestContext,
  { port }: LanBroker,
  username?: string,
  password?: string,
): Promise<TestClient> {
  const client = await connectClient(port, {
    clientId: `${username ?? 'anonymous'}-${Math.random()}`,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  })
  atEnd(context, () => client.close())
  return client
}

const topicsOf = ({ messages }: TestClient) =>
  messages.map(({ topic }) => topic.split('/').slice(-2).join('/')).sort()

test('a user is shown what lies below its prefixes, live and retained, and nothing else (L4)', async context => {
  const { broker } = await openStage(context)
  const scada = await signIn(context, broker, 'scada', 'agua-de-pozo')
  const well = await signIn(context, broker, 'pozo-7', 'only-one-well')
  const flows = await signIn(context, broker, 'flows', 'only-flow')
  for (const client of [scada, well, flows]) assert.equal(await client.subscribe('raw/v1/#'), 1)

  broker.publish(THREE)
  await until('all came', () => scada.messages.length === 3)
  broker.publish([{ ...READING, seq: 4, at: READING.at + 1 }])
  await until('the last one came', () => [well, flows].every(one => one.messages.some(has(4))))

  assert.deepEqual(topicsOf(well), ['pozo-7/flow', 'pozo-7/flow', 'pozo-7/level'])
  assert.deepEqual(topicsOf(flows), ['pozo-7/flow', 'pozo-7/flow', 'pozo-8/flow'])
  const later = await signIn(context, broker, 'flows', 'only-flow')
  await later.subscribe('raw/v1/#')
  await until('the retained ones came', () => later.messages.length === 2)
  broker.publish([{ ...READING, seq: 5, at: READING.at + 2 }])
  await until('the next one came', () => later.messages.some(has(5)))
  assert.deepEqual(topicsOf(later), ['pozo-7/flow', 'pozo-7/flow', 'pozo-8/flow'])
})

test('a wrong password, an unknown name and a right name without a password are refused and counted', async context => {
  const { broker, metrics, said } = await openStage(context)

  for (const [name, password] of [
    ['scada', 'agua'],
    ['nobody', 'agua-de-pozo'],
    ['scada', HASH],
    ['scada', undefined],
  ]) {
    await assert.rejects(signIn(context, broker, name, password), /Not authorized/)
  }
  await signIn(context, broker, 'scada', 'agua-de-pozo')
  await assert.rejects(signIn(context, broker, 'scada', 'agua'), /Not authorized/, 'also once it is known')

  assert.equal(metrics.read()['gateway_lan_dropped_total{what="sign-in"}'], 5)
  assert.ok(said('sign-in refused on the LAN').every(line => !JSON.stringify(line).includes('agua')))
})

test('nobody ends another user’s connection by taking its client id', async context => {
  const { broker } = await openStage(context)
  const scada = await connectClient(broker.port, {
    ...{ clientId: 'scada-1', username: 'scada', password: 'agua-de-pozo' },
  })
  atEnd(context, () => scada.close())
  await scada.subscribe('raw/v1/#')

  for (const login of [{ username: 'pozo-7', password: 'only-one-well' }, {}]) {
    for (const clientId of ['scada-1', 'scada/scada-1']) {
      const other = await connectClient(broker.port, { clientId, ...login })
      atEnd(context, () => other.close())
    }
  }
  broker.publish([READING])
  await until('it is still there', () => scada.messages.length === 1)

  const again = await connectClient(broker.port, {
    ...{ clientId: 'scada-1', username: 'scada', password: 'agua-de-pozo' },
  })
  atEnd(context, () => again.close())
  await until('its own next one takes its place', () => !scada.isConnected())
})

test('who gives no name reads on loopback, and elsewhere only where it is stated', async context => {
  const { broker } = await openStage(context)
  await signIn(context, broker)
  const { broker: closed } = await openStage(context, { anonymous: false })
  await assert.rejects(signIn(context, closed), /Not authorized/)
  const { broker: wide } = await openStage(context, { host: '0.0.0.0' })
  await assert.rejects(signIn(context, wide), /Not authorized/)
  const { broker: open } = await openStage(context, { host: '0.0.0.0', anonymous: true })

  const client = await signIn(context, open)

  assert.equal(await client.subscribe('raw/v1/#'), 1)
})

test('a filter that can match nothing of a reader’s is refused', () => {
  const reader = [['campo', 'los-aromos', 'pozo-7']]
  const allowed = [
    'raw/v1/#',
    'raw/v1/campo/#',
    'raw/v1/+/+/pozo-7/flow',
    'raw/v1/campo/los-aromos/pozo-7/#',
    '$meta/v1/#',
  ]
  const refused = [
    'raw/v1/other/#',
    'raw/v1/campo/los-aromos/pozo-8/#',
    'raw/v1/campo',
    '#',
    '+/v1/#',
    '$SYS/#',
    'raw',
  ]

  assert.deepEqual(
    [...allowed, ...refused].filter(filter => maySubscribe(reader, filter)),
    allowed,
  )
  assert.deepEqual(
    [...allowed, ...refused].filter(filter => maySubscribe([], filter)),
    [],
  )
})

test('a session that asks to be kept is not: nothing waits for one that is away (L3)', async context => {
  const { broker } = await openStage(context)
  const options = { clientId: 'away', clean: false }
  const before = await connectClient(broker.port, options)
  await before.subscribe('raw/v1/#')
  await before.close()
  broker.publish(THREE)

  const after = await connectClient(broker.port, options)
  atEnd(context, () => after.close())
  broker.publish([{ ...READING, seq: 9 }])
  const other = await signIn(context, broker)
  await other.subscribe('raw/v1/#')
  await until('another one has all that is retained', () => other.messages.length === 3)

  assert.deepEqual(after.messages, [])
})

test('$meta says where each series comes from, $state how the gateway is, when that is news', async context => {
  const meta = {
    v: 1,
    gateway: 'gw-1',
    variable: 'flow',
    unit: 'L/s',
    source: 'meter',
    kind: 'modbus',
    everyMs: 60_000,
  } as const
  const { broker } = await openStage(context, { series: [{ point: 'pozo-7', variable: 'flow', meta }] })
  const clock = openFakeClock()
  let hindrance: string | undefined
  const facts = {
    ...{ gateway: 'gw-1', version: '1.2.3', clockState: () => ({ quality: 'synced' }) as const },
    ...{ connected: () => false, hindrance: () => hindrance },
  }
  const stop = new AbortController()
  const done = runLanState({ clock, lan: broker }, facts, stop.signal).catch(() => {})
  atEnd(context, () => {
    stop.abort()
    return done
  })
  const client = await signIn(context, broker, 'flows', 'only-flow')
  await client.subscribe('$meta/v1/#')
  await client.subscribe('$state/v1/#')
  await until('both came', () => client.messages.length === 2)

  await clock.advance(20_000)
  hindrance = 'the disk is full'
  await clock.advance(5_000)
  await until('the news came', () => client.messages.length === 3)

  const [first, second, third] = client.messages
  assert.equal(first?.topic, '$meta/v1/campo/los-aromos/pozo-7/flow')
  assert.deepEqual(SeriesMeta.parse(JSON.parse(String(first?.payload))), meta)
  assert.equal(second?.topic, '$state/v1/campo/los-aromos/gw-1')
  assert.equal(LanState.parse(JSON.parse(String(second?.payload))).cloud, 'not connected')
  assert.equal(LanState.parse(JSON.parse(String(third?.payload))).hindrance, 'the disk is full')
})

describe('Mosquitto’s clients as users of the LAN broker', { skip: skipWithout('mosquitto_sub') }, () => {
  test('mosquitto_sub signs in with a password and hears its well; with a wrong one it is told so', async context => {
    const { broker } = await openStage(context, { host: '0.0.0.0' })
    broker.publish(THREE)
    const args = ['-h', '127.0.0.1', '-p', `${broker.port}`, '-t', 'raw/v1/#', '-F', '%t', '-u', 'pozo-7']

    const good = await run('mosquitto_sub', [...args, '-P', 'only-one-well', '-C', '2', '-W', '20'])
    const bad = await run('mosquitto_sub', [...args, '-P', 'only-one', '-C', '1', '-W', '20'])

    assert.deepEqual(good.text.trim().split('\n').sort(), [
      'raw/v1/campo/los-aromos/pozo-7/flow',
      'raw/v1/campo/los-aromos/pozo-7/level',
    ])
    assert.equal(bad.code, 5)
    assert.match(bad.text, /not authori[sz]ed/i)
  })
})

const has = (seq: number) => (message: { payload: Buffer }) => JSON.parse(String(message.payload)).seq === seq

async function run(program: string, args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const [code] = await once(child, 'close')
  return { code, text }
}
