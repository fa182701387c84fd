// Who somebody is: signing in with a password, tokens of programs, and what ends both.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createToken, createUser, resetPassword } from '../../../cloud/api/users.ts'
import { revokeToken } from '../../../cloud/store/accounts.ts'
import { Rejected } from '../../../protocol/runtime/errors.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const EMAIL = 'ana@example.cl'
const FRESH = 'ines@example.cl'

describe('signing in', () => {
  let api: ApiScene
  let password: string
  let fresh: string
  before(async () => {
    api = await openApiScene()
    password = await makeUser(api.db, EMAIL, 'client_reader', 'campo')
    fresh = await makeUser(api.db, FRESH, 'client_manager', 'campo')
  })
  after(() => api.close())

  /** Everything that was a secret in this run. */
  const secrets = new Set<string>()
  const signIn = async (email: string, typed: string, headers: Record<string, string> = {}) => {
    secrets.add(typed)
    const answer = await api.ask('POST /api/v1/session', {
      token: '',
      init: {
        body: JSON.stringify({ email, password: typed }),
        headers: { 'content-type': 'application/json', ...headers },
      },
    })
    for (const cookie of answer.headers.getSetCookie())
      secrets.add(/=([^.;]{16,})/.exec(cookie)?.[1] ?? typed)
    return answer
  }
  const pairOf = (headers: Headers) => headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const me = (cookie: string) => api.ask('GET /api/v1/me', { token: '', init: { headers: { cookie } } })

  test('sets a cookie that scripts cannot read, and that ends with the session', async () => {
    const { status, headers } = await signIn(EMAIL.toUpperCase(), password)
    assert.equal(status, 200)
    const [cookie = ''] = headers.getSetCookie()
    assert.match(cookie, /HttpOnly/i)
    assert.match(cookie, /SameSite=(Lax|Strict)/i)
    const pair = cookie.split(';')[0] ?? ''
    const { body } = await me(pair)
    assert.deepEqual(
      [body.email, body.clients, body.grants],
      [EMAIL, ['campo'], [{ role: 'client_reader', client: 'campo' }]],
    )
    await api.ask('DELETE /api/v1/session', { token: '', init: { headers: { cookie: pair } } })
    assert.equal((await me(pair)).status, 401)
  })

  test('tells nobody from somebody with an answer, not with a refusal', async () => {
    const { headers } = await signIn(EMAIL, password)
    const asked = (init: RequestInit) => api.ask('GET /api/v1/session', { token: '', init })
    const { status, body } = await asked({ headers: { cookie: pairOf(headers) } })
    assert.deepEqual([status, body.me.email], [200, EMAIL])
    for (const init of [{}, { headers: { cookie: 'smarthydro.session_token=made-up' } }]) {
      const nobody = await asked(init)
      assert.deepEqual([nobody.status, nobody.body], [200, { me: null }])
    }
  })

  test('lists the sessions of a user, and ends one of them, but none of somebody else', async () => {
    const cookies: string[] = []
    for (const browser of ['desk', 'phone']) {
      const { headers } = await signIn(EMAIL, password, { 'user-agent': browser })
      cookies.push(pairOf(headers))
    }
    const [desk = '', phone = ''] = cookies
    const stranger = pairOf((await signIn(FRESH, fresh)).headers)
    const list = async (cookie: string) =>
      (await api.ask('GET /api/v1/me/sessions', { token: '', init: { headers: { cookie } } })).body.items
    const mine = (await list(desk)) as { id: string; isThis: boolean; browser: string }[]
    assert.deepEqual(
      mine.filter(({ isThis }) => isThis).map(({ browser }) => browser),
      ['desk'],
    )
    const other = mine.find(({ browser }) => browser === 'phone')?.id ?? ''
    const end = (cookie: string) =>
      api.ask('DELETE /api/v1/me/sessions/{session}', {
        ...{ path: `/api/v1/me/sessions/${other}`, token: '', init: { headers: { cookie } } },
      })

    assert.equal((await end(stranger)).status, 404)
    assert.equal((await me(phone)).status, 200)
    assert.equal((await end(desk)).status, 204)
    assert.equal((await me(phone)).status, 401)
    assert.equal((await end(desk)).status, 404)
  })

  test('changes a password for who knows it, and ends all other sessions', async () => {
    const email = 'marta@example.cl'
    const before = await makeUser(api.db, email, 'client_reader', 'campo')
    const elsewhere = pairOf((await signIn(email, before)).headers)
    const here = pairOf((await signIn(email, before)).headers)
    const change = (current: string, changed: string) => {
      secrets.add(current).add(changed)
      return api.ask('PUT /api/v1/me/password', {
        ...{ token: '' },
        init: {
          headers: { cookie: here, 'content-type': 'application/json' },
          body: JSON.stringify({ current, password: changed }),
        },
      })
    }
    const wrong = await change('no-es-la-clave', 'una-clave-bien-larga')
    assert.deepEqual([wrong.status, wrong.body.errors[0].name], [422, 'current'])
    assert.equal((await change(before, 'corta')).status, 400)
    assert.equal((await me(elsewhere)).status, 200)

    const { status, headers } = await change(before, 'una-clave-bien-larga')
    assert.equal(status, 204)
    assert.equal((await me(elsewhere)).status, 401)
    assert.equal((await me(pairOf(headers))).status, 200)
    assert.equal((await signIn(email, before)).status, 401)
    assert.equal((await signIn(email, 'una-clave-bien-larga')).status, 200)
  })

  test('lets nobody guess a password by changing it', async () => {
    const email = 'olga@example.cl'
    const right = await makeUser(api.db, email, 'client_reader', 'campo')
    const cookie = pairOf((await signIn(email, right)).headers)
    const guess = (current: string) =>
      api.ask('PUT /api/v1/me/password', {
        token: '',
        init: {
          headers: { cookie, 'content-type': 'application/json' },
          body: JSON.stringify({ current, password: 'una-clave-bien-larga' }),
        },
      })
    for (let index = 0; index < 5; index += 1) assert.equal((await guess(`guess ${index}`)).status, 422)
    const locked = await guess(right)
    assert.equal(locked.status, 429)
    assert.ok(Number(locked.headers.get('retry-after')) > 0)
  })

  test('sets a cookie that travels by TLS alone where there is TLS, under the name that the document tells', async run => {
    const overTls = await openApiScene({ publicUrl: 'https://agua.example.cl' })
    run.after(() => overTls.close())
    const drawn = await makeUser(overTls.db, EMAIL, 'client_reader', 'campo')
    const { headers } = await overTls.ask('POST /api/v1/session', {
      token: '',
      init: {
        body: JSON.stringify({ email: EMAIL, password: drawn }),
        headers: { 'content-type': 'application/json', origin: 'https://agua.example.cl' },
      },
    })
    const [cookie = ''] = headers.getSetCookie()
    const named = [overTls, api].map(({ document }) => document.components.securitySchemes.session?.name)
    assert.match(cookie, /; Secure/i)
    assert.equal(cookie.split('=')[0], named[0])
    assert.match(headers.get('strict-transport-security') ?? '', /max-age/)
    assert.equal(pairOf((await signIn(EMAIL, password)).headers).split('=')[0], named[1])
  })

  test('ends with the session, whatever the cookie says', async () => {
    const pair = pairOf((await signIn(EMAIL, password)).headers)
    assert.equal((await me(pair)).status, 200)
    await api.db.query(`update auth.sessions set expires_at = now() - interval '1 second'`)
    assert.equal((await me(pair)).status, 401)
    assert.equal((await me(pair.replace(/.$/, last => (last === 'A' ? 'B' : 'A')))).status, 401)
    assert.equal((await me('smarthydro.session_token=%E0%A4%A')).status, 401)
  })

  test('does not tell a wrong password from an unknown user', async () => {
    const [wrong, unknown] = [
      await signIn(EMAIL, 'not-her-password'),
      await signIn('eva@example.cl', 'not-her-password'),
    ]
    const { requestId: _, ...one } = wrong.body
    const { requestId: __, ...other } = unknown.body
    assert.deepEqual([wrong.status, one], [401, other])
  })

  test('is refused to another page', async () => {
    assert.equal((await signIn(EMAIL, password, { origin: 'http://elsewhere.example' })).status, 403)
  })

  test('locks a user after five wrong passwords, for a while, and nobody else', async () => {
    const email = 'luis@example.cl'
    const right = await makeUser(api.db, email, 'operator')
    for (let count = 0; count < 5; count += 1)
      assert.equal((await signIn(email, 'wrong-password')).status, 401)
    const locked = await signIn(email, right)
    assert.equal(locked.status, 429)
    assert.ok(Number(locked.headers.get('retry-after')) > 0)
    assert.equal((await signIn(EMAIL, password)).status, 200)
    await api.clock.advance(16 * 60_000)
    assert.equal((await signIn(email, right)).status, 200)
  })

  test('lets no more than five be tried at once', async () => {
    const email = 'rosa@example.cl'
    await makeUser(api.db, email, 'operator')
    const answers = await Promise.all(Array.from({ length: 30 }, () => signIn(email, 'wrong-password')))
    const tried = answers.filter(({ status }) => status === 401)
    const locked = answers.filter(({ status }) => status === 429)
    assert.deepEqual([tried.length, locked.length], [5, 25])
  })

  test('ends every session when the password is replaced', async () => {
    const { headers } = await signIn(EMAIL, password)
    const pair = headers.getSetCookie()[0]?.split(';')[0] ?? ''
    await resetPassword(api.db, { email: EMAIL })
    assert.equal((await me(pair)).status, 401)
    assert.equal((await signIn(EMAIL, password)).status, 401)
  })

  test('is open to a token until its end, and to no other', async () => {
    const expiresAt = api.clock.now() + 60_000
    const token = await createToken(api.db, {
      ...{ name: 'for a minute', role: 'operator', scopes: ['read'], createdBy: 'test', expiresAt },
    })
    assert.deepEqual((await api.ask('GET /api/v1/me', { token })).body.scopes, ['read'])
    assert.equal((await api.ask('GET /api/v1/me', { token: `${token}x` })).status, 401)
    await api.clock.advance(60_000)
    assert.equal((await api.ask('GET /api/v1/me', { token })).status, 401)
  })

  test('is open to a token until it is revoked', async () => {
    const made = {
      name: 'to be revoked',
      role: 'operator' as const,
      scopes: ['read' as const],
      createdBy: 'test',
    }
    const token = await createToken(api.db, made)
    assert.equal((await api.ask('GET /api/v1/me', { token })).status, 200)
    assert.equal(await revokeToken(api.db, 'to be revoked'), true)
    assert.equal((await api.ask('GET /api/v1/me', { token })).status, 401)
    assert.equal(await revokeToken(api.db, 'to be revoked'), false)
    const another = await createToken(api.db, made)
    assert.equal((await api.ask('GET /api/v1/me', { token: another })).status, 200)
    assert.equal((await api.ask('GET /api/v1/me', { token })).status, 401)
  })

  test('takes a token as a bearer alone, and then no cookie besides', async () => {
    const token = api.tokens.operator ?? ''
    const as = (headers: Record<string, string>) =>
      api.ask('GET /api/v1/me', { token: '', init: { headers } })
    assert.equal((await as({ authorization: `bearer ${token}` })).status, 200)
    for (const authorization of [
      token,
      'Bearer',
      `Basic ${token}`,
      `Bearer ${token} x`,
      `Bearer ${'a'.repeat(300)}`,
    ]) {
      assert.equal((await as({ authorization })).status, 401, authorization)
    }
    const cookie = pairOf((await signIn(FRESH, fresh)).headers)
    assert.equal((await me(cookie)).status, 200)
    assert.equal((await as({ cookie, authorization: 'Bearer shk_wrong' })).status, 401)
    const { status } = await api.ask('GET /api/v1/me', { path: `/api/v1/me?token=${token}`, token: '' })
    assert.equal(status, 401)
  })

  test('makes no user twice, none with a weak password, and none of a client that is not there', async () => {
    const ana = { email: EMAIL, name: 'Ana', role: 'operator' as const }
    await assert.rejects(createUser(api.db, ana), Rejected)
    await assert.rejects(
      createUser(api.db, { ...ana, email: 'b@example.cl', password: 'short' }),
      /characters/,
    )
    const reader = { email: 'c@example.cl', name: 'C', role: 'client_reader' as const }
    await assert.rejects(createUser(api.db, reader), /needs a client/)
    await assert.rejects(createUser(api.db, { ...reader, client: 'nadie' }), /no client nadie/)
  })

  test('writes no password, cookie or token into its log', () => {
    const text = api.lines.join('\n')
    assert.ok(text.includes('sign-in refused') && secrets.size > 8)
    for (const secret of [...secrets, ...Object.values(api.tokens)]) assert.ok(!text.includes(secret), secret)
  })
})

describe('signing in from one address', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene({ trustedProxies: ['127.0.0.1'] })
  })
  after(() => api.close())

  test('is over for a while after fifty failures, of whomever; what succeeds does not count', async () => {
    const drawn = await makeUser(api.db, EMAIL, 'operator')
    const from = async (address: string, email: string, password: string) => {
      const { status } = await api.ask('POST /api/v1/session', {
        token: '',
        init: {
          body: JSON.stringify({ email, password }),
          headers: { 'content-type': 'application/json', 'x-forwarded-for': `1.1.1.1, ${address}` },
        },
      })
      return status
    }
    const names = Array.from({ length: 49 }, (_, index) => `nobody-${index}@example.cl`)
    const failed = await Promise.all(names.map(email => from('203.0.113.9', email, 'wrong-password')))
    assert.deepEqual(new Set(failed), new Set([401]))
    assert.equal(await from('203.0.113.9', EMAIL, drawn), 200)
    assert.equal(await from('203.0.113.9', EMAIL, drawn), 200)
    assert.equal(await from('203.0.113.9', 'eva@example.cl', 'wrong-password'), 401)
    assert.equal(await from('203.0.113.9', EMAIL, drawn), 429)
    assert.equal(await from('203.0.113.10', EMAIL, drawn), 200)
    await api.clock.advance(15 * 60_000)
    assert.equal(await from('203.0.113.9', EMAIL, drawn), 200)
    assert.ok(api.lines.some(line => line.includes('"address":"203.0.113.9"')))
  })
})
