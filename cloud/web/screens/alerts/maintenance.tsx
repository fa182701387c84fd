// When rules say nothing: what is to come, what was, and a new one.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { maintenanceQuery, overviewQuery } from '../../api/queries.ts'
import type { Maintenance } from '../../api/types.ts'
import { now } from '../../clock.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { Choice } from '../../ui/choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Field, Form, TextField, useForm } from '../../ui/form.tsx'
import { More } from '../../ui/pager.tsx'
import { Picker } from '../../ui/picker.tsx'
import { Empty, Failure, Shown } from '../../ui/shown.tsx'
import { AlertsFrame } from './frame.tsx'

/** When rules say nothing. */
export function MaintenanceScreen() {
  const text = useText()
  const mayMake = useMay('decide')
  const [state, setState] = useState<'coming' | 'all'>('coming')
  const [isMaking, setMaking] = useState(false)
  const query = useInfiniteQuery(maintenanceQuery(state))
  return (
    <AlertsFrame
      title={text.alerts.maintenance}
      actions={
        <>
          <Choice
            label={text.incidents.which}
            value={state}
            options={(['coming', 'all'] as const).map(value => ({ value, label: text.alerts[value] }))}
            onChoose={setState}
          />{' '}
          {mayMake && (
            <button type="button" className="button button-main" onClick={() => setMaking(true)}>
              {text.alerts.maintenanceNew}
            </button>
          )}
        </>
      }
    >
      <div className="panel">
        <Shown query={query} lines={4}>
          {({ pages }) => {
            const rows = pages.flatMap(({ items }) => items)
            return rows.length === 0 ? (
              <Empty title={text.alerts.maintenanceNone} hint={text.alerts.maintenanceNoneHint} />
            ) : (
              <MaintenanceTable rows={rows} mayEnd={mayMake} />
            )
          }}
        </Shown>
        <More query={query} />
      </div>
      {isMaking && <Make onClose={() => setMaking(false)} />}
    </AlertsFrame>
  )
}

function MaintenanceTable({ rows, mayEnd }: { rows: readonly Maintenance[]; mayEnd: boolean }) {
  const text = useText()
  const format = useFormat()
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: (maintenance: number) =>
      ask('POST /api/v1/maintenance/{maintenance}/end', { path: { maintenance } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['maintenance'] }),
  })
  return (
    <>
      {end.error !== null && <Failure error={end.error} />}
      <DataTable
        label={text.alerts.maintenance}
        rows={rows}
        keyOf={({ id }) => id}
        columns={[
          {
            ...{ key: 'where', head: text.alerts.scope, isMain: true },
            cell: ({ client, point }) => (
              <>
                <strong>{point === null ? text.alerts.allPoints : point.split('.').at(-1)}</strong>
                <span className="cell-more">{client}</span>
              </>
            ),
          },
          {
            ...{ key: 'from', head: text.alerts.begins },
            cell: ({ from }) => <span className="numeric">{format.instant(Date.parse(from))}</span>,
          },
          {
            ...{ key: 'to', head: text.alerts.ends },
            cell: ({ to, endedBy }) => (
              <>
                <span className="numeric">{format.instant(Date.parse(to))}</span>
                {endedBy !== null && <span className="cell-more">{text.alerts.endedBy(endedBy)}</span>}
              </>
            ),
          },
          { key: 'reason', head: text.alerts.reason, cell: ({ reason }) => reason },
          { ...{ key: 'by', head: text.alerts.by, isDeskOnly: true }, cell: ({ createdBy }) => createdBy },
          {
            ...{ key: 'end', head: '' },
            cell: ({ id, to }) =>
              mayEnd &&
              Date.parse(to) > now() && (
                <button
                  type="button"
                  className="button button-small"
                  disabled={end.isPending}
                  onClick={() => end.mutate(id)}
                >
                  {text.alerts.end}
                </button>
              ),
          },
        ]}
      />
    </>
  )
}

const HOUR_MS = 3_600_000

/** As a field of a date and a time wants it, in the zone of whoever types. */
const toLocal = (at: number): string =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

const toInstant = (typed: string): string => {
  const at = new Date(typed)
  return Number.isNaN(at.getTime()) ? typed : at.toISOString()
}

function Make({ onClose }: { onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const { data } = useQuery(overviewQuery)
  const points = data?.items ?? []
  const clients = [...new Set(points.map(({ client }) => client))]
  const form = useForm({ where: '', from: toLocal(now()), to: toLocal(now() + 4 * HOUR_MS), reason: '' })
  const where = form.values.where || (clients[0] ?? '')
  const make = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/maintenance', {
        body: {
          ...(where.includes('.') ? { client: where.split('.')[0] ?? '', point: where } : { client: where }),
          ...{ from: toInstant(form.values.from), to: toInstant(form.values.to), reason: form.values.reason },
        },
      }),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['maintenance'] })
      onClose()
    },
  })
  return (
    <Modal title={text.alerts.maintenanceNew} lead={text.alerts.maintenanceNoneHint} onClose={onClose}>
      <Form
        error={make.error}
        isBusy={make.isPending}
        submit={text.alerts.maintenanceNew}
        onSubmit={() => make.mutate()}
      >
        <Picker
          name="point"
          label={text.alerts.scope}
          value={where}
          options={[
            ...clients.map(client => ({ value: client, label: `${text.alerts.allPoints}: ${client}` })),
            ...points.map(({ key, name }) => ({ value: key, label: name, hint: key })),
          ]}
          onValue={value => form.set('where', value)}
        />
        <div className="form-row">
          <Instant
            name="from"
            label={text.alerts.begins}
            value={form.values.from}
            onValue={value => form.set('from', value)}
          />
          <Instant
            name="to"
            label={text.alerts.ends}
            value={form.values.to}
            onValue={value => form.set('to', value)}
          />
        </div>
        <TextField
          {...form.field('reason')}
          label={text.alerts.reason}
          required
          minLength={3}
          maxLength={500}
        />
      </Form>
    </Modal>
  )
}

function Instant({
  name,
  label,
  value,
  onValue,
}: {
  name: string
  label: string
  value: string
  onValue: (value: string) => void
}) {
  return (
    <Field name={name} label={label}>
      {given => (
        <input
          {...given}
          type="datetime-local"
          className="input numeric"
          value={value}
          required
          onChange={({ target }) => onValue(target.value)}
        />
      )}
    </Field>
  )
}
