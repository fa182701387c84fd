// /api-keys and /me/keys: keys of programs, those of the installation for administrators, and one's own for everybody.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { Problem } from '../problem.ts'
import { REQUESTS_PER_MINUTE, ROLES, SCOPES } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { type KeyRow, revokeKey, selectKey, selectKeyNamed, selectKeys } from '../store/keys.ts'
import { nameOf } from './decisions.ts'
import {
  InstantQuery,
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { person } from './own-factors.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { checkGrants, createToken, type TokenRequest } from './users.ts'

const OWN_SCOPES = ['read', 'write'] as const
const REQUESTS_PER_MINUTE_MAX = 10_000_000
const OWN_KEYS_MAX = 50
const OWN_KEYS_SHOWN = 500
const KEY_ID_MAX = 2_147_483_647

const Key = z
  .strictObject({
    id: z.int(),
    name: z.string(),
    role: z.enum(ROLES),
    client: orNull(SlugText).openapi({ description: 'null: for all clients' }),
    scopes: z.array(z.enum(SCOPES)),
    requestsPerMinute: z.int(),
    owner: orNull(z.string()).openapi({ description: 'whose own it is; null: the installation’s' }),
    state: z.enum(['active', 'expired', 'revoked']),
    createdBy: z.string(),
    createdAt: InstantText,
    expiresAt: orNull(InstantText),
    lastUsedAt: orNull(InstantText),
  })
  .openapi('ApiKey')

const KeyMade = z
  .strictObject({ key: Key, token: z.string().openapi({ description: 'shown once' }) })
  .openapi('ApiKeyMade')

const KeyPage = z.strictObject({ items: z.array(Key), next: Next }).openapi('ApiKeyPage')

const common = {
  name: z.string().trim().min(1).max(100),
  role: z.enum(ROLES),
  client: orNull(SlugText),
  expiresAt: InstantQuery.optional().openapi({ description: 'absent: until it is revoked' }),
}

const Asked = z
  .strictObject({
    ...common,
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    requestsPerMinute: z.int().min(1).max(REQUESTS_PER_MINUTE_MAX).default(REQUESTS_PER_MINUTE),
  })
  .openapi('ApiKeyAsked')

const OwnAsked = z
  .strictObject({ ...common, scopes: z.array(z.enum(OWN_SCOPES)).min(1).max(OWN_SCOPES.length) })
  .openapi('OwnKeyAsked')

const KeyParam = z.strictObject({ key: numberParam('key') })

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const Pages = z.strictObject(pageQuery({ limitMax: 500, limitDefault: 100 }))

const listRoute = createRoute({
  ...{ method: 'get', path: '/api-keys', tags: ['administration'], summary: 'All keys, the newest first' },
  request: { query: Pages },
  responses: {
    200: { description: 'a page of keys', content: json(KeyPage) },
    ...problemResponses(400, 401, 403),
  },
})

const makeRoute = createRoute({
  ...{
    method: 'post',
    path: '/api-keys',
    tags: ['administration'],
    summary: 'Make a key of the installation',
  },
  request: { query: NoQuery, body: { required: true, content: json(Asked) } },
  responses: {
    201: { description: 'made', content: json(KeyMade) },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422),
  },
})

const endRoute = createRoute({
  ...{ method: 'delete', path: '/api-keys/{key}', tags: ['administration'], summary: 'End a key at once' },
  request: { query: NoQuery, params: KeyParam },
  responses: { 204: { description: 'it has ended' }, ...problemResponses(400, 401, 403, 404) },
})

const ownRoute = createRoute({
  ...{ method: 'get', path: '/me/keys', tags: ['session'], summary: 'Your own keys, the newest first' },
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'the keys',
      content: json(z.strictObject({ items: z.array(Key) }).openapi('OwnKeys')),
    },
    ...problemResponses(400, 401, 403, 422),
  },
})

const makeOwnRoute = createRoute({
  ...{ method: 'post', path: '/me/keys', tags: ['session'], summary: 'Make a key of your own' },
  description: 'It does what you may yourself with one of your roles, and nothing once you may not any more.',
  request: { query: NoQuery, body: { required: true, content: json(OwnAsked) } },
  responses: {
    201: { description: 'made', content: json(KeyMade) },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422),
  },
})

const endOwnRoute = createRoute({
  ...{
    method: 'delete',
    path: '/me/keys/{key}',
    tags: ['session'],
    summary: 'End a key of your own at once',
  },
  request: { query: NoQuery, params: KeyParam },
  responses: { 204: { description: 'it has ended' }, ...problemResponses(400, 401, 403, 404) },
})

/** `/api-keys`, `/me/keys`. `accountsDb` is the database as who may read accounts. */
export function keys({ accountsDb: db, clock }: { accountsDb: Database; clock: Clock }) {
  const page = async (
    userId: string | null,
    { cursor, limit }: { cursor?: string | undefined; limit: number },
  ) => {
    const beforeId = fromCursor('keys', cursor, KEY_ID_MAX)
    const rows = await selectKeys(db, { userId, beforeId, limit: limit + 1 })
    const { items, next } = toPage(rows, { list: 'keys', limit, keyOf: ({ id }) => id })
    return { items: items.map(row => toKey(row, clock.now())), next }
  }
  const make = async (request: TokenRequest) => {
    if (request.expiresAt !== undefined && request.expiresAt <= clock.now()) {
      throw new Problem(422, 'The key would be over', { errors: fault('expiresAt', 'must be in the future') })
    }
    await checkGrants(db, [{ role: request.role, client: request.client ?? null }], '')
    const token = await taken(createToken(db, request))
    const userId = request.userId ?? null
    const row = await selectKeyNamed(db, { name: request.name, userId })
    if (row === undefined) throw new Problem(409, 'The key was ended meanwhile')
    return { key: toKey(row, clock.now()), token }
  }
  const end = async (id: number, userId: string | null) => {
    const row = await selectKey(db, { id, userId })
    if (row === undefined || !(await revokeKey(db, { id, now: clock.now() }))) {
      throw new Problem(404, 'Key not found')
    }
  }
  return openRouter()
    .openapi(listRoute, async context => {
      const found = await page(null, context.req.valid('query'))
      return context.json(found, 200, nextLink(context.req.url, found.next))
    })
    .openapi(makeRoute, async context => {
      const asked = context.req.valid('json')
      return context.json(
        await make({ ...toRequest(asked), createdBy: nameOf(context.get('principal')) }),
        201,
      )
    })
    .openapi(endRoute, async context => {
      await end(context.req.valid('param').key, null)
      return context.body(null, 204)
    })
    .openapi(ownRoute, async context => {
      const userId = person(context).id
      const rows = await selectKeys(db, { userId, beforeId: KEY_ID_MAX, limit: OWN_KEYS_SHOWN })
      return context.json({ items: rows.map(row => toKey(row, clock.now())) }, 200)
    })
    .openapi(makeOwnRoute, async context => {
      const { id: userId, email } = person(context)
      const asked = context.req.valid('json')
      const { grants } = context.get('principal')
      if (!grants.some(({ role, client }) => role === asked.role && client === asked.client)) {
        throw new Problem(422, 'Not a role of yours', { errors: fault('role', 'is not yours') })
      }
      const held = await selectKeys(db, { userId, beforeId: KEY_ID_MAX, limit: 500 })
      if (held.filter(({ revokedAt }) => revokedAt === null).length >= OWN_KEYS_MAX) {
        throw new Problem(422, 'Too many keys', { detail: `End some: at most ${OWN_KEYS_MAX}` })
      }
      return context.json(await make({ ...toRequest(asked), createdBy: email, userId }), 201)
    })
    .openapi(endOwnRoute, async context => {
      await end(context.req.valid('param').key, person(context, 'Key not found').id)
      return context.body(null, 204)
    })
}

function toRequest({
  client,
  expiresAt,
  ...asked
}: z.output<typeof Asked> | z.output<typeof OwnAsked>): Omit<TokenRequest, 'createdBy'> {
  return {
    ...asked,
    ...(client === null ? {} : { client }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

/** createToken() says what cannot be; here it is only ever the name. */
async function taken(made: Promise<string>): Promise<string> {
  try {
    return await made
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    throw new Problem(409, 'The name is taken', { errors: fault('name', 'is that of a key in force') })
  }
}

const fault = (name: string, detail: string) => [{ in: 'body' as const, name, detail }]

function toKey(row: KeyRow, now: number): z.infer<typeof Key> {
  const { createdAt, expiresAt, revokedAt, lastUsedAt, ...key } = row
  const isOver = expiresAt !== null && expiresAt <= now
  return {
    ...key,
    state: revokedAt !== null ? 'revoked' : isOver ? 'expired' : 'active',
    createdAt: toInstantText(createdAt),
    expiresAt: toInstantTextOrNull(expiresAt),
    lastUsedAt: toInstantTextOrNull(lastUsedAt),
  }
}
