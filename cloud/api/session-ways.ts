// /session/…: the ways to sign in besides a password alone: a second factor, a passkey, an issuer's word.

import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { Problem } from '../problem.ts'
import type { Accounts } from './accounts.ts'
import { OIDC_CALLBACK, OIDC_COOKIE } from './accounts-oidc.ts'
import { addressOf } from './address.ts'
import { NoQuery, orNull } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { SessionUser } from './session.ts'

const OIDC_COOKIE_SECONDS = 600
const TEXT_MAX = 20_000

const GivenFactor = z
  .strictObject({
    code: z
      .string()
      .regex(/^\d{6}$/, 'must be six figures')
      .optional(),
    recoveryCode: z.string().trim().min(1).max(40).optional(),
  })
  .refine(({ code, recoveryCode }) => (code === undefined) !== (recoveryCode === undefined), {
    path: ['code'],
    message: 'must be there, or a recoveryCode in its place',
  })
  .openapi('SecondFactorGiven')

const Bytes = z
  .string()
  .regex(/^[\w-]*$/, 'must be base64url')
  .max(TEXT_MAX)

/** What a browser is asked: its options as WebAuthn writes them in JSON, and the name to answer them by. */
export const PasskeyAsked = z
  .strictObject({
    challenge: z.string(),
    options: z
      .record(z.string(), z.unknown())
      .openapi({ description: 'for `parseRequestOptionsFromJSON()` or `parseCreationOptionsFromJSON()`' }),
  })
  .openapi('PasskeyAsked')

/** What every credential has. What else a browser tells of it is not heeded. */
export const credentialFields = {
  id: Bytes.min(1),
  rawId: Bytes.min(1),
  type: z.literal('public-key'),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
}

const Assertion = z
  .strictObject({
    challenge: z.string().min(1).max(100),
    credential: z.object({
      ...credentialFields,
      response: z.object({
        clientDataJSON: Bytes,
        authenticatorData: Bytes,
        signature: Bytes,
        userHandle: Bytes.optional(),
      }),
    }),
  })
  .openapi('PasskeyAnswer')

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const open = { tags: ['session'], security: [] as Record<string, string[]>[] }
const signedIn = { description: 'signed in', content: json(SessionUser) }

const waysRoute = createRoute({
  ...{ ...open, method: 'get', path: '/ways', summary: 'How one can sign in here' },
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'the ways',
      content: json(
        z
          .strictObject({
            issuer: orNull(z.string()).openapi({ description: 'who else’s word is taken; null: nobody’s' }),
            mail: z
              .boolean()
              .openapi({ description: 'whether a forgotten password can be replaced by mail' }),
          })
          .openapi('SignInWays'),
      ),
    },
    ...problemResponses(400, 403),
  },
})

const factorRoute = createRoute({
  ...{
    ...open,
    method: 'post',
    path: '/second-factor',
    summary: 'End a sign-in that waits for a second factor',
  },
  description: 'A code of the authenticator, or one of the recovery codes, each of which is good once.',
  request: { query: NoQuery, body: { required: true, content: json(GivenFactor) } },
  responses: { 200: signedIn, ...problemResponses(400, 401, 403, 413, 415, 429) },
})

const askRoute = createRoute({
  ...{ ...open, method: 'post', path: '/passkey/options', summary: 'What to ask a passkey' },
  request: { query: NoQuery },
  responses: {
    200: { description: 'for the browser', content: json(PasskeyAsked) },
    ...problemResponses(400, 403),
  },
})

const passkeyRoute = createRoute({
  ...{ ...open, method: 'post', path: '/passkey', summary: 'Sign in with a passkey' },
  request: { query: NoQuery, body: { required: true, content: json(Assertion) } },
  responses: { 200: signedIn, ...problemResponses(400, 401, 403, 413, 415) },
})

const beginRoute = createRoute({
  ...{ ...open, method: 'get', path: '/oidc', summary: 'Sign in by an issuer’s word: on to the issuer' },
  request: {
    query: z.strictObject({
      // What browsers read as another site begins with two slashes, in either direction, or hides one behind a tab.
      next: z
        .string()
        .max(1000)
        .regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'must be a path of ours')
        .optional(),
    }),
  },
  responses: { 302: { description: 'on to the issuer' }, ...problemResponses(400, 403, 404) },
})

/** `/session/…`. */
export function sessionWays(
  { accounts, links }: { accounts: Accounts; links: { hasMail: boolean } },
  { trustedProxies, publicUrl }: { trustedProxies: readonly string[]; publicUrl: string },
) {
  const isSecure = publicUrl.startsWith('https:')
  /** With the address that we ourselves have judged, for the session that is made. */
  const judged = (context: Context): Headers => {
    const headers = new Headers(context.req.raw.headers)
    headers.set('x-forwarded-for', addressOf(context, trustedProxies))
    return headers
  }
  const router = openRouter()
    .openapi(waysRoute, context =>
      context.json({ issuer: accounts.issuerName ?? null, mail: links.hasMail }, 200),
    )
    .openapi(factorRoute, async context => {
      const { code, recoveryCode = '' } = context.req.valid('json')
      const result = await accounts.giveSecondFactor(
        judged(context),
        code === undefined ? { recoveryCode } : { code },
      )
      switch (result.kind) {
        case 'refused':
          throw new Problem(401, 'Wrong code', {
            errors: [{ in: 'body', name: 'code', detail: 'is not right' }],
          })
        case 'expired':
          throw new Problem(401, 'Sign in again', {
            detail: 'The sign-in is over, or the code was used before',
          })
        case 'locked':
          throw new Problem(429, 'Too many wrong codes', { retryAfterS: result.retryAfterMs / 1000 })
        case 'signed_in':
          setCookies(context, result.cookies)
          return context.json(result.user, 200)
      }
    })
    .openapi(askRoute, async context => {
      const { challenge, options } = await accounts.askForPasskey()
      return context.json({ challenge, options: { ...options } }, 200)
    })
    .openapi(passkeyRoute, async context => {
      const { challenge, credential } = context.req.valid('json')
      const { userHandle, ...response } = credential.response
      const asked = {
        challenge,
        credential: {
          ...credential,
          response: { ...response, ...(userHandle === undefined ? {} : { userHandle }) },
        },
      }
      const result = await accounts.signInWithPasskey(asked, judged(context))
      if (result.kind === 'refused') throw new Problem(401, 'The passkey is not known here')
      setCookies(context, result.cookies)
      return context.json(result.user, 200)
    })
    .openapi(beginRoute, async context => {
      if (accounts.issuerName === undefined) throw new Problem(404, 'There is no issuer')
      const { url, state } = await accounts.beginOidc(context.req.valid('query').next ?? '/')
      setCookie(context, OIDC_COOKIE, state, {
        ...{ httpOnly: true, secure: isSecure, sameSite: 'Lax', path: OIDC_CALLBACK },
        maxAge: OIDC_COOKIE_SECONDS,
      })
      return context.redirect(url, 302)
    })
  // Between the issuer and us: what an issuer adds to the address is its own business.
  router.get('/oidc/callback', async context => {
    const kept = getCookie(context, OIDC_COOKIE)
    const result = await accounts.endOidc(new URL(context.req.url), kept, judged(context))
    setCookie(context, OIDC_COOKIE, '', {
      path: OIDC_CALLBACK,
      maxAge: 0,
      httpOnly: true,
      secure: isSecure,
    })
    if (result.kind === 'refused') return context.redirect('/sign-in?refused=issuer', 302)
    setCookies(context, result.cookies)
    return context.redirect(result.next, 302)
  })
  return router
}

/** Sets cookies as better-auth has written them. */
export function setCookies(context: Context, cookies: readonly string[]): void {
  for (const cookie of cookies) context.header('set-cookie', cookie, { append: true })
}
