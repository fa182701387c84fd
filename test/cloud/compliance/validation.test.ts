// What is doubted of a slot's values: each check with what it must find, what it must not, and the numbers it tells.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckCode } from '../../../cloud/compliance/checks.ts'
import {
  type ChosenValues,
  declaredText,
  type Part,
  type Quantity,
} from '../../../cloud/compliance/declaration.ts'
import { ObligationSettings, termsOf } from '../../../cloud/compliance/obligation.ts'
import {
  type Background,
  type Finding,
  NO_BACKGROUND,
  validate,
  type Window,
} from '../../../cloud/compliance/validation.ts'
import { flagsOf } from '../../../cloud/flags.ts'
import { QUALITIES, TIME_QUALITIES } from '../../../protocol/reading.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DUE = Date.parse('2026-01-15T14:00:00Z')
const POINT = 7
const SERIES = { flow: 1, total: 2, level: 3 } as const

const termsWith = (settings: object = {}) =>
  termsOf(
    ObligationSettings.parse({
      ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest' },
      ...{ workCode: 'OB-0602-7', informant: '12345678-5', ...settings },
    }),
    'groundwater',
  )

const part = (quantity: Quantity, value: number, more: Partial<Part> = {}): Part => ({
  pointId: POINT,
  variable: quantity === 'level' ? 'water_table' : quantity,
  ...{ seriesId: SERIES[quantity], readAt: DUE, ageMs: 0, value },
  ...{ quality: QUALITIES.good.code, timeQuality: TIME_QUALITIES.synced, flags: 0, ...more },
})

const valuesOf = (values: Partial<Record<Quantity, number>>, more: Partial<Part> = {}): ChosenValues =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const one = part(name as Quantity, value, more)
      return [name, { ...one, text: declaredText(name as Quantity, value, termsWith()), parts: [one] }]
    }),
  )

const WELL = { flow: 14.25, total: 139_806, level: 23.6 }
const window = (min: number, max: number, hours: number, more: Partial<Window> = {}): Window => ({
  ...{ count: 60, min, max, mean: (min + max) / 2, firstAt: DUE - hours * HOUR, lastAt: DUE, ...more },
})

const found = (
  values: ChosenValues,
  background: Partial<Background> = {},
  settings: object = {},
): Finding[] => validate({ values, terms: termsWith(settings) }, { ...NO_BACKGROUND, ...background })

const codes = (findings: readonly Finding[]): CheckCode[] => findings.map(({ code }) => code)

const before = (values: Partial<Record<Quantity, number>>, hours = 1): Partial<Background> => ({
  previous: {
    dueAt: DUE - hours * HOUR,
    values: valuesOf(values, { readAt: DUE - hours * HOUR }),
  },
})

test('validate() has nothing against a good measurement, with or without anything to compare it with (V2)', () => {
  const stays = new Map([
    [1, window(13, 15, 12)],
    [2, window(139_000, 139_806, 12)],
    [3, window(23.1, 23.9, 12)],
  ])
  const hours = new Map([
    [1, window(14, 14.5, 1)],
    [2, window(139_755, 139_806, 1)],
  ])
  assert.deepEqual(found(valuesOf(WELL)), [])
  assert.deepEqual(found(valuesOf(WELL), { ...before({ ...WELL, total: 139_755 }), stays, hours }), [])
})

test('validate() blocks what is negative as it is declared, and what is longer than anything real', () => {
  const [negative] = found(valuesOf({ ...WELL, flow: -0.03 }))
  assert.deepEqual(negative, {
    ...{ code: 'negative', severity: 'block', quantity: 'flow', message: 'negative flow: -0.03' },
    saw: { value: -0.03 },
  })
  // What rounds to zero is declared as 0.00.
  assert.deepEqual(found(valuesOf({ ...WELL, flow: -0.003 })), [])
  assert.deepEqual(codes(found(valuesOf({ ...WELL, flow: 4.2e20 }))), ['too_long'])
})

test('validate() notes what is over the rights together: it was taken, so it is declared', () => {
  const rights = [
    { flowLps: 10, yearlyM3: 1000 },
    { flowLps: 4, yearlyM3: 500 },
  ]
  const [over, yearly] = found(valuesOf(WELL), { yearM3: 1501 }, { rights })
  assert.deepEqual(
    [over?.code, over?.severity, over?.saw],
    ['over_right', 'note', { flowLps: 14.25, rightLps: 14 }],
  )
  assert.deepEqual([yearly?.code, yearly?.saw], ['over_yearly_right', { yearM3: 1501, rightM3: 1500 }])
  assert.deepEqual(found(valuesOf({ ...WELL, flow: 14.004 }), { yearM3: 1500 }, { rights }), [])
  // A right without a yearly volume bounds none.
  assert.deepEqual(found(valuesOf({ flow: 1 }), { yearM3: 9e9 }, { rights: [...rights, { flowLps: 1 }] }), [])
})

test('validate() doubts a figure that has stayed for hours while something else moves, and no pump that rests', () => {
  const still = (flow: number, levelSpan: number) =>
    new Map([
      [1, window(flow, flow, 12)],
      [2, window(139_806, 139_806, 12)],
      [3, window(23.6, 23.6 + levelSpan, 12)],
    ])
  const stuck = found(valuesOf(WELL), { stays: still(14.25, 0) })
  assert.deepEqual(
    stuck.map(({ code, quantity }) => [code, quantity]),
    [
      ['stuck', 'flow'],
      ['stuck', 'total'],
      ['stuck', 'level'],
    ],
  )
  assert.deepEqual(stuck[1]?.saw, {
    value: 139_806,
    hours: 12,
    readings: 60,
    flowMeanLps: 14.25,
    levelSpanM: 0,
  })
  // A totalizer frozen at a healthy number, the flow stuck at 0: only the level tells.
  const quiet = { ...WELL, flow: 0 }
  assert.deepEqual(codes(found(valuesOf(quiet), { stays: still(0, 4) })), ['stuck', 'stuck'])
  const resting = new Map([...still(0, 0), [3, window(23.59, 23.61, 12)] as const])
  assert.deepEqual(found(valuesOf(quiet), { stays: resting }), [])
  // Too few readings, or too short a time, say nothing.
  const few = new Map([[1, window(14.25, 14.25, 12, { count: 3 })]])
  assert.deepEqual(found(valuesOf(WELL), { stays: few }), [])
  assert.deepEqual(found(valuesOf(WELL), { stays: new Map([[1, window(14.25, 14.25, 9)]]) }), [])
  assert.equal(
    found(
      valuesOf(WELL),
      { stays: new Map([[1, window(14.25, 14.25, 9)]]) },
      { checks: { stuckAfter: '8h' } },
    ).length,
    1,
  )
})

test('validate() doubts a totalizer that falls, and says from what to what', () => {
  const [back] = found(valuesOf({ ...WELL, total: 214 }), before({ ...WELL, total: 4_673_830 }))
  assert.deepEqual([back?.code, back?.severity], ['total_back', 'review'])
  assert.deepEqual(back?.saw, { beforeM3: 4_673_830, nowM3: 214, hours: 1, limitM3: 501 })
  // A counter that trembles within a cubic metre is declared as the same.
  assert.deepEqual(found(valuesOf({ ...WELL, total: 139_806.2 }), before({ ...WELL, total: 139_806.4 })), [])
})

test('validate() doubts a totalizer that rises by more than can be water in that time, or than the rights allow for', () => {
  assert.deepEqual(codes(found(valuesOf({ ...WELL, total: 140_308 }), before(WELL))), ['total_jump'])
  assert.deepEqual(found(valuesOf({ ...WELL, total: 140_308 }), before(WELL, 24)), [])
  assert.deepEqual(
    found(valuesOf({ flow: 14, total: 140_308 }), before(WELL), { rights: [{ flowLps: 100 }] }),
    [],
  )
})

test('validate() knows a rollover where the modulus is told, and a change of the meter where somebody entered it', () => {
  const rolled = valuesOf({ ...WELL, total: 12 })
  const end = before({ ...WELL, total: 999_990 })
  assert.deepEqual(codes(found(rolled, end)), ['total_back'])
  const [rollover] = found(rolled, end, { checks: { modulus: 1_000_000 } })
  assert.deepEqual([rollover?.code, rollover?.severity], ['total_rollover', 'note'])
  // From the middle of its range nothing rolls over.
  assert.deepEqual(codes(found(rolled, before(WELL), { checks: { modulus: 1_000_000 } })), ['total_back'])
  const change = { pointId: POINT, at: DUE - MINUTE, what: 'meter replaced' }
  const [changed] = found(rolled, { ...before(WELL), meterChanges: [change] })
  assert.deepEqual(
    [changed?.code, changed?.severity, changed?.saw.changedAt],
    ['meter_changed', 'note', DUE - MINUTE],
  )
  const elsewhere = [
    { ...change, pointId: 8 },
    { ...change, at: DUE + 1 },
  ]
  assert.deepEqual(codes(found(rolled, { ...before(WELL), meterChanges: elsewhere })), ['total_back'])
})

test('validate() doubts a counter and a flow of which one is 3.6 times the other', () => {
  const hourOf = (flowLps: number, m3: number) => ({
    hours: new Map([
      [1, window(flowLps, flowLps, 1)],
      [2, window(139_806 - m3, 139_806, 1)],
    ]),
  })
  for (const flowLps of [14.25 * 3.6, 14.25 / 3.6]) {
    const [doubt] = found(valuesOf(WELL), hourOf(flowLps, 51.3))
    assert.equal(doubt?.code, 'volume_against_flow')
    assert.deepEqual([doubt?.saw.countedM3, doubt?.saw.minutes], [139_806 - (139_806 - 51.3), 60])
  }
  // Registers that read 0 while the counter goes on.
  assert.deepEqual(codes(found(valuesOf({ ...WELL, flow: 0 }), hourOf(0, 51.3))), ['volume_against_flow'])
  assert.deepEqual(found(valuesOf(WELL), hourOf(14.25, 51)), [])
  // Read every quarter of an hour, a pump that runs for ten minutes may be seen by no reading at all.
  const sparse = {
    hours: new Map([
      [1, window(0, 0, 1, { count: 5 })],
      [2, window(139_798.5, 139_806, 1, { count: 5 })],
    ]),
    stays: new Map([[1, window(0, 12.5, 12, { count: 49 })]]),
  }
  assert.deepEqual(found(valuesOf({ ...WELL, flow: 0 }), sparse), [])
  // A counter of ten cubic metres a count says little of an hour.
  assert.deepEqual(found(valuesOf(WELL), hourOf(1, 10), { checks: { volumeSlackM3: 10 } }), [])
})

test('validate() doubts a level out of its range, one that jumps, and one of a sensor that hangs dry', () => {
  const facts = { pointId: POINT, wellDepthM: 90, sensorDepthM: 80, columnM: null }
  const points = new Map([[POINT, facts]])
  assert.deepEqual(found(valuesOf(WELL), { points }), [])
  assert.deepEqual(codes(found(valuesOf({ ...WELL, level: 95 }), { points })), ['level_range', 'dry_sensor'])
  const [jump] = found(valuesOf(WELL), { points, ...before({ ...WELL, level: 61 }) })
  assert.deepEqual([jump?.code, jump?.saw], ['level_jump', { beforeM: 61, nowM: 23.6, limitM: 30 }])
  const [dry] = found(valuesOf({ ...WELL, level: 79.97 }), { points })
  assert.deepEqual([dry?.code, dry?.saw], ['dry_sensor', { columnM: 0.03, sensorDepthM: 80, levelM: 79.97 }])
  const column = new Map([[POINT, { ...facts, columnM: 12 }]])
  assert.deepEqual(found(valuesOf({ ...WELL, level: 79.97 }), { points: column }), [])
})

test('validate() doubts clocks, ages and qualities', () => {
  const unsynced = found(valuesOf(WELL, { timeQuality: TIME_QUALITIES.unsynced }))
  assert.deepEqual(codes(unsynced), ['clock', 'clock', 'clock'])
  const late = (delayMs: number) => codes(found(valuesOf(WELL), { delays: new Map([[1, delayMs]]) }))
  // A logger whose clock is 59 minutes behind.
  assert.deepEqual(late(59 * MINUTE), ['clock'])
  assert.deepEqual(late(-6 * MINUTE), ['clock'])
  assert.deepEqual([late(50 * MINUTE), late(-5 * MINUTE)], [[], []])
  const stale = found(valuesOf({ flow: 1 }, { ageMs: 31 * MINUTE, readAt: DUE - 31 * MINUTE }))
  assert.deepEqual([stale[0]?.code, stale[0]?.severity, stale.length], ['stale', 'note', 1])
  const [bad] = found(valuesOf({ flow: 1 }, { quality: QUALITIES.uncertain.code }))
  assert.deepEqual([bad?.code, bad?.saw.quality], ['bad_quality', 'uncertain'])
  const judged = found(valuesOf({ total: 1000 }, { flags: flagsOf('truncated', 'gap') }))
  assert.deepEqual(
    [judged[0]?.message, judged[0]?.saw.judged],
    ['total 1000 is good, truncated', 'truncated'],
  )
  assert.deepEqual(found(valuesOf({ total: 1000 }, { flags: flagsOf('gap', 'reset') })), [])
})

test('validate() does with each doubt what the obligation says, but declares nothing negative', () => {
  const severity = { total_back: 'note', negative: 'review' }
  const falling = found(valuesOf({ ...WELL, total: 5 }), before(WELL), { checks: { severity } })
  assert.deepEqual(
    falling.map(({ severity: one }) => one),
    ['note'],
  )
  assert.deepEqual(
    found(valuesOf({ ...WELL, total: 5 }), before(WELL), { checks: { severity: { total_back: 'off' } } }),
    [],
  )
  assert.throws(() => termsWith({ checks: { severity: { negative: 'note' } } }), /must be block or review/)
})
