// The password and the sessions of who is signed in.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useId, useRef, useState } from 'react'
import { ApiProblem, ask } from '../api/client.ts'
import { sessionsQuery } from '../api/queries.ts'
import type { OpenSession } from '../api/types.ts'
import type { Messages } from '../i18n/es.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Shown } from '../ui/shown.tsx'

const PASSWORD_LENGTH_MIN = 15
const PASSWORD_LENGTH_MAX = 128

/** Changing one's password. */
export function PasswordPanel() {
  const text = useText()
  const queries = useQueryClient()
  const form = useRef<HTMLFormElement>(null)
  const [isDifferent, setDifferent] = useState(false)
  const errorId = useId()
  const change = useMutation({
    mutationFn: (body: { current: string; password: string }) => ask('PUT /api/v1/me/password', { body }),
    onSuccess: () => {
      form.current?.reset()
      queries.invalidateQueries({ queryKey: sessionsQuery.queryKey })
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    const password = String(fields.get('password'))
    const isSame = password === fields.get('repeat')
    setDifferent(!isSame)
    if (isSame) change.mutate({ current: String(fields.get('current')), password })
  }
  const error = isDifferent ? text.account.mismatch : reasonOf(change.error, text)
  const length = { minLength: PASSWORD_LENGTH_MIN, maxLength: PASSWORD_LENGTH_MAX }
  return (
    <Panel title={text.account.password} hint={text.account.passwordHint}>
      <form className="panel-body account-form" ref={form} onSubmit={submit}>
        {error !== undefined && (
          <p className="form-error" role="alert" id={errorId}>
            <Icon name="warning" size={18} />
            {error}
          </p>
        )}
        {change.isSuccess && error === undefined && (
          <p className="form-done" role="status">
            {text.account.changed}
          </p>
        )}
        <label className="field">
          <span>{text.account.currentPassword}</span>
          <input
            name="current"
            type="password"
            autoComplete="current-password"
            required
            aria-describedby={error === undefined ? undefined : errorId}
          />
        </label>
        <label className="field">
          <span>{text.account.newPassword}</span>
          <input name="password" type="password" autoComplete="new-password" required {...length} />
        </label>
        <label className="field">
          <span>{text.account.repeat}</span>
          <input name="repeat" type="password" autoComplete="new-password" required {...length} />
        </label>
        <button type="submit" className="button button-main" disabled={change.isPending}>
          {text.account.change}
        </button>
      </form>
    </Panel>
  )
}

function reasonOf(error: Error | null, { account, failure }: Messages): string | undefined {
  if (error === null) return undefined
  if (!(error instanceof ApiProblem)) return failure.unreachable
  if (error.status === 429) return account.tooMany
  if (error.status === 422) return account.wrongCurrent
  return error.status >= 500 ? failure.ours : (error.detail ?? error.message)
}

/** One's open sessions, each of which can be ended. */
export function SessionsPanel() {
  const text = useText()
  const query = useQuery(sessionsQuery)
  return (
    <Panel title={text.account.sessions}>
      <Shown query={query}>
        {({ items }) => (
          <ul className="sessions">
            {items.map(session => (
              <Session key={session.id} session={session} />
            ))}
          </ul>
        )}
      </Shown>
    </Panel>
  )
}

function Session({ session: { id, isThis, begunAt, address, browser } }: { session: OpenSession }) {
  const text = useText()
  const format = useFormat()
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: () => ask('DELETE /api/v1/me/sessions/{session}', { path: { session: id } }),
    onSettled: () => queries.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  })
  return (
    <li>
      <div>
        <strong>{nameOf(browser) ?? text.account.browser}</strong>
        {isThis && <span className="badge badge-current">{text.account.thisOne}</span>}
        <p className="faint">
          {text.account.begun} {format.instant(Date.parse(begunAt))}
          {address !== null && ` · ${address}`}
        </p>
      </div>
      {!isThis && (
        <button
          type="button"
          className="button button-small"
          disabled={end.isPending}
          onClick={() => end.mutate()}
        >
          {text.account.end}
        </button>
      )}
    </li>
  )
}

/** What a browser calls itself, in two words: the order matters, for each names those before it. */
function nameOf(browser: string | null): string | undefined {
  if (browser === null) return undefined
  const name = ['Firefox', 'Edg', 'OPR', 'Chrome', 'Safari'].find(one => browser.includes(`${one}/`))
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(one =>
    browser.includes(one),
  )
  return name === undefined
    ? browser.slice(0, 40)
    : [name.replace('Edg', 'Edge'), system].filter(Boolean).join(' · ')
}
