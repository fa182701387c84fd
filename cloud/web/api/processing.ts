// What the screens of processing ask.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { ask } from './client.ts'

/** By what rules the values of a point are made. */
export const rulesQuery = (point: string) =>
  queryOptions({
    queryKey: ['processing', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/processing', { path: { point }, signal }),
  })

const cursorOf = (cursor: string | null) => (cursor === null ? {} : { cursor })

/** Who changed how a point is processed. */
export const processingChangesQuery = (point: string) =>
  infiniteQueryOptions({
    queryKey: ['processing-changes', point],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/points/{point}/processing/changes', {
        path: { point },
        query: { limit: 20, ...cursorOf(pageParam) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

/** What people did to the meter. */
export const meterEventsQuery = (point: string) =>
  infiniteQueryOptions({
    queryKey: ['meter-events', point],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/points/{point}/meter-events', {
        path: { point },
        query: { limit: 20, ...cursorOf(pageParam) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

const YEAR_MS = 365 * 86_400_000

/** What the counter did besides counting, in the last year. */
export const counterEventsQuery = (point: string, now: number) =>
  infiniteQueryOptions({
    queryKey: ['counter-events', point],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/points/{point}/counter-events', {
        path: { point },
        query:
          pageParam === null
            ? { limit: 50, from: new Date(now - YEAR_MS).toISOString() }
            : { limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

/** What was computed again. */
export const recomputationsQuery = (point: string) =>
  infiniteQueryOptions({
    queryKey: ['recomputations', point],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/recomputations', {
        query: { point, limit: 20, ...cursorOf(pageParam) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })
