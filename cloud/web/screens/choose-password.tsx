// Choosing a password by a link: an invitation, or a recovery; and asking for a recovery.
//
// What the link holds stands behind the # of the address, so that the server's log never has it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useRouter } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { ApiProblem, ask } from '../api/client.ts'
import { waysQuery } from '../api/queries.ts'
import type { LinkShown } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'
import { Empty, Loading } from '../ui/shown.tsx'
import { SignInFrame } from './sign-in-frame.tsx'

const LENGTH = { minLength: 15, maxLength: 128 }

/** Accepting an invitation. */
export function InvitationScreen() {
  const text = useText()
  return (
    <SignInFrame title={text.signIn.invitationTitle}>
      <ByLink kind="invitation" />
    </SignInFrame>
  )
}

/** Asking for another password, or, by the link that came, choosing it. */
export function RecoveryScreen() {
  const text = useText()
  return (
    <SignInFrame title={text.signIn.recoveryTitle}>
      {location.hash.length > 1 ? <ByLink kind="recovery" /> : <AskForLink />}
    </SignInFrame>
  )
}

type Kind = 'invitation' | 'recovery'

function ByLink({ kind }: { kind: Kind }) {
  const text = useText()
  const [secret] = useState(() => location.hash.slice(1))
  const link = useQuery({
    queryKey: ['link', kind, secret],
    queryFn: () =>
      ask(kind === 'invitation' ? 'POST /api/v1/invitation' : 'POST /api/v1/recovery/look', {
        body: { secret },
      }),
    retry: (failures, error) => failures < 2 && !(error instanceof ApiProblem && error.status < 500),
  })
  if (link.data !== undefined) return <Choose kind={kind} secret={secret} link={link.data} />
  if (link.error === null) return <Loading lines={4} />
  return (
    <div className="sign-in-form">
      <h1>{text.signIn.linkOver}</h1>
      <Empty title={text.signIn.linkOverHint}>
        <Link to="/sign-in" className="button">
          {text.signIn.back}
        </Link>
      </Empty>
    </div>
  )
}

function Choose({ kind, secret, link }: { kind: Kind; secret: string; link: LinkShown }) {
  const text = useText()
  const router = useRouter()
  const queries = useQueryClient()
  const [isDifferent, setDifferent] = useState(false)
  const choose = useMutation({
    mutationFn: async ({ password, name }: { password: string; name: string }) => {
      const body = { secret, password }
      if (kind === 'recovery') await ask('POST /api/v1/recovery/accept', { body })
      else await ask('POST /api/v1/invitation/accept', { body: { ...body, name } })
      return ask('POST /api/v1/session', { body: { email: link.email, password } })
    },
    onSuccess: async answer => {
      queries.clear()
      await router.navigate({ to: 'wants' in answer ? '/sign-in' : '/', replace: true })
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    const password = String(fields.get('password'))
    const isSame = password === fields.get('repeat')
    setDifferent(!isSame)
    if (isSame) choose.mutate({ password, name: String(fields.get('name') ?? link.name) })
  }
  const failure = isDifferent ? text.signIn.mismatch : reasonOf(choose.error, text)
  return (
    <form className="sign-in-form" onSubmit={submit}>
      <h1>{kind === 'invitation' ? text.signIn.invitationTitle : text.signIn.recoveryTitle}</h1>
      <p className="faint">
        {kind === 'invitation' ? text.signIn.invitationLead(link.email) : text.signIn.recoveryFor(link.email)}
      </p>
      {failure !== undefined && (
        <p className="form-error" role="alert">
          <Icon name="warning" size={18} />
          {failure}
        </p>
      )}
      <input type="hidden" name="email" autoComplete="username" value={link.email} />
      {kind === 'invitation' && (
        <label className="field">
          <span>{text.signIn.name}</span>
          <input name="name" defaultValue={link.name} required maxLength={120} autoComplete="name" />
        </label>
      )}
      <label className="field">
        <span>{text.signIn.newPassword}</span>
        <input name="password" type="password" autoComplete="new-password" required {...LENGTH} />
      </label>
      <label className="field">
        <span>{text.signIn.repeat}</span>
        <input name="repeat" type="password" autoComplete="new-password" required {...LENGTH} />
      </label>
      <p className="faint">{text.signIn.length}</p>
      <button type="submit" className="button button-main" disabled={choose.isPending}>
        {text.signIn.choose}
      </button>
    </form>
  )
}

function AskForLink() {
  const text = useText()
  const { data: ways } = useQuery(waysQuery)
  const recover = useMutation({
    mutationFn: (email: string) => ask('POST /api/v1/recovery', { body: { email } }),
  })
  const failure = reasonOf(recover.error, text)
  return (
    <form
      className="sign-in-form"
      onSubmit={event => {
        event.preventDefault()
        recover.mutate(String(new FormData(event.currentTarget).get('email')))
      }}
    >
      <h1>{text.signIn.forgotTitle}</h1>
      <p className="faint">{ways?.mail === false ? text.signIn.forgotNoMail : text.signIn.forgotLead}</p>
      {failure !== undefined && (
        <p className="form-error" role="alert">
          <Icon name="warning" size={18} />
          {failure}
        </p>
      )}
      {recover.isSuccess && (
        <p className="form-done" role="status">
          {text.signIn.forgotSent}
        </p>
      )}
      {ways?.mail !== false && (
        <>
          <label className="field">
            <span>{text.signIn.email}</span>
            <input name="email" type="email" autoComplete="username" required maxLength={254} />
          </label>
          <button type="submit" className="button button-main" disabled={recover.isPending}>
            {text.signIn.forgotSend}
          </button>
        </>
      )}
      <Link to="/sign-in">{text.signIn.back}</Link>
    </form>
  )
}

function reasonOf(error: Error | null, { signIn, failure }: ReturnType<typeof useText>): string | undefined {
  if (error === null) return undefined
  if (!(error instanceof ApiProblem)) return failure.unreachable
  if (error.status === 404) return signIn.linkOverHint
  return error.status >= 500 ? failure.ours : (error.detail ?? error.message)
}
