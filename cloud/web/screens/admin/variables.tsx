// How the variables of a point are shown.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, askSeen } from '../../api/client.ts'
import { variablesQuery } from '../../api/entities.ts'
import type { PointVariable } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { CheckField, Form, NumberField, TextField, useForm } from '../../ui/form.tsx'
import { toNumber } from '../../ui/numbers.ts'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { differing, orNothing } from './changing.tsx'

/** How the variables of a point are shown. */
export function VariablesPanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(variablesQuery(point))
  const [editing, setEditing] = useState<PointVariable | undefined>()
  return (
    <Panel title={text.places.variables} hint={text.places.variablesHint}>
      <Shown query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.places.noVariables} />
          ) : (
            <VariableTable variables={items} onEdit={setEditing} />
          )
        }
      </Shown>
      {editing !== undefined && (
        <EditVariable point={point} variable={editing} onClose={() => setEditing(undefined)} />
      )}
    </Panel>
  )
}

function VariableTable({
  variables,
  onEdit,
}: {
  variables: readonly PointVariable[]
  onEdit: (variable: PointVariable) => void
}) {
  const text = useText()
  const format = useFormat()
  const mayDecide = useMay('decide')
  return (
    <DataTable
      label={text.entities.list(text.places.variables)}
      rows={variables}
      keyOf={({ variable }) => variable}
      columns={[
        {
          ...{ key: 'variable', head: text.places.variables, isMain: true },
          cell: ({ variable, label }) => (
            <>
              <strong>{label ?? text.variable[variable]}</strong>
              <div className="faint">
                {label !== null && `${text.variable[variable]} · `}
                {format.unit(variable)}
              </div>
            </>
          ),
        },
        {
          ...{ key: 'decimals', head: text.places.decimals, align: 'right' },
          cell: ({ decimals }) => <span className="numeric">{decimals ?? '–'}</span>,
        },
        {
          ...{ key: 'place', head: text.places.order, align: 'right' },
          cell: ({ place }) => <span className="numeric">{place ?? '–'}</span>,
        },
        {
          ...{ key: 'hidden', head: text.places.shown },
          cell: ({ hidden }) => (hidden ? text.places.hidden : text.places.shown),
        },
        {
          ...{ key: 'edit', head: '', align: 'right' },
          cell: variable =>
            mayDecide && (
              <button type="button" className="button button-small" onClick={() => onEdit(variable)}>
                {text.ui.edit}
                <span className="visually-hidden"> {text.variable[variable.variable]}</span>
              </button>
            ),
        },
      ]}
    />
  )
}

function EditVariable({
  point,
  variable,
  onClose,
}: {
  point: string
  variable: PointVariable
  onClose: () => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({
    label: variable.label ?? '',
    decimals: variable.decimals === null ? '' : String(variable.decimals),
    place: variable.place === null ? '' : String(variable.place),
    hidden: variable.hidden as boolean,
  })
  const saving = useMutation({
    mutationFn: async () => {
      const { label, decimals, place, hidden } = form.values
      const wanted = {
        ...{ label: orNothing(label), hidden },
        ...{ decimals: toNumber(decimals) ?? null, place: toNumber(place) ?? null },
      }
      const path = { point, variable: variable.variable }
      const { etag } = await askSeen('GET /api/v1/points/{point}/variables/{variable}', { path })
      const body = differing(variable, wanted)
      return ask('PATCH /api/v1/points/{point}/variables/{variable}', {
        path,
        body,
        headers: { 'if-match': etag },
      })
    },
    onSuccess: async () => {
      say(text.entities.saved)
      for (const queryKey of [['variables', point], ['audit']]) await queries.invalidateQueries({ queryKey })
      onClose()
    },
  })
  return (
    <Modal title={text.variable[variable.variable]} lead={text.places.variablesHint} onClose={onClose}>
      <Form
        error={saving.error}
        isBusy={saving.isPending}
        submit={text.ui.save}
        onSubmit={() => saving.mutate()}
      >
        <TextField {...form.field('label')} label={text.places.label} maxLength={300} />
        <div className="form-row">
          <NumberField {...form.field('decimals')} label={text.places.decimals} />
          <NumberField {...form.field('place')} label={text.places.order} />
        </div>
        <CheckField {...form.field('hidden')} label={text.places.hidden} />
      </Form>
    </Modal>
  )
}
