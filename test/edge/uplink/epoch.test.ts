// A buffer that is begun anew while the gateway runs: its numbers begin with 1 again, under another epoch.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../doubles/until.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, GATEWAY, passUntil, type Scene, setScene } from './scene.ts'

/** Takes the database away, and appends so much to the one that is begun in its place; the uplink is not woken. */
async function beginAnew(scene: Scene, count: number): Promise<void> {
  const before = scene.buffer.epoch
  await rm(join(scene.folder, 'level'), { recursive: true })
  const appended = await scene.buffer.append(measurements(count, 50))
  assert.notEqual(scene.buffer.epoch, before)
  assert.equal(appended[0]?.seq, 1)
}

/** Which numbers came under an epoch. */
const cameOf = (scene: Scene, epoch: number) =>
  scene.cloud.batches
    .filter(({ batch }) => batch.epoch === epoch)
    .flatMap(({ batch }) => batch.readings.map(({ seq }) => seq))

test('an ack of an epoch that is over forgets nothing of the next, and all of that comes to the cloud (U1)', async context => {
  const scene = await setScene(context)
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.connect()
  await scene.append(measurements(10))
  await until('the batch came', () => scene.cloud.batches.length === 1)
  const late = ackText(scene, { first: 1, through: 10 })

  await beginAnew(scene, 20)
  scene.cloud.say(GATEWAY, late)
  await until(
    'the ack was taken',
    () => scene.metrics.read()['gateway_readings_acked_total{lane="live"}'] === 10,
  )
  assert.equal(scene.buffer.status().readings, 20)

  scene.cloud.failAlways()
  await passUntil(scene.clock, 'nothing is left', () => scene.buffer.status().readings === 0)
  assert.deepEqual(
    cameOf(scene, scene.buffer.epoch),
    measurements(20).map((_, index) => index + 1),
  )
})

test('numbers lower than those that were sent are sent by the next session', async context => {
  const scene = await setScene(context)
  await scene.connect()
  await scene.append(measurements(100))
  await scene.drained()

  await beginAnew(scene, 20)
  await passUntil(scene.clock, 'nothing is left', () => scene.buffer.status().readings === 0)

  assert.equal(cameOf(scene, scene.buffer.epoch).length, 20)
  assert.equal(scene.said('cloud not reached')[0]?.reason, 'The buffer was begun anew')
})

test('numbers of the next epoch are not sent by a session of the one before, also those that go on with its own', async context => {
  const scene = await setScene(context)
  await scene.connect()
  await scene.append(measurements(10))
  await scene.drained()

  await beginAnew(scene, 30)
  await passUntil(scene.clock, 'nothing is left', () => scene.buffer.status().readings === 0)

  const ofNext = scene.cloud.batches.filter(({ batch }) => batch.epoch === scene.buffer.epoch)
  assert.deepEqual(
    ofNext.map(({ lane, batch }) => [lane, batch.first, batch.last]),
    [['backlog', 1, 30]],
  )
})
