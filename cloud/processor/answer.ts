// How the processor and the analytics answer what they refuse: RFC 9457.

import type { Context } from 'hono'

/** A problem, as `application/problem+json`. */
export function problem(
  context: Context,
  status: 400 | 401 | 403 | 404 | 409 | 422 | 503,
  title: string,
  detail?: string,
): Response {
  const body = { type: 'about:blank', title, status, ...(detail === undefined ? {} : { detail }) }
  return context.json(body, status, { 'content-type': 'application/problem+json' })
}

/** What came of asking whether a request may be answered. */
export type Verdict<Allowed> =
  | ({ kind: 'allowed' } & Allowed)
  | { kind: 'unknown' }
  | { kind: 'refused'; reason: string }

/** The answer to a request that may not be answered; `undefined` when it may. */
export function refusal(context: Context, verdict: Verdict<object>): Response | undefined {
  if (verdict.kind === 'unknown') {
    context.header('www-authenticate', 'Bearer')
    return problem(context, 401, 'Not signed in')
  }
  return verdict.kind === 'refused' ? problem(context, 403, 'Not allowed', verdict.reason) : undefined
}

/** `client.project.point`, or a point's own name, in parts; `undefined` when it is neither. */
export function toPointName(text: string): { client?: string; project?: string; point: string } | undefined {
  const parts = text.split('.')
  const [client = '', project = '', point = ''] = parts
  if (parts.length === 3) return { client, project, point }
  return parts.length === 1 && client !== '' ? { point: client } : undefined
}
