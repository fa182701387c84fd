// What is done with something as a whole: out of use, in use again, or deleted where it never held anything.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useText } from '../../i18n/language.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Failure } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'

/** Buttons that archive, restore and delete. What cannot be done says why. */
export function Archiving({
  name,
  isArchived,
  archive,
  remove,
  keys,
  onRemoved,
}: {
  name: string
  isArchived: boolean
  archive: (archived: boolean) => Promise<unknown>
  remove: () => Promise<unknown>
  keys: readonly (readonly unknown[])[]
  onRemoved: () => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const [isRemoving, setRemoving] = useState(false)
  const refresh = async () => {
    for (const queryKey of keys) await queries.invalidateQueries({ queryKey })
  }
  const archiving = useMutation({
    mutationFn: archive,
    onSuccess: async () => {
      say(text.entities.saved)
      await refresh()
    },
  })
  const removing = useMutation({
    mutationFn: remove,
    onSuccess: async () => {
      say(text.entities.removed)
      onRemoved()
      await refresh()
    },
  })
  return (
    <div className="archiving">
      {archiving.error !== null && <Failure error={archiving.error} />}
      <p className="faint">{text.entities.removeHint}</p>
      <div className="archiving-buttons">
        <button
          type="button"
          className="button"
          disabled={archiving.isPending}
          onClick={() => archiving.mutate(!isArchived)}
        >
          {isArchived ? text.entities.restore : text.entities.archive}
        </button>
        <button type="button" className="button" onClick={() => setRemoving(true)}>
          {text.entities.remove}
        </button>
      </div>
      {isRemoving && (
        <Confirm
          title={`${text.entities.remove}: ${name}`}
          action={text.entities.remove}
          typed={name}
          isDanger
          error={removing.error}
          isBusy={removing.isPending}
          onConfirm={() => removing.mutate()}
          onClose={() => {
            removing.reset()
            setRemoving(false)
          }}
        >
          <p className="faint">{text.entities.removeHint}</p>
        </Confirm>
      )}
    </div>
  )
}
