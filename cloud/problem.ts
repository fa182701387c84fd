// What went wrong, for programs: RFC 9457, application/problem+json, the same on the port of every service.
//
// A route throws Problem; what else is thrown is read here. What is our mistake is in the log, under the request's id.

import type { Context, Env, Hono, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { requestId } from 'hono/request-id'
import type { z } from 'zod'
import { mistakesOf } from '../protocol/mistakes.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'

/** The media type of problems. */
export const PROBLEM_TYPE = 'application/problem+json'

/** The parts of a request that something can be wrong with. */
export const REQUEST_PARTS = ['query', 'path', 'header', 'body', 'cookie'] as const

/** One thing wrong with a request, and where. */
export interface FieldProblem {
  in: (typeof REQUEST_PARTS)[number]
  /** Dotted where it is nested. */
  name: string
  detail: string
}

/** What a problem says besides its status and title. */
export interface ProblemFacts {
  detail?: string
  errors?: FieldProblem[]
  candidates?: string[]
  /** Seconds for `Retry-After`. */
  retryAfterS?: number
  /** Methods for `Allow`. */
  allow?: readonly string[]
}

/** Statuses that problems have here. */
export type ProblemStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 409
  | 412
  | 413
  | 415
  | 416
  | 422
  | 428
  | 429
  | 500
  | 503

/** Ends the handling of a request with a problem. */
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

/** What every request carries along. */
export interface NamedRequests extends Env {
  Variables: { requestId: string }
}

/** Gives each request its id, and answers what goes wrong, what is nowhere, and methods that a route does not have. */
export function answerProblems<Requests extends NamedRequests>(
  app: Hono<Requests>,
  { log }: { log: Log },
): void {
  app.use(requestId({ limitLength: 64 }))
  app.onError((error, context) => {
    const id = context.get('requestId')
    return toProblemResponse(problemOf(error, id, log), id)
  })
  app.notFound(context => toProblemResponse(unrouted(app, context.req.path), context.get('requestId')))
}

const RETRY_AFTER_S = 5

function problemOf(error: Error, id: string, log: Log): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException && error.status === 415) return notJson()
  if (error instanceof HTTPException && error.status < 500) {
    return invalidRequest([{ in: 'body', name: '', detail: error.message }])
  }
  if (error instanceof Unavailable) {
    log.warn('request failed', { requestId: id, reason: error.message })
    const detail = 'The database does not answer; the same request may succeed later'
    return new Problem(503, 'Not available now', { detail, retryAfterS: RETRY_AFTER_S })
  }
  log.error('request failed', { requestId: id, error })
  return new Problem(500, 'Our mistake', { detail: 'The log has it under this requestId' })
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

function unrouted({ router }: Pick<Hono, 'router'>, path: string): Problem {
  const allow = METHODS.filter(one =>
    router.match(one, path)[0].some(([[, route]]) => route.method !== 'ALL'),
  )
  // Whoever answers GET answers HEAD.
  if (allow[0] === 'GET') allow.splice(1, 0, 'HEAD')
  if (allow.length === 0) return new Problem(404, 'Not found', { detail: `There is no ${path}` })
  return new Problem(405, 'Method not allowed', { detail: `${path} takes ${allow.join(', ')}`, allow })
}

/** A problem as an answer. */
export function toProblemResponse({ status, message, facts }: Problem, id: string): Response {
  const { retryAfterS, allow, ...rest } = facts
  const body = { type: 'about:blank', title: message, status, ...rest, requestId: id }
  const headers = new Headers({
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    'x-request-id': id,
  })
  if (retryAfterS !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterS)))
  if (allow !== undefined) headers.set('allow', allow.join(', '))
  if (status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(JSON.stringify(body), { status, headers })
}

/** The request is not as it must be, here and here. */
export function invalidRequest(errors: FieldProblem[]): Problem {
  return new Problem(400, 'Invalid request', { errors })
}

function notJson(): Problem {
  return new Problem(415, 'The body is not JSON', { detail: 'Send it with content-type: application/json' })
}

/** Every field of a part of a request that its schema does not take. */
export function toFieldProblems(part: FieldProblem['in'], error: z.core.$ZodError): FieldProblem[] {
  return mistakesOf(error).map(({ path, message: detail }) => ({ in: part, name: path.join('.'), detail }))
}

/** Refuses larger bodies with a problem. */
export function limitBody(bytesMax: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: bytesMax,
    onError: () => {
      throw new Problem(413, 'Request too large', { detail: `At most ${bytesMax} bytes` })
    },
  })
}

/** What is nested deeper would be too deep for whoever walks through it. */
const DEPTH_MAX = 64

const NOT_TEXT = 'has a character that is none: NUL, or half of a pair (U+D800 to U+DFFF)'

/** Texts and keys of a body that the database cannot hold, and what is nested too deep. */
function unheld(document: unknown): FieldProblem[] {
  const found: FieldProblem[] = []
  const left: { value: unknown; name: string; depth: number }[] = [{ value: document, name: '', depth: 0 }]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, name, depth } = next
    if (depth > DEPTH_MAX) {
      const [at = ''] = name.split('.0')
      return [{ in: 'body', name: at.slice(0, 100), detail: `is nested more than ${DEPTH_MAX} deep` }]
    }
    if (typeof value === 'string' && !isText(value)) found.push({ in: 'body', name, detail: NOT_TEXT })
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      if (isText(key))
        left.push({ value: inner, name: name === '' ? key : `${name}.${key}`, depth: depth + 1 })
      else found.push({ in: 'body', name, detail: `its key ${NOT_TEXT}` })
    }
  }
  return found
}

const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\u0000')

/** Parameters of a query that the database cannot hold. */
function unheldQuery(queries: Record<string, string[]>): FieldProblem[] {
  return Object.entries(queries)
    .filter(([name, values]) => !isText(name) || !values.every(isText))
    .map(([name]) => ({ in: 'query', name: name.toWellFormed().replaceAll('\u0000', ''), detail: NOT_TEXT }))
}

/** Refuses queries and JSON with text that the database cannot hold. What is no JSON is left to who reads it. */
export function refuseUnheldText(): MiddlewareHandler {
  return async (context, next) => {
    const unfit = unheldQuery(context.req.queries())
    if (unfit.length > 0) throw invalidRequest(unfit)
    if (isJson(context)) {
      let document: unknown
      try {
        document = await context.req.json()
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
      }
      const mistakes = unheld(document)
      if (mistakes.length > 0) throw invalidRequest(mistakes)
    }
    return next()
  }
}

const isJson = (context: Context): boolean =>
  /^application\/([\w.-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')

/** The query of a request, read by its schema. Throws Problem. */
export function readQuery<Query extends z.ZodType>(context: Context, schema: Query): z.output<Query> {
  const parsed = schema.safeParse(context.req.query())
  if (!parsed.success) throw invalidRequest(toFieldProblems('query', parsed.error))
  return parsed.data
}

/** The JSON body of a request, read by its schema. Throws Problem. */
export async function readBody<Body extends z.ZodType>(
  context: Context,
  schema: Body,
): Promise<z.output<Body>> {
  if (!isJson(context)) throw notJson()
  let document: unknown
  try {
    document = await context.req.json()
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw invalidRequest([{ in: 'body', name: '', detail: `Malformed JSON: ${error.message}` }])
  }
  const mistakes = unheld(document)
  if (mistakes.length > 0) throw invalidRequest(mistakes)
  const parsed = schema.safeParse(document)
  if (!parsed.success) throw invalidRequest(toFieldProblems('body', parsed.error))
  return parsed.data
}
