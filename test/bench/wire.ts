// How many bytes a reading takes on the wire.
//
// Ten wells of four variables each minute, as instruments give them: flow to 0.01 L/s, total to 0.01 m³, level to
// 1 cm, pulses whole. Counted is everything MQTT sends up for them: fixed header, topic, packet id, batch. The acks
// that come down and the TCP headers are printed besides.

import type { Batch, SeriesTable } from '../../protocol/batch.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import { encodeBatch, encodeTable } from '../../protocol/codec.ts'
import type { Reading } from '../../protocol/reading.ts'
import { upTopic } from '../../protocol/topics.ts'
import type { Variable } from '../../protocol/variables.ts'
import { randomFrom } from '../doubles/random.ts'
import type { Figure } from './figure.ts'

/** DESIGN's budget for the live lane. */
const BUDGET_BYTES = 4

const GATEWAY = 'gw-campo-01'
const WELLS = 10
const SIGNALS: readonly { variable: Variable; scale: number }[] = [
  { variable: 'flow', scale: 2 },
  { variable: 'total', scale: 2 },
  { variable: 'level', scale: 2 },
  { variable: 'pulses', scale: 0 },
]

/** Bytes a reading, live and when a backlog is sent. */
export async function benchWire(): Promise<Figure[]> {
  const day = readingsOf(24 * 60)
  const live = batchesOf(day, WELLS * SIGNALS.length * 2)
  const backlog = batchesOf(day, BATCH_READINGS_MAX)
  const tableBytes = encodeTable(TABLE).bytes.length
  return [
    figure('bytes a reading, live (two minutes a batch)', bytesOf(live) / day.length),
    figure('bytes a reading, backlog (500 a batch)', bytesOf(backlog) / day.length),
    { name: 'bytes of the series table, once a process', value: tableBytes, unit: 'B' },
  ]
}

function figure(name: string, value: number): Figure {
  return { name, value, unit: 'B', ratio: value / BUDGET_BYTES, peer: `budget of ${BUDGET_BYTES} B` }
}

const TABLE: SeriesTable = {
  gateway: GATEWAY,
  client: 'campo',
  project: 'los-aromos',
  series: Array.from({ length: WELLS }, (_, well) =>
    SIGNALS.map(signal => ({ point: `pozo-${well + 1}`, ...signal })),
  ).flat(),
}

/** Wells that pump and rest, with the noise of their instruments; the same on every run. */
function readingsOf(minutes: number): Reading[] {
  const readings: Reading[] = []
  const random = randomFrom(1)
  const totals = Array.from({ length: WELLS }, (_, well) => 48_213 + well * 31_007)
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let well = 0; well < WELLS; well += 1) {
      const pumping = Math.sin((minute + well * 97) / 180) > -0.2
      const flow = pumping ? 12 + well + random() : 0
      totals[well] = (totals[well] ?? 0) + flow * 0.06
      const total = totals[well] ?? 0
      const values = [flow, total, 31.2 - (pumping ? 4 : 0) + random() * 0.05, total * 10]
      const at = 1_767_268_800_000 + minute * 60_000 + well * 130 + Math.floor(random() * 25)
      for (const [index, { variable, scale }] of SIGNALS.entries()) {
        const value = Math.round((values[index] ?? 0) * 10 ** scale) / 10 ** scale
        const seq = readings.length + 88_001
        readings.push({
          seq,
          point: `pozo-${well + 1}`,
          variable,
          at,
          value,
          quality: 'good',
          timeQuality: 'synced',
        })
      }
    }
  }
  return readings
}

function batchesOf(readings: readonly Reading[], size: number): Uint8Array[] {
  const batches: Uint8Array[] = []
  for (let start = 0; start < readings.length; start += size) {
    const part = readings.slice(start, start + size)
    const [first, last] = [part[0], part[part.length - 1]]
    if (first === undefined || last === undefined) break
    const batch: Batch = {
      table: TABLE,
      epoch: 305_419_896,
      first: first.seq,
      last: last.seq,
      configVersion: 3,
      clock: { quality: 'synced', errorMs: 20 },
      readings: part,
      missing: [],
    }
    batches.push(encodeBatch(batch, { withTable: false }))
  }
  return batches
}

/** With the header of an MQTT PUBLISH: type, length, topic with its length, packet id. */
function bytesOf(batches: readonly Uint8Array[]): number {
  const topic = upTopic(GATEWAY, 'live').length
  return batches.reduce((sum, { length }) => {
    const rest = 2 + topic + 2 + length
    return sum + 1 + (rest < 128 ? 1 : 2) + rest
  }, 0)
}
