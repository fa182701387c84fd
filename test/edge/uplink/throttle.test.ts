// How a backlog is held back: its allowance and its pace, as numbers alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ALLOWANCE_MIN, openAllowance } from '../../../edge/allowance.ts'
import { openPace } from '../../../edge/pace.ts'
import { openFakeClock } from '../../doubles/clock.ts'

/** A link of `readingsPerSecond` with a round trip, and the backlog that is under way on it. */
function openLine({ window = 8, roundTripMs = 300 } = {}) {
  const clock = openFakeClock()
  const allowance = openAllowance({ clock }, { window })
  const line = { roundTripMs, readingsPerSecond: 100_000 }
  let freeAt = 0
  let underWay: { readings: number; sentAt: number; ackAt: number }[] = []
  const busy = () => underWay.reduce((sum, { readings }) => sum + readings, 0)
  return {
    line,
    allowance,
    busy,
    /** How long a live batch would wait behind the backlog now. */
    queueMs: () => Math.max(0, freeAt - clock.monotonic()),
    async run(ms: number, look: () => void = () => {}) {
      for (const end = clock.monotonic() + ms; clock.monotonic() < end; await clock.advance(10)) {
        const now = clock.monotonic()
        for (const batch of underWay.filter(({ ackAt }) => ackAt <= now)) {
          underWay = underWay.filter(one => one !== batch)
          allowance.answered(batch)
        }
        for (let readings = allowance.next(busy()); readings > 0 && underWay.length < window; ) {
          freeAt = Math.max(freeAt, now) + (readings * 1000) / line.readingsPerSecond
          underWay.push({ readings, sentAt: now, ackAt: freeAt + line.roundTripMs })
          readings = allowance.next(busy())
        }
        look()
      }
    },
  }
}

test('openAllowance() begins with one small batch and doubles each round trip, up to the window', async () => {
  const scene = openLine()
  const seen: number[] = []

  for (let trip = 0; trip < 9; trip += 1) {
    await scene.run(10)
    seen.push(scene.busy())
    await scene.run(310)
  }

  assert.deepEqual(seen, [50, 100, 200, 400, 800, 1_500, 3_000, 4_000, 4_000])
})

test('openAllowance() adds to what is under way only up to what it says, whatever the window', async () => {
  for (const window of [1, 2, 3, 8]) {
    const scene = openLine({ window })
    scene.line.readingsPerSecond = 700

    let before = 0
    await scene.run(20_000, () => {
      assert.ok(scene.busy() <= Math.max(before, scene.allowance.readings()))
      before = scene.busy()
    })

    assert.ok(scene.allowance.readings() <= window * 500)
  }
})

test('openAllowance() lets a live batch wait for some seconds at most on any link, and still uses it', async () => {
  for (const readingsPerSecond of [60, 200, 1_000, 5_000]) {
    const scene = openLine()
    scene.line.readingsPerSecond = readingsPerSecond
    const queues: number[] = []
    let idle = 0

    await scene.run(120_000, () => {
      queues.push(scene.queueMs())
      if (scene.queueMs() === 0) idle += 1
    })

    assert.ok(Math.max(...queues) <= 4_000, `${readingsPerSecond}/s: ${Math.max(...queues)} ms`)
    assert.ok(idle / queues.length < 0.35, `${readingsPerSecond}/s: idle ${idle} of ${queues.length}`)
  }
})

test('openAllowance() goes on when the link has become thin and slow for good, and when it has become wide again', async () => {
  const scene = openLine()
  await scene.run(10_000)
  assert.equal(scene.allowance.readings(), 4_000)

  Object.assign(scene.line, { roundTripMs: 3_000, readingsPerSecond: 300 })
  await scene.run(30_000)
  assert.ok(scene.allowance.readings() < 2_000)
  let most = 0
  await scene.run(60_000, () => {
    most = Math.max(most, scene.busy())
    assert.ok(scene.queueMs() <= 4_000)
  })
  assert.ok(most > ALLOWANCE_MIN)

  Object.assign(scene.line, { roundTripMs: 300, readingsPerSecond: 100_000 })
  await scene.run(60_000)
  assert.equal(scene.allowance.readings(), 4_000)
})

test('openPace() lets no more go in any stretch of time than its rate gives, and one batch', async () => {
  const batch = fc.record({ bytes: fc.integer({ min: 1, max: 9_000 }), idleMs: fc.nat({ max: 20_000 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 2, maxLength: 20 }), async batches => {
      const clock = openFakeClock()
      const pace = openPace({ clock }, { bytesPerSecond: 1_024, everyMs: 0 })
      const sent: { at: number; bytes: number }[] = []
      for (const { bytes, idleMs } of batches) {
        await clock.advance(idleMs + Math.max(0, pace.waitMs() - idleMs))
        sent.push({ at: clock.monotonic(), bytes })
        pace.spend(bytes)
      }

      for (const [index, from] of sent.entries()) {
        let before = 0
        for (const { at, bytes } of sent.slice(index)) {
          assert.ok(before <= (1_024 * (at - from.at)) / 1000 + 1e-6)
          before += bytes
        }
      }
    }),
    { numRuns: 50 },
  )
})

test('openPace() without a bound never waits', () => {
  const pace = openPace({ clock: openFakeClock() }, { bytesPerSecond: Number.POSITIVE_INFINITY, everyMs: 0 })

  for (let batch = 0; batch < 3; batch += 1) {
    pace.spend(1_000_000)
    assert.equal(pace.waitMs(), 0)
  }
})

test('openPace() keeps batches as far apart as it is told, also where there is no bound of bytes', async () => {
  const clock = openFakeClock()
  const pace = openPace({ clock }, { bytesPerSecond: Number.POSITIVE_INFINITY, everyMs: 25 })
  pace.spend(1)

  await clock.advance(24)
  assert.equal(pace.waitMs(), 1)
  await clock.advance(1)
  assert.equal(pace.waitMs(), 0)
})
