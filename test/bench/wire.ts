// How many bytes a reading takes on the wire.
//
// Counted is everything MQTT sends up for ten wells of four variables each minute (wells.ts): fixed header, topic, packet
// id, batch.

import type { Batch } from '../../protocol/batch.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import { encodeBatch, encodeTable } from '../../protocol/codec.ts'
import type { Reading } from '../../protocol/reading.ts'
import { upTopic } from '../../protocol/topics.ts'
import type { Figure } from './figure.ts'
import { measurementsOfWells, PER_MINUTE, tableOfWells } from './wells.ts'

/** DESIGN's budget for the live lane. */
const BUDGET_BYTES = 4

const GATEWAY = 'gw-campo-01'
const TABLE = tableOfWells(GATEWAY)

/** Bytes a reading, live and when a backlog is sent. */
export async function benchWire(): Promise<Figure[]> {
  const day = measurementsOfWells(24 * 60).map((one, index) => ({ ...one, seq: index + 88_001 }))
  const live = batchesOf(day, PER_MINUTE * 2)
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
