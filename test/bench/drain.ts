// How long gateways take that come back after a day without the cloud, and how long live readings wait meanwhile: one with
// 43,200 readings, then 200 at once with as many each.
//
// Everything is real: buffers on disk, filled poll by poll, uplinks with the settings that a gateway has unless told
// otherwise, in a process of their own; the collector and an embedded PostgreSQL. DRAIN_GATEWAYS=20 makes it shorter.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { addGateway } from '../cloud/collector/site.ts'
import { startEmbeddedServer } from '../doubles/servers.ts'
import { type DrainOrder, type DrainReport, drainSlug } from './drain-gateways.ts'
import { type Figure, quantile } from './figure.ts'
import { DAY_READINGS } from './wells.ts'

const GATEWAYS = Number(process.env.DRAIN_GATEWAYS ?? 200)
const ONE_GOAL_S = 10
const ALL_GOAL_S = 120
const LIVE_GOAL_MS = 5_000

/** Seconds of both drains, and the lag of live readings during them. */
export async function benchDrain(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const { db } = scope.use(await server.create())
    await migrate(db, { log: silentLog })
    const port = await openCloud(scope, db)
    const one = await drainOf(db, { port, prefix: 'gw-one', gateways: 1, liveEveryMs: 250, lookEveryMs: 5 })
    const all = await drainOf(db, {
      port,
      prefix: 'gw-all',
      gateways: GATEWAYS,
      liveEveryMs: 10_000,
      lookEveryMs: 50,
    })
    return [
      ...toFigures(`a gateway with ${DAY_READINGS.toLocaleString('en-US')} readings`, one, ONE_GOAL_S),
      ...toFigures(`${GATEWAYS} gateways with as many each`, all, ALL_GOAL_S),
    ]
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

interface Drained extends DrainReport {
  cloudCpuSeconds: number
}

function toFigures(
  who: string,
  { seconds, liveMs, cpuSeconds, cloudCpuSeconds, readings }: Drained,
  goalS: number,
): Figure[] {
  const lag = (part: number, name: string): Figure => ({
    ...{ name: `live poll to its ack meanwhile, ${name}`, value: quantile(liveMs, part), unit: 'ms' },
    ...{ ratio: quantile(liveMs, part) / LIVE_GOAL_MS, peer: `goal of ${LIVE_GOAL_MS / 1000} s` },
  })
  return [
    {
      name: `drain of ${who}`,
      value: seconds,
      unit: 's',
      ratio: seconds / goalS,
      peer: `goal of ${goalS} s`,
    },
    { name: 'readings drained', value: readings / seconds, unit: '/s' },
    lag(0.5, 'p50'),
    lag(0.99, 'p99'),
    { name: 'CPU of the collector, a reading', value: (cloudCpuSeconds * 1e6) / readings, unit: 'µs' },
    { name: 'CPU of the gateways, a reading', value: (cpuSeconds * 1e6) / readings, unit: 'µs' },
  ]
}

async function openCloud(scope: Scope, db: Database): Promise<number> {
  const collector = scope.use(
    await startCollector(
      {
        ...{ db, clock, log: silentLog, random: Math.random, metrics: openMetrics(COLLECTOR_METRICS) },
        authenticateSubscriber: async () => undefined,
        authorizeOperator: async () => ({ kind: 'unknown' }),
      },
      { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port: 0 } },
    ),
  )
  return collector.mqttPort
}

async function drainOf(db: Database, order: DrainOrder): Promise<Drained> {
  for (let index = 0; index < order.gateways; index += 1) {
    const slug = drainSlug(order.prefix, index)
    await addGateway(db, slug, { project: slug })
  }
  const child = fork(new URL('./drain-gateways.ts', import.meta.url))
  try {
    child.send(order)
    await once(child, 'message')
    const before = process.cpuUsage()
    child.send('go')
    const [report] = (await once(child, 'message')) as [DrainReport]
    const { user, system } = process.cpuUsage(before)
    await assertStored(db, order, report.readings)
    return { ...report, cloudCpuSeconds: (user + system) / 1e6 }
  } finally {
    if (child.connected) await once(child, 'exit')
  }
}

/** A figure of readings that are not there would be none. */
async function assertStored(db: Database, { prefix }: DrainOrder, readings: number): Promise<void> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from readings r join batches b on b.id = r.batch_id
     join gateways g on g.id = b.gateway_id where g.slug like $1`,
    [`${prefix}-%`],
  )
  if (row?.count !== readings) throw new Error(`${readings} readings were appended, ${row?.count} are stored`)
}
