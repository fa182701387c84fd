// What is wrong and lasts, each once, and who knows of it.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { type IncidentFilter, incidentListQuery } from '../../api/queries.ts'
import type { Incident } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { Choice } from '../../ui/choice.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { Age } from '../../ui/now.tsx'
import { More } from '../../ui/pager.tsx'
import { Empty, Failure, Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { AlertsFrame, nameOfIncident, Severity, Subject } from './frame.tsx'

const STATES = ['open', 'closed'] as const

/** What is wrong, or was. */
export function IncidentsScreen() {
  const text = useText()
  const mayAct = useMay('decide')
  const [filter, setFilter] = useState<IncidentFilter>({ state: 'open' })
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set())
  const query = useInfiniteQuery(incidentListQuery(filter))
  const change = (next: Partial<IncidentFilter>) => {
    setFilter(before => ({ ...before, ...next }))
    setChosen(new Set())
  }
  const isFiltered = filter.severity !== '' || filter.assignedTo !== '' || filter.acknowledged !== ''
  const none = filter.state === 'open' ? text.incidents.none : text.incidents.noneClosed
  return (
    <AlertsFrame
      title={text.incidents.title}
      actions={
        <Choice
          label={text.incidents.which}
          value={filter.state}
          options={STATES.map(value => ({ value, label: text.incidents[value] }))}
          onChoose={state => change({ state })}
        />
      }
    >
      <Filters filter={filter} onFilter={change} />
      <div className="panel">
        <Shown query={query} lines={5}>
          {({ pages }) => {
            const items = pages.flatMap(page => page.items)
            return items.length === 0 ? (
              <Empty
                title={isFiltered ? text.incidents.noneFiltered : none}
                {...(filter.state === 'open' && !isFiltered ? { hint: text.incidents.noneHint } : {})}
              />
            ) : (
              <IncidentTable
                incidents={items}
                chosen={chosen}
                onChoose={mayAct && filter.state === 'open' ? setChosen : undefined}
              />
            )
          }}
        </Shown>
        <More query={query} />
      </div>
      {chosen.size > 0 && <BulkBar chosen={chosen} onDone={() => setChosen(new Set())} />}
    </AlertsFrame>
  )
}

function Filters({
  filter,
  onFilter,
}: {
  filter: IncidentFilter
  onFilter: (change: Partial<IncidentFilter>) => void
}) {
  const text = useText()
  const { severities } = text.incidents
  return (
    <fieldset className="filters">
      <legend className="visually-hidden">{text.incidents.filters}</legend>
      <Select
        label={text.incidents.severity}
        value={filter.severity ?? ''}
        options={[
          { value: '', label: text.incidents.anyKind },
          ...(['critical', 'warning', 'info'] as const).map(value => ({ value, label: severities[value] })),
        ]}
        onChoose={severity => onFilter({ severity })}
      />
      <Select
        label={text.incidents.attention}
        value={filter.acknowledged ?? ''}
        options={[
          { value: '', label: text.incidents.anyKind },
          { value: 'false', label: text.incidents.unknown },
          { value: 'true', label: text.incidents.known },
        ]}
        onChoose={acknowledged => onFilter({ acknowledged })}
      />
      <Select
        label={text.incidents.whose}
        value={filter.assignedTo ?? ''}
        options={[
          { value: '', label: text.incidents.anybody },
          { value: 'me', label: text.incidents.mine },
        ]}
        onChoose={assignedTo => onFilter({ assignedTo })}
      />
    </fieldset>
  )
}

function Select<Value extends string>({
  label,
  value,
  options,
  onChoose,
}: {
  label: string
  value: Value
  options: readonly { value: Value; label: string }[]
  onChoose: (value: Value) => void
}) {
  return (
    <label className="filter">
      <span>{label}</span>
      <select className="input" value={value} onChange={({ target }) => onChoose(target.value as Value)}>
        {options.map(one => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </select>
    </label>
  )
}

function IncidentTable({
  incidents,
  chosen,
  onChoose,
}: {
  incidents: readonly Incident[]
  chosen: ReadonlySet<number>
  onChoose: ((chosen: ReadonlySet<number>) => void) | undefined
}) {
  const text = useText()
  const unknown = incidents.filter(({ acknowledgedAt }) => acknowledgedAt === null)
  const isAll = unknown.length > 0 && unknown.every(({ id }) => chosen.has(id))
  const toggle = (id: number) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    onChoose?.(next)
  }
  const columns: Column<Incident>[] = [
    {
      ...{ key: 'kind', head: text.incidents.kind, isMain: true },
      cell: incident => (
        <span className="incident-name">
          {onChoose !== undefined && incident.acknowledgedAt === null && (
            <input
              type="checkbox"
              checked={chosen.has(incident.id)}
              onChange={() => toggle(incident.id)}
              aria-label={text.incidents.select(`${nameOfIncident(incident, text)} ${incident.subject}`)}
            />
          )}
          <span>
            <Link to="/incidents/$incident" params={{ incident: String(incident.id) }} className="main-link">
              {nameOfIncident(incident, text)}
            </Link>{' '}
            <Severity of={incident.details.severity} />
            <span className="cell-more">
              {text.incidents.seen(Number(incident.details.firings ?? 1))}
              {incident.parentId !== null && ` · ${text.incidents.silenced}`}
            </span>
          </span>
        </span>
      ),
    },
    { key: 'where', head: text.incidents.subject, cell: incident => <Subject incident={incident} /> },
    {
      ...{ key: 'since', head: text.incidents.since, align: 'right' },
      cell: ({ openedAt }) => <Age at={openedAt} />,
    },
    {
      ...{ key: 'until', head: text.incidents.until, align: 'right', isDeskOnly: true },
      cell: ({ closedAt }) => (closedAt === null ? '–' : <Age at={closedAt} />),
    },
    { key: 'who', head: text.incidents.who, cell: incident => <Who incident={incident} /> },
  ]
  return (
    <>
      {onChoose !== undefined && unknown.length > 1 && (
        <label className="check select-all">
          <input
            type="checkbox"
            checked={isAll}
            onChange={() => onChoose(isAll ? new Set() : new Set(unknown.map(({ id }) => id)))}
          />
          <span>{text.incidents.selectAll}</span>
        </label>
      )}
      <DataTable
        label={text.incidents.title}
        columns={columns}
        rows={incidents}
        keyOf={({ id }) => id}
        isMarked={({ id }) => chosen.has(id)}
      />
    </>
  )
}

function Who({ incident: { assignedTo, acknowledgedBy, snoozedUntil, escalated } }: { incident: Incident }) {
  const text = useText()
  const format = useFormat()
  const said = [
    ...(assignedTo === null ? [] : [text.incidents.assigned(assignedTo)]),
    ...(acknowledgedBy === null ? [] : [text.incidents.acknowledged(acknowledgedBy)]),
    ...(snoozedUntil === null ? [] : [text.incidents.snoozed(format.instant(Date.parse(snoozedUntil)))]),
    ...(escalated === 0 ? [] : [text.incidents.escalated(escalated)]),
  ]
  return said.length === 0 ? (
    <span className="faint">{text.incidents.unknown}</span>
  ) : (
    said.map(one => (
      <span key={one} className="who-line">
        {one}
      </span>
    ))
  )
}

const INCIDENTS_AT_ONCE = 500

function BulkBar({ chosen, onDone }: { chosen: ReadonlySet<number>; onDone: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const acknowledge = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/incidents/acknowledge', {
        body: { incidents: [...chosen].slice(0, INCIDENTS_AT_ONCE) },
      }),
    onSuccess: ({ items }) => {
      say(text.incidents.bulkDone(items.filter(({ outcome }) => outcome === 'done').length))
      queries.invalidateQueries({ queryKey: ['incidents'] })
      onDone()
    },
  })
  return (
    <section className="choice-bar" aria-label={text.incidents.chosen(chosen.size)}>
      {acknowledge.error !== null && <Failure error={acknowledge.error} />}
      <strong>{text.incidents.chosen(chosen.size)}</strong>
      <button
        type="button"
        className="button button-main"
        disabled={acknowledge.isPending}
        onClick={() => acknowledge.mutate()}
      >
        {text.incidents.acknowledge}
      </button>
    </section>
  )
}
