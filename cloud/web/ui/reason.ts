// Why something failed, for people.

import { ApiProblem, Unreachable } from '../api/client.ts'
import { useText } from '../i18n/language.tsx'

/** Why something failed, in the language that is shown; what the API says itself is said as it is. */
export function useReason(error: Error): string {
  const { failure } = useText()
  if (error instanceof Unreachable) return failure.unreachable
  if (!(error instanceof ApiProblem)) return error.message
  if (error.status === 403) return failure.forbidden
  if (error.status === 404) return failure.notFound
  if (error.status === 429) return failure.tooMany
  if (error.status === 503) return failure.unreachable
  if (error.status >= 500) return failure.ours
  if (error.errors.length > 0)
    return error.errors.map(({ name, detail }) => `${name} ${detail}`.trim()).join('; ')
  return error.detail ?? error.message
}
