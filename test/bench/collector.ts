// Readings a second from MQTT, and from nats-server through JetStream, to committed rows, acknowledged; held against bare
// loops of the same statements on the same database, in turn, in the same run.
//
// Eight gateways of ten wells and four variables send batches of 500, eight under way each, from a process of their own.
// JetStream is left out where there is no nats-server.
// The collector writes `latest` and the log of batches in the same transaction; so does the second of the bare loops with
// `latest`, the first only inserts. Both loops use as many connections as the collector has workers.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { PARTITIONS } from '../../cloud/collector/partitions.ts'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { insertReadings, type StoredReading, upsertLatest } from '../../cloud/store/readings.ts'
import { openSeriesIds } from '../../cloud/store/series.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import type { NatsOptions } from '../../protocol/nats.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { addGateway, TOKEN } from '../cloud/collector/site.ts'
import { openNatsServer } from '../doubles/nats-server.ts'
import { startEmbeddedServer, type TestServer } from '../doubles/servers.ts'
import { until } from '../doubles/until.ts'
import { isHere } from '../peers.ts'
import { gatewaySlug, type LoadOrder, type LoadReport, readingAt, tableOf } from './collector-load.ts'
import { type Figure, median, quantile } from './figure.ts'

const GATEWAYS = 8
const BATCHES_EACH = 50
const WINDOW = 8
const READINGS = GATEWAYS * BATCHES_EACH * BATCH_READINGS_MAX

/** Each is measured so often, in turn, and the middle one counts: other work on the machine comes and goes. */
const ROUNDS = 5

/** A bare loop inserts so many rows a statement (measured best: 1,000 to 5,000). */
const BARE_ROWS = 5_000
const CONNECTIONS = 2

/** A quiet day: each gateway sends a batch every so often. */
const QUIET = { batchesEach: 40, everyMs: 100 }

/** Readings a second through the collector, and how long a gateway waits for its ack. */
export async function benchCollector(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const bare = await openBareLoops(scope, server)
    const ways: { name: string; gateways: Gateways; rounds: Round[] }[] = []
    for (const [name, open] of WAYS) {
      const gateways = await openGateways(scope, server, open)
      if (gateways !== undefined) ways.push({ name, gateways, rounds: [] })
    }
    // The first warms up the server and the compiler.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const insert = await bare.rowsPerSecond({ round: 2 * round, withLatest: false })
      const sent: Sent[] = []
      for (const { gateways } of ways)
        sent.push(await gateways.send({ batchesEach: BATCHES_EACH, everyMs: 0 }))
      const withLatest = await bare.rowsPerSecond({ round: 2 * round + 1, withLatest: true })
      if (round === 0) continue
      for (const [index, { rounds }] of ways.entries())
        rounds.push({ insert, withLatest, ...(sent[index] as Sent) })
    }
    const figures = bareFigures(ways[0]?.rounds ?? [])
    for (const { name, gateways, rounds } of ways) {
      const quiet = await gateways.send(QUIET)
      await gateways.assertStored()
      figures.push(...toFigures(name, rounds, quiet))
    }
    return figures
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

interface Round extends Sent {
  insert: number
  withLatest: number
}

interface Sent {
  rate: number
  lagsMs: number[]
  cpuUs: number
}

function bareFigures(rounds: readonly Round[]): Figure[] {
  const middle = (of: (round: Round) => number) => median(rounds.map(of))
  return [
    { name: 'bare UNNEST loop with latest', value: middle(({ withLatest }) => withLatest), unit: '/s' },
    { name: 'bare UNNEST loop, no latest', value: middle(({ insert }) => insert), unit: '/s' },
  ]
}

function toFigures(way: string, rounds: readonly Round[], quiet: Sent): Figure[] {
  const middle = (of: (round: Round) => number) => median(rounds.map(of))
  const figure = (peer: string, of: (round: Round) => number): Figure => ({
    ...{ name: `readings from ${way} to committed rows`, value: middle(({ rate }) => rate), unit: '/s' },
    ...{ ratio: middle(round => round.rate / of(round)), peer },
  })
  return [
    figure('bare UNNEST loop with latest in the transaction', ({ withLatest }) => withLatest),
    figure('bare UNNEST loop, no latest', ({ insert }) => insert),
    { name: `${way}: CPU of the collector, a reading`, value: middle(({ cpuUs }) => cpuUs), unit: 'µs' },
    ...lags(
      `${way}: batch to ack`,
      `at full load, ${GATEWAYS * WINDOW} batches under way`,
      rounds.flatMap(({ lagsMs }) => lagsMs),
    ),
    ...lags(
      `${way}: batch to ack`,
      `at ${(GATEWAYS * BATCH_READINGS_MAX * 1000) / QUIET.everyMs} readings/s`,
      quiet.lagsMs,
    ),
  ]
}

function lags(what: string, when: string, lagsMs: readonly number[]): Figure[] {
  return [
    { name: `${what}, p50, ${when}`, value: quantile(lagsMs, 0.5), unit: 'ms' },
    { name: `${what}, p99, ${when}`, value: quantile(lagsMs, 0.99), unit: 'ms' },
  ]
}

/** The same rows as the gateways send, by the collector's own statements and nothing else. */
async function openBareLoops(scope: Scope, server: TestServer) {
  const { db } = scope.use(await server.create())
  await migrate(db, { log: silentLog })
  const sources: RowSource[] = []
  for (let index = 0; index < CONNECTIONS; index += 1) sources.push(await openRows(db, `bare-${index}`))
  return {
    async rowsPerSecond({ round, withLatest }: { round: number; withLatest: boolean }): Promise<number> {
      const each = READINGS / CONNECTIONS
      const loops = sources.map(rows => rows(round * each, each))
      const began = clock.monotonic()
      await Promise.all(loops.map(rows => insertAll(db, rows, withLatest)))
      return READINGS / ((clock.monotonic() - began) / 1000)
    },
  }
}

async function insertAll(db: Database, rows: readonly StoredReading[], withLatest: boolean): Promise<void> {
  for (let start = 0; start < rows.length; start += BARE_ROWS) {
    const some = rows.slice(start, start + BARE_ROWS)
    await db.transaction(async tx => {
      await insertReadings(tx, some)
      if (withLatest) await upsertLatest(tx, some, Infinity)
    })
  }
}

type RowSource = (from: number, count: number) => StoredReading[]

async function openRows(db: Database, gateway: string): Promise<RowSource> {
  const table = tableOf(gateway)
  const { series } = table
  await addGateway(db, gateway, { client: 'load', project: 'load' })
  const [project] = await db.query<{ id: number }>('select id from projects')
  if (project === undefined) throw new Error('The project is not there')
  const ids = await openSeriesIds(db).of(
    series.map(({ point, variable }) => ({ projectId: project.id, point, variable })),
  )
  return (from, count) =>
    Array.from({ length: count }, (_, offset) => {
      const index = from + offset
      const { at, value } = readingAt(table, index)
      const seriesId = ids[index % series.length] as number
      return { seriesId, at, value, quality: 0, timeQuality: 0, batchId: 1, seq: index + 1 }
    })
}

/** How gateways come: the collector's own broker, or a nats-server beside it, when there is one. */
type Way = (scope: Scope) => Promise<{ nats?: NatsOptions } | undefined>

const WAYS: readonly (readonly [string, Way])[] = [
  ['MQTT', async () => ({})],
  [
    'JetStream',
    async scope => {
      if (!isHere('nats_server')) return undefined
      const nats = scope.use(await openNatsServer())
      return { nats: { url: `nats://127.0.0.1:${nats.port}`, name: 'collector' } }
    },
  ],
]

type Gateways = NonNullable<Awaited<ReturnType<typeof openGateways>>>

/** A collector, and gateways in another process. */
async function openGateways(scope: Scope, server: TestServer, open: Way) {
  const way = await open(scope)
  if (way === undefined) return undefined
  const { db } = scope.use(await server.create())
  await migrate(db, { log: silentLog })
  for (let index = 0; index < GATEWAYS; index += 1) {
    await addGateway(db, gatewaySlug(index), { client: 'load', project: 'load' })
  }
  const metrics = openMetrics(COLLECTOR_METRICS)
  const collector = scope.use(
    await startCollector(
      {
        ...{ db, clock, log: silentLog, random: Math.random, metrics },
        authenticateSubscriber: async () => undefined,
        authorizeOperator: async () => ({ kind: 'unknown' }),
      },
      { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port: 0 }, ...way },
    ),
  )
  if (way.nats !== undefined)
    await until('it reads every partition', () => metrics.read().collector_nats_partitions === PARTITIONS)
  const load = fork(new URL('./collector-load.ts', import.meta.url))
  scope.use({ close: () => void load.kill() })
  const url = way.nats?.url ?? `mqtt://127.0.0.1:${collector.mqttPort}`
  const common = { url, token: TOKEN, gateways: GATEWAYS, window: WINDOW }
  let [epoch, acknowledged] = [0, 0]
  return {
    async send(what: Pick<LoadOrder, 'batchesEach' | 'everyMs'>): Promise<Sent> {
      epoch += 1
      const before = process.cpuUsage()
      load.send({ ...common, ...what, epoch } satisfies LoadOrder)
      const [{ committed, seconds, lagsMs }] = (await once(load, 'message')) as [LoadReport]
      const { user, system } = process.cpuUsage(before)
      acknowledged += committed
      return { rate: committed / seconds, lagsMs, cpuUs: (user + system) / committed }
    },
    /** A figure of readings that are not there would be none. */
    async assertStored(): Promise<void> {
      const [row] = await db.query<{ count: number }>('select count(*)::int as count from readings')
      if (row?.count === acknowledged) return
      throw new Error(`${acknowledged} readings were acknowledged, ${row?.count} are stored`)
    },
  }
}
