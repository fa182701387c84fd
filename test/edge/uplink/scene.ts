// An uplink with everything real around it but time and the cloud: LevelDB on disk, MQTT on loopback.

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Buffer } from '../../../edge/buffer.ts'
import { GATEWAY_METRICS, openHealth } from '../../../edge/health.ts'
import { openSeriesBook } from '../../../edge/series-book.ts'
import { openMqttTransport } from '../../../edge/transport/mqtt.ts'
import { openUplink, type Uplink, type UplinkDeps, type UplinkOptions } from '../../../edge/uplink.ts'
import type { Ack } from '../../../protocol/batch.ts'
import type { Measurement, Reading } from '../../../protocol/reading.ts'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import type { Fields } from '../../../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../../../protocol/runtime/metrics.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { type FakeCloud, openFakeCloud } from '../../doubles/cloud.ts'
import { type Network, type NetworkOptions, openNetwork } from '../../doubles/network.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog, measurements, openTestBuffer, temporaryFolder } from '../buffer/folder.ts'

/** The gateway of the scene. */
export const GATEWAY = 'gw-test'

/** A gateway's way up, and what is at its ends. */
export interface Scene {
  clock: FakeClock
  cloud: FakeCloud
  /** What lies between, if anything does. */
  network: Network | undefined
  buffer: Buffer
  /** The buffer's folder. */
  folder: string
  metrics: Metrics
  said: (event: string) => Fields[]
  /** Starts an uplink as a process would. */
  start(): { uplink: Uplink; stop: () => Promise<void> }
  /** Starts one and resolves when it is connected. */
  connect(): Promise<Uplink>
  /** Appends, and wakes the uplink. */
  append(measurements: readonly Measurement[]): Promise<Reading[]>
  /** Resolves when nothing of the buffer is unanswered; time does not pass for it. */
  drained(): Promise<void>
}

/** Sets the scene. Every reading is sent at once, unless the options say otherwise. */
export async function setScene(
  context: TestContext,
  options: Partial<UplinkOptions> &
    Partial<Pick<UplinkDeps, 'random' | 'onCommand'>> & {
      url?: string
      /** What the network to the cloud is like; there is none when absent. */
      network?: Omit<NetworkOptions, 'to'>
      maxBytes?: number
    } = {},
): Promise<Scene> {
  const { random = () => 0.5, onCommand = async () => undefined, network, maxBytes, ...rest } = options
  const clock = openFakeClock()
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const laid = await networkTo(context, clock, cloud, network)
  const throughUrl = laid === undefined ? cloud.url : `mqtt://127.0.0.1:${laid.port}`
  const { url = throughUrl, ...uplinkOptions } = rest
  const { log, said } = keptLog()
  const folder = join(await temporaryFolder(context), 'buffer')
  const buffer = await openTestBuffer(context, folder, {
    log,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  })
  const metrics = openMetrics(GATEWAY_METRICS)
  const clockState = () => ({ quality: 'synced' }) as const
  const health = openHealth(
    { buffer, metrics, clock, clockState, sources: new Map(), buses: () => [] },
    { version: '0.0.0' },
  )
  let current: Uplink | undefined
  const scene: Scene = {
    ...{ clock, cloud, network: laid, buffer, folder, metrics, said },
    start() {
      const transport = openMqttTransport(
        { clock },
        { url, clientId: GATEWAY, username: GATEWAY, password: 'token' },
      )
      const book = openSeriesBook({ gateway: GATEWAY, client: 'campo', project: 'los-aromos' }, [])
      const uplink = openUplink(
        { ...{ buffer, transport, book, clock, log, metrics, random, health, clockState, onCommand } },
        {
          ...{ gateway: GATEWAY, version: '0.0.0', minReadings: 1, maxDelayMs: 0 },
          ...{
            ackTimeoutMs: 15_000,
            silenceMs: 18_000,
            window: 8,
            backlogBytesPerSecond: Number.POSITIVE_INFINITY,
            backlogEveryMs: 0,
          },
          ...uplinkOptions,
        },
      )
      const stopping = new AbortController()
      const done = uplink.run(stopping.signal).catch((error: unknown) => {
        if (error !== stopping.signal.reason) throw error
      })
      const stop = () => {
        stopping.abort(new Error('stop'))
        return done
      }
      atEnd(context, stop)
      current = uplink
      return { uplink, stop }
    },
    async connect() {
      const { uplink } = scene.start()
      await until('it is connected', uplink.connected)
      return uplink
    },
    async append(group) {
      const readings = await buffer.append(group)
      current?.wake()
      return readings
    },
    drained: () => until('nothing is unanswered', () => buffer.status().unackedRanges.length === 0),
  }
  return scene
}

async function networkTo(
  context: TestContext,
  clock: Clock,
  cloud: FakeCloud,
  options: Omit<NetworkOptions, 'to'> | undefined,
): Promise<Network | undefined> {
  if (options === undefined) return undefined
  const network = await openNetwork({ clock }, { ...options, to: cloud.port })
  atEnd(context, () => network.close())
  return network
}

/** Lets time pass in steps until it is so: for what may need a time-out, a back-off, or several of them. */
export async function passUntil(
  clock: FakeClock,
  what: string,
  isSo: () => boolean,
  { stepMs = 250 }: { stepMs?: number } = {},
): Promise<void> {
  await until(what, async () => {
    if (!isSo()) await clock.advance(stepMs)
    return isSo()
  })
}

/** Appends groups of `size` and resolves when each has travelled by itself. */
export async function appendOneByOne(scene: Scene, groups: number, size = 1): Promise<void> {
  for (let seed = 0; seed < groups; seed += 1) {
    const before = scene.cloud.batches.length
    await scene.append(measurements(size, seed))
    await until('the group came', () => scene.cloud.batches.length > before)
  }
}

/** An ack as JSON. */
export function ackText(scene: Scene, ack: Partial<Ack> & { first: number; through: number }): string {
  return JSON.stringify({
    ...{ v: 1, epoch: scene.buffer.epoch, lane: 'live', status: 'committed', rejected: [] },
    ...ack,
  })
}

/** How many acks were ignored. */
export const ignored = ({ metrics }: Scene): number => metrics.read().gateway_acks_ignored_total ?? 0
