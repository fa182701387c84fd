// From a gateway's batches to committed rows and acks (K1-K4 of cloud/collector/committer.ts), over real sockets.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { BATCH_BYTES_MAX } from '../../../protocol/batch.ts'
import { decodeBatch, encodeBatch } from '../../../protocol/codec.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import { healthTopic, upTopic } from '../../../protocol/topics.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { batchOf, connectGateway, type GatewayClient } from '../../doubles/gateway-client.ts'
import { randomFrom } from '../../doubles/random.ts'
import { until } from '../../doubles/until.ts'
import { addGateway, HEALTH, openCollector, readingsOf, storedOf, TOKEN } from './site.ts'

describe('startCollector()', () => {
  let database: TestDatabase
  let db: Database
  let collector: RunningCollector & { metrics: Metrics }
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    collector = await openCollector(db)
  })
  after(async () => {
    await collector.close()
    await database.close()
  })

  const gatewayOf = async (slug: string) => {
    const table = await addGateway(db, slug)
    return { table, gateway: await connectGateway(collector.mqttPort, { slug, token: TOKEN }) }
  }

  test('startCollector() takes a series table as large as the contract allows', async () => {
    const { table, gateway } = await gatewayOf('gw-large')
    const random = randomFrom(7)
    const name = () => Array.from({ length: 60 }, () => Math.floor(random() * 36).toString(36)).join('')
    const more = Array.from({ length: 3_000 }, () => ({
      point: name(),
      variable: 'flow' as const,
      scale: 2 as const,
    }))
    const large = { ...table, series: [...table.series, ...more] }
    const batch = batchOf(large, 7, readingsOf(table, 1, 10))

    await gateway.send(batch, { lane: 'live', withTable: true })

    assert.ok(encodeBatch(batch, { withTable: true }).length > BATCH_BYTES_MAX + 2048)
    assert.equal((await gateway.ackOf(batch)).status, 'committed')
    await gateway.close()
  })

  test('startCollector() stores each reading once when batches come twice, out of order and cut anew', async () => {
    const { table, gateway } = await gatewayOf('gw-shuffled')
    const all = readingsOf(table, 1, 400)
    const cut = (size: number) =>
      Array.from({ length: 400 / size }, (_, index) =>
        batchOf(table, 7, all.slice(index * size, (index + 1) * size)),
      )
    const sent = [...cut(50), ...cut(80), ...cut(50), ...cut(200)]
    const shuffled = sent
      .map((batch, index) => ({ batch, place: (index * 7919) % 31 }))
      .sort((a, b) => a.place - b.place)

    await Promise.all(
      shuffled.map(({ batch }, index) =>
        gateway.send(batch, { lane: index % 3 === 0 ? 'backlog' : 'live', withTable: true }),
      ),
    )
    const acks = await Promise.all(sent.map(batch => gateway.ackOf(batch)))

    assert.ok(acks.every(({ status, rejected }) => status === 'committed' && rejected.length === 0))
    assert.deepEqual(
      await storedOf(db, table),
      all.map(({ at }) => at),
    )
    await gateway.close()
  })

  test('startCollector() counts each batch by what became of it', async () => {
    const { table, gateway } = await gatewayOf('gw-counted')
    const counted = (became: string) =>
      collector.metrics.read()[`collector_batches_total{became="${became}"}`] ?? 0
    const before = { stored: counted('stored'), repeated: counted('repeated') }
    const batches = [1, 11, 21].map(first => batchOf(table, 1, readingsOf(table, first, 10)))

    for (const batch of batches) {
      await gateway.send(batch)
      await gateway.ackOf(batch)
    }
    for (const batch of batches.slice(1)) await gateway.send(batch)
    await until('all are answered', () => gateway.acks.length === 5)

    assert.deepEqual([counted('stored') - before.stored, counted('repeated') - before.repeated], [3, 2])
    await gateway.close()
  })

  /** Holds a table while the collector wants to write to it, and lets it go when `meanwhile` is over. */
  const whileHeld = (
    table: 'readings' | 'dead_letters',
    meanwhile: (waits: Promise<void>) => Promise<void>,
  ) =>
    db.transaction(async tx => {
      await tx.query(`lock table ${table} in exclusive mode`)
      const waits = until('the collector waits for the table', async () => {
        const waiting = await db.query(
          `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into ${table}%'`,
        )
        return waiting.length > 0
      })
      await meanwhile(waits)
    })

  /** When this resolves, whatever was said to the gateway before has come. */
  const hearAll = (gateway: GatewayClient) =>
    gateway.publish(healthTopic(gateway.slug), JSON.stringify(HEALTH))

  test('startCollector() acknowledges only after the COMMIT (K1)', async () => {
    const { table, gateway } = await gatewayOf('gw-held')
    const batch = batchOf(table, 1, readingsOf(table, 1, 3))

    await whileHeld('readings', async waits => {
      await gateway.send(batch)
      await waits
      await hearAll(gateway)
      assert.deepEqual(gateway.acks, [])
    })
    const ack = await gateway.ackOf(batch)

    assert.equal(ack.status, 'committed')
    assert.equal((await storedOf(db, table)).length, 3)
    await gateway.close()
  })

  test('startCollector() acknowledges what it sets aside only when it is kept (K1)', async () => {
    const { table, gateway } = await gatewayOf('gw-held-aside')
    const batch = batchOf(table, 1, readingsOf(table, 1, 3))

    await whileHeld('dead_letters', async waits => {
      await gateway.publish(
        upTopic('gw-held-aside', 'live'),
        withByteAtEnd(encodeBatch(batch, { withTable: true })),
      )
      await waits
      await hearAll(gateway)
      assert.deepEqual(gateway.acks, [])
    })
    const ack = await gateway.ackOf(batch)

    assert.equal(ack.status, 'set-aside')
    await gateway.close()
  })

  test('startCollector() answers a batch once that comes again while it waits', async () => {
    const { table, gateway } = await gatewayOf('gw-twice')
    const batch = batchOf(table, 1, readingsOf(table, 1, 3))
    const later = batchOf(table, 1, readingsOf(table, 4, 3))

    await whileHeld('readings', async waits => {
      await gateway.send(batch)
      await waits
      await gateway.send(batch)
      await gateway.send(later)
    })
    await gateway.ackOf(later)

    assert.deepEqual(
      gateway.acks.map(({ first }) => first),
      [1, 4],
    )
    await gateway.close()
  })

  test('startCollector() asks for the table that it does not know, and remembers it over a restart', async () => {
    const { table, gateway } = await gatewayOf('gw-table')
    const [first, second] = [1, 4].map(seq => batchOf(table, 1, readingsOf(table, seq, 3)))
    assert.ok(first && second)
    await gateway.send(first, { withTable: false })
    const unknown = await gateway.ackOf(first)
    assert.equal(unknown.status, 'table-unknown')
    assert.deepEqual(await storedOf(db, table), [])
    await gateway.send(first, { withTable: true })
    await until('the batch is committed', () => gateway.acks.some(({ status }) => status === 'committed'))
    const other = await openCollector(db)
    const again = await connectGateway(other.mqttPort, { slug: 'gw-table', token: TOKEN })

    await again.send(second, { withTable: false })
    const known = await again.ackOf(second)

    assert.equal(known.status, 'committed')
    assert.equal((await storedOf(db, table)).length, 6)
    await Promise.all([gateway.close(), again.close()])
    await other.close()
  })

  test('startCollector() sets a batch aside that it cannot read, with its bytes, once, and answers by its numbers or by its name', async () => {
    const { table, gateway } = await gatewayOf('gw-garbled')
    const topic = upTopic('gw-garbled', 'live')
    const noise = new Uint8Array([1, 0, 255, 0, 7])
    const batch = batchOf(table, 3, readingsOf(table, 1, 3))
    const tooLong = withByteAtEnd(encodeBatch(batch, { withTable: true }))
    const good = batchOf(table, 5, readingsOf(table, 10, 1))

    await gateway.publish(topic, noise)
    await gateway.publish(topic, noise)
    await gateway.publish(topic, tooLong)
    await gateway.send(good)
    const answer = await gateway.ackOf(batch)

    assert.equal(answer.status, 'set-aside')
    assert.match(answer.reason ?? '', /1 bytes after its end/)
    assert.equal((await gateway.ackOf(good)).status, 'committed')
    assert.equal(gateway.acks.length, 2)
    assert.deepEqual(
      gateway.unreadable.map(({ message, lane }) => [message, lane]),
      [0, 1].map(() => [createHash('sha256').update(noise).digest('hex').slice(0, 16), 'live']),
    )
    const letters = await db.query<{ bytes: Uint8Array; reason: string; gateway: string; times: number }>(
      `select d.bytes, d.reason, d.times, g.slug as gateway from dead_letters d join gateways g on g.id = d.gateway_id
       where d.topic = $1 order by d.id`,
      [topic],
    )
    assert.deepEqual(
      letters.map(({ bytes, gateway: of, times }) => ({ bytes, of, times })),
      [
        { bytes: noise, of: 'gw-garbled', times: 2 },
        { bytes: tooLong, of: 'gw-garbled', times: 1 },
      ],
    )
    assert.ok(letters.every(({ reason }) => reason.startsWith('Cannot read')))
    await gateway.close()
  })

  test('startCollector() leaves a batch of a newer version with its gateway, and keeps nothing of it', async () => {
    const { table, gateway } = await gatewayOf('gw-newer')
    const whole = encodeBatch(batchOf(table, 3, readingsOf(table, 1, 3)), { withTable: true })
    const newer = withCrc([2, ...whole.subarray(1, -4)])

    await assert.rejects(gateway.publish(upTopic('gw-newer', 'live'), newer), /closed/i)

    assert.deepEqual(await storedOf(db, table), [])
    assert.deepEqual(
      await db.query('select 1 from dead_letters where topic = $1', [upTopic('gw-newer', 'live')]),
      [],
    )
  })

  test('startCollector() sets a batch aside that brings what the cloud computes', async () => {
    const { table, gateway } = await gatewayOf('gw-clever')
    const series = [{ point: 'pozo-7', variable: 'water_table' as const, scale: 2 as const }]
    const batch = batchOf({ ...table, series }, 1, readingsOf({ ...table, series }, 1, 3))

    await gateway.send(batch)
    const { status, reason } = await gateway.ackOf(batch)

    assert.equal(status, 'set-aside')
    assert.match(reason ?? '', /series\[0\]: water_table of pozo-7 is computed by the cloud/)
    assert.deepEqual(await db.query(`select 1 from points where slug = 'pozo-7'`), [])
    await gateway.close()
  })

  test('startCollector() sets a batch aside whose table is of somebody else, and stores nothing of it', async () => {
    const { table, gateway } = await gatewayOf('gw-mine')
    const theirs = await addGateway(db, 'gw-theirs', { client: 'rival', project: 'elsewhere' })
    const asTheirs = batchOf(theirs, 1, readingsOf(theirs, 1, 3))
    const inTheirProject = batchOf({ ...table, project: 'elsewhere' }, 2, readingsOf(table, 1, 3))

    await gateway.send(asTheirs)
    await gateway.send(inTheirProject)
    const acks = [await gateway.ackOf(asTheirs), await gateway.ackOf(inTheirProject)]

    assert.deepEqual(
      acks.map(({ status }) => status),
      ['set-aside', 'set-aside'],
    )
    assert.match(acks[0]?.reason ?? '', /rival\/elsewhere\/gw-theirs.*campo\/los-aromos\/gw-mine/)
    assert.deepEqual(await storedOf(db, theirs), [])
    assert.deepEqual(await storedOf(db, table), [])
    await gateway.close()
  })

  test('startCollector() rejects the reading that the database refuses, stores those around it, and keeps the bytes (K4)', async () => {
    const { table, gateway } = await gatewayOf('gw-poison')
    const other = await gatewayOf('gw-bystander')
    await db.query(
      'alter table readings add constraint no_beast check (value is distinct from 6.66) not valid',
    )
    const readings = readingsOf(table, 660, 20)
    const poisoned = batchOf(table, 1, readings)
    const healthy = batchOf(other.table, 1, readingsOf(other.table, 1, 20))

    await Promise.all([gateway.send(poisoned), other.gateway.send(healthy)])
    const [ack, bystander] = await Promise.all([gateway.ackOf(poisoned), other.gateway.ackOf(healthy)])
    await db.query('alter table readings drop constraint no_beast')

    assert.equal(ack.status, 'committed')
    assert.deepEqual(
      ack.rejected.map(({ seq }) => seq),
      [666],
    )
    assert.match(ack.rejected[0]?.reason ?? '', /no_beast/)
    assert.deepEqual(
      await storedOf(db, table),
      readings.filter(({ seq }) => seq !== 666).map(({ at }) => at),
    )
    assert.deepEqual([bystander.status, bystander.rejected], ['committed', []])
    const [letter] = await db.query<{ reason: string; bytes: Uint8Array }>(
      `select d.reason, d.bytes from dead_letters d join gateways g on g.id = d.gateway_id where g.slug = 'gw-poison'`,
    )
    assert.match(letter?.reason ?? '', /^The database refused reading 666: .*no_beast/)
    const kept = decodeBatch(letter?.bytes ?? new Uint8Array(), () => table)
    assert.ok(kept.kind === 'batch')
    assert.deepEqual(kept.batch.readings, poisoned.readings)
    await Promise.all([gateway.close(), other.gateway.close()])
  })

  test('startCollector() rejects a value that no instrument gives, and stores those around it', async () => {
    const { table, gateway } = await gatewayOf('gw-absurd')
    const [first, second, third] = readingsOf(table, 1, 3)
    assert.ok(first && second && third)
    const batch = batchOf(table, 1, [first, { ...second, value: 4.2e200 }, third])

    await gateway.send(batch)
    const { status, rejected } = await gateway.ackOf(batch)

    assert.equal(status, 'committed')
    assert.deepEqual(
      rejected.map(({ seq }) => seq),
      [2],
    )
    assert.match(rejected[0]?.reason ?? '', /value_within_bounds/)
    assert.deepEqual(await storedOf(db, table), [first.at, third.at])
    await gateway.close()
  })

  test('startCollector() goes on when a gateway is deleted while its batch is on the way', async () => {
    const { table, gateway } = await gatewayOf('gw-deleted')
    const other = await gatewayOf('gw-left')
    await db.query(`delete from gateways where slug = 'gw-deleted'`)
    const orphan = batchOf(table, 1, readingsOf(table, 1, 2))
    const batch = batchOf(other.table, 1, readingsOf(other.table, 1, 2))

    await gateway.send(orphan)
    await other.gateway.send(batch)

    assert.equal((await gateway.ackOf(orphan)).status, 'set-aside')
    assert.equal((await other.gateway.ackOf(batch)).status, 'committed')
    await Promise.all([gateway.close(), other.gateway.close()])
  })

  test('startCollector() counts what became of batches and readings', () => {
    const counted = collector.metrics.read()

    assert.ok((counted['collector_readings_total{became="inserted"}'] ?? 0) >= 400)
    assert.ok((counted['collector_readings_total{became="duplicate"}'] ?? 0) >= 400)
    assert.equal(counted['collector_readings_total{became="rejected"}'], 2)
    assert.ok((counted['collector_batches_total{became="set-aside"}'] ?? 0) >= 3)
  })

  test('startCollector() says by /health whether it can do its work', async () => {
    const response = await fetch(`http://127.0.0.1:${collector.port}/health`)

    assert.equal(response.status, 200)
    assert.equal(((await response.json()) as { service: string }).service, 'collector')
  })
})

/** A batch whose checksum is right and that says more than it should. */
function withByteAtEnd(bytes: Uint8Array): Uint8Array {
  return withCrc([...bytes.subarray(0, -4), 0])
}

function withCrc(bytes: readonly number[]): Uint8Array {
  const whole = Buffer.from([...bytes, 0, 0, 0, 0])
  whole.writeUInt32LE(crc32(whole.subarray(0, -4)), whole.length - 4)
  return new Uint8Array(whole)
}
