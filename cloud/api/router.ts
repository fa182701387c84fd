// What every router of the API is made with: what a request carries along, and how invalid ones are answered.

import { OpenAPIHono } from '@hono/zod-openapi'
import { mistakesOf } from '../../protocol/mistakes.ts'
import type { ClientIds } from '../store/queries.ts'
import type { Principal } from './access.ts'
import { Problem } from './problem.ts'

/** What the rules found out before a route runs. */
export interface ApiEnv {
  Variables: {
    requestId: string
    principal: Principal
    clientIds: ClientIds
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
      const place = PARTS[result.target as keyof typeof PARTS]
      const errors = mistakesOf(result.error).map(({ path, message: detail }) => ({
        in: place,
        name: path.join('.'),
        detail,
      }))
      throw new Problem(400, 'Invalid request', { errors })
    },
  })
}
