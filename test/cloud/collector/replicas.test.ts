// Several collectors on one nats-server: what each does for the gateways and the subscribers of all.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { PARTITIONS, partitionOf, SAID_PARTITION } from '../../../cloud/collector/partitions.ts'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import { NATS_COLLECTOR, natsUsers, tokenVariable } from '../../../cloud/nats-users.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { findGateway, insertCommands } from '../../../cloud/store/gateways.ts'
import { openNatsTransport } from '../../../edge/transport/nats.ts'
import { encodeBatch } from '../../../protocol/codec.ts'
import { openNatsSession } from '../../../protocol/nats.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import { commandTopic, LANES, rawTopic, stateTopic, upTopic } from '../../../protocol/topics.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { batchOf, connectClient, connectGateway } from '../../doubles/gateway-client.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { addGateway, openCollector, readingsOf, storedOf, TOKEN } from './site.ts'
import { connectOver, stateText } from './transport-client.ts'

const PASSWORD = 'collector-password'
const LEASE = { leaseMs: 3_000, renewEveryMs: 200 }
const READERS = [{ name: 'My program', client: 'campo' }, { name: 'everything' }]
const GATEWAYS = ['gw-a', 'gw-b', 'gw-c', 'gw-d', 'gw-e', 'gw-late', 'gw-vale']

/** Somebody whom nats-server lets do everything. */
const ADMIN = '{ user: admin, password: admin-password }'

type Collector = RunningCollector & { metrics: Metrics }

describe('several collectors on one nats-server', { skip: skipWithout('nats_server') }, () => {
  let database: TestDatabase
  let db: Database
  let server: NatsServer
  let first: Collector
  let second: Collector
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    server = await openNatsServer({
      more: natsUsers(GATEWAYS, READERS, { mqtt: true }).replace('users = [', `users = [ ${ADMIN}`),
      env: {
        [NATS_COLLECTOR.variable]: PASSWORD,
        ...Object.fromEntries(GATEWAYS.map(name => [tokenVariable(name), TOKEN])),
        SMARTHYDRO__READER_MY_PROGRAM: 'campo-token',
        SMARTHYDRO__READER_EVERYTHING: 'everything-token',
      },
    })
    for (const slug of GATEWAYS.filter(name => !/late|vale/.test(name)))
      tables.set(slug, await addGateway(db, slug))
    tables.set('gw-vale', await addGateway(db, 'gw-vale', { client: 'vale' }))
    first = await open()
    await until('the first has all', () => partitions(first) === PARTITIONS)
    second = await open()
    await until('each has its part', () => partitions(first) === 9 && partitions(second) === 8)
  })
  after(async () => {
    await second.close()
    await first.close()
    await server.close()
    await database.close()
  })

  const tables = new Map<string, Awaited<ReturnType<typeof addGateway>>>()
  const tableOf = (slug: string) => {
    const table = tables.get(slug)
    assert.ok(table)
    return table
  }
  const url = () => `nats://127.0.0.1:${server.port}`
  const open = () => {
    const nats = { url: url(), name: 'collector', username: NATS_COLLECTOR.user, password: PASSWORD }
    return openCollector(db, {}, {}, { nats, lease: LEASE })
  }
  const partitions = ({ metrics }: Collector) => metrics.read().collector_nats_partitions
  const has = async ({ port }: Collector, partition: number): Promise<boolean> => {
    const response = await fetch(`http://127.0.0.1:${port}/health`)
    const { parts } = (await response.json()) as { parts: { nats: { partitions?: number[] } } }
    return parts.nats.partitions?.includes(partition) === true
  }
  const overNats = async (context: TestContext, slug: string) => {
    const options = { url: url(), name: slug, username: slug, password: TOKEN }
    const gateway = await connectOver(openNatsTransport({ clock: systemClock }, options), slug)
    atEnd(context, () => gateway.close())
    return gateway
  }
  const session = async (context: TestContext, username: string, password: string, subjects: string[]) => {
    const heard: string[] = []
    const onMessage = (subject: string) => void heard.push(subject)
    const opened = await openNatsSession(
      { clock: systemClock },
      { url: url(), name: 'test', username, password },
      { subjects, onMessage, timeoutMs: 10_000, silenceMs: 20_000 },
      new AbortController().signal,
    )
    atEnd(context, () => opened.close())
    return { ...opened, heard }
  }
  const rawOf = (slug: string, client = 'campo') =>
    rawTopic({ client, project: 'los-aromos', point: `${slug}-well`, variable: 'flow' })
  const subjectOf = (slug: string, client?: string) => rawOf(slug, client).replaceAll('/', '.')

  test('readers at nats-server hear each reading once, each what is theirs, and can say nothing', async context => {
    const mine = await session(context, '_reader-my-program', 'campo-token', ['raw.v1.campo.>'])
    const all = await session(context, '_reader-everything', 'everything-token', ['raw.v1.>'])
    const overMqtt = await connectClient(server.mqttPort, {
      ...{ clientId: 'm', username: '_reader-my-program', password: 'campo-token' },
    })
    atEnd(context, () => overMqtt.close())
    assert.equal(await overMqtt.subscribe('raw/v1/campo/#'), 1)
    assert.equal(await overMqtt.subscribe('raw/v1/vale/#'), 128)
    for (const foreign of ['raw.v1.vale.>', 'raw.v1.>', 'gw.v1.>', 'cloud.v1.>']) {
      await assert.rejects(session(context, '_reader-my-program', 'campo-token', [foreign]), {
        message: `Not allowed to receive ${foreign}`,
      })
    }
    for (const slug of ['gw-a', 'gw-vale']) {
      const gateway = await overNats(context, slug)
      await gateway.send(batchOf(tableOf(slug), 1, readingsOf(tableOf(slug), 1, 20)))
      await gateway.acked(1)
    }

    const [a, vale] = [subjectOf('gw-a'), subjectOf('gw-vale', 'vale')]
    const count = (list: readonly string[], subject: string) => list.filter(heard => heard === subject).length
    await until('all heard all', () => count(all.heard, a) >= 20 && count(all.heard, vale) >= 20)
    await until('the one on MQTT did', () => overMqtt.messages.length >= 20)
    assert.deepEqual([count(all.heard, a), count(all.heard, vale)], [20, 20])
    assert.deepEqual([mine.heard.length, count(mine.heard, a)], [20, 20])
    assert.deepEqual([...new Set(overMqtt.messages.map(({ topic }) => topic))], [rawOf('gw-a')])
    all.publish(subjectOf('gw-a'), '{}')
    assert.equal(await all.gone, `Not allowed to publish ${subjectOf('gw-a')}`)
  })

  test('subscribers of each hear what the other commits and keeps, once', async context => {
    const [one, other] = await Promise.all(
      [first, second].map(({ mqttPort }) =>
        connectClient(mqttPort, { username: 'x', password: 'everything-token' }),
      ),
    )
    assert.ok(one && other)
    atEnd(context, () => one.close())
    atEnd(context, () => other.close())
    for (const subscriber of [one, other]) await subscriber.subscribe(['raw/v1/#', stateTopic('+')])
    // What one of them says first the other may miss: it listens from the next second on.
    const wake = await connectGateway(first.mqttPort, { slug: 'gw-e', token: TOKEN })
    atEnd(context, () => wake.close())
    let next = 1
    await until('they hear each other', async () => {
      await wake.send(batchOf(tableOf('gw-e'), 1, readingsOf(tableOf('gw-e'), next, 1)))
      next += 1
      return other.messages.some(({ topic }) => topic === rawOf('gw-e'))
    })

    const overNatsToo = await overNats(context, 'gw-b')
    await overNatsToo.say(stateTopic('gw-b'), stateText('ready'))
    await overNatsToo.send(batchOf(tableOf('gw-b'), 1, readingsOf(tableOf('gw-b'), 1, 10)))
    const overMqtt = await connectGateway(second.mqttPort, { slug: 'gw-c', token: TOKEN })
    atEnd(context, () => overMqtt.close())
    await overMqtt.publish(stateTopic('gw-c'), stateText('ready'))
    await overMqtt.send(batchOf(tableOf('gw-c'), 1, readingsOf(tableOf('gw-c'), 1, 10)))

    const wanted = [
      ...Array<string>(10).fill(rawOf('gw-b')),
      ...Array<string>(10).fill(rawOf('gw-c')),
      ...[stateTopic('gw-b'), stateTopic('gw-c')],
    ]
    for (const { messages } of [one, other]) {
      const heard = () =>
        messages.filter(({ topic, retain }) => !retain && /gw-[bc]/.test(topic)).map(({ topic }) => topic)
      await until('it heard all', () => heard().length >= wanted.length)
      assert.deepEqual(heard().sort(), wanted.sort())
    }
  })

  test('a command reaches its gateway, whichever replica hears that one, and when that one goes', async context => {
    const overMqtt = await connectGateway(second.mqttPort, { slug: 'gw-c', token: TOKEN })
    atEnd(context, () => overMqtt.close())
    await overMqtt.publish(stateTopic('gw-c'), stateText('ready'))
    const gateway = await overNats(context, 'gw-d')
    await gateway.say(stateTopic('gw-d'), stateText('ready'))
    const ask = async (slug: string, id: string) => {
      const found = await findGateway(db, slug)
      const now = systemClock.now()
      const document = { v: 1, id, expiresAt: now + 60_000, by: 'olga', kind: 'restart' }
      await insertCommands(db, [{ gatewayId: found?.id ?? 0, id, document }], { now })
    }
    const came = (messages: readonly { topic: string }[], slug: string, id: string) =>
      messages.some(({ topic }) => topic === commandTopic(slug, id))

    await ask('gw-c', 'c-1')
    await ask('gw-d', 'd-1')
    await until(
      'both came',
      () => came(overMqtt.messages, 'gw-c', 'c-1') && came(gateway.messages, 'gw-d', 'd-1'),
    )
    assert.ok(await has(first, SAID_PARTITION))
    await first.close()
    await ask('gw-d', 'd-2')
    await until('it came by the other', () => came(gateway.messages, 'gw-d', 'd-2'))
    first = await open()
    await until('each has its part', () => partitions(second) === 9 && partitions(first) === 8)
  })

  test('a gateway that moves from one replica to the other and back has each batch stored once, in order', async context => {
    const slug = ['gw-a', 'gw-b', 'gw-c', 'gw-d'].find(name => partitionOf(name) < 8) ?? ''
    const gateway = await overNats(context, slug)
    const table = tableOf(slug)
    let sent = 0
    const sendSome = async (count: number) => {
      for (const upTo = sent + count; sent < upTo; sent += 1) {
        await gateway.send(batchOf(table, 9, readingsOf(table, 1_001 + sent * 10, 10)))
      }
    }
    // Some come twice. It sends nothing again, so it must never have more under way than a stream takes of it.
    const acked = () => new Set(gateway.acks().map(({ first: seq }) => seq)).size
    const holder = (await has(first, partitionOf(slug))) ? first : second

    await sendSome(10)
    const closing = holder.close()
    await sendSome(30)
    await closing
    const again = await open()
    if (holder === first) first = again
    else second = again
    await until('it has its part', async () => {
      if (acked() >= sent - 20) await sendSome(5)
      return partitions(again) === 8
    })
    await sendSome(20)
    await until('all are acked', () => acked() === sent)

    const batches = await db.query<{ first: number }>(
      `select b.first from batches b join gateways g on g.id = b.gateway_id where g.slug = $1 and b.epoch = 9 order by b.id`,
      [slug],
    )
    assert.deepEqual(
      batches.map(({ first: seq }) => seq),
      Array.from({ length: sent }, (_, index) => 1_001 + index * 10),
    )
  })

  test('streams that are deleted under them are made anew, and what was in them comes again', async context => {
    const table = tableOf('gw-vale')
    const gateway = await overNats(context, 'gw-vale')
    const admin = await session(context, 'admin', 'admin-password', [])
    const names = JSON.parse(
      Buffer.from((await admin.ask('$JS.API.STREAM.NAMES', '', 5_000)) ?? '').toString(),
    )
    const ours = (names.streams as string[]).filter(name => name.startsWith('smarthydro-'))
    assert.ok(ours.length > 3)
    for (const name of ours) await admin.ask(`$JS.API.STREAM.DELETE.${name}`, '', 5_000)

    await until('a batch that is sent again and again is acked', async () => {
      await gateway.send(batchOf(table, 2, readingsOf(table, 101, 5)))
      return gateway.acks().some(({ epoch, first: seq }) => epoch === 2 && seq === 101)
    })
    assert.equal((await storedOf(db, table)).length, 25)
  })

  test('a gateway that is new is heard without anybody starting anything again', async context => {
    const table = await addGateway(db, 'gw-late')
    const gateway = await overNats(context, 'gw-late')

    for (const lane of LANES) {
      const seq = lane === 'live' ? 1 : 100
      await until(`its ${lane} batch is acked`, async () => {
        const batch = batchOf(table, 1, readingsOf(table, seq, 5))
        await gateway.say(upTopic('gw-late', lane), encodeBatch(batch, { withTable: true }))
        return gateway.acks().some(ack => ack.lane === lane && ack.first === seq)
      })
    }

    assert.equal((await storedOf(db, table)).length, 10)
  })
})
