// The wizard's instrument: how it is reached, and what its registers hold.

import { useQuery } from '@tanstack/react-query'
import { profilesQuery } from '../api/configuration.ts'
import { gatewayQuery } from '../api/queries.ts'
import { useText } from '../i18n/language.tsx'
import { NumberField, SelectField, TextField } from '../ui/form.tsx'
import { Icon } from '../ui/icons.tsx'
import { newSignal, type SignalTyped } from './wizard-draft.ts'
import { StepForm, type StepProps, useFields } from './wizard-step.tsx'

const EVERY = ['1s', '10s', '1m', '5m', '15m', '1h'] as const
const VARIABLES = ['flow', 'total', 'level', 'pulses', 'pressure', 'temperature', 'conductivity'] as const
const TYPES = ['float32', 'float64', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64'] as const
const TABLES = ['holding', 'input'] as const

/** The wizard's instrument. */
export function InstrumentStep(props: StepProps) {
  const text = useText()
  const { draft, onChange } = props
  const field = useFields(props)
  const { data: gateway } = useQuery(gatewayQuery(draft.gateway))
  const { data: profiles } = useQuery(profilesQuery)
  const chosen = profiles?.items.find(({ profile }) => profile === draft.profile)
  const buses = gateway?.health?.buses ?? []
  return (
    <StepForm {...props}>
      <SelectField
        {...field('bus')}
        label={text.wizard.bus}
        options={[
          { value: 'tcp', label: text.wizard.newTcp },
          { value: 'serial', label: text.wizard.newSerial },
          ...buses.map(({ id }) => ({ value: id, label: id })),
        ]}
      />
      {draft.bus === 'tcp' && (
        <div className="form-row">
          <TextField {...field('host')} label={text.wizard.host} placeholder="192.168.1.20" required />
          <NumberField {...field('port')} label={text.wizard.port} required />
        </div>
      )}
      {draft.bus === 'serial' && (
        <div className="form-row">
          <TextField {...field('path')} label={text.wizard.path} required />
          <NumberField {...field('baudRate')} label={text.wizard.baudRate} required />
          <SelectField
            {...field('parity')}
            label={text.wizard.parity}
            options={(['none', 'even', 'odd'] as const).map(value => ({
              ...{ value, label: text.wizard.parities[value] },
            }))}
          />
        </div>
      )}
      <div className="form-row">
        <TextField
          {...field('device')}
          label={text.wizard.device}
          pattern="[a-z0-9][a-z0-9\-]{0,62}"
          required
          autoComplete="off"
        />
        <NumberField {...field('unit')} label={text.wizard.unit} required />
        <SelectField
          {...field('every')}
          label={text.wizard.every}
          options={EVERY.map(value => ({ value, label: value }))}
        />
      </div>
      <SelectField
        {...field('profile')}
        label={text.wizard.profile}
        none={text.wizard.byHand}
        {...(chosen === undefined || chosen.certainty === 'high' ? {} : { hint: text.wizard.certainty })}
        options={(profiles?.items ?? []).map(({ profile, name }) => ({ value: profile, label: name }))}
      />
      {draft.profile === '' && (
        <Signals signals={draft.signals} onSignals={signals => onChange({ signals })} />
      )}
    </StepForm>
  )
}

function Signals({
  signals,
  onSignals,
}: {
  signals: readonly SignalTyped[]
  onSignals: (signals: SignalTyped[]) => void
}) {
  const text = useText()
  const change = (key: string, changed: Partial<SignalTyped>) =>
    onSignals(signals.map(one => (one.key === key ? { ...one, ...changed } : one)))
  return (
    <div className="wizard-signals">
      {signals.map((signal, index) => {
        const field = (name: keyof SignalTyped) => ({
          name: `signals.${index}.${name}`,
          value: signal[name],
          onValue: (value: string) => change(signal.key, { [name]: value }),
        })
        return (
          <div key={signal.key} className="wizard-signal">
            <SelectField
              {...field('variable')}
              label={text.wizard.variable}
              options={VARIABLES.map(value => ({ value, label: text.variable[value] }))}
            />
            <SelectField
              {...field('table')}
              label={text.wizard.table}
              options={TABLES.map(value => ({ value, label: value }))}
            />
            <NumberField {...field('address')} label={text.wizard.address} required />
            <SelectField
              {...field('type')}
              label={text.wizard.type}
              options={TYPES.map(value => ({ value, label: value }))}
            />
            <NumberField {...field('scale')} label={text.wizard.scale} />
            <button
              type="button"
              className="icon-button"
              onClick={() => onSignals(signals.filter(one => one.key !== signal.key))}
            >
              <Icon name="close" size={16} />
              <span className="visually-hidden">{text.wizard.removeSignal}</span>
            </button>
          </div>
        )
      })}
      <p>
        <button type="button" className="button" onClick={() => onSignals([...signals, newSignal()])}>
          {text.wizard.addSignal}
        </button>
      </p>
    </div>
  )
}
