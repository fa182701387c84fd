// What every provider keeps to (provider.ts, V1 to V5; poll.ts, V6 to V9): one suite over all of them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANSWER_BYTES_MAX } from '../../../edge/providers/api.ts'
import { requestsOf } from '../../../edge/providers/lines.ts'
import { FAULTS, type ServiceFault } from '../../doubles/providers/service.ts'
import { until } from '../../doubles/until.ts'
import { KEYS, KINDS, MINUTE, NOON, openScene, type Scene, SECRETS, shown } from './scene.ts'

const DAY = 86_400_000

/** Requests for values: signing in is another matter. */
const asked = ({ service }: Scene): number => service.paths('latest').length + service.paths('range').length

function assertSecret({ logText, health, device }: Scene): void {
  const told = `${logText()} ${JSON.stringify(health())}`
  for (const secret of [device, encodeURIComponent(device), SECRETS.password]) {
    assert.ok(!told.includes(secret), `${secret} was told: ${told}`)
  }
}

for (const kind of KINDS) {
  const [pulses, flow] = KEYS[kind]

  describe(kind, () => {
    test('a poll gives each signal its value at the device’s own time', async context => {
      const scene = await openScene(context, kind, {
        signals: [
          { variable: 'pulses', key: pulses },
          { variable: 'flow', key: flow, unit: 'm3/h', decimals: 1 },
        ],
      })

      const { measurements, count } = await scene.poll()

      assert.deepEqual(measurements.map(shown), [
        ['pulses', NOON, NOON / MINUTE, 'good', 'device'],
        ['flow', NOON, 125 / 36, 'good', 'device'],
      ])
      assert.equal(count, 2)
      assert.equal(asked(scene), requestsOf(scene.config))
      assert.equal(scene.health().ok, 1)
    })

    test('two signals of one key take one request more no time', async context => {
      const scene = await openScene(context, kind, {
        signals: [
          { variable: 'pulses', key: pulses },
          { variable: 'total', key: pulses, unit: 'L' },
        ],
      })

      const { measurements } = await scene.poll()

      assert.deepEqual(
        measurements.map(({ value }) => value),
        [NOON / MINUTE, NOON / MINUTE / 1000],
      )
      assert.equal(asked(scene), 1)
      assert.equal(requestsOf(scene.config), 1)
    })

    test('the same device time again gives no second reading, and is no failure', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()

      const again = await scene.poll()
      await scene.clock.advance(MINUTE)
      const next = await scene.poll()

      assert.deepEqual(again, { measurements: [], count: 0 })
      assert.deepEqual(
        next.measurements.map(({ at }) => at),
        [NOON + MINUTE, NOON + MINUTE],
      )
      assert.equal(scene.health().ok, 3)
    })

    test('a provider that has nothing is not asked again, and says no_data at the time of asking', async context => {
      const scene = await openScene(context, kind, { values: () => undefined })

      const { measurements } = await scene.poll()

      assert.deepEqual(measurements.map(shown), [
        ['pulses', NOON + 10_000, null, 'no_data', 'synced'],
        ['flow', NOON + 10_000, null, 'no_data', 'synced'],
      ])
      assert.equal(asked(scene), requestsOf(scene.config))
      assert.equal(scene.health().lastFailure, 'the provider has nothing')
    })

    const failures: Record<string, { fault: ServiceFault; tries?: number; reason: RegExp; isAway?: true }> = {
      'a page of an outage': { fault: FAULTS.html502, reason: /HTTP 502/ },
      'a page with status 200': { fault: FAULTS.html200, reason: /not JSON/ },
      'not found': { fault: FAULTS.notFound, reason: /HTTP 404/ },
      'half an answer': { fault: { kind: 'truncated' }, reason: /not JSON/ },
      'a reset': { fault: { kind: 'reset' }, reason: /ECONNRESET|socket|other side/, isAway: true },
      'a reset in its middle': {
        fault: { kind: 'cut' },
        reason: /ECONNRESET|socket|other side/,
        isAway: true,
      },
      'no answer': { fault: { kind: 'hang' }, reason: /no answer in 14999 ms/, isAway: true },
      'too long an answer': {
        fault: { kind: 'huge', bytes: ANSWER_BYTES_MAX },
        ...{ tries: 1, reason: /longer than 4194304 bytes/ },
      },
      'a redirection': {
        fault: { kind: 'answer', status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
        reason: /HTTP 302/,
      },
      'another document': {
        fault: { kind: 'answer', status: 200, body: '"hello"' },
        tries: 1,
        reason: /its answer/,
      },
    }
    for (const [what, { fault, tries = 3, reason, isAway }] of Object.entries(failures)) {
      test(`${what} is a reading without a value, told without secrets`, async context => {
        const scene = await openScene(context, kind)
        scene.service.fail({ fault, channel: 'latest' })

        const { measurements, count } = await scene.poll({ isHanging: fault.kind === 'hang' })

        assert.deepEqual(measurements.map(shown), [
          ['pulses', NOON + 10_000, null, 'request_failed', 'synced'],
          ['flow', NOON + 10_000, null, 'request_failed', 'synced'],
        ])
        assert.equal(count, 0)
        assert.equal(asked(scene), tries * (isAway ? 1 : requestsOf(scene.config)))
        assert.match(scene.health().lastFailure ?? '', reason)
        assertSecret(scene)
      })
    }

    test('a provider that cannot be reached is asked three times, with pauses of one and two seconds', async context => {
      const scene = await openScene(context, kind)
      await scene.service.stop()

      const { measurements } = await scene.poll()

      assert.deepEqual(
        measurements.map(({ quality }) => quality),
        ['request_failed', 'request_failed'],
      )
      assert.deepEqual(scene.pauses, [1_000, 2_000])
      assert.match(scene.health().lastFailure ?? '', /ECONNREFUSED/)
      assertSecret(scene)
      await scene.service.start()
    })

    test('what passes is asked again and heals within the poll', async context => {
      const scene = await openScene(context, kind)
      scene.service.fail({ fault: FAULTS.notFound, channel: 'latest', times: 1 })

      const { measurements } = await scene.poll()

      assert.deepEqual(
        measurements.map(({ value }) => value),
        [NOON / MINUTE, 12.47],
      )
      assert.deepEqual(scene.pauses, [1_000])
    })

    test('refused credentials are auth_failed and not tried again in the poll', async context => {
      const scene = await openScene(context, kind)
      scene.service.fail({ fault: { kind: 'answer', status: 403, body: {} }, channel: 'latest' })

      const { measurements } = await scene.poll()

      assert.deepEqual(
        measurements.map(({ quality }) => quality),
        ['auth_failed', 'auth_failed'],
      )
      assert.equal(asked(scene), 1)
      assert.match(scene.health().lastFailure ?? '', /HTTP 403/)
      assertSecret(scene)
    })

    test('a code or a sentinel instead of a value is sensor_code, at the device’s time, and stays a failure', async context => {
      const scene = await openScene(context, kind, {
        values: (_, key) => (key === pulses ? -5 : -3200.0),
        signals: [
          { variable: 'pulses', key: pulses, sentinels: [-5] },
          { variable: 'level', key: flow, sentinels: [-3200] },
        ],
      })

      const { measurements } = await scene.poll()

      assert.deepEqual(measurements.map(shown), [
        ['pulses', NOON, null, 'sensor_code', 'device'],
        ['level', NOON, null, 'sensor_code', 'device'],
      ])
    })

    test('what is no number is not made one', async context => {
      const scene = await openScene(context, kind, {
        values: (_, key) => (key === pulses ? '12,47' : 'NaN'),
      })

      const { measurements } = await scene.poll()
      const again = await scene.poll()

      assert.deepEqual(measurements.map(shown), [
        ['pulses', NOON, null, 'not_a_number', 'device'],
        ['flow', NOON, null, 'sensor_code', 'device'],
      ])
      assert.deepEqual(again.measurements, [])
      assert.match(scene.health().lastFailure ?? '', /no number/)
    })

    test('a time that cannot be is nobody’s time, and does not hide what comes after', async context => {
      const scene = await openScene(context, kind, { values: () => undefined })
      const { clock, device, service } = scene
      for (const key of [pulses, flow]) service.samples.put(device, key, NOON + 4 * 3_600_000, 1)

      const future = await scene.poll()
      await clock.advance(4 * 3_600_000 + MINUTE)
      const later = await scene.poll()

      assert.deepEqual(future.measurements.map(shown), [
        ['pulses', NOON + 10_000, null, 'bad_answer', 'synced'],
        ['flow', NOON + 10_000, null, 'bad_answer', 'synced'],
      ])
      assert.deepEqual(
        later.measurements.map(({ at }) => at),
        [NOON + 4 * 3_600_000, NOON + 4 * 3_600_000],
      )
    })

    test('a clock that was never set does not judge, and what it believed is not held against what comes', async context => {
      const scene = await openScene(context, kind, { values: () => undefined })
      const { device, service, time } = scene
      for (const key of [pulses, flow]) service.samples.put(device, key, NOON + 4 * 3_600_000, 1)
      time.quality = 'unsynced'

      const unsynced = await scene.poll()
      time.quality = 'synced'
      service.samples.put(device, pulses, NOON, 2)
      const synced = await scene.poll()

      assert.deepEqual(
        unsynced.measurements.map(({ at }) => at),
        [NOON + 4 * 3_600_000, NOON + 4 * 3_600_000],
      )
      assert.ok(synced.measurements.every(({ value }) => value === null || value === 2))
    })

    test('a device that has been silent for a day says no_data, whoever is asked', async context => {
      const scene = await openScene(context, kind)
      await scene.poll()
      scene.service.samples.silence(NOON)

      await scene.clock.advance(DAY - 10_000)
      const before = await scene.poll()
      await scene.clock.advance(MINUTE)
      const after = await scene.poll()

      assert.deepEqual(before.measurements, [])
      assert.deepEqual(
        after.measurements.map(({ quality, value }) => [quality, value]),
        [
          ['no_data', null],
          ['no_data', null],
        ],
      )
      assert.equal(scene.health().lastFailure, 'nothing new since 2026-01-15T12:00:00.000Z')
    })

    test('a request that nobody waits for any more is ended', async context => {
      const scene = await openScene(context, kind)
      scene.service.fail({ fault: { kind: 'hang' }, channel: 'latest' })

      await scene.poll({ isHanging: true })

      await until('all three are ended', () => scene.service.abandoned() === 3)
    })

    test('a poll that is stopped in the middle of a request stops at once', async context => {
      const scene = await openScene(context, kind)
      scene.service.fail({ fault: { kind: 'hang' }, channel: 'latest' })
      const stop = new AbortController()

      const poll = scene.poll({ signal: stop.signal })
      const refused = assert.rejects(poll, /stopped by the test/)
      await until('it was asked', () => asked(scene) === 1)
      stop.abort(new Error('stopped by the test'))

      await refused
    })
  })
}
