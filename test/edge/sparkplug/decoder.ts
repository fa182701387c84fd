// Sparkplug payloads as another implementation reads them: Eclipse Tahu's, made from the schema of the specification.

import { createRequire } from 'node:module'
import type { org } from 'sparkplug-payload/lib/sparkplugPayloadProto.js'

type Root = typeof org
type RawPayload = org.eclipse.tahu.protobuf.IPayload

/** Its classes by message. */
const { org: root } = createRequire(import.meta.url)('sparkplug-payload/lib/sparkplugPayloadProto.js') as {
  org: Root
}
const Decoder = root.eclipse.tahu.protobuf.Payload

/** A metric as it was read; what was not there is absent. */
export interface DecodedMetric {
  name?: string
  alias?: number
  timestamp?: number
  datatype?: number
  isHistorical?: boolean
  isNull?: boolean
  value?: number | boolean | string
  properties?: Record<string, { type: number; value: number | boolean | string | undefined }>
}

/** A payload as it was read. */
export interface DecodedPayload {
  timestamp?: number
  seq?: number
  metrics: DecodedMetric[]
}

/** Reads a payload. Throws when it is none. */
export function decodeSparkplug(bytes: Uint8Array): DecodedPayload {
  const plain = Decoder.toObject(Decoder.decode(bytes), { longs: Number, arrays: false }) as Plain
  return {
    ...(plain.timestamp === undefined ? {} : { timestamp: plain.timestamp }),
    ...(plain.seq === undefined ? {} : { seq: plain.seq }),
    metrics: (plain.metrics ?? []).map(toMetric),
  }
}

/** A payload as another implementation writes it. */
export function encodeSparkplug(payload: RawPayload): Uint8Array {
  return Decoder.encode(Decoder.create(payload)).finish()
}

interface PlainValue {
  intValue?: number
  longValue?: number
  floatValue?: number
  doubleValue?: number
  booleanValue?: boolean
  stringValue?: string
}

interface PlainMetric extends PlainValue, Omit<DecodedMetric, 'value' | 'properties'> {
  properties?: { keys: string[]; values: (PlainValue & { type: number })[] }
}

interface Plain {
  timestamp?: number
  seq?: number
  metrics?: PlainMetric[]
}

const readValue = (one: PlainValue) =>
  one.intValue ?? one.longValue ?? one.floatValue ?? one.doubleValue ?? one.booleanValue ?? one.stringValue

function toMetric(metric: PlainMetric): DecodedMetric {
  const { intValue, longValue, floatValue, doubleValue, booleanValue, stringValue, properties, ...rest } =
    metric
  const value = readValue(metric)
  return {
    ...rest,
    ...(value === undefined ? {} : { value }),
    ...(properties === undefined ? {} : { properties: toProperties(properties) }),
  }
}

function toProperties({ keys, values }: NonNullable<PlainMetric['properties']>) {
  if (keys.length !== values.length) throw new Error(`${keys.length} keys and ${values.length} values`)
  return Object.fromEntries(
    keys.map((key, index) => [
      key,
      { type: values[index]?.type ?? 0, value: readValue(values[index] ?? {}) },
    ]),
  )
}
