// What the screens of balances and analyses ask.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { ask } from './client.ts'

const CALM_MS = 60_000

/** By what a balance is told. */
export type BalanceBy = 'day' | 'month'

/** What a point took, by day of the last weeks or by month of the last year. */
export const balancesQuery = (point: string, by: BalanceBy) =>
  queryOptions({
    queryKey: ['balances', point, by],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/balances', { path: { point }, query: { by }, signal }),
    placeholderData: keepPreviousData,
    staleTime: CALM_MS,
  })

/** What the points of a project took, together and each. */
export const projectBalancesQuery = (project: string, by: BalanceBy) =>
  queryOptions({
    queryKey: ['project-balances', project, by],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/projects/{project}/balances', { path: { project }, query: { by }, signal }),
    placeholderData: keepPreviousData,
    staleTime: CALM_MS,
  })

/** How much of the right is used. */
export const usedQuery = (point: string, year?: number) =>
  queryOptions({
    queryKey: ['use', point, year],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/points/{point}/use', {
        path: { point },
        query: year === undefined ? {} : { year },
        signal,
      }),
    staleTime: CALM_MS,
  })

/** What a point usually takes in each hour of the week. */
export const baselineQuery = (point: string) =>
  queryOptions({
    queryKey: ['baseline', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/baseline', { path: { point }, signal }),
    staleTime: CALM_MS,
  })

/** What will have been taken by the end of the month and the year. */
export const projectionQuery = (point: string) =>
  queryOptions({
    queryKey: ['projection', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/projection', { path: { point }, signal }),
    staleTime: CALM_MS,
  })

/** What the well gives for each metre. */
export const capacityQuery = (point: string) =>
  queryOptions({
    queryKey: ['capacity', point],
    queryFn: ({ signal }) => ask('GET /api/v1/points/{point}/specific-capacity', { path: { point }, signal }),
    staleTime: CALM_MS,
  })

/** What was out of its pattern, newest first. */
export const anomaliesQuery = (point: string) =>
  infiniteQueryOptions({
    queryKey: ['anomalies', point],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/points/{point}/anomalies', {
        path: { point },
        query: { limit: 20, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    staleTime: CALM_MS,
  })
