// Keys of programs in a table, each of which can be ended; and the last day of one.

import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { ApiKey } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Field } from '../../ui/form.tsx'
import { Age } from '../../ui/now.tsx'
import { say } from '../../ui/toast.tsx'

const BADGES = { active: 'badge-current', expired: 'badge-late', revoked: 'badge-never' } as const

/** Keys in a table. `onRevoke` ends one. */
export function KeyTable({
  keys,
  onRevoke,
  onRevoked,
}: {
  keys: readonly ApiKey[]
  onRevoke: (key: number) => Promise<unknown>
  onRevoked: () => void
}) {
  const text = useText()
  const format = useFormat()
  const [asked, setAsked] = useState<ApiKey | undefined>()
  const revoke = useMutation({
    mutationFn: ({ id }: ApiKey) => onRevoke(id),
    onSuccess: () => {
      setAsked(undefined)
      say(text.keys.revoked)
      onRevoked()
    },
  })
  return (
    <>
      <DataTable
        label={text.keys.title}
        rows={keys}
        keyOf={({ id }) => id}
        columns={[
          {
            ...{ key: 'name', head: text.keys.name, isMain: true },
            cell: ({ name, owner, createdBy }) => (
              <>
                <strong>{name}</strong>
                <div className="faint">
                  {owner === null ? text.keys.createdBy(createdBy) : text.keys.owner(owner)}
                </div>
              </>
            ),
          },
          {
            ...{ key: 'role', head: text.keys.role },
            cell: ({ role, client }) => (
              <>
                {text.account.role[role]}
                <span className="faint"> · {client ?? text.account.allClients}</span>
              </>
            ),
          },
          {
            ...{ key: 'scopes', head: text.keys.scopes },
            cell: ({ scopes }) => scopes.map(scope => text.keys.scope[scope]).join(', '),
          },
          {
            ...{ key: 'state', head: text.keys.state },
            cell: ({ state }) => <span className={`badge ${BADGES[state]}`}>{text.keys.states[state]}</span>,
          },
          {
            ...{ key: 'expires', head: text.keys.expires },
            cell: ({ expiresAt }) =>
              expiresAt === null ? (
                <span className="faint">{text.keys.never}</span>
              ) : (
                format.day(Date.parse(expiresAt))
              ),
          },
          {
            ...{ key: 'used', head: text.keys.lastUsed, align: 'right' },
            cell: ({ lastUsedAt }) =>
              lastUsedAt === null ? (
                <span className="faint">{text.keys.neverUsed}</span>
              ) : (
                <Age at={lastUsedAt} />
              ),
          },
          {
            ...{ key: 'actions', head: '' },
            cell: key =>
              key.state === 'active' && (
                <button type="button" className="button button-small" onClick={() => setAsked(key)}>
                  {text.keys.revoke}
                </button>
              ),
          },
        ]}
      />
      {asked !== undefined && (
        <Confirm
          title={text.keys.revokeQuestion(asked.name)}
          action={text.keys.revoke}
          isDanger
          error={revoke.error}
          isBusy={revoke.isPending}
          onConfirm={() => revoke.mutate(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>{text.keys.revokeHint}</p>
        </Confirm>
      )}
    </>
  )
}

/** A day, chosen in the browser's calendar; empty: none. */
export function DateField({
  label,
  hint,
  value,
  onValue,
}: {
  label: string
  hint: string
  value: string
  onValue: (value: string) => void
}) {
  return (
    <Field name="expiresAt" label={label} hint={hint}>
      {given => (
        <input
          {...given}
          type="date"
          className="input"
          value={value}
          onChange={({ target }) => onValue(target.value)}
        />
      )}
    </Field>
  )
}

/** The instant at which a day has ended wherever one is. */
export const endOfDay = (day: string): string => new Date(`${day}T23:59:59`).toISOString()
