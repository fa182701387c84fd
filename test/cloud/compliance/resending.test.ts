// Against DGA’s double: whatever is lost, killed or overtaken, DGA holds one record and we know its receipt.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { DgaClient } from '../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../cloud/compliance/dga/rest.ts'
import { listEvidence } from '../../../cloud/store/compliance.ts'
import { type Switched, turnSending } from '../../../cloud/store/switches.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { ANSWERS } from '../../doubles/dga/faults.ts'
import { PASSWORD, RUT } from './installation.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

describe('runRound(), when an answer is lost,', () => {
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

  for (const channel of ['rest', 'soap'] as const) {
    test(`resolves over ${channel} what was held and not answered: a duplicate the next day, its receipt, one record`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
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
    const { clock, dga, site, register, toNextHour } = scene
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

  const MENDED: { name: string; switched: Switched; spoil: (isWrong: boolean) => void }[] = [
    {
      name: 'a work',
      switched: { what: 'work', workCode: 'OB-0602-7' },
      spoil: isWrong => {
        for (const work of scene.dga.registry.works) work.informants = isWrong ? [] : [RUT]
      },
    },
    {
      name: 'an informant',
      switched: { what: 'informant', rut: RUT },
      spoil: isWrong => {
        for (const informant of scene.dga.registry.informants)
          informant.password = isWrong ? 'otra' : PASSWORD
      },
    },
  ]
  for (const { name, switched, spoil } of MENDED) {
    test(`goes on the next day with ${name} that was put right at DGA, once a person has switched it on`, async () => {
      const { clock, site, register, toNextHour } = scene
      const pointId = await register('OB-0602-7')
      spoil(true)
      await toNextHour(pointId)
      assert.deepEqual((await site.round()).submissions, { configuration_error: 1 })
      spoil(false)
      const turn = { reason: 'DGA has registered it', by: 'ana', at: clock.now() }
      await turnSending(database.db, switched, { ...turn, sending: true })
      assert.deepEqual((await site.round()).submissions, {})
      await clock.advance(DAY)
      assert.deepEqual((await site.round()).submissions, { accepted: 1 })
    })
  }

  test('takes a page of HTML for no answer, and tries the next day', async () => {
    const { clock, dga, site, register, toNextHour } = scene
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

  test('recovers what a process took and did not come back from: not again today, and one record in the end', async () => {
    const { clock, dga, site, register, toNextHour, statesOf } = scene
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
    const { dga, site } = scene
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
    const { clock, dga, site, register, toNextHour } = scene
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
    const { clock, dga, site, register, toNextHour } = scene
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
    const { dga, site, register, toNextHour } = scene
    const wells: number[] = []
    for (let work = 1; work <= 12; work += 1) wells.push(await register(`OB-0602-${work}`))
    await toNextHour(...wells)

    const rounds = await Promise.all([site.round(), site.round(), site.round()])

    const accepted = rounds.reduce((sum, { submissions }) => sum + (submissions.accepted ?? 0), 0)
    const made = rounds.reduce((sum, round) => sum + round.made, 0)
    assert.deepEqual([made, accepted, dga.submissions.length, dga.holdings.all().length], [12, 12, 12, 12])
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('declares after an outage of seven days fresh values first and the backlog within the spacing', async () => {
    const { clock, dga, site, register, toNextHour, statesOf } = scene
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
})
