// Every client: who has wells, and making another.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { clientsQuery, make, type Which } from '../../api/entities.ts'
import type { ListedClient } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { Choice } from '../../ui/choice.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { say } from '../../ui/toast.tsx'
import '../../styles/entities.css'
import { orNothing } from './changing.tsx'

/** Every client. */
export function ClientsScreen() {
  const text = useText()
  useTitle(text.clients.title)
  const [which, setWhich] = useState<Which>('false')
  const [isMaking, setMaking] = useState(false)
  const mayAdminister = useMay('administer')
  const query = useQuery(clientsQuery(which))
  return (
    <>
      <div className="page-head">
        <h1>{text.clients.title}</h1>
        {query.data !== undefined && <span className="faint">{text.clients.count(query.data.length)}</span>}
        <span className="push head-tools">
          <WhichChoice which={which} onChoose={setWhich} />
          {mayAdminister && (
            <button type="button" className="button button-main" onClick={() => setMaking(true)}>
              <Icon name="plus" size={18} />
              {text.clients.add}
            </button>
          )}
        </span>
      </div>
      <div className="panel">
        <Shown query={query} lines={5}>
          {clients =>
            clients.length === 0 ? (
              <Empty title={text.clients.empty} hint={text.clients.emptyHint} />
            ) : (
              <ClientTable clients={clients} />
            )
          }
        </Shown>
      </div>
      {isMaking && <MakeClient onClose={() => setMaking(false)} />}
    </>
  )
}

/** In use, or archived. */
export function WhichChoice({ which, onChoose }: { which: Which; onChoose: (which: Which) => void }) {
  const text = useText()
  return (
    <Choice
      label={text.entities.which}
      value={which}
      options={[
        { value: 'false', label: text.entities.inUse },
        { value: 'true', label: text.entities.archived },
      ]}
      onChoose={onChoose}
    />
  )
}

function ClientTable({ clients }: { clients: readonly ListedClient[] }) {
  const text = useText()
  return (
    <DataTable
      label={text.entities.list(text.clients.title)}
      rows={clients}
      keyOf={({ client }) => client}
      columns={[
        {
          ...{ key: 'name', head: text.entities.client, isMain: true },
          cell: ({ client, name }) => (
            <>
              <Link to="/admin/clients/$client" params={{ client }} className="main-link">
                {name}
              </Link>
              <div className="faint">{client}</div>
            </>
          ),
        },
        {
          key: 'rut',
          head: text.entities.rut,
          cell: ({ rut }) => <span className="numeric">{rut ?? '–'}</span>,
        },
        { key: 'email', head: text.entities.email, cell: ({ email }) => email ?? '–' },
        {
          ...{ key: 'projects', head: text.clients.projects, align: 'right' },
          cell: ({ projects }) => <span className="numeric">{projects}</span>,
        },
        {
          ...{ key: 'points', head: text.clients.points, align: 'right' },
          cell: ({ points }) => <span className="numeric">{points}</span>,
        },
      ]}
    />
  )
}

function MakeClient({ onClose }: { onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [key] = useState(() => crypto.randomUUID())
  const form = useForm({ client: '', name: '', rut: '' })
  const making = useMutation({
    mutationFn: () => {
      const { client, name, rut } = form.values
      const body = { client, name, rut: orNothing(rut) }
      return make('POST /api/v1/clients', { body }, key)
    },
    onSuccess: async ({ client }) => {
      say(text.entities.made)
      await queries.invalidateQueries({ queryKey: ['clients'] })
      await navigate({ to: '/admin/clients/$client', params: { client } })
    },
  })
  return (
    <Modal title={text.clients.add} lead={text.clients.emptyHint} onClose={onClose}>
      <Form
        error={making.error}
        isBusy={making.isPending}
        submit={text.clients.add}
        onSubmit={() => making.mutate()}
      >
        <TextField {...form.field('name')} label={text.entities.name} required maxLength={200} />
        <TextField
          {...form.field('client')}
          label={text.entities.id}
          hint={text.entities.idHint}
          pattern="[a-z0-9][a-z0-9\-]{0,62}"
          required
          autoComplete="off"
        />
        <TextField {...form.field('rut')} label={text.entities.rut} placeholder="76.543.210-3" />
      </Form>
    </Modal>
  )
}
