// Every gateway as people look after it, and the devices that they tell of.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { devicesQuery, make, projectsQuery, stationsQuery, type Which } from '../../api/entities.ts'
import type { Device, Gateway } from '../../api/types.ts'
import { useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { Form, TextField, useForm } from '../../ui/form.tsx'
import { GatewayBadge } from '../../ui/gateway-badge.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Age } from '../../ui/now.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Picker } from '../../ui/picker.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import '../../styles/entities.css'
import { orNothing } from './changing.tsx'
import { WhichChoice } from './clients.tsx'
import { EditStation, TokenOnce } from './station.tsx'

/** Every gateway, and every device. */
export function StationsScreen() {
  const text = useText()
  useTitle(text.stations.title)
  const mayOperate = useMay('operate')
  const [which, setWhich] = useState<Which>('false')
  const [isMaking, setMaking] = useState(false)
  const [editing, setEditing] = useState<string | undefined>()
  const [token, setToken] = useState<{ gateway: string; token: string } | undefined>()
  const query = useQuery(stationsQuery(which))
  return (
    <>
      <div className="page-head">
        <h1>{text.stations.title}</h1>
        <span className="push head-tools">
          <WhichChoice which={which} onChoose={setWhich} />
          {mayOperate && (
            <button type="button" className="button button-main" onClick={() => setMaking(true)}>
              <Icon name="plus" size={18} />
              {text.stations.add}
            </button>
          )}
        </span>
      </div>
      <div className="stack">
        <div className="panel">
          <Shown query={query} lines={4}>
            {gateways =>
              gateways.length === 0 ? (
                <Empty title={text.stations.empty} hint={text.stations.emptyHint} />
              ) : (
                <StationTable gateways={gateways} onEdit={mayOperate ? setEditing : undefined} />
              )
            }
          </Shown>
        </div>
        <DevicesPanel />
      </div>
      {isMaking && (
        <MakeStation
          onClose={() => setMaking(false)}
          onMade={made => {
            setMaking(false)
            setToken(made)
          }}
        />
      )}
      {editing !== undefined && (
        <EditStation
          gateway={editing}
          onToken={made => {
            setEditing(undefined)
            setToken(made)
          }}
          onClose={() => setEditing(undefined)}
        />
      )}
      {token !== undefined && <TokenOnce {...token} onClose={() => setToken(undefined)} />}
    </>
  )
}

function StationTable({
  gateways,
  onEdit,
}: {
  gateways: readonly Gateway[]
  onEdit: ((gateway: string) => void) | undefined
}) {
  const text = useText()
  return (
    <DataTable
      label={text.entities.list(text.stations.title)}
      rows={gateways}
      keyOf={({ gateway }) => gateway}
      columns={[
        {
          ...{ key: 'gateway', head: text.stations.gateway, isMain: true },
          cell: ({ gateway, name, client, project }) => (
            <>
              <Link to="/gateways/$gateway" params={{ gateway }} className="main-link">
                {name ?? gateway}
              </Link>
              <div className="faint">
                {name !== null && `${gateway} · `}
                {client}.{project}
              </div>
            </>
          ),
        },
        { key: 'place', head: text.stations.place, cell: ({ place }) => place ?? '–' },
        { key: 'state', head: text.stations.state, cell: ({ state }) => <GatewayBadge state={state} /> },
        {
          ...{ key: 'edit', head: '', align: 'right' },
          cell: ({ gateway }) =>
            onEdit !== undefined && (
              <button type="button" className="button button-small" onClick={() => onEdit(gateway)}>
                {text.ui.edit}
                <span className="visually-hidden"> {gateway}</span>
              </button>
            ),
        },
      ]}
    />
  )
}

function DevicesPanel() {
  const text = useText()
  const query = useQuery(devicesQuery)
  return (
    <Panel title={text.stations.devices} hint={text.stations.devicesHint}>
      <Shown query={query} lines={3}>
        {devices =>
          devices.length === 0 ? <Empty title={text.stations.noDevices} /> : <DeviceTable devices={devices} />
        }
      </Shown>
    </Panel>
  )
}

function DeviceTable({ devices }: { devices: readonly Device[] }) {
  const text = useText()
  return (
    <DataTable
      label={text.entities.list(text.stations.devices)}
      rows={devices}
      keyOf={({ gateway, device }) => `${gateway} ${device}`}
      isMarked={({ ok, failed }) => ok === 0 && failed > 0}
      columns={[
        {
          ...{ key: 'device', head: text.stations.device, isMain: true },
          cell: ({ device, gateway }) => (
            <>
              <strong>{device}</strong>
              <div className="faint">{gateway}</div>
            </>
          ),
        },
        {
          key: 'through',
          head: text.stations.through,
          cell: ({ provider }) => provider ?? text.stations.bus,
        },
        {
          ...{ key: 'ok', head: text.stations.answered, align: 'right' },
          cell: ({ ok }) => <span className="numeric">{ok}</span>,
        },
        {
          ...{ key: 'failed', head: text.stations.failed, align: 'right' },
          cell: ({ failed }) => <span className="numeric">{failed}</span>,
        },
        {
          ...{ key: 'last', head: text.stations.lastOk, align: 'right' },
          cell: ({ lastOkAt }) => <Age at={lastOkAt} />,
        },
        {
          ...{ key: 'why', head: text.stations.lastFailure },
          cell: ({ lastFailure }) => lastFailure ?? '–',
        },
      ]}
    />
  )
}

function MakeStation({
  onClose,
  onMade,
}: {
  onClose: () => void
  onMade: (made: { gateway: string; token: string }) => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const [key] = useState(() => crypto.randomUUID())
  const form = useForm({ project: '', gateway: '', name: '', place: '' })
  const { data: projects = [] } = useQuery(projectsQuery('false'))
  const making = useMutation({
    mutationFn: () => {
      const { project, gateway, name, place } = form.values
      const body = { project, gateway, name: orNothing(name), place: orNothing(place) }
      return make('POST /api/v1/gateways', { body }, key)
    },
    onSuccess: async ({ settings, token }) => {
      for (const queryKey of [['stations'], ['gateways']]) await queries.invalidateQueries({ queryKey })
      onMade({ gateway: settings.gateway, token })
    },
  })
  return (
    <Modal title={text.stations.add} lead={text.stations.emptyHint} onClose={onClose}>
      <Form
        error={making.error}
        isBusy={making.isPending}
        isDisabled={form.values.project === ''}
        submit={text.stations.add}
        onSubmit={() => making.mutate()}
      >
        <Picker
          name="project"
          label={text.entities.project}
          value={form.values.project}
          options={projects.map(one => ({ value: one.key, label: one.name, hint: one.key }))}
          onValue={project => form.set('project', project)}
        />
        <TextField
          {...form.field('gateway')}
          label={text.entities.id}
          hint={text.entities.idHint}
          pattern="[a-z0-9][a-z0-9\-]{0,62}"
          required
          autoComplete="off"
        />
        <TextField {...form.field('name')} label={text.entities.name} maxLength={300} />
        <TextField {...form.field('place')} label={text.stations.place} maxLength={300} />
      </Form>
    </Modal>
  )
}
