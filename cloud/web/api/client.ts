// Asks the API. What it answers has the type that its document gives (types.ts); what goes wrong is thrown.

import type { Routes } from './types.ts'

/** A route of the API. */
export type Route = keyof Routes

/** What a route answers. */
export type Answer<Name extends Route> = Routes[Name]['answer']

type Asked<Name extends Route> = (Routes[Name]['path'] extends Record<string, never>
  ? { path?: undefined }
  : { path: Routes[Name]['path'] }) &
  (Routes[Name]['query'] extends Record<string, never>
    ? { query?: undefined }
    : { query?: Partial<Routes[Name]['query']> }) &
  (Routes[Name]['body'] extends undefined ? { body?: undefined } : { body: Routes[Name]['body'] }) & {
    headers?: Record<string, string>
    signal?: AbortSignal
    /** For what is known to take its time. */
    timeoutMs?: number
  }

/** One thing wrong with what was sent, by the name of the field. */
export interface FieldWrong {
  name: string
  detail: string
}

/** What the API says went wrong. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly status: number
  readonly detail: string | undefined
  readonly requestId: string | undefined
  readonly retryAfterS: number | undefined
  readonly errors: readonly FieldWrong[]

  constructor(
    title: string,
    {
      status,
      detail,
      requestId,
      retryAfterS,
      errors = [],
    }: {
      status: number
      detail?: string | undefined
      requestId?: string | undefined
      retryAfterS?: number | undefined
      errors?: readonly FieldWrong[] | undefined
    },
  ) {
    super(title)
    this.status = status
    this.detail = detail
    this.requestId = requestId
    this.retryAfterS = retryAfterS
    this.errors = errors
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

const TIMEOUT_MS = 30_000

/** Asks a route. Throws ApiProblem for what the API refuses, Unreachable when nobody answers in time. */
export async function ask<Name extends Route>(route: Name, asked: Asked<Name>): Promise<Answer<Name>> {
  const response = await answerOf(route, asked)
  if (response.status === 204) return undefined as Answer<Name>
  return (await response.json()) as Answer<Name>
}

/** Asks a route that answers with a file. */
export async function askFile<Name extends Route>(route: Name, asked: Asked<Name>): Promise<Blob> {
  return (await answerOf(route, asked)).blob()
}

/** A document, and the ETag that says which version of it was seen. */
export interface Seen<Document> {
  document: Document
  etag: string
}

/** Asks a route, and keeps by which name what it answered may be changed. */
export async function askSeen<Name extends Route>(
  route: Name,
  asked: Asked<Name>,
): Promise<Seen<Answer<Name>>> {
  const response = await answerOf(route, asked)
  return { document: (await response.json()) as Answer<Name>, etag: response.headers.get('etag') ?? '' }
}

async function answerOf<Name extends Route>(route: Name, asked: Asked<Name>): Promise<Response> {
  const [method = 'GET', template = ''] = route.split(' ')
  const {
    path,
    query,
    body,
    headers,
    signal,
    timeoutMs = TIMEOUT_MS,
  } = asked as {
    path?: Record<string, string>
    query?: Record<string, string | number | undefined>
    body?: unknown
    headers?: Record<string, string>
    signal?: AbortSignal
    timeoutMs?: number
  }
  const timeout = AbortSignal.timeout(timeoutMs)
  const response = await fetch(toUrl(template, path, query), {
    method,
    credentials: 'same-origin',
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error
    throw new Unreachable('Nobody answered', { cause: error })
  })
  if (!response.ok) throw await problemOf(response)
  return response
}

/** The address of a route. */
export function toUrl(
  template: string,
  path: Record<string, string> = {},
  query: Record<string, string | number | undefined> = {},
): string {
  const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''))
  const params = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return params.length === 0 ? filled : `${filled}?${new URLSearchParams(params)}`
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const facts = {
    status: response.status,
    retryAfterS: Number.isFinite(retryAfter) ? retryAfter : undefined,
  }
  const isProblem = (response.headers.get('content-type') ?? '').includes('json')
  if (!isProblem) return new ApiProblem(response.statusText, facts)
  const { title, detail, requestId, errors } = (await response.json()) as {
    title?: string
    detail?: string
    requestId?: string
    errors?: FieldWrong[]
  }
  return new ApiProblem(title ?? response.statusText, { ...facts, detail, requestId, errors })
}
