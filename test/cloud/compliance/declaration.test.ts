// What is declared of values, and which values nobody declares without a person.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildDeclaration, type Chosen, declaredText } from '../../../cloud/compliance/declaration.ts'

const dueAt = Date.parse('2026-01-15T14:00:00Z')
const chosen = (text: string): Chosen => ({
  ...{ variable: 'flow', seriesId: 1, readAt: dueAt, ageMs: 0 },
  ...{ value: Number(text), text },
})
const well = { flow: chosen('14.25'), total: chosen('139806'), level: chosen('23.60') }
const slot = { workCode: 'OB-0602-7', dueAt }
const terms = { kind: 'groundwater', levelExempt: false, totalRounding: 'truncate' } as const

test('buildDeclaration() doubts every value that is longer than anything real', () => {
  const long = declaredText('flow', 4.2e20, terms)
  for (const quantity of ['flow', 'total', 'level'] as const) {
    const built = buildDeclaration(slot, terms, { ...well, [quantity]: chosen(long) })

    const reason = `${quantity} of 24 characters, at most 15 are taken: ${long}`
    assert.deepEqual(built, { kind: 'doubtful', reason })
  }
})

test('buildDeclaration() takes a value of the greatest length', () => {
  const longest = { flow: chosen('123456789012.34'), total: chosen('123456789012345'), level: chosen('1.00') }

  assert.equal(buildDeclaration(slot, terms, longest).kind, 'built')
})
