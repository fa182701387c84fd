// Brings a well live, step by step: where it is, its instrument, what that gives now, what is owed, and then all at once.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { informantsQuery } from '../api/configuration.ts'
import { gatewaysQuery } from '../api/queries.ts'
import { useText } from '../i18n/language.tsx'
import { CheckField, NumberField, SelectField, TextField } from '../ui/form.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import '../styles/configuration.css'
import { freshDraft, keepDraft, openDraft, type WizardDraft } from './wizard-draft.ts'
import { InstrumentStep } from './wizard-instrument.tsx'
import { MadeStep, MakeStep } from './wizard-make.tsx'
import { StepForm, type StepProps, useFields } from './wizard-step.tsx'
import { TestStep } from './wizard-test.tsx'

/** The wizard. */
export function WizardScreen() {
  const text = useText()
  useTitle(text.wizard.title)
  const [draft, setDraft] = useState(openDraft)
  useEffect(() => keepDraft(draft), [draft])
  const change = (changed: Partial<WizardDraft>) => setDraft(before => ({ ...before, ...changed }))
  const { step, made } = draft
  return (
    <>
      <div className="page-head">
        <h1>{text.wizard.title}</h1>
        <span className="faint">{text.wizard.lead}</span>
        {(step > 0 || made !== null) && (
          <button type="button" className="button push" onClick={() => setDraft(freshDraft())}>
            {made === null ? text.wizard.restart : text.wizard.another}
          </button>
        )}
      </div>
      <ol className="wizard-steps">
        {text.wizard.steps.map((name, index) => (
          <li
            key={name}
            className={index < step || made !== null ? 'is-done' : ''}
            {...(index === step && made === null ? { 'aria-current': 'step' as const } : {})}
          >
            {name}
          </li>
        ))}
      </ol>
      <Panel title={made === null ? (text.wizard.steps[step] ?? '') : made}>
        <div className="panel-body">
          {made === null ? <Step draft={draft} onChange={change} /> : <MadeStep draft={draft} point={made} />}
        </div>
      </Panel>
    </>
  )
}

function Step({ draft, onChange }: StepProps) {
  switch (draft.step) {
    case 0:
      return <PlaceStep draft={draft} onChange={onChange} />
    case 1:
      return <InstrumentStep draft={draft} onChange={onChange} />
    case 2:
      return <TestStep draft={draft} onChange={onChange} />
    case 3:
      return <OweStep draft={draft} onChange={onChange} />
    default:
      return <MakeStep draft={draft} onChange={onChange} />
  }
}

function PlaceStep(props: StepProps) {
  const text = useText()
  const query = useQuery(gatewaysQuery)
  const field = useFields(props)
  return (
    <Shown query={query} lines={4}>
      {({ items }) => {
        const there = items.filter(({ state }) => state === 'ready' || state === 'init')
        if (there.length === 0)
          return (
            <>
              <Empty title={text.wizard.noGateways} hint={text.wizard.noGatewaysHint} />
              <Link to="/admin/gateways" className="button button-main">
                {text.wizard.toGateways}
              </Link>
            </>
          )
        return (
          <StepForm {...props}>
            <SelectField
              {...field('gateway')}
              label={text.wizard.gateway}
              hint={text.wizard.gatewayHint}
              none={text.wizard.pick}
              required
              options={there.map(({ gateway, client, project }) => ({
                value: gateway,
                label: `${gateway} · ${client} · ${project}`,
              }))}
            />
            <div className="form-row">
              <TextField
                {...field('point')}
                label={text.wizard.point}
                hint={text.wizard.pointHint}
                pattern="[a-z0-9][a-z0-9\-]{0,62}"
                required
                autoComplete="off"
              />
              <TextField {...field('name')} label={text.wizard.name} required maxLength={200} />
            </div>
            <div className="form-row">
              <SelectField
                {...field('kind')}
                label={text.wizard.kind}
                options={(['groundwater', 'surface_pipe', 'surface_channel'] as const).map(value => ({
                  ...{ value, label: text.wizard.kinds[value] },
                }))}
              />
              <NumberField {...field('sensorDepthM')} label={text.wizard.sensorDepth} unit="m" />
            </div>
          </StepForm>
        )
      }}
    </Shown>
  )
}

const STANDARDS = ['mayor', 'medio', 'menor', 'caudales_muy_pequenos'] as const

function OweStep(props: StepProps) {
  const text = useText()
  const { draft, onChange } = props
  const field = useFields(props)
  const { data: gateways } = useQuery(gatewaysQuery)
  const client = gateways?.items.find(({ gateway }) => gateway === draft.gateway)?.client
  const query = useQuery(informantsQuery)
  return (
    <StepForm {...props}>
      <CheckField
        name="owes"
        label={text.wizard.owes}
        hint={text.wizard.shadowHint}
        value={draft.owes}
        onValue={owes => onChange({ owes })}
      />
      {draft.owes && (
        <>
          <div className="form-row">
            <TextField
              {...field('workCode')}
              label={text.wizard.workCode}
              placeholder="OB-0602-9"
              pattern="O[BR]-[0-9]{4}-[1-9][0-9]*"
              required
            />
            <SelectField
              {...field('informant')}
              label={text.wizard.informant}
              none={text.wizard.pick}
              required
              options={(query.data?.items ?? [])
                .filter(one => one.client === client)
                .map(({ rut, name }) => ({ value: rut, label: `${name} · ${rut}` }))}
            />
          </div>
          <div className="form-row">
            <SelectField
              {...field('standard')}
              label={text.wizard.standard}
              options={STANDARDS.map(value => ({ value, label: text.compliance.standards[value] }))}
            />
            <SelectField
              {...field('channel')}
              label={text.wizard.channel}
              options={[
                { value: 'rest', label: 'REST' },
                { value: 'soap', label: 'SOAP' },
              ]}
            />
          </div>
          <div className="form-row">
            <NumberField {...field('flowLps')} label={text.wizard.flow} unit="L/s" />
            <NumberField {...field('yearlyM3')} label={text.wizard.yearly} unit="m³" />
          </div>
        </>
      )}
    </StepForm>
  )
}
