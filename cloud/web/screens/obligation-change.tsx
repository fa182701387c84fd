// Changing what is owed of a work: wished, seen with all that would come of it, and then written, exactly as it was seen.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { ask } from '../api/client.ts'
import type { ObligationAsked, ObligationPreview, ObligationVersion } from '../api/types.ts'
import { middleOf } from '../chart/bars.tsx'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/diff.css'
import { toCivil, toInstantText } from '../ui/civil.ts'
import { DataTable } from '../ui/data-table.tsx'
import { Modal } from '../ui/dialog.tsx'
import { Form, InstantField, NumberField, SelectField, TextField, useForm } from '../ui/form.tsx'
import { toNumber } from '../ui/numbers.ts'
import { Failure } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'
import { useFrequencyText, useObligationText } from './obligation-text.ts'
import { toObligation, type Wish } from './obligation-wish.ts'

const STANDARDS = ['mayor', 'medio', 'menor', 'caudales_muy_pequenos', 'custom'] as const
const MODES = ['send', 'shadow', 'off'] as const
const OFTEN = ['1m', '15m', '1h', '6h', '12h', '1d', 'month', 'half_year', 'year'] as const

/** The dialog in which an obligation is changed. */
export function ChangeObligation({
  work,
  current,
  onClose,
}: {
  work: string
  current: ObligationVersion
  onClose: () => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const right = current.rights[0]
  const form = useForm({
    ...{ from: toCivil(now()), standard: current.standard as string, every: '' },
    ...{
      channel: current.channel as string,
      mode: current.mode as string,
      resolution: current.resolution ?? '',
    },
    ...{ flowLps: textOf(right?.flowLps), yearlyM3: textOf(right?.yearlyM3), reason: '' },
  })
  const asked = (): ObligationAsked => {
    const { from, flowLps, yearlyM3, reason, ...rest } = form.values
    const wish = {
      ...rest,
      from: toInstantText(from),
      flowLps: toNumber(flowLps),
      yearlyM3: toNumber(yearlyM3),
    }
    return { point: current.point, obligation: toObligation(current, work, wish as Wish), reason }
  }
  const preview = useMutation({
    mutationFn: (body: ObligationAsked) =>
      ask('POST /api/v1/compliance/works/{work}/obligations/preview', { path: { work }, body }),
  })
  const change = useMutation({
    mutationFn: ({ body, hash }: { body: ObligationAsked; hash: string }) =>
      ask('PUT /api/v1/compliance/works/{work}/obligations', {
        path: { work },
        body,
        headers: { 'if-match': `"${hash}"` },
      }),
    onSuccess: whole => {
      queries.setQueryData(['work', work], whole)
      queries.invalidateQueries({ queryKey: ['slots'] })
      say(text.compliance.applied)
      onClose()
    },
  })
  const seen = preview.data
  const body = preview.variables
  return (
    <Modal title={text.compliance.change} lead={text.compliance.changeLead} isWide onClose={onClose}>
      {seen === undefined || body === undefined ? (
        <Form
          error={preview.error}
          isBusy={preview.isPending}
          submit={text.compliance.preview}
          onSubmit={() => preview.mutate(asked())}
        >
          <Fields form={form} current={current} />
        </Form>
      ) : (
        <div className="stack">
          <WouldBe current={current} preview={seen} from={body.obligation.from} />
          {change.error !== null && <Failure error={change.error} />}
          <div className="form-actions">
            <button
              type="button"
              className="button button-main"
              disabled={change.isPending}
              onClick={() => change.mutate({ body, hash: seen.hash })}
            >
              {text.compliance.apply}
            </button>
            <button type="button" className="button" onClick={() => preview.reset()}>
              {text.ui.edit}
            </button>
          </div>
        </div>
      )}
    </Modal>
  )
}

const textOf = (value: number | undefined): string => (value === undefined ? '' : String(value))

type Typed = Record<
  'from' | 'standard' | 'every' | 'channel' | 'mode' | 'resolution' | 'flowLps' | 'yearlyM3' | 'reason',
  string
>

function Fields({ form, current }: { form: ReturnType<typeof useForm<Typed>>; current: ObligationVersion }) {
  const { compliance } = useText()
  const frequencyText = useFrequencyText()
  const named = (name: keyof Typed) => ({ ...form.field(name), name: `obligation.${name}` })
  const often: Record<(typeof OFTEN)[number], string> = {
    ...{ '1m': compliance.everyMinutes(1), '15m': compliance.everyMinutes(15) },
    ...{ '1h': compliance.everyHours(1), '6h': compliance.everyHours(6), '12h': compliance.everyHours(12) },
    ...{ '1d': compliance.everyDays(1), month: compliance.everyMonths(1) },
    ...{ half_year: compliance.everyMonths(6), year: compliance.everyMonths(12) },
  }
  return (
    <>
      <div className="form-row">
        <InstantField {...named('from')} label={compliance.since} hint={compliance.sinceHint} required />
        <SelectField
          {...named('mode')}
          label={compliance.mode}
          options={MODES.map(value => ({ value: value as string, label: compliance.modes[value] }))}
        />
      </div>
      <div className="form-row">
        <SelectField
          {...named('standard')}
          label={compliance.standard}
          options={STANDARDS.map(value => ({ value: value as string, label: compliance.standards[value] }))}
        />
        <SelectField
          {...named('every')}
          label={compliance.frequency}
          none={`${compliance.ownFrequency}: ${frequencyText(current.frequency)}`}
          options={OFTEN.map(value => ({ value: value as string, label: often[value] }))}
        />
        <SelectField
          {...named('channel')}
          label={compliance.channel}
          options={(['rest', 'soap'] as const).map(value => ({
            ...{ value: value as string, label: compliance.channels[value] },
          }))}
        />
      </div>
      <div className="form-row">
        <NumberField
          {...named('flowLps')}
          name="obligation.rights.0.flowLps"
          label={compliance.rightFlow}
          unit="L/s"
        />
        <NumberField
          {...named('yearlyM3')}
          name="obligation.rights.0.yearlyM3"
          label={compliance.rightYear}
          unit="m³"
        />
      </div>
      <TextField {...named('resolution')} label={compliance.resolution} maxLength={200} />
      <TextField
        {...form.field('reason')}
        label={compliance.reason}
        hint={compliance.reasonHint}
        required
        minLength={3}
        maxLength={500}
      />
    </>
  )
}

/** All that would come of it. */
function WouldBe({
  current,
  preview: { effect, versions, calendar, warnings },
  from,
}: {
  current: ObligationVersion
  preview: ObligationPreview
  from: string
}) {
  const { compliance } = useText()
  const format = useFormat()
  const factsOf = useObligationText()
  const wished = versions.find(one => Date.parse(one.from) === Date.parse(from)) ?? versions[0]
  const before = new Map(factsOf(current))
  const changed =
    wished === undefined ? [] : factsOf(wished).filter(([name, value]) => before.get(name) !== value)
  const figures = [
    [compliance.withdrawn, effect.withdrawn],
    [compliance.pickedAnew, effect.pickedAnew],
    [compliance.toMake, effect.toMake],
  ] as const
  return (
    <>
      {warnings.length > 0 && (
        <ul className="warnings">
          {warnings.map(warning => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      <section className="values" aria-label={compliance.effect}>
        {figures.map(([name, count]) => (
          <div key={name} className="value">
            <h2>{name}</h2>
            <p className="value-number numeric">{format.number(count, 0)}</p>
          </div>
        ))}
      </section>
      <section aria-label={compliance.differences}>
        <h3>{compliance.differences}</h3>
        <dl className="field-diff">
          {changed.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <del>{before.get(name) ?? '–'}</del>
                <ins>{value}</ins>
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <div className="would-be">
        <section>
          <h3>{compliance.months}</h3>
          <DataTable
            label={compliance.months}
            rows={calendar.months}
            keyOf={({ month }) => month}
            maxHeight
            isMarked={one => one.before !== one.after}
            columns={[
              {
                ...{ key: 'month', head: compliance.month, isMain: true },
                cell: ({ month }) => format.month(middleOf(month)),
              },
              {
                ...{ key: 'before', head: compliance.before, align: 'right' },
                cell: ({ before: count }) => <span className="numeric">{format.number(count, 0)}</span>,
              },
              {
                ...{ key: 'after', head: compliance.after, align: 'right' },
                cell: ({ after }) => <span className="numeric">{format.number(after, 0)}</span>,
              },
            ]}
          />
        </section>
        <section>
          <h3>{compliance.next}</h3>
          <ol className="next-due numeric">
            {calendar.after.slice(0, 12).map(({ at, regulator }) => (
              <li key={at}>{regulator}</li>
            ))}
          </ol>
        </section>
      </div>
    </>
  )
}
