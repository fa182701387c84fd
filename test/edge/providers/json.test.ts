// How answers of a JSON API may be laid out and written, over HTTP, and what is no answer.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type JsonConfig, jsonKey } from '../../../edge/providers/json.ts'
import { parseGatewayConfig } from '../../../protocol/gateway-config.ts'
import { JsonSignal } from '../../../protocol/json-provider-config.ts'
import { type Layout, listed } from '../../doubles/providers/json.ts'
import { MINUTE, NEWEST, NOON, openJsonScene, shown, type Wanted } from './json-scene.ts'

describe('an answer', () => {
  const iso = (at: number) => new Date(at).toISOString()
  const layouts: Record<
    string,
    { layout: Layout; config?: Partial<JsonConfig>; signals?: Wanted['signals'] }
  > = {
    'that is one object': { layout: rows => listed(rows) && { ...(listed(rows) as object[]).at(-1) } },
    'with its samples deep inside': {
      layout: rows => ({ data: { 'a/b': [{ '~': listed(rows) }] } }),
      config: { samples: '/data/a~1b/0/~0' },
    },
    'whose samples are lists themselves': {
      layout: rows => rows.map(({ at, flow, total }) => [at, flow, total]),
      config: { time: { at: '/0', format: 'epoch_ms' } },
      signals: [
        { variable: 'flow', value: '/1' },
        { variable: 'total', value: '/2' },
      ],
    },
    'whose values have times of their own': {
      layout: rows => ({
        flow: { value: rows.at(-1)?.flow, at: iso(rows.at(-1)?.at ?? 0) },
        total: { value: rows.at(-1)?.total, at: iso(rows.at(-1)?.at ?? 0) },
      }),
      signals: [
        { variable: 'flow', value: '/flow/value', time: '/flow/at' },
        { variable: 'total', value: '/total/value', time: '/total/at' },
      ],
    },
    'with a list for each key': {
      layout: rows => ({
        flow: rows.map(({ at, flow }) => ({ ts: at, value: flow })),
        total: rows.map(({ at, total }) => ({ ts: at, value: total })),
      }),
      config: { time: { at: '/ts', format: 'epoch_ms' } },
      signals: [
        { variable: 'flow', value: '/value', samples: '/flow' },
        { variable: 'total', value: '/value', samples: '/total' },
      ],
    },
    'in which each sample says whose it is': {
      layout: rows => ({
        result: rows.flatMap(({ at, flow, total }) => [
          { variable: 'flow', channel: 1, time: iso(at), value: flow },
          { variable: 'total', channel: 1, time: iso(at), value: total },
          { variable: 'flow', channel: 2, time: iso(at), value: 99 },
        ]),
      }),
      config: { samples: '/result' },
      signals: [
        { variable: 'flow', value: '/value', where: { '/variable': 'flow', '/channel': 1 } },
        { variable: 'total', value: '/value', where: { '/variable': 'total' } },
      ],
    },
    'in columns': {
      layout: rows => ({
        hourly: {
          time: rows.map(({ at }) => at / 1_000),
          flow: rows.map(({ flow }) => flow),
          total: rows.map(({ total }) => total),
        },
      }),
      config: { samples: '/hourly', time: { at: '/time', format: 'epoch_s' } },
    },
  }
  for (const [what, { layout, config, signals }] of Object.entries(layouts)) {
    test(`${what} is read, with one request for everything`, async context => {
      const scene = await openJsonScene(context, {
        double: { layout },
        ...(config === undefined ? {} : { config }),
        ...(signals === undefined ? {} : { signals }),
      })

      assert.deepEqual(shown(await scene.latest()), NEWEST)
      assert.equal(scene.api.requests.length, 1)
    })
  }

  test('gives history in the same layout, all keys in one request', async context => {
    for (const [what, { layout, config, signals }] of Object.entries(layouts)) {
      if (what === 'that is one object' || what === 'whose values have times of their own') continue
      const scene = await openJsonScene(context, {
        double: { layout },
        ...(config === undefined ? {} : { config }),
        ...(signals === undefined ? {} : { signals }),
      })

      // An epoch in seconds asks for one more.
      const [flow, total] = shown(await scene.history(NOON - 2 * MINUTE, NOON - 1)).map(samples =>
        (samples as [number, number][]).filter(([at]) => at < NOON),
      )

      const flows = [
        [NOON - 2 * MINUTE, 12.47],
        [NOON - MINUTE, 12.47],
      ]
      assert.deepEqual(flow, flows, what)
      assert.deepEqual(total, [
        [NOON - 2 * MINUTE, NOON / MINUTE - 2],
        [NOON - MINUTE, NOON / MINUTE - 1],
      ])
      assert.equal(scene.api.requests.length, 1)
    }
  })

  const bodies: [
    what: string,
    body: unknown,
    config: Partial<JsonConfig>,
    expected: unknown,
    reason: RegExp,
  ][] = [
    [
      'that holds nothing where samples should be',
      { data: [] },
      { samples: '/rows' },
      'request_failed',
      /its answer holds nothing at \/rows$/,
    ],
    [
      'that holds a text where samples should be',
      { rows: 'none' },
      { samples: '/rows' },
      'request_failed',
      /holds no samples at \/rows$/,
    ],
    ['whose list is empty', { rows: [] }, { samples: '/rows' }, 'no_data', /^$/],
    ['whose list is null', { rows: null }, { samples: '/rows' }, 'no_data', /^$/],
    [
      'without the value',
      [{ time: '2026-01-15T12:00:00Z', level: 1 }],
      {},
      'no_data',
      /no sample of its answer holds what is asked for at \/flow$/,
    ],
    [
      'without a time',
      [{ flow: 1 }],
      {},
      'request_failed',
      /none of the 1 samples of its answer could be read/,
    ],
    [
      'whose time says no zone',
      [{ flow: 1, time: '2026-01-15T12:00:00' }],
      {},
      'request_failed',
      /could be read/,
    ],
    [
      'with columns of different lengths',
      { time: ['2026-01-15T12:00:00Z'], flow: [1, 2] },
      {},
      'request_failed',
      /columns of different lengths at its top$/,
    ],
    [
      'that says that it failed',
      { ok: false, rows: [] },
      { samples: '/rows', expect: { '/ok': true } },
      'request_failed',
      /its answer does not say what is expected at \/ok$/,
    ],
    [
      'that does not say whether it failed',
      { rows: [] },
      { samples: '/rows', expect: { '/status': 'done' } },
      'request_failed',
      /expected at \/status$/,
    ],
    [
      'whose objects have inherited what is asked for',
      [{ time: '2026-01-15T12:00:00Z' }],
      { time: { at: '/constructor', format: 'iso' } },
      'no_data',
      /at \/flow$/,
    ],
  ]
  for (const [what, body, config, expected, reason] of bodies) {
    test(`${what} is ${expected}, and no number`, async context => {
      const { api, latest } = await openJsonScene(context, { config })
      api.fail({ fault: { kind: 'answer', status: 200, body } })

      const [outcome] = await latest()

      assert.equal(outcome?.kind, expected)
      assert.match((outcome as { reason?: string }).reason ?? '', reason)
    })
  }

  test('gives numbers as numbers or texts, and what is none as that', async context => {
    const values = [
      12.47,
      '12.47',
      ' 12.47 ',
      '9007199254740993',
      true,
      false,
      null,
      'ERR',
      '12,47',
      '12.4 L/s',
      {},
      'NaN',
    ]
    const { api, latest } = await openJsonScene(context, {
      signals: [{ variable: 'flow', value: '/flow', codes: ['ERR'] }],
    })
    const body = values.map((flow, index) => ({ flow, time: new Date(NOON + index).toISOString() }))
    api.fail({ fault: { kind: 'answer', status: 200, body } })

    const [outcome] = await latest()

    assert.ok(outcome?.kind === 'ok')
    assert.deepEqual(
      outcome.samples.map(({ given }) => (given.kind === 'number' ? given.raw : given.kind)),
      [
        12.47,
        12.47,
        12.47,
        9007199254740993n,
        1,
        0,
        'sensor_code',
        'sensor_code',
        'not_a_number',
        'not_a_number',
        'not_a_number',
        'sensor_code',
      ],
    )
  })

  test('has decimal commas where that is said, and then no decimal points', async context => {
    const { api, latest } = await openJsonScene(context, {
      config: { decimalComma: true },
      signals: [{ variable: 'flow', value: '/flow' }],
    })
    const values = ['12,47', '-0,5', '12', '1.234', '1.234,5', '1,2,3', 12.47]
    const body = values.map((flow, index) => ({ flow, time: new Date(NOON + index).toISOString() }))
    api.fail({ fault: { kind: 'answer', status: 200, body } })

    const [outcome] = await latest()

    assert.ok(outcome?.kind === 'ok')
    assert.deepEqual(
      outcome.samples.map(({ given }) => (given.kind === 'number' ? given.raw : given.kind)),
      [12.47, -0.5, 12, 'not_a_number', 'not_a_number', 'not_a_number', 12.47],
    )
  })

  test('has the device’s time in its own zone', async context => {
    const { latest } = await openJsonScene(context, {
      double: { layout: rows => rows.map(({ flow }) => ({ flow, time: '15/01/2026 09:00:00' })) },
      config: { time: { at: '/time', format: 'dd/MM/yyyy HH:mm:ss', zone: 'America/Santiago' } },
    })

    assert.deepEqual(shown(await latest())[0], [[NOON, 12.47]])
  })
})

test('jsonKey() names a value by where it lies, and by what else tells its samples from others', () => {
  const key = (fields: object) => jsonKey(JsonSignal.parse({ variable: 'flow', ...fields }))

  assert.equal(key({ value: '/flow' }), '/flow')
  assert.equal(key({ value: '/flow', scale: 0.1 }), '/flow')
  assert.notEqual(key({ value: '/value', samples: '/flow' }), key({ value: '/value', samples: '/total' }))
  assert.notEqual(
    key({ value: '/value', where: { '/v': 'a' } }),
    key({ value: '/value', where: { '/v': 'b' } }),
  )
})

test('the example in the manual reads the answer that stands beside it', async context => {
  const manual = readFileSync(new URL('../../../docs/gateway.md', import.meta.url), 'utf8')
  const yaml = /^```yaml\n(providers:\n(?: {2}.*\n)*? {4}provider: json\n(?: {2}.*\n)*)```$/m.exec(
    manual,
  )?.[1]
  const answer = / {4}(\{"status": "ok".*\n(?: {4,}.*\n)*)/.exec(manual)?.[1]
  const head =
    'gateway: g\nclient: c\nproject: p\nuplink: { url: "mqtt://x", credentials: i }\nbuffer: { path: b }\n'
  const { providers } = parseGatewayConfig(head + yaml, 'docs/gateway.md')
  const [described] = providers
  assert.ok(described?.provider === 'json')
  const { samples, expect, time, decimalComma, signals } = described
  const { api, latest } = await openJsonScene(context, {
    config: { samples, expect, time, decimalComma },
    signals: signals.map(one => ({ ...one })),
  })
  api.fail({ fault: { kind: 'answer', status: 200, body: answer } })

  assert.deepEqual(shown(await latest()), [[[NOON, 12.47]], [[NOON, 8210]], [[NOON, 87]]])
})

test('whatever an answer holds, no number comes of it that does not stand in it', async context => {
  const { api, latest } = await openJsonScene(context, {
    config: { time: { at: '/time', format: 'epoch_s' } },
    signals: [{ variable: 'flow', value: '/flow' }],
  })
  const time = fc.oneof(fc.integer({ min: 1, max: 2e9 }), fc.jsonValue())
  const row = fc.oneof(fc.record({ time, flow: fc.jsonValue() }), fc.jsonValue())
  const body = fc.oneof(
    fc.array(row, { maxLength: 4 }),
    fc.record({ time: fc.array(time), flow: fc.array(fc.jsonValue()) }),
    fc.jsonValue(),
  )

  await fc.assert(
    fc.asyncProperty(body, async document => {
      api.heal()
      api.fail({ fault: { kind: 'answer', status: 200, body: JSON.stringify(document) } })

      const [outcome] = await latest()

      assert.ok(outcome !== undefined && outcome.kind !== 'auth_failed')
      for (const { given } of outcome.kind === 'ok' ? outcome.samples : []) {
        if (given.kind === 'number') assert.ok(isWritten(given.raw, document), JSON.stringify(document))
      }
    }),
    { numRuns: 400 },
  )
})

/** Whether a number stands somewhere in a document: as one, as a text, or as true or false. */
function isWritten(raw: number | bigint, value: unknown): boolean {
  if (typeof value === 'object' && value !== null)
    return Object.values(value).some(inner => isWritten(raw, inner))
  if (value === null) return false
  return Number(value) === Number(raw)
}
