// Who may connect to the collector’s broker, and who may say what.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { BATCH_BYTES_MAX, TABLE_BYTES_MAX } from '../../../protocol/batch.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import {
  ackTopic,
  commandTopic,
  desiredTopic,
  healthTopic,
  stateTopic,
  upTopic,
} from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { connectClient, connectGateway } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { addGateway, openCollector, T, TOKEN } from './site.ts'

describe('the collector’s broker', () => {
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

  const refused = (what: string) => collector.metrics.read()[`collector_refused_total{what="${what}"}`] ?? 0

  test('openBroker() refuses a gateway with a wrong token, a gateway without one, and nobody’s name', async () => {
    await addGateway(db, 'gw-door')
    await addGateway(db, 'gw-tokenless')
    await db.query(`update gateways set token_hash = null where slug = 'gw-tokenless'`)
    const before = refused('sign-in')

    for (const [username, password] of [
      ['gw-door', 'wrong'],
      ['gw-door', ''],
      ['gw-tokenless', TOKEN],
      ['gw-nobody', TOKEN],
    ]) {
      await assert.rejects(
        connectClient(port, { username: String(username), password: String(password) }),
        /Bad username or password/,
      )
    }
    await assert.rejects(connectClient(port, {}), /Bad username or password/)

    assert.equal(refused('sign-in') - before, 5)
  })

  test('openBroker() ends the connection of a gateway that publishes to a topic that is not its own', async () => {
    await addGateway(db, 'gw-own')
    await addGateway(db, 'gw-others')
    const before = refused('publish')
    const topics = [
      upTopic('gw-others', 'live'),
      stateTopic('gw-others'),
      ackTopic('gw-own'),
      commandTopic('gw-own', 'restart-1'),
      'raw/v1/campo/los-aromos/pozo/flow',
      'anything',
    ]

    for (const topic of topics) {
      const gateway = await connectGateway(port, { slug: 'gw-own', token: TOKEN })
      await assert.rejects(gateway.publish(topic, '{}'), /closed/i)
    }

    assert.equal(refused('publish') - before, topics.length)
    assert.deepEqual(
      await db.query(`select 1 from gateways where slug = 'gw-others' and state is not null`),
      [],
    )
  })

  test('openBroker() lets a gateway hear its own acks, configuration and commands, and nothing else', async () => {
    await addGateway(db, 'gw-ear')
    const gateway = await connectGateway(port, { slug: 'gw-ear', token: TOKEN })

    assert.equal(await gateway.subscribe(desiredTopic('gw-ear')), 1)
    for (const topic of [
      '#',
      '+/+/+/+/+',
      'gw/v1/+/down/ack',
      ackTopic('gw-own'),
      'raw/v1/campo/#',
      '$SYS/#',
      `$share/x/${ackTopic('gw-ear')}`,
    ]) {
      assert.equal(await gateway.subscribe(topic), 128, topic)
    }
    await gateway.close()
  })

  test('openBroker() keeps the names of sessions apart: nobody ends another’s by calling itself the same', async () => {
    await addGateway(db, 'gw-name')
    const called = (clientId: string, username: string, password: string) =>
      connectClient(port, { clientId, username, password })
    const gateway = await called('gw-name', 'gw-name', TOKEN)
    const ours = await called('gw-name', 'anybody', 'campo-token')
    const theirs = await called('gw-name', 'anybody', 'everything-token')
    const again = await called('another name', 'gw-name', TOKEN)

    await until('the same gateway’s first connection is over', () => !gateway.isConnected())
    assert.equal(await again.subscribe(ackTopic('gw-name')), 1)
    for (const one of [ours, theirs]) assert.equal(await one.subscribe('raw/v1/campo/#'), 1)
    for (const one of [ours, theirs, again]) await one.close()
  })

  test('a gateway’s state, health and last will are kept; what is none of ours is set aside', async () => {
    await addGateway(db, 'gw-status')
    const lost = { v: 1, state: 'lost', version: '1.0.0', since: T }
    const gateway = await connectGateway(port, {
      ...{ slug: 'gw-status', token: TOKEN },
      will: {
        topic: stateTopic('gw-status'),
        payload: Buffer.from(JSON.stringify(lost)),
        qos: 1,
        retain: true,
      },
    })
    const stateOf = async () => {
      const [row] = await db.query<{ state: unknown }>(`select state from gateways where slug = 'gw-status'`)
      return row?.state
    }

    await gateway.publish(stateTopic('gw-status'), JSON.stringify({ ...lost, state: 'ready' }))
    assert.deepEqual(await stateOf(), { ...lost, state: 'ready' })
    await gateway.publish(healthTopic('gw-status'), '{"not":"health"}')
    await gateway.publish(stateTopic('gw-status'), JSON.stringify({ ...lost, version: '1\0' }))
    assert.equal(gateway.isConnected(), true)
    gateway.cut()

    await until('the will is kept', async () => ((await stateOf()) as { state: string }).state === 'lost')
    const letters = await db.query<{ topic: string }>(
      `select d.topic from dead_letters d join gateways g on g.id = d.gateway_id where g.slug = 'gw-status' order by d.id`,
    )
    assert.deepEqual(
      letters.map(({ topic }) => topic),
      [healthTopic('gw-status'), stateTopic('gw-status')],
    )
  })

  test('openBroker() ends a connection that begins a packet larger than any batch', async () => {
    await addGateway(db, 'gw-large')
    const gateway = await connectGateway(port, { slug: 'gw-large', token: TOKEN })
    const before = refused('packet')

    const payload = new Uint8Array(BATCH_BYTES_MAX + TABLE_BYTES_MAX + 1024)

    await assert.rejects(gateway.publish(upTopic('gw-large', 'live'), payload), /closed/i)

    assert.equal(refused('packet') - before, 1)
  })

  test('openBroker() closes connections beyond its limit at once', async context => {
    const small = await openCollector(db, {}, { connectionsMax: 2 })
    context.after(() => small.close())
    const [first, second, third] = [1, 2, 3].map(() => connect(small.mqttPort, '127.0.0.1'))
    assert.ok(first && second && third)

    await new Promise(done => third.once('close', done))

    assert.equal(small.metrics.read()['collector_refused_total{what="connection"}'], 1)
    assert.deepEqual([first.destroyed, second.destroyed], [false, false])
    for (const socket of [first, second]) socket.destroy()
  })

  test('closing the collector waits for nobody who has not signed in', async () => {
    const other = await openCollector(db)
    const silent = connect(other.mqttPort, '127.0.0.1').on('error', () => {})
    await new Promise(done => silent.once('connect', done))
    let isClosed = false

    void Promise.resolve(other.close()).then(() => {
      isClosed = true
    })

    await until('it is closed', () => isClosed, { timeoutMs: 5_000 })
    silent.destroy()
  })

  test('startCollector() ends the connection of a gateway whose token was withdrawn, within a minute', async context => {
    await addGateway(db, 'gw-withdrawn')
    await addGateway(db, 'gw-stays')
    const clock = openFakeClock()
    const other = await openCollector(db, { clock })
    context.after(() => other.close())
    const withdrawn = await connectGateway(other.mqttPort, { slug: 'gw-withdrawn', token: TOKEN })
    const stays = await connectGateway(other.mqttPort, { slug: 'gw-stays', token: TOKEN })
    await db.query(`update gateways set token_hash = null where slug = 'gw-withdrawn'`)

    await clock.advance(60_000)
    await until('the connection ends', () => !withdrawn.isConnected(), { timeoutMs: 5_000 })

    assert.equal(stays.isConnected(), true)
    await stays.close()
  })
})
