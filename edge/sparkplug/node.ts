// The gateway as a Sparkplug edge node: what it says, message by message, and with which numbers.
//
// The gateway is the node, its points are the devices, their variables the metrics. A point and not an instrument,
// because a series is a point's: two instruments may feed one well, and nobody has to know which.
//
// Promises, after Sparkplug 3.0:
//   S1. A birth names every metric there is, each with its alias and its current value, or none.
//   S2. `seq` counts every message but deaths, from 0 at the node's birth, and after 255 comes 0.
//   S3. The death carries the `bdSeq` of the birth.
//   S4. A value that is absent is null, with a quality that says so; one that is late is historical.

import type { Quality, Reading } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { sparkplugTopic } from '../../protocol/topics.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { SeriesFacts } from '../lan-facts.ts'
import { asksForRebirth, encodePayload, type Metric, REBIRTH, type TypedValue } from './payload.ts'

/** Who a node is, and which of its sessions this is. */
export interface NodeIdentity {
  groupId: string
  nodeId: string
  bdSeq: number
}

/** Something to publish; nothing of it is retained. */
export interface SparkplugMessage {
  topic: string
  payload: Uint8Array
  qos: 0 | 1
}

/** A reading as it is shown: late when its series has shown a newer one. */
export interface ShownReading {
  reading: Reading
  late: boolean
}

/** What a node says. Births come before anything else. */
export interface SparkplugNode {
  /** Where the node hears commands. */
  commandTopic: string
  /** Whether a command asks for births. Throws when it is no Sparkplug message. */
  asksForBirths(command: Uint8Array): boolean
  /** The node's birth and one for each point, to be published together. */
  births(): SparkplugMessage[]
  /** Readings of one point, no series twice. */
  data(point: string, readings: readonly ShownReading[]): SparkplugMessage
  death(): SparkplugMessage
}

/** Sparkplug 3.0, section 6.4.10: all the qualities there are. */
const BAD = 0
const GOOD = 192
const STALE = 500

/** A value that may be off is not good; where nothing came, what a host has is stale. */
const SPARKPLUG_QUALITY: Record<Quality, number> = {
  good: GOOD,
  uncertain: BAD,
  sensor_code: BAD,
  no_answer: STALE,
  exception: BAD,
  bad_answer: BAD,
  not_a_number: BAD,
  no_data: STALE,
  request_failed: STALE,
  auth_failed: STALE,
}

/** Makes the messages of a node that measures these series. */
export function openSparkplugNode(
  { clock }: { clock: Pick<Clock, 'now'> },
  { groupId, nodeId, bdSeq }: NodeIdentity,
  series: readonly SeriesFacts[],
): SparkplugNode {
  const aliases = new Map(series.map((one, index) => [seriesKey(one), index + 1]))
  const current = new Map<string, ShownReading>()
  const points = Map.groupBy(series, ({ point }) => point)
  let next = 0

  const seq = () => {
    const mine = next
    next = (next + 1) % 256
    return mine
  }
  const message = (type: string, metrics: readonly Metric[], point?: string): SparkplugMessage => ({
    topic: sparkplugTopic({ groupId, type, nodeId, deviceId: point }),
    payload: encodePayload({ at: clock.now(), seq: seq(), metrics }),
    qos: 0,
  })
  const bdSeqMetric = (at: number): Metric => ({ name: 'bdSeq', at, type: 'Int64', value: bdSeq })
  const definition = (one: SeriesFacts, now: number): Metric => {
    const reading = current.get(seriesKey(one))
    const properties = { engUnit: text(VARIABLES[one.variable].unit) }
    const names = { name: one.variable, alias: aliasOf(aliases, one) }
    if (reading !== undefined) return { ...metricOf(reading, properties), ...names }
    return {
      ...{ ...names, at: now, type: 'Double', value: null },
      properties: { ...properties, Quality: { type: 'Int32', value: STALE } },
    }
  }

  return {
    commandTopic: sparkplugTopic({ groupId, type: 'NCMD', nodeId }),
    asksForBirths: asksForRebirth,
    births() {
      const now = clock.now()
      next = 0
      const control: Metric = { name: REBIRTH, at: now, type: 'Boolean', value: false }
      return [
        message('NBIRTH', [bdSeqMetric(now), control]),
        ...[...points].map(([point, its]) =>
          message('DBIRTH', chronological(its.map(one => definition(one, now))), point),
        ),
      ]
    },
    data(point, readings) {
      const metrics = readings.map(one => ({ alias: aliasOf(aliases, one.reading), ...metricOf(one) }))
      for (const one of readings) if (!one.late) current.set(seriesKey(one.reading), one)
      return message('DDATA', chronological(metrics), point)
    },
    death() {
      const at = clock.now()
      return {
        topic: sparkplugTopic({ groupId, type: 'NDEATH', nodeId }),
        payload: encodePayload({ at, metrics: [bdSeqMetric(at)] }),
        qos: 1,
      }
    },
  }
}

interface SeriesName {
  point: string
  variable: string
}

const seriesKey = ({ point, variable }: SeriesName): string => `${point}/${variable}`

function aliasOf(aliases: ReadonlyMap<string, number>, one: SeriesName): number {
  const alias = aliases.get(seriesKey(one))
  if (alias === undefined) throw new Error(`No birth names ${seriesKey(one)}`)
  return alias
}

const text = (value: string): TypedValue => ({ type: 'String', value })

/** Our values are doubles, and whole numbers up to 2⁵³ are exact in one. */
function metricOf({ reading, late }: ShownReading, more: Record<string, TypedValue> = {}): Metric {
  const { at, value, quality, timeQuality } = reading
  return {
    ...{ at, type: 'Double', value, isHistorical: late },
    properties: {
      ...more,
      // Always, good or not: hosts keep a property until another comes.
      Quality: { type: 'Int32', value: SPARKPLUG_QUALITY[quality] },
      detail: text(quality),
      clock: text(timeQuality),
    },
  }
}

/** Sparkplug 3.0, tck-id-operational-behavior-data-publish-dbirth-order. */
const chronological = (metrics: readonly Metric[]): Metric[] => metrics.toSorted((a, b) => a.at - b.at)
