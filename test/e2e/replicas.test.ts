// Two collectors and two processors on one JetStream and one database, each a program of its own. One of each is killed
// while it has batches in hand. Gateways say everything once: what is missing then would be lost.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { PARTITIONS } from '../../cloud/collector/partitions.ts'
import { NATS_COLLECTOR, natsUsers, tokenVariable } from '../../cloud/nats-users.ts'
import type { Database, Sql } from '../../cloud/store/database.ts'
import { openNatsTransport } from '../../edge/transport/nats.ts'
import type { Batch, SeriesTable } from '../../protocol/batch.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { stateTopic } from '../../protocol/topics.ts'
import { addGateway, readingsOf, TOKEN } from '../cloud/collector/site.ts'
import { connectOver, stateText } from '../cloud/collector/transport-client.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { batchOf } from '../doubles/gateway-client.ts'
import { openNatsServer } from '../doubles/nats-server.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'

const GATEWAYS = 24
const BATCHES = 40
const READINGS = 25
/** Four programs start, and a dead one is replaced. */
const PATIENT = { timeoutMs: 90_000 }
const PASSWORD = 'collector-password'

interface Service {
  program: Program
  /** What it counts. */
  read(): Promise<Record<string, number>>
  partitions(): Promise<number[]>
}

interface Answer {
  metrics?: Record<string, number>
  parts?: { nats?: { partitions?: number[] } }
}

/** A service of the cloud in a process of its own. */
async function startService(
  context: TestContext,
  name: 'collector' | 'processor',
  environment: Record<string, string>,
): Promise<Service> {
  const port = await freePort()
  const env = { ...environment, MQTT_PORT: '0', [`${name.toUpperCase()}_PORT`]: String(port) }
  const program = startProgram('cloud', ['run', '--services', name], { env })
  atEnd(context, async () => {
    program.kill('SIGKILL')
    await program.exited
  })
  const ask = async (path: string): Promise<Answer> => {
    try {
      const url = `http://127.0.0.1:${port}/${path}`
      return (await (await fetch(url, { headers: { accept: 'application/json' } })).json()) as Answer
    } catch (error) {
      // It does not listen yet.
      if (error instanceof TypeError) return {}
      throw error
    }
  }
  return {
    program,
    read: async () => (await ask('metrics')).metrics ?? {},
    partitions: async () => (await ask('health')).parts?.nats?.partitions ?? [],
  }
}

const committedBy = async ({ read }: Service): Promise<number> =>
  (await read())['collector_batches_total{became="stored"}'] ?? 0
const processedBy = async ({ read }: Service): Promise<number> => (await read()).processor_batches_total ?? 0

describe('two collectors and two processors on one JetStream', { skip: skipWithout('nats_server') }, () => {
  test('a collector that stands still longer than its lease, and goes on then, loses nothing and stores nothing twice', async context => {
    const { db, tables, url, start } = await openSite(context, 4)
    const [frozen, other] = [await start('collector'), await start('collector')]
    await until('each collector has its part', async () => isShared(frozen, other), PATIENT)
    const gateways = await Promise.all(tables.map(table => openGateway(context, url, table)))

    await db.transaction(async tx => {
      await tx.query('lock table readings in exclusive mode')
      for (const { send } of gateways) await send(BATCHES / 2)
      await until('it has some in hand', async () => ((await frozen.read()).collector_nats_waiting ?? 0) > 0)
      frozen.program.kill('SIGSTOP')
    })
    const areAcked = (count: number) => () => gateways.every(({ acked }) => acked() === count)
    await until('the other acks all', areAcked(BATCHES / 2), PATIENT)
    assert.equal((await other.partitions()).length, PARTITIONS)
    frozen.program.kill('SIGCONT')
    for (const { send } of gateways) await send(BATCHES)
    await until('all is acked', areAcked(BATCHES), PATIENT)
    await until('they share again', async () => isShared(frozen, other), PATIENT)

    for (const table of tables) assert.deepEqual(await storedOf(db, table), producedBy(table))
    assert.deepEqual(await db.query('select 1 from revisions union all select 1 from dead_letters', []), [])
  })

  test('share the load; of what two that are killed had in hand nothing is lost, and nothing is there twice', async context => {
    const { db, tables, url, start } = await openSite(context, GATEWAYS)
    const [collector, otherCollector] = [await start('collector'), await start('collector')]
    const [processor, otherProcessor] = [await start('processor'), await start('processor')]
    await until('each collector has its part', async () => isShared(collector, otherCollector), PATIENT)
    const gateways = await Promise.all(tables.map(table => openGateway(context, url, table)))

    const sendUntil = async (to: number) => {
      for (const { send } of gateways) await send(to)
      await until(`${to} of each are acked`, () => gateways.every(({ acked }) => acked() === to), PATIENT)
    }

    await sendUntil(BATCHES / 4)
    await until('a processor has done some', async () => (await processedBy(processor)) > 0, PATIENT)
    const committed = [await committedBy(collector), await committedBy(otherCollector)]
    await db.transaction(async tx => {
      await tx.query('lock table rollups_hour in exclusive mode')
      await sendUntil(BATCHES / 2)
      await until('both processors are in the midst of it', async () => (await waitingIn(tx)) === 2)
      await tx.query('lock table readings in exclusive mode')
      for (const { send } of gateways) await send(BATCHES)
      const inHand = async ({ read }: Service) => ((await read()).collector_nats_waiting ?? 0) > 0
      await until(
        'both collectors have some in hand',
        async () => (await inHand(collector)) && (await inHand(otherCollector)),
      )
      collector.program.kill('SIGKILL')
      processor.program.kill('SIGKILL')
      await Promise.all([collector.program.exited, processor.program.exited])
    })

    await until('all is acked', () => gateways.every(({ acked }) => acked() === BATCHES), PATIENT)
    assert.equal((await otherCollector.partitions()).length, PARTITIONS)
    await until('all is processed', async () => (await unprocessed(db)) === 0, PATIENT)
    assert.ok(
      committed.every(count => count > 0),
      `Each committed some: ${committed.join(', ')}`,
    )
    assert.ok((await processedBy(otherProcessor)) > 0)
    assert.ok(otherProcessor.program.log().some(({ event }) => event === 'NATS connected'))
    for (const table of tables) assert.deepEqual(await storedOf(db, table), producedBy(table))
    const [row] = await db.query(
      `select (select count(*) from revisions)::int as revisions, (select count(*) from dead_letters)::int as letters,
              (select sum(count) from rollups_hour)::int as "rolledUp"`,
      [],
    )
    assert.deepEqual(row, { revisions: 0, letters: 0, rolledUp: GATEWAYS * BATCHES * READINGS })
  })
})

/** A database, a nats-server, and gateways that both know. */
async function openSite(context: TestContext, count: number) {
  const { db, url: databaseUrl, close } = await openTestDatabase()
  atEnd(context, close)
  const names = Array.from({ length: count }, (_, index) => `gw-${index}`)
  const tables = await Promise.all(names.map(name => addGateway(db, name)))
  const nats = await openNatsServer({
    more: natsUsers(names, [], { mqtt: false }),
    env: {
      [NATS_COLLECTOR.variable]: PASSWORD,
      ...Object.fromEntries(names.map(name => [tokenVariable(name), TOKEN])),
    },
  })
  atEnd(context, () => nats.close())
  const url = `nats://127.0.0.1:${nats.port}`
  const environment = {
    ...{ DATABASE_URL: databaseUrl, SMARTHYDRO_SECRET_KEY: Buffer.alloc(32, 7).toString('base64') },
    ...{ NATS_URL: url, NATS_USER: NATS_COLLECTOR.user, NATS_PASSWORD: PASSWORD },
  }
  const start = (name: 'collector' | 'processor') => startService(context, name, environment)
  return { db, tables, url, start }
}

async function isShared(...collectors: Service[]): Promise<boolean> {
  const shares = await Promise.all(collectors.map(({ partitions }) => partitions()))
  return (
    shares.every(({ length }) => length >= Math.floor(PARTITIONS / 2)) && shares.flat().length === PARTITIONS
  )
}

const batchesOf = (table: SeriesTable): Batch[] =>
  Array.from({ length: BATCHES }, (_, index) =>
    batchOf(table, 1, readingsOf(table, index * READINGS + 1, READINGS)),
  )

/** A gateway that says each of its batches once. */
async function openGateway(context: TestContext, url: string, table: SeriesTable) {
  const name = table.gateway
  const transport = openNatsTransport({ clock: systemClock }, { url, name, username: name, password: TOKEN })
  const gateway = await connectOver(transport, name)
  atEnd(context, () => gateway.close())
  await gateway.say(stateTopic(name), stateText('ready'))
  const batches = batchesOf(table)
  let sent = 0
  return {
    /** So many of its batches, without those that it has sent before. */
    async send(to: number) {
      for (const batch of batches.slice(sent, to)) await gateway.send(batch)
      sent = to
    },
    /** How many of its batches were acked, however often. */
    acked: () => {
      const committed = gateway.acks().filter(({ status }) => status === 'committed')
      return new Set(committed.map(({ first }) => first)).size
    },
  }
}

/** Batches in the order in which they were committed, and the instants of their readings. */
async function storedOf(
  db: Database,
  { gateway }: SeriesTable,
): Promise<{ firsts: number[]; instants: number[] }> {
  const batches = await db.query<{ first: number }>(
    `select b.first from batches b join gateways g on g.id = b.gateway_id where g.slug = $1 order by b.id`,
    [gateway],
  )
  const readings = await db.query<{ at: number }>(
    `select r.at from readings r join batches b on b.id = r.batch_id join gateways g on g.id = b.gateway_id
     where g.slug = $1 order by r.at`,
    [gateway],
  )
  return { firsts: batches.map(({ first }) => first), instants: readings.map(({ at }) => at) }
}

function producedBy(table: SeriesTable): { firsts: number[]; instants: number[] } {
  const batches = batchesOf(table)
  return {
    firsts: batches.map(({ first }) => first),
    instants: batches.flatMap(({ readings }) => readings.map(({ at }) => at)),
  }
}

/** How many sessions wait for somebody's lock. */
async function waitingIn(tx: Sql): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where wait_event_type = 'Lock' and datname = current_database()`,
    [],
  )
  return row?.count ?? 0
}

async function unprocessed(db: Database): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'select count(*)::int as count from batches where processed_at is null',
    [],
  )
  return row?.count ?? 0
}
