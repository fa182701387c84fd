// /users: who may sign in and what they may, for administrators. Nobody is told a password, and nobody registers.

import { randomUUID } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Problem } from '../problem.ts'
import { ROLES } from '../store/accounts.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  countOtherAdministrators,
  endSessions,
  insertInvited,
  removeSecondFactors,
  renameUser,
  replaceGrants,
  selectUser,
  selectUserByEmail,
  selectUsers,
  setDisabled,
  USER_STATES,
  type UserRow,
} from '../store/users.ts'
import type { AccountLinks, SentLink } from './account-links.ts'
import { nameOf } from './decisions.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { checkGrants } from './users.ts'

const GRANTS_MAX = 100

const GrantAsked = z
  .strictObject({
    role: z.enum(ROLES),
    client: orNull(SlugText).openapi({
      description: 'null for administrators and operators, who are for all',
    }),
  })
  .openapi('Grant')

const Name = z.string().trim().min(1).max(120)

const User = z
  .strictObject({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    state: z.enum(USER_STATES).openapi({ description: '`invited`: has not chosen a password yet' }),
    grants: z.array(GrantAsked),
    hasPassword: z.boolean(),
    hasSecondFactor: z.boolean().openapi({ description: 'codes of an authenticator, besides the password' }),
    passkeys: z.int(),
    sessions: z.int().openapi({ description: 'that have not ended' }),
    lastSeenAt: orNull(InstantText),
    createdAt: InstantText,
  })
  .openapi('User')

const Link = z
  .strictObject({
    url: z.string().openapi({ description: 'good once; whoever has it may choose the password' }),
    expiresAt: InstantText,
    mail: z
      .enum(['accepted', 'refused', 'unanswered', 'none'])
      .openapi({ description: 'what the mail server said of it; `none`: there is no mail server' }),
  })
  .openapi('AccountLink')

const UserWithLink = z.strictObject({ user: User, link: Link }).openapi('UserWithLink')

const Invited = z
  .strictObject({
    email: z.email().max(254),
    name: Name,
    grants: z.array(GrantAsked).min(1).max(GRANTS_MAX),
  })
  .openapi('UserInvited')

const Changed = z
  .strictObject({
    name: Name.optional(),
    disabled: z.boolean().optional().openapi({ description: 'true: all their sessions end' }),
    grants: z
      .array(GrantAsked)
      .max(GRANTS_MAX)
      .optional()
      .openapi({
        description: 'all that they may; what is not named is taken away',
        example: [{ role: 'client_reader', client: 'campo' }],
      }),
  })
  .openapi('UserChanged')

const UserParam = z.strictObject({
  user: z
    .string()
    .regex(/^[\w-]{1,100}$/, 'must be the id of a user')
    .openapi({ param: { name: 'user', in: 'path' } }),
})

const Page = z.strictObject(pageQuery({ limitMax: 500, limitDefault: 100 }))
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const tags = ['administration']

const listRoute = createRoute({
  ...{
    method: 'get',
    path: '/',
    tags,
    summary: 'Users, in the order in which they came',
    request: { query: Page },
  },
  responses: {
    200: {
      description: 'a page of users',
      content: json(z.strictObject({ items: z.array(User), next: Next }).openapi('UserPage')),
    },
    ...problemResponses(400, 401, 403),
  },
})

const inviteRoute = createRoute({
  ...{ method: 'post', path: '/', tags, summary: 'Invite somebody' },
  description: 'They get a link by mail, by which they choose a password. It is in the answer too.',
  request: { query: NoQuery, body: { required: true, content: json(Invited) } },
  responses: {
    201: { description: 'invited', content: json(UserWithLink) },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{user}', tags, summary: 'A user' },
  request: { query: NoQuery, params: UserParam },
  responses: {
    200: { description: 'the user', content: json(User) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const changeRoute = createRoute({
  ...{ method: 'patch', path: '/{user}', tags, summary: 'Change a user: what is named and nothing else' },
  request: { query: NoQuery, params: UserParam, body: { required: true, content: json(Changed) } },
  responses: {
    200: { description: 'the user', content: json(User) },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const linkRoute = createRoute({
  ...{ method: 'post', path: '/{user}/link', tags, summary: 'Send a user another link' },
  description: 'An invitation to who has not come yet, a recovery to others. Earlier links are void.',
  request: { query: NoQuery, params: UserParam },
  responses: {
    201: { description: 'the link', content: json(Link) },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const signOutRoute = createRoute({
  ...{ method: 'post', path: '/{user}/sign-out', tags, summary: 'End all sessions of a user' },
  request: { query: NoQuery, params: UserParam },
  responses: {
    200: { description: 'they have ended', content: json(z.strictObject({ ended: z.int() })) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const resetRoute = createRoute({
  ...{ method: 'post', path: '/{user}/reset-second-factor', tags },
  summary: 'Take away the second factor and the passkeys of who has lost them',
  description: 'Their sessions end. They sign in with their password alone until they set it up again.',
  request: { query: NoQuery, params: UserParam },
  responses: {
    200: { description: 'the user', content: json(User) },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/users`. `accountsDb` is the database as who may read accounts. */
export function userAccounts({
  accountsDb: db,
  clock,
  links,
}: {
  accountsDb: Database
  clock: Clock
  links: AccountLinks
}) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit } = context.req.valid('query')
      const rows = await selectUsers(db, { after: fromCursor('users', cursor, 0), limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'users', limit, keyOf: ({ number }) => number })
      return context.json({ items: items.map(toUser), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(inviteRoute, async context => {
      const { name, grants, ...asked } = context.req.valid('json')
      const email = asked.email.toLowerCase()
      const id = randomUUID()
      const user = await db.transaction(async tx => {
        await checkGrants(tx, grants)
        if (!(await insertInvited(tx, { id, email, name }))) {
          throw new Problem(409, 'There is a user of this address', { errors: fault('email', 'is taken') })
        }
        await replaceGrants(tx, id, grants)
        return found(await selectUserByEmail(tx, email))
      })
      const link = await links.send('invitation', user, nameOf(context.get('principal')))
      return context.json({ user: toUser(user), link: toLink(link) }, 201)
    })
    .openapi(oneRoute, async context =>
      context.json(toUser(found(await selectUser(db, context.req.valid('param').user))), 200),
    )
    .openapi(changeRoute, async context => {
      const { user: id } = context.req.valid('param')
      const change = context.req.valid('json')
      const isSelf = context.get('principal').id === id
      const user = await db.transaction(tx => changeUser(tx, { id, isSelf, now: clock.now() }, change))
      return context.json(toUser(user), 200)
    })
    .openapi(linkRoute, async context => {
      const user = found(await selectUser(db, context.req.valid('param').user))
      if (user.state === 'disabled') throw new Problem(409, 'The user is disabled')
      const kind = user.state === 'invited' ? 'invitation' : 'recovery'
      return context.json(toLink(await links.send(kind, user, nameOf(context.get('principal')))), 201)
    })
    .openapi(signOutRoute, async context => {
      const { id } = found(await selectUser(db, context.req.valid('param').user))
      return context.json({ ended: await endSessions(db, id) }, 200)
    })
    .openapi(resetRoute, async context => {
      const { user: id } = context.req.valid('param')
      const user = await db.transaction(async tx => {
        found(await selectUser(tx, id))
        await removeSecondFactors(tx, id)
        await endSessions(tx, id)
        return found(await selectUser(tx, id))
      })
      return context.json(toUser(user), 200)
    })
}

async function changeUser(
  tx: Sql,
  { id, isSelf, now }: { id: string; isSelf: boolean; now: number },
  { name, disabled, grants }: z.infer<typeof Changed>,
): Promise<UserRow> {
  const before = found(await selectUser(tx, id))
  if (isSelf && disabled === true) {
    throw new Problem(422, 'You cannot disable yourself', { errors: fault('disabled', 'is you') })
  }
  const wasAdministrator = before.grants.some(({ role }) => role === 'administrator')
  const stays = disabled !== true && (grants ?? before.grants).some(({ role }) => role === 'administrator')
  if (wasAdministrator && !stays && (await countOtherAdministrators(tx, id)) === 0) {
    throw new Problem(422, 'There must be an administrator who can sign in', {
      errors: fault(disabled === true ? 'disabled' : 'grants', 'is the last administrator’s'),
    })
  }
  if (name !== undefined) await renameUser(tx, id, name)
  if (grants !== undefined) {
    await checkGrants(tx, grants)
    await replaceGrants(tx, id, grants)
  }
  if (disabled !== undefined && disabled !== (before.state === 'disabled')) {
    await setDisabled(tx, id, disabled ? now : null)
  }
  return found(await selectUser(tx, id))
}

function found(user: UserRow | undefined): UserRow {
  if (user === undefined) throw new Problem(404, 'User not found')
  return user
}

const fault = (name: string, detail: string) => [{ in: 'body' as const, name, detail }]

function toUser({ number: _, lastSeenAt, createdAt, ...user }: UserRow): z.infer<typeof User> {
  return { ...user, lastSeenAt: toInstantTextOrNull(lastSeenAt), createdAt: toInstantText(createdAt) }
}

const toLink = ({ expiresAt, ...link }: SentLink): z.infer<typeof Link> => ({
  ...link,
  expiresAt: toInstantText(expiresAt),
})
