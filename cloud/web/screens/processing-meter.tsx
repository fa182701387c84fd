// What people did to a meter, and what its counter did by itself.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { counterEventsQuery, meterEventsQuery } from '../api/processing.ts'
import type { CounterEvent, MeterEvent, MeterEventAsked } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import { toCivil, toInstantText } from '../ui/civil.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Confirm, Modal } from '../ui/dialog.tsx'
import { Form, InstantField, NumberField, SelectField, TextField, useForm } from '../ui/form.tsx'
import { Icon } from '../ui/icons.tsx'
import { toNumber } from '../ui/numbers.ts'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'

const KINDS = ['replacement', 'reset', 'rollover'] as const

/** What people did to a meter. */
export function MeterPanel({ point }: { point: string }) {
  const text = useText()
  const mayOperate = useMay('operate')
  const [isEntering, setEntering] = useState(false)
  const [leaving, setLeaving] = useState<MeterEvent | undefined>()
  const query = useInfiniteQuery(meterEventsQuery(point))
  return (
    <Panel
      title={text.processing.meter}
      hint={text.processing.meterHint}
      actions={
        mayOperate && (
          <button type="button" className="button button-small" onClick={() => setEntering(true)}>
            <Icon name="plus" size={16} />
            {text.processing.enter}
          </button>
        )
      }
    >
      <Shown query={query} lines={2}>
        {({ pages }) => {
          const items = pages.flatMap(page => page.items)
          return items.length === 0 ? (
            <Empty title={text.processing.noMeter} />
          ) : (
            <MeterTable events={items} onWithdraw={mayOperate ? setLeaving : undefined} />
          )
        }}
      </Shown>
      <More query={query} />
      {isEntering && <Enter point={point} onClose={() => setEntering(false)} />}
      {leaving !== undefined && <Withdraw event={leaving} onClose={() => setLeaving(undefined)} />}
    </Panel>
  )
}

function MeterTable({
  events,
  onWithdraw,
}: {
  events: readonly MeterEvent[]
  onWithdraw: ((event: MeterEvent) => void) | undefined
}) {
  const text = useText()
  const format = useFormat()
  const count = (value: number | null) => (value === null ? '–' : format.number(value, 2))
  const columns: Column<MeterEvent>[] = [
    {
      ...{ key: 'kind', head: text.processing.kind, isMain: true },
      cell: ({ kind, note, by, withdrawnBy }) => (
        <>
          <strong>{text.processing.kinds[kind]}</strong>
          <span className="cell-more">{note === null ? by : `${note} · ${by}`}</span>
          {withdrawnBy !== null && (
            <span className="cell-more absent">{text.processing.withdrawn(withdrawnBy)}</span>
          )}
        </>
      ),
    },
    {
      ...{ key: 'at', head: text.processing.at },
      cell: ({ at }) => <span className="numeric">{format.instant(Date.parse(at))}</span>,
    },
    {
      ...{ key: 'before', head: text.processing.beforeCount, align: 'right' },
      cell: ({ beforeCount }) => <span className="numeric">{count(beforeCount)}</span>,
    },
    {
      ...{ key: 'after', head: text.processing.afterCount, align: 'right' },
      cell: ({ afterCount }) => <span className="numeric">{count(afterCount)}</span>,
    },
  ]
  if (onWithdraw !== undefined) {
    columns.push({
      ...{ key: 'withdraw', head: '' },
      cell: event =>
        event.withdrawnAt === null && (
          <button type="button" className="button button-small" onClick={() => onWithdraw(event)}>
            {text.processing.withdraw}
          </button>
        ),
    })
  }
  return <DataTable label={text.processing.meter} columns={columns} rows={events} keyOf={({ id }) => id} />
}

function useRenew(point: string) {
  const queries = useQueryClient()
  return () => {
    for (const first of ['meter-events', 'processing-changes', 'counter-events', 'series', 'consumption']) {
      queries.invalidateQueries({ queryKey: [first, point] })
    }
  }
}

function Enter({ point, onClose }: { point: string; onClose: () => void }) {
  const text = useText()
  const renew = useRenew(point)
  const form = useForm({
    ...{ kind: 'replacement' as string, at: toCivil(now()) },
    ...{ beforeCount: '', afterCount: '', note: '' },
  })
  const enter = useMutation({
    mutationFn: (body: MeterEventAsked) =>
      ask('POST /api/v1/points/{point}/meter-events', { path: { point }, body }),
    onSuccess: () => {
      renew()
      say(text.processing.entered)
      onClose()
    },
  })
  const submit = () => {
    const { kind, at, beforeCount, afterCount, note } = form.values
    const [before, after] = [toNumber(beforeCount), toNumber(afterCount)]
    enter.mutate({
      ...{ kind: KINDS.find(one => one === kind) ?? 'replacement', at: toInstantText(at) },
      ...(before === undefined ? {} : { beforeCount: before }),
      ...(after === undefined ? {} : { afterCount: after }),
      ...(note.trim() === '' ? {} : { note: note.trim() }),
    })
  }
  return (
    <Modal title={text.processing.enter} lead={text.processing.enterLead} onClose={onClose}>
      <Form error={enter.error} isBusy={enter.isPending} submit={text.processing.enterIt} onSubmit={submit}>
        <div className="form-row">
          <SelectField
            {...form.field('kind')}
            label={text.processing.kind}
            options={KINDS.map(value => ({ value: value as string, label: text.processing.kinds[value] }))}
          />
          <InstantField {...form.field('at')} label={text.processing.at} required />
        </div>
        <div className="form-row">
          <NumberField {...form.field('beforeCount')} label={text.processing.beforeCount} />
          <NumberField
            {...form.field('afterCount')}
            label={text.processing.afterCount}
            required={form.values.kind === 'replacement'}
          />
        </div>
        <TextField {...form.field('note')} label={text.processing.note} maxLength={500} />
      </Form>
    </Modal>
  )
}

function Withdraw({ event: { point, id }, onClose }: { event: MeterEvent; onClose: () => void }) {
  const text = useText()
  const renew = useRenew(point)
  const withdraw = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/points/{point}/meter-events/{event}/withdraw', { path: { point, event: id } }),
    onSuccess: () => {
      renew()
      say(text.processing.withdrawnDone)
      onClose()
    },
  })
  return (
    <Confirm
      title={text.processing.withdrawTitle}
      action={text.processing.withdraw}
      isDanger
      error={withdraw.error}
      isBusy={withdraw.isPending}
      onConfirm={() => withdraw.mutate()}
      onClose={onClose}
    >
      <p>{text.processing.withdrawText}</p>
    </Confirm>
  )
}

/** What the counter of a point did besides counting. */
export function CounterPanel({ point }: { point: string }) {
  const text = useText()
  const format = useFormat()
  const [opened] = useState(now)
  const query = useInfiniteQuery(counterEventsQuery(point, opened))
  const columns: Column<CounterEvent>[] = [
    {
      ...{ key: 'kind', head: text.processing.kind, isMain: true },
      cell: ({ kind }) => <strong>{text.processing.counterKinds[kind]}</strong>,
    },
    {
      ...{ key: 'at', head: text.processing.at },
      cell: ({ at }) => <span className="numeric">{format.instant(Date.parse(at))}</span>,
    },
    {
      ...{ key: 'count', head: text.processing.count, align: 'right' },
      cell: ({ count }) => <span className="numeric">{format.number(count, 2)}</span>,
    },
    {
      ...{ key: 'baseline', head: text.processing.baseline, align: 'right' },
      cell: ({ baselineCount }) => <span className="numeric">{format.number(baselineCount, 2)}</span>,
    },
    {
      ...{ key: 'amount', head: `${text.processing.amount} (m³)`, align: 'right' },
      cell: ({ amountM3 }) => (
        <span className="numeric">{amountM3 === null ? '–' : format.number(amountM3, 2)}</span>
      ),
    },
  ]
  return (
    <Panel title={text.processing.counter} hint={text.processing.counterHint}>
      <Shown query={query} lines={2}>
        {({ pages }) => {
          const items = pages.flatMap(page => page.items)
          return items.length === 0 ? (
            <Empty title={text.processing.noCounter} />
          ) : (
            <DataTable
              label={text.processing.counter}
              columns={columns}
              rows={items}
              keyOf={({ at, kind }) => `${at} ${kind}`}
            />
          )
        }}
      </Shown>
      <More query={query} />
    </Panel>
  )
}
