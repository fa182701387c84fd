// An OpenID Connect issuer on loopback: discovery, authorization code with PKCE, tokens signed with RS256. It says of whoever
// comes what a test wants said.

import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Who comes, as the issuer says. */
export interface Claimed {
  sub: string
  email?: string
  email_verified?: boolean
}

/** An issuer that listens. */
export interface OidcIssuer {
  url: string
  /** Who the next ones that come are. */
  says: Claimed
  /** What the next tokens have instead of what they must. */
  lies: { nonce?: string; aud?: string; iss?: string; isSignedByAnother?: boolean }
  close(): Promise<void>
}

const CLIENT = { id: 'smarthydro', secret: 'un-secreto-de-cliente' }

/** Who we are to the issuer. */
export const OIDC_CLIENT = CLIENT

/** Opens an issuer on a free port of loopback. */
export async function openOidcIssuer(): Promise<OidcIssuer> {
  const [own, another] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }))
  if (own === undefined || another === undefined) throw new Error('No keys')
  const codes = new Map<string, { nonce: string; challenge: string; claimed: Claimed }>()
  const issuer: OidcIssuer = {
    ...{ url: '', says: { sub: '1' }, lies: {} },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const answers: Record<string, (url: URL, body: URLSearchParams) => object | URL | undefined> = {
    '/.well-known/openid-configuration': () => ({
      issuer: issuer.url,
      authorization_endpoint: `${issuer.url}/authorize`,
      token_endpoint: `${issuer.url}/token`,
      jwks_uri: `${issuer.url}/keys`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    }),
    '/keys': () => ({
      keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' }],
    }),
    '/authorize': ({ searchParams: asked }) => {
      const code = randomBytes(16).toString('hex')
      const [nonce, challenge] = [asked.get('nonce') ?? '', asked.get('code_challenge') ?? '']
      codes.set(code, { nonce, challenge, claimed: issuer.says })
      const back = new URL(asked.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', asked.get('state') ?? '')
      back.searchParams.set('session_state', 'of no interest')
      return back
    },
    '/token': (_, body) => {
      const begun = codes.get(body.get('code') ?? '')
      codes.delete(body.get('code') ?? '')
      const verifier = body.get('code_verifier') ?? ''
      const shown = createHash('sha256').update(verifier).digest('base64url')
      if (begun === undefined || shown !== begun.challenge) return undefined
      const { isSignedByAnother = false, ...lies } = issuer.lies
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer.url, aud: CLIENT.id, iat: now, exp: now + 300, nonce: begun.nonce }
      const key = isSignedByAnother ? another.privateKey : own.privateKey
      const idToken = signed({ ...claims, ...begun.claimed, ...lies }, key)
      return { access_token: 'of-no-use', token_type: 'Bearer', expires_in: 300, id_token: idToken }
    },
  }
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', issuer.url)
    const answer = answers[url.pathname]?.(url, new URLSearchParams(await textOf(request)))
    if (answer instanceof URL) response.writeHead(302, { location: answer.href }).end()
    else {
      response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? { error: 'invalid_grant' }))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return issuer
}

function signed(claims: object, key: KeyObject): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', kid: 'own', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key).toString('base64url')}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
