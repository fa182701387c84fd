// The rest of a list that came in part.

import type { UseInfiniteQueryResult } from '@tanstack/react-query'
import { useText } from '../i18n/language.tsx'

/** The button that brings the next page of an infinite query; nothing when all is there. */
export function More({
  query,
}: {
  query: Pick<UseInfiniteQueryResult, 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'>
}) {
  const text = useText()
  if (!query.hasNextPage) return null
  return (
    <p className="more">
      <button
        type="button"
        className="button"
        disabled={query.isFetchingNextPage}
        onClick={() => query.fetchNextPage()}
      >
        {query.isFetchingNextPage ? text.loading : text.ui.more}
      </button>
    </p>
  )
}
