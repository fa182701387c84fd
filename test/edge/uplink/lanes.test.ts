// How batches are made and paced: full or late enough, a window in each lane, live beside backlog.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../doubles/until.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, appendOneByOne, GATEWAY, passUntil, setScene } from './scene.ts'

test('a live batch goes when it is full enough, or when its oldest reading has waited enough', async context => {
  const scene = await setScene(context, { minReadings: 10, maxDelayMs: 60_000 })
  const { uplink } = scene.start()
  await until('it is connected', uplink.connected)

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
  await scene.buffer.append(measurements(500 * 5))
  scene.cloud.failAlways({ kind: 'ignore' })
  scene.start()

  await until('the window is full', () => scene.cloud.batches.length === 3)
  await scene.clock.advance(5_000)
  assert.equal(scene.cloud.batches.length, 3)

  scene.cloud.say(GATEWAY, ackText(scene, { lane: 'backlog', first: 501, through: 1_000 }))
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
  await until('the backlog’s window is full', () => scene.cloud.batches.length === 2)

  scene.cloud.failAlways()
  await appendOneByOne(scene, 5)

  assert.equal(uplink.connected(), true)
  assert.deepEqual(
    scene.cloud.batches.map(({ lane }) => lane),
    ['backlog', 'backlog', 'live', 'live', 'live', 'live', 'live'],
  )
  await until('live is forgotten', () => scene.buffer.status().readings === 5_000)
})

test('a lane waits as long as the cloud asks it to, and the other lane does not', async context => {
  const scene = await setScene(context)
  const { uplink } = scene.start()
  await until('it is connected', uplink.connected)
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
