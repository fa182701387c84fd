// /session and /me: signing in, signing out, who one is.

import { createRoute, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import { ROLES, SCOPES } from '../store/accounts.ts'
import { requireAllowed } from '../verdict.ts'
import { type Access, clientsOf, type Principal } from './access.ts'
import type { Accounts } from './accounts.ts'
import { addressOf } from './address.ts'
import { NoQuery, orNull, SlugText } from './fields.ts'
import { PASSWORD_LENGTH_MAX } from './password.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Credentials = z
  .strictObject({
    email: z.email().max(254),
    password: z.string().min(1).max(PASSWORD_LENGTH_MAX).openapi({ format: 'password' }),
  })
  .openapi('Credentials')

/** Who has signed in. */
export const SessionUser = z
  .strictObject({ id: z.string(), email: z.string(), name: z.string() })
  .openapi('SessionUser')

const SecondFactorWanted = z.strictObject({ wants: z.literal('second_factor') }).openapi('SecondFactorWanted')

const Me = z
  .strictObject({
    kind: z.enum(['user', 'token']),
    id: z.string(),
    name: z.string(),
    email: z.string().optional(),
    grants: z.array(
      z.strictObject({
        role: z.enum(ROLES),
        client: SlugText.nullable().openapi({ description: 'null: for all clients' }),
      }),
    ),
    scopes: z.array(z.enum(SCOPES)),
    clients: z.union([z.literal('all'), z.array(SlugText)]),
  })
  .openapi('Me')

const signInRoute = createRoute({
  method: 'post',
  path: '/session',
  tags: ['session'],
  summary: 'Sign in',
  description:
    'Sets a cookie that scripts cannot read. Programs use a token instead: `Authorization: Bearer …`.',
  security: [],
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: Credentials } } },
  },
  responses: {
    200: { description: 'signed in', content: { 'application/json': { schema: SessionUser } } },
    202: {
      description: 'the password is right; `/session/second-factor` wants a code within ten minutes',
      content: { 'application/json': { schema: SecondFactorWanted } },
    },
    ...problemResponses(400, 401, 403, 413, 415, 429),
  },
})

const signOutRoute = createRoute({
  method: 'delete',
  path: '/session',
  tags: ['session'],
  summary: 'Sign out',
  security: [],
  request: { query: NoQuery },
  responses: { 204: { description: 'signed out, or was not signed in' }, ...problemResponses(400, 403) },
})

const meRoute = createRoute({
  method: 'get',
  path: '/me',
  tags: ['session'],
  summary: 'Who is asking, and what they may',
  request: { query: NoQuery },
  responses: {
    200: { description: 'you', content: { 'application/json': { schema: Me } } },
    ...problemResponses(400, 401, 403),
  },
})

const openRoute = createRoute({
  method: 'get',
  path: '/session',
  tags: ['session'],
  summary: 'Whether one is signed in',
  description: 'The same as `/me`, but nobody is an answer too: `me` is null.',
  security: [],
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'you, or nobody',
      content: { 'application/json': { schema: z.strictObject({ me: orNull(Me) }) } },
    },
    ...problemResponses(400, 403),
  },
})

/** `/session` and `/me`. */
export function session(
  { accounts, access }: { accounts: Accounts; access: Access },
  { trustedProxies }: { trustedProxies: readonly string[] },
) {
  return openRouter()
    .openapi(openRoute, async context => {
      const verdict = await access.authorizeReader(context.req.raw)
      if (verdict.kind === 'unknown') return context.json({ me: null }, 200)
      return context.json({ me: toMe(requireAllowed(verdict).principal) }, 200)
    })
    .openapi(signInRoute, async context => {
      const credentials = context.req.valid('json')
      const result = await accounts.signIn(credentials, {
        address: addressOf(context, trustedProxies),
        browser: context.req.header('user-agent'),
      })
      if (result.kind === 'refused') throw new Problem(401, 'Wrong mail address or password')
      if (result.kind === 'locked') {
        const retryAfterS = result.retryAfterMs / 1000
        throw new Problem(429, 'Too many failed sign-ins', { retryAfterS })
      }
      for (const cookie of result.cookies) context.header('set-cookie', cookie, { append: true })
      if (result.kind === 'second_factor') return context.json({ wants: 'second_factor' as const }, 202)
      return context.json(result.user, 200)
    })
    .openapi(signOutRoute, async context => {
      const cookies = await accounts.signOut(context.req.raw.headers)
      for (const cookie of cookies) context.header('set-cookie', cookie, { append: true })
      return context.body(null, 204)
    })
    .openapi(meRoute, context => context.json(toMe(context.get('principal')), 200))
}

function toMe(principal: Principal): z.infer<typeof Me> {
  const { kind, id, name, email, grants, scopes } = principal
  return {
    kind,
    id,
    name,
    ...(email === undefined ? {} : { email }),
    grants: grants.map(({ role, client }) => ({ role, client })),
    scopes: [...scopes],
    clients: clientsOf(principal),
  }
}
