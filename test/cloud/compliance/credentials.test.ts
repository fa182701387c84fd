// The keys that seal passwords change while everything goes on, and who can no longer declare is told once.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { checkCredentials, rewrapSecrets } from '../../../cloud/compliance/credentials.ts'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { selectIncidents } from '../../../cloud/store/incident-rows.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { PASSWORD, RUT } from './installation.ts'
import { openScene, type Scene } from './scene.ts'

describe('the credentials of informants', () => {
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

  const incidents = () =>
    selectIncidents(database.db, null, {
      ...{ beforeId: Number.MAX_SAFE_INTEGER, limit: 100, kind: 'informant_cannot_declare' as const },
    })

  test('are sealed with another key while slots are sent, and the former key is of no use any more', async () => {
    const { clock, site, register, toNextHour, statesOf } = scene
    const first = { key: new Uint8Array(randomBytes(32)), next: new Uint8Array(randomBytes(32)) }
    const former = openSecrets(first.key)
    site.secrets = former
    await site.setPassword(PASSWORD)
    const pointId = await register('OB-0602-7')
    const { db } = database

    // Services are started again with both keys, one after another; nothing is sealed anew yet.
    const both = openSecrets(first.next, [first.key])
    site.secrets = both
    await toNextHour(pointId)
    await site.round()
    const mistakes: string[] = []
    const rewrapped = await rewrapSecrets({ db, secrets: both }, mistake => mistakes.push(mistake))
    await toNextHour(pointId)
    await site.round()
    // And once more, without the former key.
    site.secrets = openSecrets(first.next)
    await toNextHour(pointId)
    await site.round()

    assert.deepEqual([rewrapped, mistakes], [{ rewrapped: 1, left: 0 }, []])
    assert.deepEqual(await statesOf(pointId), ['sent', 'sent', 'sent'])
    assert.deepEqual(await rewrapSecrets({ db, secrets: both }, () => {}), { rewrapped: 0, left: 0 })
    const [row] = await db.query<{ id: string; secret: Uint8Array }>(
      'select secret_key_id as id, secret from informants',
    )
    assert.equal(row?.id, both.currentKeyId)
    assert.throws(() =>
      former.open({ keyId: former.currentKeyId, bytes: row?.secret ?? new Uint8Array() }, `informant ${RUT}`),
    )
    assert.deepEqual(await checkCredentials({ ...site, clock }), [])
  })

  test('that do not open are one incident, cost no attempt, and are told without what they are', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8')]
    site.secrets = openSecrets(new Uint8Array(randomBytes(32)))

    await checkCredentials({ ...site, clock })
    await toNextHour(...wells)
    await site.round()
    await checkCredentials({ ...site, clock })

    const [incident, ...others] = await incidents()
    assert.deepEqual(others, [])
    assert.match(
      JSON.stringify(incident),
      new RegExp(`${RUT} of .*Cannot open a secret of informant ${RUT}: key \\w+ is not here`),
    )
    assert.equal(dga.submissions.length, 0)
    assert.deepEqual(
      (await site.slots()).map(({ attempts }) => attempts),
      [0, 0],
    )
    assert.match(site.metrics.text(), /^compliance_secrets\{key="unreadable"\} 1$/m)
    await site.setPassword(PASSWORD)
    assert.deepEqual(await checkCredentials({ ...site, clock }), [])
    assert.equal((await incidents())[0]?.closedAt, clock.now())
  })

  test('that DGA refuses are one incident, however many works they declare', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8'), await register('OB-0602-9')]
    dga.registry.informants = [{ rut: RUT, password: 'another' }]
    await toNextHour(...wells)
    await site.round()

    await checkCredentials({ ...site, clock })

    const [incident, ...others] = await incidents()
    assert.deepEqual(others, [])
    assert.match(JSON.stringify(incident?.details), /credentials: HTTP 400: Error: clave incorrecta/)
    assert.equal(JSON.stringify(incident).includes(PASSWORD), false)
  })
})
