// A channel, new or there already: a webhook, or how a provider of SMS or chat is asked.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { overviewQuery } from '../../api/queries.ts'
import type { AlertChannel, AlertChannelAsked } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, SelectField, TextAreaField, TextField, useForm } from '../../ui/form.tsx'
import { say } from '../../ui/toast.tsx'

type Settings = AlertChannelAsked['settings']

const METHODS = ['POST', 'PUT', 'GET'] as const
const TYPES = ['application/json', 'application/x-www-form-urlencoded', 'text/plain'] as const

/** What was typed. */
function typedOf(channel: AlertChannel | undefined) {
  const settings = channel?.settings ?? undefined
  const http = settings?.kind === 'http' ? settings : undefined
  return {
    ...{ name: channel?.name ?? '', client: channel?.client ?? '', url: settings?.url ?? '', secret: '' },
    kind: (channel?.kind ?? 'webhook') as 'webhook' | 'http',
    method: (http?.method ?? 'POST') as (typeof METHODS)[number],
    contentType: (http?.contentType ?? 'application/json') as (typeof TYPES)[number],
    body: http?.body ?? '{"to":"{{to}}","text":"{{text}}"}',
    headers: Object.entries(http?.headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    ...{ path: http?.accepted?.path ?? '', is: http?.accepted?.is ?? '' },
  }
}

type Typed = ReturnType<typeof typedOf>

function toSettings(typed: Typed): Settings {
  if (typed.kind === 'webhook') return { kind: 'webhook', url: typed.url.trim() }
  const headers = typed.headers.split('\n').flatMap(line => {
    const [, name = '', value = ''] = /^([^:]*):(.*)$/.exec(line) ?? []
    return line.trim() === '' ? [] : [[name.trim(), value.trim()]]
  })
  const { method, contentType, body, path, is } = typed
  return {
    ...{ kind: 'http', url: typed.url.trim(), method, contentType, body },
    headers: Object.fromEntries(headers),
    ...(path.trim() === '' ? {} : { accepted: { path: path.trim(), is } }),
  }
}

/** A channel in a dialog. */
export function ChannelForm({ channel, onClose }: { channel?: AlertChannel; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm(typedOf(channel))
  const [drawn, setDrawn] = useState<string | undefined>()
  const { data: overview } = useQuery(overviewQuery)
  const clients = [...new Set((overview?.items ?? []).map(({ client }) => client))]
  const save = useMutation({
    mutationFn: () => saveChannel(form.values, channel),
    onSuccess: secret => {
      queries.invalidateQueries({ queryKey: ['alert-channels'] })
      say(text.alerts.channelSaved)
      if (secret === null) onClose()
      else setDrawn(secret)
    },
  })
  if (drawn !== undefined) {
    return (
      <Modal title={form.values.name} onClose={onClose}>
        <p className="drawn-secret">{text.alerts.secretDrawn(drawn)}</p>
      </Modal>
    )
  }
  const kinds = (['webhook', 'http'] as const).map(value => ({
    value,
    label: text.alerts.channelKinds[value],
  }))
  return (
    <Modal
      title={channel === undefined ? text.alerts.channelNew : text.alerts.channelEdit}
      isWide
      onClose={onClose}
    >
      <Form error={save.error} isBusy={save.isPending} submit={text.ui.save} onSubmit={() => save.mutate()}>
        <div className="form-row">
          <TextField {...form.field('name')} label={text.alerts.name} required maxLength={100} />
          {channel === undefined && (
            <>
              <SelectField
                {...form.field('client')}
                label={text.alerts.client}
                none={text.alerts.installation}
                options={clients.map(value => ({ value, label: value }))}
              />
              <SelectField
                name="settings.kind"
                label={text.alerts.channelKind}
                value={form.values.kind}
                options={kinds}
                onValue={kind => form.set('kind', kind)}
              />
            </>
          )}
        </div>
        <TextField
          {...form.field('url')}
          name="settings.url"
          label={text.alerts.url}
          {...(form.values.kind === 'http' ? { hint: text.alerts.urlHint } : {})}
          required
          maxLength={2000}
        />
        {form.values.kind === 'http' && <ProviderFields form={form} />}
        <TextField
          {...form.field('secret')}
          type="password"
          label={text.alerts.secret}
          hint={text.alerts.secretKept}
          maxLength={500}
          autoComplete="off"
        />
      </Form>
    </Modal>
  )
}

function ProviderFields({ form }: { form: ReturnType<typeof useForm<Typed>> }) {
  const text = useText()
  return (
    <>
      <div className="form-row">
        <SelectField
          name="settings.method"
          label={text.alerts.method}
          value={form.values.method}
          options={METHODS.map(value => ({ value, label: value }))}
          onValue={method => form.set('method', method)}
        />
        <SelectField
          name="settings.contentType"
          label={text.alerts.contentType}
          value={form.values.contentType}
          options={TYPES.map(value => ({ value, label: value }))}
          onValue={contentType => form.set('contentType', contentType)}
        />
      </div>
      <TextAreaField
        {...form.field('headers')}
        name="settings.headers"
        label={text.alerts.headers}
        hint={text.alerts.headersHint}
        rows={2}
        isCode
      />
      <TextAreaField
        {...form.field('body')}
        name="settings.body"
        label={text.alerts.body}
        hint={text.alerts.bodyHint}
        rows={4}
        isCode
      />
      <div className="form-row">
        <TextField
          {...form.field('path')}
          name="settings.accepted.path"
          label={text.alerts.acceptedPath}
          hint={text.alerts.acceptedPathHint}
          maxLength={200}
        />
        <TextField
          {...form.field('is')}
          name="settings.accepted.is"
          label={text.alerts.acceptedIs}
          maxLength={200}
        />
      </div>
    </>
  )
}

/** Saves it; the secret that was drawn, if one was. */
async function saveChannel(typed: Typed, channel: AlertChannel | undefined): Promise<string | null> {
  const given = typed.secret === '' ? {} : { secret: typed.secret }
  const body = { name: typed.name, settings: toSettings(typed), ...given }
  if (channel === undefined) {
    const client = typed.client === '' ? {} : { client: typed.client }
    return (await ask('POST /api/v1/alert-channels', { body: { ...body, ...client } })).secret
  }
  const headers = { 'if-match': `"${channel.version}"` }
  await ask('PUT /api/v1/alert-channels/{channel}', { path: { channel: channel.id }, headers, body })
  return null
}
