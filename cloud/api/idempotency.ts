// `Idempotency-Key`: the same POST a second time does nothing and gets the first answer.
//
// I1. What a request did and what was answered are one transaction: there is no moment at which only one of them is kept.
// I2. A request that was refused did nothing and keeps no key: sent again, it is judged again.
// I3. A key belongs to who sent it, for a day; with another request it is refused.
// I4. Answers may hold what is shown once. They are sealed with the key itself, of which the database has only a hash.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { atOnce } from '../store/acting.ts'
import type { Database, Sql } from '../store/database.ts'
import { holdKey, insertAnswer, selectAnswer } from '../store/idempotency.ts'
import type { ApiEnv } from './router.ts'

/** The header. */
export const IDEMPOTENCY_KEY = 'Idempotency-Key'

/** What a key may look like: visible characters, as a UUID has. */
export const KEY_FORM = /^[\x21-\x7e]{16,200}$/

const KEPT_MS = 24 * 3_600_000
const ANSWER_BYTES_MAX = 256 * 1024
const RETRY_AFTER_S = 2

/** Headers of an answer that are kept with it. */
const HEADERS = ['content-type', 'etag', 'location', 'link'] as const

const Kept = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  /** Null: it was too long to be kept. */
  body: z.string().nullable(),
})

/** Answers a POST that was answered before as it was then. Goes behind what says who is asking. */
export function repeatAnswers({ db, clock }: { db: Database; clock: Clock }): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const key = context.req.header(IDEMPOTENCY_KEY)
    const principal = context.get('principal') as ApiEnv['Variables']['principal'] | undefined
    if (key === undefined || principal === undefined || context.req.method !== 'POST') return next()
    if (!KEY_FORM.test(key)) {
      const detail = 'must have 16 to 200 visible characters, as a UUID has'
      throw invalidRequest([{ in: 'header', name: IDEMPOTENCY_KEY, detail }])
    }
    const owner = `${principal.kind} ${principal.id}`
    const requestHash = await hashOf(context)
    try {
      const before = await atOnce(db, async tx => {
        const kept = { owner, keyHash: sha256(key), requestHash }
        const first = await firstAnswer(tx, kept, { key, after: clock.now() - KEPT_MS })
        if (first !== undefined) return first
        await next()
        if (!context.res.ok) throw new Undone()
        const answer = seal(await toKept(context.res), { key, owner })
        await insertAnswer(tx, { ...kept, answer }, { now: clock.now(), after: clock.now() - KEPT_MS })
        return undefined
      })
      return before
    } catch (error) {
      // The answer stands in the context already; what was done for it is undone.
      if (!(error instanceof Undone)) throw error
    }
  }
}

class Undone extends Error {
  override readonly name = 'Undone'
}

async function firstAnswer(
  tx: Sql,
  { owner, keyHash, requestHash }: { owner: string; keyHash: Uint8Array; requestHash: Uint8Array },
  { key, after }: { key: string; after: number },
): Promise<Response | undefined> {
  if (!(await holdKey(tx, { owner, keyHash }))) {
    const detail = `The first request with this ${IDEMPOTENCY_KEY} is not answered yet`
    throw new Problem(409, 'Asked before', { detail, retryAfterS: RETRY_AFTER_S })
  }
  const row = await selectAnswer(tx, { owner, keyHash }, after)
  if (row === undefined) return undefined
  if (Buffer.compare(row.requestHash, requestHash) !== 0) {
    const detail = `This ${IDEMPOTENCY_KEY} came with another request before`
    throw new Problem(422, 'Another request', { detail })
  }
  const { status, headers, body } = unseal(row.answer, { key, owner })
  if (body === null) {
    throw new Problem(409, 'Done before', {
      detail: 'Its answer was too long to be kept: look at what it made',
    })
  }
  const all = { ...headers, 'idempotency-replayed': 'true' }
  return new Response(status === 204 ? null : body, { status, headers: all })
}

async function hashOf(context: Context): Promise<Uint8Array> {
  const { method, url } = context.req
  const { pathname, search } = new URL(url)
  const body = new Uint8Array(await context.req.arrayBuffer())
  return new Uint8Array(createHash('sha256').update(`${method} ${pathname}${search}\n`).update(body).digest())
}

async function toKept(response: Response): Promise<z.infer<typeof Kept>> {
  const body = await response.clone().text()
  const headers = HEADERS.flatMap(name => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  const isShort = Buffer.byteLength(body) <= ANSWER_BYTES_MAX
  return { status: response.status, headers: Object.fromEntries(headers), body: isShort ? body : null }
}

const sha256 = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest())

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

const cipherKey = (key: string, owner: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, owner, 'idempotency answer', 32))

function seal(kept: z.infer<typeof Kept>, { key, owner }: { key: string; owner: string }): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, cipherKey(key, owner), nonce)
  const sealed = Buffer.concat([cipher.update(JSON.stringify(kept)), cipher.final()])
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), sealed]))
}

function unseal(sealed: Uint8Array, { key, owner }: { key: string; owner: string }): z.infer<typeof Kept> {
  const bytes = Buffer.from(sealed)
  const cipher = createDecipheriv(CIPHER, cipherKey(key, owner), bytes.subarray(0, NONCE_BYTES))
  cipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const text = Buffer.concat([cipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), cipher.final()])
  return Kept.parse(JSON.parse(text.toString()))
}
