// Any session of a node against what Sparkplug 3.0 demands of edge nodes, rule by rule, as the other implementation
// reads it. The names are those of the specification's own assertions (`tck-id-…`).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openSparkplugNode, type SparkplugMessage } from '../../../edge/sparkplug/node.ts'
import { QUALITIES, QUALITY_NAMES, type Reading, TIME_QUALITY_NAMES } from '../../../protocol/reading.ts'
import type { Variable } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type DecodedMetric, type DecodedPayload, decodeSparkplug } from './decoder.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const POINTS = ['pozo-7', 'pozo-8', 'pozo-9'] as const
const VARIABLES: readonly Variable[] = ['flow', 'total', 'level']
const SERIES = POINTS.flatMap(point =>
  VARIABLES.map(variable => ({
    point,
    variable,
    meta: {
      ...{ v: 1 as const, gateway: 'gw-1', variable, unit: 'L/s' },
      ...{ source: 'meter', kind: 'modbus', everyMs: 60_000 },
    },
  })),
)

interface Heard extends DecodedPayload {
  type: string
  topic: string
  device: string | undefined
  qos: number
}

/** A metric that was born: its name and its type. */
type Born = Map<number, { name: string; datatype: number; device: string | undefined }>

interface Rule {
  id: string
  of: readonly string[]
  holds: (message: Heard, session: { before: Heard | undefined; born: Born; bdSeq: number }) => boolean
}

const BIRTHS = ['NBIRTH', 'DBIRTH']
const VALUE_OF: Record<number, (value: unknown) => boolean> = {
  4: value => Number.isInteger(value),
  10: value => typeof value === 'number',
  11: value => typeof value === 'boolean',
}
const control = ({ metrics }: Heard) => metrics.find(({ name }) => name === 'Node Control/Rebirth')
const bdSeqIn = ({ metrics }: Heard) => metrics.find(({ name }) => name === 'bdSeq')
const current = ({ metrics }: Heard) => metrics.filter(({ isHistorical }) => isHistorical !== true)
const every = (holds: (metric: DecodedMetric) => boolean) => (message: Heard) => message.metrics.every(holds)

const RULES: readonly Rule[] = [
  {
    id: 'topics-nbirth-topic, topics-ndeath-topic',
    of: ['NBIRTH', 'NDEATH'],
    holds: ({ topic, type }) => topic === `spBv1.0/campo/${type}/gw-1`,
  },
  {
    id: 'topics-dbirth-topic, topics-ddata-topic',
    of: ['DBIRTH', 'DDATA'],
    holds: ({ topic, type, device }) => topic === `spBv1.0/campo/${type}/gw-1/${device}`,
  },
  {
    id: 'topics-nbirth-mqtt, topics-dbirth-mqtt, topics-ddata-mqtt',
    of: [...BIRTHS, 'DDATA'],
    holds: ({ qos }) => qos === 0,
  },
  { id: 'payloads-ndeath-will-message-qos', of: ['NDEATH'], holds: ({ qos }) => qos === 1 },
  {
    id: 'topics-nbirth-timestamp, topics-dbirth-timestamp, topics-ddata-timestamp',
    of: [...BIRTHS, 'DDATA'],
    holds: ({ timestamp }) => timestamp !== undefined && timestamp >= NOW,
  },
  { id: 'topics-nbirth-seq-num', of: ['NBIRTH'], holds: ({ seq }) => seq === 0 },
  {
    id: 'payloads-dbirth-seq-inc, payloads-ddata-seq-inc',
    of: ['DBIRTH', 'DDATA'],
    holds: ({ seq }, { before }) => seq === ((before?.seq ?? Number.NaN) + 1) % 256,
  },
  { id: 'payloads-ndeath-seq', of: ['NDEATH'], holds: ({ seq }) => seq === undefined },
  {
    id: 'topics-nbirth-bdseq-included, payloads-nbirth-bdseq-repeat, payloads-ndeath-bdseq',
    of: ['NBIRTH', 'NDEATH'],
    holds: (message, { bdSeq }) => bdSeqIn(message)?.value === bdSeq && bdSeqIn(message)?.datatype === 4,
  },
  { id: 'topics-ndeath-payload', of: ['NDEATH'], holds: ({ metrics }) => metrics.length === 1 },
  {
    id: 'operational-behavior-data-commands-rebirth-name, -name-aliases, -datatype, -value',
    of: ['NBIRTH'],
    holds: message => {
      const { datatype, value, alias } = control(message) ?? {}
      return datatype === 11 && value === false && alias === undefined
    },
  },
  {
    id: 'payloads-name-birth-data-requirement: a timestamp with every metric',
    of: [...BIRTHS, 'DDATA'],
    holds: every(({ timestamp }) => timestamp !== undefined),
  },
  {
    id: 'topics-dbirth-metrics, payloads-metric-datatype-req',
    of: BIRTHS,
    holds: every(({ name, datatype, value, isNull }) => {
      return (
        name !== undefined && (isNull === true ? value === undefined : !!VALUE_OF[datatype ?? 0]?.(value))
      )
    }),
  },
  {
    id: 'payloads-alias-birth-requirement',
    of: ['DBIRTH'],
    holds: every(({ name, alias }) => name !== undefined && alias !== undefined),
  },
  {
    id: 'payloads-alias-uniqueness',
    of: ['DBIRTH'],
    holds: ({ metrics, device }, { born }) =>
      metrics.every(({ alias = -1, name }) => {
        const one = born.get(alias)
        return one !== undefined && one.name === name && one.device === device
      }),
  },
  {
    id: 'topics-dbirth-metric-reqs: every metric there will ever be',
    of: ['DBIRTH'],
    holds: ({ metrics }) => new Set(metrics.map(({ name }) => name)).size === VARIABLES.length,
  },
  {
    id: 'payloads-alias-data-cmd-requirement, payloads-metric-datatype-not-req',
    of: ['DDATA'],
    holds: every(
      ({ name, alias, datatype }) => name === undefined && alias !== undefined && datatype === undefined,
    ),
  },
  {
    id: 'operational-behavior-data-publish-dbirth: data only of what was born, and of its type',
    of: ['DDATA'],
    holds: ({ metrics, device }, { born }) =>
      metrics.every(({ alias = -1, value, isNull }) => {
        const one = born.get(alias)
        const fits = isNull === true ? value === undefined : VALUE_OF[one?.datatype ?? 0]?.(value)
        return one?.device === device && fits === true
      }),
  },
  {
    id: 'operational-behavior-data-publish-dbirth-order',
    of: ['DBIRTH', 'DDATA'],
    holds: message => {
      const times = current(message).map(({ timestamp = Number.NaN }) => timestamp)
      return times.every((time, index) => index === 0 || time >= (times[index - 1] ?? Number.NaN))
    },
  },
  {
    id: 'payloads-propertyset-quality-value-type, -value',
    of: ['DBIRTH', 'DDATA'],
    holds: every(({ properties, isNull }) => {
      const { type, value } = properties?.Quality ?? {}
      return type === 3 && [0, 192, 500].includes(Number(value)) && !(isNull === true && value === 192)
    }),
  },
  {
    id: 'message-flow-device-birth-publish-nbirth-wait: births come together, the node’s first',
    of: ['DBIRTH'],
    holds: (_, { before }) => BIRTHS.includes(before?.type ?? ''),
  },
]

const reading = fc
  .record({
    ...{ seq: fc.nat(), variable: fc.constantFrom(...VARIABLES), number: fc.double({ noNaN: true }) },
    ...{ at: fc.integer({ min: NOW - 1_000_000, max: NOW + 1_000_000 }), late: fc.boolean() },
    ...{ quality: fc.constantFrom(...QUALITY_NAMES), timeQuality: fc.constantFrom(...TIME_QUALITY_NAMES) },
  })
  .map(({ number, late, ...one }) => {
    const value = QUALITIES[one.quality].hasValue && Number.isFinite(number) ? number : null
    const quality = value === null && QUALITIES[one.quality].hasValue ? ('no_answer' as const) : one.quality
    return { reading: { ...one, value, quality }, late }
  })
const data = fc.record({
  point: fc.constantFrom(...POINTS),
  readings: fc.uniqueArray(reading, { minLength: 1, maxLength: 3, selector: one => one.reading.variable }),
})
const session = fc.array(
  fc.oneof({ weight: 1, arbitrary: fc.constant('births' as const) }, { weight: 20, arbitrary: data }),
  {
    maxLength: 400,
    size: 'max',
  },
)

test('any session obeys every rule of the specification that an edge node’s messages can break', () => {
  const checked = new Map(RULES.map(({ id }) => [id, 0]))
  fc.assert(
    fc.property(session, fc.integer({ min: 0, max: 255 }), (steps, bdSeq) => {
      const clock = openFakeClock(NOW)
      const node = openSparkplugNode({ clock }, { groupId: 'campo', nodeId: 'gw-1', bdSeq }, SERIES)
      const messages: SparkplugMessage[] = [...node.births()]
      for (const step of steps) {
        clock.step(1_000)
        if (step === 'births') messages.push(...node.births())
        else {
          const { point, readings } = step
          const shown = readings.map(one => ({
            ...one,
            reading: { ...one.reading, point } satisfies Reading,
          }))
          messages.push(node.data(point, shown))
        }
      }
      messages.push(node.death())
      check(messages, bdSeq, checked)
    }),
    { numRuns: 60 },
  )
  assert.deepEqual(
    [...checked].filter(([, count]) => count === 0),
    [],
    'every rule met a message',
  )
})

function check(messages: readonly SparkplugMessage[], bdSeq: number, checked: Map<string, number>): void {
  const born: Born = new Map()
  let before: Heard | undefined
  for (const { topic, payload, qos } of messages) {
    const [, , type = '', , device] = topic.split('/')
    const message: Heard = { ...decodeSparkplug(payload), type, topic, device, qos }
    if (BIRTHS.includes(type)) bear(message, born)
    for (const { id, of, holds } of RULES) {
      if (!of.includes(type)) continue
      assert.ok(holds(message, { before, born, bdSeq }), `${id}: ${topic} ${JSON.stringify(message)}`)
      checked.set(id, (checked.get(id) ?? 0) + 1)
    }
    before = message
  }
}

/** An alias that was given keeps its first meaning here: another one is a mistake that a rule finds. */
function bear({ metrics, device }: Heard, born: Born): void {
  for (const { alias, name = '', datatype = 0 } of metrics) {
    if (alias !== undefined && !born.has(alias)) born.set(alias, { name, datatype, device })
  }
}
