// Every user: what they may, how they are protected, and inviting another.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { usersQuery } from '../../api/queries.ts'
import type { AccountLink, User } from '../../api/types.ts'
import type { Messages } from '../../i18n/es.ts'
import { useText } from '../../i18n/language.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Age } from '../../ui/now.tsx'
import { More } from '../../ui/pager.tsx'
import { Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { GrantsField, type GrantTyped, toGrants } from './grants-field.tsx'
import { LinkReady } from './link-ready.tsx'

/** Every user. */
export function UsersScreen() {
  const text = useText()
  useTitle(text.users.title)
  const query = useInfiniteQuery(usersQuery)
  const [isInviting, setInviting] = useState(false)
  const [link, setLink] = useState<AccountLink | undefined>()
  return (
    <>
      <div className="page-head">
        <h1>{text.users.title}</h1>
        <span className="push">
          <button type="button" className="button button-main" onClick={() => setInviting(true)}>
            <Icon name="plus" size={18} />
            {text.users.invite}
          </button>
        </span>
      </div>
      <div className="panel">
        <Shown query={query} lines={6}>
          {({ pages }) => <UserTable users={pages.flatMap(({ items }) => items)} />}
        </Shown>
        <More query={query} />
      </div>
      {isInviting && (
        <Invite
          onClose={() => setInviting(false)}
          onInvited={made => {
            setInviting(false)
            setLink(made)
          }}
        />
      )}
      {link !== undefined && <LinkReady link={link} onClose={() => setLink(undefined)} />}
    </>
  )
}

function UserTable({ users }: { users: readonly User[] }) {
  const text = useText()
  return (
    <DataTable
      label={text.users.title}
      rows={users}
      keyOf={({ id }) => id}
      columns={[
        {
          ...{ key: 'user', head: text.users.user, isMain: true },
          cell: ({ id, name, email }) => (
            <>
              <Link to="/admin/users/$user" params={{ user: id }} className="main-link">
                {name}
              </Link>
              <div className="faint">{email}</div>
            </>
          ),
        },
        {
          ...{ key: 'roles', head: text.users.roles },
          cell: ({ grants }) => (
            <div className="admin-roles">
              {grants.map(({ role, client }) => (
                <span key={`${role} ${client}`}>
                  {text.account.role[role]}
                  <span className="faint"> · {client ?? text.account.allClients}</span>
                </span>
              ))}
            </div>
          ),
        },
        {
          ...{ key: 'state', head: text.users.state },
          cell: ({ state }) => <UserState state={state} />,
        },
        {
          ...{ key: 'protection', head: text.users.protection },
          cell: user => <span className="faint">{protectionOf(user, text)}</span>,
        },
        {
          ...{ key: 'seen', head: text.users.seen, align: 'right' },
          cell: ({ lastSeenAt }) => <Age at={lastSeenAt} />,
        },
      ]}
    />
  )
}

const BADGES = { active: 'badge-current', invited: 'badge-late', disabled: 'badge-never' } as const

/** What has become of a user. */
export function UserState({ state }: { state: User['state'] }) {
  const text = useText()
  return <span className={`badge ${BADGES[state]}`}>{text.users.states[state]}</span>
}

/** What somebody needs besides a password, in words. */
export function protectionOf({ hasPassword, hasSecondFactor, passkeys }: User, { users }: Messages): string {
  const parts = [
    hasSecondFactor ? [users.secondFactor] : [],
    passkeys > 0 ? [users.passkeys(passkeys)] : [],
  ].flat()
  if (parts.length > 0) return parts.join(' · ')
  return hasPassword ? users.passwordOnly : users.noWayIn
}

function Invite({ onClose, onInvited }: { onClose: () => void; onInvited: (link: AccountLink) => void }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({ email: '', name: '' })
  const [grants, setGrants] = useState<readonly GrantTyped[]>([{ role: 'client_reader', client: '' }])
  const invite = useMutation({
    mutationFn: () => ask('POST /api/v1/users', { body: { ...form.values, grants: toGrants(grants) } }),
    onSuccess: ({ link }) => {
      queries.invalidateQueries({ queryKey: usersQuery.queryKey })
      onInvited(link)
    },
  })
  return (
    <Modal title={text.users.inviteTitle} lead={text.users.inviteLead} onClose={onClose}>
      <Form
        error={invite.error}
        isBusy={invite.isPending}
        submit={text.users.invite}
        onSubmit={() => invite.mutate()}
      >
        <TextField
          {...form.field('name')}
          label={text.users.name}
          required
          maxLength={120}
          autoComplete="off"
        />
        <TextField
          {...form.field('email')}
          label={text.users.email}
          type="email"
          required
          maxLength={254}
          autoComplete="off"
        />
        <GrantsField grants={grants} onGrants={setGrants} />
      </Form>
    </Modal>
  )
}
