// The database goes away under the collector: killed, restarted, slow. Nothing is acknowledged that is not stored, and
// nothing that was sent is lost (K1, K3).

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CARRIED_OF_ONE_MAX, PARTITIONS } from '../../../cloud/collector/partitions.ts'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../cloud/store/embedded.ts'
import { migrate } from '../../../cloud/store/migrate.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { openNatsTransport } from '../../../edge/transport/nats.ts'
import type { Batch } from '../../../protocol/batch.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import { openScope } from '../../../protocol/runtime/scope.ts'
import { batchOf, connectGateway } from '../../doubles/gateway-client.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { addGateway, openCollector, readingsOf, storedOf, TOKEN } from './site.ts'
import { connectOver } from './transport-client.ts'

describe('startCollector() while the database comes and goes', () => {
  const deps = { clock: systemClock, log: silentLog }
  let dir: string
  let server: EmbeddedPostgres
  let db: Database
  let collector: RunningCollector & { metrics: Metrics }
  const scope = openScope()
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'smarthydro-outage-'))
    scope.use({ close: () => rmSync(dir, { recursive: true, force: true }) })
    server = await startEmbeddedPostgres(deps, { dir })
    scope.use({ close: () => server.close() })
    db = scope.use(openPostgres(deps, { url: server.url, poolMax: 6, idleInTransactionMs: 0 }))
    await migrate(db, deps)
    collector = scope.use(await openCollector(db))
  })
  after(() => scope[Symbol.asyncDispose]())

  test('startCollector() stores everything once when the server is killed again and again under load', async t => {
    const table = await addGateway(db, 'gw-killed')
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-killed', token: TOKEN })
    const batches = Array.from({ length: 200 }, (_, index) =>
      batchOf(table, 1, readingsOf(table, index * 50 + 1, 50)),
    )
    let sent = 0
    const sending = (async () => {
      for (const batch of batches) {
        // A gateway keeps a few under way, and sends no more before those are answered.
        await until('there is room', () => sent - gateway.acks.length < 8, { timeoutMs: 60_000 })
        await gateway.send(batch)
        sent += 1
      }
    })()

    for (const share of [30, 90, 150]) {
      await until(`${share} are sent`, () => sent >= share, { timeoutMs: 60_000 })
      const pid = server.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await until('another server is there', () => server.pid() !== pid)
    }
    await sending
    const acks = await Promise.all(batches.map(batch => gateway.ackOf(batch)))

    const stored = await storedOf(db, table)
    t.diagnostic(`3 kills: sent 10,000, stored ${stored.length}, distinct ${new Set(stored).size}`)
    assert.ok(acks.every(({ status }) => status === 'committed'))
    assert.deepEqual(
      stored,
      batches.flatMap(({ readings }) => readings.map(({ at }) => at)),
    )
    assert.equal(gateway.isConnected(), true)
    await gateway.close()
  })

  test('startCollector() stores everything once over NATS too, where what there is no room for is refused and sent again', {
    skip: skipWithout('nats_server'),
  }, async t => {
    const nats = await openNatsServer()
    atEnd(t, () => nats.close())
    const url = `nats://127.0.0.1:${nats.port}`
    const table = await addGateway(db, 'gw-nats')
    const overNats = await openCollector(db, {}, {}, { nats: { url, name: 'collector' } })
    atEnd(t, () => overNats.close())
    const read = (name: string) => overNats.metrics.read()[name]
    await until('it reads', () => read('collector_nats_partitions') === PARTITIONS)
    const gateway = await connectOver(
      openNatsTransport({ clock: systemClock }, { url, name: 'gw-nats' }),
      'gw-nats',
    )
    atEnd(t, () => gateway.close())
    const batches = Array.from({ length: 100 }, (_, index) =>
      batchOf(table, 1, readingsOf(table, index * 50 + 1, 50)),
    )
    const unanswered = () => {
      const answered = new Set(gateway.acks().map(({ first }) => first))
      return batches.filter(({ first }) => !answered.has(first))
    }

    const held = db.transaction(async tx => {
      await tx.query('lock table readings in exclusive mode')
      for (const batch of batches.slice(0, 90)) await gateway.send(batch)
      await until('all that came are in hand', () => read('collector_nats_waiting') === CARRIED_OF_ONE_MAX)
      const pid = server.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await until('another server is there', () => server.pid() !== pid)
    })
    await assert.rejects(held)
    await until('those are answered', () => unanswered().length === 100 - CARRIED_OF_ONE_MAX)
    while (unanswered().length > 0) {
      const [first, ...rest] = unanswered()
      for (const batch of [first, ...rest.slice(0, 30)]) if (batch !== undefined) await gateway.send(batch)
      await until('the first is answered', () => !unanswered().includes(first as Batch))
    }

    assert.deepEqual(
      await storedOf(db, table),
      batches.flatMap(({ readings }) => readings.map(({ at }) => at)),
    )
    assert.ok(gateway.acks().every(({ status }) => status === 'committed'))
  })

  test('startCollector() gives no ack while the database is stopped, says so, and gives it when it is back', async () => {
    const table = await addGateway(db, 'gw-stopped')
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-stopped', token: TOKEN })
    const first = batchOf(table, 1, readingsOf(table, 1, 5))
    const second = batchOf(table, 1, readingsOf(table, 6, 5))
    await gateway.send(first)
    await gateway.ackOf(first)
    await server.close()

    await gateway.send(second)
    await gateway.send(second)
    const health = await fetch(`http://127.0.0.1:${collector.port}/health`)
    const [acksBefore, { parts }] = [gateway.acks.length, (await health.json()) as { parts: object }]
    const port = Number(new URL(server.url).port)
    server = await startEmbeddedPostgres(deps, { dir, port })
    const ack = await gateway.ackOf(second)

    assert.equal(acksBefore, 1)
    assert.equal(health.status, 503)
    assert.match(JSON.stringify(parts), /"database":\{"status":"unhealthy","reason":"[^"]+/)
    assert.equal(ack.status, 'committed')
    assert.equal((await storedOf(db, table)).length, 10)
    assert.equal(gateway.acks.length, 2)
    await gateway.close()
  })

  test('startCollector() waits, and sets nothing aside, while the database refuses everything', async () => {
    const table = await addGateway(db, 'gw-readonly')
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-readonly', token: TOKEN })
    const batch = batchOf(table, 1, readingsOf(table, 1, 5))
    await db.query('alter table readings rename to readings_away')
    const refusals: unknown[] = []
    const other = await openCollector(db, {
      log: { ...silentLog, error: (event, fields) => void refusals.push([event, fields?.code]) },
    })
    const waiting = await connectGateway(other.mqttPort, { slug: 'gw-readonly', token: TOKEN })

    await waiting.send(batch)
    await until('it is refused', () => refusals.length > 0)
    const acksBefore = waiting.acks.length
    await db.query('alter table readings_away rename to readings')
    const ack = await waiting.ackOf(batch)

    assert.deepEqual(refusals, [['database refused, batches wait', '42P01']])
    assert.equal(acksBefore, 0)
    assert.equal(ack.status, 'committed')
    assert.deepEqual(await db.query('select 1 from dead_letters'), [])
    await Promise.all([gateway.close(), waiting.close()])
    await other.close()
  })

  test('startCollector() asks gateways to slow down when the queue is half full, and bounds what one may have waiting', async () => {
    const tables = await Promise.all(
      Array.from({ length: 12 }, (_, index) => addGateway(db, `gw-slow-${index}`)),
    )
    const gateways = await Promise.all(
      tables.map(({ gateway }) => connectGateway(collector.mqttPort, { slug: gateway, token: TOKEN })),
    )
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    const held = db.transaction(async tx => {
      await tx.query('lock table readings in exclusive mode')
      await released
    })
    const batches = tables.map(table =>
      Array.from({ length: 60 }, (_, index) => batchOf(table, 1, readingsOf(table, index * 5 + 1, 5))),
    )
    const sends = gateways.flatMap((gateway, index) =>
      (batches[index] ?? []).map(batch => gateway.send(batch).catch(() => {})),
    )
    await until('the queue is full', async () => {
      const health = await fetch(`http://127.0.0.1:${collector.port}/health`)
      const { parts } = (await health.json()) as { parts: { queue: { load: number } } }
      return parts.queue.load >= 0.99
    })

    const [greedy, table] = [gateways[0], tables[0]]
    assert.ok(greedy && table)
    const tooMany = Array.from({ length: 10 }, (_, index) =>
      greedy.send(batchOf(table, 2, readingsOf(table, 1000 + index, 1))).then(
        () => 'taken',
        () => 'connection ended',
      ),
    )
    await until('the greedy one is cut off', () => !greedy.isConnected())
    release()
    await held
    await Promise.all(sends)
    const patient = gateways.slice(1)
    await Promise.all(
      patient.flatMap((gateway, index) => (batches[index + 1] ?? []).map(batch => gateway.ackOf(batch))),
    )

    assert.ok((await Promise.all(tooMany)).includes('connection ended'))
    assert.ok(patient.some(({ acks }) => acks.some(({ slowDownMs }) => (slowDownMs ?? 0) > 0)))
    for (const one of tables.slice(1)) assert.equal((await storedOf(db, one)).length, 300)
    await Promise.all(gateways.map(gateway => gateway.close()))
  })
})
