import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTimeQuality } from '../../edge/time-quality.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { atEnd } from './buffer/folder.ts'

test('the clock is unsynced until it was synchronised once, holdover when it is not any more, and asked again and again', async context => {
  const clock = openFakeClock()
  let answer: boolean | undefined
  const probe = await openTimeQuality({ clock }, async () => answer)
  const stopping = new AbortController()
  const done = probe.run(stopping.signal).catch((error: unknown) => {
    if (error !== stopping.signal.reason) throw error
  })
  atEnd(context, () => {
    stopping.abort(new Error('stop'))
    return done
  })
  const seen: string[] = [probe.state().quality]

  for (const next of [false, true, false, undefined, true] as const) {
    answer = next
    await clock.advance(30_000)
    seen.push(probe.state().quality)
  }

  assert.deepEqual(seen, ['unsynced', 'unsynced', 'synced', 'holdover', 'holdover', 'synced'])
})
