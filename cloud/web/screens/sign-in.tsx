// Signing in.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, useRouter } from '@tanstack/react-router'
import { type FormEvent, useEffect, useId, useState } from 'react'
import { ApiProblem, ask } from '../api/client.ts'
import { useLanguage, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { Icon, Mark } from '../ui/icons.tsx'

const route = getRouteApi('/sign-in')

/** Signing in, and on to where one wanted to go. */
export function SignInScreen() {
  const text = useText()
  const { language, choose } = useLanguage()
  const { next } = route.useSearch()
  useEffect(() => {
    document.title = `${text.signIn.title} · SmartHydro`
  }, [text])
  return (
    <div className="sign-in">
      <aside className="sign-in-side">
        <Mark size={44} />
        <p className="sign-in-name">SmartHydro</p>
        <p className="sign-in-lead">{text.signIn.lead}</p>
        <Strata />
      </aside>
      <main className="sign-in-main">
        <Form next={next} />
        <Choice
          label={text.app.language}
          value={language}
          options={[
            { value: 'es', label: 'Español' },
            { value: 'en', label: 'English' },
          ]}
          onChoose={choose}
        />
      </main>
    </div>
  )
}

function Form({ next }: { next: string | undefined }) {
  const text = useText()
  const router = useRouter()
  const queries = useQueryClient()
  const [shows, setShows] = useState(false)
  const errorId = useId()
  const signIn = useMutation({
    mutationFn: (credentials: { email: string; password: string }) =>
      ask('POST /api/v1/session', { body: credentials }),
    onSuccess: async () => {
      queries.clear()
      await router.navigate({ href: pathOfOurs(next) ?? '/', replace: true })
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    signIn.mutate({ email: String(fields.get('email')), password: String(fields.get('password')) })
  }
  return (
    <form className="sign-in-form" onSubmit={submit} noValidate={false}>
      <h1>{text.signIn.title}</h1>
      {signIn.error !== null && (
        <p className="form-error" role="alert" id={errorId}>
          <Icon name="warning" size={18} />
          {reasonOf(signIn.error, text)}
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
          aria-describedby={signIn.error === null ? undefined : errorId}
        />
      </label>
      <label className="check">
        <input type="checkbox" checked={shows} onChange={event => setShows(event.target.checked)} />
        <span>{text.signIn.show}</span>
      </label>
      <button type="submit" className="button button-main" disabled={signIn.isPending}>
        {signIn.isPending ? text.signIn.busy : text.signIn.submit}
      </button>
    </form>
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

/** Water in the ground, as layers: what all of this is about. */
function Strata() {
  return (
    <svg className="strata" viewBox="0 0 400 320" preserveAspectRatio="none" aria-hidden="true">
      <path className="strata-1" d="M0 90c70-26 130-14 200 4s140 18 200-10v236H0z" />
      <path className="strata-2" d="M0 150c80 22 150 20 220-2s120-22 180-4v176H0z" />
      <path className="strata-3" d="M0 214c60-14 130-18 210 2s130 14 190-6v110H0z" />
    </svg>
  )
}
