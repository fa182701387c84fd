// Documents of a point: sent, downloaded, named, taken out of use.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, askSeen } from '../../api/client.ts'
import { documentsQuery, uploadDocument, type Which } from '../../api/entities.ts'
import type { PointDocument } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Field, Form, SelectField, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Age } from '../../ui/now.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Failure, Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { WhichChoice } from './clients.tsx'

const BYTES_MAX = 10 * 1024 * 1024
const TAKEN = '.pdf,.png,.jpg,.jpeg,.webp,.txt,.csv,.xlsx,.docx'
const KINDS = [
  ...(['resolution', 'plan', 'photo', 'report', 'certificate', 'contract', 'other'] as const),
] as const

/** Documents of a point. */
export function DocumentsPanel({ point }: { point: string }) {
  const text = useText()
  const mayDecide = useMay('decide')
  const [which, setWhich] = useState<Which>('false')
  const [isAdding, setAdding] = useState(false)
  const query = useQuery(documentsQuery(point, which))
  return (
    <Panel
      title={text.records.documents}
      hint={text.records.documentsHint}
      actions={
        <>
          <WhichChoice which={which} onChoose={setWhich} />
          {mayDecide && (
            <button type="button" className="button button-small" onClick={() => setAdding(true)}>
              <Icon name="upload" size={16} />
              {text.records.addDocument}
            </button>
          )}
        </>
      }
    >
      <Shown query={query} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.records.noDocuments} />
          ) : (
            <DocumentTable documents={items} mayChange={mayDecide} />
          )
        }
      </Shown>
      {isAdding && <AddDocument point={point} onClose={() => setAdding(false)} />}
    </Panel>
  )
}

function DocumentTable({
  documents,
  mayChange,
}: {
  documents: readonly PointDocument[]
  mayChange: boolean
}) {
  const text = useText()
  const format = useFormat()
  const queries = useQueryClient()
  const archiving = useMutation({
    mutationFn: async ({ point, id, archived }: PointDocument) => {
      const path = { point, document: id }
      const { etag } = await askSeen('GET /api/v1/points/{point}/documents/{document}', { path })
      const asked = { path, body: { archived: !archived }, headers: { 'if-match': etag } }
      return ask('PATCH /api/v1/points/{point}/documents/{document}', asked)
    },
    onSuccess: async () => {
      say(text.entities.saved)
      for (const queryKey of [['documents'], ['audit']]) await queries.invalidateQueries({ queryKey })
    },
  })
  return (
    <>
      {archiving.error !== null && <Failure error={archiving.error} />}
      <DataTable
        label={text.entities.list(text.records.documents)}
        rows={documents}
        keyOf={({ id }) => id}
        columns={[
          {
            ...{ key: 'title', head: text.records.document, isMain: true },
            cell: ({ point, id, title, name }) => (
              <>
                <a
                  className="main-link"
                  href={`/api/v1/points/${encodeURIComponent(point)}/documents/${id}/content`}
                  download={name}
                >
                  {title}
                </a>
                {name !== title && <div className="faint">{name}</div>}
              </>
            ),
          },
          { key: 'kind', head: text.records.kind, cell: ({ kind }) => text.records.kinds[kind] },
          {
            ...{ key: 'size', head: text.records.size, align: 'right' },
            cell: ({ size }) => <span className="numeric">{format.bytes(size)}</span>,
          },
          {
            ...{ key: 'by', head: text.records.by },
            cell: ({ by, at }) => (
              <>
                {by}
                <div className="faint">
                  <Age at={at} />
                </div>
              </>
            ),
          },
          {
            ...{ key: 'edit', head: '', align: 'right' },
            cell: document =>
              mayChange && (
                <button
                  type="button"
                  className="button button-small"
                  disabled={archiving.isPending}
                  onClick={() => archiving.mutate(document)}
                >
                  {document.archived ? text.entities.restore : text.entities.archive}
                  <span className="visually-hidden"> {document.title}</span>
                </button>
              ),
          },
        ]}
      />
    </>
  )
}

function AddDocument({ point, onClose }: { point: string; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const [file, setFile] = useState<File | undefined>()
  const form = useForm({ title: '', kind: 'resolution' as PointDocument['kind'] })
  const sending = useMutation({
    mutationFn: async () => {
      if (file === undefined) return
      const { title, kind } = form.values
      await uploadDocument(point, file, { title: title.trim() === '' ? file.name : title.trim(), kind })
    },
    onSuccess: async () => {
      say(text.entities.saved)
      for (const queryKey of [['documents', point], ['audit']]) await queries.invalidateQueries({ queryKey })
      onClose()
    },
  })
  const isTooLarge = file !== undefined && file.size > BYTES_MAX
  return (
    <Modal title={text.records.addDocument} lead={text.records.documentsHint} onClose={onClose}>
      <Form
        error={sending.error}
        isBusy={sending.isPending}
        isDisabled={file === undefined || isTooLarge}
        submit={text.records.addDocument}
        onSubmit={() => sending.mutate()}
      >
        <Field
          name="file"
          label={text.records.file}
          {...(isTooLarge ? { hint: text.records.tooLarge, className: 'is-wrong' } : {})}
        >
          {given => (
            <input
              {...given}
              type="file"
              className="input"
              accept={TAKEN}
              required
              onChange={({ target }) => setFile(target.files?.[0])}
            />
          )}
        </Field>
        <TextField {...form.field('title')} label={text.records.documentTitle} maxLength={200} />
        <SelectField
          {...form.field('kind')}
          label={text.records.kind}
          options={KINDS.map(value => ({ value, label: text.records.kinds[value] }))}
        />
      </Form>
    </Modal>
  )
}
