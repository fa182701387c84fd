// Late is measured from the last accepted slot, whoever has stopped.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { overdueSince, watchLateness } from '../../../cloud/compliance/late.ts'
import { selectIncidents } from '../../../cloud/store/incident-rows.ts'
import { turnSending } from '../../../cloud/store/switches.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { HOUR, MINUTE, openScene, type Scene } from './scene.ts'

const DUE = Date.parse('2026-01-15T13:00:00Z')

test('overdueSince() counts from the last accepted slot, or from when something was owed first', () => {
  const declared = {
    ...{ workCode: 'OB-0602-7', pointId: 1, deadlineMs: HOUR, heldBecause: null },
    ...{ frequency: { kind: 'interval', everyMs: HOUR } as const, owedFrom: DUE, acceptedDueAt: null },
  }
  assert.equal(overdueSince(declared, DUE + HOUR), undefined)
  assert.equal(overdueSince(declared, DUE + HOUR + 1), DUE)
  assert.equal(overdueSince({ ...declared, acceptedDueAt: DUE }, DUE + 2 * HOUR), undefined)
  assert.equal(overdueSince({ ...declared, acceptedDueAt: DUE }, DUE + 2 * HOUR + 1), DUE + HOUR)
  assert.equal(overdueSince({ ...declared, owedFrom: DUE + 9 * HOUR }, DUE + 9 * HOUR), undefined)
})

describe('watchLateness()', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(async () => {
    await database.db.query('delete from incidents')
    await scene.close()
  })

  const watch = () => watchLateness({ db: database.db, clock: scene.clock, log: scene.site.log })
  const incidents = () =>
    selectIncidents(database.db, null, {
      beforeId: Number.MAX_SAFE_INTEGER,
      limit: 100,
      kind: 'declaration_late',
    })

  test('raises one incident within one deadline after the sender was stopped, and ends it when it sends again', async () => {
    const { clock, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    await toNextHour(pointId)
    await site.round()
    assert.deepEqual(await watch(), [])

    // From here on nobody makes slots, fills or sends.
    await clock.advance(2 * HOUR)
    assert.deepEqual(await watch(), [], 'the next one was due an hour ago')
    await clock.advance(MINUTE)
    assert.deepEqual(await watch(), ['OB-0602-7'])
    assert.deepEqual(await watch(), ['OB-0602-7'])

    const [incident, ...others] = await incidents()
    assert.deepEqual(others, [])
    assert.deepEqual(
      [incident?.subject, incident?.closedAt, incident?.details],
      [
        'OB-0602-7',
        null,
        {
          owedSince: '2026-01-15T14:00:00.000Z',
          lastAccepted: '2026-01-15T13:00:00.000Z',
          heldBecause: null,
        },
      ],
    )
    await site.measureWell(pointId, DUE + 2 * HOUR)
    await site.round()
    assert.deepEqual(await watch(), [])
    assert.equal((await incidents())[0]?.closedAt, clock.now())
  })

  test('says of what is switched off that it is, and nothing of what is only rehearsed', async () => {
    const { clock, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8', { mode: 'shadow' })]
    const turn = { sending: false, reason: 'inspection', by: 'ana', at: clock.now() }
    await turnSending(database.db, { what: 'work', workCode: 'OB-0602-7' }, turn)
    await toNextHour(...wells)
    await site.round()
    await clock.advance(HOUR + MINUTE)

    assert.deepEqual(await watch(), ['OB-0602-7'])
    const [incident] = await incidents()
    assert.deepEqual(incident?.details, {
      ...{ owedSince: '2026-01-15T13:00:00.000Z', lastAccepted: null },
      heldBecause: 'the work is switched off',
    })
  })
})
