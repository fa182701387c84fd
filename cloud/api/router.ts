// What every router of the API is made with: what a request carries along, and how invalid ones are answered.

import { OpenAPIHono } from '@hono/zod-openapi'
import { invalidRequest, toFieldProblems } from '../problem.ts'
import type { ClientIds } from '../store/queries.ts'
import type { Principal } from './access.ts'
import type { LimitLeft } from './rate-limit.ts'

/** What the rules found out before a route runs. */
export interface ApiEnv {
  Variables: {
    requestId: string
    principal: Principal
    clientIds: ClientIds
    /** Of a key; absent: who asks is not counted. */
    limitLeft?: LimitLeft
  }
}

const PARTS = {
  query: 'query',
  param: 'path',
  header: 'header',
  json: 'body',
  form: 'body',
  cookie: 'cookie',
} as const

/** A router whose routes answer an invalid request with a problem that names every field. */
export function openRouter(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: result => {
      if (result.success) return
      throw invalidRequest(toFieldProblems(PARTS[result.target as keyof typeof PARTS], result.error))
    },
  })
}
