// Telling people, through a server that speaks SMTP.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ATTEMPTS_MAX, deliverDue, retryMs } from '../../../cloud/alerts/deliver.ts'
import { type Mailer, openMailer } from '../../../cloud/alerts/mail.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { selectDeliveries } from '../../../cloud/store/deliveries.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type MailServer, openMailServer } from '../../doubles/mail-server.ts'
import { freePort } from '../../doubles/ports.ts'
import { processAll } from '../processor/site.ts'
import { FRIDAY, openWatch } from './watch.ts'

const MINUTE = 60_000
const TOO_LITTLE = { kind: 'threshold', variable: 'flow', is: 'below', limit: 1 }
const FROM = 'avisos@smarthydro.cl'

describe('deliverDue()', () => {
  let database: TestDatabase
  let db: Database
  let server: MailServer
  let mailer: Mailer
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    server = await openMailServer()
    mailer = openMailer({ url: server.url, from: FROM })
  })
  after(async () => {
    await server.close()
    await database.close()
  })

  /** A well that has too little flow, and who is to be told of it. */
  const alarmed = async (...people: string[]) => {
    const scene = await openWatch(db)
    await scene.make(TOO_LITTLE, { notify: people.map(email => ({ email })), severity: 'critical' })
    await scene.measure(0.25)
    await scene.watch()
    const told = async () => {
      const [incident] = await scene.incidents()
      const rows = (await selectDeliveries(db, null, incident?.id ?? 0, 100)) ?? []
      return rows.map(({ recipient, state, attempts, answer }) => ({ recipient, state, attempts, answer }))
    }
    const mailTo = (person: string) => server.taken.filter(({ to }) => to.includes(person))
    return {
      ...scene,
      told,
      mailTo,
      deliver: (by: Mailer | undefined = mailer) => deliverDue({ ...scene.deps, mailer: by }),
    }
  }

  test('sends one message for a weekend that fires 576 times', async () => {
    const scene = await openWatch(db)
    const step = 2.5 * MINUTE
    await scene.site.commit(
      Array.from({ length: 576 * 2 }, (_, index) => [FRIDAY + index * step, 'flow', (index + 1) % 2]),
    )
    await processAll(db)
    await scene.make(TOO_LITTLE, { notify: [{ email: 'storm@campo.cl' }] })

    for (let round = 0; round < 576 * 2; round += 1) {
      await scene.watch()
      await deliverDue({ ...scene.deps, mailer })
      scene.clock.step(step)
    }

    const incidents = await scene.incidents()
    assert.deepEqual(
      incidents.map(({ details }) => details.firings),
      [576],
    )
    assert.equal(server.taken.filter(({ to }) => to.includes('storm@campo.cl')).length, 1)
  })

  test('says that somebody was notified when the server has said 250, in its words', async () => {
    const scene = await alarmed('ana@campo.cl', 'Beto@campo.cl')

    await scene.deliver()

    const answer = '250 Message queued as 1'
    assert.deepEqual(await scene.told(), [
      { recipient: 'ana@campo.cl', state: 'notified', attempts: 1, answer },
      { recipient: 'beto@campo.cl', state: 'notified', attempts: 1, answer },
    ])
    const [mail] = scene.mailTo('ana@campo.cl')
    assert.match(mail?.source ?? '', /Message-ID: <smarthydro-\d+-\d+@smarthydro\.cl>/)
    assert.match(mail?.source ?? '', /Caudal bajo 1 L\/s/)
    assert.match(mail?.source ?? '', /0,25 L\/s/)
  })

  test('tries again what the server did not take now, and not before its time', async () => {
    const scene = await alarmed('luis@campo.cl')
    server.fail(451)
    await scene.deliver()
    const first = await scene.told()
    const idle = await scene.deliver()
    scene.clock.step(retryMs(1))

    await scene.deliver()

    assert.match(first[0]?.answer ?? '', /451/)
    assert.equal(first[0]?.state, 'pending')
    assert.equal(idle, 0)
    assert.deepEqual(
      (await scene.told()).map(({ state, attempts }) => [state, attempts]),
      [['notified', 2]],
    )
    assert.equal(scene.mailTo('luis@campo.cl').length, 1)
  })

  test('does not ask again for somebody whom the server refuses, and tells the others', async () => {
    server.refuse('nadie@campo.cl')
    const scene = await alarmed('nadie@campo.cl', 'eva@campo.cl')

    await scene.deliver()
    scene.clock.step(retryMs(1))
    await scene.deliver()

    const [nobody, eva] = await scene.told()
    assert.match(nobody?.answer ?? '', /550/)
    assert.deepEqual([nobody?.state, nobody?.attempts, eva?.state], ['failed', 1, 'notified'])
  })

  test('waits until the settings are mended when nobody may send in its name', async () => {
    const scene = await alarmed('sara@campo.cl')
    server.refuseSender(FROM)
    await scene.deliver()
    const [refused] = await scene.told()
    server.refuseSender(undefined)
    scene.clock.step(retryMs(1))

    await scene.deliver()

    assert.match(refused?.answer ?? '', /553/)
    assert.deepEqual([refused?.state, (await scene.told())[0]?.state], ['pending', 'notified'])
  })

  test('gives up a server that is not there after its last attempt, and without any says what is missing', async () => {
    const scene = await alarmed('rosa@campo.cl')
    const nowhere = openMailer({ url: `smtp://127.0.0.1:${await freePort()}`, from: FROM })
    await scene.deliver(nowhere)
    const [first] = await scene.told()
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt += 1) {
      scene.clock.step(retryMs(attempt))
      await deliverDue({ ...scene.deps, mailer: undefined })
    }

    const [last] = await scene.told()
    assert.match(first?.answer ?? '', /ECONNREFUSED/)
    assert.equal(first?.state, 'pending')
    assert.deepEqual(last, {
      ...{ recipient: 'rosa@campo.cl', state: 'failed', attempts: ATTEMPTS_MAX },
      answer: 'No mail server is configured: SMTP_URL',
    })
  })

  test('tells of a lost gateway whom its silenced points would have told, once', async () => {
    const scene = await openWatch(db)
    for (const variable of ['flow', undefined]) {
      await scene.make({ kind: 'no_data', for: '10m', variable }, { notify: [{ email: 'gw@campo.cl' }] })
    }
    await scene.measure(1)
    await scene.setState('lost')
    scene.clock.step(60 * MINUTE)

    await scene.watch()
    await deliverDue({ ...scene.deps, mailer })
    await scene.watch()
    await deliverDue({ ...scene.deps, mailer })

    const mails = server.taken.filter(({ to }) => to.includes('gw@campo.cl'))
    assert.equal(mails.length, 1)
    assert.match(mails[0]?.source ?? '', new RegExp(`Gateway sin se=C3=B1al: ${scene.gateway}`))
  })
})
