// What the screens of the administration ask: what people look after, and who changed it.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { type Answer, ApiProblem, ask, askSeen, type Route } from './client.ts'

/** Which of a list. */
export type Which = 'false' | 'true'

/** Everything of a list that comes in pages. */
async function allPages<Item>(
  page: (cursor: { cursor?: string }) => Promise<{ items: readonly Item[]; next: string | null }>,
): Promise<Item[]> {
  const first = await page({})
  const items = [...first.items]
  for (let { next } = first; next !== null; ) {
    const more = await page({ cursor: next })
    items.push(...more.items)
    next = more.next
  }
  return items
}

/** Clients in use, or archived. */
export const clientsQuery = (archived: Which) =>
  queryOptions({
    queryKey: ['clients', archived],
    queryFn: ({ signal }) =>
      allPages(cursor => ask('GET /api/v1/clients', { query: { archived, limit: 1000, ...cursor }, signal })),
  })

/** One client. */
export const clientQuery = (client: string) =>
  queryOptions({
    queryKey: ['client', client],
    queryFn: ({ signal }) => askSeen('GET /api/v1/clients/{client}', { path: { client }, signal }),
  })

/** Projects in use, or archived; of one client, or all. */
export const projectsQuery = (archived: Which, client?: string) =>
  queryOptions({
    queryKey: ['projects', archived, client],
    queryFn: ({ signal }) =>
      allPages(cursor =>
        ask('GET /api/v1/projects', {
          query: { archived, limit: 1000, ...(client === undefined ? {} : { client }), ...cursor },
          signal,
        }),
      ),
  })

/** One project. */
export const projectQuery = (project: string) =>
  queryOptions({
    queryKey: ['project', project],
    queryFn: ({ signal }) => askSeen('GET /api/v1/projects/{project}', { path: { project }, signal }),
  })

/** Points in use, or archived. */
export const pointListQuery = (archived: Which) =>
  queryOptions({
    queryKey: ['point-list', archived],
    queryFn: ({ signal }) =>
      allPages(cursor => ask('GET /api/v1/points', { query: { archived, limit: 1000, ...cursor }, signal })),
  })

/** One point, to be changed. */
export const pointSeenQuery = (point: string) =>
  queryOptions({
    queryKey: ['point-seen', point],
    queryFn: ({ signal }) => askSeen('GET /api/v1/points/{point}', { path: { point }, signal }),
  })

/** How the variables of a point are shown. */
export const variablesQuery = (point: string) =>
  queryOptions({
    queryKey: ['variables', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/variables', { path: { point }, signal }),
  })

/** Whom to call about a point. */
export const contactsQuery = (point: string) =>
  queryOptions({
    queryKey: ['contacts', point],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/contacts', { path: { point }, query: { limit: 1000 }, signal }),
  })

/** Documents of a point. */
export const documentsQuery = (point: string, archived: Which) =>
  queryOptions({
    queryKey: ['documents', point, archived],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/documents', {
        path: { point },
        query: { archived, limit: 1000 },
        signal,
      }),
  })

/** Gateways in use, or archived. */
export const stationsQuery = (archived: Which) =>
  queryOptions({
    queryKey: ['stations', archived],
    queryFn: ({ signal }) =>
      allPages(cursor =>
        ask('GET /api/v1/gateways', { query: { archived, limit: 1000, ...cursor }, signal }),
      ),
  })

/** What people say of a gateway. */
export const stationQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['station', gateway],
    queryFn: ({ signal }) =>
      askSeen('GET /api/v1/gateways/{gateway}/settings', { path: { gateway }, signal }),
  })

/** The devices of all gateways. */
export const devicesQuery = queryOptions({
  queryKey: ['devices'],
  queryFn: ({ signal }) =>
    allPages(cursor => ask('GET /api/v1/devices', { query: { limit: 1000, ...cursor }, signal })),
})

/** Which changes are asked for. */
export interface AuditAsked {
  entity?: string
  actor?: string
  subject?: string
  client?: string
  point?: string
  from?: string
  to?: string
}

/** Who changed what, page by page. */
export const auditQuery = (asked: AuditAsked) =>
  infiniteQueryOptions({
    queryKey: ['audit', asked],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/audit', {
        query: { limit: 50, ...asked, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

/** Asks for something new, so that it is made once however often it is sent: the key is of what was asked. */
export async function make<Name extends Route>(
  route: Name,
  asked: Parameters<typeof ask<Name>>[1],
  key: string,
): Promise<Answer<Name>> {
  return ask(route, { ...asked, headers: { 'idempotency-key': key } } as Parameters<typeof ask<Name>>[1])
}

const TIMEOUT_MS = 120_000

/** Sends a file as a document of a point. */
export async function uploadDocument(
  point: string,
  file: File,
  { title, kind }: { title: string; kind: string },
): Promise<void> {
  const query = new URLSearchParams({ name: file.name, title, kind })
  const response = await fetch(`/api/v1/points/${encodeURIComponent(point)}/documents?${query}`, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': file.type },
    body: file,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.ok) return
  const {
    title: said,
    detail,
    errors,
  } = (await response.json()) as {
    title: string
    detail?: string
    errors?: { name: string; detail: string }[]
  }
  throw new ApiProblem(said, { status: response.status, detail, errors })
}
