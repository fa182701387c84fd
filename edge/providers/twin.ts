// Twin, which is TwinDimension's TDATA: one account signs in for all of its devices, one request brings all keys of one.
//
// A token is kept for as long as it says that it lives. One that is refused before is replaced, once; a password that is
// refused is not tried again at every poll, so that nobody's account gets locked by us.

import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Api, Reply } from './api.ts'
import {
  EpochMs,
  type Failure,
  failed,
  type Outcome,
  type Provider,
  SAMPLES_MAX,
  type Sample,
  toGiven,
  toOutcome,
  type Window,
} from './provider.ts'

/** Where TDATA is. */
export const TWIN_URL = 'https://api.twindimension.com/tdata/v1'

/** Signs in, for all devices of an account. */
export interface TwinAccount {
  /** A token, kept or new. Rejects with the signal's reason only. */
  token(signal: AbortSignal): Promise<{ kind: 'token'; token: string } | Failure>
  /** This token was refused. Says whether asking for another one may help: not when it was just given. */
  refused(token: string): boolean
}

/** A token is replaced so long before its end. */
const LEEWAY_MS = 60_000
const LIFE_MIN_MS = 300_000
/** Of a token that does not say how long it lives. */
const LIFE_DEFAULT_MS = 3_300_000
const LIFE_MAX_MS = 7 * 86_400_000
/** A token that is refused so soon is not refused for its age. */
const FRESH_MS = 60_000
const REFUSED_FIRST_MS = 60_000
const REFUSED_MAX_MS = 3_600_000

const Login = z.object({ token: z.string().min(1).max(16_384) })
const Claims = z.object({ exp: z.number(), iat: z.number().optional() })
const Answer = z.record(z.string(), z.unknown())
const Elements = z.array(z.unknown())
const Element = z.object({ ts: EpochMs, value: z.unknown() })

/** Opens an account. Nobody signs in yet. */
export function openTwinAccount(
  { api, clock }: { api: Api; clock: Clock },
  { username, password, timeoutMs }: { username: string; password: string; timeoutMs: number },
): TwinAccount {
  let held: { token: string; since: number; until: number } | undefined
  let signingIn: Promise<{ kind: 'token'; token: string } | Failure> | undefined
  let refusals = 0
  let refusal: { failure: Failure; until: number } | undefined

  const signIn = async (signal: AbortSignal): Promise<{ kind: 'token'; token: string } | Failure> => {
    const secrets = [password]
    const body = { username, password }
    const reply = await api.ask({ method: 'POST', path: '/login', body, timeoutMs, secrets }, signal)
    const now = clock.monotonic()
    if (reply.kind === 'auth_failed') {
      const failure: Failure = { ...reply, reason: `${reply.reason} when signing in` }
      const pauseMs = Math.min(REFUSED_MAX_MS, REFUSED_FIRST_MS * 2 ** Math.min(refusals, 10))
      refusals += 1
      refusal = { failure, until: now + pauseMs }
      return failure
    }
    if (reply.kind === 'request_failed') return reply
    const login = Login.safeParse(reply.kind === 'answered' ? reply.document : undefined)
    if (!login.success) return failed('twin: signing in gave no token', { isAway: true })
    const { token } = login.data
    refusals = 0
    held = { token, since: now, until: now + lifeOf(token, clock.now()) }
    return { kind: 'token', token }
  }

  return {
    async token(signal) {
      const now = clock.monotonic()
      if (held !== undefined && now < held.until) return { kind: 'token', token: held.token }
      if (refusal !== undefined && now < refusal.until) return refusal.failure
      // Devices that find no token at the same time share one login.
      signingIn ??= signIn(signal).finally(() => {
        signingIn = undefined
      })
      return signingIn
    },
    refused(token) {
      if (held?.token !== token) return true
      if (clock.monotonic() - held.since < FRESH_MS) return false
      held = undefined
      return true
    },
  }
}

/** How long to use a token: from its own two times where it has both, so that our clock plays no part. */
function lifeOf(token: string, now: number): number {
  const claims = Claims.safeParse(claimsOf(token))
  if (!claims.success) return LIFE_DEFAULT_MS
  const { exp, iat = now / 1_000 } = claims.data
  return Math.min(LIFE_MAX_MS, Math.max(LIFE_MIN_MS, (exp - iat) * 1_000 - LEEWAY_MS))
}

/** RFC 7519: the middle of three parts, base64url. It is read, not relied on: the provider judges its own tokens. */
function claimsOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

/** Opens a device of an account. */
export function openTwin(
  { api, account }: { api: Api; account: TwinAccount },
  { device, timeoutMs }: { device: string; timeoutMs: number },
): Provider {
  const read = async (query: Record<string, string>, signal: AbortSignal): Promise<Reply> => {
    const path = `/telemetry/DEVICE/${encodeURIComponent(device)}/values/timeseries?${new URLSearchParams(query)}`
    for (let attempt = 1; ; attempt += 1) {
      const session = await account.token(signal)
      if (session.kind !== 'token') return session
      const headers = { authorization: `Bearer ${session.token}` }
      const secrets = [session.token, device]
      const reply = await api.ask({ method: 'GET', path, headers, timeoutMs, secrets }, signal)
      const isRefused = reply.kind === 'auth_failed' && reply.status === 401
      if (!isRefused || !account.refused(session.token) || attempt === 2) return reply
    }
  }
  return {
    latest: async (keys, signal) => toOutcomes(keys, await read({ keys: keys.join(',') }, signal)),
    async history(keys, window, signal) {
      const { from, to } = window
      const query = {
        keys: keys.join(','),
        startTs: String(from),
        endTs: String(to),
        limit: String(limitOf(keys.length)),
      }
      return toOutcomes(keys, await read({ ...query, asc: 'true' }, signal), window)
    },
  }
}

/** All keys are in one answer: the more there are, the fewer samples of each, so that it stays small. */
function limitOf(keyCount: number): number {
  return Math.max(100, Math.floor((10 * SAMPLES_MAX) / Math.max(10, keyCount)))
}

function toOutcomes(keys: readonly string[], reply: Reply, window?: Window): Map<string, Outcome> {
  return new Map(keys.map(key => [key, toKeyOutcome(key, reply, window)]))
}

function toKeyOutcome(key: string, reply: Reply, window?: Window): Outcome {
  if (reply.kind === 'empty') return { kind: 'no_data' }
  if (reply.kind !== 'answered') return reply
  const answer = Answer.safeParse(reply.document)
  if (!answer.success) return failed('twin: its answer is no object')
  const elements = Object.hasOwn(answer.data, key) ? Elements.safeParse(answer.data[key]) : undefined
  if (elements === undefined) return { kind: 'no_data' }
  if (!elements.success) return failed('twin: its answer holds no array')
  return toOutcome(elements.data, toSample, window)
}

function toSample(element: unknown): Sample | undefined {
  const read = Element.safeParse(element)
  return read.success ? { at: read.data.ts, given: toGiven(read.data.value) } : undefined
}
