// What can be done about an incident. What somebody else did meanwhile is shown, and nothing of it is undone.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiProblem, ask } from '../../api/client.ts'
import { peopleOfIncidentQuery } from '../../api/queries.ts'
import type { Incident } from '../../api/types.ts'
import { now } from '../../clock.ts'
import { useText } from '../../i18n/language.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, SelectField, TextAreaField, useForm } from '../../ui/form.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Picker } from '../../ui/picker.tsx'
import { Failure } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'

const HOUR_MS = 3_600_000

/** Does one thing about an incident, and shows what became of it. */
function useAct(incident: Incident) {
  const text = useText()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (act: (headers: { 'if-match': string }) => Promise<Incident>) =>
      act({ 'if-match': `"${incident.version}"` }),
    onSuccess: after => {
      // What is done next names the version that this has made.
      queries.setQueryData(['incident', incident.id], after)
      say(text.incidents.done)
    },
    onError: error => {
      if (error instanceof ApiProblem && error.status === 412) say(text.incidents.changed)
    },
    onSettled: () => {
      for (const key of ['incidents', 'incident', 'incident-events', 'deliveries'])
        queries.invalidateQueries({ queryKey: [key] })
    },
  })
}

/** The buttons, and a comment. */
export function IncidentActs({ incident }: { incident: Incident }) {
  const text = useText()
  const [open, setOpen] = useState<'assign' | 'snooze' | undefined>()
  const act = useAct(incident)
  const { id, closedAt, acknowledgedAt, snoozedUntil } = incident
  const path = { incident: id }
  const close = () => setOpen(undefined)
  return (
    <Panel title={text.incidents.actions}>
      <div className="panel-body stack">
        {act.error !== null && <Failure error={act.error} />}
        <div className="form-actions">
          {acknowledgedAt === null && (
            <button
              type="button"
              className="button button-main"
              disabled={act.isPending}
              onClick={() => act.mutate(() => ask('POST /api/v1/incidents/{incident}/acknowledge', { path }))}
            >
              {text.incidents.acknowledge}
            </button>
          )}
          <button type="button" className="button" onClick={() => setOpen('assign')}>
            {text.incidents.assign}
          </button>
          {closedAt === null && (
            <button
              type="button"
              className="button"
              disabled={act.isPending}
              onClick={() =>
                snoozedUntil === null
                  ? setOpen('snooze')
                  : act.mutate(headers =>
                      ask('PUT /api/v1/incidents/{incident}/snooze', {
                        path,
                        headers,
                        body: { until: null },
                      }),
                    )
              }
            >
              {snoozedUntil === null ? text.incidents.snooze : text.incidents.unsnooze}
            </button>
          )}
          {closedAt === null && incident.escalated < incident.steps && (
            <button
              type="button"
              className="button"
              title={text.incidents.escalateHint(incident.escalated + 1)}
              disabled={act.isPending}
              onClick={() =>
                act.mutate(headers => ask('POST /api/v1/incidents/{incident}/escalate', { path, headers }))
              }
            >
              {text.incidents.escalate}
            </button>
          )}
        </div>
        <Comment incident={incident} />
      </div>
      {open === 'assign' && <Assign incident={incident} onClose={close} />}
      {open === 'snooze' && <Snooze incident={incident} onClose={close} />}
    </Panel>
  )
}

function Comment({ incident }: { incident: Incident }) {
  const text = useText()
  const form = useForm({ text: '' })
  const act = useAct(incident)
  const send = () =>
    act.mutate(
      () =>
        ask('POST /api/v1/incidents/{incident}/comments', {
          path: { incident: incident.id },
          body: { text: form.values.text },
        }),
      { onSuccess: () => form.set('text', '') },
    )
  return (
    <Form error={act.error} isBusy={act.isPending} submit={text.incidents.comment} onSubmit={send}>
      <TextAreaField
        {...form.field('text')}
        label={text.incidents.comment}
        hint={text.incidents.commentPlaceholder}
        rows={3}
        required
        maxLength={2000}
      />
    </Form>
  )
}

function Assign({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const text = useText()
  const act = useAct(incident)
  const { data } = useQuery(peopleOfIncidentQuery(incident.id))
  const [email, setEmail] = useState(incident.assignedTo ?? '')
  const options = [
    { value: '', label: text.incidents.nobody },
    ...(data?.items ?? []).map(one => ({ value: one.email, label: one.name, hint: one.email })),
  ]
  const send = () =>
    act.mutate(
      headers =>
        ask('PUT /api/v1/incidents/{incident}/assignee', {
          ...{ path: { incident: incident.id }, headers },
          body: { email: email === '' ? null : email },
        }),
      { onSuccess: onClose },
    )
  return (
    <Modal title={text.incidents.assign} onClose={onClose}>
      <Form error={act.error} isBusy={act.isPending} submit={text.incidents.assign} onSubmit={send}>
        <Picker
          name="email"
          label={text.incidents.assignTo}
          value={email}
          options={options}
          onValue={setEmail}
        />
      </Form>
    </Modal>
  )
}

function Snooze({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const text = useText()
  const act = useAct(incident)
  const form = useForm({ until: '4' })
  const send = () =>
    act.mutate(
      headers =>
        ask('PUT /api/v1/incidents/{incident}/snooze', {
          ...{ path: { incident: incident.id }, headers },
          body: { until: new Date(now() + Number(form.values.until) * HOUR_MS).toISOString() },
        }),
      { onSuccess: onClose },
    )
  return (
    <Modal title={text.incidents.snooze} lead={text.incidents.snoozeHint} onClose={onClose}>
      <Form error={act.error} isBusy={act.isPending} submit={text.incidents.snooze} onSubmit={send}>
        <SelectField
          {...form.field('until')}
          label={text.incidents.snoozeFor}
          options={Object.entries(text.incidents.snoozes).map(([value, label]) => ({ value, label }))}
        />
      </Form>
    </Modal>
  )
}
