// Readings a second from a gateway's buffer to committed rows after an outage of a day, ten wells of four variables, over a
// mobile link at its worst (lossy-link.ts). And how long a live reading takes meanwhile.
//
// Everything is real: the buffer on disk, the uplink with the settings that a gateway has unless told otherwise, the
// collector, an embedded PostgreSQL.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COLLECTOR_METRICS, startCollector } from '../../cloud/collector/service.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { openBuffer } from '../../edge/buffer.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { addGateway } from '../cloud/collector/site.ts'
import { startEmbeddedServer } from '../doubles/servers.ts'
import { until } from '../doubles/until.ts'
import { type Figure, median, quantile } from './figure.ts'
import { LOST, type LossyLink, openLossyLink, ROUND_TRIP_MS, WIDTH_BYTES_PER_SECOND } from './lossy-link.ts'
import { startUplink } from './uplinks.ts'
import { measurementsOfWells, PER_MINUTE, tableOfWells } from './wells.ts'

const GOAL = 5_000
const MINUTES = 24 * 60
const READINGS = MINUTES * PER_MINUTE
const ROUNDS = 3
const LIVE_EVERY_MS = 250
const LIVE_AFTER = 12
const LIVE_MINUTES = 60

/** Each gateway has a project of its own, so that every reading is new. */
const tableOf = (gateway: string) => tableOfWells(gateway, gateway)

/** What a round gave. */
interface Round {
  readingsPerSecond: number
  bytesPerReading: number
  liveMs: number[]
  liveAloneMs: number[]
}

/** Readings a second of a replay, and what live readings waited. */
export async function benchReplay(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const { db } = scope.use(await server.create())
    await migrate(db, { log: silentLog })
    const link = scope.use(await openLossyLink())
    const cloud = await link.reach(await openCloud(scope, db, link.serverHost))
    const rounds: Round[] = []
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await replay(db, cloud, round))
    return toFigures(rounds, link.kind)
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

function toFigures(rounds: readonly Round[], kind: LossyLink['kind']): Figure[] {
  const value = median(rounds.map(({ readingsPerSecond }) => readingsPerSecond))
  const bytes = median(rounds.map(({ bytesPerReading }) => bytesPerReading))
  const width = WIDTH_BYTES_PER_SECOND / bytes
  const name = `replay at ${ROUND_TRIP_MS} ms and ${LOST * 100} % loss (${kind})`
  const [during, alone] = [rounds.flatMap(({ liveMs }) => liveMs), rounds.flatMap(one => one.liveAloneMs)]
  const live = (what: string, of: (values: readonly number[]) => number): Figure => ({
    ...{ name: `live reading to its ack during a replay, ${what}`, value: of(during), unit: 'ms' },
    ...{ ratio: of(during) / of(alone), peer: 'the same link without a replay' },
  })
  const rate = { name, value, unit: 'readings/s' }
  return [
    { ...rate, ratio: value / GOAL, peer: `goal of ${GOAL.toLocaleString('en-US')}/s` },
    { ...rate, ratio: value / width, peer: `${Math.round(width)}/s, all that TCP carries there` },
    { name: `${name}, bytes`, value: bytes, unit: 'B/reading' },
    live('p50', values => quantile(values, 0.5)),
    live('most', values => quantile(values, 1)),
  ]
}

async function openCloud(scope: Scope, db: Database, mqttHost: string): Promise<number> {
  const collector = scope.use(
    await startCollector(
      {
        ...{ db, clock, log: silentLog, random: Math.random, metrics: openMetrics(COLLECTOR_METRICS) },
        authenticateSubscriber: async () => undefined,
        authorizeOperator: async () => ({ kind: 'unknown' }),
      },
      { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: mqttHost, port: 0 } },
    ),
  )
  return collector.mqttPort
}

/** A gateway that comes back with its backlog. */
async function replay(db: Database, cloud: { host: string; port: number }, round: number): Promise<Round> {
  const scope = openScope()
  try {
    const gateway = `gw-replay-${round}`
    await addGateway(db, gateway, tableOf(gateway))
    const path = await mkdtemp(join(tmpdir(), 'smarthydro-bench-'))
    scope.use({ close: () => rm(path, { recursive: true }) })
    const buffer = scope.use(
      await openBuffer({ clock, log: silentLog }, { path, maxBytes: 2 ** 30, reserveBytes: 2 ** 20 }),
    )
    const measurements = measurementsOfWells(MINUTES + LIVE_MINUTES)
    for (let from = 0; from < READINGS; from += PER_MINUTE) {
      await buffer.append(measurements.slice(from, from + PER_MINUTE))
    }
    const metrics = openMetrics(GATEWAY_METRICS)
    const uplink = startUplink(
      scope,
      { buffer, metrics },
      { table: tableOf(gateway), url: `mqtt://${cloud.host}:${cloud.port}` },
    )
    await until('it is connected', uplink.connected)

    let next = READINGS
    const live = async (): Promise<number> => {
      const began = clock.monotonic()
      const [reading] = await buffer.append(measurements.slice(next, next + 1))
      next += 1
      uplink.wake()
      const seq = reading?.seq ?? 0
      const isOwed = () =>
        buffer.status().unackedRanges.some(({ first, last }) => first <= seq && seq <= last)
      while (isOwed()) await clock.sleep(2)
      return clock.monotonic() - began
    }
    const acked = () => metrics.read()['gateway_readings_acked_total{lane="backlog"}'] ?? 0
    const began = clock.monotonic()
    const [liveMs, liveAloneMs]: [number[], number[]] = [[], []]
    const drained = until('the backlog is drained', () => acked() >= READINGS, { timeoutMs: 300_000 }).then(
      () => clock.monotonic() - began,
    )
    while (acked() < READINGS) {
      liveMs.push(await live())
      await clock.sleep(LIVE_EVERY_MS)
    }
    const tookMs = await drained
    for (let index = 0; index < LIVE_AFTER; index += 1) liveAloneMs.push(await live())
    await assertStored(db, gateway, next)
    const bytes = metrics.read()['gateway_sent_bytes_total{lane="backlog"}'] ?? 0
    return {
      ...{ readingsPerSecond: (READINGS * 1000) / tookMs, bytesPerReading: bytes / READINGS },
      ...{ liveMs, liveAloneMs },
    }
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

/** A figure of readings that are not there would be none. */
async function assertStored(db: Database, gateway: string, readings: number): Promise<void> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from readings r join batches b on b.id = r.batch_id
     join gateways g on g.id = b.gateway_id where g.slug = $1`,
    [gateway],
  )
  if (row?.count !== readings) throw new Error(`${readings} readings were sent, ${row?.count} are stored`)
}
