// What the screens ask, how often they ask again, and what is kept meanwhile.

import {
  infiniteQueryOptions,
  keepPreviousData,
  QueryCache,
  QueryClient,
  queryOptions,
} from '@tanstack/react-query'
import { heed } from '../clock.ts'
import { ApiProblem, ask } from './client.ts'
import { liveMs } from './live.ts'
import type { SlotState, Variable } from './types.ts'

const LIVE_MS = 5_000
const CALM_MS = 15_000

/** Everything that was asked. `onSignedOut` is told when the session is over. */
export function openQueries(onSignedOut: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: error => {
        if (error instanceof ApiProblem && error.status === 401) onSignedOut()
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: LIVE_MS,
        retry: (failures, error) => failures < 2 && !(error instanceof ApiProblem && error.status < 500),
      },
    },
  })
}

/** Who is signed in; null: nobody. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }) => (await ask('GET /api/v1/session', { signal })).me,
  staleTime: 5 * 60_000,
})

/** The sessions of who is signed in. */
export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => ask('GET /api/v1/me/sessions', { signal }),
})

/** Everybody who may sign in, page by page. */
export const usersQuery = infiniteQueryOptions({
  queryKey: ['users'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/users', { query: pageParam === null ? {} : { cursor: pageParam }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
})

/** One of them. */
export const userQuery = (user: string) =>
  queryOptions({
    queryKey: ['user', user],
    queryFn: ({ signal }) => ask('GET /api/v1/users/{user}', { path: { user }, signal }),
  })

/** Every API key, page by page. */
export const keysQuery = infiniteQueryOptions({
  queryKey: ['api-keys'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/api-keys', { query: pageParam === null ? {} : { cursor: pageParam }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
})

/** What somebody signs in with. */
export const securityQuery = queryOptions({
  queryKey: ['security'],
  queryFn: ({ signal }) => ask('GET /api/v1/me/security', { signal }),
})

/** One's own API keys. */
export const ownKeysQuery = queryOptions({
  queryKey: ['own-keys'],
  queryFn: ({ signal }) => ask('GET /api/v1/me/keys', { signal }),
})

/** How one can sign in here. */
export const waysQuery = queryOptions({
  queryKey: ['ways'],
  queryFn: ({ signal }) => ask('GET /api/v1/session/ways', { signal }),
  staleTime: 5 * 60_000,
})

/** Every point. More than one page only where there are more than a thousand. */
export const overviewQuery = queryOptions({
  queryKey: ['overview'],
  queryFn: async ({ signal }) => {
    const first = await ask('GET /api/v1/overview', { signal })
    heed(Date.parse(first.at))
    const items = [...first.items]
    for (let { next } = first; next !== null; ) {
      const page = await ask('GET /api/v1/overview', { query: { cursor: next }, signal })
      items.push(...page.items)
      next = page.next
    }
    return { at: first.at, items }
  },
  refetchInterval: liveMs,
})

/** One point and its depths. */
export const pointQuery = (point: string) =>
  queryOptions({
    queryKey: ['point', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}', { path: { point }, signal }),
    staleTime: 60_000,
  })

/** Its newest values. */
export const latestQuery = (point: string) =>
  queryOptions({
    queryKey: ['latest', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/latest', { path: { point }, signal }),
    refetchInterval: liveMs,
  })

/** A variable over a stretch of time. `isLive`: its end is now, so it is asked for again. */
export const seriesQuery = (
  point: string,
  {
    variable,
    from,
    to,
    steps,
    isLive,
  }: { variable: Variable; from: number; to: number; steps: number; isLive: boolean },
) =>
  queryOptions({
    queryKey: ['series', point, variable, from, to, steps],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/series', {
        path: { point },
        query: { variable, from: toText(from), to: toText(to), steps },
        signal,
      }),
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? CALM_MS : false,
    staleTime: isLive ? LIVE_MS : 5 * 60_000,
  })

/** How finely consumption is told. */
export type ConsumptionBy = 'hour' | 'day' | 'month'

/** What a point has taken. */
export const consumptionQuery = (point: string, by: ConsumptionBy) =>
  queryOptions({
    queryKey: ['consumption', point, by],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/consumption', { path: { point }, query: { by }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  })

/** Slots, newest first, page by page. */
export const slotsQuery = (asked: { point?: string; state?: SlotState; from?: number; to?: number }) =>
  infiniteQueryOptions({
    queryKey: ['slots', asked],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/compliance/slots', {
        query: {
          limit: 50,
          ...(asked.point === undefined ? {} : { point: asked.point }),
          ...(asked.state === undefined ? {} : { state: asked.state }),
          ...(asked.from === undefined ? {} : { from: toText(asked.from) }),
          ...(asked.to === undefined ? {} : { to: toText(asked.to) }),
          ...(pageParam === null ? {} : { cursor: pageParam }),
        },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  })

/** What became of what was due, hour by hour, of the last days. */
export const slotHoursQuery = (point: string, { from, to }: { from: number; to: number }) =>
  queryOptions({
    queryKey: ['slot-hours', point, from, to],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/slot-hours', {
        path: { point },
        query: { from: toText(from), to: toText(to) },
        signal,
      }),
    placeholderData: keepPreviousData,
    refetchInterval: CALM_MS,
  })

/** What is wrong now, and what was. */
export const incidentsQuery = (state: 'open' | 'closed') =>
  queryOptions({
    queryKey: ['incidents', state],
    queryFn: ({ signal }) => ask('GET /api/v1/incidents', { query: { state, limit: 200 }, signal }),
    refetchInterval: CALM_MS,
  })

/** Which incidents are shown; what is empty or absent does not matter. */
export interface IncidentFilter {
  state: 'open' | 'closed'
  severity?: '' | 'info' | 'warning' | 'critical'
  acknowledged?: '' | 'true' | 'false'
  assignedTo?: '' | 'me'
}

/** Incidents, newest first, page by page. */
export const incidentListQuery = ({ state, severity, acknowledged, assignedTo }: IncidentFilter) =>
  infiniteQueryOptions({
    queryKey: ['incidents', state, severity ?? '', acknowledged ?? '', assignedTo ?? ''],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/incidents', {
        query: {
          ...{ state, limit: 50 },
          ...(severity ? { severity } : {}),
          ...(acknowledged ? { acknowledged } : {}),
          ...(assignedTo ? { assignedTo } : {}),
          ...(pageParam === null ? {} : { cursor: pageParam }),
        },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  })

/** One incident. */
export const incidentQuery = (incident: number) =>
  queryOptions({
    queryKey: ['incident', incident],
    queryFn: ({ signal }) => ask('GET /api/v1/incidents/{incident}', { path: { incident }, signal }),
    refetchInterval: CALM_MS,
  })

/** Its story, newest first, page by page. */
export const incidentEventsQuery = (incident: number) =>
  infiniteQueryOptions({
    queryKey: ['incident-events', incident],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/incidents/{incident}/events', {
        path: { incident },
        query: { limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    refetchInterval: CALM_MS,
  })

/** Who was told of it. */
export const deliveriesQuery = (incident: number) =>
  queryOptions({
    queryKey: ['deliveries', incident],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/incidents/{incident}/deliveries', { path: { incident }, signal }),
    refetchInterval: CALM_MS,
  })

/** Who can be given it. */
export const peopleOfIncidentQuery = (incident: number) =>
  queryOptions({
    queryKey: ['incident-people', incident],
    queryFn: ({ signal }) => ask('GET /api/v1/incidents/{incident}/people', { path: { incident }, signal }),
    staleTime: 60_000,
  })

/** Alert rules, page by page. */
export const alertRulesQuery = infiniteQueryOptions({
  queryKey: ['alert-rules'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/alert-rules', {
      query: { limit: 100, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
})

/** One rule, and who changed it. It is not asked again while somebody changes it. */
export const alertRuleQuery = (rule: number) =>
  queryOptions({
    queryKey: ['alert-rule', rule],
    queryFn: ({ signal }) => ask('GET /api/v1/alert-rules/{rule}', { path: { rule }, signal }),
    refetchOnWindowFocus: false,
    staleTime: 60_000,
  })

/** Ways to people besides mail. */
export const channelsQuery = queryOptions({
  queryKey: ['alert-channels'],
  queryFn: ({ signal }) => ask('GET /api/v1/alert-channels', { signal }),
})

/** When rules say nothing. */
export const maintenanceQuery = (state: 'coming' | 'all') =>
  infiniteQueryOptions({
    queryKey: ['maintenance', state],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/maintenance', {
        query: { state, limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

/** How who is signed in wants to be told. */
export const ownNotificationsQuery = queryOptions({
  queryKey: ['own-notifications'],
  queryFn: ({ signal }) => ask('GET /api/v1/me/notifications', { signal }),
  refetchOnWindowFocus: false,
})

/** What who is signed in was sent. */
export const ownDeliveriesQuery = queryOptions({
  queryKey: ['own-deliveries'],
  queryFn: ({ signal }) => ask('GET /api/v1/me/deliveries', { signal }),
  refetchInterval: LIVE_MS,
})

/** All gateways. */
export const gatewaysQuery = queryOptions({
  queryKey: ['gateways'],
  queryFn: ({ signal }) => ask('GET /api/v1/gateways', { query: { limit: 1000 }, signal }),
  refetchInterval: LIVE_MS,
})

/** One gateway. */
export const gatewayQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['gateway', gateway],
    queryFn: ({ signal }) => ask('GET /api/v1/gateways/{gateway}', { path: { gateway }, signal }),
    refetchInterval: LIVE_MS,
  })

/** What a gateway was told to do. */
export const commandsQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['commands', gateway],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/gateways/{gateway}/commands', { path: { gateway }, query: { limit: 20 }, signal }),
    refetchInterval: CALM_MS,
  })

const toText = (at: number): string => new Date(at).toISOString()
