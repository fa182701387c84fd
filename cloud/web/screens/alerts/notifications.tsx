// How somebody wants to be told, and what they were sent.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { meQuery, ownDeliveriesQuery, ownNotificationsQuery } from '../../api/queries.ts'
import type { OwnNotifications } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import '../../styles/alerts.css'
import { CheckField, Form, SelectField, TextField } from '../../ui/form.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Failure, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { say } from '../../ui/toast.tsx'
import { HoursField } from './hours-field.tsx'
import { DeliveryTable } from './incident.tsx'
import { RecipientsField } from './recipients-field.tsx'

/** How somebody wants to be told. */
export function NotificationsScreen() {
  const text = useText()
  useTitle(text.alerts.notifications)
  const query = useQuery(ownNotificationsQuery)
  return (
    <>
      <div className="page-head">
        <h1>{text.alerts.notifications}</h1>
        <span className="faint">{text.alerts.notificationsLead}</span>
      </div>
      <div className="incident-columns">
        <Panel title={text.alerts.notifications}>
          <div className="panel-body">
            <Shown query={query} lines={6}>
              {own => <PreferencesForm key={own.version} own={own} />}
            </Shown>
          </div>
        </Panel>
        <Sent />
      </div>
    </>
  )
}

function PreferencesForm({ own }: { own: OwnNotifications }) {
  const text = useText()
  const queries = useQueryClient()
  const { data: me } = useQuery(meQuery)
  const [asked, setAsked] = useState(own.preferences)
  const change = (next: Partial<typeof asked>) => setAsked(before => ({ ...before, ...next }))
  const save = useMutation({
    mutationFn: () =>
      ask('PUT /api/v1/me/notifications', { headers: { 'if-match': `"${own.version}"` }, body: asked }),
    onSuccess: () => say(text.alerts.notificationsSaved),
    onSettled: () => queries.invalidateQueries({ queryKey: ['own-notifications'] }),
  })
  const { languages, digests } = text.alerts
  return (
    <Form
      error={save.error}
      isBusy={save.isPending}
      submit={text.alerts.saveNotifications}
      onSubmit={() => save.mutate()}
    >
      <SelectField
        name="language"
        label={text.alerts.language}
        value={asked.language ?? 'es'}
        options={(['es', 'en'] as const).map(value => ({ value, label: languages[value] }))}
        onValue={language => change({ language })}
      />
      <CheckField
        name="email"
        label={text.alerts.byMail(me?.email ?? '')}
        value={asked.email !== false}
        onValue={email => change({ email })}
      />
      <RecipientsField
        legend={text.alerts.myChannels}
        value={asked.channels ?? []}
        isMailAllowed={false}
        onValue={channels => change({ channels: channels.filter(one => 'channel' in one) })}
      />
      <HoursField
        legend={text.alerts.quietHours}
        hint={text.alerts.quietHoursHint}
        none={text.alerts.noQuiet}
        value={asked.quietHours ?? []}
        onValue={quietHours => change({ quietHours })}
      />
      <CheckField
        name="criticalAtOnce"
        label={text.alerts.criticalAtOnce}
        value={asked.criticalAtOnce !== false}
        onValue={criticalAtOnce => change({ criticalAtOnce })}
      />
      <div className="form-row">
        <SelectField
          name="digest"
          label={text.alerts.digest}
          value={asked.digest ?? 'never'}
          options={(['never', 'hourly', 'daily'] as const).map(value => ({ value, label: digests[value] }))}
          onValue={digest => change({ digest })}
        />
        {asked.digest === 'daily' && (
          <TextField
            name="digestAt"
            label={text.alerts.digestAt}
            value={asked.digestAt ?? '08:00'}
            onValue={digestAt => change({ digestAt })}
            required
            maxLength={5}
          />
        )}
      </div>
    </Form>
  )
}

function Sent() {
  const text = useText()
  const queries = useQueryClient()
  const query = useQuery(ownDeliveriesQuery)
  const test = useMutation({
    mutationFn: () => ask('POST /api/v1/me/notifications/test', {}),
    onSuccess: () => say(text.alerts.testSent),
    onSettled: () => queries.invalidateQueries({ queryKey: ['own-deliveries'] }),
  })
  return (
    <Panel
      title={text.alerts.myDeliveries}
      actions={
        <button
          type="button"
          className="button button-small"
          disabled={test.isPending}
          onClick={() => test.mutate()}
        >
          {text.alerts.testMine}
        </button>
      }
    >
      {test.error !== null && <Failure error={test.error} />}
      <Shown query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.alerts.myDeliveriesNone} />
          ) : (
            <DeliveryTable deliveries={items} />
          )
        }
      </Shown>
    </Panel>
  )
}
