// Live data: one stream for the whole application, while somebody looks at it.
//
// Browsers have six connections for each server over HTTP/1.1, for all tabs together: a tab that nobody sees gives its back.
// While the stream stands values are not asked for again and again; when it does not, they are, as before.

import type { QueryClient } from '@tanstack/react-query'
import type { Latest, OverviewPage, PointLatest } from './types.ts'

const LIVE_MS = 5_000
const STREAMED_MS = 30_000
const AGAIN_MS = 15_000

let isStreaming = false

/** How often to ask for what the stream tells. */
export const liveMs = (): number => (isStreaming ? STREAMED_MS : LIVE_MS)

/** Follows what changes until it is told to stop. */
export function followLive(queries: QueryClient): () => void {
  let source: EventSource | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const close = () => {
    clearTimeout(again)
    source?.close()
    source = undefined
    isStreaming = false
  }
  const askAnew = () => {
    queries.invalidateQueries({ queryKey: ['latest'] })
    queries.invalidateQueries({ queryKey: ['overview'] })
  }
  const open = () => {
    close()
    if (document.hidden) return
    const opened = new EventSource('/api/v1/live?start=changes')
    source = opened
    opened.addEventListener('latest', ({ data }) => takeOver(queries, JSON.parse(data).items))
    opened.addEventListener('ready', () => {
      if (!isStreaming) askAnew()
      isStreaming = true
    })
    opened.addEventListener('reset', askAnew)
    opened.addEventListener('error', () => {
      isStreaming = false
      // The browser comes back by itself but after an answer that refuses.
      if (opened.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_MS)
    })
  }
  open()
  document.addEventListener('visibilitychange', open)
  return () => {
    document.removeEventListener('visibilitychange', open)
    close()
  }
}

function takeOver(queries: QueryClient, items: readonly PointLatest[]): void {
  for (const item of items) {
    const key = ['latest', item.point]
    if (queries.getQueryData(key) !== undefined) queries.setQueryData(key, item)
  }
  const changed = new Map(items.map(({ point, latest }) => [point, latest]))
  queries.setQueryData<{ at: string; items: OverviewPage['items'] }>(
    ['overview'],
    old => old && { ...old, items: old.items.map(one => withLatest(one, changed.get(one.key))) },
  )
}

function withLatest(
  point: OverviewPage['items'][number],
  latest: readonly Latest[] | undefined,
): OverviewPage['items'][number] {
  if (latest === undefined) return point
  const newest = latest.map(({ variable, at, value, quality, goodAt, goodValue }) => ({
    ...{ variable, at, value, quality, goodAt, goodValue },
  }))
  const lastAt = [point.lastAt, ...newest.map(({ at }) => at)]
    .filter(at => at !== null)
    .toSorted()
    .at(-1)
  return { ...point, latest: newest, lastAt: lastAt ?? null }
}
