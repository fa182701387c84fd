// Signing in by an issuer's word: a real issuer on loopback, a browser that follows it, and everybody who should not get in.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { OIDC_CLIENT, type OidcIssuer, openOidcIssuer } from '../../doubles/oidc-issuer.ts'
import { freePort } from '../../doubles/ports.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const EMAIL = 'ana@example.cl'

describe('signing in by an issuer’s word', () => {
  let api: ApiScene
  let issuer: OidcIssuer
  before(async () => {
    issuer = await openOidcIssuer()
    const port = await freePort()
    const { id: clientId, secret: clientSecret } = OIDC_CLIENT
    api = await openApiScene({
      ...{ port, publicUrl: `http://127.0.0.1:${port}` },
      oidc: { issuer: issuer.url, clientId, clientSecret, name: 'La Cooperativa' },
    })
    await makeUser(api.db, EMAIL, 'client_reader', 'campo')
  })
  after(async () => {
    await api.close()
    await issuer.close()
  })
  beforeEach(() => {
    issuer.says = { sub: 'ana-1', email: EMAIL, email_verified: true }
    issuer.lies = {}
  })

  const get = (url: string, cookie = '') =>
    fetch(url, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } })
  const cookieOf = (answer: Response) =>
    answer.headers
      .getSetCookie()
      .map(one => one.split(';')[0] ?? '')
      .filter(one => !one.endsWith('='))
      .join('; ')
  /** To the issuer and back, up to the address that it sends the browser to. */
  const toIssuer = async (next = '/gateways') => {
    const begun = await get(`${api.url}/api/v1/session/oidc?next=${encodeURIComponent(next)}`)
    assert.equal(begun.status, 302)
    const back = await get(begun.headers.get('location') ?? '')
    return { callback: back.headers.get('location') ?? '', cookie: cookieOf(begun) }
  }
  const comeBack = async () => {
    const { callback, cookie } = await toIssuer()
    return get(callback, cookie)
  }
  const meOf = async (answer: Response) => {
    const headers = { cookie: cookieOf(answer) }
    return (await api.ask('GET /api/v1/session', { token: '', init: { headers } })).body.me
  }
  const isRefused = (answer: Response) => {
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, '/sign-in?refused=issuer'])
    assert.equal(cookieOf(answer), '')
  }

  test('is offered by the issuer’s name', async () => {
    const { body } = await api.ask('GET /api/v1/session/ways', { token: '' })
    assert.deepEqual(body, { issuer: 'La Cooperativa', mail: false })
  })

  test('lets in a user of an address that the issuer has verified, to where they wanted to go', async () => {
    const answer = await comeBack()
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, '/gateways'])
    assert.equal((await meOf(answer)).email, EMAIL)
  })

  test('knows them again by the issuer’s own name, whatever address it says, and nobody else by their address', async () => {
    issuer.says = { sub: 'ana-1', email: 'otra@example.cl', email_verified: true }
    assert.equal((await meOf(await comeBack())).email, EMAIL)
    issuer.says = { sub: 'ana-2', email: EMAIL, email_verified: true }
    isRefused(await comeBack())
  })

  test('registers nobody, and believes no address that was not verified', async () => {
    await makeUser(api.db, 'ines@example.cl', 'client_reader', 'campo')
    for (const says of [
      { sub: 'x-1', email: 'nadie@example.cl', email_verified: true },
      { sub: 'x-2', email: 'ines@example.cl', email_verified: false },
      { sub: 'x-3', email: 'ines@example.cl' },
      { sub: 'x-4' },
    ]) {
      issuer.says = says
      isRefused(await comeBack())
    }
  })

  test('takes no token of another signature, issuer, audience or sign-in', async () => {
    for (const lies of [
      { isSignedByAnother: true },
      { iss: 'http://127.0.0.1:1' },
      { aud: 'somebody-else' },
      { nonce: 'of-another-sign-in' },
    ]) {
      issuer.lies = lies
      isRefused(await comeBack())
    }
  })

  test('takes an answer once, in the browser that asked, and within minutes', async () => {
    const { callback, cookie } = await toIssuer()
    isRefused(await get(callback))
    const other = await toIssuer()
    isRefused(await get(callback, other.cookie))
    assert.equal((await get(callback, cookie)).headers.get('location'), '/gateways')
    isRefused(await get(callback, cookie))
    await api.clock.advance(11 * 60_000)
    isRefused(await get(other.callback, other.cookie))
    isRefused(await get(`${api.url}/api/v1/session/oidc/callback?error=access_denied&state=x`, cookie))
  })

  test('leads nowhere else', async () => {
    for (const next of [
      'https://malo.example',
      '//malo.example',
      '/\\malo.example',
      '/\t/malo.example',
      'gateways',
    ]) {
      const answer = await get(`${api.url}/api/v1/session/oidc?next=${encodeURIComponent(next)}`)
      assert.equal(answer.status, 400, next)
    }
  })

  test('lets nobody in who is disabled', async () => {
    const { body } = await api.ask('GET /api/v1/users')
    const { id } = body.items.find((user: { email: string }) => user.email === EMAIL)
    await api.ask('PATCH /api/v1/users/{user}', {
      path: `/api/v1/users/${id}`,
      init: { headers: { 'content-type': 'application/json' }, body: '{"disabled":true}' },
    })
    isRefused(await comeBack())
  })
})
