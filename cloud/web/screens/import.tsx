// One import: what was found in the file, what is wrong with it, storing it, and taking it out again.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { importQuery, importsQuery } from '../api/imports.ts'
import type { Import } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/imports.css'
import { DataTable } from '../ui/data-table.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { CheckField, Form, useForm } from '../ui/form.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Progress } from '../ui/progress.tsx'
import { Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { say } from '../ui/toast.tsx'
import { FormatFields, NO_FORMAT, toSettings } from './import-format.tsx'
import { FoundFormat, FoundValues } from './import-found.tsx'
import { ImportBadge } from './imports.tsx'

const route = getRouteApi('/shell/imports/$import')

/** One import. */
export function ImportScreen() {
  const text = useText()
  const { import: id } = route.useParams()
  const query = useQuery(importQuery(Number(id)))
  useTitle(query.data?.name ?? text.imports.title)
  return (
    <Shown query={query} lines={8}>
      {one => (
        <>
          <div className="page-head">
            <p className="trail">
              <Link to="/imports">{text.imports.title}</Link>
              <span aria-hidden="true">/</span>
              <Link to="/points/$point" params={{ point: one.point }}>
                {one.point}
              </Link>
            </p>
            <h1>{one.name}</h1>
            <ImportBadge state={one.state} />
            <span className="push import-actions">
              <TakeBack one={one} />
            </span>
          </div>
          <div className="stack">
            <Going one={one} />
            {one.reason !== null && (
              <p className="stale">
                <Icon name="warning" size={16} />
                {one.reason}
              </p>
            )}
            {one.mistakes.length > 0 && <Mistakes one={one} />}
            {one.state === 'previewed' && <ConfirmPanel key={one.stateAt} one={one} />}
            {one.result !== null && <Result result={one.result} />}
            {one.preview !== null && <FoundValues preview={one.preview} />}
            {one.format !== null && <FoundFormat format={one.format} />}
            {(one.state === 'previewed' || one.state === 'refused') && <Again key={one.stateAt} one={one} />}
          </div>
        </>
      )}
    </Shown>
  )
}

/** What is being done with it, while it is. */
function Going({ one: { state, progress } }: { one: Import }) {
  const text = useText()
  if (state !== 'uploaded' && state !== 'confirmed' && state !== 'undoing') return null
  const isStored = progress.readings !== null && progress.stored >= progress.readings
  return (
    <section className="panel import-going">
      {state === 'uploaded' && <Progress label={text.imports.reading} />}
      {state === 'undoing' && <Progress label={text.imports.undoing} />}
      {state === 'confirmed' && (
        <Progress
          label={isStored ? text.imports.recomputing(progress.batchesToProcess) : text.imports.storing}
          percent={progress.percent}
        />
      )}
    </section>
  )
}

function Mistakes({ one: { mistakes, mistakesCount } }: { one: Import }) {
  const text = useText()
  const rows = mistakes.map((mistake, number) => ({ ...mistake, number }))
  return (
    <Panel title={text.imports.mistakes} hint={text.imports.mistakesHint(mistakes.length, mistakesCount)}>
      <DataTable
        label={text.imports.mistakes}
        rows={rows}
        keyOf={({ number }) => number}
        maxHeight
        columns={[
          {
            ...{ key: 'line', head: text.imports.line },
            cell: ({ line }) =>
              line === 0 ? text.imports.wholeFile : <span className="numeric">{line}</span>,
          },
          { key: 'column', head: text.imports.column, cell: ({ column }) => column },
          { key: 'detail', head: text.imports.mistake, isMain: true, cell: ({ detail }) => detail },
        ]}
      />
    </Panel>
  )
}

function ConfirmPanel({ one: { id, format, preview } }: { one: Import }) {
  const text = useText()
  const queries = useQueryClient()
  const assumed = format?.assumed ?? []
  const accepted = useForm<Record<string, boolean>>(Object.fromEntries(assumed.map(name => [name, false])))
  const confirm = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/imports/{import}/confirm', { path: { import: id }, body: { accept: assumed } }),
    onSuccess: now => {
      say(text.imports.confirmed)
      renew(queries, now)
    },
  })
  const warnings = preview?.warnings ?? []
  return (
    <Panel title={text.imports.warnings}>
      <div className="panel-body">
        <Form
          error={confirm.error}
          isBusy={confirm.isPending}
          isDisabled={assumed.some(name => accepted.values[name] !== true)}
          submit={text.imports.confirm}
          onSubmit={() => confirm.mutate()}
        >
          {warnings.length > 0 && (
            <ul className="warnings">
              {warnings.map(warning => (
                <li key={warning}>{warning}</li>
              ))}
            </ul>
          )}
          {assumed.map(name => (
            <CheckField key={name} {...accepted.field(name)} label={text.imports.assumed[name]} />
          ))}
        </Form>
      </div>
    </Panel>
  )
}

function Again({ one: { id, settings, state } }: { one: Import }) {
  const text = useText()
  const queries = useQueryClient()
  const form = useForm({ ...NO_FORMAT, ...settings })
  const again = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/imports/{import}/settings', { path: { import: id }, body: toSettings(form.values) }),
    onSuccess: now => renew(queries, now),
  })
  return (
    <Panel title={text.imports.format} hint={text.imports.formatHint}>
      <div className="panel-body">
        <Form
          error={again.error}
          isBusy={again.isPending || state === 'uploaded'}
          submit={text.imports.again}
          onSubmit={() => again.mutate()}
        >
          <FormatFields form={form} />
        </Form>
      </div>
    </Panel>
  )
}

function Result({ result }: { result: Record<string, number> }) {
  const text = useText()
  const format = useFormat()
  return (
    <section className="values" aria-label={text.imports.result}>
      {Object.entries(result).map(([name, count]) => (
        <div key={name} className="value">
          <h2>{text.imports.results[name] ?? name}</h2>
          <p className="value-number numeric">{format.number(count, 0)}</p>
        </div>
      ))}
    </section>
  )
}

/** Giving it up before it is stored, or taking it out after. */
function TakeBack({ one }: { one: Import }) {
  const text = useText()
  const queries = useQueryClient()
  const [isAsking, setAsking] = useState(false)
  const { id, state, progress } = one
  const isStored = state === 'done' || state === 'confirmed'
  const done = (now: Import) => {
    setAsking(false)
    say(isStored ? text.imports.undoStarted : text.imports.discarded)
    renew(queries, now)
  }
  const undo = useMutation({
    mutationFn: () => ask('POST /api/v1/imports/{import}/undo', { path: { import: id } }),
    onSuccess: done,
  })
  const discard = useMutation({
    mutationFn: () => ask('POST /api/v1/imports/{import}/discard', { path: { import: id } }),
    onSuccess: done,
  })
  if (state === 'undoing' || state === 'undone' || state === 'discarded') return null
  const act = isStored ? undo : discard
  return (
    <>
      <button type="button" className="button" onClick={() => setAsking(true)}>
        {isStored ? text.imports.undo : text.imports.discard}
      </button>
      {isAsking && (
        <Confirm
          title={isStored ? text.imports.undoTitle : text.imports.discardTitle}
          action={isStored ? text.imports.undo : text.imports.discard}
          isDanger
          error={act.error}
          isBusy={act.isPending}
          onConfirm={() => act.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{isStored ? text.imports.undoText(progress.readings ?? 0) : text.imports.discardText}</p>
        </Confirm>
      )}
    </>
  )
}

function renew(queries: ReturnType<typeof useQueryClient>, now: Import): void {
  queries.setQueryData(['import', now.id], now)
  queries.invalidateQueries({ queryKey: importsQuery.queryKey })
}
