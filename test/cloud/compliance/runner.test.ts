// From readings to receipts, against DGA's double, on a real database: what must hold whatever goes wrong.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { DgaClient } from '../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../cloud/compliance/dga/rest.ts'
import { listEvidence, releaseWork, switchAll, switchWork } from '../../../cloud/store/compliance.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { ANSWERS } from '../../doubles/dga/faults.ts'
import { type Authority, openAuthority } from './authority.ts'
import { CENTRE, type Installation, openInstallation, PASSWORD, RUT } from './installation.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('runRound()', () => {
  let database: TestDatabase
  let clock: FakeClock
  let dga: Authority
  let site: Installation
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    clock = openFakeClock(Date.parse('2026-01-15T12:30:00Z'))
    dga = await openAuthority({ clock })
    dga.registry.controlCentres.push(CENTRE)
    dga.registry.informants.push({ rut: RUT, password: PASSWORD })
    site = await openInstallation(
      { db: database.db, clock },
      { restUrl: dga.url, soapUrl: `${dga.url}/soap` },
    )
  })
  afterEach(async () => {
    await dga.close()
    await database.db.query('alter table submissions disable trigger user')
    await database.db.query(
      'truncate submissions, slots, obligations, works, informants, readings, derived, series, points cascade',
    )
    await database.db.query('alter table submissions enable trigger user')
    await switchAll(database.db, { sending: true, reason: '', at: clock.now() })
  })

  const register = async (work: string, settings: Record<string, unknown> = {}) => {
    dga.registry.works.push({ code: work, kind: 'groundwater', informants: [RUT] })
    return site.addWork(work, settings)
  }
  /** Measures wells at the next full hour and stands there. */
  const toNextHour = async (...pointIds: number[]) => {
    await clock.advance(HOUR - (clock.now() % HOUR))
    for (const pointId of pointIds) await site.measureWell(pointId, clock.now())
  }
  const statesOf = async (pointId?: number) => (await site.slots(pointId)).map(({ state }) => state)

  test('declares a slot over REST and one over SOAP, with their receipts, and verifies both', async () => {
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

  for (const channel of ['rest', 'soap'] as const) {
    test(`resolves over ${channel} what was held and not answered: a duplicate the next day, its receipt, one record`, async () => {
      const pointId = await register('OB-0602-7', { channel })
      dga.faults.add({ fault: { kind: 'stored-but-lost', mode: 'reset' }, times: 1 })

      await toNextHour(pointId)
      assert.deepEqual((await site.round()).submissions, { unknown_outcome: 1 })
      await clock.advance(DAY - MINUTE)
      assert.deepEqual((await site.round()).submissions, {})
      await clock.advance(MINUTE)
      assert.deepEqual((await site.round()).submissions, { duplicate: 1 })

      const [slot] = await site.slots()
      assert.deepEqual([slot?.state, slot?.recovered, slot?.attempts], ['sent', true, 2])
      assert.deepEqual(
        dga.holdings.all().map(({ receipt }) => receipt),
        [slot?.receipt],
      )
      assert.deepEqual(dga.monitor.violations, [])
    })
  }

  test('keeps what was accepted without a receipt before a person, and never sends it again', async () => {
    const pointId = await register('OB-0602-7')
    dga.faults.add({ fault: { kind: 'no-receipt', how: 'missing' }, times: 1 })

    await toNextHour(pointId)
    await site.round()
    await clock.advance(2 * DAY)
    await site.round()

    const [slot] = await site.slots()
    assert.deepEqual([slot?.state, slot?.reason], ['review', 'accepted without a receipt'])
    assert.equal(dga.submissions.filter(({ work }) => work === 'OB-0602-7').length, 1)
  })

  test('takes a page of HTML for no answer, and tries the next day', async () => {
    const pointId = await register('OB-0602-7')
    dga.faults.add({ fault: ANSWERS.html502, times: 1 })

    await toNextHour(pointId)
    assert.deepEqual((await site.round()).submissions, { unknown_outcome: 1 })
    const [slot] = await site.slots()
    assert.deepEqual([slot?.state, slot?.nextAttemptAt], ['ready', clock.now() + DAY])
    await clock.advance(DAY)
    assert.deepEqual((await site.round()).submissions, { accepted: 1 })
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('stops only the work whose informant is another, with one alert, and goes on when it is mended', async () => {
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
    await releaseWork(database.db, 'OB-0602-8')
    for (let minute = 0; minute <= 24 * 60; minute += 6) {
      await site.round()
      await clock.advance(6 * MINUTE)
    }
    assert.deepEqual((await statesOf(wrong)).slice(0, 3), ['sent', 'sent', 'sent'])
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('stops an informant whose password was changed, burns no attempt, and goes on with the new one', async () => {
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

  test('recovers what a process took and did not come back from: not again today, and one record in the end', async () => {
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    const dead: DgaClient = {
      ...openRestClient({ fetch }, { url: dga.url }),
      submit: async (...call) => {
        await openRestClient({ fetch }, { url: dga.url }).submit(...call)
        throw new Error('Killed between the POST and its answer')
      },
    }
    await site.round({ rest: dead, soap: dead })

    assert.deepEqual(await statesOf(), ['sending'])
    await clock.advance(site.rules.leaseMs)
    const round = await site.round()
    assert.deepEqual([round.recovered, round.submissions], [1, {}])
    assert.deepEqual(await statesOf(), ['ready'])
    await clock.advance(DAY)
    await site.round()

    const [slot] = await site.slots()
    assert.deepEqual([slot?.state, slot?.recovered], ['sent', true])
    assert.equal(dga.holdings.all().length, 1)
    const steps = (await listEvidence(database.db, slot?.id ?? 0)).map(({ step, outcome }) => [step, outcome])
    assert.deepEqual(steps, [
      ['begun', null],
      ['abandoned', null],
      ['begun', null],
      ['answered', 'duplicate'],
    ])
  })

  /** A round whose submission DGA has held and not answered yet. */
  const holdAnswer = async () => {
    const { promise: answered, resolve: release } = Promise.withResolvers<void>()
    const { promise: asked, resolve: arrived } = Promise.withResolvers<void>()
    dga.beforeAnswer = () => {
      arrived()
      return answered
    }
    const patient = openRestClient({ fetch }, { url: dga.url })
    const round = site.round({ rest: patient, soap: patient })
    await asked
    dga.beforeAnswer = undefined
    return { release, round }
  }

  test('settles a slot with the answer that comes after its lease, when nobody else has it', async () => {
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    const { release, round } = await holdAnswer()
    await clock.advance(site.rules.leaseMs)
    assert.equal((await site.round()).recovered, 1)

    release()
    await round

    const [slot] = await site.slots()
    assert.deepEqual([slot?.state, slot?.receipt], ['sent', dga.holdings.all()[0]?.receipt])
    assert.equal(dga.submissions.length, 1)
  })

  test('keeps the answer of who was overtaken as evidence, and settles the slot with it instead of sending again', async () => {
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    const { release, round } = await holdAnswer()
    await clock.advance(site.rules.leaseMs)
    await site.round()
    await clock.advance(DAY)
    dga.faults.add({ fault: { kind: 'lost', mode: 'reset' }, times: 1 })
    assert.deepEqual((await site.round()).submissions, { unknown_outcome: 1 })

    release()
    await round
    assert.ok(site.lines.some(line => line.includes('slot was taken over while it was sent')))
    assert.equal((await site.slots())[0]?.state, 'ready')
    await clock.advance(DAY)
    assert.deepEqual((await site.round()).submissions, { settled: 1 })

    const [slot] = await site.slots()
    assert.deepEqual([slot?.state, slot?.receipt], ['sent', dga.holdings.all()[0]?.receipt])
    assert.equal(dga.submissions.length, 2)
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('sends no slot twice when two processes work at once', async () => {
    const wells: number[] = []
    for (let work = 1; work <= 12; work += 1) wells.push(await register(`OB-0602-${work}`))
    await toNextHour(...wells)

    const rounds = await Promise.all([site.round(), site.round(), site.round()])

    const accepted = rounds.reduce((sum, { submissions }) => sum + (submissions.accepted ?? 0), 0)
    const made = rounds.reduce((sum, round) => sum + round.made, 0)
    assert.deepEqual([made, accepted, dga.submissions.length, dga.holdings.all().length], [12, 12, 12, 12])
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('says no_data with its reason, never a value, and reopens when a late reading comes', async () => {
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
    const shadow = await register('OB-0602-7', { mode: 'shadow' })
    const live = await register('OB-0602-8')
    const other = await register('OB-0602-9')
    await switchWork(database.db, 'OB-0602-8', false)
    await toNextHour(shadow, live, other)
    await site.round()

    assert.deepEqual(
      [await statesOf(shadow), await statesOf(live), await statesOf(other)],
      [['shadow'], ['ready'], ['sent']],
    )
    await switchAll(database.db, { sending: false, reason: 'inspection', at: clock.now() })
    await switchWork(database.db, 'OB-0602-8', true)
    await site.round()
    assert.deepEqual(await statesOf(live), ['ready'])
    await switchAll(database.db, { sending: true, reason: '', at: clock.now() })
    await site.round()
    assert.deepEqual(await statesOf(live), ['sent'])
    assert.equal(
      dga.submissions.some(({ work }) => work === 'OB-0602-7'),
      false,
    )
  })

  test('keeps the password out of logs, evidence, slots and metrics', async () => {
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

    const dump = await Promise.all(
      ['submissions', 'slots', 'obligations', 'works', 'informants'].map(table =>
        database.db.query(`select t::text as row from ${table} t`),
      ),
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

  test('declares after an outage of seven days fresh values first and the backlog within the spacing', async () => {
    const pointId = await register('OB-0602-7')
    await dga.stop()
    const hours = 7 * 24
    for (let hour = 0; hour < hours; hour += 1) {
      await toNextHour(pointId)
      if (hour % 24 === 0) await site.round()
    }
    await site.round()
    assert.deepEqual(new Set(await statesOf()), new Set(['ready']))
    await dga.start()

    let rounds = 0
    const freshLags: number[] = []
    for (; rounds < 400 && (await site.slots()).some(({ state }) => state !== 'sent'); rounds += 1) {
      await clock.advance(5 * MINUTE)
      if (clock.now() % HOUR === 0) await site.measureWell(pointId, clock.now())
      await site.round()
      const fresh = (await site.slots()).find(({ dueAt }) => dueAt === clock.now() - (clock.now() % HOUR))
      if (fresh?.acceptedAt != null && clock.now() % HOUR === 0)
        freshLags.push(fresh.acceptedAt - fresh.dueAt)
    }

    const slots = await site.slots()
    assert.ok(slots.length >= hours + 13, `${slots.length} slots`)
    assert.deepEqual(new Set(slots.map(({ state }) => state)), new Set(['sent']))
    assert.equal(dga.holdings.all().length, slots.length)
    assert.deepEqual(dga.monitor.violations, [])
    assert.ok(rounds >= hours - 1, `${rounds} rounds: at most one backlog value each`)
    assert.ok(
      freshLags.length > 10 && freshLags.every(lag => lag === 0),
      'fresh values do not wait for the backlog',
    )
  })

  test('lets a sick work not delay the healthy ones', async () => {
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
