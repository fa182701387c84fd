// How batches are made and paced: full or late enough, a window in each lane, live beside backlog.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Measurement } from '../../../protocol/reading.ts'
import { randomFrom } from '../../doubles/random.ts'
import { until } from '../../doubles/until.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, appendOneByOne, GATEWAY, passUntil, setScene } from './scene.ts'

test('a live batch goes when it is full enough, or when its oldest reading has waited enough', async context => {
  const scene = await setScene(context, { minReadings: 10, maxDelayMs: 60_000 })
  await scene.connect()

  await scene.append(measurements(4))
  await scene.clock.advance(30_000)
  await scene.append(measurements(4, 1))
  await scene.clock.advance(29_000)
  assert.equal(scene.cloud.batches.length, 0)
  await passUntil(scene.clock, 'it came', () => scene.cloud.batches.length === 1)
  await scene.drained()
  await scene.append(measurements(12, 2))
  await scene.drained()

  assert.deepEqual(
    scene.cloud.batches.map(({ batch }) => [batch.first, batch.last]),
    [
      [1, 8],
      [9, 20],
    ],
  )
})

test('no more batches than the window are under way, and the next one goes when one is answered', async context => {
  const scene = await setScene(context, { window: 3 })
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.connect()
  await scene.append(measurements(500 * 5))

  await until('the window is full', () => scene.cloud.batches.length === 3)
  await scene.clock.advance(5_000)
  assert.equal(scene.cloud.batches.length, 3)

  scene.cloud.say(GATEWAY, ackText(scene, { first: 501, through: 1_000 }))
  await until('the fourth came', () => scene.cloud.batches.length === 4)
  await scene.clock.advance(5_000)
  assert.equal(scene.cloud.batches.length, 4)
  assert.equal(scene.cloud.batches[3]?.batch.first, 1_501)
})

test('live readings are committed while nothing of the backlog is answered (U2)', async context => {
  const scene = await setScene(context, { window: 2 })
  await scene.buffer.append(measurements(500 * 10))
  scene.cloud.failAlways({ kind: 'ignore' })
  const { uplink } = scene.start()
  await until('what may be under way is', () => scene.cloud.batches.length === 1)

  scene.cloud.failAlways()
  await appendOneByOne(scene, 5)

  assert.equal(uplink.connected(), true)
  assert.deepEqual(
    scene.cloud.batches.map(({ lane }) => lane),
    ['backlog', 'live', 'live', 'live', 'live', 'live'],
  )
  await until('live is forgotten', () => scene.buffer.status().readings === 5_000)
})

test('a lane waits as long as the cloud asks it to, and the other lane does not', async context => {
  const scene = await setScene(context)
  await scene.connect()
  scene.cloud.fail({ kind: 'slow-down', ms: 30_000 })
  await scene.append(measurements(1))
  await scene.drained()

  await scene.append(measurements(1, 1))
  await scene.clock.advance(29_000)
  assert.equal(scene.cloud.batches.length, 1)
  await scene.clock.advance(1_500)
  await scene.drained()
  assert.equal(scene.cloud.batches.length, 2)
  assert.ok((scene.cloud.batches[1]?.at ?? 0) - (scene.cloud.batches[0]?.at ?? 0) >= 30_000)
})

test('what was evicted travels as missing: every number is accounted for, and the buffer forgets it', async context => {
  const scene = await setScene(context, { maxBytes: 10_000 })
  for (let seed = 0; seed < 20; seed += 1) await scene.buffer.append(measurements(500, seed))
  const { evicted } = scene.buffer.status()
  assert.ok(evicted > 500)
  scene.start()
  await scene.drained()

  const batches = scene.cloud.batches.map(({ batch }) => batch).sort((a, b) => a.first - b.first)
  let next = 1
  let missing = 0
  for (const { first, last, readings, missing: ranges } of batches) {
    assert.equal(first, next)
    const gone = ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0)
    assert.equal(readings.length + gone, last - first + 1)
    assert.ok(ranges.every(({ reason }) => reason === 'evicted'))
    missing += gone
    next = last + 1
  }
  assert.deepEqual([missing, next], [evicted, 10_001])
})

test('a backlog goes no faster than its rate, in whatever sessions, and live readings go at once', async context => {
  const bytesPerSecond = 400
  const scene = await setScene(context, { backlogBytesPerSecond: bytesPerSecond })
  await scene.buffer.append(measurements(5_000))
  const { uplink } = scene.start()
  const looks: { at: number; bytes: number }[] = []
  const look = () => {
    const bytes = scene.metrics.read()['gateway_sent_bytes_total{lane="backlog"}'] ?? 0
    looks.push({ at: scene.clock.monotonic(), bytes })
  }

  for (let round = 1; round <= 10; round += 1) {
    await passUntil(scene.clock, 'it is connected', uplink.connected)
    const [reading] = await scene.append(measurements(1, round))
    const cameLive = () => scene.cloud.batches.some(seen => seen.batch.first === reading?.seq)
    await until('the live batch came', cameLive)
    if (round % 4 === 0) {
      await scene.cloud.stop()
      await until('its end is noticed', () => !uplink.connected())
      await scene.cloud.start()
    }
    for (let second = 0; second < 5; second += 1) {
      look()
      await scene.clock.advance(1_000)
    }
  }

  const largest = Math.max(...scene.cloud.batches.map(({ bytes }) => bytes))
  assert.ok((looks.at(-1)?.bytes ?? 0) > 2_000)
  for (const [index, from] of looks.entries()) {
    for (const to of looks.slice(index)) {
      const most = (bytesPerSecond * (to.at - from.at)) / 1000 + largest
      assert.ok(
        to.bytes - from.bytes <= most,
        `${to.bytes - from.bytes} bytes from ${from.at} to ${to.at} ms`,
      )
    }
  }
})

test('on a thin link a backlog leaves room: live readings come soon, and the link is never taken for dead (U2)', async context => {
  const scene = await setScene(context, { network: { bytesPerSecond: 400, delayMs: 300 } })
  await scene.buffer.append(noise(2_400))
  const { uplink, stop } = scene.start()
  await passUntil(scene.clock, 'it is connected', uplink.connected)
  const waits: number[] = []

  for (let seed = 1; scene.buffer.status().readings > 0; seed += 1) {
    const [reading] = await scene.append(measurements(1, seed))
    const appendedAt = scene.clock.monotonic()
    const seen = () => scene.cloud.batches.find(({ batch }) => batch.first === reading?.seq)
    const isOver = () => seen() !== undefined && scene.clock.monotonic() - appendedAt > 2_500
    await passUntil(scene.clock, 'the live reading came', isOver, { stepMs: 200 })
    waits.push((seen()?.at ?? 0) - appendedAt)
  }

  assert.equal(scene.said('cloud not reached').length, 0)
  assert.ok(waits.length > 5)
  assert.ok(Math.max(...waits) <= 5_000, `live readings waited ${waits.join(', ')} ms`)
  let isStopped = false
  void stop().then(() => {
    isStopped = true
  })
  await passUntil(scene.clock, 'it stopped', () => isStopped)
})

/** Measurements that take as many bytes as real ones. */
function noise(count: number): Measurement[] {
  const random = randomFrom(1)
  return measurements(count).map(one => ({
    ...one,
    value: Math.round(random() * 1e5) / 100,
    quality: 'good',
  }))
}
