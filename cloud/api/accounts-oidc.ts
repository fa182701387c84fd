// Signing in by an issuer's word: OpenID Connect, authorization code with PKCE, any issuer that the settings name.
//
// Promises:
//   O1. An answer belongs to a sign-in that began here, in this browser, minutes ago, and is taken once.
//   O2. An issuer's subject is who it was at the first time, whatever address it says later.
//   O3. The first time, an address counts only when the issuer says that it has verified it. Nobody registers by it.

import { createHash, randomUUID } from 'node:crypto'
import * as client from 'openid-client'
import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { insertChallenge, takeChallenge } from '../store/access-links.ts'
import type { Database } from '../store/database.ts'
import { insertVouched, selectVouched } from '../store/passkeys.ts'
import type { SessionUser } from './accounts.ts'
import { type Auth, openSession } from './accounts-auth.ts'

/** An issuer whose word is taken. */
export interface OidcSettings {
  issuer: string
  clientId: string
  clientSecret: string
  /** What people read on the button. */
  name: string
}

const SIGN_IN_MS = 10 * 60_000
const TIMEOUT_SECONDS = 10
const TEXT_LENGTH_MAX = 254

/** The path to which an issuer sends people back. */
export const OIDC_CALLBACK = '/api/v1/session/oidc/callback'

/** What came of an issuer's answer. */
export type OidcOutcome =
  | { kind: 'signed_in'; user: SessionUser; cookies: string[]; next: string }
  | { kind: 'refused' }

/** Signing in by an issuer's word. */
export interface OidcSignIn {
  /** What the issuer is called; `undefined` when there is none. */
  issuerName: string | undefined
  /** Where to send somebody, and what their browser keeps meanwhile. Throws Unavailable. */
  beginOidc(next: string): Promise<{ url: string; state: string }>
  /** What came of it. `kept`: what the browser kept. */
  endOidc(url: URL, kept: string | undefined, headers: Headers): Promise<OidcOutcome>
}

const Begun = z.strictObject({ verifier: z.string(), nonce: z.string(), next: z.string() })

const Claims = z.object({
  sub: z.string().min(1).max(255),
  email: z.string().max(TEXT_LENGTH_MAX).optional(),
  email_verified: z.boolean().optional(),
})

interface OidcDeps {
  db: Database
  clock: Clock
  log: Log
}

/** Signing in by the issuer of the settings, when they name one. */
export function oidcSignIn(
  { db, clock, log }: OidcDeps,
  auth: Auth,
  { publicUrl, oidc }: { publicUrl: string; oidc: OidcSettings | undefined },
): OidcSignIn {
  const discover = oidc === undefined ? undefined : keptOnceHad(() => discovered(oidc))
  return {
    issuerName: oidc?.name,
    async beginOidc(next) {
      if (discover === undefined) throw new Error('There is no issuer')
      const issuer = await discover()
      const [state, nonce] = [client.randomState(), client.randomNonce()]
      const verifier = client.randomPKCECodeVerifier()
      const url = client.buildAuthorizationUrl(issuer, {
        ...{ redirect_uri: new URL(OIDC_CALLBACK, publicUrl).href, scope: 'openid email', state, nonce },
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      const now = clock.now()
      const value = { verifier, nonce, next }
      await insertChallenge(db, {
        hash: hashOf(state),
        kind: 'oidc',
        value,
        now,
        expiresAt: now + SIGN_IN_MS,
      })
      return { url: url.href, state }
    },
    async endOidc(url, kept, headers) {
      const state = url.searchParams.get('state')
      if (discover === undefined || kept === undefined || state !== kept) return { kind: 'refused' }
      const begun = await takeChallenge(db, { hash: hashOf(kept), kind: 'oidc', now: clock.now() })
      if (begun === undefined) return { kind: 'refused' }
      const { verifier, nonce, next } = Begun.parse(begun)
      const issuer = await discover()
      let claims: z.infer<typeof Claims>
      try {
        const callback = new URL(OIDC_CALLBACK + url.search, publicUrl)
        const tokens = await client.authorizationCodeGrant(issuer, callback, {
          ...{ pkceCodeVerifier: verifier, expectedState: kept, expectedNonce: nonce, idTokenExpected: true },
        })
        claims = Claims.parse(tokens.claims())
      } catch (error) {
        log.warn('sign-in by issuer refused', { reason: reasonOf(error) })
        return { kind: 'refused' }
      }
      const userId = await whoIs(db, issuer.serverMetadata().issuer, claims)
      if (userId === undefined) {
        log.warn('sign-in by issuer refused', { reason: 'nobody of this verified address' })
        return { kind: 'refused' }
      }
      const opened = await openSession(auth, userId, headers)
      return opened === undefined ? { kind: 'refused' } : { ...opened, next }
    },
  }
}

async function whoIs(
  db: Database,
  issuer: string,
  { sub, email, email_verified: isVerified }: z.infer<typeof Claims>,
): Promise<string | undefined> {
  const provider = `oidc ${issuer}`
  const known = await selectVouched(db, { provider, subject: sub })
  if (known !== undefined || email === undefined || isVerified !== true) return known
  return insertVouched(db, { id: randomUUID(), provider, subject: sub, email: email.trim().toLowerCase() })
}

/** Asks once; a failure is asked again the next time. */
function keptOnceHad<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let had: Promise<Value> | undefined
  return () => {
    had ??= ask().catch((error: unknown) => {
      had = undefined
      throw error
    })
    return had
  }
}

async function discovered({ issuer, clientId, clientSecret }: OidcSettings): Promise<client.Configuration> {
  // Without TLS nothing that an issuer says can be believed, but on this machine.
  const isPlain = issuer.startsWith('http:')
  try {
    const found = await client.discovery(new URL(issuer), clientId, clientSecret, undefined, {
      timeout: TIMEOUT_SECONDS,
      execute: isPlain ? [client.allowInsecureRequests] : [],
    })
    client.enableNonRepudiationChecks(found)
    return found
  } catch (error) {
    throw new Unavailable(`The issuer ${issuer} did not answer: ${reasonOf(error)}`, { cause: error })
  }
}

const hashOf = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest())

/** Ties a begun sign-in to a browser. */
export const OIDC_COOKIE = 'smarthydro.oidc'
