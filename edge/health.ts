// How the gateway is: the message it sends each minute, and the counts behind it.

import type { ClockState } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { MetricHelp, Metrics } from '../protocol/runtime/metrics.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import type { Buffer } from './buffer.ts'
import type { SourceHealth } from './poller.ts'

/** What a gateway counts. */
export const GATEWAY_METRICS: readonly MetricHelp[] = [
  {
    name: 'gateway_readings_polled_total',
    type: 'counter',
    help: 'Measurements taken, with a value or without.',
  },
  {
    name: 'gateway_commands_total',
    type: 'counter',
    help: 'Commands executed, by kind and what came of them.',
  },
  { name: 'gateway_readings_lost_total', type: 'counter', help: 'Measurements that could not be stored.' },
  {
    name: 'gateway_readings_acked_total',
    type: 'counter',
    help: 'Readings committed by the cloud, by lane.',
  },
  {
    name: 'gateway_readings_rejected_total',
    type: 'counter',
    help: 'Readings the cloud will never store, or set aside.',
  },
  {
    name: 'gateway_acks_ignored_total',
    type: 'counter',
    help: 'Acks that answer nothing that is under way.',
  },
  { name: 'gateway_sent_bytes_total', type: 'counter', help: 'Bytes of batches sent, by lane.' },
  {
    name: 'gateway_backlog_allowance',
    type: 'gauge',
    help: 'Readings of a backlog that may be under way at the same time.',
  },
  {
    name: 'gateway_buffer_readings',
    type: 'gauge',
    help: 'Readings on disk that are not committed by the cloud.',
  },
  { name: 'gateway_buffer_bytes', type: 'gauge', help: 'Bytes of those readings.' },
  {
    name: 'gateway_polls_total',
    type: 'counter',
    help: 'Polls, by source and by whether they brought values.',
  },
  {
    name: 'gateway_polls_missed_total',
    type: 'counter',
    help: 'Due instants that passed unpolled, by source.',
  },
  {
    name: 'gateway_lan_dropped_total',
    type: 'counter',
    help: 'What the LAN broker refused or could not show, by what it is.',
  },
]

/** What a health message is made of. */
export interface HealthDeps {
  buffer: Buffer
  metrics: Metrics
  clock: Clock
  clockState: () => ClockState
  sources: ReadonlyMap<string, SourceHealth>
  buses: readonly { id: string; busyMs(): number }[]
}

const DAY_MS = 86_400_000
/** Before this much time has passed, the rate at which the buffer fills says nothing. */
const RATE_AFTER_MS = 60_000
/** Loads are told over this long, by looks that are at least so far apart. */
const LOAD_OVER_MS = 60_000
const LOAD_EVERY_MS = 5_000

/** Opens the gateway's health; each call says how it is now. */
export function openHealth(deps: HealthDeps, { version }: { version: string }): () => Promise<GatewayHealth> {
  const { buffer, metrics, clock, clockState, sources, buses } = deps
  const startedAt = clock.now()
  const begun = clock.monotonic()
  const loads = openLoads(clock, buses)

  return async () => {
    const { epoch, readings, bytes, maxBytes, appended, evicted, damaged, oldestAt } = buffer.status()
    metrics.gauge('gateway_buffer_readings', readings)
    metrics.gauge('gateway_buffer_bytes', bytes)
    const daysLeft = daysLeftOf({ bytes, maxBytes, readings, appended, passedMs: clock.monotonic() - begun })
    const total = (name: string) =>
      Object.entries(metrics.read())
        .filter(([key]) => key === name || key.startsWith(`${name}{`))
        .reduce((sum, [, value]) => sum + value, 0)
    return {
      v: 1,
      at: clock.now(),
      version,
      startedAt,
      buffer: {
        ...{ epoch, readings, bytes, maxBytes, appended, evicted, damaged },
        ...(daysLeft === undefined ? {} : { daysLeft }),
        ...(oldestAt === undefined ? {} : { oldestAt }),
      },
      readings: {
        polled: total('gateway_readings_polled_total'),
        acked: total('gateway_readings_acked_total'),
        rejected: total('gateway_readings_rejected_total'),
      },
      clock: clockState(),
      memoryBytes: process.memoryUsage.rss(),
      buses: loads(),
      devices: [...sources].map(([id, { provider, ok, failed, lastOkAt, lastFailure }]) => ({
        ...{ id, ok, failed },
        ...(provider === undefined ? {} : { provider }),
        ...(lastOkAt === undefined ? {} : { lastOkAt }),
        ...(lastFailure === undefined ? {} : { lastFailure }),
      })),
    }
  }
}

/** Bus loads over the last minute, however often they are asked for. */
function openLoads(clock: Clock, buses: HealthDeps['buses']): () => GatewayHealth['buses'] {
  const look = () => ({ at: clock.monotonic(), busy: buses.map(bus => bus.busyMs()) })
  let from = look()
  const later: (typeof from)[] = []
  return () => {
    const now = look()
    while (later[0] !== undefined && now.at - later[0].at >= LOAD_OVER_MS) from = later.shift() ?? from
    const passedMs = Math.max(1, now.at - from.at)
    const loads = buses.map(({ id }, index) => {
      const busyMs = (now.busy[index] ?? 0) - (from.busy[index] ?? 0)
      return { id, load: Math.min(1, Math.max(0, busyMs / passedMs)) }
    })
    if (now.at - (later.at(-1) ?? from).at >= LOAD_EVERY_MS) later.push(now)
    return loads
  }
}

/** How many days an outage could last from now on: free bytes over bytes a day at the rate since the start. */
export function daysLeftOf(facts: {
  bytes: number
  maxBytes: number
  readings: number
  appended: number
  passedMs: number
}): number | undefined {
  const { bytes, maxBytes, readings, appended, passedMs } = facts
  if (passedMs < RATE_AFTER_MS || readings === 0 || appended === 0) return undefined
  const bytesADay = ((appended * bytes) / readings) * (DAY_MS / passedMs)
  return Math.max(0, maxBytes - bytes) / bytesADay
}
