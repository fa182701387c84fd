// What becomes of a slot: the decisions alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Submission } from '../../../cloud/compliance/dga/client.ts'
import { ObligationSettings, termsOf } from '../../../cloud/compliance/obligation.ts'
import {
  afterAbandonment,
  afterEarlierAcceptance,
  afterPicking,
  afterSubmission,
  afterVerification,
} from '../../../cloud/compliance/slots.ts'
import { NO_BACKGROUND } from '../../../cloud/compliance/validation.ts'

const NOW = Date.parse('2026-01-15T14:00:42Z')
const DAY = 86_400_000
const terms = termsOf(
  ObligationSettings.parse({
    ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest' },
    ...{ workCode: 'OB-0602-7', informant: '12345678-5' },
  }),
  'groundwater',
)
const slot = { state: 'pending' as const, workCode: 'OB-0602-7', dueAt: NOW - 42_000, terms }
const chosen = (text: string) => ({
  ...{ variable: 'flow' as const, seriesId: 1, readAt: slot.dueAt, ageMs: 0 },
  ...{ value: Number(text), text },
})
const checked = (
  given: Parameters<typeof afterPicking>[0],
  picked: Parameters<typeof afterPicking>[1],
  now: number,
) => afterPicking(given, picked, NO_BACKGROUND, now)
const values = { flow: chosen('14.25'), total: chosen('139806'), level: chosen('23.60') }

test('afterSubmission() never sends again what DGA has accepted, with a receipt or without', () => {
  const cases: [Submission, string, string | null][] = [
    [{ kind: 'accepted', receipt: 'R1' }, 'sent', 'R1'],
    [{ kind: 'duplicate', receipt: 'R1' }, 'sent', 'R1'],
    [{ kind: 'duplicate' }, 'review', null],
    [{ kind: 'accepted_without_receipt' }, 'review', null],
  ]
  for (const [submission, state, receipt] of cases) {
    const change = afterSubmission(submission, NOW)
    assert.deepEqual(
      [change.state, change.receipt, change.nextAttemptAt],
      [state, receipt, null],
      submission.kind,
    )
  }
  assert.equal(afterSubmission({ kind: 'duplicate', receipt: 'R1' }, NOW).recovered, true)
})

test('afterSubmission() tries again the next day what was refused or not answered', () => {
  for (const kind of ['refused', 'unknown_outcome'] as const) {
    const change = afterSubmission({ kind, reason: 'x' }, NOW)
    assert.deepEqual(
      [change.state, change.nextAttemptAt, change.isAttemptSpared],
      ['ready', NOW + DAY, false],
    )
  }
})

test('afterSubmission() burns no attempt on what did not arrive, and tries soon', () => {
  const change = afterSubmission({ kind: 'not_sent', reason: 'connect ECONNREFUSED' }, NOW)

  assert.deepEqual(
    [change.state, change.nextAttemptAt, change.isAttemptSpared],
    ['ready', NOW + 300_000, true],
  )
})

test('afterSubmission() stops the work, or the informant, whose configuration is wrong', () => {
  const stopOf = (mistake: 'not_informant' | 'unknown_work' | 'credentials' | 'control_centre') =>
    afterSubmission({ kind: 'configuration_error', mistake, reason: 'x' }, NOW)

  assert.equal(stopOf('not_informant').stop?.what, 'work')
  assert.equal(stopOf('unknown_work').stop?.what, 'work')
  assert.equal(stopOf('credentials').stop?.what, 'informant')
  assert.equal(stopOf('control_centre').stop?.what, 'informant')
  assert.deepEqual([stopOf('credentials').state, stopOf('credentials').isAttemptSpared], ['ready', true])
})

test('afterAbandonment() believes the evidence, and else waits a day', () => {
  const accepted = { outcome: 'accepted', receipt: 'R1', at: NOW - 5000 } as const

  assert.deepEqual(afterAbandonment(accepted, NOW), afterEarlierAcceptance(accepted))
  assert.equal(afterAbandonment(accepted, NOW).state, 'sent')
  const unknown = afterAbandonment(undefined, NOW)
  assert.deepEqual([unknown.state, unknown.nextAttemptAt], ['ready', NOW + DAY])
})

test('afterPicking() never builds a declaration with a missing or a negative value', () => {
  const missing = checked(slot, { kind: 'chosen', values: { flow: values.flow, total: values.total } }, NOW)
  const negative = checked(slot, { kind: 'chosen', values: { ...values, flow: chosen('-0.03') } }, NOW)
  const long = checked(
    slot,
    { kind: 'chosen', values: { ...values, total: chosen('1234567890123456') } },
    NOW,
  )

  assert.deepEqual([missing.state, missing.declaration, missing.reason], ['review', null, 'missing: level'])
  assert.deepEqual(
    [negative.state, negative.declaration, negative.reason],
    ['review', null, 'negative flow: -0.03'],
  )
  assert.deepEqual([long.state, long.declaration], ['review', null])
})

test('afterPicking() does everything but sending in shadow mode', () => {
  const shadow = checked({ ...slot, terms: { ...terms, mode: 'shadow' } }, { kind: 'chosen', values }, NOW)
  const live = checked(slot, { kind: 'chosen', values }, NOW)

  assert.deepEqual([shadow.state, shadow.nextAttemptAt], ['shadow', null])
  assert.deepEqual(shadow.declaration, live.declaration)
  assert.deepEqual([live.state, live.nextAttemptAt], ['ready', NOW])
})

test('afterPicking() looks for late readings until the maximum lag, ever more rarely, and then no more', () => {
  const nextAfter = (ageMs: number) =>
    checked(slot, { kind: 'no_data', reason: 'x', values: {} }, slot.dueAt + ageMs).nextCheckAt

  assert.equal(nextAfter(1_800_000), slot.dueAt + 1_800_000 + 300_000)
  assert.equal(nextAfter(3 * DAY), slot.dueAt + 3 * DAY + 3_600_000)
  assert.equal(nextAfter(7 * DAY - 1), slot.dueAt + 7 * DAY)
  assert.equal(nextAfter(7 * DAY), null)
})

test('afterVerification() puts what DGA holds otherwise before a person, and asks again when it does not answer', () => {
  const mismatch = afterVerification(
    { kind: 'mismatch', differences: ['caudal: declared 1.00, held 2'] },
    1,
    NOW,
  )
  const silent = afterVerification({ kind: 'no_answer', reason: 'x' }, 1, NOW)

  assert.deepEqual([mismatch.state, mismatch.nextVerifyAt], ['review', null])
  assert.deepEqual([silent.state, silent.nextVerifyAt], ['sent', NOW + 600_000])
  assert.deepEqual(afterVerification({ kind: 'match' }, 1, NOW), {
    state: 'sent',
    reason: null,
    nextVerifyAt: null,
  })
  assert.equal(afterVerification({ kind: 'not_found', reason: 'x' }, 8, NOW).state, 'review')
  assert.deepEqual(
    afterVerification({ kind: 'no_answer', reason: 'x' }, 80, NOW).nextVerifyAt,
    NOW + 24 * 3_600_000,
    'until it answers',
  )
})
