// What is declared of values, and which values nobody declares without a person.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildDeclaration, type Chosen, quantitiesOf } from '../../../cloud/compliance/declaration.ts'

const dueAt = Date.parse('2026-01-15T14:00:00Z')
const chosen = (text: string): Chosen => ({
  ...{ variable: 'flow', seriesId: 1, readAt: dueAt, ageMs: 0 },
  ...{ value: Number(text), text },
})
const well = { flow: chosen('14.25'), total: chosen('139806'), level: chosen('23.60') }
const slot = { workCode: 'OB-0602-7', dueAt }
const terms = { kind: 'groundwater', levelExempt: false, totalRounding: 'truncate' } as const

test('quantitiesOf() leaves a level out where it is exempt: always, by what is required, or for a time', () => {
  const kind = 'groundwater' as const
  const exemptions = [{ quantity: 'level' as const, from: dueAt, to: dueAt + 1, reason: 'sin piezómetro' }]
  const of = (more: object, at = dueAt) => quantitiesOf({ kind, levelExempt: false, ...more }, at).required
  const [all, without] = [
    ['flow', 'total', 'level'],
    ['flow', 'total'],
  ]

  assert.deepEqual(of({}), all)
  assert.deepEqual(of({ levelExempt: true }), without)
  assert.deepEqual(of({ required: ['flow', 'total'] }), without)
  assert.deepEqual(
    [dueAt - 1, dueAt, dueAt + 1].map(at => of({ exemptions }, at)),
    [all, without, all],
  )
})

test('buildDeclaration() says what is missing, and builds nothing without it', () => {
  const built = buildDeclaration(slot, terms, { flow: well.flow })

  assert.deepEqual(built, { kind: 'missing', quantities: ['total', 'level'] })
})
