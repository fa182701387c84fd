import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  add,
  covers,
  nextInside,
  nextOutside,
  type Ranges,
  size,
  subtract,
  within,
  without,
} from '../../../edge/buffer/ranges.ts'

const span = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 8 }))
  .map(([first, length]) => ({ first, last: first + length }))

const spans = fc.array(span, { maxLength: 12 })

const build = (list: Ranges) => list.reduce((sum, { first, last }) => add(sum, first, last), [] as Ranges)

const toNumbers = (ranges: Ranges) =>
  ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index))

const toSet = (list: Ranges) => new Set(toNumbers(list))

const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b)

test('add() keeps ranges sorted and apart, and they hold what a set would', () => {
  fc.assert(
    fc.property(spans, list => {
      const ranges = build(list)

      assert.deepEqual(toNumbers(ranges), sorted(toSet(list)))
      for (const [index, range] of ranges.entries()) {
        const before = ranges[index - 1]
        assert.ok(before === undefined || before.last + 1 < range.first)
      }
      assert.equal(size(ranges), toSet(list).size)
    }),
  )
})

test('within(), without(), subtract() and covers() agree with sets', () => {
  fc.assert(
    fc.property(spans, spans, span, (list, others, { first, last }) => {
      const ranges = build(list)
      const asked = toNumbers([{ first, last }])
      const inside = toSet(list)

      assert.deepEqual(
        toNumbers(within(ranges, first, last)),
        asked.filter(number => inside.has(number)),
      )
      assert.deepEqual(
        toNumbers(without(ranges, first, last)),
        asked.filter(number => !inside.has(number)),
      )
      assert.equal(
        covers(ranges, first, last),
        asked.every(number => inside.has(number)),
      )
      const taken = toSet(others)
      const left = sorted(inside).filter(number => !taken.has(number))
      assert.deepEqual(toNumbers(subtract(ranges, build(others))), left)
    }),
  )
})

test('nextOutside() and nextInside() give the nearest number at or above', () => {
  fc.assert(
    fc.property(spans, fc.integer({ min: 1, max: 60 }), (list, from) => {
      const ranges = build(list)
      const inside = toSet(list)
      let outside = from
      while (inside.has(outside)) outside += 1

      assert.equal(nextOutside(ranges, from), outside)
      assert.equal(
        nextInside(ranges, from),
        sorted(inside).find(number => number >= from),
      )
    }),
  )
})
