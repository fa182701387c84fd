// `write`: what is refused, and when nothing is written because nobody may, or can say whether one may.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { openWriteStage } from './write-stage.ts'

for (const [what, fields, reason] of [
  [
    'another device',
    { device: 'meter', name: 'start-level', value: 1, unit: 'm' },
    /Nothing of meter that may be written is named start-level/,
  ],
  [
    'a device that there is not',
    { device: 'other', name: 'start-level', value: 1, unit: 'm' },
    /No device on a bus is named other/,
  ],
  ['a name that is not listed', { name: 'stop-level', value: 1 }, /named stop-level/],
  [
    'a value above its range',
    { name: 'start-level', value: 50.01, unit: 'm' },
    /may be from 0 to 50, the command says 50.01/,
  ],
  ['a value below its range', { name: 'start-level', value: -0.01, unit: 'm' }, /may be from 0 to 50/],
  [
    'a value that its registers cannot hold',
    { name: 'start-level', value: 1.005, unit: 'm' },
    /cannot hold 1.005 exactly/,
  ],
  ['a value of another unit', { name: 'start-level', value: 1, unit: 'cm' }, /is in m, the command says cm/],
  ['a value without its unit', { name: 'start-level', value: 1 }, /is in m, the command says none/],
  ['a unit that nothing has', { name: 'mode', value: 1, unit: 'm' }, /is in no unit, the command says m/],
  ['a unit that there is not', { name: 'start-level', value: 1, unit: 'furlong' }, /Unknown unit furlong/],
  ['a coil that is neither', { name: 'running', value: 2 }, /may be from 0 to 1/],
  ['a coil that is half', { name: 'running', value: 0.5 }, /cannot hold 0.5/],
  [
    'an address',
    { name: 'start-level', address: 11, value: 1, unit: 'm' },
    /none this gateway knows: .*address/s,
  ],
] as const) {
  test(`\`write\` refuses ${what}, and asks nothing of any device`, async context => {
    const { send, instrument } = await openWriteStage(context)

    const result = await send('w-1', { kind: 'write', device: 'pump', ...fields })

    assert.equal(result.status, 'refused')
    assert.match(result.reason ?? '', reason)
    assert.equal(instrument.requests.length, 0)
  })
}

test('`write` that expires before its turn comes is not done', async context => {
  const { send, instrument, codes, bus } = await openWriteStage(context)
  instrument.fail({ kind: 'late', ms: 150 })
  const waited = bus.read({ unit: 8, table: 'holding', address: 0, count: 1 }, new AbortController().signal)

  const expiresAt = systemClock.now() + 100
  const fields = { kind: 'write', device: 'pump', name: 'start-level', value: 3, unit: 'm', expiresAt }
  const result = await send('w-1', fields)
  await waited

  assert.deepEqual([result.status, result.written], ['refused', undefined])
  assert.match(result.reason ?? '', /^Nothing was written: it expired before its turn came$/)
  assert.ok(!codes().includes(6))
})

test('`write` is refused while nobody can say whether it has expired', async context => {
  const { set, know, instrument, said } = await openWriteStage(context)
  know('unsynced')
  const refused = await set('w-1', 'start-level', 3, 'm')
  assert.equal(instrument.requests.length, 0)
  know('holdover')
  const done = await set('w-2', 'start-level', 3, 'm')

  assert.match(refused.reason ?? '', /clock was never synchronised/)
  assert.equal(said('value not written')[0]?.by, 'ana')
  assert.deepEqual([refused.status, done.status], ['refused', 'done'])
})
