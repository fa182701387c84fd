// How the gateway is, goes up last.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../doubles/until.ts'
import { measurements } from '../buffer/folder.ts'
import { ackText, GATEWAY, passUntil, setScene } from './scene.ts'

const PATIENT = { ackTimeoutMs: 200_000, silenceMs: 200_000 }

test('health waits for a live batch to be answered (H1)', async context => {
  const scene = await setScene(context, PATIENT)
  await scene.connect()
  await until('it told its health', () => scene.cloud.healths.length === 1)
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.append(measurements(1))
  await until('the batch came', () => scene.cloud.batches.length === 1)

  await scene.clock.advance(60_000)
  await scene.clock.advance(29_000)
  assert.equal(scene.cloud.healths.length, 1)

  scene.cloud.say(GATEWAY, ackText(scene, { first: 1, through: 1 }))
  await scene.drained()
  await scene.clock.advance(250)
  await until('it told its health', () => scene.cloud.healths.length === 2)
})

test('health waits half a minute for live data and no longer (H2)', async context => {
  const scene = await setScene(context, PATIENT)
  await scene.connect()
  await until('it told its health', () => scene.cloud.healths.length === 1)
  const at = scene.clock.monotonic()
  scene.cloud.failAlways({ kind: 'ignore' })
  await scene.append(measurements(1))

  await passUntil(scene.clock, 'it told its health', () => scene.cloud.healths.length === 2)

  const waited = scene.clock.monotonic() - at
  assert.ok(waited >= 90_000 && waited < 92_000, `${waited} ms`)
})

test('what health takes of the link, the backlog does not get (H1)', async context => {
  const scene = await setScene(context, { backlogBytesPerSecond: 200 })
  await scene.buffer.append(measurements(1_000))
  const at = scene.clock.monotonic()
  await scene.connect()
  await until('it told its health', () => scene.cloud.healths.length === 1)

  await passUntil(scene.clock, 'the backlog went on', () => scene.cloud.batches.length === 2)

  const [first, second] = scene.cloud.batches
  const healthBytes = JSON.stringify(scene.cloud.healths[0]).length
  assert.ok(first !== undefined && second !== undefined && healthBytes > 200)
  const dueMs = ((first.bytes + healthBytes) * 1_000) / 200
  assert.ok(second.at - at >= dueMs, `${second.at - at} ms of ${dueMs}`)
})
