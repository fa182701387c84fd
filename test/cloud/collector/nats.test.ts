// Gateways that come over NATS, through the real nats-server.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { PARTITIONS } from '../../../cloud/collector/partitions.ts'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import { NATS_COLLECTOR, natsUsers, tokenVariable } from '../../../cloud/nats-users.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { findGateway, insertCommands } from '../../../cloud/store/gateways.ts'
import { openMqttTransport } from '../../../edge/transport/mqtt.ts'
import { openNatsTransport } from '../../../edge/transport/nats.ts'
import type { SeriesTable } from '../../../protocol/batch.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import {
  ackTopic,
  commandResultTopic,
  commandTopic,
  healthTopic,
  rawTopic,
  stateTopic,
  upTopic,
} from '../../../protocol/topics.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { batchOf, connectClient, connectGateway } from '../../doubles/gateway-client.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { addGateway, HEALTH, openCollector, readingsOf, storedOf, T, TOKEN } from './site.ts'
import { connectOver, stateText } from './transport-client.ts'

describe('the collector over NATS', { skip: skipWithout('nats_server') }, () => {
  let database: TestDatabase
  let db: Database
  let server: NatsServer
  let collector: RunningCollector & { metrics: Metrics }
  const collectorUser = { username: NATS_COLLECTOR.user, password: 'collector-password' }
  const gateways = ['gw-1', 'gw-2', 'gw-3', 'gw-4', 'gw-mqtt', 'gw-unknown', 'gw-tokenless']
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    server = await openNatsServer({
      more: natsUsers(gateways, [], { mqtt: true }),
      env: {
        [NATS_COLLECTOR.variable]: collectorUser.password,
        ...Object.fromEntries(gateways.map(gateway => [tokenVariable(gateway), TOKEN])),
      },
    })
    for (const slug of gateways.filter(name => name !== 'gw-unknown'))
      tables.set(slug, await addGateway(db, slug))
    await db.query(`update gateways set token_hash = null where slug = 'gw-tokenless'`)
    const url = `nats://127.0.0.1:${server.port}`
    collector = await openCollector(db, {}, {}, { nats: { url, name: 'collector', ...collectorUser } })
    await until('it is connected', isConnected)
  })
  after(async () => {
    await collector.close()
    await server.close()
    await database.close()
  })

  const partitions = ({ metrics }: { metrics: Metrics }) => metrics.read().collector_nats_partitions
  const isConnected = () => partitions(collector) === PARTITIONS
  const tables = new Map<string, SeriesTable>()
  const tableOf = (slug: string): SeriesTable => {
    const table = tables.get(slug)
    assert.ok(table)
    return table
  }
  const refused = (what: string) => collector.metrics.read()[`collector_refused_total{what="${what}"}`] ?? 0
  const overNats = (slug: string, password = TOKEN, ...more: string[]) =>
    connectOver(
      openNatsTransport(
        { clock: systemClock },
        { url: `nats://127.0.0.1:${server.port}`, name: slug, username: slug, password },
      ),
      slug,
      more,
    )
  const health = async () => {
    const response = await fetch(`http://127.0.0.1:${collector.port}/health`)
    return { status: response.status, nats: JSON.parse(await response.text()).parts.nats }
  }

  test('batches are committed and acked, what a gateway says of itself is kept, commands reach it, and subscribers hear of it', async context => {
    const table = tableOf('gw-1')
    const subscriber = await connectClient(collector.mqttPort, {
      username: 'x',
      password: 'everything-token',
    })
    atEnd(context, () => subscriber.close())
    await subscriber.subscribe(['raw/v1/#', stateTopic('+')])
    const gateway = await overNats('gw-1')
    atEnd(context, () => gateway.close())

    await gateway.say(stateTopic('gw-1'), stateText('ready'))
    await gateway.send(batchOf(table, 7, readingsOf(table, 1, 3)))
    await gateway.acked(1)
    await gateway.send(batchOf(table, 7, readingsOf(table, 4, 2)), false)
    await gateway.acked(2)
    await gateway.say(healthTopic('gw-1'), JSON.stringify(HEALTH))

    assert.deepEqual(
      gateway.acks().map(({ status, first, through }) => [status, first, through]),
      [
        ['committed', 1, 3],
        ['committed', 4, 5],
      ],
    )
    assert.equal((await storedOf(db, table)).length, 5)
    const found = await findGateway(db, 'gw-1')
    const command = { v: 1, id: 'c-1', expiresAt: systemClock.now() + 60_000, by: 'olga', kind: 'restart' }
    const now = systemClock.now()
    await insertCommands(db, [{ gatewayId: found?.id ?? 0, id: 'c-1', document: command }], { now })
    await until('the command came', () =>
      gateway.messages.some(({ topic }) => topic === commandTopic('gw-1', 'c-1')),
    )
    const result = { v: 1, id: 'c-1', status: 'done', at: T }
    await gateway.say(commandResultTopic('gw-1', 'c-1'), JSON.stringify(result))
    const kept = async () => {
      const [row] = await db.query<{ state: unknown; health: unknown; result: unknown; sent: boolean }>(
        `select g.state, g.health, k.result, k.sent_at is not null as sent from gateways g join commands k on k.gateway_id = g.id
         where g.slug = 'gw-1'`,
      )
      return row
    }
    await until('the result is kept', async () => (await kept())?.result !== null)
    assert.deepEqual(await kept(), {
      state: JSON.parse(stateText('ready')),
      health: HEALTH,
      result,
      sent: true,
    })
    const raw = rawTopic({ client: 'campo', project: 'los-aromos', point: 'gw-1-well', variable: 'flow' })
    await until(
      'the subscriber heard',
      () => subscriber.messages.filter(({ topic }) => topic === raw).length === 5,
    )
    assert.ok(subscriber.messages.some(({ topic }) => topic === stateTopic('gw-1')))
    assert.deepEqual(await health(), {
      status: 200,
      nats: { status: 'healthy', connected: true, partitions: Array.from({ length: 17 }, (_, at) => at) },
    })
  })

  test('nobody can speak for another, and who is no gateway with a token is not heard', async () => {
    const series = [{ point: 'p', variable: 'flow', scale: 2 }] as const
    const before = refused('gateway')

    await assert.rejects(overNats('gw-1', 'wrong'), { name: 'Unavailable', message: /Not authorized/ })
    const impostor = await overNats('gw-2')
    await impostor.say(stateTopic('gw-1'), stateText('lost')).catch(() => {})
    assert.equal(await impostor.gone, 'Not allowed to publish gw.v1.gw-1.state')
    for (const overheard of ['gw/v1/+/health', ackTopic('gw-1'), upTopic('gw-2', 'live')]) {
      await assert.rejects(overNats('gw-2', TOKEN, overheard), { message: /Not allowed to receive gw\.v1\./ })
    }
    for (const slug of ['gw-unknown', 'gw-tokenless']) {
      const stranger = await overNats(slug)
      const table = { gateway: slug, client: 'campo', project: 'los-aromos', series: [...series] }
      await stranger.send(batchOf(table, 1, readingsOf(table, 1, 1)))
      await stranger.say(healthTopic(slug), JSON.stringify(HEALTH))
      await stranger.close()
    }

    // No stream carries their batches; what they say of themselves comes, and is refused.
    await until('they were refused', () => refused('gateway') === before + 2)
    assert.equal(
      (await db.query(`select 1 from gateways where slug = 'gw-tokenless' and health is not null`)).length,
      0,
    )
  })

  test('a gateway is answered by the way on which it was heard last', async context => {
    const table = tableOf('gw-2')
    const first = await connectGateway(collector.mqttPort, { slug: 'gw-2', token: TOKEN })
    atEnd(context, () => first.close())
    await first.send(batchOf(table, 1, readingsOf(table, 1, 1)))
    await first.ackOf({ epoch: 1, first: 1, last: 1 })

    const second = await overNats('gw-2')
    atEnd(context, () => second.close())
    await second.send(batchOf(table, 1, readingsOf(table, 2, 1)))
    await second.acked(1)

    assert.deepEqual([first.acks.length, second.acks().length], [1, 1])
  })

  test('a gateway on the MQTT port of nats-server is one like the others; its last will says that it is lost', async () => {
    const table = tableOf('gw-mqtt')
    const url = `mqtt://127.0.0.1:${server.mqttPort}`
    const transport = openMqttTransport(
      { clock: systemClock },
      { url, clientId: 'gw-mqtt', username: 'gw-mqtt', password: TOKEN },
    )
    const gateway = await connectOver(transport, 'gw-mqtt')
    const state = async () => {
      const [row] = await db.query<{ state: { state: string } | null }>(
        `select state from gateways where slug = 'gw-mqtt'`,
      )
      return row?.state?.state
    }

    await gateway.say(stateTopic('gw-mqtt'), stateText('ready'))
    await gateway.send(batchOf(table, 1, readingsOf(table, 1, 4)))
    await gateway.acked(1)
    await gateway.send(batchOf(table, 1, readingsOf(table, 5, 4)), false)
    await gateway.acked(2)
    assert.equal(await state(), 'ready')
    await gateway.close()
    const will = {
      topic: stateTopic('gw-mqtt'),
      payload: Buffer.from(stateText('lost')),
      qos: 1 as const,
      retain: true,
    }
    const lost = await connectGateway(server.mqttPort, { slug: 'gw-mqtt', token: TOKEN, will })
    lost.cut()

    await until('it is lost', async () => (await state()) === 'lost')
    assert.equal((await storedOf(db, table)).length, 8)
  })

  test('a nats-server that is away is told, and found again; what was said meanwhile is stored when it is said again', async () => {
    const table = tableOf('gw-3')
    const gateway = await overNats('gw-3')
    await gateway.send(batchOf(table, 1, readingsOf(table, 1, 1)))
    await gateway.acked(1)

    await server.stop()
    await until('it is noticed', () => !isConnected())
    const away = await health()
    assert.equal(away.status, 503)
    assert.match(away.nats.reason, /^No session with nats-server: /)
    await assert.rejects(gateway.send(batchOf(table, 1, readingsOf(table, 2, 1))), Unavailable)
    await server.start()
    await until('it is found again', isConnected)
    const again = await overNats('gw-3')
    await again.send(batchOf(table, 1, readingsOf(table, 2, 1)))
    await again.acked(1)

    assert.equal((await health()).status, 200)
    assert.equal((await storedOf(db, table)).length, 2)
    await again.close()
  })

  test('a second collector takes its part, and gives it back when it is stopped; nothing is stored twice meanwhile', async context => {
    const table = tableOf('gw-4')
    const url = `nats://127.0.0.1:${server.port}`
    const second = await openCollector(db, {}, {}, { nats: { url, name: 'collector', ...collectorUser } })
    const gateway = await overNats('gw-4')
    atEnd(context, () => gateway.close())

    for (let first = 1; first <= 401; first += 20) {
      await gateway.send(batchOf(table, 1, readingsOf(table, first, 20)), first === 1)
      await gateway.acked(1)
      if (first === 81) await until('it has its part', () => partitions(second) === 8)
      if (first === 181) await second.close()
    }
    await until('all are answered', () => {
      const committed = gateway.acks().filter(({ status }) => status === 'committed')
      return new Set(committed.map(({ first }) => first)).size === 21
    })

    await until('the first has all again', isConnected)
    assert.equal((await storedOf(db, table)).length, 420)
    const reused = [collector, second].map(
      ({ metrics }) => metrics.read().collector_numbers_reused_total ?? 0,
    )
    assert.deepEqual(reused, [0, 0])
    assert.deepEqual(
      await db.query(
        `select 1 from dead_letters d join gateways g on g.id = d.gateway_id where g.slug = 'gw-4'`,
      ),
      [],
    )
  })

  test('who is not to come any more is ended when nats-server reads its users again', async () => {
    const gateway = await overNats('gw-1')

    await server.reload(
      natsUsers(
        gateways.filter(name => name !== 'gw-1'),
        [],
        { mqtt: true },
      ),
    )

    // It says nothing, and ends the connection.
    assert.equal(await gateway.gone, 'connection closed')
    await assert.rejects(overNats('gw-1'), { message: /Not authorized/ })
    assert.ok(isConnected())
  })
})
