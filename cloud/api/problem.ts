// How problems stand in the API's document.

import { z } from '@hono/zod-openapi'
import { PROBLEM_TYPE, type ProblemStatus, REQUEST_PARTS } from '../problem.ts'

const FieldProblem = z
  .strictObject({
    in: z.enum(REQUEST_PARTS).openapi({ description: 'which part of the request' }),
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

const DESCRIPTIONS = {
  400: 'the request is not valid; `errors` names each field',
  401: 'not signed in, and no token that is in force',
  403: 'signed in, and not allowed',
  404: 'there is nothing of this name, or it may not be seen',
  405: 'the route does not have this method; `Allow` says which it has',
  409: 'the name stands for several, which `candidates` lists, or is already that of something else',
  412: 'it is not what `If-Match` names',
  413: 'the request is too large',
  415: 'the body is not JSON',
  416: 'the part that `Range` names is beyond the end',
  422: 'the request is valid and cannot be done',
  428: '`If-Match` is missing',
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
        { description: DESCRIPTIONS[status], content: { [PROBLEM_TYPE]: { schema: ProblemDocument } } },
      ] as const,
  )
  return Object.fromEntries(entries)
}
