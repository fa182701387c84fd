// How the gateway is: the message it sends each minute, and the counts behind it.

import type { ClockState } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { MetricHelp, Metrics } from '../protocol/runtime/metrics.ts'
import type { GatewayHealth, GatewayLedger } from '../protocol/status.ts'
import type { Buffer, BufferStatus } from './buffer.ts'
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
    name: 'gateway_buffer_days_left',
    type: 'gauge',
    help: 'Days until the buffer is full, at the rate of the last hour, if the cloud stays away.',
  },
  {
    name: 'gateway_readings_evicted_total',
    type: 'counter',
    help: 'Readings given up by a full buffer, by class: regulatory, which go last, and other.',
  },
  {
    name: 'gateway_readings_damaged_total',
    type: 'counter',
    help: 'Readings that the disk did not give back as they were written.',
  },
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
    name: 'gateway_configurations_total',
    type: 'counter',
    help: 'Configurations of the cloud, by what became of them.',
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
  /** Those that there are now. */
  buses: () => readonly { id: string; busyMs(): number }[]
  lastWrite?: () => GatewayHealth['lastWrite']
  ledger?: () => Promise<GatewayLedger>
  release?: (() => Promise<GatewayHealth['release']>) | undefined
}

const DAY_MS = 86_400_000
/** Before this much time has passed, the rate at which the buffer fills says nothing. */
const RATE_AFTER_MS = 60_000
/** Rates are told over so long, by looks that are at least so far apart. */
const RATE_OVER = { overMs: 3_600_000, everyMs: 300_000 }
const LOAD_OVER = { overMs: 60_000, everyMs: 5_000 }

/** How many of a kind were counted since the process started, whatever their labels. */
export function totalOf(metrics: Metrics, name: string): number {
  return Object.entries(metrics.read())
    .filter(([key]) => key === name || key.startsWith(`${name}{`))
    .reduce((sum, [, value]) => sum + value, 0)
}

/** Opens the gateway's health; each call says how it is now. */
export function openHealth(deps: HealthDeps, { version }: { version: string }): () => Promise<GatewayHealth> {
  const { buffer, metrics, clock, clockState, sources, buses, lastWrite = () => undefined } = deps
  const startedAt = clock.now()
  const loads = openLoads(clock, buses)
  const written = openWindow(clock, () => buffer.status().appendedBytes, RATE_OVER)
  const evictedBefore = { regulatory: 0, other: 0 }
  let damagedBefore = 0

  const measure = (status: BufferStatus, daysLeft: number | undefined) => {
    metrics.gauge('gateway_buffer_readings', status.readings)
    metrics.gauge('gateway_buffer_bytes', status.bytes)
    if (daysLeft !== undefined) metrics.gauge('gateway_buffer_days_left', daysLeft)
    for (const name of ['regulatory', 'other'] as const) {
      const count = status.evictedOf[name]
      metrics.count('gateway_readings_evicted_total', { class: name }, count - evictedBefore[name])
      evictedBefore[name] = count
    }
    metrics.count('gateway_readings_damaged_total', {}, status.damaged - damagedBefore)
    damagedBefore = status.damaged
  }

  return async () => {
    const told = await deps.ledger?.()
    const release = await deps.release?.()
    const status = buffer.status()
    const { epoch, readings, bytes, maxBytes, appended, evicted, damaged, oldestAt } = status
    const { from, now, passedMs } = written()
    const daysLeft = daysLeftOf({ room: buffer.room(), bytes: now - from, passedMs })
    measure(status, daysLeft)
    const total = (name: string) => totalOf(metrics, name)
    const write = lastWrite()
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
      ...(write === undefined ? {} : { lastWrite: write }),
      ...(told === undefined ? {} : { ledger: told }),
      ...(release === undefined ? {} : { release }),
    }
  }
}

/** Bus loads over the last minute, however often they are asked for. */
function openLoads(clock: Clock, buses: HealthDeps['buses']): () => GatewayHealth['buses'] {
  const busy = openWindow(clock, () => new Map(buses().map(bus => [bus.id, bus.busyMs()])), LOAD_OVER)
  return () => {
    const { from, now, passedMs } = busy()
    return [...now].map(([id, after]) => {
      const before = from.get(id) ?? 0
      // One that was opened anew counts from nothing.
      const busyMs = after < before ? after : after - before
      return { id, load: Math.min(1, Math.max(0, busyMs / Math.max(1, passedMs))) }
    })
  }
}

/** What `look` gives now, and what it gave `overMs` ago or, if that is less, when this was opened. */
function openWindow<T>(
  clock: Clock,
  look: () => T,
  { overMs, everyMs }: { overMs: number; everyMs: number },
): () => { from: T; now: T; passedMs: number } {
  const lookNow = () => ({ at: clock.monotonic(), seen: look() })
  let from = lookNow()
  const later: (typeof from)[] = []
  return () => {
    const now = lookNow()
    while (later[0] !== undefined && now.at - later[0].at >= overMs) from = later.shift() ?? from
    const told = { from: from.seen, now: now.seen, passedMs: now.at - from.at }
    if (now.at - (later.at(-1) ?? from).at >= everyMs) later.push(now)
    return told
  }
}

/** How many days an outage could last from now on: the bytes there is room for over the bytes a day. */
export function daysLeftOf({
  room,
  bytes,
  passedMs,
}: {
  room: number
  bytes: number
  passedMs: number
}): number | undefined {
  if (passedMs < RATE_AFTER_MS || bytes === 0) return undefined
  return room / (bytes * (DAY_MS / passedMs))
}
