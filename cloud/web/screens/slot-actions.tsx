// Deciding about one declaration, also with values of one's own, or with the receipt that DGA gave.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { ask } from '../api/client.ts'
import type { Slot, SlotDecision, SlotDecisionAsked } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { CheckField, Form, NumberField, SelectField, TextField, useForm } from '../ui/form.tsx'
import { toNumber } from '../ui/numbers.ts'
import { say } from '../ui/toast.tsx'

type Action = SlotDecision['action']

/** What may be done with a declaration, by its state. */
const ACTIONS: Readonly<Record<Slot['state'], readonly Action[]>> = {
  pending: ['hold'],
  ready: ['hold', 'replace', 'reject'],
  sending: ['settle'],
  review: ['approve', 'replace', 'reject', 'reopen', 'settle'],
  no_data: ['replace', 'reopen', 'reject'],
  not_measured: ['replace', 'reopen', 'reject'],
  rejected: ['reopen', 'replace'],
  sent: ['verify'],
  shadow: [],
  withdrawn: [],
}

/** Deciding about one declaration. */
export function SlotActions({ slot }: { slot: Slot }) {
  const actions = ACTIONS[slot.state]
  const [first] = actions
  return first === undefined ? null : <Decide key={slot.state} slot={slot} actions={actions} first={first} />
}

function Decide({ slot, actions, first }: { slot: Slot; actions: readonly Action[]; first: Action }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({
    ...{ action: first as string, reason: '', receipt: '' },
    ...{ flow: textOf(slot.flow), total: textOf(slot.total), level: textOf(slot.level) },
  })
  const doubts = [...new Set(slot.findings.map(({ code }) => code))]
  const known = useForm<Record<string, boolean>>(Object.fromEntries(doubts.map(code => [code, false])))
  const action = actions.find(one => one === form.values.action) ?? first
  const decide = useMutation({
    mutationFn: (body: SlotDecisionAsked) =>
      ask('POST /api/v1/compliance/slots/{slot}/decisions', { path: { slot: slot.id }, body }),
    onSuccess: () => {
      say(text.slot.done)
      for (const first of ['slot', 'slots', 'slot-hours', 'overview']) {
        queries.invalidateQueries({ queryKey: [first] })
      }
    },
  })
  const submit = () => {
    const { reason, receipt, flow, total, level } = form.values
    if (action === 'settle') return decide.mutate({ action, reason, receipt })
    if (action !== 'replace') return decide.mutate({ action, reason })
    const typed = Object.entries({ flow, total, level }).map(
      ([name, value]) => [name, toNumber(value)] as const,
    )
    const values = Object.fromEntries(typed.filter(([, value]) => value !== undefined))
    const despite = doubts.filter(code => known.values[code] === true)
    decide.mutate({ action, reason, values, despite })
  }
  return (
    <section>
      <h3>{text.slot.decide}</h3>
      <Form
        className="slot-actions"
        error={decide.error}
        isBusy={decide.isPending}
        submit={text.slot.confirm}
        onSubmit={submit}
      >
        <SelectField
          {...form.field('action')}
          label={text.slot.action}
          options={actions.map(value => ({ value: value as string, label: text.slot.actions[value] }))}
        />
        {action === 'replace' && (
          <>
            <div className="form-row">
              <NumberField {...form.field('flow')} name="values.flow" label={text.dga.flow} unit="L/s" />
              <NumberField {...form.field('total')} name="values.total" label={text.dga.total} unit="m³" />
              <NumberField {...form.field('level')} name="values.level" label={text.dga.level} unit="m" />
            </div>
            {doubts.length > 0 && (
              <fieldset className="stack">
                <legend className="faint">{text.slot.despite}</legend>
                {doubts.map(code => (
                  <CheckField
                    key={code}
                    {...known.field(code)}
                    label={slot.findings.find(one => one.code === code)?.message ?? code}
                  />
                ))}
              </fieldset>
            )}
          </>
        )}
        {action === 'settle' && (
          <TextField
            {...form.field('receipt')}
            label={text.slot.receiptOf}
            required
            pattern="[A-Za-z0-9]{8,64}"
          />
        )}
        <TextField
          {...form.field('reason')}
          label={text.slot.reason}
          required
          minLength={3}
          maxLength={500}
        />
      </Form>
    </section>
  )
}

const textOf = (picked: Slot['flow']): string => picked?.declared ?? ''
