// What was measured while nobody asked is fetched from what the provider has kept (poll.ts, V6 and V8).

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { FAULTS } from '../../doubles/providers/service.ts'
import { KEYS, KINDS, MINUTE, NOON, openScene, type Polled, type Scene } from './scene.ts'

const minutes = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => NOON + (from + index) * MINUTE)

const timesOf = ({ measurements }: Polled, variable = 'pulses'): number[] =>
  measurements.filter(one => one.variable === variable && one.value !== null).map(({ at }) => at)

const ranges = ({ service }: Scene): number => service.paths('range').length

for (const kind of KINDS) {
  describe(`history of ${kind}`, () => {
    test('each sample of an outage comes once, oldest first, with its own time and value', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      scene.service.fail({ fault: FAULTS.html502 })
      await scene.clock.advance(5 * MINUTE)
      await scene.poll()
      scene.service.heal()
      const before = scene.clock.now()
      await scene.clock.advance(NOON + 60 * MINUTE + 10_000 - before)

      const polled = await scene.poll()
      const again = await scene.poll()

      for (const variable of ['pulses', 'flow']) assert.deepEqual(timesOf(polled, variable), minutes(1, 60))
      for (const { variable, at, value, timeQuality } of polled.measurements) {
        assert.deepEqual([value, timeQuality], [variable === 'pulses' ? at / MINUTE : 12.47, 'device'])
      }
      assert.deepEqual(again.measurements, [])
      assert.equal(scene.health().lastFailure, undefined)
    })

    test('polls that follow each other ask for no history, and neither does the first', async context => {
      const scene = await openScene(context, kind)

      for (let poll = 0; poll < 3; poll += 1) {
        await scene.poll()
        await scene.clock.advance(5 * MINUTE)
      }

      assert.equal(ranges(scene), 0)
    })

    test('a long history comes in pages, over several polls, none missing and none twice', async context => {
      const scene = await openScene(context, kind, { double: { limitMax: 100, qtyMax: 100 } })
      await scene.poll()
      await scene.clock.advance(5_000 * MINUTE)

      const times: number[] = []
      let polls = 0
      for (let left = 1; left > 0 && polls < 20; polls += 1) {
        const polled = await scene.poll()
        left = polled.measurements.length
        times.push(...timesOf(polled))
      }

      assert.deepEqual(
        times.sort((one, other) => one - other),
        minutes(1, 5_000),
      )
      assert.ok(polls > 1, 'everything came in one poll')
    })

    test('a history that fails is tried again, and does not make the poll fail', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      await scene.clock.advance(30 * MINUTE)
      scene.service.fail({ fault: FAULTS.notFound, channel: 'range' })

      const first = await scene.poll()
      const lastFailure = scene.health().lastFailure
      scene.service.heal()
      const second = await scene.poll()

      assert.deepEqual(timesOf(first), minutes(30, 30))
      assert.equal(lastFailure, undefined)
      assert.deepEqual(timesOf(second), minutes(1, 29))
    })

    test('a history that is never given is given up, and that is said once for each key', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      await scene.clock.advance(30 * MINUTE)
      scene.service.fail({ fault: FAULTS.notFound, channel: 'range' })

      for (let poll = 0; poll < 12; poll += 1) await scene.poll()

      const said = scene.logText().match(/history given up.*/g) ?? []
      assert.equal(said.length, 2)
      assert.match(said[0] ?? '', /"from":"2026-01-15T12:00:00.001Z","to":"2026-01-15T12:29:59.999Z"/)
      assert.ok(!scene.logText().includes(scene.device))
      const before = ranges(scene)
      await scene.poll()
      assert.equal(ranges(scene), before)
    })

    test('what could not be put on disk is fetched again', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      scene.refuse.with = new Unavailable('The disk is full')
      for (let poll = 0; poll < 3; poll += 1) {
        await scene.clock.advance(5 * MINUTE)
        await scene.poll()
      }

      scene.refuse.with = undefined
      const polled = await scene.poll()

      assert.deepEqual(timesOf(polled), minutes(1, 15))
    })

    test('a restart goes on where the gateway was, from what it keeps on disk', async context => {
      const first = await openScene(context, kind)
      await first.poll()
      await first.marks.close()

      const second = await openScene(context, kind, {
        folder: first.folder,
        start: NOON + 20 * MINUTE + 10_000,
      })
      const polled = await second.poll()

      assert.deepEqual(timesOf(polled), minutes(1, 20))
    })

    test('marks are on disk after the first poll, also when nobody closes them', async context => {
      const first = await openScene(context, kind)
      await first.poll()

      const second = await openScene(context, kind, { folder: first.folder })
      const polled = await second.poll()

      assert.deepEqual(polled.measurements, [])
    })

    test('a damaged file of marks is begun anew, and that is said', async context => {
      const first = await openScene(context, kind)
      await first.poll()
      writeFileSync(join(first.folder, 'providers.json'), '{"v":1,"devices":{"pozo-8":{"x":')

      const second = await openScene(context, kind, { folder: first.folder })
      const polled = await second.poll()

      assert.equal(polled.count, 2)
      assert.match(second.logText(), /marks of providers forgotten/)
    })

    test('a time that a history gives twice gives one reading, with what came first', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      await scene.clock.advance(10 * MINUTE)
      for (const key of KEYS[kind]) scene.service.samples.put(scene.device, key, NOON + 3 * MINUTE, 7)

      const polled = await scene.poll()

      assert.deepEqual(timesOf(polled), minutes(1, 10))
      const twice = polled.measurements.find(
        ({ at, variable }) => at === NOON + 3 * MINUTE && variable === 'flow',
      )
      // Nettra and Novus give the latest first.
      assert.equal(twice?.value, kind === 'twin' || kind === 'json' ? 12.47 : 7)
    })
  })
}

test('nettra without history: what an answer holds besides the newest fills the gap, the rest is let go', async context => {
  const scene = await openScene(context, 'nettra', { double: { keepsHistory: false } })
  await scene.poll()
  await scene.clock.advance(30 * MINUTE)
  const [key] = KEYS.nettra
  const element = (minute: number) => ({
    ...{ key, value: minute },
    datetime: new Date(NOON + minute * MINUTE).toISOString(),
  })
  const body = [30, 20, 10, 0].map(element)
  scene.service.fail({ fault: { kind: 'answer', status: 200, body }, channel: 'latest', text: key })

  const polled = await scene.poll()

  assert.deepEqual(
    timesOf(polled),
    [10, 20, 30].map(minute => NOON + minute * MINUTE),
  )
  assert.deepEqual(scene.marks.of('pozo-8').get(key), { newest: NOON + 30 * MINUTE })
})

test('nettra’s dates are whole seconds, and no sample falls between them', async context => {
  const scene = await openScene(context, 'nettra')
  await scene.poll()
  await scene.clock.advance(10 * MINUTE)
  const late = NOON + 10 * MINUTE - 1
  scene.service.samples.put(scene.device, KEYS.nettra[0], late, 7)

  const polled = await scene.poll()

  assert.deepEqual(timesOf(polled), [...minutes(1, 9), late, NOON + 10 * MINUTE])
})

test('twin asks for the history of all keys in one request, and takes pages in any order', async context => {
  const scene = await openScene(context, 'twin')
  await scene.poll()
  scene.service.oddities.descending = true
  await scene.clock.advance(2_500 * MINUTE)

  const polled = await scene.poll()

  assert.deepEqual(timesOf(polled, 'flow'), minutes(1, 2_500))
  assert.deepEqual(timesOf(polled, 'pulses'), minutes(1, 2_500))
  assert.ok(ranges(scene) <= 4, `${ranges(scene)} requests`)
})

test('samples of a history that cannot be read are counted in the log, and the others are taken', async context => {
  const scene = await openScene(context, 'twin')
  await scene.poll()
  await scene.clock.advance(10 * MINUTE)
  const [key] = KEYS.twin
  scene.service.samples.put(scene.device, key, NOON + 3 * MINUTE + 0.5, 7)

  const polled = await scene.poll()

  assert.deepEqual(timesOf(polled), minutes(1, 10))
  assert.match(scene.logText(), /samples of a history not readable","source":"pozo-8","key":"5001","count":1/)
})
