// History from files: uploading one, and what became of those before.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { importsQuery, isBusy } from '../api/imports.ts'
import { overviewQuery } from '../api/queries.ts'
import type { Import } from '../api/types.ts'
import { uploadHistory } from '../api/upload.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/imports.css'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { FileDrop } from '../ui/file-drop.tsx'
import { Form, useForm } from '../ui/form.tsx'
import { Age } from '../ui/now.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Picker } from '../ui/picker.tsx'
import { Progress } from '../ui/progress.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { FormatFields, NO_FORMAT, toSettings } from './import-format.tsx'

/** History from files. */
export function ImportsScreen() {
  const text = useText()
  useTitle(text.imports.title)
  const query = useInfiniteQuery(importsQuery)
  return (
    <>
      <div className="page-head">
        <h1>{text.imports.title}</h1>
        <span className="faint">{text.imports.lead}</span>
      </div>
      <div className="imports">
        <UploadPanel />
        <Panel title={text.imports.list}>
          <Shown query={query} lines={5}>
            {({ pages }) => {
              const items = pages.flatMap(page => page.items)
              return items.length === 0 ? (
                <Empty title={text.imports.none} hint={text.imports.noneHint} />
              ) : (
                <ImportTable imports={items} />
              )
            }}
          </Shown>
          <More query={query} />
        </Panel>
      </div>
    </>
  )
}

function ImportTable({ imports }: { imports: readonly Import[] }) {
  const text = useText()
  const format = useFormat()
  const columns: Column<Import>[] = [
    {
      ...{ key: 'name', head: text.imports.file, isMain: true },
      cell: ({ id, name, point }) => (
        <>
          <Link to="/imports/$import" params={{ import: String(id) }} className="main-link">
            {name}
          </Link>
          <span className="cell-more">{point}</span>
        </>
      ),
    },
    {
      ...{ key: 'state', head: text.imports.state },
      cell: one => (
        <>
          <ImportBadge state={one.state} />
          {isBusy(one) && one.state === 'confirmed' && (
            <span className="cell-more numeric">{one.progress.percent} %</span>
          )}
        </>
      ),
    },
    {
      ...{ key: 'readings', head: text.imports.readings, align: 'right' },
      cell: ({ progress: { readings } }) => (
        <span className="numeric">{readings === null ? '–' : format.number(readings, 0)}</span>
      ),
    },
    { key: 'when', head: text.imports.when, align: 'right', cell: ({ askedAt }) => <Age at={askedAt} /> },
    { key: 'by', head: text.imports.by, cell: ({ askedBy }) => askedBy, isDeskOnly: true },
  ]
  return <DataTable label={text.imports.list} columns={columns} rows={imports} keyOf={({ id }) => id} />
}

const SIGNS = {
  uploaded: 'late',
  refused: 'silent',
  previewed: 'late',
  confirmed: 'late',
  done: 'current',
  undoing: 'late',
  undone: 'never',
  discarded: 'never',
} as const satisfies Record<Import['state'], string>

/** What became of an import. */
export function ImportBadge({ state }: { state: Import['state'] }) {
  const text = useText()
  return <span className={`badge badge-${SIGNS[state]} badge-bare`}>{text.imports.states[state]}</span>
}

function UploadPanel() {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { data: overview } = useQuery(overviewQuery)
  const form = useForm({ point: '', ...NO_FORMAT })
  const [file, setFile] = useState<File | undefined>()
  const [percent, setPercent] = useState(0)
  const upload = useMutation({
    mutationFn: (chosen: File) =>
      uploadHistory(
        { file: chosen, query: { point: form.values.point, ...toSettings(form.values) } },
        setPercent,
      ),
    onSuccess: async made => {
      queries.setQueryData(['import', made.id], made)
      queries.invalidateQueries({ queryKey: importsQuery.queryKey })
      await navigate({ to: '/imports/$import', params: { import: String(made.id) } })
    },
  })
  const points = (overview?.items ?? []).map(({ key, name, client, project }) => ({
    ...{ value: key, label: name, hint: `${client} · ${project}` },
  }))
  return (
    <Panel title={text.imports.upload} hint={text.imports.uploadHint}>
      <div className="panel-body">
        <Form
          error={upload.error}
          isBusy={upload.isPending}
          isDisabled={file === undefined || form.values.point === ''}
          submit={text.imports.send}
          onSubmit={() => file !== undefined && upload.mutate(file)}
        >
          <Picker {...form.field('point')} label={text.imports.point} options={points} />
          <FileDrop
            label={text.imports.file}
            accept=".csv,.txt,.tsv,text/csv,text/plain"
            file={file}
            onFile={setFile}
          />
          <details>
            <summary>{text.imports.format}</summary>
            <p className="faint">{text.imports.formatHint}</p>
            <FormatFields form={form} />
          </details>
          {upload.isPending && <Progress label={text.imports.sending} percent={percent} />}
        </Form>
      </div>
    </Panel>
  )
}
