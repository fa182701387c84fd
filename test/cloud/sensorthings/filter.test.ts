// Expressions of SensorThings: how they are read, what they say, and what is no expression.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isTrue, narrow } from '../../../cloud/sensorthings/evaluate.ts'
import { parseFilter, type Value } from '../../../cloud/sensorthings/filter.ts'
import { ExpressionMistake } from '../../../cloud/sensorthings/tokens.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const AT = Date.parse('2026-01-15T11:59:30.250Z')

const FACTS: Record<string, readonly Value[]> = {
  result: [12.5],
  name: ["Pozo d'Ávila"],
  none: [],
  phenomenonTime: [{ instant: AT }],
  'properties/kind': ['groundwater'],
  'Datastreams/name': ['flow', 'level'],
}
const lookup = (names: readonly string[]): readonly Value[] => {
  const found = FACTS[names.join('/')]
  if (found === undefined) throw new ExpressionMistake(`there is no "${names.join('/')}"`)
  return found
}
const says = (text: string): boolean => isTrue(parseFilter(text), lookup, NOW)

describe('isTrue()', () => {
  const TRUE = [
    ...['result gt 12', 'result ge 12.5', 'result eq 12.5', 'result ne 12', 'result lt 1e3', '12 lt result'],
    ...[
      "name eq 'Pozo d''Ávila'",
      "startswith(name,'Pozo') and endswith(name, 'vila')",
      "substringof('d''Á', name)",
    ],
    ...['result eq 12 or result eq 12.5', 'not (result gt 13)', 'not result gt 13 and result gt 1'],
    ...[
      'true or false and false',
      '(true or false) and true',
      'result add 2 mul 3 eq 18.5',
      '(result add 2) mul 2 eq 29',
    ],
    ...[
      '7 mod 4 eq 3',
      '7 div 2 eq 3.5',
      'result sub -1 eq 13.5',
      '-result lt 0',
      'none eq null',
      'result ne null',
    ],
    ...[
      'phenomenonTime ge 2026-01-15T11:59:30Z',
      "phenomenonTime lt '2026-01-15T12:00:00Z'",
      'phenomenonTime lt now()',
    ],
    ...[
      'phenomenonTime eq 2026-01-15T08:59:30.250-03:00',
      'year(phenomenonTime) eq 2026',
      'hour(phenomenonTime) eq 11',
    ],
    ...[
      'date(phenomenonTime) eq 2026-01-15',
      'minute(phenomenonTime) eq 59 and second(phenomenonTime) eq 30',
    ],
    ...["properties/kind eq 'groundwater'", "Datastreams/name eq 'level'", "tolower(toupper('ab')) eq 'ab'"],
    ...[
      'length(name) eq 12',
      "indexof(name,'zo') eq 2",
      "substring(name,5) eq 'd''Ávila'",
      "substring(name,0,4) eq 'Pozo'",
    ],
    ...[
      "concat(concat('a','b'),trim(' c ')) eq 'abc'",
      'round(result) eq 13',
      'floor(result) eq 12',
      'ceiling(result) eq 13',
    ],
  ]
  const FALSE = [
    ...['result gt 12.5', 'none gt 1', 'none lt 1', 'none ge 1', 'not (none eq null)', "result eq '12.5'"],
    ...[
      "Datastreams/name eq 'total'",
      'result div 0 gt 1',
      'false',
      "phenomenonTime eq 'yesterday'",
      'null gt null',
    ],
    ...["year('x') eq 2026", 'length(result) eq 4', 'name gt 5'],
  ]
  for (const text of TRUE) test(`says yes to ${text}`, () => assert.equal(says(text), true))
  for (const text of FALSE) test(`says no to ${text}`, () => assert.equal(says(text), false))
})

describe('parseFilter()', () => {
  const WRONG: Record<string, RegExp> = {
    '': /expected a value at 0, got the end/,
    'result gt': /expected a value at 9, got the end/,
    'result gt 5)': /expected the end at 11, got "\)"/,
    '(result gt 5': /expected "\)" at 12/,
    'result >= 5': /">= 5" at 7 is no word/,
    'result gt 5 result': /expected the end at 12/,
    "name eq 'open": /is no word/,
    'exec(1)': /no function "exec"/,
    'length(name, name)': /takes 1 arguments/,
    'result eq 2026-13-45': /no instant/,
    'a//b eq 1': /expected a name at 2/,
    [`${'('.repeat(60)}1${')'.repeat(60)}`]: /nested more than 40 deep/,
    [`${'not '.repeat(60)}true`]: /nested more than 40 deep/,
    [Array.from({ length: 300 }, () => '1').join(' or ')]: /more than 400 words/,
  }
  for (const [text, mistake] of Object.entries(WRONG)) {
    test(`refuses ${text.slice(0, 30)}`, () => assert.throws(() => parseFilter(text), mistake))
  }

  test('reads any text, or refuses it in words', () => {
    const word = fc.constantFrom(
      'result',
      'and',
      'or',
      'not',
      'eq',
      'gt',
      '(',
      ')',
      ',',
      '/',
      '5',
      "'x'",
      '-',
      'now()',
      'add',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 60 }).map(words => words.join(' ')),
    )
    fc.assert(
      fc.property(text, one => {
        try {
          says(one)
        } catch (error) {
          assert.ok(error instanceof ExpressionMistake, String(error))
        }
      }),
    )
  })
})

describe('narrow()', () => {
  const isTime = ([name]: readonly string[]) => name === 'phenomenonTime'
  const within = (text: string) => narrow(parseFilter(text), isTime, { from: 0, to: 1e13 })

  test('never leaves out an instant of which the expression is true', () => {
    const at = (n: number) => new Date(NOW + n * 1000).toISOString()
    const leaf = fc
      .tuple(
        fc.constantFrom('eq', 'gt', 'ge', 'lt', 'le', 'ne'),
        fc.integer({ min: 0, max: 5 }),
        fc.boolean(),
      )
      .map(([operator, n, isMirrored]) =>
        isMirrored ? `${at(n)} ${operator} phenomenonTime` : `phenomenonTime ${operator} ${at(n)}`,
      )
    const expression = fc.letrec<{ any: string }>(tie => ({
      any: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc
          .tuple(tie('any'), fc.constantFrom('and', 'or'), tie('any'))
          .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
        tie('any').map(one => `not (${one})`),
      ),
    })).any
    fc.assert(
      fc.property(expression, fc.integer({ min: -1, max: 6 }), (text, n) => {
        const instant = NOW + n * 1000
        const { from, to } = within(text)
        if (isTrue(parseFilter(text), () => [{ instant }], NOW))
          assert.ok(instant >= from && instant < to, text)
      }),
    )
  })

  test('takes what is joined by and', () => {
    const { from, to } = within(
      'result gt 1 and (phenomenonTime ge 2026-01-01 and phenomenonTime lt 2026-01-02)',
    )
    assert.deepEqual([from, to], [Date.parse('2026-01-01'), Date.parse('2026-01-02') + 1])
    assert.deepEqual(within('phenomenonTime ge 2026-01-01 or result gt 1'), { from: 0, to: 1e13 })
  })
})
