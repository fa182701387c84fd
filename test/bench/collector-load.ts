// Gateways under load, in a process of their own: they send encoded batches, a few under way at a time, and time the acks.
//
// Told over IPC what to do (LoadOrder), it answers with what came of it (LoadReport).

import { openMqttTransport } from '../../edge/transport/mqtt.ts'
import { openNatsTransport } from '../../edge/transport/nats.ts'
import type { Transport } from '../../edge/transport/transport.ts'
import type { Ack, Batch, SeriesTable } from '../../protocol/batch.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import { encodeBatch } from '../../protocol/codec.ts'
import type { Reading } from '../../protocol/reading.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { ackTopic, stateTopic, upTopic } from '../../protocol/topics.ts'
import type { Variable } from '../../protocol/variables.ts'

/** What gateways are to do. */
export interface LoadOrder {
  /** mqtt:// or nats:// */
  url: string
  token: string
  gateways: number
  batchesEach: number
  /** Batches under way. */
  window: number
  /** A gateway waits so long between two batches; 0: as fast as it can. */
  everyMs: number
  epoch: number
}

/** What came of it. */
export interface LoadReport {
  seconds: number
  /** From publishing a batch to its ack, each. */
  lagsMs: number[]
  committed: number
}

/** The wells of a gateway and what each gives. */
export const WELLS = 10

/** The variables of a well. */
export const VARIABLES: readonly Variable[] = ['flow', 'total', 'level', 'pulses']

const BEGAN_AT = Date.parse('2026-01-15T00:00:00Z')

/** The name of the gateway with this number. */
export const gatewaySlug = (index: number): string => `gw-load-${index}`

/** The table of a gateway under load. */
export function tableOf(gateway: string): SeriesTable {
  const series = Array.from({ length: WELLS }, (_, well) =>
    VARIABLES.map(variable => ({
      point: `${gateway}-well-${well}`,
      variable,
      scale: variable === 'pulses' ? 0 : 2,
    })),
  ).flat()
  return { gateway, client: 'load', project: 'load', series }
}

/** Readings as wells give them: a minute apart, values that move a little. */
export function readingAt({ series }: SeriesTable, index: number): Omit<Reading, 'seq'> {
  const entry = series[index % series.length] as SeriesTable['series'][number]
  const minute = Math.floor(index / series.length)
  const whole = 10_000 + minute * 3 + ((index * 7919) % 97)
  return {
    ...{ point: entry.point, variable: entry.variable, at: BEGAN_AT + minute * 60_000 },
    ...{ value: whole / 10 ** entry.scale, quality: 'good', timeQuality: 'synced' },
  }
}

function encodedBatches({ batchesEach, epoch }: LoadOrder, table: SeriesTable): Uint8Array[] {
  return Array.from({ length: batchesEach }, (_, batch) => {
    const first = batch * BATCH_READINGS_MAX + 1
    // Epochs lie after one another in time, so that every reading is new.
    const offset = (epoch - 1) * 1_000_000
    const readings = Array.from({ length: BATCH_READINGS_MAX }, (_, index) => ({
      seq: first + index,
      ...readingAt(table, offset + first - 1 + index),
    }))
    const last = first + BATCH_READINGS_MAX - 1
    const common = { configVersion: 0, clock: { quality: 'synced' as const }, missing: [] }
    const one: Batch = { table, epoch, first, last, readings, ...common }
    return encodeBatch(one, { withTable: batch === 0 })
  })
}

interface RunningGateway {
  run(): Promise<void>
  end(): Promise<void>
}

async function openGateway(order: LoadOrder, slug: string, report: LoadReport): Promise<RunningGateway> {
  const batches = encodedBatches(order, tableOf(slug))
  const waiting = new Map<number, (ack: Ack) => void>()
  const link = await transportOf(order, slug).connect(
    {
      will: { topic: stateTopic(slug), payload: Buffer.from('{}') },
      subscribe: [ackTopic(slug)],
      onMessage: ({ payload }) => {
        const ack: Ack = JSON.parse(Buffer.from(payload).toString())
        waiting.get(ack.first)?.(ack)
      },
      ...{ timeoutMs: 60_000, silenceMs: 60_000 },
    },
    new AbortController().signal,
  )

  const send = async (bytes: Uint8Array, index: number) => {
    const sentAt = performance.now()
    const answered = new Promise<Ack>(resolve => waiting.set(index * BATCH_READINGS_MAX + 1, resolve))
    await link.publish(upTopic(slug, 'live'), bytes, { retain: false, timeoutMs: 60_000 })
    const ack = await answered
    waiting.delete(ack.first)
    report.lagsMs.push(performance.now() - sentAt)
    if (ack.status === 'committed') report.committed += ack.through - ack.first + 1
  }

  return {
    async run() {
      // The first brings the table, which the others refer to.
      const [first, ...rest] = batches
      if (first !== undefined) await send(first, 0)
      const underWay = new Set<Promise<void>>()
      for (const [index, bytes] of rest.entries()) {
        while (underWay.size >= order.window) await Promise.race(underWay)
        if (order.everyMs > 0) await new Promise(resolve => setTimeout(resolve, order.everyMs))
        const one = send(bytes, index + 1).then(() => void underWay.delete(one))
        underWay.add(one)
      }
      await Promise.all(underWay)
    },
    end: async () => link.close(),
  }
}

function transportOf({ url, token }: LoadOrder, slug: string): Transport {
  const as = { url, username: slug, password: token }
  return url.startsWith('nats:')
    ? openNatsTransport({ clock }, { ...as, name: slug })
    : openMqttTransport({ clock }, { ...as, clientId: slug })
}

async function obey(order: LoadOrder): Promise<LoadReport> {
  const report: LoadReport = { seconds: 0, lagsMs: [], committed: 0 }
  const gateways: RunningGateway[] = []
  for (let index = 0; index < order.gateways; index += 1) {
    gateways.push(await openGateway(order, gatewaySlug(index), report))
  }
  const beganAt = performance.now()
  await Promise.all(gateways.map(gateway => gateway.run()))
  report.seconds = (performance.now() - beganAt) / 1000
  for (const gateway of gateways) await gateway.end()
  return report
}

if (process.send !== undefined) {
  process.on('message', (order: LoadOrder) => {
    obey(order).then(
      report => process.send?.(report),
      error => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
