// Sensors that do not measure, or measure wrongly: declared by people, until when at the latest.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { faultsQuery } from '../api/compliance.ts'
import { overviewQuery } from '../api/queries.ts'
import type { SensorFault, SensorFaultAsked } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import { toCivil, toInstantText } from '../ui/civil.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Modal } from '../ui/dialog.tsx'
import { Form, InstantField, SelectField, TextField, useForm } from '../ui/form.tsx'
import { Icon } from '../ui/icons.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Picker } from '../ui/picker.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'
import { DgaFrame } from './dga-frame.tsx'

const DAY_MS = 86_400_000
const QUANTITIES = ['flow', 'total', 'level'] as const
const SIGNS = { declared: 'fault', expired: 'silent', ended: 'current' } as const
const REASON = { minLength: 3, maxLength: 500, required: true }

/** Sensors that are faulty. */
export function FaultsScreen() {
  const text = useText()
  const mayDecide = useMay('decide')
  const [isDeclaring, setDeclaring] = useState(false)
  const [ending, setEnding] = useState<SensorFault | undefined>()
  const query = useInfiniteQuery(faultsQuery)
  return (
    <DgaFrame title={text.compliance.faults}>
      <Panel
        title={text.compliance.faults}
        hint={text.compliance.noFaultsHint}
        actions={
          mayDecide && (
            <button type="button" className="button button-small" onClick={() => setDeclaring(true)}>
              <Icon name="plus" size={16} />
              {text.compliance.declare}
            </button>
          )
        }
      >
        <Shown query={query} lines={3}>
          {({ pages }) => {
            const faults = pages.flatMap(page => page.items)
            return faults.length === 0 ? (
              <Empty title={text.compliance.noFaults} />
            ) : (
              <FaultTable faults={faults} onEnd={mayDecide ? setEnding : undefined} />
            )
          }}
        </Shown>
        <More query={query} />
      </Panel>
      {isDeclaring && <Declare onClose={() => setDeclaring(false)} />}
      {ending !== undefined && <End fault={ending} onClose={() => setEnding(undefined)} />}
    </DgaFrame>
  )
}

function FaultTable({
  faults,
  onEnd,
}: {
  faults: readonly SensorFault[]
  onEnd: ((fault: SensorFault) => void) | undefined
}) {
  const text = useText()
  const format = useFormat()
  const instant = (at: string) => <span className="numeric">{format.instant(Date.parse(at))}</span>
  const columns: Column<SensorFault>[] = [
    {
      ...{ key: 'point', head: text.compliance.point, isMain: true },
      cell: ({ point, reason, declaredBy, endedReason, endedBy }) => (
        <>
          <strong>{point}</strong>
          <span className="cell-more">
            {reason} · {declaredBy}
          </span>
          {endedReason !== null && (
            <span className="cell-more">
              {endedReason} · {endedBy}
            </span>
          )}
        </>
      ),
    },
    {
      ...{ key: 'quantity', head: text.compliance.quantity },
      cell: ({ quantity }) => text.compliance.quantities[quantity],
    },
    {
      ...{ key: 'state', head: text.compliance.state },
      cell: ({ state }) => (
        <span className={`badge badge-${SIGNS[state]} badge-bare`}>{text.compliance.faultStates[state]}</span>
      ),
    },
    { key: 'from', head: text.compliance.from, cell: ({ from }) => instant(from) },
    { key: 'until', head: text.compliance.to, cell: ({ until }) => instant(until) },
  ]
  if (onEnd !== undefined) {
    columns.push({
      ...{ key: 'end', head: '' },
      cell: fault =>
        fault.state !== 'ended' && (
          <button type="button" className="button button-small" onClick={() => onEnd(fault)}>
            {text.compliance.end}
          </button>
        ),
    })
  }
  return <DataTable label={text.compliance.faults} columns={columns} rows={faults} keyOf={({ id }) => id} />
}

function useRenew() {
  const queries = useQueryClient()
  return () => {
    queries.invalidateQueries({ queryKey: faultsQuery.queryKey })
    queries.invalidateQueries({ queryKey: ['slots'] })
  }
}

function Declare({ onClose }: { onClose: () => void }) {
  const text = useText()
  const renew = useRenew()
  const { data: overview } = useQuery(overviewQuery)
  const form = useForm({
    ...{ point: '', quantity: 'level' as string, reason: '' },
    ...{ from: toCivil(now()), until: toCivil(now() + 7 * DAY_MS) },
  })
  const declare = useMutation({
    mutationFn: (body: SensorFaultAsked) => ask('POST /api/v1/compliance/sensor-faults', { body }),
    onSuccess: ({ slots }) => {
      renew()
      say(text.compliance.declared(slots))
      onClose()
    },
  })
  const points = (overview?.items ?? []).map(({ key, name, client, project }) => ({
    ...{ value: key, label: name, hint: `${client} · ${project}` },
  }))
  const submit = () => {
    const { point, quantity, from, until, reason } = form.values
    declare.mutate({
      ...{ point, reason, quantity: QUANTITIES.find(one => one === quantity) ?? 'level' },
      ...{ from: toInstantText(from), until: toInstantText(until) },
    })
  }
  return (
    <Modal title={text.compliance.declare} lead={text.compliance.declareLead} onClose={onClose}>
      <Form
        error={declare.error}
        isBusy={declare.isPending}
        isDisabled={form.values.point === ''}
        submit={text.compliance.declareIt}
        onSubmit={submit}
      >
        <Picker {...form.field('point')} label={text.compliance.point} options={points} />
        <SelectField
          {...form.field('quantity')}
          label={text.compliance.quantity}
          options={QUANTITIES.map(value => ({
            ...{ value: value as string, label: text.compliance.quantities[value] },
          }))}
        />
        <div className="form-row">
          <InstantField {...form.field('from')} label={text.compliance.from} required />
          <InstantField {...form.field('until')} label={text.compliance.until} required />
        </div>
        <TextField {...form.field('reason')} label={text.compliance.faultReason} {...REASON} />
      </Form>
    </Modal>
  )
}

function End({ fault: { id, point }, onClose }: { fault: SensorFault; onClose: () => void }) {
  const text = useText()
  const renew = useRenew()
  const form = useForm({ until: toCivil(now()), reason: '' })
  const end = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/compliance/sensor-faults/{fault}/end', {
        path: { fault: id },
        body: { until: toInstantText(form.values.until), reason: form.values.reason },
      }),
    onSuccess: () => {
      renew()
      say(text.compliance.ended)
      onClose()
    },
  })
  return (
    <Modal title={`${text.compliance.end}: ${point}`} lead={text.compliance.endLead} onClose={onClose}>
      <Form
        error={end.error}
        isBusy={end.isPending}
        submit={text.compliance.end}
        onSubmit={() => end.mutate()}
      >
        <InstantField {...form.field('until')} label={text.compliance.endAt} required />
        <TextField {...form.field('reason')} label={text.compliance.endReason} {...REASON} />
      </Form>
    </Modal>
  )
}
