// Letting people in: invitations, recoveries, second factors, keys, and what an administrator does to a user.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openMailer } from '../../../cloud/alerts/mail.ts'
import { resetPassword } from '../../../cloud/api/users.ts'
import { type MailServer, openMailServer } from '../../doubles/mail-server.ts'
import { codeOf } from '../../doubles/totp.ts'
import { until } from '../../doubles/until.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const PASSWORD = 'una-frase-bien-larga'

describe('letting people in', () => {
  let api: ApiScene
  let mail: MailServer
  before(async () => {
    mail = await openMailServer()
    api = await openApiScene({ mailer: openMailer({ url: mail.url, from: 'avisos@example.cl' }) })
  })
  after(async () => {
    await api.close()
    await mail.close()
  })

  /** Asks with the cookies of somebody, and keeps what cookies the answer sets. */
  const browser = () => {
    const jar = new Map<string, string>()
    return {
      jar,
      async ask(route: string, body?: object, path?: string) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
        const answer = await api.ask(route, {
          ...{ token: '', ...(path === undefined ? {} : { path }) },
          init: {
            headers: { ...(cookie === '' ? {} : { cookie }), 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          },
        })
        for (const one of answer.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(one) ?? []
          if (value === '' || /max-age=0/i.test(one)) jar.delete(name)
          else jar.set(name, value)
        }
        return answer
      },
    }
  }
  const signedIn = async (email: string, password: string) => {
    const person = browser()
    const { status } = await person.ask('POST /api/v1/session', { email, password })
    assert.equal(status, 200)
    return person
  }
  const administer = (route: string, body?: object, path?: string) =>
    api.ask(route, {
      ...(path === undefined ? {} : { path }),
      init: {
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    })
  const invite = (email: string, grants: object[] = [{ role: 'client_reader', client: 'campo' }]) =>
    administer('POST /api/v1/users', { email, name: 'Eva', grants })
  const secretOf = (url: string) => new URL(url).hash.slice(1)

  test('invites by mail, with a link that is good once and for a week', async () => {
    const { status, body } = await invite('Eva@example.cl')
    assert.deepEqual(
      [status, body.user.email, body.user.state, body.link.mail],
      [201, 'eva@example.cl', 'invited', 'accepted'],
    )
    const letter = mail.taken.at(-1)
    assert.deepEqual(letter?.to, ['eva@example.cl'])
    const secret = secretOf(body.link.url)
    assert.ok(letter?.source.replaceAll('=\r\n', '').includes(secret))

    const nobody = browser()
    const shown = await nobody.ask('POST /api/v1/invitation', { secret })
    assert.deepEqual([shown.status, shown.body.email], [200, 'eva@example.cl'])
    assert.equal((await nobody.ask('POST /api/v1/recovery/look', { secret })).status, 404)
    assert.equal(
      (await nobody.ask('POST /api/v1/invitation/accept', { secret, password: 'corta' })).status,
      400,
    )
    const both = await Promise.all(
      [1, 2].map(() =>
        nobody.ask('POST /api/v1/invitation/accept', { secret, password: PASSWORD, name: 'Eva R' }),
      ),
    )
    assert.deepEqual(both.map(one => one.status).sort(), [204, 404])
    const eva = await signedIn('eva@example.cl', PASSWORD)
    assert.equal((await eva.ask('GET /api/v1/me')).body.name, 'Eva R')
    assert.equal((await invite('eva@example.cl')).status, 409)
  })

  test('forgets an invitation when another is sent, and when its week is over', async () => {
    const { body } = await invite('rosa@example.cl')
    const again = await administer(
      'POST /api/v1/users/{user}/link',
      undefined,
      `/api/v1/users/${body.user.id}/link`,
    )
    assert.equal(again.status, 201)
    const look = (url: string) => browser().ask('POST /api/v1/invitation', { secret: secretOf(url) })
    assert.equal((await look(body.link.url)).status, 404)
    assert.equal((await look(again.body.url)).status, 200)
    await api.clock.advance(7 * 86_400_000)
    assert.equal((await look(again.body.url)).status, 404)
  })

  test('answers who asks for a recovery alike, whoever exists, and mails who does three times an hour', async () => {
    await makeUser(api.db, 'ines@example.cl', 'client_reader', 'campo')
    const before = mail.asked
    const ask = (email: string) => browser().ask('POST /api/v1/recovery', { email })
    const answers = [await ask('ines@example.cl'), await ask('nadie@example.cl')]
    await api.deps.links.settled()
    assert.deepEqual(
      answers.map(({ status, body, headers }) => [status, body, [...headers.keys()].sort()]),
      [1, 2].map(() => [204, '', [...(answers[0]?.headers.keys() ?? [])].sort()]),
    )
    assert.equal(mail.asked, before + 1)
    for (let index = 0; index < 5; index += 1) await ask('ines@example.cl')
    await api.deps.links.settled()
    assert.equal(mail.asked, before + 3)
  })

  test('gives another password by the link of a recovery, once, and ends all sessions', async () => {
    const old = await makeUser(api.db, 'olga@example.cl', 'client_reader', 'campo')
    const olga = await signedIn('olga@example.cl', old)
    const { body: me } = await olga.ask('GET /api/v1/me')
    const { body } = await administer(
      'POST /api/v1/users/{user}/link',
      undefined,
      `/api/v1/users/${me.id}/link`,
    )
    const secret = secretOf(body.url)
    const accept = () => browser().ask('POST /api/v1/recovery/accept', { secret, password: PASSWORD })
    assert.equal((await accept()).status, 204)
    assert.equal((await accept()).status, 404)
    assert.equal((await olga.ask('GET /api/v1/me')).status, 401)
    await signedIn('olga@example.cl', PASSWORD)
  })

  const withFactor = async (email: string) => {
    const password = await makeUser(api.db, email, 'client_manager', 'campo')
    const person = await signedIn(email, password)
    const begun = await person.ask('POST /api/v1/me/second-factor', { password })
    assert.equal(begun.status, 200)
    const { uri, recoveryCodes } = begun.body
    const early = await browser().ask('POST /api/v1/session', { email, password })
    assert.equal(early.status, 200, 'what is not confirmed is not asked for')
    assert.equal(
      (await person.ask('POST /api/v1/me/second-factor/confirm', { code: wrongCode(uri) })).status,
      422,
    )
    const now = Date.now()
    assert.equal(
      (await person.ask('POST /api/v1/me/second-factor/confirm', { code: codeOf(uri, now) })).status,
      204,
    )
    return { person, password, uri, recoveryCodes: recoveryCodes as string[], confirmedAt: now }
  }
  /** Of no half minute that could be valid now. */
  const wrongCode = (uri: string): string => {
    const valid = [-2, -1, 0, 1, 2].map(step => codeOf(uri, Date.now() + step * 30_000))
    return (
      ['000000', '111111', '222222', '333333', '444444', '555555'].find(code => !valid.includes(code)) ?? ''
    )
  }

  test('asks for a code besides the password, takes none twice, and a recovery code once', async () => {
    const email = 'marta@example.cl'
    const { person, password, uri, recoveryCodes, confirmedAt } = await withFactor(email)
    const security = await person.ask('GET /api/v1/me/security')
    assert.deepEqual([security.body.hasSecondFactor, security.body.recoveryCodes], [true, 10])

    const first = browser()
    const half = await first.ask('POST /api/v1/session', { email, password })
    assert.deepEqual([half.status, half.body], [202, { wants: 'second_factor' }])
    assert.equal((await first.ask('GET /api/v1/me')).status, 401, 'half a sign-in is none')
    assert.equal(
      (await first.ask('POST /api/v1/session/second-factor', { code: wrongCode(uri) })).body.title,
      'Wrong code',
    )
    const used = await first.ask('POST /api/v1/session/second-factor', { code: codeOf(uri, confirmedAt) })
    assert.deepEqual([used.status, used.body.title], [401, 'Sign in again'], 'it was used to set up')
    assert.equal((await first.ask('GET /api/v1/me')).status, 401)

    const second = browser()
    await second.ask('POST /api/v1/session', { email, password })
    const next = codeOf(uri, confirmedAt + 30_000)
    assert.equal((await second.ask('POST /api/v1/session/second-factor', { code: next })).status, 200)
    assert.equal((await second.ask('GET /api/v1/me')).body.email, email)

    const third = browser()
    await third.ask('POST /api/v1/session', { email, password })
    const [recoveryCode = ''] = recoveryCodes
    assert.equal((await third.ask('POST /api/v1/session/second-factor', { recoveryCode })).status, 200)
    const fourth = browser()
    await fourth.ask('POST /api/v1/session', { email, password })
    assert.equal((await fourth.ask('POST /api/v1/session/second-factor', { recoveryCode })).status, 401)
    assert.equal((await third.ask('GET /api/v1/me/security')).body.recoveryCodes, 9)
  })

  test('lets nobody guess codes: five end a sign-in, ten in a row lock for a while', async () => {
    const email = 'lola@example.cl'
    const { password, uri, recoveryCodes } = await withFactor(email)
    const guess = async (person: ReturnType<typeof browser>, code: string) =>
      (await person.ask('POST /api/v1/session/second-factor', { code })).body.title
    const first = browser()
    await first.ask('POST /api/v1/session', { email, password })
    for (let index = 0; index < 5; index += 1) assert.equal(await guess(first, wrongCode(uri)), 'Wrong code')
    assert.equal(await guess(first, codeOf(uri, Date.now() + 30_000)), 'Sign in again')
    const second = browser()
    await second.ask('POST /api/v1/session', { email, password })
    for (let index = 0; index < 5; index += 1) assert.equal(await guess(second, wrongCode(uri)), 'Wrong code')
    const third = browser()
    await third.ask('POST /api/v1/session', { email, password })
    const [recoveryCode] = recoveryCodes
    const locked = await third.ask('POST /api/v1/session/second-factor', { recoveryCode })
    assert.equal(locked.status, 429)
    assert.ok(Number(locked.headers.get('retry-after')) > 0)
  })

  test('takes a second factor away from nobody who does not know the password', async () => {
    const { person, password } = await withFactor('nora@example.cl')
    const remove = (typed: string) => person.ask('POST /api/v1/me/second-factor/remove', { password: typed })
    for (let index = 0; index < 5; index += 1) assert.equal((await remove(`guess ${index}`)).status, 422)
    assert.equal((await remove(password)).status, 429)
  })

  test('lets an administrator take a lost second factor away; the password alone is enough then', async () => {
    const email = 'julia@example.cl'
    const { person, password } = await withFactor(email)
    const { body: me } = await person.ask('GET /api/v1/me')
    const path = `/api/v1/users/${me.id}/reset-second-factor`
    const { body } = await administer('POST /api/v1/users/{user}/reset-second-factor', undefined, path)
    assert.deepEqual([body.hasSecondFactor, body.sessions], [false, 0])
    assert.equal((await person.ask('GET /api/v1/me')).status, 401)
    await signedIn(email, password)
  })

  test('gives who has lost everything a way back in, on the machine itself', async () => {
    const email = 'lucia@example.cl'
    const { person } = await withFactor(email)
    const { password = '' } = await resetPassword(api.db, { email })
    assert.equal((await person.ask('GET /api/v1/me')).status, 401)
    await signedIn(email, password)
  })

  test('ends the sessions and the own keys of who is disabled, and lets them in by no way', async () => {
    const email = 'berta@example.cl'
    const password = await makeUser(api.db, email, 'client_reader', 'campo')
    const berta = await signedIn(email, password)
    const { body: me } = await berta.ask('GET /api/v1/me')
    const key = { name: 'planilla', role: 'client_reader', client: 'campo', scopes: ['read'] }
    const { body: made } = await berta.ask('POST /api/v1/me/keys', key)
    const withKey = () => api.ask('GET /api/v1/points', { token: made.token })
    assert.equal((await withKey()).status, 200)
    const patch = (body: object) => administer('PATCH /api/v1/users/{user}', body, `/api/v1/users/${me.id}`)
    assert.equal((await patch({ disabled: true })).body.state, 'disabled')
    assert.equal((await berta.ask('GET /api/v1/me')).status, 401)
    assert.equal((await withKey()).status, 401)
    assert.equal((await browser().ask('POST /api/v1/session', { email, password })).status, 401)
    await patch({ disabled: false })
    assert.equal((await withKey()).status, 200)
    await patch({ grants: [{ role: 'client_reader', client: 'otra' }] })
    assert.equal((await withKey()).status, 401, 'it does what its owner may')
  })

  test('makes own keys of one’s own roles alone, and ends no key of somebody else', async () => {
    const password = await makeUser(api.db, 'dora@example.cl', 'client_reader', 'campo')
    const dora = await signedIn('dora@example.cl', password)
    const key = (asked: object) =>
      dora.ask('POST /api/v1/me/keys', {
        name: 'x',
        role: 'client_reader',
        client: 'campo',
        scopes: ['read'],
        ...asked,
      })
    for (const asked of [
      { client: 'otra' },
      { role: 'administrator', client: null },
      { role: 'client_manager' },
    ]) {
      const { status, body } = await key(asked)
      assert.deepEqual([status, body.errors[0].name], [422, 'role'], JSON.stringify(asked))
    }
    assert.equal((await key({ scopes: ['subscribe'] })).status, 400)
    assert.equal((await key({ expiresAt: '2020-01-01T00:00:00Z' })).status, 422)
    assert.equal((await key({})).status, 201)
    assert.equal((await key({})).status, 409)
    assert.equal((await dora.ask('DELETE /api/v1/me/keys/{key}', undefined, '/api/v1/me/keys/1')).status, 404)
  })

  test('keeps an administrator, and says that it was the last', async () => {
    const password = await makeUser(api.db, 'jefa@example.cl', 'administrator')
    const chief = await signedIn('jefa@example.cl', password)
    const { body: me } = await chief.ask('GET /api/v1/me')
    const path = `/api/v1/users/${me.id}`
    const refused = [
      await chief.ask('PATCH /api/v1/users/{user}', { disabled: true }, path),
      await administer('PATCH /api/v1/users/{user}', { disabled: true }, path),
      await administer('PATCH /api/v1/users/{user}', { grants: [] }, path),
      await administer(
        'PATCH /api/v1/users/{user}',
        { grants: [{ role: 'administrator', client: 'campo' }] },
        path,
      ),
      await administer(
        'PATCH /api/v1/users/{user}',
        { grants: [{ role: 'client_reader', client: 'no-hay' }] },
        path,
      ),
    ]
    assert.deepEqual(
      refused.map(({ status }) => status),
      [422, 422, 422, 422, 422],
    )
    await makeUser(api.db, 'otra-jefa@example.cl', 'administrator')
    const { status } = await administer(
      'PATCH /api/v1/users/{user}',
      { grants: [{ role: 'operator', client: null }] },
      path,
    )
    assert.equal(status, 200)
  })

  test('is in the audit, with who did it, and without what is secret', async () => {
    const { body } = await invite('alba@example.cl')
    await administer(
      'PATCH /api/v1/users/{user}',
      { grants: [{ role: 'client_manager', client: 'otra' }] },
      `/api/v1/users/${body.user.id}`,
    )
    const { body: audit } = await api.ask('GET /api/v1/audit', {
      path: '/api/v1/audit?subject=alba%40example.cl',
    })
    const told = audit.items.map((one: { entity: string; action: string; by: { name: string } }) =>
      [one.entity, one.action, one.by.name].join(' '),
    )
    for (const change of [
      'user created administrator',
      'grant created administrator',
      'grant deleted administrator',
      'link created administrator',
    ])
      assert.ok(told.includes(change), `${change} in ${told.join(', ')}`)
    await until('nothing secret is told', () => !JSON.stringify(audit).includes(secretOf(body.link.url)))
  })

  test('counts what a key asks in a minute, says so, and says when to come again', async () => {
    const { body } = await administer('POST /api/v1/api-keys', {
      ...{ name: 'apurada', role: 'client_reader', client: 'campo', scopes: ['read'], requestsPerMinute: 2 },
    })
    const ask = () => api.ask('GET /api/v1/points', { token: body.token })
    const [first, second, third] = [await ask(), await ask(), await ask()]
    assert.deepEqual([first.status, second.status, third.status], [200, 200, 429])
    assert.equal(first.headers.get('ratelimit-policy'), '"key";q=2;w=60')
    assert.match(first.headers.get('ratelimit') ?? '', /^"key";r=1;t=\d+$/)
    assert.match(third.headers.get('ratelimit') ?? '', /^"key";r=0;t=\d+$/)
    assert.ok(Number(third.headers.get('retry-after')) > 0)
    assert.equal((await api.ask('GET /api/v1/points')).status, 200, 'others have their own')
    await api.clock.advance(60_000)
    assert.equal((await ask()).status, 200)
  })
})
