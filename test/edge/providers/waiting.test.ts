// A provider that asks to be left alone is (provider.ts, V5), by all of its devices, and not for ever.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FAULTS, type ServiceFault, tooMany } from '../../doubles/providers/service.ts'
import { KINDS, MINUTE, openScene, type Scene } from './scene.ts'

const asked = ({ service }: Scene): number => service.paths('latest').length + service.paths('range').length

for (const kind of KINDS) {
  describe(kind, () => {
    const waits: Record<string, { fault: ServiceFault; waitMs: number }> = {
      'Retry-After in seconds': { fault: tooMany('20'), waitMs: 20_000 },
      'no Retry-After': { fault: { kind: 'answer', status: 429, body: {} }, waitMs: 30_000 },
      '403 that means the same': { fault: FAULTS.rateLimited403, waitMs: 30_000 },
    }
    for (const [what, { fault, waitMs }] of Object.entries(waits)) {
      test(`too many requests, ${what}: it waits, and then asks`, async context => {
        const scene = await openScene(context, kind)
        scene.service.fail({ fault, channel: 'latest', times: 1 })

        const { measurements } = await scene.poll()

        assert.deepEqual(
          measurements.map(({ quality }) => quality),
          ['good', 'good'],
        )
        const times = scene.service.requests
          .filter(({ path }) => !path.endsWith('/login'))
          .map(({ at }) => at)
        assert.deepEqual((times[1] ?? 0) - (times[0] ?? 0), waitMs)
      })
    }

    test('a long Retry-After, as a date, ends the poll; nobody is asked before it has passed', async context => {
      const scene = await openScene(context, kind)
      const inTenMinutes = new Date(Date.now() + 600_000).toUTCString()
      scene.service.fail({ fault: tooMany(inTenMinutes), channel: 'latest', times: 1 })

      const first = await scene.poll()
      await scene.clock.advance(5 * MINUTE)
      const second = await scene.poll()
      const other = await scene.pollOther()
      const requestsBefore = asked(scene)
      await scene.clock.advance(5 * MINUTE + 2_000)
      const third = await scene.poll()

      for (const { measurements } of [first, second, other]) {
        assert.deepEqual(
          measurements.map(({ quality }) => quality),
          ['request_failed', 'request_failed'],
        )
      }
      assert.equal(requestsBefore, 1)
      assert.match(scene.logText(), /asked to wait until 2026-01-15T12:10:\d\d/)
      assert.ok(third.measurements.some(({ value }) => value === 12.47))
    })

    test('a Retry-After without end is obeyed for an hour', async context => {
      const scene = await openScene(context, kind)
      scene.service.fail({ fault: tooMany('999999999'), channel: 'latest', times: 1 })
      await scene.poll()

      await scene.clock.advance(60 * MINUTE)
      const { count } = await scene.poll()

      assert.ok(count > 0)
    })
  })
}
