// One gateway as people look after it: its name and place, its token, taking it out of use.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, type Seen } from '../../api/client.ts'
import { make, stationQuery } from '../../api/entities.ts'
import type { GatewayPatch, GatewaySettings } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { Confirm, Modal } from '../../ui/dialog.tsx'
import { Form, TextAreaField, TextField, useForm } from '../../ui/form.tsx'
import { Shown } from '../../ui/shown.tsx'
import { Archiving } from './archiving.tsx'
import { Conflict, orNothing, useChange } from './changing.tsx'

interface Token {
  gateway: string
  token: string
}

/** A token, shown this once. */
export function TokenOnce({ gateway, token, onClose }: Token & { onClose: () => void }) {
  const text = useText()
  return (
    <Modal title={text.stations.tokenOf(gateway)} lead={text.stations.tokenOnce} onClose={onClose}>
      <code className="once-secret">{token}</code>
    </Modal>
  )
}

/** A gateway, to be changed. */
export function EditStation({
  gateway,
  onToken,
  onClose,
}: {
  gateway: string
  onToken: (token: Token) => void
  onClose: () => void
}) {
  const text = useText()
  const query = useQuery(stationQuery(gateway))
  return (
    <Modal title={text.stations.edit} lead={gateway} onClose={onClose}>
      <Shown query={query} lines={4}>
        {seen => <StationForm seen={seen} onToken={onToken} onClose={onClose} />}
      </Shown>
    </Modal>
  )
}

function StationForm({
  seen,
  onToken,
  onClose,
}: {
  seen: Seen<GatewaySettings>
  onToken: (token: Token) => void
  onClose: () => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const { gateway, name, place, note, hasToken, archived } = seen.document
  const form = useForm({ name: name ?? '', place: place ?? '', note: note ?? '' })
  const path = { gateway }
  const keys = [['station', gateway], ['stations'], ['gateways'], ['audit']]
  const match = { 'if-match': seen.etag }
  const changing = useChange<GatewaySettings, GatewayPatch>({
    ...{ seen, keys, onSaved: onClose },
    look: () => queries.fetchQuery({ ...stationQuery(gateway), staleTime: 0 }),
    save: (body, headers) => ask('PATCH /api/v1/gateways/{gateway}/settings', { path, body, headers }),
  })
  const names = { ...text.stations, ...text.entities } as unknown as Record<string, string>
  return (
    <>
      <Conflict
        before={changing.base}
        now={changing.conflict?.document}
        nameOf={field => names[field] ?? field}
      />
      <Form
        error={changing.error}
        isBusy={changing.isBusy}
        submit={changing.conflict === undefined ? text.ui.save : text.entities.conflictGo}
        onSubmit={() =>
          changing.change({
            ...{ name: orNothing(form.values.name), place: orNothing(form.values.place) },
            note: orNothing(form.values.note),
          })
        }
      >
        <TextField {...form.field('name')} label={text.entities.name} maxLength={300} />
        <TextField {...form.field('place')} label={text.stations.place} maxLength={300} />
        <TextAreaField {...form.field('note')} label={text.entities.note} maxLength={4000} />
      </Form>
      {!archived && <NewToken gateway={gateway} hasToken={hasToken} onToken={onToken} />}
      <Archiving
        name={gateway}
        isArchived={archived}
        archive={wanted =>
          ask('PATCH /api/v1/gateways/{gateway}/settings', {
            path,
            body: { archived: wanted },
            headers: match,
          })
        }
        remove={() => ask('DELETE /api/v1/gateways/{gateway}', { path, headers: match })}
        keys={keys}
        onRemoved={onClose}
      />
    </>
  )
}

function NewToken({
  gateway,
  hasToken,
  onToken,
}: {
  gateway: string
  hasToken: boolean
  onToken: (token: Token) => void
}) {
  const text = useText()
  const [isAsking, setAsking] = useState(false)
  const [key] = useState(() => crypto.randomUUID())
  const giving = useMutation({
    mutationFn: () => make('POST /api/v1/gateways/{gateway}/token', { path: { gateway } }, key),
    onSuccess: onToken,
  })
  return (
    <div className="archiving">
      <p className="faint">{hasToken ? text.stations.hasToken : text.stations.noToken}</p>
      <button type="button" className="button" onClick={() => setAsking(true)}>
        {text.stations.newToken}
      </button>
      {isAsking && (
        <Confirm
          title={`${text.stations.newToken}: ${gateway}`}
          action={text.stations.newToken}
          isDanger
          error={giving.error}
          isBusy={giving.isPending}
          onConfirm={() => giving.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{text.stations.newTokenHint}</p>
        </Confirm>
      )}
    </div>
  )
}
