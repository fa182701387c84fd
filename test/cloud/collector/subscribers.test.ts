// What subscribers hear of the collector’s broker, and what they do not.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { maySubscribe } from '../../../cloud/collector/identity.ts'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import type { Database, Param } from '../../../cloud/store/database.ts'
import { RawMessage } from '../../../protocol/raw.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import { healthTopic, stateTopic } from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { freeze } from '../../doubles/frozen-subscriber.ts'
import { batchOf, connectClient, connectGateway } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { addGateway, openCollector, readingsOf, T, TOKEN } from './site.ts'

describe('subscribers of the collector’s broker', () => {
  let database: TestDatabase
  let db: Database
  let collector: RunningCollector & { metrics: Metrics }
  let port = 0
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    collector = await openCollector(db)
    port = collector.mqttPort
  })
  after(async () => {
    await collector.close()
    await database.close()
  })

  test('maySubscribe() gives a subscriber the raw data of its clients, by any filter that names one', async () => {
    const findGateway = async () => undefined
    const campo = { kind: 'subscriber' as const, token: 'a', clients: ['campo'] }
    const all = { kind: 'subscriber' as const, token: 'b', clients: 'all' as const }
    const may = (filter: string) =>
      Promise.all([campo, all].map(identity => maySubscribe({ findGateway }, identity, filter)))

    assert.deepEqual(await may('raw/v1/campo/#'), [true, true])
    assert.deepEqual(await may('raw/v1/campo/los-aromos/+/flow'), [true, true])
    assert.deepEqual(await may('raw/v1/campo'), [false, true])
    assert.deepEqual(await may('raw/v1/rival/#'), [false, true])
    assert.deepEqual(await may('raw/v1/+/#'), [false, true])
    assert.deepEqual(await may('raw/v1/#'), [false, true])
    assert.deepEqual(await may('raw/#'), [false, false])
    assert.deepEqual(await may('#'), [false, false])
    assert.deepEqual(await may('gw/v1/gw-own/up/live'), [false, false])
    assert.deepEqual(await may('gw/v1/+/+'), [false, false])
    assert.deepEqual(await may('$share/x/raw/v1/campo/#'), [false, false])
    assert.equal(await maySubscribe({ findGateway }, undefined, 'raw/v1/campo/#'), false)
  })

  test('a subscriber is told the retained state of its own clients’ gateways, and of no other', async () => {
    await addGateway(db, 'gw-shown')
    await addGateway(db, 'gw-hidden', { client: 'rival', project: 'elsewhere' })
    const state = (name: string) => JSON.stringify({ v: 1, state: name, version: '1.0.0', since: T })
    for (const slug of ['gw-shown', 'gw-hidden']) {
      const gateway = await connectGateway(port, { slug, token: TOKEN })
      await gateway.publish(stateTopic(slug), state('ready'), { retain: true })
      await gateway.publish(healthTopic(slug), '{}', { retain: true })
      await gateway.close()
    }
    const campo = await connectClient(port, { username: 'subscriber', password: 'campo-token' })
    const all = await connectClient(port, { username: 'subscriber', password: 'everything-token' })

    assert.equal(await campo.subscribe(stateTopic('gw-hidden')), 128)
    assert.equal(await campo.subscribe(stateTopic('gw-nobody')), 128)
    assert.equal(await campo.subscribe(stateTopic('+')), 128)
    assert.equal(await campo.subscribe(healthTopic('gw-shown')), 128)
    assert.notEqual(await campo.subscribe(stateTopic('gw-shown')), 128)
    assert.notEqual(await all.subscribe(stateTopic('+')), 128)

    await until('the states come', () => campo.messages.length > 0 && all.messages.length > 1)
    const heard = (of: typeof all) =>
      of.messages
        .map(({ topic, payload, retain }) => [topic, payload.toString(), retain])
        .filter(([topic]) => topic === stateTopic('gw-shown') || topic === stateTopic('gw-hidden'))
        .toSorted()
    assert.deepEqual(heard(campo), [[stateTopic('gw-shown'), state('ready'), true]])
    assert.deepEqual(heard(all), [
      [stateTopic('gw-hidden'), state('ready'), true],
      [stateTopic('gw-shown'), state('ready'), true],
    ])
    await Promise.all([campo.close(), all.close()])
  })

  test('a state that was said before the collector was started again is told to who subscribes then', async context => {
    await addGateway(db, 'gw-before')
    const said = JSON.stringify({ v: 1, state: 'ready', version: '1.0.0', since: T })
    const gateway = await connectGateway(port, { slug: 'gw-before', token: TOKEN })
    await gateway.publish(stateTopic('gw-before'), said, { retain: true })
    await gateway.close()
    const again = await openCollector(db)
    atEnd(context, () => again.close())
    const subscriber = await connectClient(again.mqttPort, {
      username: 'subscriber',
      password: 'campo-token',
    })
    atEnd(context, () => subscriber.close())

    await subscriber.subscribe(stateTopic('gw-before'))
    await until('it comes', () => subscriber.messages.length > 0)

    assert.deepEqual(
      subscriber.messages.map(({ topic, payload, retain }) => [topic, payload.toString(), retain]),
      [[stateTopic('gw-before'), said, true]],
    )
  })

  test('who is refused a filter of raw data is not sent its newest values either', async () => {
    const table = await addGateway(db, 'gw-secret', { client: 'rival', project: 'elsewhere' })
    const ours = await addGateway(db, 'gw-open')
    for (const { gateway: slug, ...rest } of [table, ours]) {
      const gateway = await connectGateway(port, { slug, token: TOKEN })
      const batch = batchOf({ gateway: slug, ...rest }, 1, readingsOf({ gateway: slug, ...rest }, 1, 1))
      await gateway.send(batch)
      await gateway.ackOf(batch)
      await gateway.close()
    }
    const subscriber = await connectClient(port, { username: 'subscriber', password: 'campo-token' })

    assert.equal(await subscriber.subscribe('raw/v1/rival/#'), 128)
    assert.notEqual(await subscriber.subscribe('raw/v1/campo/#'), 128)
    await until('its own come', () =>
      subscriber.messages.some(({ topic }) => topic.includes('/gw-open-well/')),
    )

    assert.deepEqual(
      subscriber.messages.filter(({ topic }) => !topic.startsWith('raw/v1/campo/')),
      [],
    )
    await subscriber.close()
  })

  test('a session ends with its connection: what was said meanwhile comes to nobody, least of all by a filter that was refused', async () => {
    await addGateway(db, 'gw-overheard')
    const come = () =>
      connectClient(port, {
        ...{ clientId: 'eavesdropper', clean: false },
        ...{ username: 'subscriber', password: 'campo-token' },
      })
    const before = await come()
    assert.deepEqual(await before.subscribe([stateTopic('gw-overheard'), 'gw/v1/#']), [1, 128])
    await before.close()
    const gateway = await connectGateway(port, { slug: 'gw-overheard', token: TOKEN })
    await gateway.publish(healthTopic('gw-overheard'), '{}')
    await gateway.close()

    const again = await come()
    assert.notEqual(await again.subscribe(stateTopic('gw-overheard')), 128)

    assert.deepEqual(again.messages, [])
    await again.close()
  })

  test('a subscriber hears its own client’s readings once they are committed, the newest first of all', async () => {
    const [ours, theirs] = [
      await addGateway(db, 'gw-raw'),
      await addGateway(db, 'gw-raw-rival', { client: 'rival', project: 'elsewhere' }),
    ]
    const gateway = await connectGateway(port, { slug: 'gw-raw', token: TOKEN })
    const rival = await connectGateway(port, { slug: 'gw-raw-rival', token: TOKEN })
    const first = batchOf(ours, 1, readingsOf(ours, 10, 2))
    await gateway.send(first)
    await gateway.ackOf(first)
    const subscriber = await connectClient(port, { username: 'subscriber', password: 'campo-token' })
    assert.equal(await subscriber.subscribe('raw/v1/campo/los-aromos/gw-raw-well/#'), 1)
    assert.equal(await subscriber.subscribe('raw/v1/rival/#'), 128)
    await until('the newest reading comes', () => subscriber.messages.length === 1)

    await rival.send(batchOf(theirs, 1, readingsOf(theirs, 1, 1)))
    await gateway.send(batchOf(ours, 1, readingsOf(ours, 12, 1)))
    await gateway.send(batchOf(ours, 1, readingsOf(ours, 5, 1)), { lane: 'backlog' })
    await until('the late reading comes', () => subscriber.messages.length >= 3)

    const heard = subscriber.messages.map(({ topic, payload, retain }) => {
      const { ts, v, u, h } = RawMessage.parse(JSON.parse(payload.toString()))
      return { topic, second: (ts - T) / 1000, v, u, h, retain }
    })
    const topic = 'raw/v1/campo/los-aromos/gw-raw-well/flow'
    assert.deepEqual(heard, [
      { topic, second: 11, v: 0.11, u: 'L/s', h: undefined, retain: true },
      { topic, second: 12, v: 0.12, u: 'L/s', h: undefined, retain: false },
      { topic, second: 5, v: 0.05, u: 'L/s', h: true, retain: false },
    ])
    await Promise.all([gateway.close(), rival.close(), subscriber.close()])
  })

  test('a subscriber may not say anything', async () => {
    const subscriber = await connectClient(port, { username: 'subscriber', password: 'everything-token' })

    await assert.rejects(subscriber.publish('raw/v1/campo/los-aromos/gw-raw-well/flow', '{}'), /closed/i)
  })

  test('mosquitto_sub gets JSON of a reading that was committed before it came', {
    skip: skipWithout('mosquitto_sub'),
  }, async () => {
    const table = await addGateway(db, 'gw-mosquitto')
    const gateway = await connectGateway(port, { slug: 'gw-mosquitto', token: TOKEN })
    const batch = batchOf(table, 1, readingsOf(table, 1, 3))
    await gateway.send(batch)
    await gateway.ackOf(batch)

    const { status, said } = await run('mosquitto_sub', [
      ...['-h', '127.0.0.1', '-p', String(port), '-u', 'subscriber', '-P', 'campo-token'],
      ...['-t', 'raw/v1/campo/+/gw-mosquitto-well/+', '-C', '1', '-W', '10', '-v'],
    ])

    assert.equal(status, 0, said)
    const [topic, json] = said.trim().split(' ', 2)
    assert.equal(topic, 'raw/v1/campo/los-aromos/gw-mosquitto-well/flow')
    assert.equal(RawMessage.parse(JSON.parse(json ?? '')).v, 0.03)
    await gateway.close()
  })

  test('a subscriber that does not read is cut off, and the others hear everything', async () => {
    const table = await addGateway(db, 'gw-crowd')
    const gateway = await connectGateway(port, { slug: 'gw-crowd', token: TOKEN })
    const frozen = await freeze(port, 'raw/v1/campo/los-aromos/gw-crowd-well/#')
    const healthy = await connectClient(port, { username: 'healthy', password: 'campo-token' })
    await healthy.subscribe('raw/v1/campo/los-aromos/gw-crowd-well/#')
    const ended = new Promise(done => frozen.once('close', done))

    for (let part = 0; part < 4; part += 1) {
      const batches = Array.from({ length: 30 }, (_, index) =>
        batchOf(table, 1, readingsOf(table, (part * 30 + index) * 500 + 1, 500)),
      )
      await Promise.all(batches.map(batch => gateway.send(batch)))
      await Promise.all(batches.map(batch => gateway.ackOf(batch)))
    }
    await until('the healthy one hears all', () => healthy.messages.length >= 60_000, { timeoutMs: 30_000 })
    frozen.resume()
    await ended

    await Promise.all([gateway.close(), healthy.close()])
  })

  test('a subscriber that does not read, and that is alone, is cut off, and every batch is acknowledged', async () => {
    const table = await addGateway(db, 'gw-alone')
    const gateway = await connectGateway(port, { slug: 'gw-alone', token: TOKEN })
    const frozen = await freeze(port, 'raw/v1/campo/los-aromos/gw-alone-well/#')
    const ended = new Promise(done => frozen.once('close', done))
    const cutOff = () => collector.metrics.read()['collector_spread_dropped_total{what="subscriber"}'] ?? 0
    const before = cutOff()
    let seq = 1

    while (cutOff() === before) {
      assert.ok(seq < 400_000, 'it was not cut off')
      const batches = Array.from({ length: 30 }, (_, index) =>
        batchOf(table, 1, readingsOf(table, seq + index * 500, 500)),
      )
      await Promise.all(batches.map(batch => gateway.send(batch)))
      await Promise.all(batches.map(batch => gateway.ackOf(batch)))
      seq += 15_000
    }
    frozen.resume()
    await ended

    assert.equal(cutOff() - before, 1)
    await gateway.close()
  })

  test('a subscriber is not told any more of a gateway that has become another client’s, within a minute', async context => {
    await addGateway(db, 'gw-moved')
    await addGateway(db, 'gw-stayed')
    await addGateway(db, 'gw-theirs', { client: 'rival', project: 'elsewhere' })
    const clock = openFakeClock()
    const other = await openCollector(db, { clock })
    atEnd(context, () => other.close())
    const signIn = { username: 'subscriber', password: 'campo-token' }
    const [hears, elsewhere] = [
      await connectClient(other.mqttPort, signIn),
      await connectClient(other.mqttPort, signIn),
    ]
    atEnd(context, () => Promise.all([hears.close(), elsewhere.close()]))
    assert.deepEqual(await hears.subscribe([stateTopic('gw-moved')]), [1])
    assert.deepEqual(await elsewhere.subscribe([stateTopic('gw-stayed')]), [1])
    await db.query(
      `update gateways set project_id = (select id from projects where slug = 'elsewhere') where slug = 'gw-moved'`,
    )

    await clock.advance(60_000)
    await until('its connection ends', () => !hears.isConnected(), { timeoutMs: 5_000 })

    assert.equal(elsewhere.isConnected(), true)
  })

  test('what was said last is looked up for one at a time, and only of the client that is named', async context => {
    await addGateway(db, 'gw-looked-up')
    const asked: unknown[] = []
    let [atOnce, most] = [0, 0]
    const watched: Database = {
      ...db,
      query: async (sql: string, values: readonly Param[] = []) => {
        if (!sql.includes('from latest')) return db.query(sql, values)
        asked.push(values[0])
        atOnce += 1
        most = Math.max(most, atOnce)
        try {
          return await db.query(sql, values)
        } finally {
          atOnce -= 1
        }
      },
    } as Database
    const other = await openCollector(watched)
    atEnd(context, () => other.close())
    const sessions = await Promise.all(
      ['campo-token', 'everything-token'].map(password =>
        connectClient(other.mqttPort, { username: 'subscriber', password }),
      ),
    )
    atEnd(context, () => Promise.all(sessions.map(session => session.close())))

    const filters = Array.from({ length: 20 }, (_, index) => `raw/v1/campo/+/pozo-${index}/#`)
    await Promise.all(sessions.map(session => session.subscribe(filters)))
    await sessions[1]?.subscribe('raw/v1/+/#')
    await until('all were asked', () => asked.length === 41)

    assert.equal(most, 1)
    assert.deepEqual(
      asked.filter(client => client !== 'campo'),
      [null],
    )
  })
})

function run(command: string, args: readonly string[]): Promise<{ status: number | null; said: string }> {
  return new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', text => {
        said += text
      })
    child.once('close', status => resolve({ status, said }))
  })
}
