// What a rule looks for: the fields of its kind.

import { VARIABLE_NAMES, type Variable } from '../../../../protocol/variables.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { CheckField, NumberField, SelectField, TextField } from '../../ui/form.tsx'
import { type ConditionKind, FIELDS, fieldsOf, NUMBERS, type RuleDraft } from './rule-draft.ts'

/** The fields of what a rule looks for. `path` is where the API has them. */
export function ConditionFields({
  draft,
  path,
  onDraft,
}: {
  draft: RuleDraft
  path: string
  onDraft: (change: Partial<RuleDraft>) => void
}) {
  const text = useText()
  const { kind, fields } = draft
  return (
    <>
      <SelectField
        name={`${path}.kind`}
        label={text.alerts.kind}
        value={kind}
        onValue={next => onDraft({ kind: next, fields: { ...fieldsOf(next) } })}
        options={(Object.keys(FIELDS) as ConditionKind[]).map(value => ({
          value,
          label: text.alerts.kinds[value],
        }))}
      />
      {FIELDS[kind].length > 0 && (
        <div className="form-row">
          {FIELDS[kind].map(name => (
            <ConditionField
              key={`${kind} ${name}`}
              {...{ name, kind, path, fields }}
              onValue={value => onDraft({ fields: { ...fields, [name]: value } })}
            />
          ))}
        </div>
      )}
    </>
  )
}

function ConditionField({
  name,
  kind,
  path,
  fields,
  onValue,
}: {
  name: string
  kind: ConditionKind
  path: string
  fields: RuleDraft['fields']
  onValue: (value: string | boolean) => void
}) {
  const text = useText()
  const format = useFormat()
  const value = String(fields[name] ?? '')
  const shared = { name: `${path}.${name}`, value, onValue }
  const chosen = (options: readonly { value: string; label: string }[], label: string) => (
    <SelectField {...shared} label={label} options={options} />
  )
  if (name === 'zero')
    return <CheckField {...shared} value={fields[name] === true} label={text.alerts.zero} />
  if (name === 'variable') {
    const all = VARIABLE_NAMES.map(one => ({ value: one as string, label: text.variable[one] }))
    const any = kind === 'no_data' ? [{ value: '', label: text.alerts.anyVariable }] : []
    return chosen([...any, ...all], text.alerts.variable)
  }
  if (name === 'is') {
    const ways = kind === 'rate' ? (['rising', 'falling'] as const) : (['above', 'below'] as const)
    return chosen(
      ways.map(one => ({ value: one, label: text.alerts[one] })),
      text.alerts.is,
    )
  }
  if (name === 'of') {
    const { ofs } = text.alerts
    return chosen(
      (['flow', 'year'] as const).map(one => ({ value: one, label: ofs[one] })),
      text.alerts.of,
    )
  }
  if (name === 'period') {
    const { periods } = text.alerts
    return chosen(
      (['month', 'year'] as const).map(one => ({ value: one, label: periods[one] })),
      text.alerts.period,
    )
  }
  if (NUMBERS.includes(name)) {
    const labels: Record<string, string> = {
      ...{ limit: text.alerts.limit, hysteresis: text.alerts.hysteresis, perHour: text.alerts.perHour },
      ...{ tolerance: text.alerts.tolerance, percent: text.alerts.percent },
    }
    const isPercent = kind === 'over_right' || kind === 'forecast'
    const unit = isPercent ? '%' : format.unit((fields.variable || 'flow') as Variable)
    return (
      <NumberField
        {...shared}
        label={labels[name] ?? name}
        unit={unit}
        required
        {...(name === 'hysteresis' ? { hint: text.alerts.hysteresisHint } : {})}
      />
    )
  }
  const labels: Record<string, string> = {
    ...{ for: text.alerts.lasting, over: text.alerts.over, total: text.alerts.total },
    within: text.alerts.within,
  }
  const isNeeded = name !== 'for' || kind === 'stuck' || kind === 'no_data'
  return (
    <TextField
      {...shared}
      label={labels[name] ?? name}
      hint={isNeeded ? text.alerts.durationHint : text.alerts.lastingHint}
      required={isNeeded}
      maxLength={12}
    />
  )
}
