// A nats-server that is not as the collector needs it: what the collector says, and that it goes on once that was mended.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { PARTITIONS } from '../../../cloud/collector/partitions.ts'
import { openNatsSession } from '../../../protocol/nats.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type NatsSettings, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { addGateway, openCollector } from './site.ts'

const LEASE = { leaseMs: 3_000, renewEveryMs: 100 }

describe('a nats-server that is not as it should be', { skip: skipWithout('nats_server') }, () => {
  let database: TestDatabase
  before(async () => {
    database = await openTestDatabase()
    await addGateway(database.db, 'gw-1')
  })
  after(() => database.close())

  async function openBoth(context: TestContext, settings: NatsSettings) {
    const server = await openNatsServer(settings)
    atEnd(context, () => server.close())
    const { log, said } = keptLog()
    const nats = {
      url: `nats://127.0.0.1:${server.port}`,
      name: 'collector',
      username: 'c',
      password: 'pass',
    }
    const begin = async () => {
      const collector = await openCollector(database.db, { log }, {}, { nats, lease: LEASE })
      atEnd(context, () => collector.close())
      const health = async (): Promise<{ status: number; reason?: string }> => {
        const response = await fetch(`http://127.0.0.1:${collector.port}/health`)
        const { parts } = (await response.json()) as { parts: { nats: { reason?: string } } }
        return { ...parts.nats, status: response.status }
      }
      return { collector, health }
    }
    return { server, said, begin, nats }
  }

  test('one without JetStream is told with what its configuration needs', async context => {
    const { said, begin } = await openBoth(context, { jetstream: false })
    const { health } = await begin()

    await until('it is said', () => said('NATS not reached').length > 0)

    const reason =
      'nats-server has no JetStream: its configuration needs jetstream { store_dir: "/var/lib/nats" }'
    assert.equal(said('NATS not reached')[0]?.reason, reason)
    assert.deepEqual(await health(), {
      ...{ status: 503, reason: `No session with nats-server: ${reason}` },
    })
  })

  test('one whose users are those of an older version is told with the command that prints them', async context => {
    const old = {
      user: 'c',
      password: 'pass',
      publish: ['gw.v1.*.down.ack'],
      subscribe: ['gw.v1.>', '_INBOX.>'],
    }
    const { said, begin } = await openBoth(context, { users: [old] })
    await begin()

    await until('it is said', () => said('NATS not reached').length > 0)

    assert.match(
      String(said('NATS not reached')[0]?.reason),
      /Not allowed to publish \$JS\.API\.INFO; its users must be those that `smarthydro-cloud nats users` prints now$/,
    )
  })

  test('a stream of somebody else that has the gateways’ subjects is told, and no hindrance once it is gone', async context => {
    const { begin, nats } = await openBoth(context, {})
    const connect = { subjects: [], onMessage: () => {}, timeoutMs: 10_000, silenceMs: 20_000 }
    const theirs = await openNatsSession({ clock: systemClock }, nats, connect, new AbortController().signal)
    atEnd(context, () => theirs.close())
    const stream = JSON.stringify({
      name: 'theirs',
      subjects: ['gw.v1.>'],
      retention: 'limits',
      storage: 'file',
    })
    await theirs.ask('$JS.API.STREAM.CREATE.theirs', stream, 10_000)
    const { collector, health } = await begin()

    await until('it is said', async () => /subjects overlap/.test((await health()).reason ?? ''))
    await theirs.ask('$JS.API.STREAM.DELETE.theirs', '', 10_000)
    const partitions = () => collector.metrics.read().collector_nats_partitions
    await until('all is read', () => partitions() === PARTITIONS)

    assert.equal((await health()).status, 200)
  })
})
