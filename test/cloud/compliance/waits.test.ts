// Against DGA's double: a clock that ran ahead, and mistakes that a person has mended.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { releaseWork } from '../../../cloud/store/compliance.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
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

  /** The slots whose instant has come, as `state attempts`. */
  const due = async (pointId?: number) =>
    (await scene.site.slots(pointId))
      .filter(({ dueAt }) => dueAt <= scene.clock.now())
      .map(({ state, attempts }) => `${state} ${attempts}`)

  for (const jump of [2 * HOUR, 40 * DAY]) {
    test(`declares what was measured after its clock ran ahead by ${jump / HOUR} h (W1, W2)`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
      const pointId = await register('OB-0602-7')
      await toNextHour(pointId)
      await site.round()
      await toNextHour()
      const late = clock.now()
      await site.round()

      clock.step(jump)
      await site.round()
      clock.step(-jump)
      await site.measureWell(pointId, late)
      await clock.advance(30 * MINUTE)
      await site.round()
      for (let hour = 0; hour < 3; hour += 1) {
        await toNextHour(pointId)
        // What is judged at a time that lies within the longest wait is looked at when that has come.
        await clock.advance(MINUTE)
        await site.round()
      }
      await clock.advance(30 * MINUTE)
      await site.round()

      assert.deepEqual(await due(), Array(5).fill('sent 1'))
      assert.equal(dga.holdings.all().length, 5)
      assert.equal(dga.submissions.length, 5)
      assert.deepEqual(dga.monitor.violations, [])
    })
  }

  test('tries what was refused while its clock ran ahead a day after the clock is right, and once (W1)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    dga.faults.add({
      fault: { kind: 'answer', status: 400, body: '{"status":"400","message":"no"}' },
      times: 1,
    })
    clock.step(40 * DAY)
    assert.deepEqual((await site.round()).submissions, { refused: 1 })
    clock.step(-40 * DAY)

    await site.round()
    await clock.advance(DAY - 1)
    await site.round()
    assert.deepEqual(await due(), ['ready 1', ...Array(23).fill('no_data 0')])
    await clock.advance(1)
    await site.round()
    await clock.advance(DAY)
    await site.round()

    assert.equal((await due())[0], 'sent 2')
    assert.equal(dga.submissions.length, 2)
  })

  test('does not wait longer for the lease, the spacing or the verification of a clock that ran ahead (W1)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    clock.step(40 * DAY)
    await site.round()
    clock.step(-40 * DAY)
    await database.db.query(
      `update works set busy_until = to_timestamp($1::float8 / 1000) + interval '40 days'`,
      [clock.now()],
    )

    await site.round()
    await toNextHour()
    await site.measureWell(pointId, clock.now())
    await site.round()
    assert.deepEqual(await due(), ['sent 1', 'sent 1'])
    await clock.advance(DAY)
    await site.round()

    // The double holds the first since a time that is still to come: it was asked, and did not find it.
    const asked = (await site.slots()).slice(0, 2).map(({ verification }) => verification)
    assert.deepEqual(asked, ['not_found', 'match'])
    assert.equal(dga.submissions.length, 2)
  })

  test('leaves alone what was refused while its clock is behind (W3)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    dga.faults.add({
      fault: { kind: 'answer', status: 400, body: '{"status":"400","message":"no"}' },
      times: 1,
    })
    await site.round()
    const before = (await site.slots()).map(({ nextAttemptAt }) => nextAttemptAt)

    clock.step(-400 * DAY)
    await site.round()
    clock.step(400 * DAY)

    assert.deepEqual(
      (await site.slots()).map(({ nextAttemptAt }) => nextAttemptAt),
      before,
    )
    assert.equal(dga.submissions.length, 1)
  })

  test('sends what a wrong password stopped on the next day of the regulator, and at once what was only held (W5)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8')]
    await site.setPassword('another')
    await toNextHour(wells[0] as number)
    await site.round()
    await toNextHour(...wells)
    await site.round()
    assert.equal(dga.submissions.length, 1)

    await site.setPassword(PASSWORD)
    await site.round()
    assert.deepEqual(await due(wells[0]), ['ready 0', 'sent 1'])
    assert.equal((await due(wells[1]))[1], 'sent 1')
    // Midnight at UTC-4.
    clock.step(Date.parse('2026-01-16T03:59:59Z') - clock.now())
    await site.round()
    assert.equal((await due(wells[0]))[0], 'ready 0')
    await clock.advance(1000)
    await site.round()

    assert.equal((await due(wells[0]))[0], 'sent 1')
    assert.deepEqual(dga.monitor.violations, [])
  })

  test('sends at once what DGA was not asked for want of a password that opens (W5)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    const { keyId, bytes } = openSecrets(new Uint8Array(32)).seal(PASSWORD, `informant ${RUT}`)
    await database.db.query('update informants set secret_key_id = $1, secret = $2', [keyId, bytes])
    await toNextHour(pointId)
    assert.deepEqual((await site.round()).submissions, { configuration_error: 1 })
    assert.equal(dga.submissions.length, 0)

    await clock.advance(MINUTE)
    await site.setPassword(PASSWORD)
    assert.deepEqual((await site.round()).submissions, { accepted: 1 })
    assert.deepEqual(await due(), ['sent 1'])
  })

  test('sends what met a mistake of its work on the next day of the regulator, and what was refused otherwise a day later (W5)', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    const other = await register('OB-0602-8')
    const registered = dga.registry.works.find(({ code }) => code === 'OB-0602-7')
    assert.ok(registered)
    registered.informants = []
    dga.faults.add({
      fault: { kind: 'answer', status: 400, body: '{"status":"400","message":"no"}' },
      times: 1,
      work: 'OB-0602-8',
    })
    await toNextHour(pointId, other)
    await site.round()
    registered.informants = [RUT]

    for (const work of ['OB-0602-7', 'OB-0602-8']) await releaseWork(database.db, work, clock.now())
    const [mended, refused] = [await site.slots(pointId), await site.slots(other)]
    assert.equal(mended[0]?.nextAttemptAt, Date.parse('2026-01-16T04:00:00Z'))
    assert.equal(refused[0]?.nextAttemptAt, clock.now() + DAY)

    clock.step(20 * HOUR)
    await site.round()
    assert.equal((await due(pointId))[0], 'sent 1')
    assert.deepEqual(dga.monitor.violations, [])
  })
})
