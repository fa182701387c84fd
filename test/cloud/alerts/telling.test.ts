// Who is told, when, in which words and by which way: escalation, quiet hours, digests, webhooks and providers over HTTP.

import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ChannelSettings } from '../../../cloud/alerts/channel.ts'
import { deliverDue, retryMs } from '../../../cloud/alerts/deliver.ts'
import { type Mailer, openMailer } from '../../../cloud/alerts/mail.ts'
import { dueAt, Preferences } from '../../../cloud/alerts/preferences.ts'
import { channelOwner, openOutside } from '../../../cloud/alerts/ways.ts'
import { createUser } from '../../../cloud/api/users.ts'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { insertChannel, saveChannelSecret, savePreferences } from '../../../cloud/store/alert-channels.ts'
import { endPause, insertPause } from '../../../cloud/store/alert-pauses.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { selectDeliveries } from '../../../cloud/store/deliveries.ts'
import { acknowledgeIncident, snoozeIncident } from '../../../cloud/store/incident-rows.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type MailServer, openMailServer } from '../../doubles/mail-server.ts'
import { FRIDAY, openWatch } from './watch.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const TOO_LITTLE = { kind: 'threshold', variable: 'flow', is: 'below', limit: 1 }
const secrets = openSecrets(new Uint8Array(32).fill(4))

interface Asked {
  url: string
  method: string
  headers: IncomingHttpHeaders
  body: string
}

describe('telling people', () => {
  let database: TestDatabase
  let db: Database
  let server: MailServer
  let mailer: Mailer
  let provider: Server
  let base = ''
  const asked: Asked[] = []
  let answers: { status: number; body: string }[] = []
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    server = await openMailServer()
    mailer = openMailer({ url: server.url, from: 'avisos@smarthydro.cl' })
    provider = createServer(async (request, response) => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece)
      const { url = '', method = '', headers } = request
      asked.push({ url, method, headers, body: Buffer.concat(pieces).toString() })
      const { status, body } = answers.shift() ?? { status: 200, body: '{}' }
      response.writeHead(status).end(body)
    })
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  })
  after(async () => {
    provider.closeAllConnections()
    provider.close()
    await server.close()
    await database.close()
  })

  const openScene = async () => {
    const scene = await openWatch(db)
    asked.length = 0
    answers = []
    const outside = openOutside({ clock: scene.clock, secrets }, [
      { address: '127.0.0.0', prefix: 8, family: 'ipv4' },
    ])
    const deps = { ...scene.deps, mailer, outside, publicUrl: 'https://agua.example/' }
    return {
      ...scene,
      deliver: () => deliverDue(deps),
      async channel(settings: object, secret?: string, clientId = scene.clientId): Promise<number> {
        const row = {
          clientId,
          name: 'canal',
          settings: ChannelSettings.parse(settings),
          by: 'x',
          now: FRIDAY,
        }
        const id = (await insertChannel(db, row)) ?? 0
        if (secret !== undefined) await saveChannelSecret(db, id, secrets.seal(secret, channelOwner(id)))
        return id
      },
      async asks(email: string, preferences: object): Promise<void> {
        await createUser(db, { email, name: 'Ana', role: 'operator' })
        const [user] = await db.query<{ id: string }>('select id from auth.users where email = $1', [email])
        const row = { preferences: Preferences.parse(preferences), version: 0, now: FRIDAY }
        await savePreferences(db, user?.id ?? '', row)
      },
      mailTo: (person: string) => server.taken.filter(({ to }) => to.includes(person)),
      async told() {
        const [incident] = await scene.incidents()
        return (await selectDeliveries(db, null, incident?.id ?? 0, 100)) ?? []
      },
    }
  }

  test('tells who is next when nobody has acknowledged it in time, once each, and stops when somebody has', async () => {
    const scene = await openScene()
    const to = (step: number) => [{ email: `paso${step}@campo.cl` }]
    await scene.make(TOO_LITTLE, {
      notify: to(0),
      escalation: [
        { after: '30m', notify: to(1) },
        { after: '2h', notify: to(2) },
      ],
    })
    await scene.measure(0)
    await scene.watch()
    const steps = async () => (await scene.told()).map(({ step, recipient }) => `${step} ${recipient}`)
    const first = await steps()
    scene.clock.step(30 * MINUTE)
    await scene.watch()
    await scene.watch()
    const second = await steps()
    const [incident] = await scene.incidents()
    await acknowledgeIncident(db, incident?.id ?? 0, { by: 'ana', now: scene.clock.now() })
    scene.clock.step(3 * HOUR)
    await scene.watch()

    assert.deepEqual(first, ['0 paso0@campo.cl'])
    assert.deepEqual(second, ['0 paso0@campo.cl', '1 paso1@campo.cl'])
    assert.deepEqual(await steps(), second)
    assert.deepEqual([incident?.escalated, incident?.steps], [1, 2])
  })

  test('tells nobody more of what is snoozed, until the snooze is over', async () => {
    const scene = await openScene()
    await scene.make(TOO_LITTLE, { escalation: [{ after: '30m', notify: [{ email: 'dormida@campo.cl' }] }] })
    await scene.measure(0)
    await scene.watch()
    const [incident] = await scene.incidents()
    const act = { by: 'ana', now: scene.clock.now() }
    await snoozeIncident(db, incident?.id ?? 0, scene.clock.now() + 2 * HOUR, act)
    scene.clock.step(HOUR)
    await scene.watch()
    const asleep = await scene.told()
    scene.clock.step(HOUR)
    await scene.watch()

    assert.deepEqual(asleep, [])
    assert.deepEqual(
      (await scene.told()).map(({ step }) => step),
      [1],
    )
  })

  test('says nothing during maintenance, and speaks when it is over or was ended', async () => {
    const scene = await openScene()
    await scene.make(TOO_LITTLE, { notify: [{ email: 'mantencion@campo.cl' }] })
    const pause = { pointId: null, from: FRIDAY, to: FRIDAY + 4 * HOUR, reason: 'cambio de bomba' }
    const act = { by: 'ana', now: FRIDAY }
    const id = await insertPause(db, { clientId: scene.clientId, ...pause, ...act })
    await scene.measure(0)
    await scene.watch()
    const during = await scene.incidents()
    scene.clock.step(10 * MINUTE)
    await endPause(db, id, { by: 'ana', now: scene.clock.now() })
    scene.clock.step(MINUTE)
    await scene.measure(0)
    await scene.watch()

    assert.deepEqual(during, [])
    assert.equal((await scene.told()).length, 1)
  })

  test('asks a provider by its template, escapes what is filled in, and believes its word alone', async () => {
    const scene = await openScene()
    const channel = await scene.channel(
      {
        ...{
          kind: 'http',
          url: `${base}/send?to={{to}}`,
          headers: { Authorization: 'Basic {{base64:secret}}' },
        },
        ...{ body: '{"texto":"{{text}}","asunto":"{{subject}}"}', textMax: 60 },
        accepted: { path: 'messages.0.status', is: '0' },
      },
      'cuenta:clave',
    )
    await scene.make(TOO_LITTLE, {
      notify: [{ channel, to: '+56 9 8765 4321' }],
      severity: 'critical',
    })
    await scene.measure(0)
    await scene.watch()
    answers = [
      { status: 200, body: '{"messages":[{"status":"4","error-text":"sin saldo cuenta:clave"}]}' },
      { status: 200, body: '{"messages":[{"status":"0"}]}' },
    ]
    await scene.deliver()
    const [first] = await scene.told()
    scene.clock.step(retryMs(1))
    await scene.deliver()
    const [last] = await scene.told()

    assert.deepEqual([asked[0]?.method, asked[0]?.url], ['POST', '/send?to=%2B56%209%208765%204321'])
    assert.equal(asked[0]?.headers.authorization, `Basic ${Buffer.from('cuenta:clave').toString('base64')}`)
    const { texto, asunto } = JSON.parse(asked[0]?.body ?? '')
    assert.match(asunto, /^\[Crítico\] regla: /)
    assert.equal(texto.length, 60)
    assert.deepEqual([first?.state, last?.state, last?.tries.length], ['pending', 'notified', 2])
    assert.match(first?.answer ?? '', /messages\.0\.status is 4/)
    assert.doesNotMatch(first?.answer ?? '', /cuenta:clave/)
  })

  test('sends a signed webhook, and does not ask again for one that is gone', async () => {
    const scene = await openScene()
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
    const channel = await scene.channel({ kind: 'webhook', url: `${base}/hook` }, secret)
    await scene.make(TOO_LITTLE, { notify: [{ channel }] })
    await scene.measure(0)
    await scene.watch()
    answers = [{ status: 410, body: '' }]
    await scene.deliver()
    const [delivery] = await scene.told()

    assert.match(String(asked[0]?.headers['webhook-signature']), /^v1,/)
    const { subject, incident, link, severity } = JSON.parse(asked[0]?.body ?? '')
    assert.match(subject, /regla/)
    assert.deepEqual([severity, link], ['warning', `https://agua.example/incidents/${incident}`])
    assert.deepEqual([delivery?.state, delivery?.attempts], ['failed', 1])
  })

  test('lets a rule use no channel of another client', async () => {
    const scene = await openScene()
    const stranger = await openWatch(db)
    const channel = await scene.channel(
      { kind: 'webhook', url: `${base}/hook` },
      undefined,
      stranger.clientId,
    )
    await scene.make(TOO_LITTLE, { notify: [{ channel }] })
    await scene.measure(0)

    await scene.watch()

    assert.deepEqual(await scene.told(), [])
  })

  test('tells somebody in their language and by their ways, once, and puts a digest into one message', async () => {
    const scene = await openScene()
    const channel = await scene.channel({ kind: 'webhook', url: `${base}/hook` })
    await scene.asks('eva@campo.cl', {
      ...{ language: 'en', email: true, channels: [{ channel, to: 'sala' }], digest: 'hourly' },
    })
    for (const name of ['uno', 'dos', 'tres']) {
      await scene.make(TOO_LITTLE, { name, notify: [{ email: 'Eva@campo.cl' }] })
    }
    await scene.measure(0)
    await scene.watch()
    const early = await scene.deliver()
    scene.clock.step(HOUR)
    await scene.watch()
    await scene.deliver()
    await scene.deliver()

    const mails = scene.mailTo('eva@campo.cl')
    assert.equal(early, 0)
    assert.equal(mails.length, 1)
    assert.match(mails[0]?.source ?? '', /Subject: \[Digest\] 3 alerts/)
    assert.match(mails[0]?.source ?? '', /Flow below 1 L\/s/)
    assert.equal(asked.length, 1)
    assert.match(asked[0]?.body ?? '', /"to":"sala"/)
  })

  test('waits for quiet hours to be over, but for what is critical', () => {
    const night = { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '22:00', to: '07:00' }
    const asked = Preferences.parse({ quietHours: [night] })
    const daily = Preferences.parse({ quietHours: [night], digest: 'daily', digestAt: '06:00' })
    const now = Date.parse('2026-01-17T02:03:00Z')

    const at = (preferences: Preferences, severity: string) =>
      new Date(dueAt(preferences, { now, severity }).at).toISOString()

    assert.equal(at(asked, 'warning'), '2026-01-17T10:00:00.000Z')
    assert.equal(at(asked, 'critical'), '2026-01-17T02:03:00.000Z')
    assert.equal(at({ ...asked, criticalAtOnce: false }, 'critical'), '2026-01-17T10:00:00.000Z')
    assert.equal(at(daily, 'info'), '2026-01-17T10:00:00.000Z')
  })

  test('sends a daily digest at its time on both sides of a change of the clocks', () => {
    const daily = Preferences.parse({ digest: 'daily', digestAt: '08:00' })
    const next = (text: string) =>
      new Date(dueAt(daily, { now: Date.parse(text), severity: 'info' }).at).toISOString()

    // On 5 April 2026 the clocks go back at midnight, on 6 September they go forward.
    assert.equal(next('2026-04-04T12:00:00Z'), '2026-04-05T12:00:00.000Z')
    assert.equal(next('2026-04-03T12:00:00Z'), '2026-04-04T11:00:00.000Z')
    assert.equal(next('2026-09-05T13:00:00Z'), '2026-09-06T11:00:00.000Z')
  })

  test('tells of a lost gateway or a late work whom the rules for that name, and makes no second incident', async () => {
    const scene = await openScene()
    await scene.make({ kind: 'gateway_lost' }, { notify: [{ email: 'perdido@campo.cl' }] })
    await scene.measure(1)
    await scene.setState('lost')
    await scene.watch()
    const kinds = (await scene.incidents()).map(({ kind }) => kind)
    scene.clock.step(24 * HOUR)
    await scene.watch()

    assert.deepEqual(kinds, ['gateway_lost'])
    assert.deepEqual(
      (await scene.told()).map(({ recipient }) => recipient),
      ['perdido@campo.cl'],
    )
    assert.equal((await scene.incidents()).length, 1)
  })
})
