// Golden files: every message of the contract, as it is in memory and as its bytes. They only ever gain members: a
// gateway in the field speaks yesterday's bytes.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ack, type Batch, UnreadableAck } from '../../protocol/batch.ts'
import { decodeBatch, encodeBatch, encodeTable } from '../../protocol/codec.ts'
import { Command, CommandResult } from '../../protocol/command.ts'
import { DesiredConfig, ReportedConfig } from '../../protocol/configuration.ts'
import { EnrolmentRequest, Identity, RenewalRequest, SignedTime } from '../../protocol/enrolment.ts'
import { LanState, RawMessage, SeriesMeta, toRawMessage } from '../../protocol/raw.ts'
import { Measurement, type Reading } from '../../protocol/reading.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'

/** What is said over HTTP when a gateway enrols. */
const ENROLMENT = [EnrolmentRequest, RenewalRequest, Identity, SignedTime]

const golden = (name: string) => readFileSync(new URL(`../cases/protocol/${name}`, import.meta.url), 'utf8')

interface BatchCase {
  about: string
  withTable: boolean
  batch: Batch
  tableId: string
  /** Hexadecimal. */
  bytes: string
}

const BATCHES = [
  'batch-with-table',
  'batch-by-reference',
  'batch-with-missing',
  'batch-with-nulls-and-floats',
]

for (const name of BATCHES) {
  test(`decodeBatch() reads the golden bytes of ${name}`, () => {
    const { batch, bytes, tableId, withTable } = JSON.parse(golden(`${name}.golden.json`)) as BatchCase

    const decoded = decodeBatch(Buffer.from(bytes, 'hex'), id => (id === tableId ? batch.table : undefined))

    assert.equal(decoded.kind, 'batch')
    assert.equal(decoded.tableId, tableId)
    assert.deepEqual(decoded.kind === 'batch' && decoded.batch, batch)
    assert.equal(decoded.kind === 'batch' && decoded.tableBytes !== undefined, withTable)
  })

  test(`encodeBatch() writes what reads back as ${name}`, () => {
    const { batch, withTable } = JSON.parse(golden(`${name}.golden.json`)) as BatchCase

    const decoded = decodeBatch(encodeBatch(batch, { withTable }), () => batch.table)

    assert.deepEqual(decoded.kind === 'batch' && decoded.batch, batch)
    assert.equal(decoded.tableId, encodeTable(batch.table).id)
  })
}

const MESSAGES = {
  ack: Ack,
  'ack-set-aside': Ack,
  'ack-slow-down': Ack,
  'ack-table-unknown': Ack,
  'ack-unreadable': UnreadableAck,
  'ack-with-rejected': Ack,
  state: GatewayState,
  'state-lost': GatewayState,
  'state-sleeping': GatewayState,
  health: GatewayHealth,
  'health-least': GatewayHealth,
  desired: DesiredConfig,
  reported: ReportedConfig,
  'command-collect': Command,
  'command-read': Command,
  'command-restart': Command,
  'command-scan': Command,
  'command-try': Command,
  'command-write': Command,
  'command-result': CommandResult,
  'result-failed': CommandResult,
  'result-of-read': CommandResult,
  'result-of-restart': CommandResult,
  'result-of-scan': CommandResult,
  'result-of-try': CommandResult,
  'result-of-write': CommandResult,
  'result-refused': CommandResult,
  raw: RawMessage,
  'raw-late-absent': RawMessage,
  'lan-state': LanState,
  'lan-state-hindered': LanState,
  'series-meta': SeriesMeta,
  measurement: Measurement,
}

for (const [name, schema] of Object.entries(MESSAGES)) {
  test(`the golden message ${name} is read, and an unknown key in it is refused`, () => {
    const message = JSON.parse(golden(`${name}.golden.json`)) as Record<string, unknown>

    assert.deepEqual(schema.parse(message), message)
    assert.equal(schema.safeParse({ ...message, surprise: 1 }).success, false)
    for (const key of Object.keys(message)) {
      assert.equal(
        schema.safeParse({ ...message, [key]: { no: 'such' } }).success,
        false,
        `${key} takes anything`,
      )
    }
  })
}

test('toRawMessage() writes the golden message raw', () => {
  const reading: Reading = {
    seq: 88001,
    point: 'pozo-7',
    variable: 'flow',
    at: 1767268800123,
    value: 12.47,
    quality: 'good',
    timeQuality: 'synced',
  }

  assert.deepEqual(toRawMessage(reading, { late: false }), JSON.parse(golden('raw.golden.json')))
})

test('every golden file is read by one of these tests', () => {
  const files = readdirSync(new URL('../cases/protocol/', import.meta.url)).map(file => file.split('.')[0])

  assert.deepEqual(files.toSorted(), [...BATCHES, ...Object.keys(MESSAGES)].toSorted())
})

test('protocol/README.md shows messages as they are, and names no golden file that is not there', () => {
  const page = readFileSync(new URL('../../protocol/README.md', import.meta.url), 'utf8')
  const shown = [...page.matchAll(/^ {4}(\{[^\n]*(?:\n {5}[^\n]+)*)/gm)].map(([, text = '']) => text)
  const linked = [...page.matchAll(/cases\/protocol\/([\w-]+)\.golden\.json/g)].map(([, name = '']) => name)

  assert.ok(shown.length >= 8, `${shown.length} messages`)
  for (const text of shown) {
    const message = JSON.parse(text)
    const read = Object.values(MESSAGES).some(schema => schema.safeParse(message).success)
    // Certificates and keys are cut short there.
    const isEnrolment = ENROLMENT.some(({ shape }) => Object.keys(message).every(key => key in shape))
    assert.ok(read || isEnrolment || text.startsWith('{"gateway"'), text)
  }
  assert.deepEqual(
    linked.filter(name => !Object.hasOwn(MESSAGES, name)),
    [],
  )
})
