// What counts as worse, and what does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baselineOf, openProbation, type Vitals } from '../../edge/probation.ts'

const source = (id: string, ok: number, failed: number, lastFailure?: string) => ({
  id,
  ok,
  failed,
  lastFailure,
})
const vitals = (more: Partial<Vitals>): Vitals => ({ sources: [], connected: true, rejected: 0, ...more })

const BEFORE = vitals({ sources: [source('meter', 100, 2), source('probe', 0, 50, 'silent')] })

const watch = (more: Partial<Vitals>, { before = BEFORE, atMs = 60_000 } = {}) =>
  openProbation(baselineOf(before, before.rejected), before, 0).look(vitals(more), atMs)

test('a device that answered and is silent for three polls is worse; one that was silent before is not', () => {
  assert.equal(
    watch({ sources: [source('meter', 100, 4, 'no answer'), source('probe', 0, 90, 'silent')] }),
    undefined,
  )
  assert.match(
    watch({ sources: [source('meter', 100, 5, 'no answer')] }) ?? '',
    /^meter, which answered before, brought nothing in 3 polls: no answer$/,
  )
})

test('counts that begin anew, as after a start, are counted from nothing', () => {
  assert.equal(watch({ sources: [source('meter', 0, 2, 'no answer')] }), undefined)
  assert.match(watch({ sources: [source('meter', 0, 3, 'no answer')] }) ?? '', /brought nothing in 3 polls/)
})

test('a device that fails more often than not is worse, once that can be said', () => {
  assert.equal(watch({ sources: [source('meter', 102, 5)] }), undefined)
  assert.match(watch({ sources: [source('meter', 102, 6, 'crc')] }) ?? '', /failed in 4 of 6 polls: crc/)
})

test('a device that was taken out is not missed, and a new one need not answer', () => {
  assert.equal(watch({ sources: [source('new', 0, 40, 'no answer')] }), undefined)
})

test('a cloud that was there and stays away is worse, and one that was away before is not', () => {
  assert.equal(watch({ connected: false }, { atMs: 119_000 }), undefined)
  assert.match(watch({ connected: false }, { atMs: 120_000 }) ?? '', /not reached for 120 s/)
  const before = { ...BEFORE, connected: false }
  assert.equal(watch({ connected: false }, { before, atMs: 600_000 }), undefined)
})

test('readings that the cloud rejects are worse where it rejected none', () => {
  assert.match(watch({ rejected: 3 }) ?? '', /rejected 3 readings/)
  const before = { ...BEFORE, rejected: 9 }
  const probation = openProbation(baselineOf(before, 5), before, 0)
  assert.equal(probation.look(vitals({ rejected: 20 }), 1_000), undefined)
})
