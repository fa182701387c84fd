// Obligations as a person writes them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InformantSettings, ObligationSettings, termsOf } from '../../../cloud/compliance/obligation.ts'

const written = {
  from: '2026-01-01T00:00:00Z',
  standard: 'mayor',
  channel: 'rest',
  workCode: 'OB-0602-7',
  informant: '12.345.678-5',
}

test('ObligationSettings take the standard’s frequency and lag unless others are given', () => {
  const hourly = termsOf(ObligationSettings.parse(written), 'groundwater')
  const minutely = termsOf(ObligationSettings.parse({ ...written, every: '1m', maxLag: '1d' }), 'groundwater')
  const monthly = termsOf(ObligationSettings.parse({ ...written, standard: 'menor' }), 'groundwater')

  assert.deepEqual(hourly.frequency, { kind: 'interval', everyMs: 3_600_000 })
  assert.equal(hourly.maxLagMs, 7 * 86_400_000)
  assert.deepEqual(minutely.frequency, { kind: 'interval', everyMs: 60_000 })
  assert.deepEqual(minutely.selection, { kind: 'nearest', withinMs: 30_000 })
  assert.equal(minutely.maxLagMs, 86_400_000)
  assert.deepEqual(monthly.frequency, { kind: 'months', everyMonths: 1, day: 1, minute: 0 })
})

test('ObligationSettings keep a RUT in one form, and refuse a wrong check digit', () => {
  assert.equal(ObligationSettings.parse(written).informant, '12345678-5')
  const named = { name: 'Ana', controlCentreRut: '76.000.006-k' }
  assert.equal(InformantSettings.parse({ ...named, rut: '76000014-0' }).controlCentreRut, '76000006-K')
  assert.throws(() => InformantSettings.parse({ ...named, rut: '12345678-4' }), /check digit/)
})

test('ObligationSettings refuse what DGA could not understand', () => {
  const wrong = [
    { workCode: 'OB-0602-07' },
    { workCode: 'OB-1702-7' },
    { workCode: 'ob-0602-7' },
    { every: '7m' },
    { every: '30s' },
    { channel: 'soap', levelExempt: true },
    { channel: 'soap', required: ['flow', 'total'] },
    { unknown: 1 },
  ]
  for (const change of wrong) {
    assert.equal(
      ObligationSettings.safeParse({ ...written, ...change }).success,
      false,
      JSON.stringify(change),
    )
  }
  const soap = ObligationSettings.parse({ ...written, channel: 'soap' })
  assert.throws(() => termsOf(soap, 'surface_pipe'), /no element for a pipe/)
})
