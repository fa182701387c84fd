// One rule, new or there already: what it looks for, when, whom it tells, tried on history before it is saved.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { alertRuleQuery, overviewQuery } from '../../api/queries.ts'
import type { AlertRule, AlertRuleWithChanges } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import '../../styles/alerts.css'
import { Confirm } from '../../ui/dialog.tsx'
import { CheckField, Form, SelectField, TextField } from '../../ui/form.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Picker } from '../../ui/picker.tsx'
import { Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { say } from '../../ui/toast.tsx'
import { BacktestPanel } from './backtest-panel.tsx'
import { ConditionFields } from './condition-fields.tsx'
import { Escalation } from './escalation-field.tsx'
import { HoursField } from './hours-field.tsx'
import { RecipientsField } from './recipients-field.tsx'
import { type RuleDraft, toDraft, toRule } from './rule-draft.ts'

const route = getRouteApi('/shell/alerts/rules/$rule')

/** One rule. */
export function AlertRuleScreen() {
  const { rule } = route.useParams()
  return rule === 'new' ? <Editor key="new" /> : <Kept key={rule} rule={Number(rule)} />
}

function Kept({ rule }: { rule: number }) {
  const query = useQuery(alertRuleQuery(rule))
  return (
    <Shown query={query} lines={8}>
      {({ rule: kept, changes }) => <Editor key={kept.version} kept={kept} changes={changes} />}
    </Shown>
  )
}

/** Where a rule looks: the client, and the point; empty: all of them. */
interface Scope {
  client: string
  point: string
}

function Editor({ kept, changes }: { kept?: AlertRule; changes?: AlertRuleWithChanges['changes'] }) {
  const text = useText()
  useTitle(kept?.rule.name ?? text.alerts.newRule)
  const mayMake = useMay('decide')
  const [draft, setDraft] = useState<RuleDraft>(() => toDraft(kept?.rule))
  const [scope, setScope] = useState<Scope>({ client: kept?.client ?? '', point: kept?.point ?? '' })
  const { data: overview } = useQuery(overviewQuery)
  const points = (overview?.items ?? []).map(({ key, name }) => ({ key, name }))
  const clients = [...new Set(points.map(({ key }) => key.split('.')[0] ?? ''))]
  const client = scope.client || (clients[0] ?? '')
  const ofClient = points.filter(({ key }) => key.startsWith(`${client}.`))
  const change = (next: Partial<RuleDraft>) => setDraft(before => ({ ...before, ...next }))
  return (
    <>
      <div className="page-head">
        <p className="trail">
          <Link to="/alerts/rules">{text.alerts.rules}</Link>
          <span aria-hidden="true">/</span>
          <span>{kept === undefined ? text.alerts.newRule : kept.id}</span>
        </p>
        <h1>{kept?.rule.name ?? text.alerts.newRule}</h1>
        {!mayMake && <span className="faint">{text.alerts.readOnly}</span>}
        {kept !== undefined && mayMake && (
          <span className="push">
            <Delete rule={kept} />
          </span>
        )}
      </div>
      <div className="incident-columns">
        <Panel title={text.alerts.rule}>
          <div className="panel-body">
            <RuleForm
              {...{ draft, scope: { ...scope, client }, clients, kept, mayMake }}
              points={ofClient}
              onDraft={change}
              onScope={setScope}
            />
          </div>
        </Panel>
        <div className="stack">
          <TryOut draft={draft} chosen={scope.point} points={ofClient} />
          {changes !== undefined && changes.length > 0 && <Changes changes={changes} />}
        </div>
      </div>
    </>
  )
}

function RuleForm({
  draft,
  scope,
  clients,
  points,
  kept,
  mayMake,
  onDraft,
  onScope,
}: {
  draft: RuleDraft
  scope: Scope
  clients: readonly string[]
  points: readonly { key: string; name: string }[]
  kept: AlertRule | undefined
  mayMake: boolean
  onDraft: (change: Partial<RuleDraft>) => void
  onScope: (scope: Scope) => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const save = useMutation({
    mutationFn: () => saveRule(draft, scope, kept),
    onSuccess: ({ id }) => {
      say(text.alerts.saved)
      queries.invalidateQueries({ queryKey: ['alert-rules'] })
      queries.invalidateQueries({ queryKey: ['alert-rule', id] })
      navigate({ to: '/alerts/rules' })
    },
  })
  // A new rule is part of a document that also says whose it is; the API names fields from there.
  const path = kept === undefined ? 'rule.' : ''
  return (
    <Form
      error={save.error}
      isBusy={save.isPending}
      isDisabled={!mayMake}
      submit={text.alerts.save}
      onSubmit={() => save.mutate()}
    >
      <TextField
        name={`${path}name`}
        label={text.alerts.name}
        value={draft.name}
        onValue={name => onDraft({ name })}
        required
        maxLength={100}
      />
      {kept === undefined && <ScopeFields {...{ scope, clients, points, onScope }} />}
      <ConditionFields draft={draft} path={`${path}condition`} onDraft={onDraft} />
      <LastingFields {...{ draft, path, onDraft }} />
      <HoursField
        legend={text.alerts.schedule}
        none={text.alerts.always}
        value={draft.schedule}
        onValue={schedule => onDraft({ schedule })}
      />
      <RecipientsField
        legend={text.alerts.notify}
        value={draft.notify}
        onValue={notify => onDraft({ notify })}
      />
      <Escalation steps={draft.escalation} onSteps={escalation => onDraft({ escalation })} />
      <CheckField
        name={`${path}enabled`}
        label={text.alerts.enabled}
        value={draft.enabled}
        onValue={enabled => onDraft({ enabled })}
      />
    </Form>
  )
}

/** Whose a new rule is, and where it looks. */
function ScopeFields({
  scope,
  clients,
  points,
  onScope,
}: {
  scope: Scope
  clients: readonly string[]
  points: readonly { key: string; name: string }[]
  onScope: (scope: Scope) => void
}) {
  const text = useText()
  return (
    <div className="form-row">
      {clients.length > 1 && (
        <SelectField
          name="client"
          label={text.alerts.client}
          value={scope.client}
          onValue={client => onScope({ client, point: '' })}
          options={clients.map(value => ({ value, label: value }))}
        />
      )}
      <Picker
        name="point"
        label={text.alerts.scope}
        value={scope.point}
        options={[
          { value: '', label: text.alerts.allPoints },
          ...points.map(({ key, name }) => ({ value: key, label: name, hint: key })),
        ]}
        onValue={point => onScope({ ...scope, point })}
      />
    </div>
  )
}

function LastingFields({
  draft,
  path,
  onDraft,
}: {
  draft: RuleDraft
  path: string
  onDraft: (change: Partial<RuleDraft>) => void
}) {
  const text = useText()
  const severities = (['info', 'warning', 'critical'] as const).map(value => ({
    value,
    label: text.incidents.severities[value],
  }))
  return (
    <div className="form-row">
      <SelectField
        name={`${path}severity`}
        label={text.alerts.severity}
        value={draft.severity}
        options={severities}
        onValue={severity => onDraft({ severity })}
      />
      <TextField
        name={`${path}quietFor`}
        label={text.alerts.quietFor}
        hint={text.alerts.durationHint}
        value={draft.quietFor}
        onValue={quietFor => onDraft({ quietFor })}
        required
        maxLength={12}
      />
      <TextField
        name={`${path}clearFor`}
        label={text.alerts.clearFor}
        hint={text.alerts.lastingHint}
        value={draft.clearFor}
        onValue={clearFor => onDraft({ clearFor })}
        maxLength={12}
      />
    </div>
  )
}

function saveRule(
  draft: RuleDraft,
  { client, point }: Scope,
  kept: AlertRule | undefined,
): Promise<AlertRule> {
  const rule = toRule(draft)
  if (kept === undefined) {
    const body = { client, rule, ...(point === '' ? {} : { point }) }
    return ask('POST /api/v1/alert-rules', { body })
  }
  const headers = { 'if-match': `"${kept.version}"` }
  return ask('PUT /api/v1/alert-rules/{rule}', { path: { rule: kept.id }, headers, body: rule })
}

/** Not within the form of the rule: what is sent in its dialog would send that form too. */
function Delete({ rule: { id, version, rule } }: { rule: AlertRule }) {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [isAsking, setAsking] = useState(false)
  const remove = useMutation({
    mutationFn: () =>
      ask('DELETE /api/v1/alert-rules/{rule}', {
        ...{ path: { rule: id }, headers: { 'if-match': `"${version}"` } },
      }),
    onSuccess: async () => {
      say(text.alerts.deleted)
      // What is gone must not be asked for again by the screen that still shows it.
      await navigate({ to: '/alerts/rules' })
      queries.removeQueries({ queryKey: ['alert-rule', id] })
      await queries.invalidateQueries({ queryKey: ['alert-rules'] })
    },
  })
  return (
    <>
      <button type="button" className="button" onClick={() => setAsking(true)}>
        {text.alerts.deleteTitle}
      </button>
      {isAsking && (
        <Confirm
          title={`${text.alerts.deleteTitle}: ${rule.name}`}
          action={text.alerts.deleteTitle}
          isDanger
          error={remove.error}
          isBusy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{text.alerts.deleteText}</p>
        </Confirm>
      )}
    </>
  )
}

/** A rule for all points is tried at one of them. */
function TryOut({
  draft,
  chosen,
  points,
}: {
  draft: RuleDraft
  chosen: string
  points: readonly { key: string; name: string }[]
}) {
  const text = useText()
  const [picked, setPicked] = useState('')
  const point = chosen || picked || (points[0]?.key ?? '')
  return (
    <>
      {chosen === '' && points.length > 1 && (
        <Picker
          name="try"
          label={text.alerts.tryPoint}
          value={point}
          options={points.map(({ key, name }) => ({ value: key, label: name, hint: key }))}
          onValue={setPicked}
        />
      )}
      <BacktestPanel draft={draft} point={point} />
    </>
  )
}

function Changes({ changes }: { changes: AlertRuleWithChanges['changes'] }) {
  const text = useText()
  const format = useFormat()
  return (
    <Panel title={text.alerts.history}>
      <ol className="incident-story panel-body">
        {changes.map(({ at, by, before, after }) => (
          <li key={at}>
            <p>
              <strong>{by}</strong>{' '}
              {before === null ? text.alerts.made : after === null ? text.alerts.gone : text.alerts.replaced}
              <span className="faint story-at">{format.instant(Date.parse(at))}</span>
            </p>
          </li>
        ))}
      </ol>
    </Panel>
  )
}
