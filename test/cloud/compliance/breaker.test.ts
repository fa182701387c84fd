// What an outage at DGA costs: a few attempts, then a try now and then; and who is sick alone closes nothing to others.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asking, openBreakers } from '../../../cloud/compliance/breaker.ts'

const SECOND = 1000
const ANA = { channel: 'rest', kind: 'groundwater', rut: '12345678-5', workCode: 'OB-0602-1' } as const
const BEN = { ...ANA, rut: '11111111-1', workCode: 'OB-0602-9' }
const ANA_AT_WELLS = 'rest groundwater 12345678-5'

const ofWork = (asking: Asking, number: number): Asking => ({ ...asking, workCode: `OB-0602-${number}` })

/** An attempt that nobody answers. */
function fail(breakers: ReturnType<typeof openBreakers>, asking: Asking, now: number): void {
  breakers.began(asking, now)
  breakers.ended(asking, false, now)
}

test('openBreakers() closes an endpoint to one informant after three attempts of two works without an answer', () => {
  const breakers = openBreakers()
  fail(breakers, ofWork(ANA, 1), 0)
  fail(breakers, ofWork(ANA, 2), 0)
  assert.deepEqual(breakers.closed(0), [])

  fail(breakers, ofWork(ANA, 2), 0)

  assert.deepEqual(breakers.closed(60 * SECOND - 1), [ANA_AT_WELLS])
  assert.deepEqual(breakers.closed(60 * SECOND), [])
})

test('openBreakers() closes an endpoint to all after three attempts of two informants without an answer', () => {
  const breakers = openBreakers()
  fail(breakers, ANA, 0)
  fail(breakers, ANA, 0)
  fail(breakers, BEN, 0)
  fail(breakers, { ...BEN, kind: 'surface_pipe' }, 0)

  assert.deepEqual(breakers.closed(0), ['rest groundwater'])
})

test('openBreakers() knows SOAP as one endpoint', () => {
  const breakers = openBreakers()
  fail(breakers, { ...ANA, channel: 'soap' }, 0)
  fail(breakers, { ...ANA, channel: 'soap', kind: 'surface_channel' }, 0)
  fail(breakers, { ...BEN, channel: 'soap' }, 0)

  assert.deepEqual(breakers.closed(0), ['soap'])
})

test('openBreakers() closes nothing for one sick work, nor to others for one sick informant, however often it fails', () => {
  const breakers = openBreakers()
  for (let attempt = 0; attempt < 10; attempt += 1) fail(breakers, ANA, 0)
  assert.deepEqual(breakers.closed(0), [])

  for (let work = 1; work < 10; work += 1) fail(breakers, ofWork(ANA, work), 0)
  assert.deepEqual(breakers.closed(0), [ANA_AT_WELLS])
})

test('openBreakers() lets one attempt through at a time, waits longer each time, and at most five minutes', () => {
  const breakers = openBreakers()
  for (const work of [1, 2, 3]) fail(breakers, ofWork(ANA, work), 0)
  let now = 0
  for (const waitS of [60, 120, 240, 300, 300]) {
    now += waitS * SECOND
    assert.deepEqual(breakers.closed(now - 1), [ANA_AT_WELLS], `${waitS} s`)
    assert.deepEqual(breakers.closed(now), [], `${waitS} s`)

    breakers.began(ANA, now)
    assert.deepEqual(breakers.closed(now), [ANA_AT_WELLS], 'a second one does not go')
    breakers.ended(ANA, false, now)
  }
})

test('openBreakers() opens a way wholly with the first answer', () => {
  const breakers = openBreakers()
  for (const work of [1, 2, 3]) fail(breakers, ofWork(ANA, work), 0)
  breakers.began(ANA, 60 * SECOND)

  breakers.ended(ANA, true, 60 * SECOND)
  fail(breakers, ofWork(ANA, 2), 60 * SECOND)
  fail(breakers, ofWork(ANA, 3), 60 * SECOND)

  assert.deepEqual(breakers.closed(60 * SECOND), [])
})

test('openBreakers() waits no longer than its longest wait when its clock comes back from ahead', () => {
  const breakers = openBreakers()
  for (const work of [1, 2, 3]) fail(breakers, ofWork(ANA, work), 40 * 86_400 * SECOND)
  breakers.leaveAlone('soap', 3600 * SECOND, 40 * 86_400 * SECOND)

  assert.deepEqual(breakers.closed(0), [])
})

test('openBreakers() leaves a channel alone for as long as DGA asks, whatever it answers to others, at most an hour', () => {
  const breakers = openBreakers()
  breakers.leaveAlone('rest', 90 * SECOND, 0)
  breakers.ended(BEN, true, 1)
  breakers.leaveAlone('rest', 10 * SECOND, 2)

  assert.deepEqual(breakers.closed(90 * SECOND - 1), ['rest'])
  assert.deepEqual(breakers.closed(90 * SECOND), [])

  breakers.leaveAlone('soap', 1e12, 0)
  assert.deepEqual(breakers.closed(3600 * SECOND - 1), ['soap'])
  assert.deepEqual(breakers.closed(3600 * SECOND), [])
})
