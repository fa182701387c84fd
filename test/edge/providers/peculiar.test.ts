// What is one provider's alone: Twin's tokens, Nettra's times and token in the path, Novus' headers and logger codes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FAULTS } from '../../doubles/providers/service.ts'
import type { Twin } from '../../doubles/providers/twin.ts'
import { KEYS, MINUTE, NOON, openScene, SECRETS, shown } from './scene.ts'

const HOUR = 3_600_000

describe('twin', () => {
  test('one login serves all devices of an account until its token ends', async context => {
    const scene = await openScene(context, 'twin')

    await scene.poll()
    await scene.pollOther()
    await scene.clock.advance(58 * MINUTE)
    await scene.poll()
    const before = scene.service.paths('login').length
    // A minute before the end, so that no request meets it.
    await scene.clock.advance(MINUTE)
    await scene.poll()

    assert.equal(before, 1)
    assert.equal(scene.service.paths('login').length, 2)
  })

  test('devices that find no token at the same time share one login', async context => {
    const scene = await openScene(context, 'twin')

    const [one, other] = await Promise.all([scene.poll(), scene.pollOther()])

    assert.equal(scene.service.paths('login').length, 1)
    assert.ok(one.count + other.count >= 4)
  })

  test('a token that does not say how long it lives is kept for 55 minutes', async context => {
    const scene = await openScene(context, 'twin')
    scene.service.oddities.plainTokens = true

    await scene.poll()
    await scene.clock.advance(54 * MINUTE)
    await scene.poll()
    const before = scene.service.paths('login').length
    await scene.clock.advance(2 * MINUTE)
    await scene.poll()

    assert.equal(before, 1)
    assert.equal(scene.service.paths('login').length, 2)
  })

  test('a token that the provider has forgotten is replaced within the poll', async context => {
    const scene = await openScene(context, 'twin')
    await scene.poll()
    await scene.clock.advance(5 * MINUTE)
    ;(scene.service as Twin).expireTokens()

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['good', 'good'],
    )
    assert.equal(scene.service.paths('login').length, 2)
  })

  test('a token that is refused as soon as it was given is auth_failed, and no storm of logins', async context => {
    const scene = await openScene(context, 'twin')
    scene.service.fail({ fault: FAULTS.unauthorized, channel: 'latest' })

    const { measurements } = await scene.poll()
    await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['auth_failed', 'auth_failed'],
    )
    assert.equal(scene.service.paths('login').length, 1)
  })

  test('a refused password is tried again after a minute, then two, and at most each hour', async context => {
    const scene = await openScene(context, 'twin')
    scene.service.fail({ fault: FAULTS.unauthorized, channel: 'login' })
    const logins: number[] = []

    for (let minute = 0; minute <= 300; minute += 1) {
      const { measurements } = await scene.poll()
      assert.deepEqual(
        measurements.map(({ quality }) => quality),
        ['auth_failed', 'auth_failed'],
      )
      while (logins.length < scene.service.paths('login').length) logins.push(minute)
      await scene.clock.advance(MINUTE)
    }

    assert.deepEqual(logins, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
    assert.equal(scene.service.paths('latest').length, 0)
    assert.match(scene.health().lastFailure ?? '', /HTTP 401 when signing in/)
    assert.ok(!scene.logText().includes(SECRETS.password))
  })

  test('a login without a token is request_failed', async context => {
    const scene = await openScene(context, 'twin')
    scene.service.fail({ fault: FAULTS.emptyObject, channel: 'login' })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['request_failed', 'request_failed'],
    )
  })

  test('`{}` is how it says that there is nothing, and a key that is missing has none', async context => {
    const [pulses] = KEYS.twin
    const scene = await openScene(context, 'twin', { values: (_, key) => (key === pulses ? 1 : undefined) })

    const part = await scene.poll()
    scene.service.fail({ fault: FAULTS.emptyObject, channel: 'latest' })
    const none = await scene.poll()

    assert.deepEqual(
      part.measurements.map(({ quality }) => quality),
      ['good', 'no_data'],
    )
    assert.deepEqual(
      none.measurements.map(({ quality }) => quality),
      ['no_data', 'no_data'],
    )
  })

  test('values are numbers or texts, times are numbers or texts, and the newest is not the last', async context => {
    const scene = await openScene(context, 'twin')
    const body = {
      5001: [
        { ts: NOON, value: '9007199254740993' },
        { ts: NOON - MINUTE, value: '1' },
      ],
      5003: [
        { ts: String(NOON - MINUTE), value: 1 },
        { ts: String(NOON), value: 12.47 },
        { ts: NOON - HOUR, value: 2 },
      ],
    }
    scene.service.fail({ fault: { kind: 'answer', status: 200, body }, channel: 'latest' })

    const { measurements } = await scene.poll()

    assert.deepEqual(measurements.map(shown), [
      ['pulses', NOON, 9007199254740992, 'good', 'device'],
      ['flow', NOON, 12.47, 'good', 'device'],
    ])
  })

  test('a negative value of Twin is a value: only Novus’ loggers speak in negative numbers', async context => {
    const scene = await openScene(context, 'twin', { values: () => -1.5 })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ value }) => value),
      [-1.5, -1.5],
    )
  })
})

describe('nettra', () => {
  for (const time of ['milliseconds', 'seconds', 'offset'] as const) {
    test(`an instant with its zone is read, in the form "${time}"`, async context => {
      const scene = await openScene(context, 'nettra')
      scene.service.oddities.time = time

      const { measurements } = await scene.poll()

      assert.deepEqual(
        measurements.map(({ at }) => at),
        [NOON, NOON],
      )
    })
  }

  test('an instant without its zone is no instant: nobody guesses three hours', async context => {
    const scene = await openScene(context, 'nettra')
    scene.service.oddities.time = 'no-zone'

    const { measurements } = await scene.poll()

    assert.deepEqual(measurements.map(shown)[0], ['pulses', NOON + 10_000, null, 'request_failed', 'synced'])
  })

  test('a value of another resource is not taken for this one', async context => {
    const scene = await openScene(context, 'nettra')
    const body = [{ key: 'nivel', value: 31.2, datetime: new Date(NOON).toISOString() }]
    scene.service.fail({ fault: { kind: 'answer', status: 200, body } })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ value }) => value),
      [null, null],
    )
  })

  test('a wrong token is auth_failed, and the token that the answer repeats is told to nobody', async context => {
    const scene = await openScene(context, 'nettra')
    scene.service.fail({
      fault: { kind: 'answer', status: 401, body: { message: `Invalid token ${scene.device}` } },
    })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['auth_failed', 'auth_failed'],
    )
    assert.ok(!scene.logText().includes(scene.device))
  })

  test('304 means that there is nothing', async context => {
    const scene = await openScene(context, 'nettra')
    scene.service.fail({ fault: { kind: 'answer', status: 304, body: '' } })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['no_data', 'no_data'],
    )
  })

  test('texts and ascending order are read like numbers and descending', async context => {
    const scene = await openScene(context, 'nettra')
    Object.assign(scene.service.oddities, { strings: true, ascending: true })
    await scene.poll()
    await scene.clock.advance(20 * MINUTE)

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.filter(({ variable }) => variable === 'pulses').map(({ at, value }) => [at, value]),
      Array.from({ length: 20 }, (_, index) => NOON + (index + 1) * MINUTE).map(at => [at, at / MINUTE]),
    )
  })
})

describe('novus', () => {
  for (const header of ['device-token', 'authorization'] as const) {
    test(`the token is in the header ${header}, bare`, async context => {
      const scene = await openScene(context, 'novus', { double: { header } })

      const { count } = await scene.poll()

      assert.equal(count, 2)
      assert.equal(scene.service.requests[0]?.headers[header], scene.device)
    })
  }

  for (const code of [-1, -2, -5, -3200, '-2', -0.5]) {
    test(`${JSON.stringify(code)} is a code of the logger and never a measurement`, async context => {
      const scene = await openScene(context, 'novus', { values: () => code })

      const { measurements } = await scene.poll()
      const again = await scene.poll()

      assert.deepEqual(measurements.map(shown), [
        ['pulses', NOON, null, 'sensor_code', 'device'],
        ['flow', NOON, null, 'sensor_code', 'device'],
      ])
      assert.deepEqual(again.measurements, [])
      assert.match(scene.health().lastFailure ?? '', new RegExp(`code instead of a value: ${code}$`))
    })
  }

  test('a token that no header can carry is told to nobody', async context => {
    const scene = await openScene(context, 'novus', { token: 'secret-device-token\nX: y' })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ quality }) => quality),
      ['request_failed', 'request_failed'],
    )
    assert.equal(scene.health().lastFailure, 'novus: the request could not be made')
    assert.ok(!scene.logText().includes('secret-device-token'))
  })

  test('zero is a value', async context => {
    const scene = await openScene(context, 'novus', { values: () => 0 })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ value, quality }) => [value, quality]),
      [
        [0, 'good'],
        [0, 'good'],
      ],
    )
  })

  test('a value of another variable is not taken for this one', async context => {
    const scene = await openScene(context, 'novus')
    const result = [{ variable: '3grecuc2v', value: 31.2, time: new Date(NOON).toISOString() }]
    scene.service.fail({ fault: { kind: 'answer', status: 200, body: { status: true, result } } })

    const { measurements } = await scene.poll()

    assert.deepEqual(
      measurements.map(({ value, quality }) => [value, quality]),
      [
        [null, 'request_failed'],
        [null, 'request_failed'],
      ],
    )
  })

  test('status false is a failure, whatever HTTP says, and an empty result is no data', async context => {
    const scene = await openScene(context, 'novus')
    const answer = (body: unknown) =>
      scene.service.fail({ fault: { kind: 'answer', status: 200, body }, channel: 'latest', times: 2 })
    answer({ status: false, message: 'x' })
    answer({ status: true, result: [] })

    const failed = await scene.poll()
    const empty = await scene.poll()

    assert.deepEqual(
      failed.measurements.map(({ quality }) => quality),
      ['request_failed', 'request_failed'],
    )
    assert.deepEqual(
      empty.measurements.map(({ quality }) => quality),
      ['no_data', 'no_data'],
    )
  })

  test('a sporadic 400 heals within the poll', async context => {
    const scene = await openScene(context, 'novus')
    scene.service.fail({ fault: { kind: 'answer', status: 400, body: { status: false } }, times: 1 })

    const { count } = await scene.poll()

    assert.equal(count, 2)
  })
})
