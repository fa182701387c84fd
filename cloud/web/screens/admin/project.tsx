// A project: made and changed over the page of its client.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask, type Seen } from '../../api/client.ts'
import { make, projectQuery } from '../../api/entities.ts'
import type { Project, ProjectPatch } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, TextAreaField, TextField, useForm } from '../../ui/form.tsx'
import { Shown } from '../../ui/shown.tsx'
import { say } from '../../ui/toast.tsx'
import { Archiving } from './archiving.tsx'
import { Conflict, orNothing, useChange } from './changing.tsx'

/** A new project of a client. */
export function MakeProject({ client, onClose }: { client: string; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const [key] = useState(() => crypto.randomUUID())
  const form = useForm({ project: '', name: '', code: '' })
  const making = useMutation({
    mutationFn: () => {
      const { project, name, code } = form.values
      return make('POST /api/v1/projects', { body: { client, project, name, code: orNothing(code) } }, key)
    },
    onSuccess: async () => {
      say(text.entities.made)
      await queries.invalidateQueries({ queryKey: ['projects'] })
      onClose()
    },
  })
  return (
    <Modal title={text.clients.addProject} onClose={onClose}>
      <Form
        error={making.error}
        isBusy={making.isPending}
        submit={text.clients.addProject}
        onSubmit={() => making.mutate()}
      >
        <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
        <TextField
          {...form.field('project')}
          label={text.entities.id}
          hint={text.entities.idHint}
          pattern="[a-z0-9][a-z0-9\-]{0,62}"
          required
          autoComplete="off"
        />
        <TextField {...form.field('code')} label={text.clients.code} maxLength={300} />
      </Form>
    </Modal>
  )
}

/** A project, to be changed. */
export function EditProject({ project, onClose }: { project: string; onClose: () => void }) {
  const text = useText()
  const query = useQuery(projectQuery(project))
  return (
    <Modal title={text.clients.editProject} lead={project} onClose={onClose}>
      <Shown query={query} lines={4}>
        {seen => <ProjectForm seen={seen} onClose={onClose} />}
      </Shown>
    </Modal>
  )
}

function ProjectForm({ seen, onClose }: { seen: Seen<Project>; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const { key: project, name, code, note } = seen.document
  const form = useForm({ name, code: code ?? '', note: note ?? '' })
  const path = { project }
  const keys = [['project', project], ['projects'], ['audit']]
  const match = { 'if-match': seen.etag }
  const changing = useChange<Project, ProjectPatch>({
    ...{ seen, keys, onSaved: onClose },
    look: () => queries.fetchQuery({ ...projectQuery(project), staleTime: 0 }),
    save: (body, headers) => ask('PATCH /api/v1/projects/{project}', { path, body, headers }),
  })
  const names: Record<string, string> = {
    ...{ name: text.entities.name, note: text.entities.note },
    code: text.clients.code,
  }
  return (
    <>
      <Conflict
        before={changing.base}
        now={changing.conflict?.document}
        nameOf={field => names[field] ?? field}
      />
      <Form
        error={changing.error}
        isBusy={changing.isBusy}
        submit={changing.conflict === undefined ? text.ui.save : text.entities.conflictGo}
        onSubmit={() =>
          changing.change({
            name: form.values.name.trim(),
            ...{ code: orNothing(form.values.code), note: orNothing(form.values.note) },
          })
        }
      >
        <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
        <TextField {...form.field('code')} label={text.clients.code} maxLength={300} />
        <TextAreaField {...form.field('note')} label={text.entities.note} maxLength={4000} />
      </Form>
      <Archiving
        name={project}
        isArchived={seen.document.archived}
        archive={archived =>
          ask('PATCH /api/v1/projects/{project}', { path, body: { archived }, headers: match })
        }
        remove={() => ask('DELETE /api/v1/projects/{project}', { path, headers: match })}
        keys={keys}
        onRemoved={onClose}
      />
    </>
  )
}
