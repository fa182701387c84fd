// /me/security, /me/second-factor, /me/passkeys: what somebody signs in with besides a password. A token has none of it.

import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectUser } from '../store/users.ts'
import type { Accounts, SessionUser } from './accounts.ts'
import type { SecondFactorChange } from './accounts-second-factor.ts'
import { InstantText, NoQuery, orNull, toInstantText, toInstantTextOrNull } from './fields.ts'
import { PASSWORD_LENGTH_MAX } from './password.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'
import { credentialFields, PasskeyAsked, setCookies } from './session-ways.ts'

const Security = z
  .strictObject({
    hasPassword: z.boolean(),
    hasSecondFactor: z.boolean(),
    recoveryCodes: z.int().openapi({ description: 'how many are left' }),
    passkeys: z.array(
      z
        .strictObject({
          id: z.string(),
          name: z.string(),
          createdAt: InstantText,
          lastUsedAt: orNull(InstantText),
        })
        .openapi('Passkey'),
    ),
  })
  .openapi('Security')

const Proof = z
  .strictObject({
    password: z
      .string()
      .min(1)
      .max(PASSWORD_LENGTH_MAX)
      .optional()
      .openapi({ format: 'password', description: 'needed of who has one' }),
  })
  .openapi('PasswordProof')

const RecoveryCodes = z
  .array(z.string())
  .openapi({ description: 'each is good once, in place of a code; they are not shown again' })

const Base64url = z.string().regex(/^[\w-]*$/, 'must be base64url')
const CREDENTIAL_LENGTH_MAX = 20_000

const Made = z
  .strictObject({
    challenge: z.string().min(1).max(100),
    name: z.string().trim().min(1).max(60).openapi({ example: 'Teléfono' }),
    credential: z.object({
      ...credentialFields,
      response: z.object({
        clientDataJSON: Base64url.max(CREDENTIAL_LENGTH_MAX),
        attestationObject: Base64url.max(CREDENTIAL_LENGTH_MAX),
        transports: z
          .array(z.enum(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']))
          .max(10)
          .default([]),
      }),
    }),
  })
  .openapi('PasskeyMade')

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const tags = ['session']
const withProof = { query: NoQuery, body: { required: true, content: json(Proof) } }

const securityRoute = createRoute({
  ...{ method: 'get', path: '/security', tags, summary: 'What you sign in with' },
  request: { query: NoQuery },
  responses: {
    200: { description: 'yours', content: json(Security) },
    ...problemResponses(400, 401, 403, 422),
  },
})

const beginRoute = createRoute({
  ...{ method: 'post', path: '/second-factor', tags, summary: 'Set up codes of an authenticator' },
  description: 'Nothing is asked for at signing in until `/me/second-factor/confirm` was given a right code.',
  request: withProof,
  responses: {
    200: {
      description: 'for the authenticator, and the recovery codes',
      content: json(
        z
          .strictObject({
            uri: z.string().openapi({ description: '`otpauth://…`, to be shown as a QR code' }),
            recoveryCodes: RecoveryCodes,
          })
          .openapi('SecondFactorBegun'),
      ),
    },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422, 429),
  },
})

const confirmRoute = createRoute({
  ...{ method: 'post', path: '/second-factor/confirm', tags, summary: 'Show that the codes are right' },
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: json(z.strictObject({ code: z.string().regex(/^\d{6}$/, 'must be six figures') })),
    },
  },
  responses: {
    204: { description: 'from now on a code is asked for' },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422, 429),
  },
})

const removeRoute = createRoute({
  ...{ method: 'post', path: '/second-factor/remove', tags, summary: 'Ask for no codes any more' },
  request: withProof,
  responses: {
    204: { description: 'it is gone' },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422, 429),
  },
})

const codesRoute = createRoute({
  ...{ method: 'post', path: '/second-factor/recovery-codes', tags, summary: 'Draw other recovery codes' },
  request: withProof,
  responses: {
    200: {
      description: 'the earlier ones are void',
      content: json(z.strictObject({ recoveryCodes: RecoveryCodes })),
    },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422, 429),
  },
})

const askRoute = createRoute({
  ...{ method: 'post', path: '/passkeys/options', tags, summary: 'What to ask a browser for a new passkey' },
  request: { query: NoQuery },
  responses: {
    200: { description: 'for the browser', content: json(PasskeyAsked) },
    ...problemResponses(400, 401, 403, 422),
  },
})

const addRoute = createRoute({
  ...{ method: 'post', path: '/passkeys', tags, summary: 'Add a passkey' },
  request: { query: NoQuery, body: { required: true, content: json(Made) } },
  responses: {
    201: { description: 'added', content: json(z.strictObject({ id: z.string() })) },
    ...problemResponses(400, 401, 403, 413, 415, 422),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/passkeys/{passkey}', tags, summary: 'Remove a passkey' },
  request: {
    query: NoQuery,
    params: z.strictObject({
      passkey: Base64url.min(1)
        .max(2000)
        .openapi({ param: { name: 'passkey', in: 'path' } }),
    }),
  },
  responses: { 204: { description: 'it is gone' }, ...problemResponses(400, 401, 403, 404) },
})

/** `/me/security`, `/me/second-factor`, `/me/passkeys`. */
export function ownFactors({ accounts, accountsDb }: { accounts: Accounts; accountsDb: Database }) {
  return openRouter()
    .openapi(securityRoute, async context => {
      const { id } = person(context)
      const user = await selectUser(accountsDb, id)
      const passkeys = await accounts.passkeysOf(id)
      return context.json(
        {
          hasPassword: user?.hasPassword === true,
          hasSecondFactor: user?.hasSecondFactor === true,
          recoveryCodes: user?.hasSecondFactor === true ? await accounts.recoveryCodesLeft(id) : 0,
          passkeys: passkeys.map(({ id: passkeyId, name, createdAt, lastUsedAt }) => ({
            ...{ id: passkeyId, name },
            ...{ createdAt: toInstantText(createdAt), lastUsedAt: toInstantTextOrNull(lastUsedAt) },
          })),
        },
        200,
      )
    })
    .openapi(beginRoute, async context => {
      person(context)
      const { password } = context.req.valid('json')
      const { uri, recoveryCodes } = done(
        context,
        await accounts.beginSecondFactor(context.req.raw.headers, password),
      )
      return context.json({ uri, recoveryCodes }, 200)
    })
    .openapi(confirmRoute, async context => {
      person(context)
      const { code } = context.req.valid('json')
      done(context, await accounts.confirmSecondFactor(context.req.raw.headers, code), 'code')
      return context.body(null, 204)
    })
    .openapi(removeRoute, async context => {
      person(context)
      const { password } = context.req.valid('json')
      done(context, await accounts.removeSecondFactor(context.req.raw.headers, password))
      return context.body(null, 204)
    })
    .openapi(codesRoute, async context => {
      person(context)
      const { password } = context.req.valid('json')
      const { recoveryCodes } = done(
        context,
        await accounts.drawRecoveryCodes(context.req.raw.headers, password),
      )
      return context.json({ recoveryCodes }, 200)
    })
    .openapi(askRoute, async context => {
      const { challenge, options } = await accounts.askForNewPasskey(person(context))
      return context.json({ challenge, options: { ...options } }, 200)
    })
    .openapi(addRoute, async context => {
      const made = await accounts.addPasskey(person(context), context.req.valid('json'))
      if (made.kind === 'refused') {
        const detail = 'It is not what was asked for, is known already, or you have as many as one may'
        throw new Problem(422, 'The passkey was not added', { detail })
      }
      return context.json({ id: made.id }, 201)
    })
    .openapi(deleteRoute, async context => {
      const { id } = person(context, 'Passkey not found')
      if (!(await accounts.removePasskey(id, context.req.valid('param').passkey))) {
        throw new Problem(404, 'Passkey not found')
      }
      return context.body(null, 204)
    })
}

/** The user who asks. Throws Problem for a token; one that asks for one thing by its name finds none. */
export function person(context: Context<ApiEnv>, missing?: string): SessionUser {
  const { kind, id, name, email } = context.get('principal')
  if (kind === 'token' || email === undefined) {
    if (missing !== undefined) throw new Problem(404, missing)
    throw new Problem(422, 'Nobody to sign in', { detail: 'A token has no account of its own' })
  }
  return { id, name, email }
}

function done<Made extends object>(
  context: Context,
  change: SecondFactorChange<Made>,
  field: 'password' | 'code' = 'password',
): Made {
  switch (change.kind) {
    case 'done':
      setCookies(context, change.cookies)
      return change
    case 'wrong':
      throw new Problem(422, field === 'password' ? 'Wrong password' : 'Wrong code', {
        errors: [{ in: 'body', name: field, detail: 'is not right' }],
      })
    case 'already':
      throw new Problem(409, 'There is a second factor already')
    case 'none':
      throw new Problem(409, 'There is no second factor')
    case 'locked':
      throw new Problem(429, 'Too many wrong passwords', { retryAfterS: change.retryAfterMs / 1000 })
    case 'nobody':
      throw new Problem(401, 'Not signed in')
  }
}
