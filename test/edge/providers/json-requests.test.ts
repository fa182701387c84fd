// What is asked of a JSON API, over HTTP: how one shows who asks, how stretches of time are asked for, and what never leaves.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonConfig } from '../../../edge/providers/json.ts'
import type { SeenRequest } from '../../doubles/providers/service.ts'
import { DEVICE, MINUTE, NEWEST, NOON, openJsonScene, shown } from './json-scene.ts'

describe('a request', () => {
  const ways: Record<string, [auth: JsonConfig['auth'], isAllowed: (request: SeenRequest) => boolean]> = {
    basic: [
      { kind: 'basic', username: 'ana', password: 'se:cret' },
      ({ headers }) => headers.authorization === `Basic ${Buffer.from('ana:se:cret').toString('base64')}`,
    ],
    bearer: [{ kind: 'bearer', token: 'secret' }, ({ headers }) => headers.authorization === 'Bearer secret'],
    header: [
      { kind: 'header', name: 'X-Api-Key', value: 'secret' },
      ({ headers }) => headers['x-api-key'] === 'secret',
    ],
    query: [
      { kind: 'query', name: 'api key', value: 'secret&more' },
      ({ path }) => new URL(path, 'http://x').searchParams.get('api key') === 'secret&more',
    ],
  }
  for (const [kind, [auth, isAllowed]] of Object.entries(ways)) {
    test(`shows who asks by ${kind}, also for history, and is auth_failed when that is refused`, async context => {
      const right = await openJsonScene(context, { double: { isAllowed }, config: { auth } })
      const wrong = await openJsonScene(context, { double: { isAllowed } })

      assert.deepEqual(shown(await right.latest()), NEWEST)
      assert.equal((await right.history(NOON - MINUTE, NOON))[0]?.kind, 'ok')
      assert.deepEqual(shown(await wrong.latest()), ['auth_failed', 'auth_failed'])
      assert.equal(wrong.api.requests.length, 1)
    })
  }

  test('keeps the query that its URL has, and puts what stands for the device in its place whatever it is', async context => {
    const { api, latest } = await openJsonScene(context, {
      config: base => ({
        latest: { url: `${base}/devices/{device}/latest?fields=a%20b,c&name={device}&empty=`, method: 'GET' },
        auth: { kind: 'query', name: 'key', value: 'secret' },
      }),
    })

    await latest()

    const [request] = api.requests
    const { pathname, searchParams } = new URL(request?.path ?? '', 'http://x')
    assert.equal(decodeURIComponent(pathname), `/devices/${DEVICE}/latest`)
    assert.equal(pathname.split('/').length, 4)
    assert.deepEqual(
      ['fields', 'name', 'empty', 'key'].map(name => searchParams.get(name)),
      ['a b,c', DEVICE, '', 'secret'],
    )
    assert.match(request?.path ?? '', /fields=a%20b,c/)
  })

  test('has the headers that are asked for, which take the place of its own', async context => {
    const { api, latest } = await openJsonScene(context, {
      config: { headers: { Accept: 'application/vnd.acme+json', 'X-Account': '42' } },
    })

    await latest()

    const { headers } = api.requests[0] as SeenRequest
    assert.deepEqual([headers.accept, headers['x-account']], ['application/vnd.acme+json', '42'])
  })

  test('that is a POST brings its body, in which nothing breaks out of its text', async context => {
    const body =
      '{"device": "{device}", "from": "{from}", "to": "{to}", "limit": 5, "nested": {"x": [1, null]}}'
    const { api, latest, history } = await openJsonScene(context, {
      config: base => ({
        latest: { url: `${base}/devices/{device}/latest`, method: 'POST', body: '{"device": "{device}"}' },
        history: { url: `${base}/devices/{device}/samples`, method: 'POST', body },
      }),
    })

    assert.deepEqual(shown(await latest()), NEWEST)
    const [outcome] = await history(NOON - 10 * MINUTE, NOON - 1)

    assert.equal(outcome?.kind === 'ok' && outcome.samples.length, 5)
    assert.deepEqual(
      api.requests.map(({ method, headers }) => [method, headers['content-type']]),
      [
        ['POST', 'application/json'],
        ['POST', 'application/json'],
      ],
    )
    assert.deepEqual(JSON.parse(api.requests[1]?.body ?? ''), {
      ...{ device: DEVICE, from: '2026-01-15T11:50:00.000Z', to: '2026-01-15T11:59:59.999Z', limit: 5 },
      nested: { x: [1, null] },
    })
  })

  test('without history asks for none', async context => {
    const { api, history } = await openJsonScene(context, { config: { history: undefined as never } })

    assert.deepEqual(shown(await history(NOON - 10 * MINUTE, NOON)), ['no_data', 'no_data'])
    assert.equal(api.requests.length, 0)
  })

  test('for history writes the stretch as that is asked for, and not as samples say their time', async context => {
    const { api, history } = await openJsonScene(context, {
      double: { readTime: text => Date.parse(`${text.replace(' ', 'T')}-03:00`) },
      config: base => ({
        history: {
          ...{ url: `${base}/devices/{device}/samples?from={from}&to={to}`, method: 'GET' },
          ...{ format: 'yyyy-MM-dd HH:mm:ss', zone: 'America/Santiago' },
        },
      }),
    })

    const [outcome] = await history(NOON - 2 * MINUTE + 1, NOON - 1)

    assert.equal(outcome?.kind === 'ok' && outcome.samples.length, 3)
    assert.match(api.requests[0]?.path ?? '', /from=2026-01-15%2008%3A58%3A00&to=2026-01-15%2009%3A00%3A00$/)
  })

  test('for history is for no longer a stretch than one answer gives, and goes on behind it, also over nothing', async context => {
    const { api, history } = await openJsonScene(context, {
      config: base => ({
        history: {
          ...{ url: `${base}/devices/{device}/samples?from={from}&to={to}`, method: 'GET' },
          window: 60 * MINUTE,
        },
      }),
    })
    const from = NOON - 180 * MINUTE

    const [first] = await history(from, NOON - 1)
    const [last] = await history(NOON - 60 * MINUTE, NOON - 1)

    assert.deepEqual(first, {
      kind: 'no_data',
      ...{ rest: { from: from + 60 * MINUTE, to: NOON - 1 }, isComplete: true },
    })
    assert.ok(last?.kind === 'ok' && last.rest === undefined && last.samples.length === 60)
    assert.match(api.requests[0]?.path ?? '', /to=2026-01-15T09%3A59%3A59.999Z/)
  })
})

describe('what is secret', () => {
  const basic = Buffer.from('ana:secret-pass').toString('base64')
  for (const [auth, ofAuth] of [
    [{ kind: 'none' }, []],
    [{ kind: 'basic', username: 'ana', password: 'secret-pass' }, ['ana', 'secret-pass', basic]],
    [{ kind: 'bearer', token: 'secret-token' }, ['secret-token']],
    [{ kind: 'header', name: 'x-key', value: 'secret-key' }, ['secret-key']],
    [{ kind: 'query', name: 'key', value: 'secret-key' }, ['secret-key']],
  ] satisfies [JsonConfig['auth'], string[]][]) {
    test(`is told to the API with each request, where ${auth.kind} shows who asks: the device, the headers, and what shows it`, async context => {
      const { asked, latest, history } = await openJsonScene(context, {
        config: { auth, headers: { 'x-other': 'secret-header' } },
      })

      await latest()
      await history(NOON - MINUTE, NOON)

      const secrets = [DEVICE, 'secret-header', ...ofAuth]
      assert.deepEqual(
        asked.map(request => request.secrets),
        [secrets, secrets],
      )
    })
  }

  test('is in no reason, whatever goes wrong', async context => {
    const secrets = ['secret-user', 'secret-pass', 'secret\nkey', 'secret-header', DEVICE]
    for (const auth of [
      { kind: 'basic', username: 'secret-user', password: 'secret-pass' },
      { kind: 'query', name: 'key', value: 'secret-pass' },
      // No header can carry it: the request is not made, and what that says holds the value.
      { kind: 'header', name: 'x-key', value: 'secret\nkey' },
    ] satisfies JsonConfig['auth'][]) {
      const { api, latest, clock } = await openJsonScene(context, {
        config: { auth, headers: { 'x-other': 'secret-header' } },
      })
      const faults = [
        { kind: 'answer', status: 404, body: `secret-pass ${DEVICE}` },
        { kind: 'answer', status: 200, body: 'secret-pass' },
        { kind: 'answer', status: 401, body: {} },
        { kind: 'reset' },
      ] as const
      for (const fault of faults) {
        api.heal()
        api.fail({ fault })
        const asking = latest()
        let isDone = false
        void asking.then(() => {
          isDone = true
        })
        while (!isDone) {
          await new Promise(resolve => setImmediate(resolve))
          if (clock.sleepers() > 0) await clock.advance(1_000)
        }

        const [outcome] = await asking
        const reason = (outcome as { reason?: string }).reason ?? ''
        assert.match(reason, /^127\.0\.0\.1:\d+: /)
        for (const secret of secrets) {
          assert.ok(!reason.includes(secret) && !reason.includes(encodeURIComponent(secret)), reason)
        }
      }
    }
  })
})
