// From readings to receipts, against DGA’s double, on a real database: what is declared, what is not, and who is told.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { checkCredentials } from '../../../cloud/compliance/credentials.ts'
import { watchLateness } from '../../../cloud/compliance/late.ts'
import { releaseWork } from '../../../cloud/store/compliance.ts'
import { type Switched, selectTurns, turnSending } from '../../../cloud/store/switches.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { ANSWERS } from '../../doubles/dga/faults.ts'
import { PASSWORD, RUT } from './installation.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

describe('runRound()', () => {
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

  test('declares a slot over REST and one over SOAP, with their receipts, and verifies both', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const rest = await register('OB-0602-7')
    const soap = await register('OB-0602-8', { channel: 'soap' })

    await toNextHour(rest, soap)
    const first = await site.round()
    await clock.advance(MINUTE)
    const second = await site.round()

    assert.deepEqual(first.submissions, { accepted: 2 })
    assert.equal(second.verified, 2)
    const slots = await site.slots()
    const receipts = dga.holdings.all().map(({ work, receipt }) => [work, receipt])
    assert.deepEqual(slots.map(({ workCode, receipt }) => [workCode, receipt]).sort(), receipts.sort())
    assert.deepEqual(
      slots.map(({ state, verification, attempts }) => [state, verification, attempts]),
      [
        ['sent', 'match', 1],
        ['sent', 'match', 1],
      ],
    )
    assert.equal(slots[0]?.values?.total?.text, '139806')
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('stops only the work whose informant is another, with one alert, and goes on when it is mended', async () => {
    const { clock, dga, site, register, toNextHour, statesOf } = scene
    const good = await register('OB-0602-7')
    const wrong = await register('OB-0602-8')
    const registered = dga.registry.works.find(({ code }) => code === 'OB-0602-8')
    assert.ok(registered !== undefined)
    registered.informants = []

    for (let hour = 0; hour < 3; hour += 1) {
      await toNextHour(good, wrong)
      await site.round()
    }
    assert.deepEqual(await statesOf(good), ['sent', 'sent', 'sent'])
    const held = await site.slots(wrong)
    assert.deepEqual(
      held.map(({ state, attempts }) => [state, attempts]),
      Array(3).fill(['ready', 0]),
    )
    assert.match(held[0]?.heldBecause ?? '', /^not_informant: /)
    assert.equal(site.lines.filter(line => line.includes('"sending stopped"')).length, 1)
    assert.equal(dga.submissions.filter(({ work }) => work === 'OB-0602-8').length, 1)

    registered.informants = [RUT]
    await releaseWork(database.db, 'OB-0602-8', clock.now())
    await clock.advance(DAY)
    for (let round = 0; round < 3; round += 1) {
      await site.round()
      await clock.advance(6 * MINUTE)
    }
    assert.deepEqual((await statesOf(wrong)).slice(0, 3), ['sent', 'sent', 'sent'])
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('stops an informant whose password was changed, burns no attempt, and goes on with the new one', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8'), await register('OB-0602-9')]
    await toNextHour(...wells)
    await site.round()
    dga.registry.informants = [{ rut: RUT, password: 'another' }]

    await toNextHour(...wells)
    await site.round()
    const asked = dga.submissions.length
    await site.round()
    assert.equal(dga.submissions.length, asked, 'nothing more is sent')
    assert.ok(asked <= 3 + site.rules.hands, `${asked} were sent`)
    assert.ok(
      site.lines.some(line => line.includes('"sending stopped"') && line.includes('"what":"informant"')),
    )

    await site.setPassword('another')
    await site.round()
    await clock.advance(DAY)
    for (let round = 0; round < 4; round += 1) {
      await site.round()
      await clock.advance(6 * MINUTE)
    }
    const states = (await site.slots()).filter(({ dueAt }) => dueAt <= Date.parse('2026-01-15T14:00:00Z'))
    assert.deepEqual(
      states.map(({ state }) => state),
      Array(6).fill('sent'),
    )
    assert.equal(dga.holdings.all().length, 6)
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('says no_data with its reason, never a value, and reopens when a late reading comes', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour()
    const dueAt = clock.now()
    await site.measure(pointId, dueAt, { flow: null, total: 5 })

    await clock.advance(31 * MINUTE)
    assert.equal((await site.round()).noData, 1)
    const [slot] = await site.slots()
    assert.match(slot?.reason ?? '', /^flow: flow of .* is no_answer; level: no reading of water_table$/)
    assert.equal(dga.submissions.length, 0)

    await site.measureWell(pointId, dueAt + MINUTE)
    await site.measure(pointId, dueAt - 2 * MINUTE, { total: 4, flow: 2, water_table: 3 })
    await clock.advance(5 * MINUTE)
    await site.round()
    const [reopened] = await site.slots()
    assert.equal(reopened?.state, 'sent')
    assert.deepEqual([reopened?.values?.flow?.ageMs, reopened?.values?.total?.ageMs], [-MINUTE, 0])
  })

  test('never sends in shadow mode, nor past a kill switch, and goes on when it is turned back', async () => {
    const { clock, dga, site, register, toNextHour, statesOf } = scene
    const shadow = await register('OB-0602-7', { mode: 'shadow' })
    const live = await register('OB-0602-8')
    const other = await register('OB-0602-9')
    const turn = (switched: Switched, sending: boolean) =>
      turnSending(database.db, switched, { sending, reason: 'inspection', by: 'ana', at: clock.now() })
    const work = { what: 'work', workCode: 'OB-0602-8' } as const
    await turn(work, false)
    await toNextHour(shadow, live, other)
    await site.round()

    assert.deepEqual(
      [await statesOf(shadow), await statesOf(live), await statesOf(other)],
      [['shadow'], ['ready'], ['sent']],
    )
    for (const switched of [{ what: 'all' }, { what: 'informant', rut: RUT }] as const) {
      await turn(switched, false)
      await turn(work, true)
      await clock.advance(5 * MINUTE)
      await site.round()
      assert.deepEqual(await statesOf(live), ['ready'], switched.what)
      const [held] = await site.slots(live)
      assert.match(held?.heldBecause ?? '', /switched off: inspection/)
      await turn(switched, true)
      await turn(work, false)
    }
    await turn(work, true)
    await site.round()
    assert.deepEqual(await statesOf(live), ['sent'])
    assert.equal(
      dga.submissions.some(({ work: code }) => code === 'OB-0602-7'),
      false,
    )
    const turns = await selectTurns(database.db, 100)
    assert.deepEqual([turns.length, turns[0]?.by, turns[0]?.reason], [10, 'ana', 'inspection'])
  })

  test('asks after no receipt while everything is switched off', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    await toNextHour(await register('OB-0602-7'))
    await site.round()
    const off = { sending: false, reason: 'DGA asked us to wait', by: 'ana', at: clock.now() }
    await turnSending(database.db, { what: 'all' }, off)
    const asked = dga.requests.length
    await clock.advance(HOUR / 2)

    assert.equal((await site.round()).verified, 0)
    assert.equal(dga.requests.length, asked)
    await turnSending(database.db, { what: 'all' }, { ...off, sending: true })
    assert.equal((await site.round()).verified, 1)
  })

  test('keeps the password out of logs, every table, slots and metrics', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8', { channel: 'soap' })]
    for (const fault of [ANSWERS.html502, ANSWERS.json500, ANSWERS.truncated]) {
      dga.faults.clear()
      dga.faults.add({ fault })
      await toNextHour(...wells)
      await site.round()
    }
    dga.faults.clear()
    dga.registry.informants = [{ rut: RUT, password: 'another' }]
    await toNextHour(...wells)
    await site.round()

    await checkCredentials({ ...site, clock })
    await watchLateness({ ...site, clock })
    const tables = await database.db.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname !~ '^(pg_|information)'`,
    )
    const dump = await Promise.all(
      tables.map(({ name }) => database.db.query(`select t::text as row from ${name} t`)),
    )
    const everything = JSON.stringify([dump, site.lines, site.metrics.text(), await site.slots()])
    const fragments = [
      'creta',
      'cla<',
      'cla&lt;',
      Buffer.from(PASSWORD).toString('hex'),
      Buffer.from(PASSWORD).toString('base64'),
    ]
    for (const fragment of fragments) assert.equal(everything.includes(fragment), false, fragment)
    assert.deepEqual(
      dga.monitor.violations.filter(({ rule }) => rule === 'password-outside-body'),
      [],
    )
  })

  test('evidence can neither be changed nor taken away', async () => {
    const { site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    await site.round()

    const { db } = database
    for (const statement of [
      'update submissions set receipt = null',
      'delete from submissions',
      'truncate submissions',
    ]) {
      await assert.rejects(db.query(statement), /evidence/, statement)
    }
  })

  test('spares the slots of most works while nobody answers, and sends all of them when somebody does', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    site.rules.hands = 1
    const wells: number[] = []
    for (let work = 1; work <= 6; work += 1) wells.push(await register(`OB-0602-${work}`))
    wells.push(await register('OB-0602-7', { channel: 'soap' }))
    dga.faults.add({ channel: 'rest', fault: { kind: 'lost', mode: 'reset' } })
    await toNextHour(...wells)

    const first = await site.round()
    const second = await site.round()
    await clock.advance(MINUTE)
    const third = await site.round()
    dga.faults.clear()
    await clock.advance(2 * MINUTE)
    const healed = await site.round()

    assert.deepEqual(first.submissions, { unknown_outcome: 3, accepted: 1 })
    assert.deepEqual([second.submissions, third.submissions], [{}, { unknown_outcome: 1 }])
    assert.deepEqual(healed.submissions, { accepted: 2 })
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('lets a sick work not delay the healthy ones', async () => {
    const { dga, site, register, toNextHour, statesOf } = scene
    const sick = await register('OB-0602-7')
    const healthy = [await register('OB-0602-8'), await register('OB-0602-9')]
    dga.faults.add({ work: 'OB-0602-7', fault: { kind: 'lost', mode: 'reset' } })

    for (let hour = 0; hour < 6; hour += 1) {
      await toNextHour(sick, ...healthy)
      await site.round()
      for (const pointId of healthy) assert.equal((await statesOf(pointId)).at(-1), 'sent')
    }
    assert.deepEqual(await statesOf(sick), Array(6).fill('ready'))
  })
})
