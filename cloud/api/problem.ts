// What went wrong, for programs: RFC 9457, application/problem+json.

import { z } from '@hono/zod-openapi'

/** One thing wrong with a request, and where. */
export const FieldProblem = z
  .strictObject({
    in: z
      .enum(['query', 'path', 'header', 'body', 'cookie'])
      .openapi({ description: 'which part of the request' }),
    name: z.string().openapi({ description: 'the field, dotted where it is nested', example: 'limit' }),
    detail: z.string(),
  })
  .openapi('FieldProblem')

/** What went wrong. */
export const ProblemDocument = z
  .strictObject({
    type: z.string().openapi({ description: 'names the kind of problem', example: 'about:blank' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    requestId: z.string().openapi({ description: 'the same as in the header X-Request-Id and in the log' }),
    errors: z.array(FieldProblem).optional().openapi({ description: 'every field that is wrong' }),
    candidates: z
      .array(z.string())
      .optional()
      .openapi({
        description: 'the points that a short name may stand for',
        example: ['campo.los-aromos.pozo-7'],
      }),
  })
  .openapi('Problem')

/** The media type of problems. */
export const PROBLEM_TYPE = 'application/problem+json'

/** What a problem says besides its status and title. */
export interface ProblemFacts {
  detail?: string
  errors?: z.infer<typeof FieldProblem>[]
  candidates?: string[]
  /** Seconds for `Retry-After`. */
  retryAfterS?: number
}

/** Statuses that problems have here. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 500 | 503

/** Ends the handling of a request with a problem. app.ts turns it into the answer. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: ProblemStatus
  readonly facts: ProblemFacts

  constructor(status: ProblemStatus, title: string, facts: ProblemFacts = {}) {
    super(title)
    this.status = status
    this.facts = facts
  }
}

/** A problem as an answer. */
export function toProblemResponse({ status, message, facts }: Problem, requestId: string): Response {
  const { retryAfterS, ...rest } = facts
  const body = { type: 'about:blank', title: message, status, ...rest, requestId }
  const headers = new Headers({
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    'x-request-id': requestId,
  })
  if (retryAfterS !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterS)))
  if (status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(JSON.stringify(body), { status, headers })
}

const TITLES = {
  400: 'the request is not valid; `errors` names each field',
  401: 'not signed in, and no token that is in force',
  403: 'signed in, and not allowed',
  404: 'there is nothing of this name, or it may not be seen',
  409: 'the name stands for several; `candidates` lists them',
  413: 'the request is too large',
  415: 'the body is not JSON',
  429: 'too many; wait for `Retry-After` seconds',
  500: 'our mistake',
  503: 'the database does not answer; the same again later',
} as const satisfies Record<ProblemStatus, string>

/** How a route's problems stand in the API's document. */
export function problemResponses(...statuses: readonly ProblemStatus[]) {
  const all: readonly ProblemStatus[] = [...new Set([...statuses, 500 as const, 503 as const])]
  const entries = all.map(
    status =>
      [
        status,
        { description: TITLES[status], content: { [PROBLEM_TYPE]: { schema: ProblemDocument } } },
      ] as const,
  )
  return Object.fromEntries(entries)
}
