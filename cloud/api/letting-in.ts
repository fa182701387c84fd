// /invitation and /recovery: choosing a password by a link. What a link holds is sent in the body, never in an address.

import { createRoute, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import type { LinkKind } from '../store/access-links.ts'
import type { AccountLinks } from './account-links.ts'
import { addressOf } from './address.ts'
import { InstantText, NoQuery, toInstantText } from './fields.ts'
import { PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './password.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Secret = z.string().regex(/^[\w-]{43}$/, 'must be what the link holds')
const Password = z.string().min(PASSWORD_LENGTH_MIN).max(PASSWORD_LENGTH_MAX).openapi({ format: 'password' })

const LinkShown = z
  .strictObject({ email: z.string(), name: z.string(), expiresAt: InstantText })
  .openapi('LinkShown')

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const open = { tags: ['session'], security: [] as Record<string, string[]>[], method: 'post' as const }
const problems = problemResponses(400, 403, 404, 413, 415)
const bodyOf = <Schema extends z.ZodType>(schema: Schema) => ({
  query: NoQuery,
  body: { required: true, content: json(schema) },
})
const shown = { 200: { description: 'whose it is', content: json(LinkShown) }, ...problems }
const chosen = { 204: { description: 'chosen: one can sign in with it' }, ...problems }

const lookInvitation = createRoute({
  ...{ ...open, path: '/invitation', summary: 'Whose an invitation is' },
  request: bodyOf(z.strictObject({ secret: Secret })),
  responses: shown,
})

const acceptInvitation = createRoute({
  ...{ ...open, path: '/invitation/accept', summary: 'Accept an invitation: choose a password' },
  request: bodyOf(
    z.strictObject({
      secret: Secret,
      password: Password,
      name: z.string().trim().min(1).max(120).optional(),
    }),
  ),
  responses: chosen,
})

const askRecovery = createRoute({
  ...{ ...open, path: '/recovery', summary: 'Ask for another password by mail' },
  description: 'The answer is the same, and comes at the same time, whether or not anybody has this address.',
  request: bodyOf(z.strictObject({ email: z.email().max(254) })),
  responses: { 204: { description: 'asked' }, ...problemResponses(400, 403, 413, 415) },
})

const lookRecovery = createRoute({
  ...{ ...open, path: '/recovery/look', summary: 'Whose a recovery is' },
  request: bodyOf(z.strictObject({ secret: Secret })),
  responses: shown,
})

const endRecovery = createRoute({
  ...{ ...open, path: '/recovery/accept', summary: 'Choose another password; all sessions end' },
  request: bodyOf(z.strictObject({ secret: Secret, password: Password })),
  responses: chosen,
})

/** `/invitation` and `/recovery`. */
export function lettingIn(
  { links }: { links: AccountLinks },
  { trustedProxies }: { trustedProxies: readonly string[] },
) {
  const look = async (kind: LinkKind, secret: string): Promise<z.infer<typeof LinkShown>> => {
    const link = await links.look(kind, secret)
    if (link === undefined) throw over()
    return { email: link.email, name: link.name, expiresAt: toInstantText(link.expiresAt) }
  }
  return openRouter()
    .openapi(lookInvitation, async context =>
      context.json(await look('invitation', context.req.valid('json').secret), 200),
    )
    .openapi(acceptInvitation, async context => {
      const { secret, password, name } = context.req.valid('json')
      const choice = name === undefined ? { password } : { password, name }
      if (!(await links.choose('invitation', secret, choice))) throw over()
      return context.body(null, 204)
    })
    .openapi(askRecovery, context => {
      links.recover(context.req.valid('json').email, addressOf(context, trustedProxies))
      return context.body(null, 204)
    })
    .openapi(lookRecovery, async context =>
      context.json(await look('recovery', context.req.valid('json').secret), 200),
    )
    .openapi(endRecovery, async context => {
      const { secret, password } = context.req.valid('json')
      if (!(await links.choose('recovery', secret, { password }))) throw over()
      return context.body(null, 204)
    })
}

const over = (): Problem =>
  new Problem(404, 'The link is over', { detail: 'It was used, is too old, or a newer one was sent' })
