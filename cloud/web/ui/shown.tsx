// What stands where something asked for should be: while it comes, when it fails, when there is none of it.

import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiProblem, Unreachable } from '../api/client.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from './icons.tsx'
import { useReason } from './reason.ts'

/** What was asked for, once it is there; before, and when it fails, what is to be said of that. */
export function Shown<Data>({
  query,
  lines = 3,
  children,
}: {
  query: Pick<UseQueryResult<Data>, 'data' | 'error' | 'refetch'>
  lines?: number
  children: (data: Data) => ReactNode
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error instanceof Unreachable && <Stale />}
        {children(query.data)}
      </>
    )
  }
  if (query.error !== null) return <Failure error={query.error} retry={() => query.refetch()} />
  return <Loading lines={lines} />
}

/** Something is on its way. */
export function Loading({ lines = 3 }: { lines?: number }) {
  const text = useText()
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">{text.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of a placeholder have nothing but their place
        <span key={line} className="skeleton-line" />
      ))}
    </div>
  )
}

/** Something could not be had, and why. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const text = useText()
  return (
    <div className="notice notice-failure" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{text.failure.title}</strong>
        <p>{useReason(error)}</p>
        {error instanceof ApiProblem && error.requestId !== undefined && error.status >= 500 && (
          <p className="faint">{text.failure.reference(error.requestId)}</p>
        )}
        {retry !== undefined && (
          <button type="button" className="button" onClick={retry}>
            {text.failure.retry}
          </button>
        )}
      </div>
    </div>
  )
}

function Stale() {
  const text = useText()
  return (
    <p className="stale" role="status">
      <Icon name="warning" size={16} />
      {text.failure.stale}
    </p>
  )
}

/** There is none of it, and what to do about that. */
export function Empty({ title, hint, children }: { title: string; hint?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {hint !== undefined && <p className="faint">{hint}</p>}
      {children}
    </div>
  )
}
