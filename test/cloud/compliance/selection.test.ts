// Which readings stand for a slot.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Candidate, pickValues as pick, type SlotToFill } from '../../../cloud/compliance/selection.ts'
import { QUALITIES, TIME_QUALITIES } from '../../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'

const MINUTE = 60_000
const dueAt = Date.parse('2026-01-15T14:00:00Z')
const slot = (terms: Partial<SlotToFill['terms']> = {}, hasMeterTotal = true): SlotToFill => ({
  dueAt,
  ...{ pointId: 1, metered: hasMeterTotal ? [1] : [] },
  terms: {
    ...{ kind: 'groundwater', levelExempt: false, total: undefined, totalRounding: 'truncate' },
    ...{
      selection: { kind: 'nearest', withinMs: 5 * MINUTE },
      graceMs: 30 * MINUTE,
      arrivalMs: MINUTE,
      maxLagMs: 7 * 86_400_000,
    },
    ...terms,
  },
})
const reading = (
  variable: Variable,
  value: number | null,
  offsetMs = 0,
  more: Partial<Candidate> = {},
): Candidate => ({
  ...{
    pointId: 1,
    seriesId: VARIABLES[variable].code,
    variable: VARIABLES[variable].code,
    at: dueAt + offsetMs,
    value,
  },
  ...{
    quality: value === null ? QUALITIES.no_answer.code : QUALITIES.good.code,
    ...{ timeQuality: TIME_QUALITIES.synced, flags: 0 },
  },
  ...more,
})
const well = (offsetMs = 0) => [
  reading('flow', 14.254, offsetMs),
  reading('total', 139_806.9, offsetMs),
  reading('water_table', 23.6, offsetMs),
]

const pickValues = (asked: SlotToFill, candidates: readonly Candidate[], now: number) =>
  pick(asked, { candidates, means: [] }, now)

test('pickValues() picks readings of the very instant at once, with what is declared of them', () => {
  const picked = pickValues(slot(), well(), dueAt)

  assert.equal(picked.kind, 'chosen')
  assert.ok(picked.kind === 'chosen')
  assert.deepEqual(
    Object.entries(picked.values).map(([name, chosen]) => [
      name,
      chosen?.text,
      chosen?.ageMs,
      chosen?.readAt,
    ]),
    [
      ['flow', '14.25', 0, dueAt],
      ['total', '139806', 0, dueAt],
      ['level', '23.60', 0, dueAt],
    ],
  )
})

test('pickValues() waits with a reading that is merely near until no nearer one can come', () => {
  const candidates = well(-2 * MINUTE)

  assert.deepEqual(pickValues(slot(), candidates, dueAt), { kind: 'waiting', nextCheckAt: dueAt + MINUTE })
  assert.equal(pickValues(slot(), candidates, dueAt + 6 * MINUTE - 1).kind, 'waiting')
  const picked = pickValues(slot(), candidates, dueAt + 6 * MINUTE)
  assert.ok(picked.kind === 'chosen')
  assert.equal(picked.values.flow?.ageMs, 2 * MINUTE)
})

test('pickValues() waits for arrivals as long as the obligation says', () => {
  const quick = slot({ selection: { kind: 'nearest', withinMs: 5_000 }, arrivalMs: 10_000 })

  assert.deepEqual(pickValues(quick, [], dueAt), { kind: 'waiting', nextCheckAt: dueAt + 15_000 })
  assert.equal(pickValues(quick, well(200), dueAt + 14_999).kind, 'waiting')
  assert.equal(pickValues(quick, well(200), dueAt + 15_000).kind, 'chosen')
})

test('pickValues() picks of two readings as near the earlier', () => {
  const candidates = [...well(1000), ...well(-1000)]
  const picked = pickValues(slot(), candidates, dueAt + 6 * MINUTE)

  assert.ok(picked.kind === 'chosen')
  assert.equal(picked.values.flow?.readAt, dueAt - 1000)
})

test('pickValues() takes no near reading for an exact slot', () => {
  const exact = slot({ selection: { kind: 'exact' } })

  assert.equal(pickValues(exact, well(1), dueAt + 10 * MINUTE).kind, 'waiting')
  assert.equal(pickValues(exact, well(1), dueAt + 30 * MINUTE).kind, 'no_data')
  assert.equal(pickValues(exact, well(0), dueAt).kind, 'chosen')
})

test('pickValues() says after the grace what is missing and what was seen instead', () => {
  const candidates = [reading('flow', null), reading('total', null, 0)]

  const picked = pickValues(slot(), candidates, dueAt + 30 * MINUTE)

  assert.deepEqual(picked, {
    kind: 'no_data',
    values: {},
    reason:
      'flow: flow of 2026-01-15T14:00:00.000Z is no_answer; ' +
      'total: total of 2026-01-15T14:00:00.000Z is no_answer; ' +
      'level: no reading of water_table',
  })
})

test('pickValues() gives after the grace what there is, with how doubtful it is (P4)', () => {
  const unsynced = reading('total', 5, 0, { timeQuality: TIME_QUALITIES.unsynced })
  const candidates = [reading('flow', 3, 0, { quality: QUALITIES.uncertain.code }), unsynced]

  assert.equal(pickValues(slot(), candidates, dueAt + 30 * MINUTE - 1).kind, 'waiting')
  const picked = pickValues(slot(), candidates, dueAt + 30 * MINUTE)

  assert.ok(picked.kind === 'no_data')
  assert.equal(picked.reason, 'level: no reading of water_table')
  assert.equal(picked.values.flow?.parts?.[0]?.quality, QUALITIES.uncertain.code)
  assert.equal(picked.values.total?.parts?.[0]?.timeQuality, TIME_QUALITIES.unsynced)
})

test('pickValues() takes a good reading before a nearer doubtful one (P1)', () => {
  const candidates = [...[reading('flow', 99, 0, { quality: QUALITIES.uncertain.code }), ...well(2 * MINUTE)]]
  const picked = pickValues(slot(), candidates, dueAt + 30 * MINUTE)

  assert.ok(picked.kind === 'chosen')
  assert.equal(picked.values.flow?.text, '14.25')
})

test('pickValues() declares no mixture of counters', () => {
  const onlyVolume = [
    ...well().filter(({ variable }) => variable !== VARIABLES.total.code),
    reading('volume', 812.4),
  ]
  assert.equal(pickValues(slot(), onlyVolume, dueAt + 30 * MINUTE).kind, 'no_data')
  const picked = pickValues(slot({}, false), onlyVolume, dueAt)
  assert.ok(picked.kind === 'chosen')
  assert.deepEqual([picked.values.total?.variable, picked.values.total?.text], ['volume', '812'])
})

test('pickValues() declares an exempt work without a level, and a channel’s height in centimetres', () => {
  const exempt = pickValues(slot({ levelExempt: true }), well().slice(0, 2), dueAt + 6 * MINUTE)
  assert.ok(exempt.kind === 'chosen')
  assert.equal(exempt.values.level, undefined)

  const channel = pickValues(
    slot({ kind: 'surface_channel' }),
    [reading('flow', 16.54), reading('stage', 0.285)],
    dueAt,
  )
  assert.ok(channel.kind === 'chosen')
  assert.deepEqual([channel.values.flow?.text, channel.values.level?.text], ['16.54', '29'])
})
