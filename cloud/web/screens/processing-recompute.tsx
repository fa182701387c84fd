// Computing a stretch again: what would change is shown first, and done only then.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { ask } from '../api/client.ts'
import { recomputationsQuery } from '../api/processing.ts'
import type { Recomputation, RecomputationPreview } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import { toCivil, toInstantText } from '../ui/civil.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Form, InstantField, TextField, useForm } from '../ui/form.tsx'
import { Age } from '../ui/now.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Progress } from '../ui/progress.tsx'
import { Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'

const DAY_MS = 86_400_000
/** A year of minutes takes its time. */
const TIMEOUT_MS = 5 * 60_000

/** Computing a stretch again, and what was computed again before. */
export function RecomputePanel({ point }: { point: string }) {
  const text = useText()
  const mayOperate = useMay('operate')
  return (
    <Panel title={text.processing.recompute} hint={text.processing.recomputeHint}>
      {mayOperate && <Again point={point} />}
      {useMay('decide') && <Before point={point} />}
    </Panel>
  )
}

function Again({ point }: { point: string }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({ from: toCivil(now() - 7 * DAY_MS), to: toCivil(now()) })
  const reason = useForm({ why: '' })
  const preview = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/recomputations', {
        body: { point, from: toInstantText(form.values.from), to: toInstantText(form.values.to) },
        timeoutMs: TIMEOUT_MS,
      }),
    onMutate: () => execution.reset(),
  })
  const execution = useMutation({
    mutationFn: (shown: RecomputationPreview) =>
      ask('POST /api/v1/recomputations/{preview}/execute', {
        path: { preview: shown.preview },
        body: { why: reason.values.why },
        timeoutMs: TIMEOUT_MS,
      }),
    onSuccess: () => {
      preview.reset()
      reason.set('why', '')
      say(text.processing.executed)
    },
    onSettled: () => {
      for (const first of ['recomputations', 'series', 'latest', 'consumption', 'balances', 'overview']) {
        queries.invalidateQueries({ queryKey: [first] })
      }
    },
  })
  const shown = preview.data
  const isSame = shown !== undefined && isNothing(shown)
  return (
    <div className="panel-body stack">
      <Form
        className="form-inline"
        error={preview.error}
        isBusy={preview.isPending}
        submit={text.processing.preview}
        onSubmit={() => preview.mutate()}
      >
        <InstantField {...form.field('from')} label={text.processing.from} required />
        <InstantField {...form.field('to')} label={text.processing.to} required />
      </Form>
      {preview.isPending && <Progress label={text.processing.previewing} />}
      {isSame && <p role="status">{text.processing.noChange}</p>}
      {shown !== undefined && !isSame && (
        <>
          <Difference shown={shown} />
          <Form
            error={execution.error}
            isBusy={execution.isPending}
            submit={text.processing.execute}
            onSubmit={() => execution.mutate(shown)}
          >
            <TextField
              {...reason.field('why')}
              label={text.processing.why}
              required
              minLength={3}
              maxLength={500}
            />
            {execution.isPending && <Progress label={text.processing.executing} />}
          </Form>
        </>
      )}
    </div>
  )
}

const isNothing = ({ judged, buckets, variables }: RecomputationPreview): boolean =>
  judged + buckets.hour + buckets.day + buckets.month === 0 &&
  variables.every(({ changed, removed }) => changed + removed === 0)

function Difference({ shown }: { shown: RecomputationPreview }) {
  const text = useText()
  const format = useFormat()
  const { consumptionM3, buckets, judged, variables, days, daysMore } = shown
  const figure = (value: number | null) => (value === null ? '–' : format.number(value, 2))
  const columns: Column<RecomputationPreview['days'][number]>[] = [
    { key: 'day', head: text.processing.day, isMain: true, cell: ({ day }) => format.date(day) },
    { key: 'variable', head: text.processing.variable, cell: ({ variable }) => text.variable[variable] },
    {
      ...{ key: 'before', head: text.processing.before, align: 'right' },
      cell: ({ before, unit }) => <span className="numeric">{`${figure(before)} ${unit}`}</span>,
    },
    {
      ...{ key: 'after', head: text.processing.after, align: 'right' },
      cell: ({ after, unit }) => <span className="numeric">{`${figure(after)} ${unit}`}</span>,
    },
    {
      ...{ key: 'delta', head: text.processing.delta, align: 'right' },
      cell: ({ delta }) => (
        <strong className="numeric">
          {delta !== null && delta > 0 ? `+${figure(delta)}` : figure(delta)}
        </strong>
      ),
    },
  ]
  return (
    <section className="stack" aria-label={text.processing.preview}>
      <div className="values">
        <div className="value">
          <h2>{text.processing.consumption}</h2>
          <p className="value-words numeric">
            {text.processing.beforeAfter(figure(consumptionM3.before), figure(consumptionM3.after))} m³
          </p>
        </div>
        <div className="value">
          <h2>{text.processing.rollups}</h2>
          <p className="value-words">{text.processing.rollupsOf(buckets.hour, buckets.day, buckets.month)}</p>
        </div>
        <div className="value">
          <h2>{text.processing.judged}</h2>
          <p className="value-words numeric">{format.number(judged, 0)}</p>
        </div>
        {variables
          .filter(({ changed, removed }) => changed + removed > 0)
          .map(({ variable, changed, removed, computed }) => (
            <div key={variable} className="value">
              <h2>{text.variable[variable]}</h2>
              <p className="value-words numeric">
                {format.number(changed + removed, 0)} / {format.number(computed, 0)}
              </p>
            </div>
          ))}
      </div>
      {days.length > 0 && (
        <div>
          <h3>{text.processing.changedDays}</h3>
          <DataTable
            label={text.processing.changedDays}
            columns={columns}
            rows={days}
            keyOf={({ day, variable }) => `${day} ${variable}`}
            maxHeight
          />
          {daysMore > 0 && <p className="faint">{text.processing.more(daysMore)}</p>}
        </div>
      )}
    </section>
  )
}

function Before({ point }: { point: string }) {
  const text = useText()
  const format = useFormat()
  const query = useInfiniteQuery(recomputationsQuery(point))
  const instant = (at: string) => format.instant(Date.parse(at))
  const figure = (value: number | null) => (value === null ? '–' : format.number(value, 1))
  const columns: Column<Recomputation>[] = [
    {
      ...{ key: 'stretch', head: text.processing.recompute, isMain: true },
      cell: ({ from, to, why, refused }) => (
        <>
          <span className="numeric">
            {instant(from)} – {instant(to)}
          </span>
          {why !== null && <span className="cell-more">{why}</span>}
          {refused !== null && (
            <span className="cell-more absent">
              {text.processing.refused}: {refused}
            </span>
          )}
        </>
      ),
    },
    {
      ...{ key: 'consumption', head: `${text.processing.consumption} (m³)`, align: 'right' },
      cell: ({ consumptionM3 }) =>
        consumptionM3 === null ? (
          '–'
        ) : (
          <span className="numeric">
            {text.processing.beforeAfter(figure(consumptionM3.before), figure(consumptionM3.after))}
          </span>
        ),
    },
    { key: 'by', head: text.processing.by, cell: ({ askedBy }) => askedBy },
    { key: 'at', head: text.processing.at, align: 'right', cell: ({ askedAt }) => <Age at={askedAt} /> },
  ]
  return (
    <Shown query={query} lines={2}>
      {({ pages }) => {
        const items = pages.flatMap(page => page.items)
        return items.length === 0 ? (
          <p className="panel-body faint">{text.processing.noHistory}</p>
        ) : (
          <>
            <DataTable
              label={text.processing.history}
              columns={columns}
              rows={items}
              keyOf={({ id }) => id}
            />
            <More query={query} />
          </>
        )
      }}
    </Shown>
  )
}
