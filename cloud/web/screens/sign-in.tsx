// Signing in: by a password and what else is asked for, by a passkey, by an issuer's word.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useRouter } from '@tanstack/react-router'
import { type FormEvent, useId, useState } from 'react'
import { ApiProblem, ask, toUrl } from '../api/client.ts'
import { waysQuery } from '../api/queries.ts'
import { useText } from '../i18n/language.tsx'
import { hasPasskeys, signInWithPasskey } from '../passkeys.ts'
import { Icon } from '../ui/icons.tsx'
import { SecondFactorForm } from './second-factor-form.tsx'
import { SignInFrame } from './sign-in-frame.tsx'

const route = getRouteApi('/sign-in')

/** Signing in, and on to where one wanted to go. */
export function SignInScreen() {
  const text = useText()
  const router = useRouter()
  const queries = useQueryClient()
  const { next, refused } = route.useSearch()
  const [wantsCode, setWantsCode] = useState(false)
  const onSignedIn = async () => {
    queries.clear()
    await router.navigate({ href: pathOfOurs(next) ?? '/', replace: true })
  }
  return (
    <SignInFrame title={text.signIn.title}>
      {wantsCode ? (
        <SecondFactorForm onSignedIn={onSignedIn} onOver={() => setWantsCode(false)} />
      ) : (
        <PasswordForm
          isRefused={refused !== undefined}
          next={pathOfOurs(next)}
          onSignedIn={onSignedIn}
          onWantsCode={() => setWantsCode(true)}
        />
      )}
    </SignInFrame>
  )
}

function PasswordForm({
  isRefused,
  next,
  onSignedIn,
  onWantsCode,
}: {
  isRefused: boolean
  next: string | undefined
  onSignedIn: () => Promise<void>
  onWantsCode: () => void
}) {
  const text = useText()
  const [shows, setShows] = useState(false)
  const errorId = useId()
  const signIn = useMutation({
    mutationFn: (credentials: { email: string; password: string }) =>
      ask('POST /api/v1/session', { body: credentials }),
    onSuccess: answer => ('wants' in answer ? onWantsCode() : onSignedIn()),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    signIn.mutate({ email: String(fields.get('email')), password: String(fields.get('password')) })
  }
  const failure =
    signIn.error !== null ? reasonOf(signIn.error, text) : isRefused ? text.signIn.issuerRefused : undefined
  return (
    <form className="sign-in-form" onSubmit={submit}>
      <h1>{text.signIn.title}</h1>
      {failure !== undefined && (
        <p className="form-error" role="alert" id={errorId}>
          <Icon name="warning" size={18} />
          {failure}
        </p>
      )}
      <label className="field">
        <span>{text.signIn.email}</span>
        <input name="email" type="email" autoComplete="username" required maxLength={254} inputMode="email" />
      </label>
      <label className="field">
        <span>{text.signIn.password}</span>
        <input
          name="password"
          type={shows ? 'text' : 'password'}
          autoComplete="current-password"
          required
          maxLength={128}
          aria-describedby={failure === undefined ? undefined : errorId}
        />
      </label>
      <div className="sign-in-row">
        <label className="check">
          <input type="checkbox" checked={shows} onChange={event => setShows(event.target.checked)} />
          <span>{text.signIn.show}</span>
        </label>
        <Link to="/recovery">{text.signIn.forgot}</Link>
      </div>
      <button type="submit" className="button button-main" disabled={signIn.isPending}>
        {signIn.isPending ? text.signIn.busy : text.signIn.submit}
      </button>
      <OtherWays next={next} onSignedIn={onSignedIn} />
    </form>
  )
}

/** A passkey where the browser has them, an issuer where there is one. */
function OtherWays({ next, onSignedIn }: { next: string | undefined; onSignedIn: () => Promise<void> }) {
  const text = useText()
  const { data: ways } = useQuery(waysQuery)
  const passkey = useMutation({
    mutationFn: signInWithPasskey,
    onSuccess: hasSignedIn => (hasSignedIn ? onSignedIn() : undefined),
  })
  const issuer = ways?.issuer ?? null
  if (!hasPasskeys() && issuer === null) return null
  return (
    <div className="sign-in-ways">
      <p className="sign-in-or">{text.signIn.or}</p>
      {passkey.error !== null && (
        <p className="form-error" role="alert">
          <Icon name="warning" size={18} />
          {passkey.error instanceof ApiProblem && passkey.error.status === 401
            ? text.signIn.passkeyRefused
            : reasonOf(passkey.error, text)}
        </p>
      )}
      {hasPasskeys() && (
        <button
          type="button"
          className="button"
          disabled={passkey.isPending}
          onClick={() => passkey.mutate()}
        >
          {text.signIn.passkey}
        </button>
      )}
      {issuer !== null && (
        <a className="button" href={toUrl('/api/v1/session/oidc', {}, { next })}>
          {text.signIn.issuer(issuer)}
        </a>
      )}
    </div>
  )
}

function reasonOf(error: Error, { signIn, failure }: ReturnType<typeof useText>): string {
  if (!(error instanceof ApiProblem)) return failure.unreachable
  if (error.status === 429) return signIn.locked(Math.max(1, Math.ceil((error.retryAfterS ?? 60) / 60)))
  if (error.status === 401 || error.status === 400) return signIn.wrong
  return error.status >= 500 ? failure.ours : (error.detail ?? error.message)
}

/** A path of ours: an address from outside, however it is written, must not be where a sign-in ends. */
function pathOfOurs(next: string | undefined): string | undefined {
  if (next === undefined || !URL.canParse(next, location.origin)) return undefined
  const { origin, pathname, search } = new URL(next, location.origin)
  return origin === location.origin ? pathname + search : undefined
}
