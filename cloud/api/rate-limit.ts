// How often a key may ask: so many requests in each minute, counted by this process, told in every answer.
//
// The headers are those of the HTTP working group's draft (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and
// `RateLimit`. Who signs in at a browser is not counted.

import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Problem } from '../problem.ts'
import type { Principal } from './access.ts'
import type { ApiEnv } from './router.ts'

const WINDOW_MS = 60_000
const WINDOWS_MAX = 10_000

interface Window {
  beganAt: number
  requests: number
}

/** How much of its limit a key has left. */
export interface LimitLeft {
  limit: number
  left: number
  resetS: number
}

/** Says in every answer to a key how much it has left, refusals included. Goes before what judges. */
export function tellLimits(): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    await next()
    const told = context.get('limitLeft')
    if (told === undefined) return
    context.res.headers.set('ratelimit-policy', `"key";q=${told.limit};w=${WINDOW_MS / 1000}`)
    context.res.headers.set('ratelimit', `"key";r=${told.left};t=${told.resetS}`)
  }
}

/** Counts what keys ask. Goes behind what says who that is. */
export function limitRequests({ clock }: { clock: Clock }): MiddlewareHandler<ApiEnv> {
  const windows = new Map<string, Window>()
  const windowOf = (key: string, now: number): Window => {
    const open = windows.get(key)
    if (open !== undefined && now - open.beganAt < WINDOW_MS) return open
    if (windows.size >= WINDOWS_MAX) closeOver(windows, now)
    const opened = { beganAt: now, requests: 0 }
    windows.set(key, opened)
    return opened
  }
  return async (context, next) => {
    const principal = context.get('principal') as Principal | undefined
    const limit = principal?.requestsPerMinute
    if (principal === undefined || limit === undefined) return next()
    const now = clock.monotonic()
    const window = windowOf(principal.id, now)
    const left = limit - window.requests - 1
    const resetS = Math.ceil((window.beganAt + WINDOW_MS - now) / 1000)
    context.set('limitLeft', { limit, left: Math.max(0, left), resetS })
    if (left < 0) {
      const detail = `This key may ask ${limit} times a minute`
      throw new Problem(429, 'Too many requests', { detail, retryAfterS: resetS })
    }
    window.requests += 1
    return next()
  }
}

function closeOver(windows: Map<string, Window>, now: number): void {
  for (const [key, { beganAt }] of windows) if (now - beganAt >= WINDOW_MS) windows.delete(key)
  if (windows.size >= WINDOWS_MAX) windows.clear()
}
