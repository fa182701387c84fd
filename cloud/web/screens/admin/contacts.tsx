// Whom to call about a point.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, askSeen } from '../../api/client.ts'
import { contactsQuery, make } from '../../api/entities.ts'
import type { Contact } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Confirm, Modal } from '../../ui/dialog.tsx'
import { Form, TextAreaField, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { differing, orNothing } from './changing.tsx'

/** Whom to call about a point. */
export function ContactsPanel({ point }: { point: string }) {
  const text = useText()
  const mayDecide = useMay('decide')
  const query = useQuery(contactsQuery(point))
  const [editing, setEditing] = useState<Contact | 'new' | undefined>()
  const [removing, setRemoving] = useState<Contact | undefined>()
  return (
    <Panel
      title={text.records.contacts}
      hint={text.records.contactsHint}
      actions={
        mayDecide && (
          <button type="button" className="button button-small" onClick={() => setEditing('new')}>
            <Icon name="plus" size={16} />
            {text.records.addContact}
          </button>
        )
      }
    >
      <Shown query={query} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.records.noContacts} />
          ) : (
            <ContactTable contacts={items} mayChange={mayDecide} onEdit={setEditing} onRemove={setRemoving} />
          )
        }
      </Shown>
      {editing !== undefined && (
        <EditContact
          point={point}
          contact={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      )}
      {removing !== undefined && (
        <RemoveContact point={point} contact={removing} onClose={() => setRemoving(undefined)} />
      )}
    </Panel>
  )
}

function ContactTable({
  contacts,
  mayChange,
  onEdit,
  onRemove,
}: {
  contacts: readonly Contact[]
  mayChange: boolean
  onEdit: (contact: Contact) => void
  onRemove: (contact: Contact) => void
}) {
  const text = useText()
  return (
    <DataTable
      label={text.entities.list(text.records.contacts)}
      rows={contacts}
      keyOf={({ id }) => id}
      columns={[
        {
          ...{ key: 'name', head: text.records.contact, isMain: true },
          cell: ({ name, role }) => (
            <>
              <strong>{name}</strong>
              {role !== null && <div className="faint">{role}</div>}
            </>
          ),
        },
        {
          ...{ key: 'phone', head: text.entities.phone },
          cell: ({ phone }) =>
            phone === null ? '–' : <a href={`tel:${phone.replace(/[^+\d]/g, '')}`}>{phone}</a>,
        },
        {
          ...{ key: 'email', head: text.entities.email },
          cell: ({ email }) => (email === null ? '–' : <a href={`mailto:${email}`}>{email}</a>),
        },
        { key: 'note', head: text.entities.note, isDeskOnly: true, cell: ({ note }) => note ?? '–' },
        {
          ...{ key: 'edit', head: '', align: 'right' },
          cell: contact =>
            mayChange && (
              <span className="row-buttons">
                <button type="button" className="button button-small" onClick={() => onEdit(contact)}>
                  {text.ui.edit}
                  <span className="visually-hidden"> {contact.name}</span>
                </button>
                <button type="button" className="button button-small" onClick={() => onRemove(contact)}>
                  {text.ui.remove}
                  <span className="visually-hidden"> {contact.name}</span>
                </button>
              </span>
            ),
        },
      ]}
    />
  )
}

function useRefresh(point: string) {
  const queries = useQueryClient()
  return async () => {
    for (const queryKey of [['contacts', point], ['audit']]) await queries.invalidateQueries({ queryKey })
  }
}

function EditContact({
  point,
  contact,
  onClose,
}: {
  point: string
  contact: Contact | undefined
  onClose: () => void
}) {
  const text = useText()
  const refresh = useRefresh(point)
  const [key] = useState(() => crypto.randomUUID())
  const form = useForm({
    ...{ name: contact?.name ?? '', role: contact?.role ?? '', phone: contact?.phone ?? '' },
    ...{ email: contact?.email ?? '', note: contact?.note ?? '' },
  })
  const saving = useMutation({
    mutationFn: async () => {
      const { name, role, phone, email, note } = form.values
      const wanted = {
        name: name.trim(),
        ...{ role: orNothing(role), phone: orNothing(phone), email: orNothing(email), note: orNothing(note) },
      }
      if (contact === undefined)
        return make('POST /api/v1/points/{point}/contacts', { path: { point }, body: wanted }, key)
      const path = { point, contact: contact.id }
      const { etag } = await askSeen('GET /api/v1/points/{point}/contacts/{contact}', { path })
      const body = differing(contact, wanted)
      const headers = { 'if-match': etag }
      return ask('PATCH /api/v1/points/{point}/contacts/{contact}', { path, body, headers })
    },
    onSuccess: async () => {
      say(text.entities.saved)
      await refresh()
      onClose()
    },
  })
  return (
    <Modal title={contact?.name ?? text.records.addContact} onClose={onClose}>
      <Form
        error={saving.error}
        isBusy={saving.isPending}
        submit={text.ui.save}
        onSubmit={() => saving.mutate()}
      >
        <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
        <TextField {...form.field('role')} label={text.records.role} maxLength={300} />
        <div className="form-row">
          <TextField {...form.field('phone')} label={text.entities.phone} type="tel" />
          <TextField {...form.field('email')} label={text.entities.email} type="email" />
        </div>
        <TextAreaField {...form.field('note')} label={text.entities.note} maxLength={4000} rows={3} />
      </Form>
    </Modal>
  )
}

function RemoveContact({
  point,
  contact,
  onClose,
}: {
  point: string
  contact: Contact
  onClose: () => void
}) {
  const text = useText()
  const refresh = useRefresh(point)
  const path = { point, contact: contact.id }
  const removing = useMutation({
    mutationFn: async () => {
      const { etag } = await askSeen('GET /api/v1/points/{point}/contacts/{contact}', { path })
      return ask('DELETE /api/v1/points/{point}/contacts/{contact}', { path, headers: { 'if-match': etag } })
    },
    onSuccess: async () => {
      say(text.entities.removed)
      await refresh()
      onClose()
    },
  })
  return (
    <Confirm
      title={`${text.ui.remove}: ${contact.name}`}
      action={text.ui.remove}
      isDanger
      error={removing.error}
      isBusy={removing.isPending}
      onConfirm={() => removing.mutate()}
      onClose={onClose}
    />
  )
}
