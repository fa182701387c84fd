// Gateways that come back with a day in their buffers, in a process of their own: real buffers on disk, real uplinks.
//
// Told over IPC what to do (DrainOrder), it says when the buffers are full, and, once it was told to go, what came of it
// (DrainReport). Meanwhile each gateway measures on, and how long those live readings wait for their ack is noted.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Buffer, openBuffer } from '../../edge/buffer.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import type { Uplink } from '../../edge/uplink.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { until } from '../doubles/until.ts'
import { startUplink } from './uplinks.ts'
import { DAY_READINGS, measurementsOfWells, PER_MINUTE, tableOfWells } from './wells.ts'

/** What gateways are to do. */
export interface DrainOrder {
  port: number
  /** Their names begin with this. */
  prefix: string
  gateways: number
  /** Each measures a poll so often while it drains. */
  liveEveryMs: number
  /** How often it looks whether a poll is acknowledged: what the lag is told to. */
  lookEveryMs: number
}

/** What came of it. */
export interface DrainReport {
  /** From the first that connects to the last reading of a backlog that is answered. */
  seconds: number
  /** From a poll to its ack, each. */
  liveMs: number[]
  /** Of this process, during it. */
  cpuSeconds: number
  /** Everything that was appended. */
  readings: number
}

/** The name of one of the gateways. */
export const drainSlug = (prefix: string, index: number): string => `${prefix}-${index}`

const OPTIONS = { maxBytes: 2 ** 30, reserveBytes: 2 ** 20 }
const MINUTES = DAY_READINGS / PER_MINUTE
const LIVE_MINUTES = 600
const DRAIN_TIMEOUT_MS = 900_000

interface Returning {
  buffer: Buffer
  live: { at: number; seq: number }[]
  uplink: Uplink | undefined
  acked: () => number
}

/** Fills one buffer poll by poll, as a gateway does, and gives every gateway a copy of its folder. */
async function fill(scope: Scope, order: DrainOrder): Promise<string[]> {
  const home = await mkdtemp(join(tmpdir(), 'smarthydro-drain-'))
  scope.use({ close: () => rm(home, { recursive: true, force: true }) })
  const full = join(home, 'full')
  const buffer = await openBuffer({ clock, log: silentLog }, { path: full, ...OPTIONS })
  const measurements = measurementsOfWells(MINUTES)
  const polls = Array.from({ length: MINUTES }, (_, minute) =>
    buffer.append(measurements.slice(minute * PER_MINUTE, (minute + 1) * PER_MINUTE)),
  )
  await Promise.all(polls)
  await buffer.close()
  const paths = Array.from({ length: order.gateways }, (_, index) => join(home, String(index)))
  for (const path of paths) await cp(full, path, { recursive: true })
  return paths
}

async function drain(scope: Scope, paths: readonly string[], order: DrainOrder): Promise<DrainReport> {
  const gateways: Returning[] = []
  const live = measurementsOfWells(MINUTES + LIVE_MINUTES).slice(DAY_READINGS)
  for (const path of paths) {
    const buffer = scope.use(await openBuffer({ clock, log: silentLog }, { path, ...OPTIONS }))
    gateways.push({ buffer, live: [], uplink: undefined, acked: () => 0 })
  }
  const cpuBefore = process.cpuUsage()
  const began = clock.monotonic()
  for (const [index, gateway] of gateways.entries()) {
    const metrics = openMetrics(GATEWAY_METRICS)
    const slug = drainSlug(order.prefix, index)
    gateway.acked = () => metrics.read()['gateway_readings_acked_total{lane="backlog"}'] ?? 0
    gateway.uplink = startUplink(
      scope,
      { buffer: gateway.buffer, metrics },
      { table: tableOfWells(slug, slug), url: `mqtt://127.0.0.1:${order.port}` },
    )
  }
  const report: DrainReport = { seconds: 0, liveMs: [], cpuSeconds: 0, readings: 0 }
  const over = new AbortController()
  const measuring = gateways.map(gateway => measureLive(gateway, live, order, report, over.signal))
  try {
    await until('everything is drained', () => gateways.every(({ acked }) => acked() >= DAY_READINGS), {
      timeoutMs: DRAIN_TIMEOUT_MS,
    })
    report.seconds = (clock.monotonic() - began) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    report.cpuSeconds = (user + system) / 1e6
  } finally {
    over.abort()
    await Promise.all(measuring)
  }
  return report
}

/** Appends a poll now and then, once the gateway has connected, and waits for its ack before the next. */
async function measureLive(
  { buffer, uplink }: Returning,
  polls: Parameters<Buffer['append']>[0],
  { liveEveryMs, lookEveryMs }: DrainOrder,
  report: DrainReport,
  signal: AbortSignal,
): Promise<void> {
  report.readings += DAY_READINGS
  await until('it is connected', () => uplink?.connected() ?? false, { timeoutMs: 120_000 })
  await clock.sleep(Math.random() * liveEveryMs)
  for (let next = 0; !signal.aborted && next < polls.length; next += PER_MINUTE) {
    const began = clock.monotonic()
    const appended = await buffer.append(polls.slice(next, next + PER_MINUTE))
    report.readings += appended.length
    uplink?.wake()
    const last = appended.at(-1)?.seq ?? 0
    const isOwed = () =>
      buffer.status().unackedRanges.some(range => range.first <= last && last <= range.last)
    while (isOwed()) await clock.sleep(lookEveryMs)
    const tookMs = clock.monotonic() - began
    report.liveMs.push(tookMs)
    await clock.sleep(Math.max(0, liveEveryMs - tookMs))
  }
}

async function obey(order: DrainOrder): Promise<void> {
  const scope = openScope()
  try {
    const paths = await fill(scope, order)
    process.send?.('filled')
    await new Promise(resolve => process.once('message', resolve))
    const report = await drain(scope, paths, order)
    process.send?.(report)
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

if (process.send !== undefined) {
  process.once('message', (order: DrainOrder) => {
    obey(order).then(
      () => process.disconnect?.(),
      error => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
