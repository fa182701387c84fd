// Changing what was seen: what is sent is what differs, and when somebody was faster, what they changed is shown first.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiProblem, type Seen } from '../../api/client.ts'
import { useText } from '../../i18n/language.tsx'
import { FieldDiff } from '../../ui/diff.tsx'
import { Icon } from '../../ui/icons.tsx'
import { say } from '../../ui/toast.tsx'

/** The fields of `wanted` that differ from the document. */
export function differing<Wanted extends object>(document: object, wanted: Wanted): Partial<Wanted> {
  const before = document as Record<string, unknown>
  const named = Object.entries(wanted).filter(([field, value]) => value !== before[field])
  return Object.fromEntries(named) as Partial<Wanted>
}

/** What was typed as the API takes it: nothing for an empty line. */
export const orNothing = (typed: string): string | null => (typed.trim() === '' ? null : typed.trim())

/**
 * Saves what differs from what was seen when the form was opened, whatever is read meanwhile: what somebody else has changed is
 * not taken back by who did not touch it. After a conflict `conflict` holds what is there now, and the next change is made
 * over that. `keys`: what is asked for again.
 */
export function useChange<Document extends object, Patch extends object>({
  seen,
  look,
  save,
  keys,
  onSaved,
}: {
  seen: Seen<Document>
  look: () => Promise<Seen<Document>>
  save: (patch: Partial<Patch>, match: { 'if-match': string }) => Promise<Document>
  keys: readonly (readonly unknown[])[]
  onSaved?: (document: Document) => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const [base, setBase] = useState(seen)
  const [conflict, setConflict] = useState<Seen<Document> | undefined>()
  const mutation = useMutation({
    mutationFn: ({ patch, etag }: { patch: Partial<Patch>; etag: string }) =>
      save(patch, { 'if-match': etag }),
    onSuccess: async document => {
      setConflict(undefined)
      setBase(await look())
      say(text.entities.saved)
      for (const queryKey of keys) await queries.invalidateQueries({ queryKey })
      onSaved?.(document)
    },
    onError: async error => {
      if (error instanceof ApiProblem && error.status === 412) setConflict(await look())
    },
  })
  const isConflict = mutation.error instanceof ApiProblem && mutation.error.status === 412
  return {
    base: base.document,
    isBusy: mutation.isPending,
    error: isConflict ? null : mutation.error,
    conflict: isConflict ? conflict : undefined,
    change(wanted: Patch) {
      const patch = differing(base.document, wanted) as Partial<Patch>
      if (Object.keys(patch).length === 0) {
        say(text.entities.nothingChanged)
        return
      }
      mutation.mutate({ patch, etag: (conflict ?? base).etag })
    },
  }
}

/** Somebody was faster: what they changed since it was seen. */
export function Conflict({
  before,
  now,
  nameOf,
}: {
  before: object
  now: object | undefined
  nameOf: (path: string) => string
}) {
  const text = useText()
  if (now === undefined) return null
  return (
    <div className="notice notice-failure" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{text.entities.conflict}</strong>
        <p>{text.entities.conflictHint}</p>
        <FieldDiff before={before} after={now} nameOf={nameOf} />
      </div>
    </div>
  )
}
