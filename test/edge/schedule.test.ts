import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dueAfterStep, missedBetween, nextDue } from '../../edge/schedule.ts'

const HOUR = 3_600_000
const at = (text: string) => Date.parse(`2026-01-15T${text}Z`)

test('nextDue() gives the next whole multiple of the interval on the wall clock, moved by the delay', () => {
  const cases: [string, number, number, string][] = [
    ['12:00:00.000', 60_000, 0, '12:01:00.000'],
    ['12:00:00.001', 60_000, 0, '12:01:00.000'],
    ['11:59:59.999', 60_000, 0, '12:00:00.000'],
    ['12:07:31.000', HOUR, 0, '13:00:00.000'],
    ['12:00:04.999', 60_000, 5_000, '12:00:05.000'],
    ['12:00:05.000', 60_000, 5_000, '12:01:05.000'],
    ['12:00:00.000', 250, 0, '12:00:00.250'],
  ]
  for (const [now, everyMs, delayMs, due] of cases) {
    assert.equal(nextDue(at(now), everyMs, delayMs), at(due), `${now} every ${everyMs}, delayed ${delayMs}`)
  }
})

const instant = fc.integer({ min: 0, max: 4_294_967_295_000 })
const interval = fc.integer({ min: 50, max: 24 * HOUR })

test('nextDue() is after now, at most an interval away, and the same for every now until it comes', () => {
  fc.assert(
    fc.property(instant, interval, fc.nat(1_000_000), (now, everyMs, seed) => {
      const delayMs = seed % everyMs
      const due = nextDue(now, everyMs, delayMs)

      assert.ok(due > now && due <= now + everyMs)
      assert.equal((due - delayMs) % everyMs, 0)
      assert.equal(nextDue(due - 1, everyMs, delayMs), due)
    }),
  )
})

test('dueAfterStep() lets no instant come twice after a small step back, and leaves out what a step leapt over', () => {
  const due = at('12:01:00.000')

  assert.equal(dueAfterStep(due, at('12:00:02.000'), 60_000, 0), due, 'back by less than an interval')
  assert.equal(dueAfterStep(due, at('12:00:59.000'), 60_000, 0), due, 'forward, not beyond it')
  assert.equal(dueAfterStep(due, at('14:30:30.000'), 60_000, 0), at('14:31:00.000'), 'forward, far')
  assert.equal(dueAfterStep(due, at('08:15:30.000'), 60_000, 0), at('08:16:00.000'), 'back, far')
})

test('missedBetween() counts the instants in between', () => {
  assert.equal(missedBetween(at('12:00:00.000'), at('12:01:00.000'), 60_000), 0)
  assert.equal(missedBetween(at('12:00:00.000'), at('12:05:00.000'), 60_000), 4)
  assert.equal(missedBetween(at('12:05:00.000'), at('12:00:00.000'), 60_000), 0)
})
