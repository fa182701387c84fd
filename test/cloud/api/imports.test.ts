// Imports over HTTP: what is uploaded, what is told of it, and what is refused.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { IMPORT_METRICS, type ImportDeps, stepImport } from '../../../cloud/imports/runner.ts'
import { FILE_BYTES_MAX } from '../../../cloud/imports/table.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { processAll } from '../processor/site.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const POINT = 'campo.los-aromos.pozo-7'

describe('/imports', () => {
  let api: ApiScene
  let deps: ImportDeps
  before(async () => {
    api = await openApiScene()
    deps = { db: api.db, clock: api.clock, log: silentLog, metrics: openMetrics(IMPORT_METRICS) }
  })
  after(() => api.close())

  const upload = (body: string | Uint8Array, query = `point=${POINT}`, token?: string) =>
    api.ask('POST /api/v1/imports', {
      path: `/api/v1/imports?${query}`,
      ...(token === undefined ? {} : { token }),
      init: { headers: { 'content-type': 'text/csv' }, body: body as string },
    })
  const post = (id: number, verb: string, body?: object) =>
    api.ask(`POST /api/v1/imports/{import}/${verb}`, {
      path: `/api/v1/imports/${id}/${verb}`,
      init:
        body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    })
  const see = async (id: number) =>
    (await api.ask('GET /api/v1/imports/{import}', { path: `/api/v1/imports/${id}` })).body

  test('take a file of more than other bodies may have, and tell how far it is to its end', async () => {
    const began = Date.parse('2025-06-01T00:00:00Z')
    const rows = Array.from(
      { length: 4_000 },
      (_, hour) => `${new Date(began + hour * 3_600_000).toISOString()};${hour};1,5`,
    )
    const { status, body } = await upload(
      ['fecha;total;caudal', ...rows].join('\n'),
      `point=${POINT}&name=a%C3%B1o.csv`,
    )
    assert.deepEqual([status, body.state, body.name, body.progress.percent], [202, 'uploaded', 'año.csv', 0])

    await stepImport(deps, body.id)
    const previewed = await see(body.id)
    assert.deepEqual(
      [previewed.state, previewed.preview.variables[0].from, previewed.format.zone, previewed.format.assumed],
      ['previewed', '2025-06-01T00:00:00.000Z', 'offset', []],
    )
    assert.ok(previewed.preview.warnings.some((one: string) => /no calibration total_to_volume/.test(one)))
    await post(body.id, 'confirm', {})
    await stepImport(deps, body.id)
    const stored = await see(body.id)
    assert.deepEqual(
      [stored.state, stored.progress],
      ['confirmed', { readings: 8_000, stored: 8_000, batchesToProcess: 4, percent: 90 }],
    )
    await processAll(api.db)
    await api.db.query('update imports set lease_until = null')
    await stepImport(deps, body.id)
    const done = await see(body.id)
    assert.deepEqual([done.state, done.progress.percent, done.result.inserted], ['done', 100, 8_000])
    const undone = await post(body.id, 'undo')
    assert.equal(undone.body.state, 'undoing')
    await stepImport(deps, body.id)
    assert.equal((await see(body.id)).state, 'undone')
  })

  test('refuse what is too large, empty, of a point that is not there, or said to be written as nothing is', async () => {
    const tooLarge = await upload(new Uint8Array(FILE_BYTES_MAX + 1))
    const empty = await upload('')
    const nowhere = await upload('at,flow\n', 'point=pozo-99')
    const strange = await upload('at,flow\n', `point=${POINT}&zone=Chile&decimal=x`)

    assert.deepEqual([tooLarge.status, empty.status, nowhere.status], [413, 422, 404])
    assert.equal(strange.status, 400)
    assert.deepEqual(strange.body.errors.map(({ name }: { name: string }) => name).sort(), [
      'decimal',
      'zone',
    ])
  })

  test('refuse a name that is none, and a body that says that it is something else', async () => {
    const unnamed = await upload('at,flow\n', `point=${POINT}&name=%00`)
    const json = await api.ask('POST /api/v1/imports', {
      path: `/api/v1/imports?point=${POINT}`,
      init: { headers: { 'content-type': 'application/json' }, body: '{"at":1}' },
    })

    assert.deepEqual([unnamed.status, unnamed.body.errors[0].name, json.status], [400, 'name', 415])
  })

  test('tell of cells that cut a character in half, and of a head without an end', async () => {
    const cell = `${'x'.repeat(39)}\u{1f4a7}`
    const head = ['fecha', 'total', ...Array.from({ length: 3_000 }, (_, index) => `${cell}${index}`)].join(
      ';',
    )
    const { body } = await upload(`${head}\n15/01/2026 08:00;${cell}\n`)
    await stepImport(deps, body.id)
    const refused = await see(body.id)

    assert.equal(refused.state, 'refused')
    assert.match(refused.mistakes[0].detail, /^"x{39}\ufffd" is no number/)
    assert.equal(refused.format.ignored.length, 98)
  })

  test('read nothing that somebody sends who may not send it', async () => {
    const large = new Uint8Array(1024 * 1024)
    const reader = api.tokens['client_reader of campo'] ?? ''

    assert.deepEqual(
      [(await upload(large, undefined, '')).status, (await upload(large, undefined, reader)).status],
      [401, 403],
    )
  })

  test('tell mistakes with their places, and are read again as somebody says', async () => {
    const { body } = await upload('fecha;total\n15/01/2026 08:00;1\n15/01/2026 07:00;x\n')
    await stepImport(deps, body.id)
    const refused = await see(body.id)
    assert.deepEqual(
      [refused.state, refused.mistakesCount, refused.mistakes],
      ['refused', 1, [{ line: 3, column: 'total', detail: '"x" is no number with a decimal comma' }]],
    )
    assert.equal((await post(body.id, 'confirm', { accept: ['zone'] })).status, 409)
    assert.equal((await post(body.id, 'settings', { zone: 'Chile' })).status, 400)
    assert.equal((await post(body.id, 'settings', { zone: 'UTC-4' })).status, 200)
    assert.equal((await post(body.id, 'discard')).body.state, 'discarded')
    assert.equal((await post(body.id, 'settings', {})).status, 409)
  })

  test('wait in a bounded number for each point', async () => {
    const statuses: number[] = []
    for (let number = 0; number < 25; number += 1) {
      statuses.push(
        (await upload(`at,flow\n2026-01-01T00:00:00Z,${number}\n`, 'point=campo.los-aromos.campo-8')).status,
      )
    }

    assert.deepEqual(statuses, [...Array<number>(20).fill(202), ...Array<number>(5).fill(409)])
  })

  test('are not among the gateways', async () => {
    const { body } = await api.ask('GET /api/v1/gateways', { path: '/api/v1/gateways' })

    assert.deepEqual(
      body.items.map(({ gateway }: { gateway: string }) => gateway),
      ['gw-campo', 'gw-otra'],
    )
  })
})
