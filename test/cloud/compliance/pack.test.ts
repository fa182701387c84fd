// A month of a work: its counts, and files that are the same each time and can be checked without us.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { anchorOf, collectPack, toPack } from '../../../cloud/compliance/pack.ts'
import { toTar } from '../../../cloud/compliance/tar.ts'
import { verifyEvidence } from '../../../cloud/compliance/verify-evidence.ts'
import { withdrawSlots } from '../../../cloud/store/compliance-obligations.ts'
import { selectReconciliations } from '../../../cloud/store/reconciliation.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

const WORK = 'OB-0602-7'
const JANUARY = { from: Date.parse('2026-01-01T04:00:00Z'), to: Date.parse('2026-02-01T04:00:00Z') }

test('anchorOf() takes nothing but the JSON file of a pack', () => {
  const hash = 'ab'.repeat(32)
  const pack = { version: 1, evidence: { workCode: WORK, seq: 7, hash }, slots: [] }
  assert.deepEqual(anchorOf(JSON.stringify(pack)), { workCode: WORK, seq: 7, hash })
  assert.equal(anchorOf(JSON.stringify({ ...pack, evidence: null })), undefined)
  for (const text of [
    '',
    'clients: []',
    '{}',
    '[]',
    'null',
    JSON.stringify({ ...pack, evidence: { seq: 7 } }),
  ])
    assert.throws(() => anchorOf(text), /not the JSON file of a pack/, text)
})

describe('a month of a work', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(() => scene.close())

  /** Five hours: one accepted and verified, one in time, one held but not answered, one refused, one not measured. */
  const playHours = async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register(WORK, { informant: '12345678-5' })
    await toNextHour(pointId)
    await site.round()
    await clock.advance(5 * MINUTE)
    await site.round()
    await toNextHour(pointId)
    await site.round()
    dga.faults.add({ fault: { kind: 'stored-but-lost', mode: 'reset' }, times: 1, channel: 'rest' })
    await toNextHour(pointId)
    await site.round()
    dga.faults.add({
      ...{ channel: 'rest', times: 1 },
      fault: { kind: 'answer', status: 400, body: '{"status":"99","message":"Caudal «ñ» no permitido"}' },
    })
    await toNextHour(pointId)
    await site.round()
    await toNextHour()
    await clock.advance(31 * MINUTE)
    await site.round()
  }

  const reconcile = async () => {
    const asked = { ...JANUARY, workCode: null, afterKey: 0, limit: 10 }
    const [row, ...others] = await selectReconciliations(database.db, null, asked)
    assert.deepEqual(others, [])
    const { key: _, client: __, project: ___, ...counts } = row ?? assert.fail()
    return counts
  }

  test('is counted: owed, measured, sent, accepted, verified, late, and missing with its reason', async () => {
    await playHours()
    assert.deepEqual(await reconcile(), {
      ...{ workCode: WORK, point: 'ob-0602-7', owed: 5, measured: 4, sent: 4, accepted: 2, verified: 2 },
      ...{ late: 0, failures: 0 },
      missing: [
        {
          ...{ state: 'no_data', count: 1 },
          reason: 'flow: no reading of flow; total: no reading of total; level: no reading of water_table',
        },
        { state: 'ready', reason: 'no answer: read ECONNRESET', count: 1 },
        { state: 'ready', reason: 'refused: HTTP 400: Caudal «ñ» no permitido', count: 1 },
      ],
    })

    await scene.clock.advance(DAY)
    await scene.site.round()
    await scene.clock.advance(HOUR)
    await scene.site.round()
    const { owed, accepted, late } = await reconcile()
    assert.deepEqual([owed, accepted, late], [30, 4, 2])
  })

  test('counts as measured what is complete, and as owed what still is', async () => {
    const { clock, site, register, toNextHour } = scene
    const pointId = await register(WORK)
    await toNextHour()
    await site.measure(pointId, clock.now(), { flow: 14.25 })
    await clock.advance(31 * MINUTE)
    await site.round()
    const [slot] = await site.slots()
    assert.equal(slot?.values?.flow?.text, '14.25')
    const { owed, measured } = await reconcile()
    assert.deepEqual([owed, measured], [1, 0])

    await withdrawSlots(
      database.db,
      [slot?.id ?? 0],
      'not owed since the obligation was changed',
      clock.now(),
    )
    const since = await reconcile()
    assert.deepEqual([since.owed, since.missing], [0, []])
  })

  test('has no slots of other months: it begins and ends at the regulator’s midnight', async () => {
    await playHours()
    const asked = { from: JANUARY.to, to: JANUARY.to + 28 * DAY, workCode: WORK, afterKey: 0, limit: 10 }
    const [row] = await selectReconciliations(database.db, null, asked)
    assert.equal(row?.owed, 0)
    assert.deepEqual(await selectReconciliations(database.db, [0], asked), [])
  })

  test('is packed in the same bytes each time, with the hashes of all, and other bytes for other facts', async () => {
    await playHours()
    const pack = async () =>
      toPack(await collectPack(database.db, null, { workCode: WORK, month: '2026-01' }))
    const [first, second] = [await pack(), await pack()]

    assert.deepEqual(toTar(first), toTar(second))
    const sums = Buffer.from(first.at(-1)?.bytes ?? [])
      .toString()
      .trim()
      .split('\n')
    assert.deepEqual(
      sums,
      first
        .slice(0, -1)
        .map(({ name, bytes }) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}`),
    )
    await scene.clock.advance(DAY)
    await scene.site.round()
    const third = await pack()
    assert.notDeepEqual(
      third.map(({ bytes }) => Buffer.compare(bytes, bytes)),
      [],
    )
    assert.notDeepEqual(toTar(third), toTar(first))
  })

  test('is packed in the same bytes when other months have gone on since', async () => {
    const { clock, site, register } = scene
    const pointId = await register(WORK, { standard: 'menor' })
    const play = async (at: string) => {
      await clock.advance(Date.parse(at) - clock.now())
      await site.measureWell(pointId, clock.now())
      await site.round()
      await clock.advance(5 * MINUTE)
      await site.round()
    }
    const pack = async () =>
      toTar(await toPack(await collectPack(database.db, null, { workCode: WORK, month: '2026-02' })))
    await play('2026-02-01T04:00:00Z')
    const first = await pack()
    await play('2026-03-01T04:00:00Z')

    assert.deepEqual(await scene.statesOf(), ['sent', 'sent'])
    assert.deepEqual(await pack(), first)
  })

  test('is a report that other programs read, and tables whose hashes can be computed from what they hold', async () => {
    await playHours()
    const files = await toPack(await collectPack(database.db, null, { workCode: WORK, month: '2026-01' }))
    const folder = mkdtempSync(join(tmpdir(), 'smarthydro-pack-'))

    const { status } = spawnSync('tar', ['-xf', '-', '-C', folder], { input: toTar(files) })
    assert.equal(status, 0)
    assert.deepEqual(readdirSync(folder).sort(), files.map(({ name }) => name).sort())
    const checked = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stderr)
    rmSync(folder, { recursive: true })

    const [pdf, json, , evidence] = files.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
    assert.match(pdf ?? '', /^%PDF-1\.\d[\s\S]*%%EOF\s*$/)
    assert.doesNotMatch(pdf ?? '', /clave|creta/)
    const rows = (evidence ?? '').trim().split('\r\n')
    assert.equal(rows[0]?.split(',').at(-1), 'hash')
    assert.equal(rows.length - 1, 10)
    const anchor = anchorOf(json ?? '')
    assert.deepEqual((await verifyEvidence(database.db, [anchor ?? assert.fail()])).breaks, [])
  })
})
