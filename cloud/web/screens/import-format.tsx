// How a file of history is written: what a person says of it.

import type { Import } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { SelectField, type useForm } from '../ui/form.tsx'

type Settings = Import['settings']

/** Nothing said: all of it is found out. */
export const NO_FORMAT = { delimiter: '', decimal: '', dates: '', zone: '', time: '' }

type Typed = typeof NO_FORMAT

/** What was said, as the API takes it. */
export function toSettings({ delimiter, decimal, dates, zone, time }: Typed): Settings {
  const said = Object.entries({ delimiter, decimal, dates, zone, time }).filter(([, value]) => value !== '')
  return Object.fromEntries(said) as Settings
}

/** The fields of a form that say how a file is written. */
export function FormatFields({ form }: { form: Pick<ReturnType<typeof useForm<Typed>>, 'field'> }) {
  const { imports } = useText()
  const options = <Value extends string>(values: readonly Value[], labels: Record<Value, string>) =>
    values.map(value => ({ value: value as string, label: labels[value] }))
  return (
    <div className="form-row">
      <SelectField
        {...form.field('dates')}
        label={imports.dates}
        none={imports.auto}
        options={options(['iso', 'day-month-year', 'month-day-year'], imports.datesOf)}
      />
      <SelectField
        {...form.field('zone')}
        label={imports.zone}
        none={imports.auto}
        options={options(['America/Santiago', 'UTC-4', 'UTC'], imports.zones)}
      />
      <SelectField
        {...form.field('decimal')}
        label={imports.decimal}
        none={imports.auto}
        options={options([',', '.'], imports.decimals)}
      />
      <SelectField
        {...form.field('delimiter')}
        label={imports.delimiter}
        none={imports.auto}
        options={options([';', ',', '\t', '|'], imports.delimiters)}
      />
      <SelectField
        {...form.field('time')}
        label={imports.time}
        none={imports.auto}
        options={options(['measured', 'logger'], imports.times)}
      />
    </div>
  )
}
