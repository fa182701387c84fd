// Doubts and what persons decide about them, against DGA’s double, on a real database.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { decideSlot } from '../../../cloud/compliance/deciding.ts'
import type { Decision } from '../../../cloud/compliance/review.ts'
import type { ListedSlot } from '../../../cloud/store/compliance.ts'
import { listDecisions } from '../../../cloud/store/compliance-review.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { ANSWERS } from '../../doubles/dga/faults.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

const WORK = 'OB-0602-7'

describe('a slot in doubt', () => {
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

  const decide = (slot: ListedSlot, decision: Decision, dryRun = false) =>
    decideSlot({ ...scene.site, clock: scene.clock }, slot.id, decision, {
      clientIds: null,
      by: 'ana',
      dryRun,
    })
  const newest = async (): Promise<ListedSlot> => {
    const found = (await scene.site.slots()).at(-1)
    if (found === undefined) throw new Error('There is no slot')
    return found
  }
  const measureAt = async (pointId: number, total: number, flow = 14.25) => {
    const { clock, site } = scene
    await clock.advance(HOUR - (clock.now() % HOUR))
    await site.measure(pointId, clock.now(), { flow, total, water_table: 23.6 })
    await site.round()
  }

  test('is kept back with what it saw, and declared as it was measured when a person approves it', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 139_806)
    await measureAt(point, 214)

    const doubted = await newest()
    assert.equal(doubted.state, 'review')
    assert.equal(doubted.reason, 'total went from 139806 to 214 m³ in 1.0 h')
    assert.deepEqual(
      doubted.findings.map(({ code, saw }) => [code, saw]),
      [['total_back', { beforeM3: 139_806, nowM3: 214, hours: 1, limitM3: 501 }]],
    )
    const decided = await decide(doubted, { action: 'approve', reason: 'medidor nuevo' })
    assert.deepEqual([decided.decided?.kind, decided.state], ['changed', 'ready'])
    await scene.site.round()

    const sent = await newest()
    assert.deepEqual([sent.state, sent.values?.total?.text], ['sent', '214'])
    assert.deepEqual(
      (await listDecisions(scene.site.db, sent.id)).map(({ by, action, reason }) => [by, action, reason]),
      [['ana', 'approve', 'medidor nuevo']],
    )
    assert.deepEqual(scene.dga.monitor.violations, [])
  })

  test('is never a baseline, and what a person approves is one: the slots after it are looked at again', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 139_806)
    for (const total of [214, 250, 301]) await measureAt(point, total)
    assert.deepEqual(await scene.statesOf(), ['sent', 'review', 'review', 'review'])

    const [, first] = await scene.site.slots()
    assert.ok(first)
    await decide(first, { action: 'approve', reason: 'medidor nuevo' })
    await scene.site.round()

    const states = await scene.statesOf()
    assert.deepEqual(
      states.filter(state => state === 'review'),
      [],
    )
    assert.ok(states.slice(1).every(state => state === 'sent' || state === 'ready'))
  })

  test('does not hold up the slots after it, nor those of another work', async () => {
    const [sick, healthy] = [await scene.register(WORK), await scene.register('OB-0602-8')]
    await measureAt(sick, 1000)
    await scene.clock.advance(HOUR - (scene.clock.now() % HOUR))
    const now = scene.clock.now()
    await scene.site.measure(sick, now, { flow: -3, total: 1051, water_table: 23.6 })
    await scene.site.measureWell(healthy, now)
    await scene.site.round()
    await measureAt(sick, 1102)

    assert.deepEqual(await scene.statesOf(sick), ['sent', 'review', 'sent'])
    assert.equal((await scene.statesOf(healthy))[1], 'sent')
  })

  test('cannot be approved when it is blocked; a person’s value is checked as well, and the measured one kept', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 1000)
    await measureAt(point, 1051, -0.03)
    const doubted = await newest()
    assert.deepEqual(
      doubted.findings.map(({ code, severity }) => [code, severity]),
      [['negative', 'block']],
    )

    const refused = async (decision: Decision) => {
      const { decided } = await decide(doubted, decision)
      assert.equal(decided?.kind, 'refused')
      return decided?.kind === 'refused' ? decided.reason : ''
    }
    assert.match(await refused({ action: 'approve', reason: 'va' }), /negative flow/)
    const give = (values: object, despite: never[] = []): Decision => ({
      ...{ action: 'replace', reason: 'aforo manual', values, despite },
    })
    assert.match(await refused(give({ flow: -1 })), /negative flow: -1.00/)
    assert.match(await refused(give({ flow: 14, total: 12 })), /total went from 1000 to 12/)
    assert.match(
      await refused({ ...give({ flow: 14, total: 12 }), despite: ['total_jump'] } as Decision),
      /1000 to 12/,
    )
    assert.equal((await newest()).state, 'review')

    await decide(doubted, give({ flow: 14.005 }))
    await scene.site.round()

    const sent = await newest()
    assert.deepEqual(
      [sent.state, sent.values?.flow?.value, sent.values?.flow?.text],
      ['sent', -0.03, '-0.03'],
    )
    assert.deepEqual(sent.person?.values, { flow: { value: 14.005, text: '14.01' } })
    assert.deepEqual([sent.person?.by, sent.person?.reason], ['ana', 'aforo manual'])
    const stored = scene.dga.holdings.all().at(-1)
    assert.deepEqual([stored?.flow, stored?.total], [14.01, 1051])
  })

  test('takes a person’s value against a doubt that the person names', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 1000)
    await measureAt(point, 1051, -0.03)
    const values = { flow: 14, total: 12 }
    await decide(await newest(), {
      action: 'replace',
      reason: 'medidor nuevo',
      values,
      despite: ['total_back'],
    })

    const { state, findings } = await newest()
    assert.deepEqual([state, findings.map(({ code }) => code)], ['ready', ['total_back']])
  })

  test('is left by every way out, and comes back by one, until DGA holds it', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 1000)
    await measureAt(point, 900)
    const slot = await newest()
    await decide(slot, { action: 'reject', reason: 'no corresponde' }, true)
    assert.equal((await newest()).state, 'review')
    await decide(slot, { action: 'reject', reason: 'no corresponde' })
    assert.deepEqual([(await newest()).state, (await newest()).reason], ['rejected', 'no corresponde'])
    await scene.site.round()
    assert.equal((await newest()).state, 'rejected')

    await decide(slot, { action: 'reopen', reason: 'me equivoqué' })
    await scene.site.round()
    assert.equal((await newest()).state, 'review')
    await decide(slot, { action: 'approve', reason: 'sí corresponde' })
    await decide(slot, { action: 'hold', reason: 'un momento' })
    await scene.site.round()
    assert.deepEqual([(await newest()).state, (await newest()).reason], ['review', 'held: un momento'])
    await decide(slot, { action: 'approve', reason: 'ahora sí' })
    await scene.site.round()
    assert.equal((await newest()).state, 'sent')
    for (const action of ['approve', 'reject', 'reopen', 'hold'] as const)
      assert.equal((await decide(slot, { action, reason: 'otra vez' })).decided?.kind, 'refused', action)
    assert.equal((await listDecisions(scene.site.db, slot.id)).length, 5)
    await scene.clock.advance(MINUTE)
    await scene.site.round()
    const before = (await newest()).verifiedAt ?? 0
    await scene.clock.advance(DAY)
    await decide(slot, { action: 'verify', reason: 'otra vez' })
    await scene.site.round()
    const after = (await scene.site.slots()).find(({ id }) => id === slot.id)
    assert.deepEqual([after?.state, after?.verification, after?.verifiedAt], ['sent', 'match', before + DAY])
  })

  test('that DGA holds without a receipt is settled with the receipt that DGA tells, and never sent again', async () => {
    const { clock, dga, site, register } = scene
    const point = await register(WORK)
    dga.faults.add({ times: 1, fault: { kind: 'no-receipt', how: 'missing' } })
    await measureAt(point, 1000)
    const slot = await newest()
    assert.equal(slot.state, 'review')
    for (const action of ['approve', 'reopen'] as const)
      assert.equal((await decide(slot, { action, reason: 'otra vez' })).decided?.kind, 'refused', action)
    await decide(slot, { action: 'reject', reason: 'lo vemos con DGA' })
    await decide(slot, { action: 'reopen', reason: 'DGA contestó' })
    assert.equal((await newest()).state, 'review')

    const receipt = dga.holdings.all()[0]?.receipt ?? ''
    await decide(slot, { action: 'settle', reason: 'DGA contestó', receipt })
    await clock.advance(MINUTE)
    await site.round()

    const settled = await newest()
    assert.deepEqual([settled.state, settled.receipt, settled.verification], ['sent', receipt, 'match'])
    assert.equal(dga.holdings.all().length, 1)
  })

  test('in shadow is declared after all when a person reopens it, once the work is to be declared', async () => {
    const point = await scene.register(WORK, { mode: 'shadow' })
    await measureAt(point, 1000)
    const slot = await newest()
    await decide(slot, { action: 'reopen', reason: 'sigue en sombra' })
    await scene.site.round()
    assert.equal((await newest()).state, 'shadow')

    await scene.site.db.query(`update obligations set terms = terms || '{"mode": "send"}'`)
    await scene.site.round()
    assert.equal((await newest()).state, 'shadow')
    await decide(slot, { action: 'reopen', reason: 'desde hoy declaramos' })
    await scene.site.round()
    assert.equal((await newest()).state, 'sent')
  })

  test('is tried no sooner than a day after DGA refused it, whatever a person decides', async () => {
    const { clock, dga, site, register } = scene
    const point = await register(WORK)
    dga.faults.add({ times: 1, fault: ANSWERS.other200 })
    await measureAt(point, 1000)
    const slot = await newest()
    const triedAt = clock.now()
    await decide(slot, { action: 'hold', reason: 'lo miro' })
    await decide(slot, { action: 'reopen', reason: 'está bien' })
    await decide(slot, { action: 'hold', reason: 'lo miro' })
    await decide(slot, { action: 'replace', reason: 'corregido', values: { flow: 14 }, despite: [] })

    assert.equal((await newest()).nextAttemptAt, triedAt + DAY)
    await clock.advance(DAY)
    await site.round()
    assert.deepEqual(dga.monitor.violations, [])
    assert.equal((await site.slots(point))[0]?.state, 'sent')
  })

  test('is healed by a better reading that comes late, while nobody has decided', async () => {
    const { clock, site, register } = scene
    const point = await register(WORK)
    await clock.advance(HOUR - (clock.now() % HOUR))
    const due = clock.now()
    await site.measureWell(point, due + 2 * MINUTE)
    await site.db.query('update readings set quality = 1')
    await clock.advance(31 * MINUTE)
    await site.round()
    const doubted = await newest()
    assert.deepEqual([doubted.state, doubted.findings[0]?.code], ['review', 'bad_quality'])

    await site.measureWell(point, due + MINUTE, 15)
    await clock.advance(HOUR / 2)
    await site.round()
    const sent = (await site.slots())[0]
    assert.deepEqual([sent?.state, sent?.values?.flow?.text, sent?.findings], ['sent', '15.00', []])
  })

  test('is noted, and declared all the same, when it is over the rights, at a time and in the regulator’s year', async () => {
    const rights = [
      { flowLps: 8, yearlyM3: 400 },
      { flowLps: 6, yearlyM3: 300 },
    ]
    const point = await scene.register(WORK, { rights })
    await scene.site.db.query(
      `with s as (insert into series (point_id, variable) values ($1, 65) returning id)
       insert into rollups_day (series_id, at, count, valid, minutes, consumption, worst_quality)
       select s.id, at::timestamptz, 1, 1, 1, m3, 0 from s, (values
         ('2025-12-31T03:00Z', 5000), ('2026-01-01T03:00Z', 400.25), ('2026-01-14T03:00Z', 300.5)) as t(at, m3)`,
      [point],
    )
    await measureAt(point, 1000)

    const { state, findings } = await newest()
    assert.equal(state, 'sent')
    assert.deepEqual(
      findings.map(({ code, saw }) => [code, saw]),
      [
        ['over_right', { flowLps: 14.25, rightLps: 14 }],
        ['over_yearly_right', { yearM3: 700.75, rightM3: 700 }],
      ],
    )
  })

  test('over a meter that somebody said was replaced is noted and declared', async () => {
    const point = await scene.register(WORK)
    await measureAt(point, 931_162)
    await scene.site.db.query(
      `insert into meter_events (point_id, at, kind, before_count, after_count, note, created_by)
       values ($1, to_timestamp($2::float8 / 1000), 'replacement', 931170, 0, 'N° 4711', 'ana')`,
      [point, scene.clock.now() + 10 * MINUTE],
    )
    await measureAt(point, 12)
    const { state, findings } = await newest()
    assert.deepEqual([state, findings[0]?.code], ['sent', 'meter_changed'])
    assert.match(findings[0]?.message ?? '', /from 931162 to 12 m³ in 1.0 h: meter replacement: N° 4711/)
  })
})
