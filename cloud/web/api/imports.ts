// What the screens of imports ask.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { ask } from './client.ts'
import type { Import } from './types.ts'

const BUSY_MS = 1_000
const CALM_MS = 15_000

/** Whether something is being done with it. */
export const isBusy = ({ state }: Pick<Import, 'state'>): boolean =>
  state === 'uploaded' || state === 'confirmed' || state === 'undoing'

/** Imports, newest first. */
export const importsQuery = infiniteQueryOptions({
  queryKey: ['imports'],
  queryFn: ({ pageParam, signal }) =>
    ask('GET /api/v1/imports', {
      query: { limit: 20, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: page => page.next,
  refetchInterval: ({ state }) =>
    state.data?.pages.some(({ items }) => items.some(isBusy)) === true ? BUSY_MS : CALM_MS,
})

/** One import; asked for again and again while something is being done with it. */
export const importQuery = (id: number) =>
  queryOptions({
    queryKey: ['import', id],
    queryFn: ({ signal }) => ask('GET /api/v1/imports/{import}', { path: { import: id }, signal }),
    refetchInterval: ({ state }) => (state.data !== undefined && isBusy(state.data) ? BUSY_MS : false),
  })
