import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addDays,
  dateOf,
  dayOf,
  daySpan,
  HOUR_MS,
  hourOf,
  monthOf,
} from '../../../cloud/processor/civil-time.ts'

const hours = ({ from, to }: { from: number; to: number }): number => (to - from) / HOUR_MS

test('dayOf() has 23 hours where the clocks go forward at midnight, and that day begins at 01:00', () => {
  const day = dayOf(Date.parse('2026-09-06T12:00:00Z'))

  assert.equal(hours(day), 23)
  assert.equal(day.from, Date.parse('2026-09-06T01:00:00-03:00'))
  assert.equal(day.to, Date.parse('2026-09-07T00:00:00-03:00'))
})

test('dayOf() has 25 hours where the clocks go back at midnight', () => {
  const day = dayOf(Date.parse('2026-04-04T12:00:00Z'))

  assert.equal(hours(day), 25)
  assert.equal(day.from, Date.parse('2026-04-04T00:00:00-03:00'))
  assert.equal(day.to, Date.parse('2026-04-05T00:00:00-04:00'))
})

test('dayOf() and monthOf() tile time: every instant is in its own, and the next one begins where it ends', () => {
  const instant = fc.integer({
    min: Date.parse('1990-01-01T00:00:00Z'),
    max: Date.parse('2060-01-01T00:00:00Z'),
  })
  fc.assert(
    fc.property(instant, at => {
      for (const spanOf of [dayOf, monthOf]) {
        const span = spanOf(at)
        assert.ok(span.from <= at && at < span.to)
        assert.deepEqual(spanOf(span.to - 1), span)
        assert.equal(spanOf(span.to).from, span.to)
        assert.equal(hourOf(span.from), span.from)
      }
      assert.ok(monthOf(at).from <= dayOf(at).from && dayOf(at).to <= monthOf(at).to)
      assert.deepEqual(daySpan(dateOf(at)), dayOf(at))
    }),
  )
})

test('addDays() counts on the calendar, over months, leap years and days of 23 hours', () => {
  assert.equal(addDays('2026-09-05', 1), '2026-09-06')
  assert.equal(addDays('2028-02-28', 2), '2028-03-01')
  assert.equal(addDays('2026-01-03', -7), '2025-12-27')
})
