// What an obligation can say of how values are picked: means, several points as one work, faulty sensors, what was judged.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { decideSlot } from '../../../cloud/compliance/deciding.ts'
import { ObligationSettings } from '../../../cloud/compliance/obligation.ts'
import { fillSlots, makeSlots, PLAN_LIMITS } from '../../../cloud/compliance/plan.ts'
import { upsertObligation } from '../../../cloud/compliance/provisioning.ts'
import { flagsOf } from '../../../cloud/flags.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { endFault, insertFault } from '../../../cloud/store/sensor-faults.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { RUT } from './installation.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

const WORK = 'OB-0602-7'
const LATER = '2026-01-15T13:00:00Z'

describe('a work', () => {
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

  const newest = async () => {
    const found = (await scene.site.slots()).at(-1)
    if (found === undefined) throw new Error('There is no slot')
    return found
  }
  const keyOf = async (pointId: number): Promise<string> => {
    const [row] = await scene.site.db.query<{ key: string }>(
      `select c.slug || '.' || pr.slug || '.' || p.slug as key from points p
       join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id where p.id = $1`,
      [pointId],
    )
    return row?.key ?? ''
  }
  const seriesOf = async (pointId: number, variable: 'flow' | 'total'): Promise<number> => {
    const [row] = await scene.site.db.query<{ id: number }>(
      'select id from series where point_id = $1 and variable = $2',
      [pointId, VARIABLES[variable].code],
    )
    return row?.id ?? 0
  }

  test('whose flow is a mean declares the mean of its parts, the counter as it stood, and over what', async () => {
    const { clock, site, register } = scene
    const point = await register(WORK, { select: { mean: '1h' } })
    const due = Date.parse(LATER)
    // Twelve parts of five minutes: the first is read ten times as often, and counts once.
    for (let second = 0; second < 300; second += 30)
      await site.measure(point, due - HOUR + 1000 + second * 1000, { flow: 100, water_table: 20 })
    for (let part = 1; part < 12; part += 1)
      await site.measure(point, due - HOUR + part * 5 * MINUTE + MINUTE, { flow: 10, water_table: 26 })
    await site.measure(point, due, { total: 5000.9 })
    await clock.advance(due + 6 * MINUTE - clock.now())
    await site.round()

    const { state, values } = await newest()
    assert.equal(state, 'sent')
    assert.deepEqual(
      [values?.flow?.text, values?.level?.text, values?.total?.text],
      ['17.50', '25.50', '5000'],
    )
    assert.deepEqual(values?.flow?.mean, { from: due - HOUR, to: due, count: 21, coverage: 1 })
    assert.equal(values?.total?.mean, undefined)
  })

  test('whose mean is of too little declares nothing, and says of how much it is', async () => {
    const { clock, site, register } = scene
    const point = await register(WORK, { select: { mean: '1h', coverage: 0.75 } })
    const due = Date.parse(LATER)
    for (let part = 0; part < 8; part += 1)
      await site.measure(point, due - HOUR + part * 5 * MINUTE + MINUTE, { flow: 10, water_table: 26 })
    await site.measure(point, due, { total: 5000 })
    await clock.advance(due + 31 * MINUTE - clock.now())
    await site.round()

    const { state, reason, findings, values } = await newest()
    assert.equal(state, 'no_data')
    assert.equal(
      reason,
      'flow: flow is known in 8 of 12 parts of the time; level: water_table is known in 8 of 12 parts of the time',
    )
    assert.deepEqual([findings[0]?.code, values?.total?.text], ['partial', '5000'])
  })

  test('of several points declares the sums of all of them and the level of the one that is named', async () => {
    const { site, register, toNextHour, dga } = scene
    const [second, third] = [await site.addWork('OB-0602-8'), await site.addWork('OB-0602-9')]
    const also = { alsoPoints: [await keyOf(second), await keyOf(third)], levelPoint: await keyOf(third) }
    const first = await register(WORK, also)
    await toNextHour()
    const now = scene.clock.now()
    await site.measure(first, now, { flow: 0.1, total: 0.7, water_table: 1 })
    await site.measure(second, now, { flow: 0.2, total: 0.1, water_table: 2 })
    await site.measure(third, now - MINUTE, { flow: 0.3, total: 0.2, water_table: 3 })
    await scene.clock.advance(6 * MINUTE)
    await site.round()

    const slot = (await site.slots(first)).at(-1)
    assert.equal(slot?.state, 'sent')
    assert.deepEqual(
      [slot?.values?.flow?.text, slot?.values?.total?.text, slot?.values?.level?.text],
      ['0.60', '1', '3.00'],
    )
    const parts = slot?.values?.total?.parts?.map(({ pointId, value }) => [pointId, value])
    assert.deepEqual(parts, [
      [first, 0.7],
      [second, 0.1],
      [third, 0.2],
    ])
    assert.deepEqual([slot?.values?.total?.ageMs, slot?.values?.level?.ageMs], [MINUTE, MINUTE])
    assert.equal(dga.holdings.all().find(({ work }) => work === WORK)?.flow, 0.6)
  })

  test('of several points declares no sum while a part is missing', async () => {
    const { site, register, toNextHour, clock } = scene
    const second = await site.addWork('OB-0602-8')
    const first = await register(WORK, { alsoPoints: [await keyOf(second)] })
    await toNextHour(first)
    await clock.advance(31 * MINUTE)
    await site.round()
    const slot = async () => (await site.slots(first)).at(-1)
    assert.equal((await slot())?.state, 'no_data')
    assert.match((await slot())?.reason ?? '', new RegExp(`flow of point ${second}: no reading of flow`))
    assert.deepEqual((await slot())?.values?.level?.text, '23.60')

    await site.measureWell(second, clock.now() - 31 * MINUTE)
    await clock.advance(HOUR / 4)
    await site.round()
    assert.deepEqual([(await slot())?.state, (await slot())?.values?.flow?.text], ['sent', '28.50'])
  })

  test('with a faulty sensor says so, declares nothing of it, and believes it again when its time is over', async () => {
    const { clock, site, register, toNextHour } = scene
    const point = await register(WORK)
    await toNextHour(point)
    const from = clock.now()
    const fault = { pointId: point, quantity: 'level', reason: 'cable cortado', by: 'ana' } as const
    const { slots } = await site.db.transaction(tx =>
      insertFault(tx, { ...fault, from, until: from + 2 * HOUR, now: from }),
    )
    assert.equal(slots, 0)
    await site.round()
    for (let hour = 0; hour < 3; hour += 1) {
      await toNextHour(point)
      await site.round()
    }

    const states = (await site.slots()).map(({ state, reason }) => [state, reason])
    const reason = `level: sensor declared faulty until ${new Date(from + 2 * HOUR).toISOString()}: cable cortado`
    assert.deepEqual(states.slice(0, 2), [
      ['not_measured', reason],
      ['not_measured', reason],
    ])
    assert.equal(states[2]?.[0], 'sent')
    const incidents = () =>
      site.db.query(`select closed_at is null as open from incidents where kind = 'sensor_fault_expired'`)
    assert.deepEqual(await incidents(), [{ open: true }])
    assert.equal(site.lines.filter(line => line.includes('sensor fault expired')).length, 1)

    // A person measured by hand meanwhile.
    const [slot] = await site.slots()
    assert.ok(slot)
    assert.deepEqual([slot.values?.flow?.text, slot.values?.level], ['14.25', undefined])
    const given = { level: 24 }
    await decideSlot(
      { ...site, clock },
      slot.id,
      { action: 'replace', reason: 'pozómetro', values: given, despite: [] },
      { clientIds: null, by: 'ana' },
    )
    await clock.advance(5 * MINUTE)
    await site.round()
    const first = (await site.slots())[0]
    assert.deepEqual([first?.state, first?.person?.values.level?.text], ['sent', '24.00'])
    assert.equal(first?.values?.flow?.text, '14.25')
  })

  test('whose level may be empty declares none of a faulty sensor, and all the rest', async () => {
    const { clock, site, toNextHour, dga } = scene
    dga.registry.works.push({ code: WORK, kind: 'groundwater', informants: ['12345678-5'], exempt: true })
    const point = await site.addWork(WORK, { levelExempt: true })
    await toNextHour(point)
    const now = clock.now()
    const fault = { pointId: point, quantity: 'level', reason: 'cable cortado', by: 'ana' } as const
    await site.db.transaction(tx => insertFault(tx, { ...fault, from: now, until: now + DAY, now }))
    await site.round()
    assert.deepEqual(await scene.statesOf(), ['sent'])
    assert.deepEqual([dga.holdings.all()[0]?.flow, dga.holdings.all()[0]?.level], [14.25, null])
  })

  test('has the slots looked at again that a fault does not cover any more, and its incident closed', async () => {
    const { clock, site, register, toNextHour } = scene
    const point = await register(WORK)
    await toNextHour(point)
    const from = clock.now()
    const declared = { pointId: point, quantity: 'total', reason: 'medidor en taller', by: 'ana' } as const
    const { id } = await site.db.transaction(tx =>
      insertFault(tx, { ...declared, from, until: from + DAY, now: from }),
    )
    await site.round()
    await toNextHour(point)
    await site.round()
    assert.deepEqual(await scene.statesOf(), ['not_measured', 'not_measured'])

    const fault = { id, pointId: point, from, until: from + DAY }
    const end = { until: from + HOUR, reason: 'medidor repuesto', by: 'ana', now: clock.now() }
    assert.equal(await site.db.transaction(tx => endFault(tx, fault, end)), 1)
    await site.round()
    assert.deepEqual(await scene.statesOf(), ['not_measured', 'sent'])
  })

  test('whose sensor is declared faulty while its slot is looked at does not declare what was seen before', async () => {
    const { clock, site, register, toNextHour, dga } = scene
    const point = await register(WORK)
    await toNextHour(point)
    const now = clock.now()
    const { db, log } = site
    const fault = { pointId: point, quantity: 'level', reason: 'cable cortado', by: 'ana' } as const
    const declare = () =>
      db.transaction(tx => insertFault(tx, { ...fault, from: now, until: now + DAY, now }))
    const query = async (text: string, params?: Parameters<Database['query']>[1]) => {
      if (text.includes('set state = t.state')) await declare()
      return db.query(text, params)
    }
    const slow: Database = { ...db, query: query as Database['query'] }
    await makeSlots({ db, clock, log }, PLAN_LIMITS)
    await fillSlots({ db: slow, clock, log }, PLAN_LIMITS)
    await site.round()

    assert.deepEqual(await scene.statesOf(), ['not_measured'])
    assert.deepEqual(dga.holdings.all(), [])
  })

  test('that is changed from an instant before now on, while nobody made slots, loses none', async () => {
    const { clock, site, register } = scene
    const id = await register(WORK)
    await clock.advance(3 * HOUR)
    const settings = ObligationSettings.parse({
      ...{ from: '2026-01-15T13:30:00Z', standard: 'mayor', channel: 'rest', workCode: WORK, informant: RUT },
    })
    const wish = { clientId: site.clientId, point: { id, kind: 'groundwater' as const }, settings }
    await site.db.transaction(tx => upsertObligation({ tx, clock }, wish))
    await site.round()

    assert.deepEqual(
      (await site.slots()).map(({ dueAt }) => new Date(dueAt).toISOString().slice(11, 16)),
      ['13:00', '14:00', '15:00'],
    )
  })

  test('that was off owes nothing of that time when it is declared again', async () => {
    const { clock, site, register, toNextHour } = scene
    const id = await register(WORK, { mode: 'off' })
    await toNextHour(id)
    await site.round()
    const settings = ObligationSettings.parse({
      ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest', workCode: WORK, informant: RUT },
    })
    await clock.advance(MINUTE)
    const wish = { clientId: site.clientId, point: { id, kind: 'groundwater' as const }, settings }
    const { effect } = await site.db.transaction(tx => upsertObligation({ tx, clock }, wish))
    assert.equal(effect.toMake, 0)
    await toNextHour(id)
    await site.round()
    assert.deepEqual(
      (await site.slots()).map(({ dueAt }) => new Date(dueAt).toISOString().slice(11, 16)),
      ['14:00'],
    )
  })

  test('that cannot be read keeps to itself: slots of others are made and filled, and the log says which', async () => {
    const { site, register, toNextHour } = scene
    const [sick, healthy] = [await register(WORK), await register('OB-0602-8')]
    const spoil = (terms: string) =>
      site.db.query(`update obligations set terms = $2::jsonb where point_id = $1`, [sick, terms])
    const [{ terms } = { terms: {} }] = await site.db.query<{ terms: object }>(
      'select terms from obligations where point_id = $1',
      [sick],
    )
    await toNextHour(sick, healthy)
    await spoil(JSON.stringify({ ...terms, checks: null }))
    await site.round()
    assert.deepEqual([await scene.statesOf(sick), await scene.statesOf(healthy)], [['pending'], ['sent']])
    assert.ok(site.lines.some(line => line.includes('slot could not be looked at') && line.includes(WORK)))

    await spoil(JSON.stringify({ ...terms, frequency: { kind: 'months' } }))
    await toNextHour(sick, healthy)
    await site.round()
    assert.deepEqual(await scene.statesOf(healthy), ['sent', 'sent'])
    assert.ok(site.lines.some(line => line.includes('slots could not be made') && line.includes(WORK)))

    await spoil(JSON.stringify(terms))
    await scene.clock.advance(2 * MINUTE)
    await site.round()
    assert.deepEqual((await scene.statesOf(sick)).includes('sent'), true)
  })

  test('declares the value in force, not before it was judged, and doubts what was found doubtful', async () => {
    const { clock, site, register, toNextHour } = scene
    const point = await register(WORK)
    await toNextHour(point)
    const at = clock.now()
    const [flow, total] = [await seriesOf(point, 'flow'), await seriesOf(point, 'total')]
    const [batch] = await site.db.query<{ id: number }>(
      `with g as (insert into gateways (project_id, slug) select project_id, 'gw-1' from points where id = $1 returning id)
       insert into batches (gateway_id, epoch, lane, first, last, readings, config_version, received_at)
       select id, 1, 0, 1, 1, 1, 1, to_timestamp($2::float8 / 1000) from g returning id`,
      [point, at],
    )
    await site.db.query('update readings set batch_id = $1 where series_id = $2', [batch?.id ?? 0, flow])
    await site.db.query(
      `insert into calibrations (point_id, rule, variable, params, valid_from, created_by)
       values ($1, 'unit_conversion', $2, '{"factor": 2, "offset": 0}', to_timestamp(0), 'ana')`,
      [point, VARIABLES.flow.code],
    )
    await site.round()
    assert.equal((await newest()).state, 'pending')

    await site.db.query(
      `insert into judgements (series_id, at, flags, adjusted) values ($1, to_timestamp($3::float8 / 1000), 0, 28.5),
         ($2, to_timestamp($3::float8 / 1000), $4, null)`,
      [flow, total, at, flagsOf('truncated')],
    )
    await site.db.query('update batches set processed_at = received_at')
    await clock.advance(31 * MINUTE)
    await site.round()
    const { state, reason, values } = await newest()
    assert.deepEqual([state, reason], ['review', 'total 139806.7 is good, truncated'])
    assert.equal(values?.flow?.text, '28.50')
  })
})
