import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClockAnswer, openTimeQuality, readTracking } from '../../edge/time-quality.ts'
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

test('chrony’s own bound is read from `chronyc -c tracking`, and grows by the kernel’s drift once nobody disciplines the clock', async context => {
  const line =
    'A29FC87B,162.159.200.123,4,1768478400.123456789,-0.000123456,0.000045678,0.000300000,-12.345,0.001,0.050,0.020000000,0.001500000,64.2,Normal\n'
  const answer = readTracking(line)
  assert.ok(typeof answer === 'object' && answer.synced)
  assert.ok(Math.abs(answer.errorMs - 11.623456) < 1e-9)
  assert.deepEqual(readTracking(line.replace('Normal', 'Not synchronised')), { ...answer, synced: false })
  assert.equal(readTracking('506 Cannot talk to daemon'), undefined)

  const clock = openFakeClock()
  let said: ClockAnswer = answer
  const probe = await openTimeQuality({ clock }, async () => said)
  const stopping = new AbortController()
  const done = probe.run(stopping.signal).catch(() => {})
  atEnd(context, () => {
    stopping.abort()
    return done
  })
  assert.deepEqual(probe.state(), { quality: 'synced', errorMs: answer.errorMs })
  said = false
  await clock.advance(100_000)

  assert.deepEqual(probe.state(), { quality: 'holdover', errorMs: answer.errorMs + 50 })
})

test('before the first synchronisation stamps do not step with the clock, and one poll keeps its clock to its end', async context => {
  const clock = openFakeClock()
  let synced = false
  const probe = await openTimeQuality({ clock }, async () => synced)
  const stopping = new AbortController()
  const done = probe.run(stopping.signal).catch(() => {})
  atEnd(context, () => {
    stopping.abort()
    return done
  })
  const start = clock.now()
  const begun = probe.stamp()
  clock.step(-86_400_000)
  await clock.advance(1_000)
  assert.equal(begun.clock.now(), start + 1_000)
  assert.ok(probe.isAwaited())

  synced = true
  await clock.advance(30_000)

  assert.equal(begun.clock.now(), start + 31_000)
  assert.equal(begun.quality, 'unsynced')
  assert.equal(probe.stamp().clock.now(), clock.now())
  assert.ok(!probe.isAwaited())
})
