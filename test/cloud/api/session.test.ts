// Who somebody is: signing in with a password, tokens of programs, and what ends both.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createToken, createUser, resetPassword } from '../../../cloud/api/users.ts'
import { Rejected } from '../../../protocol/runtime/errors.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const EMAIL = 'ana@example.cl'

describe('signing in', () => {
  let api: ApiScene
  let password: string
  before(async () => {
    api = await openApiScene()
    password = await makeUser(api.db, EMAIL, 'client_reader', 'campo')
  })
  after(() => api.close())

  const signIn = (email: string, typed: string, headers: Record<string, string> = {}) =>
    api.ask('POST /api/v1/session', {
      token: '',
      init: {
        body: JSON.stringify({ email, password: typed }),
        headers: { 'content-type': 'application/json', ...headers },
      },
    })
  const me = (cookie: string) => api.ask('GET /api/v1/me', { token: '', init: { headers: { cookie } } })

  test('sets a cookie that scripts cannot read, and that ends with the session', async () => {
    const { status, headers } = await signIn(` ${EMAIL.toUpperCase()}`.trim(), password)
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

  test('writes no password into its log', () => {
    assert.ok(!api.lines.join('\n').includes(password))
  })
})
