// What one signs in with besides a password: codes of an authenticator, recovery codes, passkeys.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { encode } from 'uqr'
import { ask } from '../api/client.ts'
import { securityQuery, sessionsQuery } from '../api/queries.ts'
import type { Security } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { addPasskey, hasPasskeys } from '../passkeys.ts'
import { Modal } from '../ui/dialog.tsx'
import { Form, TextField, useForm } from '../ui/form.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Failure, Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'

/** Codes of an authenticator, and recovery codes. */
export function SecondFactorPanel() {
  const text = useText()
  const query = useQuery(securityQuery)
  return (
    <Panel title={text.account.factor.title} hint={text.account.factor.hint}>
      <Shown query={query}>{security => <SecondFactor security={security} />}</Shown>
    </Panel>
  )
}

type Deed = 'setUp' | 'remove' | 'draw'

function SecondFactor({ security }: { security: Security }) {
  const text = useText()
  const words = text.account.factor
  const [deed, setDeed] = useState<Deed | undefined>()
  const [codes, setCodes] = useState<readonly string[] | undefined>()
  const close = () => setDeed(undefined)
  const { hasPassword, hasSecondFactor } = security
  return (
    <div className="panel-body account-form">
      <p>
        <span className={`badge ${hasSecondFactor ? 'badge-current' : 'badge-never'}`}>
          {hasSecondFactor ? words.on : words.off}
        </span>
        {hasSecondFactor && <span className="faint"> {words.codesLeft(security.recoveryCodes)}</span>}
      </p>
      <div className="admin-actions">
        {hasSecondFactor ? (
          <>
            <button type="button" className="button" onClick={() => setDeed('draw')}>
              {words.draw}
            </button>
            <button type="button" className="button" onClick={() => setDeed('remove')}>
              {words.remove}
            </button>
          </>
        ) : (
          <button type="button" className="button button-main" onClick={() => setDeed('setUp')}>
            {words.setUp}
          </button>
        )}
      </div>
      {deed === 'setUp' && (
        <SetUp
          hasPassword={hasPassword}
          onClose={close}
          onDone={made => {
            close()
            setCodes(made)
          }}
        />
      )}
      {(deed === 'remove' || deed === 'draw') && (
        <WithPassword
          deed={deed}
          hasPassword={hasPassword}
          onClose={close}
          onDone={made => {
            close()
            if (made === undefined) say(words.removed)
            else setCodes(made)
          }}
        />
      )}
      {codes !== undefined && <Codes codes={codes} onClose={() => setCodes(undefined)} />}
    </div>
  )
}

function useRefresh() {
  const queries = useQueryClient()
  return () => {
    queries.invalidateQueries({ queryKey: securityQuery.queryKey })
    queries.invalidateQueries({ queryKey: sessionsQuery.queryKey })
  }
}

function SetUp({
  hasPassword,
  onClose,
  onDone,
}: {
  hasPassword: boolean
  onClose: () => void
  onDone: (codes: readonly string[]) => void
}) {
  const text = useText()
  const words = text.account.factor
  const refresh = useRefresh()
  const form = useForm({ password: '', code: '' })
  const begin = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/me/second-factor', { body: hasPassword ? { password: form.values.password } : {} }),
  })
  const confirm = useMutation({
    mutationFn: () => ask('POST /api/v1/me/second-factor/confirm', { body: { code: form.values.code } }),
    onSuccess: () => {
      refresh()
      say(words.turnedOn)
      onDone(begin.data?.recoveryCodes ?? [])
    },
  })
  if (begin.data === undefined) {
    return (
      <Modal title={words.title} lead={words.hint} onClose={onClose}>
        <Form error={begin.error} isBusy={begin.isPending} submit={words.go} onSubmit={() => begin.mutate()}>
          {hasPassword && (
            <TextField
              {...form.field('password')}
              label={words.confirmPassword}
              type="password"
              autoComplete="current-password"
              required
            />
          )}
        </Form>
      </Modal>
    )
  }
  const { uri } = begin.data
  return (
    <Modal title={words.title} lead={words.scan} onClose={onClose}>
      <div className="factor-set-up">
        <QrCode text={uri} label={words.image} />
        <p className="faint">{words.byHand}</p>
        <code className="once-secret">{new URL(uri).searchParams.get('secret')}</code>
        <Form
          error={confirm.error}
          isBusy={confirm.isPending}
          submit={words.turnOn}
          onSubmit={() => confirm.mutate()}
        >
          <TextField
            {...form.field('code')}
            label={words.type}
            pattern="[0-9]{6}"
            maxLength={6}
            autoComplete="one-time-code"
            required
          />
        </Form>
      </div>
    </Modal>
  )
}

/** A text as a QR code, drawn as one path. */
function QrCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { border: 2 })
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}

function WithPassword({
  deed,
  hasPassword,
  onClose,
  onDone,
}: {
  deed: 'remove' | 'draw'
  hasPassword: boolean
  onClose: () => void
  onDone: (codes: readonly string[] | undefined) => void
}) {
  const text = useText()
  const words = text.account.factor
  const refresh = useRefresh()
  const form = useForm({ password: '' })
  const body = hasPassword ? { password: form.values.password } : {}
  const work = useMutation({
    mutationFn: async () => {
      if (deed === 'draw')
        return (await ask('POST /api/v1/me/second-factor/recovery-codes', { body })).recoveryCodes
      await ask('POST /api/v1/me/second-factor/remove', { body })
      return undefined
    },
    onSuccess: codes => {
      refresh()
      onDone(codes)
    },
  })
  return (
    <Modal title={words[deed]} onClose={onClose}>
      <Form
        error={work.error}
        isBusy={work.isPending}
        isDanger={deed === 'remove'}
        submit={words[deed]}
        onSubmit={() => work.mutate()}
      >
        {hasPassword && (
          <TextField
            {...form.field('password')}
            label={words.confirmPassword}
            type="password"
            autoComplete="current-password"
            required
          />
        )}
      </Form>
    </Modal>
  )
}

function Codes({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  const text = useText()
  const words = text.account.factor
  const copy = async () => {
    await navigator.clipboard.writeText(codes.join('\n'))
    say(text.users.copied)
  }
  return (
    <Modal title={words.codes} lead={words.codesLead} onClose={onClose}>
      <ul className="codes">
        {codes.map(code => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className="form-actions">
        <button type="button" className="button button-main" onClick={onClose}>
          {words.kept}
        </button>
        <button type="button" className="button" onClick={copy}>
          {words.copy}
        </button>
      </div>
    </Modal>
  )
}

/** Keys that one's machines hold. */
export function PasskeysPanel() {
  const text = useText()
  const words = text.account.passkeys
  const format = useFormat()
  const refresh = useRefresh()
  const query = useQuery(securityQuery)
  const [isAdding, setAdding] = useState(false)
  const remove = useMutation({
    mutationFn: (passkey: string) => ask('DELETE /api/v1/me/passkeys/{passkey}', { path: { passkey } }),
    onSuccess: () => say(words.removed),
    onSettled: refresh,
  })
  const canAdd = hasPasskeys()
  const actions = canAdd && (
    <button type="button" className="button button-small" onClick={() => setAdding(true)}>
      {words.add}
    </button>
  )
  return (
    <Panel title={words.title} hint={canAdd ? words.hint : words.unsupported} actions={actions}>
      {remove.error !== null && <Failure error={remove.error} />}
      <Shown query={query}>
        {({ passkeys }) =>
          passkeys.length === 0 ? (
            <Empty title={words.none} />
          ) : (
            <ul className="sessions">
              {passkeys.map(({ id, name, lastUsedAt }) => (
                <li key={id}>
                  <div>
                    <strong>{name}</strong>
                    <p className="faint">
                      {lastUsedAt === null
                        ? words.never
                        : `${words.used} ${format.instant(Date.parse(lastUsedAt))}`}
                    </p>
                  </div>
                  <button
                    type="button"
                    className="button button-small"
                    disabled={remove.isPending}
                    onClick={() => remove.mutate(id)}
                  >
                    {words.remove}
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
      {isAdding && <AddPasskey onClose={() => setAdding(false)} onAdded={refresh} />}
    </Panel>
  )
}

function AddPasskey({ onClose, onAdded }: { onClose: () => void; onAdded: () => void }) {
  const text = useText()
  const words = text.account.passkeys
  const form = useForm({ name: '' })
  const add = useMutation({
    mutationFn: async () => {
      if (!(await addPasskey(form.values.name))) throw new Error(words.failed)
    },
    onSuccess: () => {
      say(words.added)
      onAdded()
      onClose()
    },
  })
  return (
    <Modal title={words.add} lead={words.hint} onClose={onClose}>
      <Form error={add.error} isBusy={add.isPending} submit={words.add} onSubmit={() => add.mutate()}>
        <TextField
          {...form.field('name')}
          label={words.name}
          placeholder={words.example}
          required
          maxLength={60}
          autoComplete="off"
        />
      </Form>
    </Modal>
  )
}
