// Commands that ask a bus, on a real connection to an instrument, through the journal that executes once.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openInstrumentStage } from './command-stage.ts'

const DEVICES = `
  - id: meter
    bus: plant
    unit: 7
    point: pozo-7
    every: 1m
    reads: { holes: [{ table: holding, address: 20, count: 5 }] }
    signals: [{ variable: flow, address: 2, type: uint16 }]
`

const openStage = (context: TestContext) =>
  openInstrumentStage(context, { devices: DEVICES, registers: (code, address) => code * 100 + address })

test('`read` gives registers as they are, once, also when the gateway was restarted in between', async context => {
  const { instrument, send, restart } = await openStage(context)
  const command = { kind: 'read', device: 'meter', table: 'input', address: 10, count: 3 }

  const first = await send('c-1', command)
  await restart()
  const again = await send('c-1', command)

  assert.deepEqual(first.values, [410, 411, 412])
  assert.deepEqual(again, first)
  assert.deepEqual(
    instrument.requests.map(({ unit, code, address, count }) => [unit, code, address, count]),
    [[7, 4, 10, 3]],
  )
})

test('`collect` of what this gateway does not have fails and names it', async context => {
  const { send } = await openStage(context)

  const provider = await send('c-1', { kind: 'collect', provider: 'nettra' })
  const device = await send('c-2', { kind: 'collect', devices: ['meter', 'stranger'] })
  const nothing = await send('c-3', { kind: 'collect' })

  assert.deepEqual(
    [provider, device, nothing].map(({ status, reason }) => [status, reason]),
    [
      ['failed', 'No device of this gateway is read through nettra'],
      ['failed', 'No device of this gateway is named meter or stranger'],
      ['failed', 'This gateway has no device'],
    ],
  )
})

test('`read` does not touch what must not be read, nor a device that is not configured, and says why a device did not answer', async context => {
  const { instrument, send } = await openStage(context)
  const command = { kind: 'read', device: 'meter', table: 'holding', address: 18, count: 3 }

  const hole = await send('c-1', command)
  const stranger = await send('c-2', { ...command, device: 'other' })
  const tooMany = await send('c-3', { ...command, count: 126 })
  assert.equal(instrument.requests.length, 0)
  instrument.failAlways({ kind: 'exception', code: 2 })
  const refused = await send('c-4', { ...command, address: 0 })

  assert.match(hole.reason ?? '', /holding 20 of meter must not be read/)
  assert.match(stranger.reason ?? '', /No device on a bus is named other/)
  assert.equal(tooMany.status, 'refused')
  assert.deepEqual([refused.status, refused.values], ['failed', undefined])
  assert.match(refused.reason ?? '', /exception 2/)
})

test('`scan` says who answers, and is refused when it would keep the bus too long', async context => {
  const { instrument, send } = await openStage(context)
  instrument.fail({ kind: 'exception', code: 11 }, { kind: 'exception', code: 1 })

  const found = await send('c-1', { kind: 'scan', bus: 'plant', first: 5, last: 7 })
  const wide = await send('c-2', { kind: 'scan', bus: 'plant', first: 1, last: 33 })

  assert.deepEqual(
    found.units?.map(({ unit }) => unit),
    [6, 7],
  )
  assert.match(found.units?.[1]?.answer ?? '', /answers: meter/)
  assert.equal(wide.status, 'refused')
  assert.equal(instrument.requests.length, 3)
})
