// What the screens decide as plain data: what differs, what people typed, and what follows from a series.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toRuleAsked } from '../../../cloud/web/screens/rule-fields.ts'
import { fromCivil, toCivil } from '../../../cloud/web/ui/civil.ts'
import { fieldChanges, lineChanges } from '../../../cloud/web/ui/differences.ts'
import { toNumber } from '../../../cloud/web/ui/numbers.ts'
import { restLevelOf } from '../../../cloud/web/well/levels.ts'

test('fieldChanges() names what was changed, added and taken away by its path, and nothing else', () => {
  const before = { name: 'Pozo 7', place: { lat: -34.1, lon: -70.9 }, tags: ['a'], note: null }
  const after = { name: 'Pozo 7', place: { lat: -34.2, lon: -70.9 }, tags: ['a', 'b'], kind: 'x' }

  const changes = fieldChanges(before, after)

  assert.deepEqual(changes, [
    { path: 'place.lat', before: '-34.1', after: '-34.2' },
    { path: 'note', before: 'null', after: undefined },
    { path: 'tags.1', before: undefined, after: 'b' },
    { path: 'kind', before: undefined, after: 'x' },
  ])
})

test('fieldChanges() says of an empty object or list that it is there', () => {
  assert.deepEqual(fieldChanges({ a: {} }, { a: [] }), [{ path: 'a', before: '{}', after: '[]' }])
  assert.deepEqual(fieldChanges(null, { a: 1 }), [
    { path: '', before: 'null', after: undefined },
    { path: 'a', before: undefined, after: '1' },
  ])
})

test('lineChanges() shows what was changed with three lines around it, and counts what it leaves out', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`)
  const after = lines.with(10, 'another').toSpliced(19, 1)

  const changes = lineChanges(lines.join('\n'), after.join('\n'))

  assert.deepEqual(
    changes.map(({ kind, line }) => `${kind} ${line}`),
    [
      ...['left-out 7', 'same line 7', 'same line 8', 'same line 9', 'removed line 10', 'added another'],
      ...['same line 11', 'same line 12', 'same line 13', 'left-out 2'],
      ...['same line 16', 'same line 17', 'same line 18', 'removed line 19'],
    ],
  )
})

test('lineChanges() of texts too long to compare says all of one, then all of the other', () => {
  const long = Array.from({ length: 2_001 }, (_, index) => `${index}`).join('\n')

  const changes = lineChanges(long, 'x')

  assert.equal(changes.length, 2_002)
  assert.equal(changes.at(-1)?.kind, 'added')
})

test('toNumber() reads a comma as people write it, and nothing as nothing', () => {
  assert.equal(toNumber('12,5'), 12.5)
  assert.equal(toNumber(' -0.25 '), -0.25)
  assert.equal(toNumber(''), undefined)
  for (const wrong of ['1.000,5', '12 m', '1e3', ',', '--1']) assert.ok(Number.isNaN(toNumber(wrong)), wrong)
})

test('fromCivil() reads the time of Chile by summer and by winter, and toCivil() writes it back', () => {
  assert.equal(fromCivil('2026-01-15T08:30'), Date.parse('2026-01-15T11:30:00Z'))
  assert.equal(fromCivil('2026-07-15T08:30'), Date.parse('2026-07-15T12:30:00Z'))
  for (const typed of ['2026-01-15T08:30', '2026-07-15T00:00', '2026-12-31T23:59'])
    assert.equal(toCivil(fromCivil(typed) ?? 0), typed)
  assert.equal(fromCivil(''), undefined)
  assert.equal(fromCivil('2026-13-01T00:00'), undefined)
})

test('fromCivil() takes the first of an hour that comes twice, and counts one that is leapt over as before', () => {
  assert.equal(fromCivil('2026-04-04T23:30'), Date.parse('2026-04-05T02:30:00Z'))
  assert.equal(fromCivil('2026-09-06T00:30'), Date.parse('2026-09-06T04:30:00Z'))
})

test('restLevelOf() is the highest water among steps that are good throughout, and nothing where none is', () => {
  const series = { min: [0.2, 33.1, null, 31.5, 38], count: [4, 4, 4, 4, 4], valid: [3, 4, 0, 4, 4] }

  assert.equal(restLevelOf(series), 31.5)
  assert.equal(restLevelOf({ min: [0.2, null], count: [4, 4], valid: [0, 0] }), null)
})

test('toRuleAsked() gives each number its place, and leaves out what was not said', () => {
  const typed = { from: '2026-01-15T08:30', variable: 'level', unit: 'cm' }
  const numbers = { 'range.min': '0,5', 'range.max': '', 'stuck.afterMinutes': '90', belowLps: '3' }

  assert.deepEqual(toRuleAsked({ ...typed, rule: 'checks', numbers }), {
    ...{ rule: 'checks', from: '2026-01-15T11:30:00.000Z', variable: 'level' },
    ...{ range: { min: 0.5 }, stuck: { afterMinutes: 90 } },
  })
  assert.deepEqual(toRuleAsked({ ...typed, rule: 'low_flow_cut_off', numbers }), {
    ...{ rule: 'low_flow_cut_off', from: '2026-01-15T11:30:00.000Z', belowLps: 3 },
  })
})
