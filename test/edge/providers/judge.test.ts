// judgeLatest() and what reads a provider's values, on data alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeLatest } from '../../../edge/providers/judge.ts'
import type { Mark } from '../../../edge/providers/marks.ts'
import { EpochMs, IsoInstant, toGiven, toOutcome } from '../../../edge/providers/provider.ts'
import { MINUTE, NOON } from './scene.ts'

const when = { now: NOON + 10_000, everyMs: 5 * MINUTE }
const sampleAt = (at: number) => ({ at, given: { kind: 'number' as const, raw: 1 } })
const ok = (...times: number[]) => ({ kind: 'ok' as const, samples: times.map(sampleAt), unreadable: 0 })
const judge = (times: number[], before?: Mark) => judgeLatest(ok(...times), before, when)

test('judgeLatest() takes the newest sample that can be, wherever it stands', () => {
  const { sample, mark } = judge([NOON - MINUTE, NOON, NOON + 3_600_000, 1_768_478_400])

  assert.equal(sample?.at, NOON)
  assert.deepEqual(mark, { newest: NOON })
})

test('judgeLatest() forgets a mark in the future, so that it does not hide what comes now', () => {
  const { sample, mark } = judge([NOON], { newest: NOON + 3_600_000 })

  assert.equal(sample?.at, NOON)
  assert.deepEqual(mark, { newest: NOON })
})

test('judgeLatest() opens a gap of what lies between, and at most of thirty days', () => {
  assert.deepEqual(judge([NOON], { newest: NOON - 7.5 * MINUTE }).mark, { newest: NOON })
  assert.deepEqual(judge([NOON], { newest: NOON - 7.5 * MINUTE - 1 }).mark?.gap, {
    ...{ from: NOON - 7.5 * MINUTE, to: NOON - 1, tries: 0 },
  })
  assert.equal(judge([NOON], { newest: NOON - 90 * 86_400_000 }).mark?.gap?.from, NOON - 30 * 86_400_000)
})

test('judgeLatest() leaves an open gap as it is while polls follow each other, and widens it after an outage', () => {
  const gap = { from: NOON - 100 * MINUTE, to: NOON - 50 * MINUTE, tries: 3 }

  assert.deepEqual(judge([NOON], { newest: NOON - 5 * MINUTE, gap }).mark?.gap, gap)
  assert.deepEqual(judge([NOON], { newest: NOON, gap }).mark?.gap, gap)
  const after = judge([NOON], { newest: NOON - 20 * MINUTE, gap }).mark?.gap
  assert.deepEqual(after, { from: gap.from, to: NOON - 1, tries: 0 })
})

test('toGiven() reads numbers as they are written, and nothing else as one', () => {
  const number = (raw: number | bigint) => ({ kind: 'number', raw })
  assert.deepEqual(toGiven('12.47'), number(12.47))
  assert.deepEqual(toGiven(' -3200.0 '), number(-3200))
  assert.deepEqual(toGiven('1e3'), number(1000))
  assert.deepEqual(toGiven('9007199254740993'), number(9007199254740993n))
  assert.deepEqual(toGiven(0), number(0))
  for (const value of ['', ' ', 'NaN', 'null', null, undefined])
    assert.equal(toGiven(value).kind, 'sensor_code')
  for (const value of ['12,47', '1.234.567', '0x10', 'Infinity', 'on', true, {}, [1]]) {
    assert.equal(toGiven(value).kind, 'not_a_number', String(value))
  }
})

test('instants are read with their zone, in milliseconds, or not at all', () => {
  assert.equal(IsoInstant.parse('2026-01-15T09:00:00-03:00'), NOON)
  assert.equal(IsoInstant.parse('2026-01-15T12:00:00.000Z'), NOON)
  for (const text of [
    '2026-01-15T12:00:00',
    '2026-01-15 12:00:00Z',
    '2026-02-30T12:00:00Z',
    '15-01-2026',
    '',
  ]) {
    assert.equal(IsoInstant.safeParse(text).success, false, text)
  }
  assert.equal(EpochMs.parse(String(NOON)), NOON)
  for (const value of [1.5, '1.5', '-1', 'now', null]) assert.equal(EpochMs.safeParse(value).success, false)
})

test('toOutcome() says what of a window is left: behind the last of ascending samples, before the first of others', () => {
  const window = { from: 100, to: 200 }
  const restOf = (...times: number[]) => {
    const outcome = toOutcome(times, at => sampleAt(Number(at)), window)
    return outcome.kind === 'ok' ? outcome.rest : outcome.kind
  }

  assert.deepEqual(restOf(100, 120, 150), { from: 151, to: 200 })
  assert.deepEqual(restOf(200, 180, 160), { from: 100, to: 159 })
  assert.equal(restOf(190, 200), undefined)
  assert.equal(restOf(50, 300), undefined)
  assert.equal(restOf(), 'no_data')
})
