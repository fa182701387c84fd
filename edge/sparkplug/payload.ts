// What Sparkplug messages are made of, as bytes: what we use of the schema in Sparkplug 3.0, section 6.4.1.

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Sparkplug 3.0, section 6.4.16: the types that we have use for, with their numbers. */
const DATA_TYPES = { Int32: 3, Int64: 4, Double: 10, Boolean: 11, String: 12 } as const

/** A value with its type; a metric without one is null. */
export type TypedValue =
  | { type: 'Int32' | 'Int64' | 'Double'; value: number | null }
  | { type: 'Boolean'; value: boolean }
  | { type: 'String'; value: string }

/** One value of a message. With a name it defines itself, and its type is written; with an alias alone it is data. */
export type Metric = TypedValue & {
  name?: string
  alias?: number
  at: number
  isHistorical?: boolean
  properties?: Readonly<Record<string, TypedValue>>
}

/** A message. Only a death has no `seq`. */
export interface Payload {
  at: number
  seq?: number
  metrics: readonly Metric[]
}

/** The metric that a host application writes to when it has missed a birth. */
export const REBIRTH = 'Node Control/Rebirth'

/** A message as bytes. */
export function encodePayload({ at, seq, metrics }: Payload): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).uint64(at)
  for (const metric of metrics) {
    writer.tag(2, WireType.LengthDelimited).fork()
    writeMetric(writer, metric)
    writer.join()
  }
  if (seq !== undefined) writer.tag(3, WireType.Varint).uint64(seq)
  return writer.finish()
}

/** Whether a command asks for births. Throws when it is no Sparkplug message. */
export function asksForRebirth(bytes: Uint8Array): boolean {
  let asks = false
  readFields(new BinaryReader(bytes), {
    [tagOf(2, WireType.LengthDelimited)]: reader => {
      let name = ''
      let value = false
      readFields(new BinaryReader(reader.bytes()), {
        [tagOf(1, WireType.LengthDelimited)]: metric => (name = metric.string()),
        [tagOf(14, WireType.Varint)]: metric => (value = metric.bool()),
      })
      asks ||= name === REBIRTH && value
    },
  })
  return asks
}

function writeMetric(writer: BinaryWriter, metric: Metric): void {
  const { name, alias, at, type, isHistorical = false, properties } = metric
  if (name !== undefined) writer.tag(1, WireType.LengthDelimited).string(name)
  if (alias !== undefined) writer.tag(2, WireType.Varint).uint64(alias)
  writer.tag(3, WireType.Varint).uint64(at)
  if (name !== undefined) writer.tag(4, WireType.Varint).uint32(DATA_TYPES[type])
  if (isHistorical) writer.tag(5, WireType.Varint).bool(true)
  if (metric.value === null) writer.tag(7, WireType.Varint).bool(true)
  if (properties !== undefined) {
    writer.tag(9, WireType.LengthDelimited).fork()
    writeProperties(writer, properties)
    writer.join()
  }
  writeValue(writer, metric, 10)
}

function writeProperties(writer: BinaryWriter, properties: Readonly<Record<string, TypedValue>>): void {
  for (const key of Object.keys(properties)) writer.tag(1, WireType.LengthDelimited).string(key)
  for (const property of Object.values(properties)) {
    writer.tag(2, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.Varint).uint32(DATA_TYPES[property.type])
    writeValue(writer, property, 3)
    writer.join()
  }
}

/** A metric's and a property's values have the same fields in the same order, from another number on. */
function writeValue(writer: BinaryWriter, typed: TypedValue, firstField: number): void {
  if (typed.value === null) return
  switch (typed.type) {
    case 'Int32':
      // As an unsigned number of 32 bits; a negative one would be its two's complement.
      writer.tag(firstField, WireType.Varint).uint32(typed.value >>> 0)
      break
    case 'Int64':
      writer.tag(firstField + 1, WireType.Varint).uint64(typed.value)
      break
    case 'Double':
      writer.tag(firstField + 3, WireType.Bit64).double(typed.value)
      break
    case 'Boolean':
      writer.tag(firstField + 4, WireType.Varint).bool(typed.value)
      break
    case 'String':
      writer.tag(firstField + 5, WireType.LengthDelimited).string(typed.value)
      break
  }
}

const tagOf = (field: number, type: WireType): number => (field << 3) | type

/** Reads the fields it knows by number and wire type, and skips the others. */
function readFields(reader: BinaryReader, known: Record<number, (reader: BinaryReader) => void>): void {
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const read = known[tagOf(field, type)]
    if (read === undefined) reader.skip(type, field)
    else read(reader)
  }
}
