// What the screens of declaring ask, besides slots.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { ask } from './client.ts'

const CALM_MS = 15_000

const cursorOf = (cursor: string | null) => (cursor === null ? {} : { cursor })

/** The works that one may see. */
export const worksQuery = infiniteQueryOptions({
  queryKey: ['works'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/compliance/works', { query: { limit: 500, ...cursorOf(pageParam) }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
  refetchInterval: CALM_MS,
})

/** A work, what is owed of it, and who changed that. */
export const workQuery = (work: string) =>
  queryOptions({
    queryKey: ['work', work],
    queryFn: ({ signal }) => ask('GET /api/v1/compliance/works/{work}', { path: { work }, signal }),
  })

/** A month of each work, counted. */
export const reconciliationQuery = (month: string) =>
  infiniteQueryOptions({
    queryKey: ['reconciliation', month],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/compliance/reconciliation', {
        query: { month, limit: 100, ...cursorOf(pageParam) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
    placeholderData: keepPreviousData,
  })

/** A month of one work, counted. */
export const workMonthQuery = (work: string, month: string) =>
  queryOptions({
    queryKey: ['reconciliation', month, work],
    queryFn: ({ signal }) => ask('GET /api/v1/compliance/reconciliation', { query: { month, work }, signal }),
  })

/** What may be sent, and who said so. */
export const sendingQuery = queryOptions({
  queryKey: ['sending'],
  queryFn: ({ signal }) => ask('GET /api/v1/compliance/sending', { signal }),
  refetchInterval: CALM_MS,
})

/** Sensors that were declared faulty. */
export const faultsQuery = infiniteQueryOptions({
  queryKey: ['faults'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/compliance/sensor-faults', { query: { limit: 50, ...cursorOf(pageParam) }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
})

/** A slot, and what people decided about it. */
export const slotQuery = (slot: number) =>
  queryOptions({
    queryKey: ['slot', slot],
    queryFn: ({ signal }) => ask('GET /api/v1/compliance/slots/{slot}', { path: { slot }, signal }),
    refetchInterval: CALM_MS,
  })
