// What the cloud's answers do to the buffer, and what they must never do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../doubles/until.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, GATEWAY, ignored, passUntil, setScene } from './scene.ts'

test('a reading stays in the buffer until the cloud answered, whatever the broker confirmed (U1)', async context => {
  const scene = await setScene(context)
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.connect()

  await scene.append(measurements(10))
  await until('the batch came', () => scene.cloud.batches.length === 1)
  // The broker confirms in order: who has been answered here was answered there.
  await until('the broker confirmed a later message', () => scene.cloud.healths.length > 0)
  assert.equal(scene.buffer.status().readings, 10)
  assert.equal(scene.metrics.read()['gateway_readings_acked_total{lane="live"}'], undefined)

  scene.cloud.say(GATEWAY, ackText(scene, { first: 1, through: 10 }))
  await scene.drained()
  assert.equal(scene.metrics.read()['gateway_readings_acked_total{lane="live"}'], 10)
})

test('an ack that was lost leads to the same batch again on the next link, as backlog', async context => {
  const scene = await setScene(context)
  scene.cloud.fail({ kind: 'lose-ack' })
  await scene.connect()
  await scene.append(measurements(10))
  await until('the batch is committed', () => scene.cloud.stored.size === 10)

  await passUntil(scene.clock, 'it came again', () => scene.cloud.batches.length === 2)
  await scene.drained()

  assert.deepEqual(
    scene.cloud.batches.map(({ lane, batch }) => [lane, batch.first, batch.last]),
    [
      ['live', 1, 10],
      ['backlog', 1, 10],
    ],
  )
  assert.equal(scene.said('cloud not reached')[0]?.reason, 'No ack in 15000 ms')
})

test('acks that answer nothing under way are counted, and forget nothing (U4)', async context => {
  const scene = await setScene(context)
  scene.cloud.failAlways({ kind: 'ignore' })
  const uplink = await scene.connect()
  await scene.append(measurements(10))
  await until('the batch came', () => scene.cloud.batches.length === 1)
  const otherEpoch = scene.buffer.epoch === 1 ? 2 : 1
  const nonsense = [
    'not JSON',
    '{}',
    '[]',
    ackText(scene, { first: 1, through: 10, epoch: otherEpoch }),
    ackText(scene, { first: 1, through: 10, lane: 'backlog' }),
    ackText(scene, { first: 1, through: 9 }),
    ackText(scene, { first: 2, through: 10 }),
    ackText(scene, { first: 1, through: 11 }),
    ackText(scene, { first: 11, through: 20 }),
    ackText(scene, { first: 10, through: 1 }),
    ackText(scene, { first: 1, through: 10 }).replace('"v":1', '"v":2'),
    ackText(scene, { first: 1, through: 10 }).replace('"v":1', '"v":1,"more":true'),
  ]

  for (const payload of nonsense) scene.cloud.say(GATEWAY, payload)
  await until('all are counted', () => ignored(scene) === nonsense.length)

  assert.equal(scene.buffer.status().readings, 10)
  assert.equal(uplink.connected(), true)
  scene.cloud.say(GATEWAY, ackText(scene, { first: 1, through: 10 }))
  await scene.drained()
})

test('the second of two equal acks is ignored, and counted', async context => {
  const scene = await setScene(context)
  scene.cloud.failAlways({ kind: 'duplicate-ack' })
  await scene.connect()

  await scene.append(measurements(10))
  await scene.drained()
  await until('the second is counted', () => ignored(scene) === 1)

  await scene.append(measurements(5, 1))
  await scene.drained()
  assert.equal(scene.cloud.stored.size, 15)
})

test('a table that the cloud does not know is sent with the batch again, and not any more after that', async context => {
  const scene = await setScene(context)
  await scene.connect()
  for (const seed of [0, 1]) {
    await scene.append(measurements(10, seed))
    await scene.drained()
  }
  scene.cloud.fail({ kind: 'table-unknown' })
  await scene.append(measurements(10, 2))
  await scene.drained()
  await scene.append(measurements(10, 3))
  await scene.drained()

  const seen = scene.cloud.batches.map(({ batch, withTable }) => [batch.first, withTable])
  assert.deepEqual(seen.slice(-3), [
    [21, false],
    [21, true],
    [31, false],
  ])
})

test('a cloud that never knows a table it was sent is not asked again until the ack deadline', async context => {
  const scene = await setScene(context)
  scene.cloud.failAlways({ kind: 'table-unknown' })
  await scene.connect()
  await scene.append(measurements(10))

  await until('the answer is ignored', () => ignored(scene) === 1)
  assert.equal(scene.cloud.batches.length, 1)
  assert.equal(scene.buffer.status().readings, 10)

  await passUntil(scene.clock, 'the session ended', () => scene.said('cloud not reached').length > 0)
  scene.cloud.failAlways()
  await passUntil(scene.clock, 'it is committed', () => scene.buffer.status().readings === 0)
  assert.equal(scene.cloud.stored.size, 10)
})

test('a batch that is set aside is forgotten, said loudly, and not counted as committed', async context => {
  const scene = await setScene(context)
  scene.cloud.fail({ kind: 'set-aside', reason: 'CRC' })
  await scene.connect()

  await scene.append(measurements(10))
  await scene.drained()

  assert.deepEqual(
    scene.said('batch set aside by the cloud').map(({ reason, count, level }) => [reason, count, level]),
    [['CRC', 10, 'error']],
  )
  const counts = scene.metrics.read()
  assert.equal(counts.gateway_readings_rejected_total, 10)
  assert.equal(counts['gateway_readings_acked_total{lane="live"}'], 0)
})

test('a batch of which the cloud could read nothing is found by the name of its bytes, and leaves like one set aside', async context => {
  const scene = await setScene(context)
  scene.cloud.fail({ kind: 'unreadable', reason: 'Cannot read batch: epoch 0' })
  await scene.connect()

  await scene.append(measurements(10))
  await scene.drained()

  assert.deepEqual(
    scene
      .said('batch set aside by the cloud')
      .map(({ reason, first, through, count }) => [reason, first, through, count]),
    [['Cannot read batch: epoch 0', 1, 10, 10]],
  )
  assert.equal(scene.cloud.batches.length, 1)
  assert.equal(scene.metrics.read().gateway_readings_rejected_total, 10)
})

test('a table that came with a batch that is set aside is not taken for known', async context => {
  const scene = await setScene(context)
  scene.cloud.fail({ kind: 'set-aside', reason: 'CRC' })
  await scene.connect()

  for (const seed of [0, 1, 2]) {
    await scene.append(measurements(10, seed))
    await scene.drained()
  }

  assert.deepEqual(
    scene.cloud.batches.map(({ batch, withTable }) => [batch.first, withTable]),
    [
      [1, true],
      [11, true],
      [21, false],
    ],
  )
})

test('a reading that is rejected leaves with its reason in the log, and the others are committed', async context => {
  const scene = await setScene(context)
  scene.cloud.fail({ kind: 'reject-first', reason: 'year 2105' })
  await scene.connect()

  await scene.append(measurements(10))
  await scene.drained()

  assert.deepEqual(scene.said('readings rejected by the cloud')[0]?.rejected, [
    { seq: 1, reason: 'year 2105' },
  ])
  const counts = scene.metrics.read()
  assert.equal(counts.gateway_readings_rejected_total, 1)
  assert.equal(counts['gateway_readings_acked_total{lane="live"}'], 9)
})

test('a buffer that cannot remember more holes is asked again until it can, and the session lives on', async context => {
  const scene = await setScene(context)
  const groups = 1_030
  for (let seed = 0; seed < groups; seed += 1) await scene.buffer.append(measurements(2, seed))
  for (let group = 0; group < 1_024; group += 1)
    await scene.buffer.ack(scene.buffer.epoch, group * 2 + 2, group * 2 + 2)
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.connect()
  await scene.append(measurements(3, 5_000))
  await until('the live batch came', () => scene.cloud.batches.some(({ lane }) => lane === 'live'))

  const first = groups * 2 + 1
  scene.cloud.say(GATEWAY, ackText(scene, { first, through: first + 2 }))
  await until('it was refused', () => scene.said('acks not written to the buffer yet').length > 0)
  assert.match(String(scene.said('acks not written to the buffer yet')[0]?.reason), /1024 separate ranges/)
  assert.deepEqual(scene.buffer.status().unackedRanges.at(-1), { first: groups * 2 - 11, last: first + 2 })

  // Two holes are closed: what waits can be written, and nothing had to be sent again.
  await scene.buffer.ack(scene.buffer.epoch, 1, 3)
  await scene.buffer.ack(scene.buffer.epoch, 5, 5)
  await scene.clock.advance(1_000)
  await until('it is forgotten', () => scene.buffer.status().unackedRanges.at(-1)?.last === first - 1)
  assert.equal(scene.said('cloud not reached').length, 0)
  assert.equal(scene.metrics.read()['gateway_readings_acked_total{lane="live"}'], 3)
})
