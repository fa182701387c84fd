import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBell } from '../../edge/bell.ts'
import { openFakeClock } from '../doubles/clock.ts'

const never = () => new AbortController().signal

test('a wait ends at its time, or at a ring, also one that came before it', async () => {
  const clock = openFakeClock()
  const bell = openBell({ clock })
  let waits = 0
  const wait = (ms: number) => bell.wait(ms, never()).then(() => (waits += 1))

  const first = wait(1_000)
  await clock.advance(999)
  assert.equal(waits, 0)
  await clock.advance(1)
  await first

  const second = wait(1_000)
  bell.ring()
  await second

  bell.ring()
  bell.ring()
  await wait(1_000)
  const fourth = wait(1_000)
  await clock.advance(500)
  assert.equal(waits, 3, 'two rings before a wait are one')
  await clock.advance(500)
  await fourth
  assert.equal(clock.sleepers(), 0)
})

test('a wait rejects with the reason of its signal, before and while it waits, and keeps a ring for nobody', async () => {
  const clock = openFakeClock()
  const bell = openBell({ clock })
  const reason = new Error('stop')

  await assert.rejects(bell.wait(1_000, AbortSignal.abort(reason)), reason)
  const stopping = new AbortController()
  const waiting = bell.wait(1_000, stopping.signal)
  stopping.abort(reason)
  await assert.rejects(waiting, reason)
  assert.equal(clock.sleepers(), 0)
})
