// One client: what is known of it, its projects, and taking it out of use.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { ask, type Seen } from '../../api/client.ts'
import { clientQuery, projectsQuery, type Which } from '../../api/entities.ts'
import type { Client, ClientPatch, ListedProject } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Form, TextAreaField, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import '../../styles/entities.css'
import { Archiving } from './archiving.tsx'
import { Conflict, orNothing, useChange } from './changing.tsx'
import { WhichChoice } from './clients.tsx'
import { EditProject, MakeProject } from './project.tsx'

const route = getRouteApi('/shell/admin/clients/$client')

/** One client. */
export function ClientScreen() {
  const text = useText()
  const { client } = route.useParams()
  const query = useQuery(clientQuery(client))
  useTitle(query.data?.document.name)
  return (
    <Shown query={query} lines={8}>
      {seen => (
        <>
          <div className="page-head">
            <p className="trail">
              <Link to="/admin/clients">{text.clients.title}</Link>
              <span aria-hidden="true">/</span>
              <span>{client}</span>
            </p>
            <h1>{seen.document.name}</h1>
            {seen.document.archived && <span className="badge badge-never">{text.entities.isArchived}</span>}
          </div>
          <div className="stack">
            <Facts key={client} seen={seen} />
            <Projects client={client} isArchived={seen.document.archived} />
          </div>
        </>
      )}
    </Shown>
  )
}

function Facts({ seen }: { seen: Seen<Client> }) {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const mayOperate = useMay('operate')
  const { client, name, rut, address, phone, email, note } = seen.document
  const form = useForm({
    ...{ name, rut: rut ?? '', address: address ?? '', phone: phone ?? '', email: email ?? '' },
    note: note ?? '',
  })
  const path = { client }
  const keys = [['client', client], ['clients'], ['audit']]
  const changing = useChange<Client, ClientPatch>({
    ...{ seen, keys },
    look: () => queries.fetchQuery({ ...clientQuery(client), staleTime: 0 }),
    save: (body, headers) => ask('PATCH /api/v1/clients/{client}', { path, body, headers }),
  })
  const match = { 'if-match': seen.etag }
  const submit = () => {
    const { values } = form
    changing.change({
      name: values.name.trim(),
      ...{ rut: orNothing(values.rut), address: orNothing(values.address), phone: orNothing(values.phone) },
      ...{ email: orNothing(values.email), note: orNothing(values.note) },
    })
  }
  const nameOf = (field: string) => (text.entities as unknown as Record<string, string>)[field] ?? field
  return (
    <Panel title={text.clients.facts}>
      <div className="panel-body">
        <Conflict before={changing.base} now={changing.conflict?.document} nameOf={nameOf} />
        <Form
          error={changing.error}
          isBusy={changing.isBusy}
          isDisabled={!mayOperate}
          submit={changing.conflict === undefined ? text.ui.save : text.entities.conflictGo}
          onSubmit={submit}
        >
          <div className="form-row">
            <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
            <TextField {...form.field('rut')} label={text.entities.rut} />
          </div>
          <TextField {...form.field('address')} label={text.entities.address} maxLength={300} />
          <div className="form-row">
            <TextField {...form.field('phone')} label={text.entities.phone} type="tel" />
            <TextField {...form.field('email')} label={text.entities.email} type="email" />
          </div>
          <TextAreaField {...form.field('note')} label={text.entities.note} maxLength={4000} />
        </Form>
        {mayOperate && (
          <Archiving
            name={client}
            isArchived={seen.document.archived}
            archive={archived =>
              ask('PATCH /api/v1/clients/{client}', { path, body: { archived }, headers: match })
            }
            remove={() => ask('DELETE /api/v1/clients/{client}', { path, headers: match })}
            keys={keys}
            onRemoved={() => navigate({ to: '/admin/clients' })}
          />
        )}
      </div>
    </Panel>
  )
}

function Projects({ client, isArchived }: { client: string; isArchived: boolean }) {
  const text = useText()
  const mayOperate = useMay('operate')
  const [which, setWhich] = useState<Which>('false')
  const [isMaking, setMaking] = useState(false)
  const [editing, setEditing] = useState<string | undefined>()
  const query = useQuery(projectsQuery(which, client))
  return (
    <Panel
      title={text.clients.projects}
      actions={
        <>
          <WhichChoice which={which} onChoose={setWhich} />
          {mayOperate && !isArchived && (
            <button type="button" className="button button-small" onClick={() => setMaking(true)}>
              <Icon name="plus" size={16} />
              {text.clients.addProject}
            </button>
          )}
        </>
      }
    >
      <Shown query={query} lines={3}>
        {projects =>
          projects.length === 0 ? (
            <Empty title={text.clients.noProjects} />
          ) : (
            <ProjectTable projects={projects} onEdit={mayOperate ? setEditing : undefined} />
          )
        }
      </Shown>
      {isMaking && <MakeProject client={client} onClose={() => setMaking(false)} />}
      {editing !== undefined && <EditProject project={editing} onClose={() => setEditing(undefined)} />}
    </Panel>
  )
}

function ProjectTable({
  projects,
  onEdit,
}: {
  projects: readonly ListedProject[]
  onEdit: ((key: string) => void) | undefined
}) {
  const text = useText()
  return (
    <DataTable
      label={text.entities.list(text.clients.projects)}
      rows={projects}
      keyOf={({ key }) => key}
      columns={[
        {
          ...{ key: 'name', head: text.entities.project, isMain: true },
          cell: ({ name, project }) => (
            <>
              <strong>{name}</strong>
              <div className="faint">{project}</div>
            </>
          ),
        },
        { key: 'code', head: text.clients.code, cell: ({ code }) => code ?? '–' },
        {
          ...{ key: 'points', head: text.clients.points, align: 'right' },
          cell: ({ points }) => <span className="numeric">{points}</span>,
        },
        {
          ...{ key: 'gateways', head: text.clients.gateways, align: 'right' },
          cell: ({ gateways }) => <span className="numeric">{gateways}</span>,
        },
        {
          ...{ key: 'edit', head: '', align: 'right' },
          cell: ({ key, name }) =>
            onEdit !== undefined && (
              <button type="button" className="button button-small" onClick={() => onEdit(key)}>
                {text.ui.edit}
                <span className="visually-hidden"> {name}</span>
              </button>
            ),
        },
      ]}
    />
  )
}
