// /me/sessions and /me/password: what a user sees and changes of their own account. A token has neither.

import { createRoute, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import type { Accounts } from './accounts.ts'
import { InstantText, NoQuery, toInstantText } from './fields.ts'
import { PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './password.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const OpenSession = z
  .strictObject({
    id: z.string(),
    isThis: z.boolean().openapi({ description: 'the one that asks' }),
    begunAt: InstantText,
    address: z.string().nullable(),
    browser: z.string().nullable().openapi({ description: 'as it calls itself' }),
  })
  .openapi('OpenSession')

const sessionsRoute = createRoute({
  method: 'get',
  path: '/me/sessions',
  tags: ['session'],
  summary: 'Your sessions that have not ended, the newest first',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'the sessions; none of a token',
      content: { 'application/json': { schema: z.strictObject({ items: z.array(OpenSession) }) } },
    },
    ...problemResponses(400, 401, 403),
  },
})

const endRoute = createRoute({
  method: 'delete',
  path: '/me/sessions/{session}',
  tags: ['session'],
  summary: 'End one of your sessions',
  request: {
    query: NoQuery,
    params: z.strictObject({
      session: z
        .string()
        .min(1)
        .max(100)
        .openapi({ param: { name: 'session', in: 'path' } }),
    }),
  },
  responses: { 204: { description: 'it has ended' }, ...problemResponses(400, 401, 403, 404) },
})

const passwordRoute = createRoute({
  method: 'put',
  path: '/me/password',
  tags: ['session'],
  summary: 'Change your password; all your other sessions end',
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            current: z.string().min(1).max(PASSWORD_LENGTH_MAX).openapi({ format: 'password' }),
            password: z
              .string()
              .min(PASSWORD_LENGTH_MIN)
              .max(PASSWORD_LENGTH_MAX)
              .openapi({ format: 'password' }),
          }),
        },
      },
    },
  },
  responses: {
    204: { description: 'changed' },
    ...problemResponses(400, 401, 403, 413, 415, 422, 429),
  },
})

/** `/me/sessions`, `/me/password`. */
export function ownAccount({ accounts }: { accounts: Accounts }) {
  return openRouter()
    .openapi(sessionsRoute, async context => {
      const isToken = context.get('principal').kind === 'token'
      const sessions = isToken ? [] : await accounts.sessionsOf(context.req.raw.headers)
      const items = sessions.map(({ begunAt, ...rest }) => ({ ...rest, begunAt: toInstantText(begunAt) }))
      return context.json({ items }, 200)
    })
    .openapi(endRoute, async context => {
      const isToken = context.get('principal').kind === 'token'
      const { session } = context.req.valid('param')
      if (isToken || !(await accounts.endSession(context.req.raw.headers, session))) {
        throw new Problem(404, 'Session not found')
      }
      return context.body(null, 204)
    })
    .openapi(passwordRoute, async context => {
      const change = context.req.valid('json')
      const isToken = context.get('principal').kind === 'token'
      const result = isToken
        ? { kind: 'nobody' as const }
        : await accounts.changePassword(context.req.raw.headers, change)
      switch (result.kind) {
        case 'nobody':
          throw new Problem(422, 'No password to change', { detail: 'A token has none' })
        case 'wrong':
          throw new Problem(422, 'Wrong password', {
            errors: [{ in: 'body', name: 'current', detail: 'is not your password' }],
          })
        case 'locked':
          throw new Problem(429, 'Too many wrong passwords', { retryAfterS: result.retryAfterMs / 1000 })
        case 'changed':
          for (const cookie of result.cookies) context.header('set-cookie', cookie, { append: true })
          return context.body(null, 204)
      }
    })
}
