// What an outage at DGA costs: a few attempts, then a try now and then; and one sick work opens nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBreakers } from '../../../cloud/compliance/breaker.ts'

const SECOND = 1000

/** An attempt for a work that nobody answers. */
function fail(breakers: ReturnType<typeof openBreakers>, workCode: string, now: number): void {
  breakers.began('rest', now)
  breakers.ended('rest', workCode, false, now)
}

test('openBreakers() closes a way after three attempts of two works without an answer, and that way alone', () => {
  const breakers = openBreakers()
  fail(breakers, 'OB-1', 0)
  fail(breakers, 'OB-2', 0)
  assert.deepEqual(breakers.passable(0), ['rest', 'soap'])

  fail(breakers, 'OB-2', 0)

  assert.deepEqual(breakers.passable(60 * SECOND - 1), ['soap'])
  assert.deepEqual(breakers.passable(60 * SECOND), ['rest', 'soap'])
})

test('openBreakers() closes nothing for one sick work, however often it fails', () => {
  const breakers = openBreakers()
  for (let attempt = 0; attempt < 10; attempt += 1) fail(breakers, 'OB-1', 0)

  assert.deepEqual(breakers.passable(0), ['rest', 'soap'])
})

test('openBreakers() lets one attempt through at a time, waits longer each time, and at most five minutes', () => {
  const breakers = openBreakers()
  for (const work of ['OB-1', 'OB-2', 'OB-3']) fail(breakers, work, 0)
  let now = 0
  for (const waitS of [60, 120, 240, 300, 300]) {
    now += waitS * SECOND
    assert.deepEqual(breakers.passable(now - 1), ['soap'], `${waitS} s`)
    assert.deepEqual(breakers.passable(now), ['rest', 'soap'], `${waitS} s`)

    breakers.began('rest', now)
    assert.deepEqual(breakers.passable(now), ['soap'], 'a second one does not go')
    breakers.ended('rest', 'OB-1', false, now)
  }
})

test('openBreakers() opens a way wholly with the first answer', () => {
  const breakers = openBreakers()
  for (const work of ['OB-1', 'OB-2', 'OB-3']) fail(breakers, work, 0)
  breakers.began('rest', 60 * SECOND)

  breakers.ended('rest', 'OB-1', true, 60 * SECOND)
  fail(breakers, 'OB-2', 60 * SECOND)
  fail(breakers, 'OB-3', 60 * SECOND)

  assert.deepEqual(breakers.passable(60 * SECOND), ['rest', 'soap'])
})

test('openBreakers() waits no longer than its longest wait when its clock comes back from ahead', () => {
  const breakers = openBreakers()
  for (const work of ['OB-1', 'OB-2', 'OB-3']) fail(breakers, work, 40 * 86_400 * SECOND)
  breakers.leaveAlone('soap', 3600 * SECOND, 40 * 86_400 * SECOND)

  assert.deepEqual(breakers.passable(0), ['rest', 'soap'])
})

test('openBreakers() leaves a way alone for as long as DGA asks, whatever it answers to others, at most an hour', () => {
  const breakers = openBreakers()
  breakers.leaveAlone('rest', 90 * SECOND, 0)
  breakers.ended('rest', 'OB-2', true, 1)
  breakers.leaveAlone('rest', 10 * SECOND, 2)

  assert.deepEqual(breakers.passable(90 * SECOND - 1), ['soap'])
  assert.deepEqual(breakers.passable(90 * SECOND), ['rest', 'soap'])

  breakers.leaveAlone('soap', 1e12, 0)
  assert.deepEqual(breakers.passable(3600 * SECOND - 1), ['rest'])
  assert.deepEqual(breakers.passable(3600 * SECOND), ['rest', 'soap'])
})
