// One user: what they may, and what an administrator can do for them or against them.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { meQuery, userQuery, usersQuery } from '../../api/queries.ts'
import type { AccountLink, User } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { Age } from '../../ui/now.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Failure, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { say } from '../../ui/toast.tsx'
import { GrantsField, type GrantTyped, toGrants } from './grants-field.tsx'
import { LinkReady } from './link-ready.tsx'
import { protectionOf, UserState } from './users.tsx'

const route = getRouteApi('/shell/admin/users/$user')

/** One user. */
export function UserScreen() {
  const text = useText()
  const { user: id } = route.useParams()
  const query = useQuery(userQuery(id))
  useTitle(query.data?.name ?? text.users.user)
  return (
    <>
      <div className="page-head">
        <nav className="trail">
          <Link to="/admin/users">{text.users.back}</Link>
        </nav>
        <h1>{query.data?.name ?? text.users.user}</h1>
        {query.data !== undefined && <UserState state={query.data.state} />}
      </div>
      <Shown query={query} lines={6}>
        {user => (
          <div className="stack account">
            <Details key={JSON.stringify(user.grants)} user={user} />
            <AccessPanel user={user} />
          </div>
        )}
      </Shown>
    </>
  )
}

function useChange(id: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: { name?: string; disabled?: boolean; grants?: ReturnType<typeof toGrants> }) =>
      ask('PATCH /api/v1/users/{user}', { path: { user: id }, body }),
    onSuccess: user => {
      queries.setQueryData(userQuery(id).queryKey, user)
      queries.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
  })
}

function Details({ user }: { user: User }) {
  const text = useText()
  const form = useForm({ name: user.name })
  const [grants, setGrants] = useState<readonly GrantTyped[]>(
    user.grants.map(({ role, client }) => ({ role, client: client ?? '' })),
  )
  const change = useChange(user.id)
  return (
    <Panel title={text.users.details} hint={user.email}>
      <div className="panel-body">
        <Form
          error={change.error}
          isBusy={change.isPending}
          submit={text.users.save}
          onSubmit={() =>
            change.mutate(
              { name: form.values.name, grants: toGrants(grants) },
              { onSuccess: () => say(text.users.saved) },
            )
          }
        >
          <TextField {...form.field('name')} label={text.users.name} required maxLength={120} />
          <GrantsField grants={grants} onGrants={setGrants} />
        </Form>
      </div>
    </Panel>
  )
}

type Asking = 'reset' | 'disable' | undefined

/** What an administrator does for a user or against them. `onDone` closes the question that was asked before. */
function useDeeds(user: User, onDone: () => void) {
  const text = useText()
  const queries = useQueryClient()
  const path = { user: user.id }
  const change = useChange(user.id)
  const done = (said: string) => {
    queries.invalidateQueries({ queryKey: userQuery(user.id).queryKey })
    queries.invalidateQueries({ queryKey: usersQuery.queryKey })
    onDone()
    say(said)
  }
  const signOut = useMutation({
    mutationFn: () => ask('POST /api/v1/users/{user}/sign-out', { path }),
    onSuccess: ({ ended }) => done(text.users.signedOut(ended)),
  })
  const reset = useMutation({
    mutationFn: () => ask('POST /api/v1/users/{user}/reset-second-factor', { path }),
    onSuccess: () => done(text.users.reset),
  })
  const turn = (disabled: boolean) =>
    change.mutate(
      { disabled },
      { onSuccess: () => done(disabled ? text.users.disabled : text.users.enabled) },
    )
  return { change, signOut, reset, turn }
}

function Question({
  user,
  asking,
  change,
  reset,
  turn,
  onClose,
}: {
  user: User
  asking: Asking
  onClose: () => void
} & Omit<ReturnType<typeof useDeeds>, 'signOut'>) {
  const text = useText()
  return (
    <>
      {asking === 'reset' && (
        <Confirm
          title={text.users.resetQuestion(user.name)}
          action={text.users.resetFactors}
          isDanger
          error={reset.error}
          isBusy={reset.isPending}
          onConfirm={() => reset.mutate()}
          onClose={onClose}
        >
          <p>{text.users.resetHint}</p>
        </Confirm>
      )}
      {asking === 'disable' && (
        <Confirm
          title={text.users.disableQuestion(user.name)}
          action={text.users.disable}
          isDanger
          error={change.error}
          isBusy={change.isPending}
          onConfirm={() => turn(true)}
          onClose={onClose}
        >
          <p>{text.users.disableHint}</p>
        </Confirm>
      )}
    </>
  )
}

function AccessPanel({ user }: { user: User }) {
  const text = useText()
  const { data: me } = useQuery(meQuery)
  const [asking, setAsking] = useState<Asking>()
  const [link, setLink] = useState<AccountLink | undefined>()
  const { change, signOut, reset, turn } = useDeeds(user, () => setAsking(undefined))
  const send = useMutation({
    mutationFn: () => ask('POST /api/v1/users/{user}/link', { path: { user: user.id } }),
    onSuccess: setLink,
  })
  const failed = send.error ?? signOut.error ?? (asking === undefined ? change.error : null)
  const isDisabled = user.state === 'disabled'
  return (
    <Panel title={text.users.access}>
      {failed !== null && <Failure error={failed} />}
      <dl className="facts panel-body">
        <dt>{text.users.protection}</dt>
        <dd>{protectionOf(user, text)}</dd>
        <dt>{text.users.seen}</dt>
        <dd>
          <Age at={user.lastSeenAt} />
          {user.sessions > 0 && <span className="faint"> · {text.users.sessions(user.sessions)}</span>}
        </dd>
      </dl>
      <div className="panel-body admin-actions">
        {!isDisabled && (
          <button type="button" className="button" disabled={send.isPending} onClick={() => send.mutate()}>
            {user.state === 'invited' ? text.users.sendInvitation : text.users.sendRecovery}
          </button>
        )}
        {user.sessions > 0 && (
          <button
            type="button"
            className="button"
            disabled={signOut.isPending}
            onClick={() => signOut.mutate()}
          >
            {text.users.signOut}
          </button>
        )}
        {(user.hasSecondFactor || user.passkeys > 0) && (
          <button type="button" className="button" onClick={() => setAsking('reset')}>
            {text.users.resetFactors}
          </button>
        )}
        {isDisabled ? (
          <button type="button" className="button" disabled={change.isPending} onClick={() => turn(false)}>
            {text.users.enable}
          </button>
        ) : (
          me?.id !== user.id && (
            <button type="button" className="button button-danger" onClick={() => setAsking('disable')}>
              {text.users.disable}
            </button>
          )
        )}
      </div>
      <Question {...{ user, asking, change, reset, turn }} onClose={() => setAsking(undefined)} />
      {link !== undefined && <LinkReady link={link} onClose={() => setLink(undefined)} />}
    </Panel>
  )
}
