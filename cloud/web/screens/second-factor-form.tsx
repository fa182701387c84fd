// The second factor of a sign-in: a code of the authenticator, or a recovery code.

import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ApiProblem, ask } from '../api/client.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'

/** Asks for a second factor. `onOver`: the sign-in must begin again. */
export function SecondFactorForm({
  onSignedIn,
  onOver,
}: {
  onSignedIn: () => Promise<void>
  onOver: () => void
}) {
  const text = useText()
  const [isRecovery, setRecovery] = useState(false)
  const give = useMutation({
    mutationFn: (body: { code?: string; recoveryCode?: string }) =>
      ask('POST /api/v1/session/second-factor', { body }),
    onSuccess: onSignedIn,
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const given = String(new FormData(event.currentTarget).get('given')).trim()
    give.mutate(isRecovery ? { recoveryCode: given } : { code: given })
  }
  const failure = reasonOf(give.error, text)
  return (
    <form className="sign-in-form" onSubmit={submit}>
      <h1>{text.signIn.codeTitle}</h1>
      <p className="faint">{isRecovery ? text.signIn.recoveryLead : text.signIn.codeLead}</p>
      {failure !== undefined && (
        <p className="form-error" role="alert">
          <Icon name="warning" size={18} />
          {failure}
        </p>
      )}
      <label className="field">
        <span>{isRecovery ? text.signIn.recoveryCode : text.signIn.code}</span>
        <input
          key={String(isRecovery)}
          name="given"
          required
          // biome-ignore lint/a11y/noAutofocus: whoever comes here has just pressed a button to be asked for exactly this
          autoFocus
          {...(isRecovery
            ? { autoComplete: 'off', maxLength: 40 }
            : { autoComplete: 'one-time-code', inputMode: 'numeric', pattern: '[0-9]{6}', maxLength: 6 })}
        />
      </label>
      <button type="submit" className="button button-main" disabled={give.isPending}>
        {give.isPending ? text.signIn.busy : text.signIn.confirm}
      </button>
      <div className="sign-in-row">
        <button type="button" className="link-button" onClick={() => setRecovery(!isRecovery)}>
          {isRecovery ? text.signIn.useCode : text.signIn.useRecovery}
        </button>
        <button type="button" className="link-button" onClick={onOver}>
          {text.signIn.back}
        </button>
      </div>
    </form>
  )
}

function reasonOf(error: Error | null, { signIn, failure }: ReturnType<typeof useText>): string | undefined {
  if (error === null) return undefined
  if (!(error instanceof ApiProblem)) return failure.unreachable
  if (error.status === 429) return signIn.locked(Math.max(1, Math.ceil((error.retryAfterS ?? 60) / 60)))
  if (error.status === 401 && error.errors.length === 0) return signIn.codeOver
  if (error.status === 401 || error.status === 400) return signIn.codeWrong
  return failure.ours
}
