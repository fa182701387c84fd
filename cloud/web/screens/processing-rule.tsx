// Beginning another rule of a point.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { UNIT_NAMES, VARIABLES } from '../../../protocol/variables.ts'
import { ask } from '../api/client.ts'
import { rulesQuery } from '../api/processing.ts'
import type { ProcessingRuleAsked, Variable } from '../api/types.ts'
import { now } from '../clock.ts'
import { useText } from '../i18n/language.tsx'
import { toCivil } from '../ui/civil.ts'
import { Modal } from '../ui/dialog.tsx'
import { Form, InstantField, NumberField, SelectField, useForm } from '../ui/form.tsx'
import { say } from '../ui/toast.tsx'
import { OF_VARIABLE, RULE_FIELDS, type RuleName, toRuleAsked } from './rule-fields.ts'

const RULES = Object.keys(RULE_FIELDS) as RuleName[]
const MEASURED = (Object.keys(VARIABLES) as Variable[]).filter(
  variable => VARIABLES[variable].origin === 'measured',
)

/** The dialog in which another rule is begun. */
export function AddRule({ point, onClose }: { point: string; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({
    ...{ rule: 'checks' as string, from: toCivil(now()), variable: 'flow', unit: '' },
  })
  const [numbers, setNumbers] = useState<Record<string, string>>({})
  const rule = form.values.rule as RuleName
  const add = useMutation({
    mutationFn: (body: ProcessingRuleAsked) =>
      ask('POST /api/v1/points/{point}/processing', { path: { point }, body }),
    onSuccess: rules => {
      queries.setQueryData(rulesQuery(point).queryKey, rules)
      queries.invalidateQueries({ queryKey: ['processing-changes', point] })
      say(text.processing.added)
      onClose()
    },
  })
  const unitOf = (unit: string | undefined) =>
    unit === 'value' ? VARIABLES[form.values.variable as Variable].unit : unit
  return (
    <Modal title={text.processing.add} lead={text.processing.addLead} onClose={onClose}>
      <Form
        error={add.error}
        isBusy={add.isPending}
        submit={text.processing.addIt}
        onSubmit={() => add.mutate(toRuleAsked({ ...form.values, rule, numbers }))}
      >
        <SelectField
          {...form.field('rule')}
          label={text.processing.rule}
          hint={text.processing.hints[rule]}
          options={RULES.map(value => ({ value: value as string, label: text.processing.names[value] }))}
        />
        <div className="form-row">
          {OF_VARIABLE.includes(rule) && (
            <SelectField
              {...form.field('variable')}
              label={text.processing.variable}
              options={MEASURED.map(value => ({ value: value as string, label: text.variable[value] }))}
            />
          )}
          <InstantField {...form.field('from')} label={text.processing.from} required />
        </div>
        <div className="form-row">
          {rule === 'unit_conversion' && (
            <SelectField
              {...form.field('unit')}
              label={text.processing.params.unit ?? ''}
              none="–"
              options={UNIT_NAMES.map(value => ({ value: value as string, label: value }))}
            />
          )}
          {RULE_FIELDS[rule].map(({ name, unit, isRequired = false, usual }) => {
            const shown = unitOf(unit)
            return (
              <NumberField
                key={name}
                name={name}
                label={text.processing.params[name] ?? name}
                value={numbers[name] ?? ''}
                onValue={value => setNumbers(before => ({ ...before, [name]: value }))}
                required={isRequired}
                {...(shown === undefined ? {} : { unit: shown })}
                {...(usual === undefined ? {} : { placeholder: usual })}
              />
            )
          })}
        </div>
      </Form>
    </Modal>
  )
}
